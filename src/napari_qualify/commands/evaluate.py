"""The command `evaluate`: verdicts against those of experts."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_qualify.commands import console
from napari_qualify.commands.inputs import check_folder
from napari_qualify.library.store import open_library

if TYPE_CHECKING:
    import pandas as pd

SHOWN = (
    "accuracy",
    "balanced_accuracy",
    "auroc",
    "coverage",
    "false_accept_rate",
    "false_reject_rate",
)


def run_evaluate(
    library: str, paths: Sequence[str], labels: Path, out: Path, settings: dict[str, Any]
) -> int:
    """Judge, write tables and plots, show the figures.

    `settings` as `napari_qualify.evaluate.run.evaluated` takes them.

    Returns
    -------
    int
        1 when a file failed, else 0.
    """
    from napari_qualify.evaluate.run import evaluated
    from napari_qualify.evaluate.writing import misjudged, write_evaluation

    check_folder(out)
    opened = open_library(library)
    with console.progress_bars() as progress:
        found = evaluated(opened, labels, list(paths), progress=progress, **settings)
    path = write_evaluation(found, out)
    _show(found.metrics)
    wrong = misjudged(found.table)
    screen = console.out()
    if found.table.empty:
        screen.print("No labelled micrograph was judged.")
    else:
        counts = [f"{n} {kind}" for kind, n in wrong["kind"].value_counts(sort=False).items()]
        where = f": {', '.join(counts)}; see misjudged.csv" if counts else ""
        rows = f"{len(wrong)} of {len(found.table)} verdicts or calls are wrong{where}"
        screen.print(rows, markup=False)
    show_notes(found.notes)
    console.show_failures(found.failures, str(out / "failures.csv"))
    screen.print(str(path.absolute()), markup=False)
    return int(bool(found.failures))


def _show(metrics: "pd.DataFrame") -> None:
    """Show the figures that matter most, a block per criterion."""
    from napari_qualify.evaluate.plots import metric_name

    for criterion, rows in metrics.groupby("criterion", sort=False):
        shown = rows[rows["metric"].isin(SHOWN)]
        lines = [((metric_name(row["metric"]),), row) for row in shown.to_dict("records")]
        show_figures(str(criterion), ("figure",), lines)


def show_figures(
    title: str, columns: Sequence[str], lines: Iterable[tuple[Sequence[str], Mapping[str, Any]]]
) -> None:
    """Show values with their intervals as a table below a title.

    Parameters
    ----------
    title : str
    columns : sequence of str
        Of the words before each value.
    lines : iterable of (words, row)
        Each row with value, low, high and n; '-' is shown for what does not exist.
    """
    numbers = ("value", "95 % interval", "n")
    shown = console.table(*columns, *numbers, numbers=numbers)
    for words, row in lines:
        value, low, high = (
            f"{row[name]:.3f}" if row[name] == row[name] else "-"
            for name in ("value", "low", "high")
        )
        interval = "-" if low == "-" else f"{low} to {high}"
        shown.add_row(*map(console.plain, words), value, interval, str(row["n"]))
    screen = console.out()
    screen.print(title, markup=False, style="bold")
    screen.print(shown)


def show_notes(notes: Iterable[str]) -> None:
    """Show what a reader of the figures should know."""
    for note in notes:
        console.out().print(f"Note: {note}", markup=False)
