"""Segment: the Labels layer lies on its image, and the fractions are shown."""

import numpy as np
import pytest

from napari_qualify.widgets.segment import SegmentWidget
from napari_qualify.widgets.sources import KEY, take


@pytest.fixture
def widget(viewer, qtbot):
    made = SegmentWidget(viewer)
    qtbot.addWidget(made)
    return made


def test_labels_lie_on_the_image(viewer, image, widget, run):
    assert "field" in run(widget, widget.threshold.start.click)
    labels = viewer.layers["field phases"]
    for name in ("scale", "translate"):
        np.testing.assert_array_equal(getattr(labels, name), getattr(image, name))
    assert labels.units == image.units
    assert labels.axis_labels == image.axis_labels
    assert viewer.layers.extent.units is not None
    assert labels.data.shape == image.data.shape


def test_table_shows_what_the_labels_hold(viewer, image, widget, run):
    run(widget, widget.threshold.start.click)
    rows = widget.table.as_text()
    assert [row[0] for row in rows] == ["pore", "matrix", "carbide"]
    data = viewer.layers["field phases"].data
    for value, row in enumerate(rows, start=1):
        assert row[1] == f"{np.mean(data == value):.2%}"
    assert widget.results.isVisibleTo(widget)


def test_layer_says_how_it_was_made_and_reads_back(viewer, image, widget, run):
    from napari_qualify.micrograph import read
    from napari_qualify.segment.label_images import phases_from_layer

    widget.threshold.form.phases.setText("hole, ground, grain")
    run(widget, widget.threshold.start.click)
    layer = viewer.layers["field phases"]
    record = layer.metadata[KEY]
    assert record["made_by"]["segmenter"] == "ThresholdSegmenter"
    assert record["source"] == read(take(image)).content_hash
    phases = phases_from_layer(take(layer))
    assert phases.names == {1: "hole", 2: "ground", 3: "grain"}
    assert phases.pixel_size_um == pytest.approx(0.5)


def test_phases_have_their_fixed_colours(viewer, image, widget, run):
    from napari_qualify.segment.phases import PHASE_COLOURS

    run(widget, widget.threshold.start.click)
    layer = viewer.layers["field phases"]
    np.testing.assert_allclose(
        layer.get_color(3)[:3], np.divide(PHASE_COLOURS["carbide"], 255), atol=1e-3
    )


def test_contrast_limits_do_not_change_the_phases(viewer, image, widget, run):
    run(widget, widget.threshold.start.click)
    image.contrast_limits = (100, 130)
    image.gamma = 0.3
    run(widget, widget.threshold.start.click)
    first, second = viewer.layers[1].data, viewer.layers[2].data
    np.testing.assert_array_equal(first, second)
    assert tuple(image.contrast_limits) == (100, 130)


@pytest.mark.parametrize(
    ("phases", "words"), [("one", "2 to 5"), ("a, a", "different"), ("a, , b", "different")]
)
def test_wrong_names_are_a_message(image, widget, run, messages, phases, words):
    widget.threshold.form.phases.setText(phases)
    assert "Not done" in run(widget, widget.threshold.start.click)
    assert words in messages()[-1]
    assert widget.body.isEnabled()


def test_micrometres_need_a_calibration(viewer, widget, run, messages):
    viewer.add_image(np.random.default_rng(0).random((64, 64)), name="bare")
    widget.threshold.form.unit.setCurrentText("µm")
    run(widget, widget.threshold.start.click)
    assert "no pixel size" in messages()[-1]
    assert len(viewer.layers) == 1


def test_choice_follows_the_layers(viewer, image, widget):
    assert widget.image.currentText() == "field"
    image.name = "renamed"
    assert widget.image.currentText() == "renamed"
    viewer.layers.clear()
    assert widget.image.count() == 0
    assert not widget.threshold.start.isEnabled()


def test_image_that_goes_while_it_is_segmented(viewer, image, widget, run):
    def press():
        widget.threshold.start.click()
        viewer.layers.remove(image)

    run(widget, press)
    assert "field phases" in viewer.layers
