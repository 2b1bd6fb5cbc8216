"""The commands `refs add`, `refs check` and `refs next` of the command line."""

from pathlib import Path
from typing import Annotated, Any

import typer

from napari_qualify.cli_common import LibraryPath, Paths, PixelSize, reported

app = typer.Typer(help="References of a library.", no_args_is_help=True)

_Table = Annotated[Path | None, typer.Option(metavar="FILE", help="Write the list as a table too.")]


@app.command("add")
@reported
def refs_add(
    library: LibraryPath,
    criterion: Annotated[
        str | None, typer.Option(metavar="NAME", help="Criterion that they were judged for.")
    ] = None,
    accept: Annotated[
        list[str] | None, typer.Option(metavar="PATH", help="Accepted ones. Repeat for more.")
    ] = None,
    reject: Annotated[
        list[str] | None, typer.Option(metavar="PATH", help="Rejected ones. Repeat for more.")
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV", help="Table: image, criterion, verdict, expert, group, description."
        ),
    ] = None,
    expert: Annotated[str, typer.Option(metavar="E", help="Who judged them.")] = "",
    group: Annotated[
        str, typer.Option(metavar="G", help="Specimen of all; else each is its own.")
    ] = "",
    description: Annotated[
        str, typer.Option(metavar="TEXT", help="The expert's words on them.")
    ] = "",
    note: Annotated[str, typer.Option(metavar="TEXT", help="Anything else.")] = "",
    pixel_size: PixelSize = None,
) -> None:
    """Add accepted and rejected micrographs as references of a criterion."""
    from napari_qualify.commands.library import run_refs_add

    words = {"expert": expert, "group": group, "description": description, "note": note}
    sides: Any = {"accept": accept or [], "reject": reject or []}
    run_refs_add(library, criterion, sides, table, words, pixel_size)


@app.command("check")
@reported
def refs_check(
    library: LibraryPath,
    criterion: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="This criterion only. Repeat for more."),
    ] = None,
    csv: _Table = None,
) -> None:
    """List references that score against their label, and pairs that show the same field.

    Nothing is changed.
    """
    from napari_qualify.commands.references import run_check_references

    run_check_references(library, criterion, csv)


@app.command("next")
@reported
def refs_next(
    library: LibraryPath,
    paths: Paths,
    criterion: Annotated[str, typer.Option(metavar="NAME", help="Criterion to label for.")],
    count: Annotated[int, typer.Option(metavar="N", min=1, help="How many, at most.")] = 5,
    csv: _Table = None,
    pixel_size: PixelSize = None,
) -> int:
    """Say which micrographs an expert should judge next, the most useful first.

    Exit code 0, 1 when a file failed, 2 for wrong use.
    """
    from napari_qualify.commands.references import run_next_references

    return run_next_references(library, paths, criterion, count, csv, pixel_size)
