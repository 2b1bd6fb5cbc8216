"""Models on this computer: fetched ones, and those in the cache of the Hugging Face hub.

Nothing here opens a connection.
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from napari_qualify.errors import EncoderError

MODELS_VARIABLE = "NAPARI_QUALIFY_MODELS"
OFFLINE_VARIABLES = ("NAPARI_QUALIFY_OFFLINE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
MANIFEST = "napari-qualify.json"

# What a tokenizer of transformers may consist of; of VOCABULARIES one is enough.
VOCABULARIES = (
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
)
TOKENIZER_FILES = (
    *VOCABULARIES,
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "merges.txt",
    "config.json",  # names the kind of tokenizer
)

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?", re.ASCII)


def offline() -> str:
    """The environment variable that forbids connections; empty when none does."""
    yes = {"1", "true", "yes", "on"}
    return next((n for n in OFFLINE_VARIABLES if os.environ.get(n, "").lower() in yes), "")


def models_folder() -> Path:
    """Folder of fetched models: ``NAPARI_QUALIFY_MODELS``, else the user's data folder."""
    named = os.environ.get(MODELS_VARIABLE)
    if named:
        return Path(named).expanduser()
    from platformdirs import user_data_path

    return user_data_path("napari-qualify", appauthor=False) / "models"


def repository_folder(repository: str) -> Path:
    """Where the files of a hub's repository are kept.

    Raises
    ------
    EncoderError
        If it is not ``organisation/name``.
    """
    if not _REPOSITORY.fullmatch(repository) or ".." in repository:
        raise EncoderError(f"{repository!r} is no model of a hub; write it as organisation/name")
    return models_folder() / repository.replace("/", "--")


def read_manifest(folder: Path) -> dict[str, Any]:
    """What was fetched into a folder: repository, revision, sha256 and size of files.

    The manifest is written last: a file that it does not list may be half of one.

    Raises
    ------
    EncoderError
        If the manifest is damaged.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return {"files": {}}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found["files"], dict):
            raise TypeError("files")
    except (ValueError, KeyError, TypeError) as error:
        raise EncoderError(f"{path}: is damaged; delete the folder and fetch it anew") from error
    return dict(found)


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write what a folder holds, in one step."""
    part = folder / f"{MANIFEST}.part"
    part.write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    os.replace(part, folder / MANIFEST)


def find(repository: str, *needed: Sequence[str]) -> Path | None:
    """Folder on this computer that holds files of a hub's repository.

    Parameters
    ----------
    repository : str
        ``organisation/name``.
    *needed : sequences of str
        Of each, one file at least must be there.

    Returns
    -------
    Path or None
        Of fetched files first, then the hub's own cache.
    """
    own = repository_folder(repository)
    listed = read_manifest(own)["files"]
    if all(any(n in listed and (own / n).is_file() for n in names) for names in needed):
        return own
    from huggingface_hub import try_to_load_from_cache

    folder = None
    for names in needed:
        found = [try_to_load_from_cache(repository, name) for name in names]
        paths = [Path(path) for path in found if isinstance(path, str)]
        if not paths:
            return None
        folder = folder or paths[0].parent
    return folder


def first_of(folder: Path, names: Sequence[str]) -> Path | None:
    """The first of the named files that a folder has."""
    return next((folder / name for name in names if (folder / name).is_file()), None)


def not_here(spec: str, size: str = "") -> EncoderError:
    """The error for a model that is not on this computer."""
    return EncoderError(
        f"encoder {spec}: the model is not on this computer. Fetch it"
        f"{f' ({size})' if size else ''} with: napari-qualify fetch {spec} - or, without a "
        f"network, copy its folder here and use {spec.partition(':')[0]}:/path/to/folder"
    )
