"""Which model of open_clip is meant, and where its files are; nothing here opens a connection."""

import difflib
import json
import os
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from napari_qualify.embed import models
from napari_qualify.embed.torch_model import file_sha256
from napari_qualify.embed.torchvision_guard import ensure_torchvision
from napari_qualify.errors import EncoderError

DEFAULT = "ViT-B-32:openai"
DEFAULT_SIZE = "about 605 MB"
# Known without open_clip, which takes seconds to import; a test compares it with open_clip's table.
DEFAULT_REPOSITORY = "timm/vit_base_patch32_clip_224.openai"
CONFIG = "open_clip_config.json"
WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
_SUFFIXES = (".safetensors", ".bin", ".pth", ".pt")


@dataclass(frozen=True)
class Wanted:
    """What an argument of `clip` means.

    Attributes
    ----------
    kind : {'folder', 'hub', 'tag', 'file'}
    name : str
        Folder, repository of the hub, or architecture as open_clip names it.
    weights : str
        Tag or file of the weights, with an architecture.
    """

    kind: Literal["folder", "hub", "tag", "file"]
    name: str
    weights: str = ""


@dataclass(frozen=True, eq=False)
class Source:
    """A model whose files are all on this computer.

    Attributes
    ----------
    spec : str
        As the user named it.
    model, pretrained : str, str or None
        As ``open_clip.create_model`` takes them.
    checkpoint : Path
        The file of the weights.
    config : mapping
        The model's configuration.
    preprocessing : mapping or None
        Where the weights' own differs from what open_clip takes by itself.
    tokenizer : Path or None
        Folder of a tokenizer of transformers; None for open_clip's own.
    text_model : Path or None
        Folder with the configuration of a text tower of transformers.
    """

    spec: str
    model: str
    pretrained: str | None
    checkpoint: Path
    config: dict[str, Any]
    preprocessing: dict[str, Any] | None
    tokenizer: Path | None
    text_model: Path | None


def parse(argument: str = DEFAULT) -> Wanted:
    """What an argument of `clip` means.

    Raises
    ------
    EncoderError
        If it is none of the forms, or names what open_clip does not know.
    """
    ensure_torchvision()
    import open_clip

    scheme, _, rest = argument.partition(":")
    if scheme == "hf-hub" and rest:
        return Wanted("hub", rest.rstrip("/"))
    path = Path(rest if scheme == "local-dir" else argument).expanduser()
    if scheme == "local-dir" or path.is_dir():
        return Wanted("folder", str(path))
    known = open_clip.list_models()
    name = scheme if scheme in known else scheme.replace("/", "-")
    if name not in known:
        near = difflib.get_close_matches(name, known, 3)
        hint = f"do you mean {', '.join(near)}? " if near else ""
        raise EncoderError(
            f"encoder clip:{argument}: neither a folder nor a model of open_clip; {hint}Write "
            "MODEL:PRETRAINED, MODEL:/path/to/weights, hf-hub:organisation/name or a folder"
        )
    tags = open_clip.list_pretrained_tags_by_model(name)
    if open_clip.get_pretrained_cfg(name, rest):
        return Wanted("tag", name, rest)
    weights = Path(rest).expanduser()
    if rest and weights.is_file():
        if weights.suffix not in _SUFFIXES:
            raise EncoderError(f"{weights}: is not one of {', '.join(_SUFFIXES)}")
        return Wanted("file", name, str(weights))
    raise EncoderError(
        f"encoder clip:{argument}: {name} needs weights after a colon: a file, or one of "
        f"{', '.join(tags) or '(open_clip lists none)'}"
        + (f"; there is no file {weights}" if rest else "")
    )


def locate(argument: str, spec: str) -> Source:
    """Find the files of a model on this computer.

    Parameters
    ----------
    argument : str
        See `parse`.
    spec : str
        As the user named the encoder, for messages.

    Raises
    ------
    EncoderError
        If a file is not here; the message says how to get it.
    """
    wanted = parse(argument)
    if wanted.kind == "folder":
        return in_folder(Path(wanted.name), spec)
    if wanted.kind == "hub":
        folder = models.find(wanted.name, (CONFIG,), WEIGHTS)
        if folder is None:
            raise models.not_here(spec)
        return in_folder(folder, spec)
    import open_clip

    config = open_clip.get_model_config(wanted.name)
    own = None
    if wanted.kind == "tag":
        tag = open_clip.get_pretrained_cfg(wanted.name, wanted.weights)
        keys = ("mean", "std", "interpolation", "resize_mode", "fill_color")
        own = {key: tag[key] for key in keys if key in tag}
        # open_clip only warns of this one, and computes with another activation.
        config["quick_gelu"] = bool(tag.get("quick_gelu")) or bool(config.get("quick_gelu"))
        checkpoint = _tagged(tag)
        if checkpoint is None:
            size = DEFAULT_SIZE if argument == DEFAULT else ""
            raise models.not_here(spec, size)
    else:
        checkpoint = Path(wanted.weights)
    tokenizer, text_model = _text_parts(config, spec)
    return Source(
        spec, wanted.name, str(checkpoint), checkpoint, config, own, tokenizer, text_model
    )


