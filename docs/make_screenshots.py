"""Make the pictures of the widgets: the real window on the rendered lot.

Run it on a screen, or on a virtual one::

    xvfb-run -a -s "-screen 0 1400x1000x24" python docs/make_screenshots.py
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
from qtpy.QtCore import QSettings
from qtpy.QtWidgets import QApplication

import napari_qualify as nq

PLUGIN = "napari-qualify"
SIZE = (1400, 1000)
PATIENCE = 300  # seconds for one task


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


def segment(viewer: napari.Viewer, name: str, out: Path) -> None:
    """Picture phases over their image, with the area fractions."""
    widget = viewer.window.add_plugin_dock_widget(PLUGIN, "Segment phases")[1]
    show_only(viewer, name)
    widget.image.setCurrentText(name)
    finish(widget, widget.start.click)
    grab(viewer, out / "segment.png")
    viewer.window.remove_dock_widget(widget)


def main() -> None:
    """Make all pictures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "images")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        # Not the user's settings.
        ini, user = QSettings.Format.IniFormat, QSettings.Scope.UserScope
        QSettings.setPath(ini, user, folder)
        viewer = napari.Viewer(show=True)
        viewer.window._qt_window.resize(*SIZE)
        viewer.open_sample(PLUGIN, "lot")
        qualify(viewer, Path(folder), out)
        segment(viewer, nq.sample_lot().judge[0].stem, out)
        viewer.close()


if __name__ == "__main__":
    main()
