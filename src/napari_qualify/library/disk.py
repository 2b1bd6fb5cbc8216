"""Files that are either written whole or not there.

What a kill leaves behind is never half a file under its own name: contents go
to a temporary name on the same file system, are flushed, and are renamed.
"""

import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from napari_qualify.errors import LibraryError


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Replace the file at `path` by the JSON of `value`, in one step."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
    with temporary.open("w", encoding="ascii") as file:
        json.dump(value, file, indent=1, allow_nan=False)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    flush(path.parent)


def write_group(path: Path, attributes: Mapping[str, Any] | None = None) -> None:
    """Write a Zarr v3 group (a folder with its zarr.json) where nobody looks yet.

    Written here and not by zarr-python: one plain file, in ASCII, without an
    event loop. It is flushed with the tree that it belongs to.
    """
    path.mkdir(parents=True, exist_ok=True)
    document = json.dumps(group_document(attributes or {}), indent=1, allow_nan=False)
    (path / "zarr.json").write_text(document, encoding="ascii")


def group_document(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Contents of a Zarr v3 group's zarr.json."""
    return {"zarr_format": 3, "node_type": "group", "attributes": dict(attributes)}


def read_attributes(path: Path) -> dict[str, Any]:
    """Attributes of the Zarr group at `path`.

    Raises
    ------
    OSError
        When there is no such group.
    ValueError
        When its zarr.json is not that of a group.
    """
    document = json.loads((path / "zarr.json").read_bytes())
    if not isinstance(document, dict) or document.get("node_type") != "group":
        raise ValueError("not a Zarr group")
    attributes = document.get("attributes", {})
    if not isinstance(attributes, dict):
        raise ValueError("attributes are not an object")
    return attributes


def flush(path: Path) -> None:
    """Ask the system to put a file, or the names in a folder, on the disk."""
    if os.name == "nt" and path.is_dir():  # Windows has no handle of a folder to flush
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def flush_tree(root: Path) -> None:
    """Flush every file and folder below `root`."""
    for folder, _, files in os.walk(root):
        for name in files:
            flush(Path(folder, name))
        flush(Path(folder))


def move(source: Path, target: Path) -> None:
    """Rename a flushed folder to its own name, replacing a leftover of a kill."""
    if target.exists():
        shutil.rmtree(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    source.rename(target)
    flush(target.parent)


@contextmanager
def locked(path: Path, library: Path, seconds: float) -> Iterator[None]:
    """Hold the write lock of `library`.

    Parameters
    ----------
    path : Path
        The lock file; the system frees the lock when its holder dies.
    library : Path
        For messages.
    seconds : float
        How long to wait for another writer.

    Raises
    ------
    LibraryError
        When another process keeps writing, or nothing can be written.
    """
    lock = FileLock(path, timeout=seconds)
    try:
        lock.acquire()
    except Timeout as error:
        raise LibraryError(
            f"{library}: another process is writing to the library and did not finish within "
            f"{seconds:g} s. Wait for it or close it, then try again; nothing was changed."
        ) from error
    except OSError as error:
        raise unwritable(library, error) from error
    try:
        yield
    finally:
        lock.release()


def unwritable(library: Path, error: OSError) -> LibraryError:
    """Say that `library` cannot be written, and why."""
    return LibraryError(
        f"{library}: the library cannot be written ({error.strerror or error}). Check the "
        "permissions and the free space, or copy it to a place where you may write."
    )
