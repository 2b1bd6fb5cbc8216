"""Network tab: a saved model is read, shown, checked against the image, and used."""

import numpy as np
import pytest

from napari_qualify.segment.threshold import ThresholdSegmenter
from napari_qualify.widgets.network_view import NetworkView, _card, _scale_warning
from napari_qualify.widgets.segment import SegmentWidget
from napari_qualify.widgets.sources import KEY


@pytest.fixture
def widget(viewer, qtbot):
    made = SegmentWidget(viewer)
    qtbot.addWidget(made)
    made.tabs.setCurrentIndex(1)
    return made


@pytest.fixture
def model(tmp_path):
    segmenter = ThresholdSegmenter(("hole", "ground"), thresholds=(80.0,))
    return str(segmenter.save(tmp_path / "holes"))


def test_model_of_thresholds_is_used_as_saved(viewer, image, widget, run, model):
    assert not widget.network.start.isEnabled()
    run(widget, lambda: widget.choose_model(model))
    assert "1 hole, 2 ground" in widget.network.card.text()
    assert widget.network.path == model
    assert widget.network.augment.isHidden()  # of networks alone
    run(widget, widget.network.start.click)
    layer = viewer.layers["field phases"]
    assert layer.metadata[KEY]["names"] == {"1": "hole", "2": "ground"}
    assert set(np.unique(layer.data)) == {1, 2}
    assert layer.units == image.units


def test_model_is_among_the_recent_ones(viewer, widget, run, model, qtbot):
    run(widget, lambda: widget.choose_model(model))
    again = NetworkView()
    qtbot.addWidget(again)
    assert [again.models.itemData(i) for i in range(again.models.count())] == [model]
    assert again.path == ""


def test_folder_that_is_no_model_is_a_message(image, widget, run, messages, tmp_path):
    assert "Not done" in run(widget, lambda: widget.choose_model(str(tmp_path)))
    assert "not a model folder" in messages()[-1]
    assert not widget.network.start.isEnabled()


@pytest.mark.parametrize(
    ("model", "image", "words"),
    [
        (0.5, 0.5, ""),
        (0.5, 0.505, ""),
        (None, None, ""),
        (0.5, None, "no pixel size"),
        (0.5, 1.0, "resampled by 2"),
    ],
)
def test_pixel_sizes_that_differ_are_said(model, image, words):
    said = _scale_warning(model, image)
    assert words in said
    assert bool(said) == bool(words)


def test_warning_follows_the_image(viewer, image, widget):
    widget.network.show_model({"kind": "network", "phases": {"0": "a"}, "pixel_size_um": 0.25})
    assert "0.5 µm per pixel" in widget.network.warning.text()
    viewer.add_image(np.random.default_rng(0).random((64, 64)), name="bare")
    widget.image.setCurrentText("bare")
    assert "no pixel size" in widget.network.warning.text()


def test_card_of_a_network():
    record = {
        "kind": "network",
        "architecture": {"architecture": "Unet", "encoder": "resnet34"},
        "phases": {"0": "matrix", "1": "crack"},
        "pixel_size_um": 0.25,
        "training": {"images": [{"name": "a", "group": "A"}, {"name": "b", "group": "A"}]},
        "metrics": {"mean_iou": 0.8125, "iou": {"matrix": 0.99, "crack": 0.63}},
    }
    assert _card(record).split("\n") == [
        "Network: Unet, resnet34",
        "Phases: 0 matrix, 1 crack",
        "Pixel size: 0.25 µm",
        "Trained on 2 images of 1 specimen",
        "Validation: mean IoU 0.812 (matrix 0.99, crack 0.63)",
    ]
