"""The commands `train`, `segment` and `measure` of the command line."""

from pathlib import Path
from typing import Annotated, Any

import typer

from napari_qualify.cli_common import Paths, PixelSize, reported

app = typer.Typer()

PhaseNames = Annotated[
    str | None,
    typer.Option(metavar="NAMES", help="Phases by label value: 0=matrix,1=carbide."),
]


@app.command()
@reported
def train(
    images: Annotated[str, typer.Argument(metavar="IMAGES", help="Folder, file or pattern.")],
    masks: Annotated[
        str, typer.Argument(metavar="MASKS", help="Integer images of the same stems.")
    ],
    out: Annotated[Path, typer.Option(metavar="MODEL", help="Folder for the model.")],
    phases: PhaseNames = None,
    split: Annotated[
        Path | None, typer.Option(metavar="CSV", help="Table: image, split, group.")
    ] = None,
    minutes: Annotated[float, typer.Option(metavar="M", help="Longest time.")] = 10.0,
    steps: Annotated[
        int | None, typer.Option(metavar="N", help="Most steps; repeatable, unlike a time.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="S", help="Of all that is random.")] = 0,
    architecture: Annotated[
        str, typer.Option(metavar="NAME", help="As segmentation_models_pytorch spells it.")
    ] = "Unet",
    encoder: Annotated[
        str, typer.Option(metavar="NAME", help="As segmentation_models_pytorch spells it.")
    ] = "tu-tf_efficientnet_lite0",
    start: Annotated[
        str,
        typer.Option(metavar="W", help="lite, imagenet, none, or a checkpoint's file or address."),
    ] = "lite",
    loss: Annotated[str, typer.Option(metavar="L", help="dice_ce or focal.")] = "dice_ce",
    pixel_size: PixelSize = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a training of MODEL that was stopped.")
    ] = False,
) -> int:
    """Train a network on micrographs and their label images.

    Stopped with Ctrl-C it keeps the best network so far.
    """
    from napari_qualify.commands.train import run_train

    settings: dict[str, Any] = {"minutes": minutes, "steps": steps, "seed": seed, "loss": loss}
    settings |= {"architecture": architecture, "encoder": encoder, "start": start}
    return run_train(images, masks, out, settings, phases, split, pixel_size, resume)


@app.command()
@reported
def segment(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Folder of a model.")],
    paths: Paths,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the label images.")],
    library: Annotated[
        str | None,
        typer.Option(metavar="LIB", help="Store the phases here too, for limits and views."),
    ] = None,
    augment: Annotated[
        bool, typer.Option("--augment", help="Mean over turns and mirror images: slower, steadier.")
    ] = False,
    pixel_size: PixelSize = None,
) -> int:
    """Find the phases of micrographs; one label image each.

    Exit code 0, 1 when a file failed, 2 for wrong use.
    """
    from napari_qualify.commands.segment import run_segment

    return run_segment(model, paths, out, library, augment, pixel_size)


@app.command()
@reported
def measure(
    labels: Paths,
    out: Annotated[Path, typer.Option(metavar="CSV", help="Table to write.")],
    phases: PhaseNames = None,
    pixel_size: PixelSize = None,
) -> int:
    """Measure the phases of label images into one table, with units and intervals.

    Exit code 0, 1 when a file failed, 2 for wrong use.
    """
    from napari_qualify.commands.measure import run_measure

    return run_measure(labels, out, phases, pixel_size)
