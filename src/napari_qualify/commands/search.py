"""The command `search`: which micrographs of a library are like a text or an image."""

from pathlib import Path

from napari_qualify.commands import console
from napari_qualify.commands.inputs import check_table, write_table
from napari_qualify.embed.settings import EmbedSettings
from napari_qualify.library.store import open_library
from napari_qualify.search import search


def run_search(
    library: str,
    text: str | None,
    image: Path | None,
    settings: EmbedSettings | None,
    most: bool,
    limit: int,
    csv: Path | None,
) -> None:
    """Search, show the list, and write it when a table is named.

    Raises
    ------
    UsageError
        For wrong use; EncoderError and others as `search` raises them.
    """
    check_table(csv, "search.csv")
    with console.progress_bars() as progress:
        found = search(
            open_library(library),
            text=text,
            image=image,
            settings=settings,
            most=most,
            limit=limit,
            progress=progress,
        )
    shown = console.table("rank", "similarity", "image", "verdict", "group", numbers=("rank",))
    for row in found.itertuples(index=False):
        verdicts = zip(row.criterion.split("; "), row.verdict.split("; "), strict=False)
        said = ", ".join(f"{name}: {verdict}" for name, verdict in verdicts if verdict)
        cells = (row.image, said, row.group)
        shown.add_row(str(row.rank), f"{row.similarity:.3f}", *map(console.plain, cells))
    console.out().print(shown)
    for note in found.attrs["notes"]:
        console.err().print(note, markup=False)
    write_table(found, csv)