def in_folder(folder: Path, spec: str) -> Source:
    """The model of a folder in open_clip's form: ``open_clip_config.json`` and weights.

    Raises
    ------
    EncoderError
        If one of them is missing or damaged.
    """
    from open_clip.factory import _find_checkpoint_in_dir

    if not folder.is_dir():
        raise EncoderError(f"encoder {spec}: there is no folder {folder}")
    path = folder / CONFIG
    if not path.is_file():
        raise EncoderError(
            f"encoder {spec}: {folder} has no {CONFIG}, so its architecture is unknown; with the "
            "weights alone write clip:MODEL:/path/to/weights"
        )
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
        config = dict(written["model_cfg"])
        config["vision_cfg"], config["text_cfg"], config["embed_dim"]
        dict(written.get("preprocess_cfg") or {})
    except (ValueError, KeyError, TypeError) as error:
        raise EncoderError(f"{path}: is not a configuration of open_clip: {error!r}") from error
    checkpoint = _find_checkpoint_in_dir(folder)  # the file that open_clip will read
    if checkpoint is None:
        raise EncoderError(f"encoder {spec}: {folder} has no weights (.safetensors, .bin, .pth)")
    tokenizer, text_model = _text_parts(config, spec, folder)
    return Source(
        spec, f"local-dir:{folder}", None, Path(checkpoint), config, None, tokenizer, text_model
    )


def hub_place(tag: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Repository and names of the weights of a pretrained tag, best first; both may be empty."""
    repository, name = os.path.split(tag.get("hf_hub") or "")
    if not repository:
        return "", ()
    if not name:
        return repository, WEIGHTS
    stem, suffix = os.path.splitext(name)
    return repository, (f"{stem}.safetensors", name) if suffix != ".safetensors" else (name,)


def url_place(tag: dict[str, Any]) -> tuple[str, str]:
    """Address of the weights of a pretrained tag with the start of their sha256; or nothing.

    OpenAI's own files are archives of TorchScript, which cannot be read as
    plain weights; the hub has the same weights as such.
    """
    url = tag.get("url") or ""
    if not url or "openaipublic" in url:
        return "", ""
    stem = os.path.splitext(os.path.basename(url))[0]
    return url, stem.rpartition("-")[2] if "mlfoundations" in url else ""


def url_target(url: str) -> Path:
    """Where a file from an address is kept."""
    return models.models_folder() / "addresses" / os.path.basename(url)


def _tagged(tag: dict[str, Any]) -> Path | None:
    """The weights of a pretrained tag, if they are on this computer."""
    repository, names = hub_place(tag)
    folder = models.find(repository, names) if repository else None
    if folder is not None:
        return models.first_of(folder, names)
    url, start = url_place(tag)
    if not url:
        return None
    if url_target(url).is_file():
        return url_target(url)
    old = Path("~/.cache/clip").expanduser() / os.path.basename(url)  # open_clip's own
    # Without a sum it may be half a file: open_clip writes to the name itself.
    return old if start and old.is_file() and file_sha256(old).startswith(start) else None


def _text_parts(
    config: dict[str, Any], spec: str, folder: Path | None = None
) -> tuple[Path | None, Path | None]:
    """Folders of tokenizer and text tower configuration, where these are of transformers."""
    text = config["text_cfg"]
    parts = []
    for key, needed in (
        ("hf_tokenizer_name", models.VOCABULARIES),
        ("hf_model_name", ("config.json",)),
    ):
        name = text.get(key)
        found = None
        if name:
            inside = [folder / name] if folder else []
            if folder and key == "hf_tokenizer_name":
                inside.insert(0, folder)  # as open_clip does
            found = next((p for p in inside if models.first_of(p, needed)), None)
            found = found or models.find(name, needed)
            if found is None:
                what = "tokenizer" if key == "hf_tokenizer_name" else "text tower's config.json"
                raise EncoderError(
                    f"encoder {spec}: the {what} of {name} is not on this computer. Fetch it with: "
                    f"napari-qualify fetch {spec}"
                    + (f" - or put its files into {folder}" if folder else "")
                )
        parts.append(found)
    return parts[0], parts[1]


def text_config(source: Source) -> dict[str, Any]:
    """Configuration of the text tower, with local paths for what transformers reads."""
    text = deepcopy(source.config["text_cfg"])
    if source.text_model is not None:
        text["hf_model_name"] = str(source.text_model)
        text["hf_model_pretrained"] = False
    return dict(text)
