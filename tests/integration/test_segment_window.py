"""The Segment widget in the real window: strokes with live phases, and a stop in the middle."""

import time

import numpy as np
import pytest
from qtpy.QtWidgets import QApplication

import napari_qualify as nq

PLUGIN = "napari-qualify"
PHASES = {1: "matrix", 2: "carbide"}


@pytest.fixture(autouse=True)
def own_settings(tmp_path):
    from qtpy.QtCore import QSettings

    QSettings.setPath(
        QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(tmp_path / "settings")
    )


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer(show=True)


@pytest.fixture
def widget(viewer):
    """The docked widget with one rendered micrograph."""
    lot = nq.sample_lot()
    micrograph = nq.read(lot.judge[0])
    size = micrograph.pixel_size_um
    viewer.add_image(
        micrograph.pixels, name="field", scale=(size, size), translate=(5, 5), units=("um", "um")
    )
    made = viewer.window.add_plugin_dock_widget(PLUGIN, "Segment phases")[1]
    made.strokes.phases.show_names(PHASES)
    return made


def paint(layer, seed=0):
    """Thin strokes inside the phases that the micrograph was rendered with."""
    lot = nq.sample_lot()
    truth = lot.phases_of(lot.judge[0])
    rng = np.random.default_rng(seed)
    layer.brush_size = 3
    for value, name in PHASES.items():
        for y, x in rng.permutation(np.argwhere(truth.mask(name)))[:15]:
            layer.paint((int(y), int(x)), value)


def settle(qtbot, widget, press):
    with qtbot.waitSignal(widget.painting.newest.settled, timeout=120_000) as blocker:
        press()
    return blocker.args[0]


def test_live_phases_cover_what_is_in_view(viewer, widget, qtbot):
    QApplication.processEvents()
    viewer.reset_view()  # the docked widget made the canvas narrower
    widget.strokes.paint.click()
    strokes = viewer.layers["Strokes of field"]
    assert settle(qtbot, widget, lambda: paint(strokes)) == ""
    live = viewer.layers["Phases of field (live)"]
    assert live.data.shape == strokes.data.shape  # all of it is in view
    assert viewer.layers.selection.active.name == strokes.name

    image = viewer.layers["field"]

    def zoom():
        viewer.scene.camera.zoom *= 4
        viewer.scene.camera.center = tuple(image.data_to_world((100, 100)))

    assert settle(qtbot, widget, zoom) == ""
    height, width = live.data.shape
    assert height < 300 and width < 300
    y, x, *_ = widget.link.strokes.visible(strokes)
    np.testing.assert_allclose(live.translate, image.data_to_world((y, x)), atol=1e-6)
    # The part is that of the whole there.
    with qtbot.waitSignal(widget.runner.finished, timeout=120_000):
        widget.strokes.whole.click()
    whole = viewer.layers["field phases"].data
    agree = np.mean(whole[y : y + height, x : x + width] == live.data)
    assert agree > 0.999
    assert viewer.layers.extent.units is not None


def test_cancelled_training_leaves_a_usable_window(viewer, widget, qtbot):
    from napari_qualify.widgets.sources import KEY

    lot = nq.sample_lot()
    for number in (0, 1):
        found = lot.phases_of(lot.judge[number])
        size = found.pixel_size_um
        place = {"scale": (size, size), "units": ("um", "um")}
        if number:
            viewer.add_image(nq.read(lot.judge[1]).pixels, name="other", **place)
        name = ("field", "other")[number]
        viewer.add_labels(
            np.array(found.labels), name=f"{name} truth", metadata={KEY: found.record()}, **place
        )
    widget.tabs.setCurrentIndex(3)
    view = widget.train
    view.pairs.fill.click()
    assert len(view.pairs.pairs()) == 2
    view.network.patch.setValue(64)
    view.network.batch.setValue(2)
    view.network.every.setValue(2)
    view.train.click()
    qtbot.waitUntil(lambda: len(view.curve.points) >= 1, timeout=200_000)
    before = [layer.name for layer in viewer.layers]

    start = time.monotonic()
    with qtbot.waitSignal(widget.training.runner.finished, timeout=5000):
        view.progress.cancel.click()
    assert time.monotonic() - start < 2
    assert [layer.name for layer in viewer.layers] == before
    assert view.train.isEnabled() and view.save.isEnabled()
    # The window goes on: thresholds on the same image, at once.
    widget.tabs.setCurrentIndex(2)
    widget.image.setCurrentText("field")
    with qtbot.waitSignal(widget.runner.finished, timeout=60_000):
        widget.threshold.start.click()
    assert "field phases" in viewer.layers


@pytest.mark.parametrize("tab", range(5))
def test_every_tab_fits_a_small_screen(viewer, widget, qtbot, tab):
    window = viewer.window._qt_window
    widget.tabs.setCurrentIndex(tab)
    window.resize(1400, 900)
    qtbot.wait(50)
    assert window.minimumSizeHint().height() <= 900
    assert widget.height() <= 900
    bar = widget.tabs.tabBar()
    assert bar.tabRect(bar.count() - 1).right() <= bar.width()  # all tabs are in sight
    assert widget.tabs.currentWidget().horizontalScrollBar().maximum() == 0
