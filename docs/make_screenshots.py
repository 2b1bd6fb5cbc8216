"""Make the pictures of the widgets: the real window on the rendered lot.

Run it on a screen, or on a virtual one::

    xvfb-run -a -s "-screen 0 1400x1000x24" python docs/make_screenshots.py
"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import numpy as np
from qtpy.QtCore import QSettings
from qtpy.QtWidgets import QApplication
from skimage.morphology import disk, erosion, skeletonize

import napari_qualify as nq
from napari_qualify.synthetic.local_defects import Kind, render_local
from napari_qualify.synthetic.lot import Lot
from napari_qualify.widgets.embed import MAP, SEARCH

PLUGIN = "napari-qualify"
SIZE = (1400, 1000)
PATIENCE = 300  # seconds for one task
PICTURES = ("qualify", "segment", "strokes", "train", "search", "evaluate", "blind", "tiles")


def settle() -> None:
    """Let the window lay itself out and paint."""
    for _ in range(10):
        QApplication.processEvents()
        time.sleep(0.02)


def finish(widget: Any, press: Callable[[], None]) -> None:
    """Press something and wait for the end of the work that it starts."""
    press()
    end = time.monotonic() + PATIENCE
    while widget.runner.busy:
        if time.monotonic() > end:
            raise TimeoutError("the task did not end")
        QApplication.processEvents()
        time.sleep(0.01)
    settle()


def grab(viewer: napari.Viewer, path: Path) -> None:
    """Save the window as a picture."""
    window = viewer.window._qt_window
    window.resize(*SIZE)
    settle()
    window.grab().save(str(path))


def show_only(viewer: napari.Viewer, name: str) -> None:
    """Show one image, select it, and fill the canvas with it."""
    for layer in viewer.layers:
        layer.visible = layer.name == name
    viewer.layers.selection.active = viewer.layers[name]
    settle()
    viewer.fit_to_view(layers=[viewer.layers[name]])


def qualify(viewer: napari.Viewer, folder: Path, out: Path) -> None:
    """Picture the references, and the verdicts with their evidence."""
    widget = viewer.window.add_plugin_dock_widget(PLUGIN, "Qualify micrographs")[1]
    finish(widget, lambda: widget.build_lot(str(folder / "ni-wc"), "lite"))
    show_only(viewer, viewer.layers[-1].name)
    grab(viewer, out / "references.png")
    widget.scope.setCurrentIndex(1)
    finish(widget, widget.classify.click)
    row, column = next(
        (r, c)
        for r, cells in enumerate(widget.verdicts.table.as_text())
        for c, words in enumerate(cells[1:-1], start=1)
        if words.endswith("Reject")
    )
    widget.verdicts.table.setCurrentCell(row, column)
    show_only(viewer, widget.verdicts.table.item(row, 0).text())
    grab(viewer, out / "qualify.png")
    viewer.window.remove_dock_widget(widget)


def wait_for(condition: Callable[[], bool]) -> None:
    """Let the window work until something has come."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("it did not come")
        QApplication.processEvents()
        time.sleep(0.01)
    settle()


def segment(viewer: napari.Viewer, name: str, out: Path) -> None:
    """Picture phases over their image, with the area fractions."""
    widget = viewer.window.add_plugin_dock_widget(PLUGIN, "Segment phases")[1]
    show_only(viewer, name)
    widget.image.setCurrentText(name)
    widget.tabs.setCurrentIndex(2)
    finish(widget, widget.threshold.start.click)
    grab(viewer, out / "segment.png")
    viewer.window.remove_dock_widget(widget)
    viewer.layers.remove(f"{name} phases")


def draw(layer: Any, value: int, mask: np.ndarray, lines: int, seed: int) -> None:
    """Paint a few short strokes along the middle of a phase, as a person would."""
    rng = np.random.default_rng(seed)
    middle = np.argwhere(skeletonize(erosion(mask, disk(2))))
    layer.brush_size = 4
    for start in middle[rng.permutation(len(middle))[:lines]]:
        near = middle[np.abs(middle - start).max(axis=1) <= 14]
        near = near[np.argsort(near @ rng.normal(size=2))]
        with layer.block_history():
            for last, point in zip(near, near[1:], strict=False):
                if np.abs(last - point).max() <= 3:
                    layer.paint(tuple(point), value)


