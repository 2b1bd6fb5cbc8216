"""What the commands share: finding files, checking where results go, writing tables in one step."""

import math
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari_qualify.commands import console
from napari_qualify.errors import UsageError
from napari_qualify.files import Failure, Found, find_micrographs
from napari_qualify.report.tables import FAILURE_COLUMNS, failure_rows, to_csv

if TYPE_CHECKING:
    import pandas as pd


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


def check_folder(out: Path) -> None:
    """Find out before the work whether the folder for the report can be made.

    Raises
    ------
    UsageError
        When it cannot.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"{out}: cannot be a folder for the report ({error.strerror}); choose another --out"
        ) from error


def check_table(csv: Path | None, usual: str) -> None:
    """Find out before the work whether a table can be written.

    Raises
    ------
    UsageError
        When it cannot.
    """
    if csv is not None:
        if csv.is_dir():
            raise UsageError(f"{csv}: is a folder; name the table, such as {csv / usual}")
        check_folder(csv.parent)


def write_table(table: "pd.DataFrame", csv: Path | None) -> None:
    """Write a table where one was named, and say where."""
    if csv is not None:
        write_text(csv, table.to_csv(index=False, lineterminator="\n"))
        console.out().print(str(csv.absolute()), markup=False)
