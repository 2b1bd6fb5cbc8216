"""Edits by hand are counted, recorded, and reach the phases."""

import numpy as np
import pytest

from napari_qualify.segment.label_images import phases_from_layer
from napari_qualify.widgets.segment import SegmentWidget
from napari_qualify.widgets.sources import KEY, take


@pytest.fixture
def widget(viewer, qtbot):
    made = SegmentWidget(viewer)
    qtbot.addWidget(made)
    return made


@pytest.fixture
def labels(viewer, image, widget, run):
    run(widget, widget.threshold.start.click)
    return viewer.layers["field phases"]


def edits(layer):
    return phases_from_layer(take(layer)).record()["made_by"].get("edits")


def test_untouched_labels_have_no_edits(labels):
    assert edits(labels) is None


def test_strokes_and_pixels_are_counted(labels):
    before = labels.data.copy()
    labels.brush_size = 9
    labels.selected_label = 1
    with labels.block_history():  # one drag of the brush
        labels.paint((50, 50), 1)
        labels.paint((50, 54), 1)
    first = int(np.count_nonzero(before != labels.data))
    assert first > 0
    assert edits(labels) == {"strokes": 1, "pixels": first}
    labels.paint((20, 20), 3)
    assert edits(labels)["strokes"] == 2
    # The rest of the record stays.
    assert labels.metadata[KEY]["made_by"]["segmenter"] == "ThresholdSegmenter"


def test_fill_and_array_edits_count(labels):
    value = int(labels.data[48, 48])
    labels.fill((48, 48), value % 3 + 1)
    filled = edits(labels)["pixels"]
    assert filled > 100
    target = (np.array([1, 2]), np.array([1, 2]))
    labels.data_setitem(target, int(labels.data[1, 1]) % 3 + 1)
    assert edits(labels) == {"strokes": 2, "pixels": filled + 2}


def test_two_widgets_count_once(viewer, labels, qtbot):
    other = SegmentWidget(viewer)
    qtbot.addWidget(other)
    labels.paint((50, 50), 1 + int(labels.data[50, 50]) % 3)
    assert edits(labels)["strokes"] == 1


def test_labels_of_others_are_left_alone(viewer, widget):
    layer = viewer.add_labels(np.zeros((32, 32), np.uint8), metadata={"mine": 1})
    layer.paint((5, 5), 1)
    assert layer.metadata == {"mine": 1}
