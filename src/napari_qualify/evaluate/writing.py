"""Tables and plots of an evaluation, into a folder."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from napari_qualify.evaluate.curves import calibration_curve, risk_curve
from napari_qualify.evaluate.run import Evaluation
from napari_qualify.report.plain import plain, to_json
from napari_qualify.report.tables import FAILURE_COLUMNS, failure_rows, to_csv

MISJUDGED_COLUMNS = (
    "image",
    "sample",
    "criterion",
    "group",
    "truth",
    "expert",
    "setting",
    "kind",
    "verdict",
    "call",
    "score",
    "cut",
    "margin",
    "p_accept",
    "p_reject",
)
KINDS = ("false accept", "false reject", "wrong call, under review")
"""Of misjudged images, the worst first."""


def misjudged(table: pd.DataFrame) -> pd.DataFrame:
    """Images whose verdict or call contradicts the experts.

    Parameters
    ----------
    table : DataFrame
        Judged table, see `napari_qualify.evaluate.table`.

    Returns
    -------
    DataFrame
        Columns `MISJUDGED_COLUMNS`; false accepts first, then false rejects,
        then reviews whose call is wrong; within them the most confident first.
        `margin` is the score minus the cut.
    """
    wrong = (table["verdict"] != "review") & (table["verdict"] != table["truth"])
    called = (table["verdict"] == "review") & (table["call"] != "")
    called &= table["call"] != table["truth"]
    found = table.assign(margin=table["score"] - table["cut"], kind=KINDS[2])
    found.loc[wrong & (table["verdict"] == "accept"), "kind"] = KINDS[0]
    found.loc[wrong & (table["verdict"] == "reject"), "kind"] = KINDS[1]
    found = found[wrong | called]
    order = pd.DataFrame({"kind": found["kind"].map(KINDS.index), "far": -found["margin"].abs()})
    kept = found.loc[order.sort_values(["kind", "far"], kind="stable").index]
    return kept[list(MISJUDGED_COLUMNS)].reset_index(drop=True)


def write_evaluation(evaluation: Evaluation, folder: str | Path, *, plots: bool = True) -> Path:
    """Write what `evaluate` found.

    ``metrics.csv``, ``judged.csv`` (a row per image and criterion),
    ``misjudged.csv``, ``calibration.csv`` and ``risk.csv`` (see
    `napari_qualify.evaluate.curves`), ``failures.csv``, ``evaluation.json``
    (notes and provenance), and the plots ``metrics``, ``roc`` and
    ``calibration``, each as PNG and SVG.

    Parameters
    ----------
    evaluation : Evaluation
    folder : path
        Made when missing; files of an earlier evaluation are replaced.
    plots : bool

    Returns
    -------
    Path
        Of metrics.csv.
    """
    from napari_qualify.commands.inputs import write_text

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tables = {
        "metrics": evaluation.metrics,
        "judged": evaluation.table,
        "misjudged": misjudged(evaluation.table),
        "calibration": calibration_curve(evaluation.table),
        "risk": risk_curve(evaluation.table),
    }
    for name, table in tables.items():
        write_text(folder / f"{name}.csv", csv_of(table))
    failed = to_csv(failure_rows(evaluation.failures), FAILURE_COLUMNS)
    write_text(folder / "failures.csv", failed)
    document = {"notes": evaluation.notes, "provenance": evaluation.assessments.provenance}
    write_text(folder / "evaluation.json", to_json(document))
    if plots:
        _draw(evaluation, folder)
    return folder / "metrics.csv"


def _draw(evaluation: Evaluation, folder: Path) -> None:
    from napari_qualify.evaluate import plots

    figures = {
        "metrics": plots.metrics_figure(evaluation.metrics),
        "roc": plots.roc_figure(evaluation.table),
        "calibration": plots.calibration_figure(evaluation.table),
    }
    save_figures(figures, folder)


def save_figures(figures: dict[str, Any], folder: Path) -> None:
    """Save figures by name, each as PNG and SVG."""
    from napari_qualify.evaluate.plots import SUFFIXES, save

    for name, figure in figures.items():
        for suffix in SUFFIXES:
            save(figure, folder / f"{name}{suffix}")


def csv_of(table: pd.DataFrame, columns: Iterable[str] | None = None) -> str:
    """Spell a table as CSV; NaN becomes an empty cell, floats their shortest exact form."""
    kept = list(table.columns if columns is None else columns)
    rows = [[plain(cell) for cell in row] for row in table[kept].itertuples(index=False)]
    return to_csv(rows, kept)
