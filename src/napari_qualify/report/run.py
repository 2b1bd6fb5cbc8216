"""Write the report of a batch into a folder."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from napari_qualify.decide.verdict import Assessments
from napari_qualify.errors import UsageError
from napari_qualify.report.plain import text, to_json
from napari_qualify.report.tables import (
    FAILURE_COLUMNS,
    SAMPLE_COLUMNS,
    VERDICT_COLUMNS,
    failure_rows,
    sample_rows,
    to_csv,
    verdict_rows,
)

JSON_FORMAT = 0
"""Version of assessments.json: 0 while it is a draft."""


def report(assessments: Assessments, folder: str | Path, *, failures: Iterable[Any] = ()) -> Path:
    """Write report.html, assessments.json, verdicts.csv, samples.csv and failures.csv.

    Each file is written beside its place and moved there when complete, so
    that a reader never sees half of one; files of an earlier report are
    replaced.

    Parameters
    ----------
    assessments : Assessments
        What `qualify` returned.
    folder : str or Path
        Made when missing.
    failures : iterable, optional
        Micrographs that could not be judged: objects with `image` and
        `error`, or pairs of the two.

    Returns
    -------
    Path
        Of report.html.

    Raises
    ------
    UsageError
        When the folder cannot be made or written.
    """
    from napari_qualify.report.html import render

    folder = Path(folder)
    failed = failure_rows(failures)
    parts = {
        "verdicts.csv": to_csv(verdict_rows(assessments), VERDICT_COLUMNS),
        "samples.csv": to_csv(sample_rows(assessments), SAMPLE_COLUMNS),
        "failures.csv": to_csv(failed, FAILURE_COLUMNS),
        "assessments.json": to_json(_document(assessments, failed)),
        "report.html": render(assessments, failed),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in parts.items():
            _write(folder / name, content)
    except OSError as error:
        raise UsageError(
            f"{folder}: the report cannot be written here: {error.strerror or error}. "
            "Choose another folder, or free the disk."
        ) from error
    return folder / "report.html"


def _document(assessments: Assessments, failed: list[list[Any]]) -> dict[str, Any]:
    return {
        "format": JSON_FORMAT,
        "provenance": assessments.provenance,
        "assessments": [
            assessment.as_dict() | {"verdict": assessment.verdict} for assessment in assessments
        ],
        "samples": [dict(zip(SAMPLE_COLUMNS, r, strict=True)) for r in sample_rows(assessments)],
        "failures": [dict(zip(FAILURE_COLUMNS, row, strict=True)) for row in failed],
    }


def _write(path: Path, content: str) -> None:
    """Replace a file in one step."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text(content))
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    """Mask of permissions; mkstemp ignores it and makes files that only the owner reads."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
