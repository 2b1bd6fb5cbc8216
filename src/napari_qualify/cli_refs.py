"""The commands `refs check` and `refs next` of the command line."""

from pathlib import Path
from typing import Annotated

import typer

from napari_qualify.cli_common import Paths, PixelSize, reported

_Library = Annotated[
    str, typer.Argument(metavar="LIB", help="Library; .qualify.zarr is added when missing.")
]
_Table = Annotated[Path | None, typer.Option(metavar="FILE", help="Write the list as a table too.")]


@reported
def check(
    library: _Library,
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


@reported
def following(
    library: _Library,
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


def add_to(refs: typer.Typer) -> None:
    """Add the commands to the group `refs`."""
    refs.command("check")(check)
    refs.command("next")(following)
