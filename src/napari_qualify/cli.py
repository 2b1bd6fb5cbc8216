"""The command line: options here, the work in `napari_qualify.commands`.

Nothing heavy is imported at module level, so that ``--help`` answers at once.
"""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_qualify import cli_ablate, cli_blind, cli_evaluate, cli_refs, cli_segment
from napari_qualify.cli_common import LibraryPath, Paths, PixelSize, reported

_SETTINGS: dict[str, Any] = {"context_settings": {"help_option_names": ["-h", "--help"]}}

app = typer.Typer(
    name="napari-qualify",
    help="Qualify micrographs: accept, review or reject per criterion, with the evidence.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    **_SETTINGS,
)
criterion = typer.Typer(help="Criteria of a library.", no_args_is_help=True)
app.add_typer(criterion, name="criterion")
app.add_typer(cli_refs.app, name="refs")
app.add_typer(cli_segment.app)
app.add_typer(cli_evaluate.app)
app.add_typer(cli_ablate.app)
app.add_typer(cli_blind.app, name="blind")


def _version(wanted: bool) -> None:
    if wanted:
        from napari_qualify import __version__

        typer.echo(f"napari-qualify {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command()
@reported
def demo(
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for the library and the report.")
    ] = Path("demo-out"),
) -> int:
    """Judge the rendered sample lot and compare with its true verdicts."""
    from napari_qualify.commands.demo import run_demo

    return run_demo(out)


@app.command()
@reported
def check(
    library: Annotated[
        str | None, typer.Argument(metavar="[LIB]", help="Check this library instead.")
    ] = None,
) -> int:
    """Say what works on this computer, or in a library, and what to do about the rest."""
    from napari_qualify.commands.check import run_check

    return run_check(library)


@app.command()
@reported
def fetch(
    encoder: Annotated[
        str, typer.Argument(metavar="SPEC", help="Such as clip, flava, clip:MODEL:PRETRAINED.")
    ],
) -> None:
    """Fetch the model of an encoder, to be used offline from then on."""
    from napari_qualify.commands.fetch import run_fetch

    run_fetch(encoder)


@app.command()
@reported
def quantize(
    encoder: Annotated[
        str, typer.Argument(metavar="ENCODER", help="Such as lite, clip, clip:MODEL:PRETRAINED.")
    ],
) -> None:
    """Make the int8 form of an encoder, ENCODER+int8; show its size, agreement and speed."""
    from napari_qualify.commands.quantize import run_quantize

    run_quantize(encoder)


@app.command()
@reported
def init(
    library: LibraryPath,
    encoder: Annotated[
        str, typer.Option(metavar="NAME", help="Encoder of the library, for good.")
    ] = "lite",
) -> None:
    """Create an empty library."""
    from napari_qualify.commands.library import run_init

    run_init(library, encoder)


@criterion.command("add")
@reported
def criterion_add(
    library: LibraryPath,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the criterion.")],
    accept: Annotated[
        list[str] | None,
        typer.Option(metavar="TEXT", help="Statement of what is acceptable. Repeat for more."),
    ] = None,
    reject: Annotated[
        list[str] | None,
        typer.Option(metavar="TEXT", help="Statement of what is not. Repeat for more."),
    ] = None,
    limit: Annotated[
        str | None,
        typer.Option(metavar="LIMIT", help='Measured limit: "pore.area_fraction <= 0.01".'),
    ] = None,
    view: Annotated[
        str, typer.Option(metavar="V", help="raw, masked:PHASE, overlay or phases.")
    ] = "raw",
    rule: Annotated[
        str, typer.Option(metavar="R", help="auto chooses on the references.")
    ] = "auto",
    modality: Annotated[
        str, typer.Option(metavar="M", help="auto, visual, cross or hybrid.")
    ] = "auto",
    risk: Annotated[
        float | None, typer.Option(metavar="A", help="Both risks at once; 0.1 unless set.")
    ] = None,
    risk_accept: Annotated[
        float | None, typer.Option(metavar="A", help="Largest share of false accepts.")
    ] = None,
    risk_reject: Annotated[
        float | None, typer.Option(metavar="A", help="Largest share of false rejects.")
    ] = None,
    tile_um: Annotated[
        float | None, typer.Option(metavar="T", help="Side of a tile in micrometres.")
    ] = None,
    weight: Annotated[
        float | None,
        typer.Option(metavar="W", help="Share of the images in the hybrid; chosen unless set."),
    ] = None,
    split: Annotated[
        bool, typer.Option("--split", help="Half of the references calibrate only: exact risks.")
    ] = False,
) -> None:
    """Add a criterion to a library."""
    from napari_qualify.commands.library import run_criterion_add

    settings: dict[str, Any] = {
        "accept": accept or [],
        "reject": reject or [],
        "limit": limit,
        "view": view,
    }
    settings |= {"rule": rule, "modality": modality, "risk": risk, "tile_um": tile_um}
    settings |= {"risk_accept": risk_accept, "risk_reject": risk_reject}
    settings |= {"weight": weight, "split": split}
    run_criterion_add(library, name, settings)


@app.command()
@reported
def embed(library: LibraryPath, paths: Paths, pixel_size: PixelSize = None) -> int:
    """Embed micrographs ahead of time, so that classifying them is quick."""
    from napari_qualify.commands.classify import run_embed

    return run_embed(library, paths, pixel_size)


@app.command()
@reported
def classify(
    library: LibraryPath,
    paths: Paths,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the report.")],
    samples: Annotated[
        Path | None, typer.Option(metavar="CSV", help="Table with the columns image, sample.")
    ] = None,
    pixel_size: PixelSize = None,
) -> int:
    """Judge micrographs and write report.html with its tables.

    Exit code 0, 1 when a file failed, 2 for wrong use; verdicts do not change it.
    """
    from napari_qualify.commands.classify import run_classify

    return run_classify(library, paths, out, samples, pixel_size)


@app.command()
@reported
def search(
    library: LibraryPath,
    text: Annotated[str | None, typer.Option(metavar="TEXT", help="Words to compare with.")] = None,
    image: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Micrograph to compare with.")
    ] = None,
    least: Annotated[bool, typer.Option("--least", help="The least similar first.")] = False,
    limit: Annotated[int, typer.Option(metavar="N", help="Longest list.")] = 20,
    csv: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the list as a table too.")
    ] = None,
    view: Annotated[
        str | None, typer.Option(metavar="V", help="Compare vectors of this view.")
    ] = None,
    tile_um: Annotated[
        float | None, typer.Option(metavar="T", help="Compare vectors of tiles of this side.")
    ] = None,
) -> None:
    """Rank the micrographs of a library by their similarity to a text or an image.

    Without --view and --tile-um those vectors are compared that the library holds most of.
    """
    from napari_qualify.commands.search import run_search
    from napari_qualify.embed.settings import EmbedSettings

    named = view is not None or tile_um is not None
    settings = EmbedSettings(view or "raw", tile_um) if named else None
    run_search(library, text, image, settings, not least, limit, csv)


def main() -> None:
    """Run the command line; the entry point ``napari-qualify``."""
    for stream in (sys.stdout, sys.stderr):
        # A file name that the terminal cannot spell must not stop the work.
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    app()
