"""The command `measure`: one table of the phases of many label images."""

from collections.abc import Sequence
from pathlib import Path

from napari_qualify.commands import console
from napari_qualify.commands.inputs import check_folder, find, write_failures, write_text
from napari_qualify.errors import SegmentationError, UsageError
from napari_qualify.files import Failure
from napari_qualify.segment.examples import parse_phases
from napari_qualify.segment.label_files import read_labels


def run_measure(
    labels: Sequence[str], out: Path, phases: str | None, pixel_size: float | None
) -> int:
    """Measure, write the table; 1 when a file failed, else 0.

    Files that fail are listed beside the table, in ``<stem>.failures.csv``.

    Raises
    ------
    UsageError
        When nothing is found, or the names are wrong.
    """
    import pandas as pd

    from napari_qualify.measure.run import COLUMNS, measure

    names = None if phases is None else parse_phases(phases)
    if out.is_dir():
        raise UsageError(f"{out}: is a folder; name the table, such as {out / 'measures.csv'}")
    check_folder(out.parent)
    found = find(labels, pixel_size)
    failures = list(found.failures)
    tables = []
    with console.progress_bars() as progress:
        for done, item in enumerate(found.items):
            progress("measuring", done, len(found.items))
            try:
                read = read_labels(item.path, names, pixel_size_um=pixel_size, image=item.name)
                tables.append(measure(read))
            except SegmentationError as error:
                text = str(error).replace(str(item.path), item.name)
                failures.append(Failure(item.name, text))
        progress("measuring", len(found.items), len(found.items))
    table = pd.concat(tables) if tables else pd.DataFrame(columns=list(COLUMNS))
    write_text(out, table.to_csv(index=False, lineterminator="\n"))
    listed = out.with_suffix(".failures.csv")
    listed.unlink(missing_ok=True)  # of an earlier run
    if failures:
        write_failures(failures, listed)
    images = "1 image" if len(tables) == 1 else f"{len(tables)} images"
    console.out().print(f"{len(table)} rows of {images} in {out.absolute()}", markup=False)
    console.show_failures(failures, str(listed))
    return int(bool(failures))
