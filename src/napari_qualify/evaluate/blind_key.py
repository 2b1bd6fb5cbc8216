"""The key of a blind study: which exported file is which micrograph."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from napari_qualify.errors import UsageError
from napari_qualify.library.disk import write_json
from napari_qualify.library.records import Record, Sha256


class Entry(Record):
    """One exported file.

    Attributes
    ----------
    name : str
        In the exported folder.
    sha256 : str
        Of the exported file.
    source : str
        The micrograph's file as seen from the folder of the key, with forward
        slashes.
    content_hash : str
        Of the micrograph's pixels; see `Micrograph.content_hash`.
    mirrored : bool
        True for the second showing of a micrograph, left and right exchanged.
    group : str
        The specimen, '' where nobody said.
    """

    name: str = Field(pattern=r"^[^/\\]+$")
    sha256: Sha256
    source: str = Field(min_length=1)
    content_hash: Sha256
    mirrored: bool = False
    group: str = ""


class Key(Record):
    """What the experts must not see.

    Attributes
    ----------
    study : str
        Random; part of every exported name, so that no key fits another study.
    seed : int
        Of the shuffle.
    created : str
        ISO 8601, UTC.
    criteria : tuple of str
    images : tuple of Entry
        In the order of their names.
    """

    format: Literal["napari-qualify blind key"] = "napari-qualify blind key"
    version: Literal[0] = 0
    study: str
    seed: int = Field(ge=0)
    created: str
    criteria: tuple[str, ...] = Field(min_length=1)
    images: tuple[Entry, ...] = Field(min_length=1)


def write_key(path: Path, key: Key) -> None:
    """Write a key, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, key.model_dump(mode="json"))


def read_key(path: str | Path) -> Key:
    """Read a key.

    Raises
    ------
    UsageError
        The file cannot be read, or is no key.
    """
    path = Path(path)
    try:
        return Key.model_validate(json.loads(path.read_bytes()))
    except OSError as error:
        raise UsageError(f"{path}: the key cannot be read ({error.strerror})") from error
    except (ValueError, ValidationError) as error:
        raise UsageError(
            f"{path}: is not the key of a blind study; name the file that "
            "`blind export` wrote with --key"
        ) from error


def file_sha256(path: Path) -> str:
    """SHA-256 of a file in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_images(folder: Path, images: Iterable[Entry], *, all_there: bool) -> int:
    """Compare the files of a study with its key.

    Parameters
    ----------
    folder : Path
    images : iterable of Entry
    all_there : bool
        Whether a missing file is an error.

    Returns
    -------
    int
        How many are there and unchanged.

    Raises
    ------
    UsageError
        Naming the files that are missing or changed.
    """
    missing, changed, good = [], [], 0
    for entry in images:
        path = folder / entry.name
        if not path.is_file():
            missing.append(entry.name)
        elif file_sha256(path) != entry.sha256:
            changed.append(entry.name)
        else:
            good += 1
    if changed:
        raise UsageError(
            f"{folder}: {_some(changed)} changed since the export, so the verdicts may be of "
            "other pixels; put the exported files back, or name the form alone"
        )
    if missing and all_there:
        raise UsageError(
            f"{folder}: {_some(missing)} gone; is this the folder that belongs to the key? "
            "To import without the images name the form alone"
        )
    return good


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"{shown} {'has' if len(names) == 1 else 'have'}"
