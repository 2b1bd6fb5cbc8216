"""What the widget "Evaluate verdicts" runs in workers; free of Qt and napari.

Every function takes ``progress`` and runs in a worker's thread, or in a test.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_qualify.errors import UsageError
from napari_qualify.progress import Progress
from napari_qualify.widgets.sources import LayerSource
from napari_qualify.widgets.tasks import load, phases_by_hash, read_all

if TYPE_CHECKING:
    import pandas as pd

    from napari_qualify.evaluate.blind import Exported
    from napari_qualify.evaluate.blind_import import Imported
    from napari_qualify.evaluate.run import Evaluation
    from napari_qualify.library.store import Library
    from napari_qualify.micrograph import Micrograph

DPI = 110


@dataclass(frozen=True, eq=False)
class Evaluated:
    """An evaluation with what the widget shows of it.

    Attributes
    ----------
    evaluation : Evaluation
    wrong : DataFrame
        Misjudged images, the worst first.
    pictures : mapping of (str, str) to ndarray of uint8, shape (Y, X, 3)
        Plots by name and criterion, '' for all criteria at once.
    experts : DataFrame or None
        Agreement, where several experts judged.
    layers : mapping of str to str
        ``unique_id`` of the layer of each image, where layers were judged.
    notes : tuple of str
    """

    evaluation: "Evaluation"
    wrong: "pd.DataFrame"
    pictures: Mapping[tuple[str, str], NDArray[np.uint8]]
    experts: "pd.DataFrame | None" = None
    layers: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def evaluate_files(
    library: "Library", labels: str, folder: str | None, progress: Progress
) -> Evaluated:
    """Judge the files that a table names, in a folder or where it says, and compare."""
    from napari_qualify.evaluate.run import evaluated

    load(library.encoder, progress)
    micrographs = None if folder is None else [folder]
    found = evaluated(library, labels, micrographs, progress=progress)
    return _shown(found, {}, [], progress)


def evaluate_layers(
    library: "Library",
    labels: str,
    sources: Sequence[LayerSource],
    phases: Sequence[LayerSource],
    progress: Progress,
) -> Evaluated:
    """Judge layers and compare with a table that names them or their files.

    `phases` are the Labels layers that hold phases.

    Raises
    ------
    UsageError
        No row of the table speaks of a layer.
    """
    from napari_qualify.evaluate.run import evaluated
    from napari_qualify.evaluate.table import read_labels

    table = read_labels(labels)
    named = layers_by_image(list(dict.fromkeys(table["image"])), sources, Path(labels).parent)
    if not named:
        raise UsageError(
            f"{labels}: no row speaks of one of the {len(sources)} images. Its names are compared "
            "with the files and the names of the layers."
        )
    notes = []
    if absent := table["image"].nunique() - len(named):
        notes.append(f"{absent} labelled images are not among the layers.")
    table = table[table["image"].isin(named)]
    table["image"] = table["image"].map({image: one.name for image, one in named.items()})
    micrographs, _, failures = read_all(list(named.values()), progress)
    notes += [reason for _, reason in failures]
    load(library.encoder, progress)
    known = phases_by_hash(phases)
    found = evaluated(library, table, micrographs, phases=known, progress=progress)
    return _shown(found, {one.name: one.uid for one in named.values()}, notes, progress)


def layers_by_image(
    images: Sequence[str], sources: Sequence[LayerSource], folder: Path
) -> dict[str, LayerSource]:
    """Find the layer of each image of a table: by file, else by name, else by stem.

    Images without a layer, or with several, are left out.
    """
    by_path = {os.path.realpath(s.source.path): s for s in sources if s.source.path}
    found: dict[str, LayerSource] = {}
    for image in images:
        name = PurePosixPath(image.replace("\\", "/"))
        one = by_path.get(os.path.realpath(folder / name))
        for same in (
            [s for s in sources if s.name == name.name],
            [s for s in sources if s.name == name.stem],
        ):
            if one is None and len(same) == 1:
                one = same[0]
        if one is not None and one not in found.values():
            found[image] = one
    return found


def _shown(
    found: "Evaluation", layers: Mapping[str, str], notes: Sequence[str], progress: Progress
) -> Evaluated:
    from napari_qualify.evaluate.writing import misjudged

    progress("agreement", 0, 0)
    experts, more = _agreement(found.labels)
    more += [f"{failure.image}: {failure.error}" for failure in found.failures]
    return Evaluated(
        found,
        misjudged(found.table),
        _pictures(found, experts, progress),
        experts,
        layers,
        tuple(dict.fromkeys([*notes, *found.notes, *more])),
    )


def _agreement(labels: "pd.DataFrame") -> tuple["pd.DataFrame | None", list[str]]:
    from napari_qualify.evaluate.agreement import agreement

    named = labels[labels["expert"] != ""]
    if named["expert"].nunique() < 2:
        return None, []
    found = agreement(named)
    return found, list(found.attrs["notes"])


def _pictures(
    found: "Evaluation", experts: Any, progress: Progress
) -> dict[tuple[str, str], NDArray[np.uint8]]:
    """Draw a plot of each criterion: beside a viewer there is no room for several."""
    from napari_qualify.evaluate import plots
    from napari_qualify.evaluate.agreement import matrix

    drawn: dict[tuple[str, str], NDArray[np.uint8]] = {}
    criteria = list(dict.fromkeys(found.table["criterion"]))
    for plot, draw, table in (
        ("metrics", plots.metrics_figure, found.metrics),
        ("roc", plots.roc_figure, found.table),
        ("calibration", plots.calibration_figure, found.table),
    ):
        for done, name in enumerate(criteria):
            progress(f"drawing {plot}", done, len(criteria))
            drawn[plot, name] = _rgb(draw(table[table["criterion"] == name]))
    if experts is not None:
        drawn["experts", ""] = _rgb(plots.agreement_figure(matrix(experts)))
    return drawn


def _rgb(figure: Any) -> NDArray[np.uint8]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def save_evaluation(found: Evaluated, folder: str, progress: Progress) -> Path:
    """Write the tables and plots; returns the path of metrics.csv."""
    from napari_qualify.evaluate.writing import csv_of, write_evaluation

    progress("writing", 0, 0)
    written = write_evaluation(found.evaluation, Path(folder).absolute())
    if found.experts is not None:
        from napari_qualify.commands.inputs import write_text

        write_text(written.with_name("agreement.csv"), csv_of(found.experts))
    return written


def open_file(path: Path, name: str, progress: Progress) -> "Micrograph":
    """Read the file of a misjudged image."""
    from napari_qualify.micrograph import read

    progress("reading", 0, 0)
    return read(path, name=name)


def export_study(
    folder: str, out: str, key: str, settings: Mapping[str, Any], progress: Progress
) -> "Exported":
    """Export a blind study of the micrographs in a folder."""
    from napari_qualify.evaluate.blind import export

    return export([folder], out, key, **settings, progress=progress)


def import_study(
    source: str, key: str, out: str, expert: str, progress: Progress
) -> tuple["Imported", Path]:
    """Import the forms of a study and write the labels.

    Raises
    ------
    UsageError
        As the core's; or no verdict has been given.
    """
    from napari_qualify.evaluate import blind_import

    progress("reading", 0, 0)
    target = Path(out).absolute()
    if target.suffix.casefold() != ".csv":
        target = target.with_name(target.name + ".csv")
    found = blind_import.import_study(source, key, expert=expert, relative_to=target.parent)
    if not sum(count.accept + count.reject + count.unsure for count in found.counts):
        raise UsageError(f"{source}: no verdict has been given yet; nothing was written.")
    return found, blind_import.write_labels(found, target)[0]
