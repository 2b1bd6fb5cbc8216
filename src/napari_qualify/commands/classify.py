"""The commands `classify` and `embed`."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from napari_qualify.batch import Batch, classify, embed_files, write_batch
from napari_qualify.commands import console
from napari_qualify.commands.inputs import check_folder
from napari_qualify.decide.verdict import DECISIONS
from napari_qualify.library.store import open_library


def run_classify(
    library: str,
    paths: Sequence[str],
    out: Path,
    samples: Path | None,
    pixel_size: float | None,
) -> int:
    """Judge, write the report, show the counts.

    Returns
    -------
    int
        1 when a file failed, else 0.
    """
    check_folder(out)
    opened = open_library(library)
    with console.progress_bars() as progress:
        batch = classify(
            paths, opened, samples_csv=samples, pixel_size_um=pixel_size, progress=progress
        )
    report = write_batch(batch, out)
    show_counts(batch)
    console.show_failures(batch.failures, str(out / "failures.csv"))
    console.out().print(str(report.absolute()), markup=False)
    return int(bool(batch.failures))


def run_embed(library: str, paths: Sequence[str], pixel_size: float | None) -> int:
    """Embed, say how many; 1 when a file failed, else 0."""
    opened = open_library(library)
    with console.progress_bars() as progress:
        done = embed_files(paths, opened, pixel_size_um=pixel_size, progress=progress)
    console.out().print(
        f"{done.new} embedded, {done.stored} were in {opened.path.name} already", markup=False
    )
    console.show_failures(done.failures)
    return int(bool(done.failures))


def show_counts(batch: Batch) -> None:
    """Show a table of verdicts per criterion."""
    counts: dict[str, Counter[str]] = {}
    for assessment in batch.assessments:
        for verdict in assessment.verdicts:
            counts.setdefault(verdict.criterion, Counter())[verdict.verdict] += 1
    if len(counts) > 1:
        counts["overall"] = Counter(a.verdict for a in batch.assessments)
    if not counts:
        console.out().print("No micrograph was judged.")
        return
    shown = console.table("criterion", *DECISIONS, numbers=DECISIONS)
    for name, count in counts.items():
        shown.add_row(console.plain(name), *(str(count[d]) for d in DECISIONS))
    console.out().print(shown)
