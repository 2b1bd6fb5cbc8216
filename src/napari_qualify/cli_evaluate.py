"""The commands `evaluate` and `agreement` of the command line."""

from pathlib import Path
from typing import Annotated, Any

import typer

from napari_qualify.cli_common import LibraryPath, Paths, PixelSize, reported

app = typer.Typer()

Draws = Annotated[int, typer.Option(metavar="N", min=1, help="Resamples behind the intervals.")]
Seed = Annotated[int, typer.Option(metavar="S", min=0, help="Of the resampling.")]


@app.command()
@reported
def evaluate(
    library: LibraryPath,
    paths: Paths,
    labels: Annotated[
        Path,
        typer.Option(metavar="CSV", help="Experts' verdicts: image, criterion, verdict, group."),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for tables and plots.")],
    criterion: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="This criterion only. Repeat for more."),
    ] = None,
    population: Annotated[
        str, typer.Option(metavar="P", help="library, or batch as in the paper.")
    ] = "library",
    k: Annotated[int, typer.Option(metavar="K", min=1, help="Of the precision at k.")] = 5,
    draws: Draws = 1000,
    seed: Seed = 0,
    pixel_size: PixelSize = None,
) -> int:
    """Judge micrographs and compare the verdicts with those of experts.

    Writes metrics.csv, judged.csv, misjudged.csv and plots; records no assessment.
    Exit code 0, 1 when a file failed, 2 for wrong use.
    """
    from napari_qualify.commands.evaluate import run_evaluate

    settings: dict[str, Any] = {"criteria": criterion, "population": population, "k": k}
    settings |= {"draws": draws, "seed": seed, "pixel_size_um": pixel_size}
    return run_evaluate(library, paths, labels, out, settings)


@app.command()
@reported
def agreement(
    labels: Annotated[
        Path,
        typer.Argument(metavar="CSV", help="Experts' verdicts: image, criterion, verdict, expert."),
    ],
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PATH]...", help="With --library: the images; else those that CSV names."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for tables and plot.")
    ] = None,
    library: Annotated[
        str | None,
        typer.Option(
            metavar="LIB", help="Compare with the model, and under each one's references."
        ),
    ] = None,
    draws: Draws = 1000,
    seed: Seed = 0,
    pixel_size: PixelSize = None,
) -> int:
    """Say how far experts agree, with each other and with the model.

    Exit code 0, 1 when a file failed, 2 for wrong use.
    """
    from napari_qualify.commands.agreement import run_agreement

    options = {"draws": draws, "seed": seed}
    return run_agreement(labels, out, library, paths or [], pixel_size, options)
