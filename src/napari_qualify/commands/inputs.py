"""What the commands over many files share: finding them, and writing tables in one step."""

import math
import uuid
from collections.abc import Sequence
from pathlib import Path

from napari_qualify.errors import UsageError
from napari_qualify.files import Failure, Found, find_micrographs
from napari_qualify.report.tables import FAILURE_COLUMNS, failure_rows, to_csv


def find(paths: Sequence[str], pixel_size: float | None) -> Found:
    """Find images; a list of none, or a wrong pixel size, is an error.

    Raises
    ------
    UsageError
    """
    if pixel_size is not None and not (math.isfinite(pixel_size) and pixel_size > 0):
        raise UsageError(f"pixel size {pixel_size} um; it must be above 0")
    found = find_micrographs(paths)
    if not found.items and not found.failures:
        raise UsageError(f"{', '.join(paths)}: no images here; name files or another folder")
    return found


def write_failures(failures: Sequence[Failure], path: Path) -> None:
    """Write the table of files that could not be used; it may have no rows."""
    write_text(path, to_csv(failure_rows(failures), FAILURE_COLUMNS))


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
    try:
        temporary.write_text(text, encoding="utf-8", newline="")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
