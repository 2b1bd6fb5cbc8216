"""The commands `blind export` and `blind import`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_qualify.commands import console
from napari_qualify.errors import UsageError
from napari_qualify.evaluate.blind import export
from napari_qualify.evaluate.blind_import import Imported, import_study, write_labels
from napari_qualify.library.store import open_library


def run_export(
    paths: Sequence[str], out: Path, key: Path, library: str | None, settings: dict[str, Any]
) -> int:
    """Export a study; 1 when a file failed, else 0.

    Parameters
    ----------
    paths : sequence of str
    out, key : Path
    library : str or None
        Gives the criteria with their statements.
    settings : dict
        Further arguments of `napari_qualify.evaluate.blind.export`.
    """
    opened = None if library is None else open_library(library)
    with console.progress_bars() as progress:
        done = export(paths, out, key, library=opened, progress=progress, **settings)
    said = console.out()
    again = f", {done.repeats} of them repeats" if done.repeats else ""
    said.print(f"{done.images} images{again}, {', '.join(done.forms)} in {out.absolute()}",
               markup=False)  # fmt: skip
    said.print(f"The key is in {key.absolute()}. Keep it from the experts.", markup=False)
    for note in done.notes:
        console.err().print(note, markup=False)
    console.show_failures(done.failures)
    return int(bool(done.failures))


def run_import(sources: Sequence[str], key: Path, out: Path, expert: str) -> int:
    """Import forms into a table of labels.

    Raises
    ------
    UsageError
        When something does not fit, or no verdict has been given.
    """
    if out.is_dir():
        raise UsageError(f"{out}: is a folder; name the table, such as {out / 'labels.csv'}")
    imported = import_study(sources, key, expert=expert, relative_to=out.absolute().parent)
    if not sum(c.accept + c.reject + c.unsure for c in imported.counts):
        raise UsageError(f"{', '.join(sources)}: no verdict has been given yet; nothing written")
    written = write_labels(imported, out)
    show_counts(imported)
    for path in written:
        console.out().print(str(path.absolute()), markup=False)
    return 0


def show_counts(imported: Imported) -> None:
    """Show what each form holds, and what the repeats say."""
    numbers = ("accept", "reject", "unsure", "open")
    shown = console.table("form", "expert", *numbers, numbers=numbers)
    for count in imported.counts:
        cells = [str(getattr(count, name)) for name in numbers]
        shown.add_row(console.plain(count.form), console.plain(count.expert), *cells)
    console.out().print(shown)
    if len(imported.repeats):
        console.out().print(
            f"Repeats: the same verdict on {imported.same} of {len(imported.repeats)}."
        )
    if imported.checked < imported.images:
        console.err().print(
            f"{imported.images - imported.checked} of {imported.images} images do not lie beside "
            "the form and were not checked."
        )
