"""The commands `blind export` and `blind import` of the command line."""

from pathlib import Path
from typing import Annotated, Any

import typer

from napari_qualify.cli_common import Paths, PixelSize, reported

app = typer.Typer(
    help="Blind studies: experts judge without knowing which micrograph they see.",
    no_args_is_help=True,
)


@app.command("export")
@reported
def blind_export(
    paths: Paths,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for the experts; missing or empty.")
    ],
    key: Annotated[
        Path, typer.Option(metavar="FILE", help="JSON file that says what is what; not in DIR.")
    ],
    criterion: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="What the experts judge. Repeat for more."),
    ] = None,
    library: Annotated[
        str | None,
        typer.Option(metavar="LIB", help="Take the criteria and their statements from here."),
    ] = None,
    experts: Annotated[int, typer.Option(metavar="N", help="Forms, one for each expert.")] = 1,
    repeat: Annotated[
        float, typer.Option(metavar="SHARE", help="Show this share twice, once mirrored.")
    ] = 0.0,
    groups: Annotated[
        Path | None, typer.Option(metavar="CSV", help="Table: image, group (the specimen).")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(metavar="S", help="Of the shuffle; better left to chance.")
    ] = None,
    pixel_size: PixelSize = None,
) -> int:
    """Export shuffled micrographs with a form; names, order and times tell nothing.

    Exit code 0, 1 when a file failed, 2 for wrong use.
    """
    from napari_qualify.commands.blind import run_export

    settings: dict[str, Any] = {"criteria": criterion or (), "experts": experts, "seed": seed}
    settings |= {"repeat": repeat, "groups_csv": groups, "pixel_size_um": pixel_size}
    return run_export(paths, out, key, library, settings)


@app.command("import")
@reported
def blind_import(
    sources: Annotated[
        list[str],
        typer.Argument(metavar="DIR|FORM", help="The exported folder, or filled forms."),
    ],
    key: Annotated[Path, typer.Option(metavar="FILE", help="The key of the study.")],
    out: Annotated[Path, typer.Option(metavar="CSV", help="Table of labels to write.")],
    expert: Annotated[str, typer.Option(metavar="E", help="Name for rows that have none.")] = "",
) -> int:
    """Import filled forms: the experts' verdicts under the true names.

    Forms may be filled in part; what is open is counted. A repeated
    micrograph goes into CSV's stem with .repeats.csv.
    """
    from napari_qualify.commands.blind import run_import

    return run_import(sources, key, out, expert)
