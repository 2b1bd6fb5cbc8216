"""Train: pairs of layers, the curve, a stop that keeps the best network, and the use of it."""

import json
import time

import numpy as np
import pytest
from qtpy.QtWidgets import QFileDialog

from napari_qualify.widgets.segment import SegmentWidget
from napari_qualify.widgets.sources import KEY


@pytest.fixture
def widget(viewer, qtbot):
    made = SegmentWidget(viewer)
    qtbot.addWidget(made)
    made.tabs.setCurrentIndex(3)
    made.show()
    yield made
    made.stop_work()
    qtbot.waitUntil(lambda: not made.training.runner.busy, timeout=20_000)


@pytest.fixture
def pairs(viewer, make_micrograph):
    """Three calibrated images, each with its true phases."""
    for seed in range(3):
        image = make_micrograph(seed=seed, side=96)
        place = {"scale": (0.5, 0.5), "units": ("um", "um")}
        viewer.add_image(image, name=f"field-{seed}", **place)
        truth = 1 + (image > 80).astype(np.uint8) + (image > 165)
        names = {"1": "pore", "2": "matrix", "3": "carbide"}
        viewer.add_labels(
            truth, name=f"field-{seed} phases", metadata={KEY: {"names": names}}, **place
        )


def small(widget, minutes=60.0, every=2):
    """The least training that there is."""
    network = widget.train.network
    network.minutes.setRange(0.01, 600)
    network.minutes.setValue(minutes)
    network.patch.setValue(64)
    network.batch.setValue(2)
    network.every.setValue(every)


def finish(qtbot, widget, press, timeout=120_000):
    with qtbot.waitSignal(widget.training.runner.finished, timeout=timeout):
        press()
    return widget.train.progress.label.text()


def test_fill_pairs_labels_with_the_image_of_their_name(viewer, widget, pairs):
    widget.train.pairs.fill.click()
    found = [
        (viewer.layers[int(2 * r)].unique_id, viewer.layers[int(2 * r + 1)].unique_id, "")
        for r in range(3)
    ]
    assert widget.train.pairs.pairs() == [(str(a), str(b), c) for a, b, c in found]
    viewer.layers.remove("field-1")
    assert len(widget.train.pairs.pairs()) == 2


def test_strokes_are_no_masks(viewer, widget, pairs):
    widget.painting.paint(viewer.layers["field-0"])
    widget.train.pairs.fill.click()
    assert len(widget.train.pairs.pairs()) == 3


def test_nothing_to_learn_from_is_a_message(widget, messages):
    widget.train.train.click()
    assert "nothing to learn from" in messages()[-1]
    assert not widget.training.runner.busy


def test_unnamed_values_are_a_message(viewer, widget, pairs, qtbot, messages):
    viewer.layers["field-2 phases"].metadata.clear()
    small(widget)
    widget.train.pairs.fill.click()
    assert "Not done" in finish(qtbot, widget, widget.train.train.click)
    assert "names" in messages()[-1]


@pytest.mark.slow
def test_stop_keeps_the_best_and_goes_on(viewer, widget, pairs, qtbot, run, tmp_path, monkeypatch):
    view = widget.train
    small(widget)
    view.pairs.fill.click()
    assert not view.save.isEnabled()
    view.train.click()
    qtbot.waitUntil(lambda: len(view.curve.points) >= 2, timeout=120_000)
    # While it trains: the other tabs are usable, the form is not, the best can be had.
    assert widget.threshold.isEnabled() and widget.strokes.isEnabled()
    assert not view.network.isEnabledTo(widget)
    assert view.save.isEnabled()
    assert view.curve.points[-1].mean_iou is not None
    assert view.preview.layout().count() == 3  # image, found, truth
    assert view.curve.grab().toImage().pixelColor(5, 5).isValid()  # it paints
    before = len(viewer.layers)

    start = time.monotonic()
    message = finish(qtbot, widget, view.progress.cancel.click)
    assert time.monotonic() - start < 2
    assert "best network so far is kept" in message
    assert len(viewer.layers) == before
    assert list(tmp_path.glob("*model*")) == []
    assert view.resume.isEnabled() and view.network.isEnabledTo(widget)

    points = len(view.curve.points)
    view.resume.click()
    qtbot.waitUntil(lambda: len(view.curve.points) > points, timeout=120_000)
    assert view.curve.points[points].step > view.curve.points[points - 1].step
    finish(qtbot, widget, view.progress.cancel.click)

    folder = tmp_path / "model"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(folder), ""))
    run(widget, view.save.click)  # the Network tab reads the new model
    record = json.loads((folder / "model.json").read_text())
    assert record["kind"] == "network"
    assert record["pixel_size_um"] == pytest.approx(0.5)
    assert {image["name"] for image in record["training"]["images"]} <= {
        "field-0", "field-1", "field-2"
    }  # fmt: skip
    assert "mean IoU" in widget.network.card.text()

    widget.image.setCurrentText("field-1")
    run(widget, widget.network.start.click)
    layer = viewer.layers["field-1 phases [1]"]
    inside = layer.data
    assert layer.metadata[KEY]["made_by"]["segmenter"] == "NetworkSegmenter"
    assert layer.units == viewer.layers["field-1"].units

    # The same to Zarr; stopped, there is no folder.
    (tmp_path / "out").mkdir()
    out = tmp_path / "out" / "phases.ome.zarr"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(out), ""))
    widget.network.to_zarr.setChecked(True)
    widget.runner.progressed.connect(widget.runner.cancel)
    assert "Stopped" in run(widget, widget.network.start.click)
    widget.runner.progressed.disconnect(widget.runner.cancel)
    assert list(out.parent.iterdir()) == []
    run(widget, widget.network.start.click)
    stored = viewer.layers["field-1 phases [2]"]
    assert out.is_dir()
    np.testing.assert_array_equal(np.asarray(stored.data), inside)
    assert stored.units == viewer.layers["field-1"].units
    assert stored.metadata[KEY]["names"] == {"1": "pore", "2": "matrix", "3": "carbide"}


@pytest.mark.slow
def test_folders_train_to_the_end(widget, qtbot, tmp_path, make_micrograph):
    import tifffile

    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for seed in range(2):
        image = make_micrograph(seed=seed, side=96)
        tifffile.imwrite(tmp_path / "images" / f"{seed}.tif", image)
        tifffile.imwrite(tmp_path / "masks" / f"{seed}.tif", (image > 165).astype(np.uint8))
    small(widget, minutes=0.05)
    view = widget.train
    view.way.setCurrentText("Folders")
    view.folders.images.setText(str(tmp_path / "images"))
    view.folders.masks.setText(str(tmp_path / "masks"))
    view.names.setText("0=matrix, 1=carbide")
    assert finish(qtbot, widget, view.train.click).startswith("Trained")
    assert not view.resume.isEnabled()
    assert set(view.curve.points[-1].iou) <= {"matrix", "carbide"}


def test_closing_stops_the_training(viewer, widget, pairs, qtbot):
    small(widget)
    widget.train.pairs.fill.click()
    widget.train.train.click()
    widget.stop_work()
    start = time.monotonic()
    qtbot.waitUntil(lambda: not widget.training.runner.busy, timeout=5000)
    assert time.monotonic() - start < 2
