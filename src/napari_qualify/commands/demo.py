"""The command `demo`: the sample lot, judged and compared with its true verdicts."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from napari_qualify.batch import Batch, classify, write_batch
from napari_qualify.commands import console
from napari_qualify.commands.inputs import check_folder
from napari_qualify.errors import LibraryError, UsageError
from napari_qualify.files import find_micrographs, match_images, read_table
from napari_qualify.library.store import Library, open_library
from napari_qualify.micrograph import read
from napari_qualify.progress import Progress
from napari_qualify.synthetic.lot import Lot, sample_lot

if TYPE_CHECKING:
    from rich.table import Table

LIBRARY = "ni-wc.qualify.zarr"
# A hidden name that is moved to the real one when complete.
BUILDING = ".ni-wc.building.qualify.zarr"


def run_demo(out: Path) -> int:
    """Judge the lot, show the verdicts beside the true ones, name the report.

    Returns
    -------
    int
        1 when a file failed, else 0.
    """
    check_folder(out)
    lot = sample_lot()
    with console.progress_bars() as progress:
        library = demo_library(out, lot, progress)
        batch = classify([lot.folder / "judge"], library, progress=progress)
    report = write_batch(batch, out)
    shown, summary = compare(batch, lot)
    to = console.out()
    to.print("Rendered Ni-WC micrographs, judged by 10 accepted and 10 rejected references.")
    to.print("Each verdict is followed by the true one where it is another.\n")
    to.print(shown)
    to.print()
    to.print(summary)
    console.show_failures(batch.failures, str(out / "failures.csv"))
    to.print(f"\nLibrary: {library.path}", markup=False)
    to.print(f"Report:  {report.absolute()}", markup=False)
    return int(bool(batch.failures))


def demo_library(out: Path, lot: Lot, progress: Progress | None = None) -> Library:
    """Open the library of an earlier demo, or build it.

    Raises
    ------
    UsageError
        When another library has its name.
    """
    import shutil

    path = out / LIBRARY
    if path.exists():
        return _earlier(path, lot)
    building = out / BUILDING
    if building.exists():  # of a demo that was stopped
        shutil.rmtree(building)
    lot.build_library(building, progress=progress)
    building.rename(path)
    return open_library(path)


def _earlier(path: Path, lot: Lot) -> Library:
    other = UsageError(
        f"{path}: is not the library of this version's demo; remove it or choose another --out"
    )
    try:
        library = open_library(path)
        held = {(r.content_hash, r.criterion, r.verdict) for r in library.references()}
    except LibraryError as error:
        raise other from error
    # By content: the lot may have been rendered anew since, under the same names.
    table = read_table(lot.references_csv)
    hashes = {name: read(lot.folder / name).content_hash for name in table["image"].unique()}
    wanted = {(hashes[r.image], r.criterion, r.verdict) for r in table.itertuples()}
    if not wanted <= held or not set(lot.criteria) <= set(library.criteria):
        raise other
    return library


def compare(batch: Batch, lot: Lot) -> tuple["Table", "Table"]:
    """Tables of the verdicts beside the lot's true ones, and of their counts."""
    truth = true_verdicts(lot)
    names = list(lot.criteria)
    shown = console.table("micrograph", *names)
    counts = {name: Counter[str]() for name in names}
    for assessment in batch.assessments:
        cells = []
        for name in names:
            verdict, true = assessment[name], truth[assessment.image, name]
            wrong = verdict.verdict != true
            kind = "review" if verdict.verdict == "review" else "wrong" if wrong else "right"
            counts[name][kind] += 1
            counts[name]["call"] += verdict.call == true
            cells.append(console.word(verdict.verdict, f" ({true})" if wrong else ""))
        shown.add_row(console.plain(assessment.image), *cells)
    return shown, _summary(counts, len(batch.assessments))


def _summary(counts: dict[str, Counter[str]], total: int) -> "Table":
    columns = ("right", "wrong", "to review", "right calls")
    summary = console.table("criterion", *columns, numbers=columns)
    for name, count in counts.items():
        summary.add_row(
            console.plain(name),
            *(str(count[kind]) for kind in ("right", "wrong", "review")),
            Text(f"{count['call']} of {total}"),
        )
    return summary


def true_verdicts(lot: Lot) -> dict[tuple[str, str], str]:
    """True verdict by name of the micrograph in the report, and criterion."""
    labels = read_table(lot.labels_csv, ("image", "criterion", "verdict"))
    found = find_micrographs([lot.folder / "judge"])
    matched = match_images(labels, lot.folder, found.items)
    return {
        (item.name, row.criterion): row.verdict
        for item, row in zip(matched, labels.itertuples(), strict=True)
    }