def strokes(viewer: napari.Viewer, name: str, out: Path) -> None:
    """Picture strokes with their live prediction, then the measures of the whole image."""
    widget = viewer.window.add_plugin_dock_widget(PLUGIN, "Segment phases")[1]
    show_only(viewer, name)
    widget.image.setCurrentText(name)
    truth = nq.sample_lot().phases_of(name)
    phases = {1: "matrix", 2: "carbide", 3: "dissolved carbide", 4: "pore"}
    widget.strokes.phases.show_names(phases)
    widget.strokes.paint.click()
    layer = viewer.layers[f"Strokes of {name}"]
    live = f"Phases of {name} (live)"
    for value, phase in phases.items():
        draw(layer, value, truth.mask(phase), 4 if phase == "matrix" else 3, seed=value)
    wait_for(lambda: live in viewer.layers and not widget.painting.newest.busy)
    viewer.layers.selection.active = layer
    grab(viewer, out / "segment-strokes.png")
    finish(widget, widget.strokes.whole.click)
    widget.tabs.setCurrentIndex(4)
    finish(widget, widget.measure.start.click)
    widget.measure.phase.setCurrentText("carbide")
    layer.visible = False
    grab(viewer, out / "segment-measure.png")
    viewer.window.remove_dock_widget(widget)
    for extra in (layer, viewer.layers[live], viewer.layers[f"{name} phases"]):
        viewer.layers.remove(extra)


def train(viewer: napari.Viewer, names: list[str], out: Path, points: int = 12) -> None:
    """Picture a training on images with the phases that they were rendered with."""
    widget = viewer.window.add_plugin_dock_widget(PLUGIN, "Segment phases")[1]
    for name in names:
        image = viewer.layers[name]
        found = nq.sample_lot().phases_of(name)
        viewer.add_labels(
            found.labels, name=f"{name} truth", visible=False,
            metadata={"napari-qualify": found.record()},
            scale=image.scale, units=image.units, axis_labels=image.axis_labels,
        )  # fmt: skip
    show_only(viewer, names[0])
    widget.tabs.setCurrentIndex(3)
    view = widget.train
    view.pairs.fill.click()
    view.network.every.setValue(5)
    view.train.click()
    wait_for(lambda: len(view.curve.points) >= points)
    area = widget.tabs.currentWidget()
    area.verticalScrollBar().setValue(area.verticalScrollBar().maximum())
    grab(viewer, out / "segment-train.png")
    view.progress.cancel.click()
    wait_for(lambda: not widget.training.runner.busy)
    viewer.window.remove_dock_widget(widget)


def search(viewer: napari.Viewer, folder: Path, out: Path) -> None:
    """Picture the map of a judged lot, and a search by words."""
    # A copy: a library opens only files that lie beside it.
    lot = Lot(Path(shutil.copytree(nq.sample_lot().folder, folder / "lot")))
    library = lot.build_library(lot.folder / "ni-wc-lot")
    nq.qualify(lot.judge, library)
    widget = viewer.window.add_plugin_dock_widget(PLUGIN, "Embed micrographs")[1]
    widget.open_library(str(library.path))
    pictures = widget.pictures.values()
    finish(widget, lambda: widget.tabs.setCurrentIndex(MAP))
    widget.map.colour.setCurrentIndex(widget.map.colour.findData("criterion:porosity"))
    points = widget.map.scatter.points
    corner = np.hypot(*(points - points.max(axis=0)).T)  # those at the upper right
    widget.map.scatter.select(corner.argsort()[:3].tolist())
    wait_for(lambda: not any(one.busy for one in pictures))
    grab(viewer, out / "embed-map.png")
    widget.tabs.setCurrentIndex(SEARCH)
    widget.search.words.setText("dissolved carbides")
    finish(widget, widget.search.start.click)
    wait_for(lambda: not any(one.busy for one in pictures))
    finish(widget, lambda: widget.search.table.open_requested.emit([0]))
    widget.search.table.selectRow(0)
    show_only(viewer, viewer.layers.selection.active.name)
    grab(viewer, out / "embed-search.png")
    viewer.window.remove_dock_widget(widget)


def evaluate(viewer: napari.Viewer, folder: Path, out: Path) -> None:
    """Picture the metrics, and a misjudged micrograph with its evidence."""
    # A copy: the paths of its table are relative.
    lot = Lot(Path(shutil.copytree(nq.sample_lot().folder, folder / "evaluated")))
    library = lot.build_library(lot.folder / "ni-wc-lot")
    widget = viewer.window.add_plugin_dock_widget(PLUGIN, "Evaluate verdicts")[1]
    widget.open_library(str(library.path))
    widget.form.labels.choose(str(lot.labels_csv))
    finish(widget, widget.form.start.click)
    grab(viewer, out / "evaluate-metrics.png")
    widget.results.setCurrentIndex(2)
    if widget.misjudged.table.rowCount():
        finish(widget, lambda: widget.misjudged.table.selectRow(0))
        show_only(viewer, viewer.layers.selection.active.name)
    grab(viewer, out / "evaluate.png")
    viewer.window.remove_dock_widget(widget)


