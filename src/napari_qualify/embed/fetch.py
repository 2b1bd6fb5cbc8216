"""Fetching the models of encoders: on request only, whole or not at all."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from napari_qualify.embed import models
from napari_qualify.embed.download import RemoteFile, download, hub, hub_files, read, with_size
from napari_qualify.embed.registry import PAIR, forget_loaded, split_pair, split_spec
from napari_qualify.errors import EncoderError, UsageError
from napari_qualify.progress import Progress, silent

STAGE = "fetching"


@dataclass(frozen=True)
class Part:
    """Files that go into one folder.

    Attributes
    ----------
    source : str
        Repository of a hub, or an address.
    revision : str
        Of the repository; empty for an address.
    folder : Path
    files : tuple of RemoteFile
        Those that are not here yet.
    """

    source: str
    revision: str
    folder: Path
    files: tuple[RemoteFile, ...]


@dataclass(frozen=True)
class Plan:
    """What fetching an encoder's model would do.

    Attributes
    ----------
    spec : str
    parts : tuple of Part
    """

    spec: str
    parts: tuple[Part, ...]

    @property
    def size(self) -> int:
        """Bytes to fetch, as far as the servers say."""
        return sum(file.size or 0 for part in self.parts for file in part.files)

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where the files go, or are."""
        return tuple(dict.fromkeys(part.folder for part in self.parts))


def plan(spec: str) -> Plan:
    """Ask the servers what an encoder's model consists of; nothing is fetched.

    Parameters
    ----------
    spec : str
        As `napari_qualify.embed.registry.load_encoder` takes it.

    Raises
    ------
    UsageError
        If there is nothing to fetch for it.
    EncoderError
        If connections are forbidden, or a server is out of reach.
    """
    name, _, argument = split_spec(spec)
    if name == PAIR:
        first, second = split_pair(argument)
        raise UsageError(f"{spec}: fetch {first} and {second}, one after the other")
    if blocked := models.offline():
        raise EncoderError(
            f"{spec}: not fetched, since {blocked} forbids connections. Unset it, or copy the "
            f"model's folder here and use {name}:/path/to/folder"
        )
    if name == "clip":
        return Plan(spec, _joined(_clip(argument, spec)))
    if name == "flava":
        return Plan(spec, _joined(_flava(argument, spec)))
    raise UsageError(f"{spec}: there is nothing to fetch for the encoder {name}")


