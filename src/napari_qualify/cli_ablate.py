"""The command `ablate` of the command line."""

from pathlib import Path
from typing import Annotated

import typer

from napari_qualify.cli_common import reported
from napari_qualify.errors import UsageError

app = typer.Typer()


@app.command()
@reported
def ablate(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the tables and plots.")],
    library: Annotated[
        str | None, typer.Argument(metavar="[LIB]", help="Library; not with --rendered.")
    ] = None,
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATH]...", help="Files, folders or quoted patterns."),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="Table: image, criterion, verdict, expert, group."),
    ] = None,
    rendered: Annotated[
        bool, typer.Option("--rendered", help="The paper's experiment on rendered micrographs.")
    ] = False,
    count: Annotated[
        int, typer.Option(metavar="N", help="Micrographs to render, with --rendered.")
    ] = 120,
    encoder: Annotated[
        list[str] | None,
        typer.Option(metavar="E", help="Such as lite, clip:FOLDER. Repeat for more."),
    ] = None,
    view: Annotated[
        list[str] | None,
        typer.Option(metavar="V", help="raw, masked:PHASE, overlay, phases. Repeat for more."),
    ] = None,
    modality: Annotated[
        list[str] | None,
        typer.Option(metavar="M", help="auto, visual, cross, hybrid. Repeat for more."),
    ] = None,
    population: Annotated[
        list[str] | None,
        typer.Option(metavar="P", help="library, batch, none (no z). Repeat for more."),
    ] = None,
    rule: Annotated[
        list[str] | None,
        typer.Option(metavar="R", help="auto, net, gaussian, paper, ... Repeat for more."),
    ] = None,
    draws: Annotated[int, typer.Option(metavar="N", help="Resamples of the intervals.")] = 1000,
) -> int:
    """Judge labelled micrographs under many settings; compare each with the first.

    Writes ablation.csv, differences.csv and plots. The first value of each option is the
    default that the others are compared with.
    """
    from napari_qualify.commands.ablate import run_ablate, run_ablate_rendered

    wanted = {
        "encoders": encoder or [],
        "views": view or [],
        "modalities": modality or [],
        "populations": population or [],
        "rules": rule or [],
    }
    if rendered:
        if library is not None or labels is not None:
            raise UsageError("--rendered makes its own library and labels; name no others")
        return run_ablate_rendered(out, wanted.pop("encoders"), wanted, count, draws)
    if library is None or not paths or labels is None:
        raise UsageError("name a library, micrographs and --labels CSV; or use --rendered")
    return run_ablate(library, paths, labels, out, wanted, draws)
