"""The commands `refs check` and `refs next`."""

from collections.abc import Sequence
from pathlib import Path

from napari_qualify.commands import console
from napari_qualify.commands.inputs import check_table, write_table
from napari_qualify.files import Failure
from napari_qualify.library.store import open_library


def run_check_references(library: str, criteria: Sequence[str] | None, csv: Path | None) -> None:
    """Show references that deserve a second look, and write them when a table is named."""
    from napari_qualify.evaluate.references import check_references

    check_table(csv, "references.csv")
    with console.progress_bars() as progress:
        found = check_references(open_library(library), criteria, progress=progress)
    screen = console.out()
    if found.empty:
        screen.print("No reference contradicts its label, and none shows the same as another.")
    else:
        columns = ("criterion", "image", "verdict", "finding", "margin", "expert", "group")
        shown = console.table(*columns, numbers=("margin",))
        for row in found.itertuples(index=False):
            finding = f"{row.finding}: {row.other}" if row.other else row.finding
            margin = "" if row.margin != row.margin else f"{row.margin:+.2f}"
            cells = (row.criterion, row.image, row.verdict, finding, margin, row.expert, row.group)
            shown.add_row(*map(console.plain, cells))
        screen.print(shown)
    for note in found.attrs["notes"]:
        screen.print(f"Note: {note}", markup=False)
    write_table(found, csv)


def run_next_references(
    library: str,
    paths: Sequence[str],
    criterion: str,
    count: int,
    csv: Path | None,
    pixel_size: float | None,
) -> int:
    """Show what to label next, and write it when a table is named.

    Returns
    -------
    int
        1 when a file failed, else 0.
    """
    from napari_qualify.evaluate.active import next_references

    check_table(csv, "next.csv")
    with console.progress_bars() as progress:
        found = next_references(
            open_library(library),
            criterion,
            list(paths),
            count,
            pixel_size_um=pixel_size,
            progress=progress,
        )
    screen = console.out()
    if found.empty:
        screen.print("All of these are references already.")
    else:
        shown = console.table("image", "usefulness", "reason", numbers=("usefulness",))
        for row in found.itertuples(index=False):
            cells = (row.image, f"{row.usefulness:.3f}", row.reason)
            shown.add_row(*map(console.plain, cells))
        screen.print(shown)
    write_table(found, csv)
    failures = [Failure(*each) for each in found.attrs["failures"]]
    console.show_failures(failures)
    return int(bool(failures))