def blind(viewer: napari.Viewer, folder: Path, out: Path) -> None:
    """Picture a blind study: where it is made, and what an expert sees of it."""
    lot = nq.sample_lot()
    library = nq.open_library(folder / "asked", create=True)
    for name, criterion in lot.criteria.items():
        library.add_criterion(name, **criterion)
    widget = viewer.window.add_plugin_dock_widget(PLUGIN, "Evaluate verdicts")[1]
    widget.open_library(str(library.path))
    widget.tabs.setCurrentIndex(1)
    view = widget.study
    view.folder.choose(str(lot.folder / "judge"))
    view.out.choose(str(folder / "blind-study"))
    view.key.choose(str(folder / "key.json"))
    finish(widget, view.write.click)
    grab(viewer, out / "evaluate-study.png")
    viewer.window.remove_dock_widget(widget)
    viewer.layers.clear()
    widget = viewer.window.add_plugin_dock_widget(PLUGIN, "Evaluate blind")[1]
    widget.open_folder(str(folder / "blind-study"))
    widget.view.expert.setText("rater-sim-1")
    for word in ("accept", "accept", "reject", "accept"):
        widget.view.answers[word].click()
    grab(viewer, out / "evaluate-blind.png")
    viewer.window.remove_dock_widget(widget)


def tiles(viewer: napari.Viewer, folder: Path, out: Path) -> None:
    """Picture the map of nearest tiles over a rendered micrograph with a cluster of pores."""
    viewer.layers.clear()
    library = nq.open_library(folder / "castings", create=True)
    for name, sides in (("pore clusters", ("none", "pores")), ("anything local", ("none",))):
        library.add_criterion(name, rule="tiles", tile_um=55.0)
        for kind in sides:
            first = 500 if kind == "none" else 550  # a seed is one field, with or without
            made = [_rendered(kind, first + i, extent=0.02) for i in range(10)]
            verdict = "accept" if kind == "none" else "reject"
            library.add_references(name, made, verdict, expert="renderer")
    for kind, seed in (("none", 601), ("pores", 600)):
        made = _rendered(kind, seed, place=(0.3, 0.6))
        viewer.add_image(made.pixels, name=made.name, scale=(0.25, 0.25), units=("um", "um"))
    widget = viewer.window.add_plugin_dock_widget(PLUGIN, "Qualify micrographs")[1]
    widget.open_library(str(library.path))
    widget.scope.setCurrentIndex(1)
    finish(widget, widget.classify.click)
    widget.verdicts.table.setCurrentCell(1, 1)
    widget.evidence.tile_map.show_layer.click()
    settle()
    viewer.fit_to_view(layers=[viewer.layers["pores 600"]])
    grab(viewer, out / "tile-map.png")
    viewer.window.remove_dock_widget(widget)


def _rendered(kind: Kind, seed: int, **options: Any) -> nq.Micrograph:
    made = render_local(kind, seed, **options)
    return nq.Micrograph(made.image, made.pixel_size_um, name=f"{kind} {seed}")


def main() -> None:
    """Make all pictures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "images")
    parser.add_argument("--only", nargs="*", choices=PICTURES, default=PICTURES)
    options = parser.parse_args()
    out, wanted = options.out, options.only
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        # Not the user's settings.
        ini, user = QSettings.Format.IniFormat, QSettings.Scope.UserScope
        QSettings.setPath(ini, user, folder)
        viewer = napari.Viewer(show=True)
        viewer.window._qt_window.resize(*SIZE)
        viewer.open_sample(PLUGIN, "lot")
        names = [path.stem for path in nq.sample_lot().judge]
        if "qualify" in wanted:
            qualify(viewer, Path(folder), out)
        if "segment" in wanted:
            segment(viewer, names[0], out)
        if "strokes" in wanted:
            strokes(viewer, names[0], out)
        if "train" in wanted:
            train(viewer, names[:6], out)
        if "search" in wanted:
            search(viewer, Path(folder), out)
        if "evaluate" in wanted:
            evaluate(viewer, Path(folder), out)
        if "blind" in wanted:
            blind(viewer, Path(folder), out)
        if "tiles" in wanted:
            tiles(viewer, Path(folder), out)
        viewer.close()


if __name__ == "__main__":
    main()
