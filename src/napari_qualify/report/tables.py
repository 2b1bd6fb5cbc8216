"""The tables of a report, one row per verdict, per sample verdict, per failure."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from napari_qualify.decide.verdict import Assessments
from napari_qualify.report.plain import plain

if TYPE_CHECKING:
    from pandas import DataFrame

VERDICT_FIELDS = (
    "criterion",
    "verdict",
    "score",
    "cut",
    "call",
    "p_accept",
    "p_reject",
    "risk_accept",
    "risk_reject",
    "modality",
    "rule",
    "value",
    "value_low",
    "value_high",
    "limit",
    "unit",
    "reason",
)
VERDICT_COLUMNS = ("image", "sample", *VERDICT_FIELDS)
SAMPLE_COLUMNS = ("sample", "criterion", "fields", "verdict", "score", "reason")
FAILURE_COLUMNS = ("image", "error")

Rows = list[list[Any]]


def verdict_rows(assessments: Assessments) -> Rows:
    """One row per micrograph and criterion, in the order of `VERDICT_COLUMNS`."""
    return [
        [plain(x) for x in (a.image, a.sample, *(getattr(v, name) for name in VERDICT_FIELDS))]
        for a in assessments
        for v in a.verdicts
    ]


def sample_rows(assessments: Assessments) -> Rows:
    """One row per sample and criterion, in the order of `SAMPLE_COLUMNS`."""
    return [
        [plain(getattr(sample, name)) for name in SAMPLE_COLUMNS] for sample in assessments.samples
    ]


def failure_rows(failures: Iterable[Any]) -> Rows:
    """One row per micrograph that could not be judged.

    Parameters
    ----------
    failures : iterable
        Of objects with `image` and `error`, or of pairs (image, error).
    """
    return [
        [plain(x) for x in (f if isinstance(f, tuple | list) else (f.image, f.error))]
        for f in failures
    ]


def verdicts_table(assessments: Assessments) -> "DataFrame":
    """Give the verdicts as a table.

    Returns
    -------
    DataFrame
        Columns `VERDICT_COLUMNS`; numbers that do not exist are missing.
    """
    return _frame(verdict_rows(assessments), VERDICT_COLUMNS)


def samples_table(assessments: Assessments) -> "DataFrame":
    """Give the verdicts per sample as a table; criterion ``*`` is the overall one.

    Returns
    -------
    DataFrame
        Columns `SAMPLE_COLUMNS`.
    """
    return _frame(sample_rows(assessments), SAMPLE_COLUMNS)


def failures_table(failures: Iterable[Any]) -> "DataFrame":
    """Give the micrographs that could not be judged, with the reason, as a table.

    Returns
    -------
    DataFrame
        Columns `FAILURE_COLUMNS`.
    """
    return _frame(failure_rows(failures), FAILURE_COLUMNS)


def to_csv(rows: Rows, columns: Sequence[str]) -> str:
    """Spell rows as CSV with a header; floats in their shortest exact form.

    ``float()`` of a cell gives the float that was written.
    """
    out = []
    for row in (columns, *rows):
        line = io.StringIO(newline="")
        # The writer quotes a lone carriage return only if it ends lines with one.
        csv.writer(line, lineterminator="\r\n").writerow(row)
        out.append(line.getvalue().removesuffix("\r\n") + "\n")
    return "".join(out)


def _frame(rows: Rows, columns: Sequence[str]) -> "DataFrame":
    from pandas import DataFrame

    return DataFrame(rows, columns=list(columns))
