"""The command `ablate`: the same micrographs under every setting, to tables and plots."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_qualify.commands import console
from napari_qualify.commands.demo import demo_library
from napari_qualify.commands.inputs import check_folder, find, write_text
from napari_qualify.commands.stopping import stoppable
from napari_qualify.errors import UsageError
from napari_qualify.evaluate.ablation import ALL, Ablation, ablate, one_change
from napari_qualify.evaluate.ablation_grid import Grid, default_grid
from napari_qualify.files import Failure, Found, Item, read_all
from napari_qualify.library.store import Library, open_library
from napari_qualify.micrograph import Micrograph, read
from napari_qualify.progress import Progress

if TYPE_CHECKING:
    from napari_qualify.segment.phases import Phases

METRIC = "balanced_accuracy"  # of the plot over all settings
TABLES = {"ablation.csv": "table", "differences.csv": "differences"}
RENDERED_SEED = 2  # seed 1 served to tune the renderer

Wanted = Mapping[str, Sequence[str]]


def run_ablate(
    library: str, paths: Sequence[str], labels: Path, out: Path, wanted: Wanted, draws: int
) -> int:
    """Judge under every setting, write tables and plots; 1 when a file failed, else 0.

    Parameters
    ----------
    library : str
    paths : sequence of str
    labels : Path
        Table of experts' verdicts.
    out : Path
    wanted : mapping of str to sequence of str
        Values of each axis of `Grid` that the user named; an empty one is the
        default's.
    draws : int
        Of the bootstrap.
    """
    from napari_qualify.evaluate.table import read_labels

    check_folder(out)
    # Other views and encoders need the references themselves; where the user points they may lie.
    opened = open_library(library, roots=[path for path in paths if Path(path).is_dir()])
    grid = _grid(default_grid(opened), wanted)
    found = find(paths, None)
    with console.progress_bars() as bars, stoppable(bars) as progress:
        items, failures = _readable(found, progress)
        table = read_labels(labels, [*items, *((Path(f.image), f.image) for f in failures)])
        ablation = ablate(opened, table, items, grid, draws=draws, open_=_read, progress=progress)
        write_ablation(ablation, out, progress)
    _show(ablation, out)
    console.show_failures(failures)
    return int(bool(failures))


def run_ablate_rendered(
    out: Path, encoders: Sequence[str], wanted: Wanted, count: int, draws: int
) -> int:
    """The paper's experiment on rendered micrographs that the sample lot does not hold.

    Parameters
    ----------
    out : Path
        The library of the lot is kept here too.
    encoders : sequence of str
        Beside `lite`.
    wanted : mapping of str to sequence of str
    count : int
        How many micrographs are rendered and judged.
    draws : int
    """
    from napari_qualify.synthetic.fresh import fresh_labels, fresh_micrographs, fresh_parameters
    from napari_qualify.synthetic.lot import sample_lot

    if count < 4:
        raise UsageError(f"{count} rendered micrographs; take 4 at least")
    check_folder(out)
    with console.progress_bars() as bars, stoppable(bars) as progress:
        lot = sample_lot()
        built = demo_library(out, lot, progress)
        # Other views and encoders need the references themselves, which lie with the package.
        library = open_library(built.path, roots=[lot.folder])
        for path in lot.references:
            library.save_phases(read(path), lot.phases_of(path))
        drawn = fresh_parameters(count, RENDERED_SEED)
        micrographs: list[Micrograph] = []
        phases: dict[str, Phases] = {}
        for micrograph, belonging in fresh_micrographs(drawn, RENDERED_SEED):
            progress("rendering", len(micrographs), count)
            micrographs.append(micrograph)
            phases[micrograph.content_hash] = belonging
        grid = _rendered_grid(library, encoders, wanted)
        labels = fresh_labels(drawn).assign(expert="rendered", group="", description="")
        ablation = ablate(
            library, labels, micrographs, grid, phases=phases, draws=draws, progress=progress
        )
        write_ablation(ablation, out, progress)
    _show(ablation, out)
    return 0


def _grid(grid: Grid, wanted: Wanted) -> Grid:
    """The grid with what the user named in place of the defaults."""
    return replace(grid, **{name: tuple(values) for name, values in wanted.items() if values})


def _rendered_grid(library: Library, encoders: Sequence[str], wanted: Wanted) -> Grid:
    views = ("raw", "masked:carbide", "overlay", "phases")
    others = [encoder for encoder in encoders if encoder != library.encoder]
    return _grid(Grid((library.encoder, *others), views), wanted)


def _read(item: Item) -> Micrograph:
    return read(item.path, name=item.name)


def _readable(found: Found, progress: Progress) -> tuple[list[Item], list[Failure]]:
    """Items that can be read, and the others with the reason."""
    items, failures = [], list(found.failures)
    for done, (item, one) in enumerate(zip(found.items, read_all(found), strict=True)):
        progress("checking", done, len(found.items))
        if isinstance(one, Failure):
            failures.append(one)
        else:
            items.append(item)
    return items, sorted(failures)


def write_ablation(ablation: Ablation, out: Path, progress: Progress) -> None:
    """Write ablation.csv, differences.csv and the plots of both."""
    from napari_qualify.evaluate.plots import ablation_figure, differences_figure, save

    for name, attribute in TABLES.items():
        write_text(out / name, getattr(ablation, attribute).to_csv(index=False))
    figures: dict[str, Any] = {}
    if ablation.table["value"].notna().any():
        figures["ablation"] = ablation_figure(ablation.table, METRIC)
    changes = one_change(ablation)
    if len(changes):
        figures["differences"] = differences_figure(changes)
    for done, (name, figure) in enumerate(figures.items()):
        progress("plotting", done, len(figures))
        for suffix in (".png", ".svg"):
            save(figure, out / f"{name}{suffix}")


def _show(ablation: Ablation, out: Path) -> None:
    """The default's figures, what one change does to them, and what could not be had."""
    to = console.out()
    default = ablation.default
    to.print(f"Default: {default}", markup=False)
    rows = ablation.table
    for axis, value in default._asdict().items():
        rows = rows[rows[axis] == value]
    for row in rows[rows["metric"].isin([METRIC, "auroc"])].itertuples():
        to.print(
            f"  {row.criterion}: {_words(row.metric)} {row.value:.3f} "
            f"[{row.low:.3f}, {row.high:.3f}], {row.n} micrographs",
            markup=False,
        )
    columns = ("difference", "95 % interval")
    shown = console.table("one change", "metric", *columns, numbers=columns)
    changes = one_change(ablation)
    several = (changes["criterion"] == ALL).any()
    for row in (
        changes[changes["criterion"] == ALL].itertuples() if several else changes.itertuples()
    ):
        interval = f"[{row.low:+.3f}, {row.high:+.3f}]"
        if math.isnan(row.low):  # no resample differs from another
            interval = "always the same" if row.difference == 0 else "-"
        shown.add_row(
            console.plain(row.change), _words(row.metric), f"{row.difference:+.3f}", interval
        )
    if len(changes):
        to.print(shown)
    lacking = ablation.table[ablation.table["note"] != ""]
    for note, those in lacking.groupby("note", sort=False):
        settings = those[["encoder", "view", "modality", "population", "rule"]].drop_duplicates()
        to.print(f"Not tried, {len(settings)} settings: {note}", markup=False)
    for note in ablation.notes:
        to.print(note, markup=False)
    to.print(str((out / "ablation.csv").absolute()), markup=False)


def _words(metric: str) -> str:
    from napari_qualify.evaluate.plots import metric_name

    return metric_name(metric)
