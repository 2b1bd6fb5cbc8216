"""The root of a library: its attributes say what counts.

Every write ends with the replacement of the root's ``zarr.json``, which lists
the records and the rows that count. That one file is the moment of the commit:
what was written before and is not listed does not exist for a reader.
"""

import json
import stat
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_qualify.errors import LibraryError, LibraryFormatError
from napari_qualify.library.disk import group_document, write_json
from napari_qualify.library.jsontext import digest
from napari_qualify.library.records import Sha256, describe

FORMAT_VERSION = 0
"""Of the libraries that this version writes; 0 while the format is a draft."""

KEY = "napari_qualify"
"""Attribute of the root group that holds the manifest."""

SUFFIX = ".qualify.zarr"

_LARGEST = 1 << 28  # a manifest of a million records; more is no manifest

Node = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.\-]*$", max_length=200)]
Count = Annotated[int, Field(ge=0)]


class Listed(BaseModel):
    """A record that counts: the folder that holds it, and its contents' hash."""

    model_config = ConfigDict(frozen=True)
    node: Node
    sha256: Sha256


class Column(BaseModel):
    """The embeddings of one fingerprint: rows that count, and their length.

    Attributes
    ----------
    rows : int
        Micrographs.
    dim : int
        Of a vector.
    tiles : int
        Vectors of single tiles.
    files : int
        Files whose micrographs are known.
    """

    model_config = ConfigDict(frozen=True)
    rows: Count
    dim: Annotated[int, Field(gt=0)]
    tiles: Count = 0
    files: Count = 0


class Manifest(BaseModel):
    """What counts in a library.

    Attributes
    ----------
    format_version : int
    identity : str
        Random; tells a library from another one created later in its place.
    software, created : str
        What wrote it last, and when it was created (ISO 8601, UTC).
    encoder : str
        Specification of its encoder.
    settings : dict
        Free settings, JSON types.
    revision : int
        Counts the writes.
    criteria, references : dict
        By name, by identifier; in the order in which they were added.
    embeddings : dict
        By fingerprint.
    phases : dict
        Folder by content hash of the micrograph.
    bridge : Listed or None
        The bridge that was refitted here; None for the one shipped.
    assessments, log : int
        Rows that count.
    log_head : str
        Hash of the last log entry.
    """

    model_config = ConfigDict(frozen=True, strict=True)
    format_version: int = FORMAT_VERSION
    identity: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    software: str
    created: str
    encoder: str
    settings: dict[str, Any] = Field(default_factory=dict)
    revision: Count = 0
    criteria: dict[str, Listed] = Field(default_factory=dict)
    references: dict[str, Listed] = Field(default_factory=dict)
    embeddings: dict[Node, Column] = Field(default_factory=dict)
    phases: dict[Sha256, Node] = Field(default_factory=dict)
    bridge: Listed | None = None
    assessments: Count = 0
    log: Count = 0
    log_head: Sha256 = "0" * 64

    @property
    def version(self) -> str:
        """sha256 over the contents of criteria and references, in any order."""
        return digest(
            {
                "criteria": sorted(item.sha256 for item in self.criteria.values()),
                "references": sorted(item.sha256 for item in self.references.values()),
            }
        )

    def nodes(self) -> set[str]:
        """Folders that count, relative to the root."""
        return (
            {f"criteria/{item.node}" for item in self.criteria.values()}
            | {f"references/{item.node}" for item in self.references.values()}
            | {f"embeddings/{fingerprint}" for fingerprint in self.embeddings}
            | {f"phases/{node}" for node in self.phases.values()}
            | ({f"bridges/{self.bridge.node}"} if self.bridge else set())
        )

    def write(self, root: Path) -> None:
        """Commit: replace the root's zarr.json."""
        write_json(root / "zarr.json", group_document({KEY: self.model_dump(mode="json")}))


Stamp = tuple[int, int, int, int]


def stamp(root: Path) -> Stamp:
    """Cheap token that changes with every commit."""
    found = (root / "zarr.json").stat()
    return found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_size


def read_manifest(root: Path) -> Manifest:
    """Read and check the root of a library; nothing is written.

    Raises
    ------
    LibraryError
        When `root` is no library, or its zarr.json is damaged or unreadable.
    LibraryFormatError
        When its format is newer than this version's.
    """
    document = _read_document(root)
    attributes = document.get("attributes")
    if document.get("node_type") != "group" or not isinstance(attributes, dict):
        raise LibraryError(f"{root}: is not a library but other Zarr data.")
    if KEY not in attributes:
        raise LibraryError(
            f"{root}: is a Zarr group but not a napari-qualify library. Name a folder that ends "
            f"in {SUFFIX}, or create a library under another name."
        )
    raw = attributes[KEY]
    version = raw.get("format_version") if isinstance(raw, dict) else None
    if isinstance(version, bool) or not isinstance(version, int) or version < 0:
        raise LibraryError(f"{root}: damaged zarr.json: format_version is {version!r}.")
    if version > FORMAT_VERSION:
        raise LibraryFormatError(
            f"{root}: is of format {version}, and this version reads up to {FORMAT_VERSION} "
            f"(it was written by {str(raw.get('software', 'newer software'))[:80]}). "
            "Update napari-qualify; the library was not changed."
        )
    try:
        return Manifest.model_validate(raw)
    except ValidationError as error:
        raise LibraryError(
            f"{root}: damaged zarr.json: {describe(error)[:300]}. Restore it from a copy."
        ) from error


def _read_document(root: Path) -> dict[str, Any]:
    file = root / "zarr.json"
    try:
        found = file.stat()
        if not stat.S_ISREG(found.st_mode) or found.st_size > _LARGEST:
            raise LibraryError(f"{root}: is not a library: its zarr.json is no ordinary file.")
        document = json.loads(file.read_bytes())
    except FileNotFoundError as error:
        raise LibraryError(
            f"{root}: is a folder but not a library: it has no zarr.json."
        ) from error
    except OSError as error:
        raise LibraryError(
            f"{root}: the library cannot be read ({error.strerror or error})."
        ) from error
    except (ValueError, RecursionError) as error:
        raise LibraryError(
            f"{root}: damaged zarr.json: not JSON ({error}). Restore it from a copy."
        ) from error
    if not isinstance(document, dict):
        raise LibraryError(f"{root}: damaged zarr.json: not a Zarr group.")
    return document
