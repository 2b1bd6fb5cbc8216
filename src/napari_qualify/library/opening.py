"""Finding a library, and creating one in a single step."""

import os
import shutil
import uuid
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from napari_qualify.errors import LibraryError, UsageError
from napari_qualify.library import columns, disk, log
from napari_qualify.library.manifest import SUFFIX, Manifest, read_manifest
from napari_qualify.library.records import now
from napari_qualify.library.transaction import ASSESSMENTS, LOG

GROUPS = ("criteria", "references", "embeddings", "phases", "bridges", "assessments", "log")


def software() -> str:
    """Name and version of this software, as libraries and log entries say it."""
    try:
        return f"napari-qualify {version('napari-qualify')}"
    except PackageNotFoundError:  # run from a checkout
        return "napari-qualify (not installed)"


def find(path: str | Path, create: bool) -> Path:
    """Resolve what the user named to the folder of a library.

    Parameters
    ----------
    path : str or Path
        ``.qualify.zarr`` is added when it is missing.
    create : bool
        Whether a folder that does not exist is fine.

    Raises
    ------
    LibraryError
        When there is none, or the name belongs to something else.
    """
    # Without '..', so that the suffix is added to a name.
    named = Path(os.path.abspath(Path(path).expanduser()))
    if not named.name or "\0" in str(path):
        raise LibraryError(f"{str(path)!r}: this cannot name a library; name a folder.")
    try:
        target = _target(named)
        exists = target.exists()
        if exists and not target.is_dir():
            raise LibraryError(f"{target}: is a file, not a library; a library is a folder.")
    except OSError as error:
        raise LibraryError(f"{named}: cannot be read ({error.strerror or error}).") from error
    if not exists and not create:
        raise LibraryError(
            f"{target}: there is no library here. Create it with open_library(path, create=True) "
            "or `napari-qualify init`."
        )
    return target


def _target(named: Path) -> Path:
    if named.name.endswith(SUFFIX) and named.name != SUFFIX:
        return named
    target = named.with_name(named.name + SUFFIX)
    # Another thing of exactly this name is what the user meant.
    other = named.exists() and not named.is_dir()
    if not target.exists() and (other or (named / "zarr.json").exists()):
        return named
    return target


def create(root: Path, encoder: str) -> None:
    """Create an empty library at `root`, whole or not at all.

    Raises
    ------
    LibraryError
        When nothing can be written there.
    """
    if not encoder.strip():
        raise UsageError(f"{root}: the encoder's name is empty; the default is 'lite'")
    temporary = root.with_name(f".{root.name}.{uuid.uuid4().hex}.partial")
    try:
        temporary.mkdir(parents=True)
        _fill(temporary, encoder)
        disk.flush_tree(temporary)
        temporary.rename(root)  # fails when another process was quicker
        disk.flush(root.parent)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        with suppress(LibraryError):
            read_manifest(root)
            return
        if root.exists():
            raise LibraryError(
                f"{root}: exists and is not a library; choose another name."
            ) from error
        raise disk.unwritable(root, error) from error


def _fill(root: Path, encoder: str) -> None:
    for group in GROUPS:
        disk.write_group(root / group)
    columns.create_texts(root / LOG)
    columns.create_texts(root / ASSESSMENTS, 64)
    by = software()
    data = {"encoder": encoder}
    text, head = log.entry(0, "create", data, log.NO_ENTRY, by)
    columns.append(root / LOG, 0, [text])
    Manifest(
        identity=uuid.uuid4().hex,
        software=by,
        created=now(),
        encoder=encoder,
        log=1,
        log_head=head,
    ).write(root)