def _joined(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Parts of one folder as one: a tokenizer often lies beside the weights."""
    joined: dict[Path, Part] = {}
    for part in parts:
        before = joined.get(part.folder)
        files = (before.files if before else ()) + part.files
        joined[part.folder] = replace(part, files=tuple(dict.fromkeys(files)))
    return tuple(joined.values())


def fetch(spec: str, progress: Progress | None = None) -> Plan:
    """Fetch an encoder's model into `models_folder`; what is there already is kept.

    Parameters
    ----------
    spec : str
        As `napari_qualify.embed.registry.load_encoder` takes it.
    progress : callable, optional
        Called with bytes. To stop, raise Cancelled from it: files that are
        whole are kept, and a later call goes on with the others.

    Returns
    -------
    Plan
        What was fetched.

    Raises
    ------
    UsageError
        If there is nothing to fetch for it.
    EncoderError
        If connections are forbidden, a server is out of reach, a file is not
        the expected one, or the disk is too small.
    """
    planned = plan(spec)
    carry_out(planned, progress)
    return planned


def carry_out(planned: Plan, progress: Progress | None = None) -> None:
    """Fetch what a plan lists; see `fetch`."""
    report = progress or silent
    total, done = planned.size, 0

    def count(size: int) -> None:
        nonlocal done
        done += size
        report(STAGE, done, max(total, done))

    _check_room(planned)
    report(STAGE, 0, total)
    for part in planned.parts:
        part.folder.mkdir(parents=True, exist_ok=True)
        for file in part.files:
            sha256 = download(file, part.folder / file.name, count)
            _record(part, file, sha256)
            forget_loaded()


def _record(part: Part, file: RemoteFile, sha256: str) -> None:
    """List a whole file in its folder's manifest."""
    manifest = models.read_manifest(part.folder)
    size = (part.folder / file.name).stat().st_size
    manifest["files"][file.name] = {"sha256": sha256, "size": size, "revision": part.revision}
    manifest["source"] = part.source
    models.write_manifest(part.folder, manifest)


def _check_room(planned: Plan) -> None:
    folder = models.models_folder()
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if planned.size > free:
        raise EncoderError(
            f"{planned.spec}: needs {planned.size / 1e6:.0f} MB, {folder} has {free / 1e6:.0f} MB "
            f"free. Make room, or name another folder in {models.MODELS_VARIABLE}"
        )


def _missing(source: str, revision: str, folder: Path, files: Sequence[RemoteFile]) -> Part:
    """A part of those files that are not here yet, small ones first."""
    listed = models.read_manifest(folder)["files"]

    def here(file: RemoteFile) -> bool:
        known = listed.get(file.name)
        if known is None or not (folder / file.name).is_file():
            return False
        # Known by its sum, else by the revision.
        if file.sha256:
            return str(known["sha256"]).startswith(file.sha256)
        return bool(known["revision"] == revision)

    wanted = sorted(dict.fromkeys(files), key=lambda file: file.size or 0)
    return Part(source, revision, folder, tuple(file for file in wanted if not here(file)))


def _from_hub(
    repository: str, needed: Sequence[Sequence[str]], more: Sequence[str] = ()
) -> tuple[Part, dict[str, RemoteFile]]:
    """Of each group the best file, and all of `more` that there are."""
    folder = models.repository_folder(repository)
    revision, files = hub_files(repository)
    chosen = []
    for names in needed:
        best = next((files[name] for name in names if name in files), None)
        if best is None:
            raise EncoderError(f"{hub()}/{repository}: has none of {', '.join(names)}")
        chosen.append(best)
    chosen += [files[name] for name in more if name in files]
    return _missing(repository, revision, folder, chosen), files


def _clip(argument: str, spec: str) -> list[Part]:
    from napari_qualify.embed import clip_source

    wanted = clip_source.parse(argument or clip_source.DEFAULT)
    if wanted.kind in ("folder", "file"):
        raise UsageError(f"{spec}: is on this computer; there is nothing to fetch")
    if wanted.kind == "hub":
        needed = ((clip_source.CONFIG,), clip_source.WEIGHTS)
        part, files = _from_hub(wanted.name, needed)
        written = json.loads(read(files[clip_source.CONFIG].url))
        return [part, *_text_parts(written.get("model_cfg") or {})]
    import open_clip

    tag = open_clip.get_pretrained_cfg(wanted.name, wanted.weights)
    return [_weights(tag, spec), *_text_parts(open_clip.get_model_config(wanted.name))]


def _weights(tag: dict[str, Any], spec: str) -> Part:
    """The weights of a pretrained tag: from the hub if it is there, else from their address."""
    from napari_qualify.embed import clip_source

    repository, names = clip_source.hub_place(tag)
    if repository:
        # With its configuration the folder can be carried to another computer and used there.
        return _from_hub(repository, (names,), (clip_source.CONFIG,))[0]
    url, start = clip_source.url_place(tag)
    if not url:
        raise EncoderError(f"{spec}: open_clip knows no address of plain weights for it")
    target = clip_source.url_target(url)
    file = with_size(RemoteFile(target.name, url, None, start))
    return _missing(url, "", target.parent, [file])


def _text_parts(config: dict[str, Any]) -> list[Part]:
    """Tokenizer and configuration of a text tower of transformers."""
    text = config.get("text_cfg") or {}
    parts = []
    if name := text.get("hf_tokenizer_name"):
        parts.append(_from_hub(name, (models.VOCABULARIES,), models.TOKENIZER_FILES)[0])
    if name := text.get("hf_model_name"):
        parts.append(_from_hub(name, (("config.json",),))[0])
    return parts


def _flava(argument: str, spec: str) -> list[Part]:
    from napari_qualify.embed import flava

    argument = argument or flava.DEFAULT
    if Path(argument).expanduser().is_dir():
        raise UsageError(f"{spec}: is on this computer; there is nothing to fetch")
    plain = ("model.safetensors", "pytorch_model.bin")
    needed = ((flava.CONFIG,), flava.PROCESSORS, models.VOCABULARIES, plain)
    return [_from_hub(argument, needed, models.TOKENIZER_FILES)[0]]
