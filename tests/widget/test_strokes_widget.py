"""Strokes: a layer to paint in, live phases under it, the whole image, the saved model."""

import time

import numpy as np
import pytest
from qtpy.QtWidgets import QFileDialog

from napari_qualify.segment.label_images import phases_from_layer
from napari_qualify.widgets.segment import SegmentWidget
from napari_qualify.widgets.sources import KEY, take
from napari_qualify.widgets.stroke_tasks import LIVE_PIXELS, LIVE_SIDE, live_region

LIVE = "Phases of field (live)"


@pytest.fixture
def widget(viewer, qtbot):
    made = SegmentWidget(viewer)
    qtbot.addWidget(made)
    yield made
    made.stop_work()
    qtbot.waitUntil(lambda: not made.painting.newest.busy, timeout=20_000)


@pytest.fixture
def strokes(viewer, image, widget):
    widget.strokes.paint.click()
    return viewer.layers["Strokes of field"]


def draw(layer, value, spots):
    """One stroke of the brush through some pixels."""
    layer.brush_size = 3
    with layer.block_history():
        for y, x in spots:
            layer.paint((y, x), value)


def spots(image, low, high, number=12, seed=0):
    """Pixels with a grey value between two bounds."""
    found = np.argwhere((image.data > low) & (image.data < high))
    return np.random.default_rng(seed).permutation(found)[:number]


def paint_all(layer, image):
    """Strokes of matrix, carbide and pore."""
    draw(layer, 1, spots(image, 105, 135))
    draw(layer, 2, spots(image, 195, 256))
    draw(layer, 3, spots(image, 0, 60))


def settle(qtbot, widget, press):
    """Wait until the live prediction of what was pressed is shown."""
    with qtbot.waitSignal(widget.painting.newest.settled, timeout=25_000) as blocker:
        press()
    return blocker.args[0]


def test_strokes_lie_on_the_image_in_paint_mode(viewer, image, widget, strokes):
    assert strokes.data.shape == image.data.shape
    assert not strokes.data.any()
    for name in ("scale", "translate"):
        np.testing.assert_array_equal(getattr(strokes, name), getattr(image, name))
    assert strokes.units == image.units
    assert strokes.axis_labels == image.axis_labels
    assert viewer.layers.selection.active == strokes
    assert strokes.mode == "paint"
    assert strokes.selected_label == widget.strokes.phases.value == 1
    widget.strokes.paint.click()  # a second time: the same layer
    assert [layer.name for layer in viewer.layers] == ["field", "Strokes of field"]


def test_list_and_layer_agree_on_the_phase(widget, strokes):
    phases = widget.strokes.phases
    phases.choose(3)
    assert strokes.selected_label == 3
    strokes.selected_label = 2
    assert phases.value == 2
    strokes.selected_label = 0  # the eraser is no phase
    assert phases.value == 2


def test_phases_are_added_renamed_and_removed(widget, strokes, messages):
    from napari_qualify.segment.phases import phase_colour

    phases = widget.strokes.phases
    phases.add.click()
    assert phases.names()[4] == "crack"
    assert phases.value == strokes.selected_label == 4
    phases.table.item(3, 1).setText("void")
    assert phases.names()[4] == "void"
    np.testing.assert_allclose(
        strokes.get_color(4)[:3], np.divide(phase_colour("void"), 255), atol=1e-3
    )
    phases.table.item(3, 1).setText(" Matrix ")
    assert "a name of its own" in messages()[-1]
    assert phases.names()[4] == "void"
    phases.remove.click()
    assert list(phases.names()) == [1, 2, 3]
    phases.add.click()
    assert list(phases.names()) == [1, 2, 3, 4]


def test_another_widget_knows_the_phases(viewer, widget, strokes, qtbot):
    widget.strokes.phases.table.item(0, 1).setText("austenite")
    other = SegmentWidget(viewer)
    qtbot.addWidget(other)
    assert other.strokes.phases.names()[1] == "austenite"


def test_live_phases_follow_the_strokes(viewer, image, widget, strokes, qtbot):
    said = settle(qtbot, widget, lambda: draw(strokes, 1, spots(image, 105, 135)))
    assert "at least two phases" in said
    assert said == widget.strokes.status.text()
    assert LIVE not in viewer.layers

    mine = strokes.data.copy()
    assert settle(qtbot, widget, lambda: paint_all(strokes, image)) == ""
    live = viewer.layers[LIVE]
    assert [layer.name for layer in viewer.layers] == ["field", LIVE, "Strokes of field"]
    assert viewer.layers.selection.active == strokes  # the user goes on painting
    assert strokes.mode == "paint"
    assert live.data.shape == image.data.shape
    np.testing.assert_allclose(live.translate, image.translate)
    assert live.units == image.units
    assert not live.editable
    truth = 1 + (image.data > 165) + 2 * (image.data < 80)
    assert np.mean(live.data == truth) > 0.9
    assert "Predicted 96 x 96 px" in widget.strokes.status.text()
    # What the user painted is what the user painted.
    assert np.all(strokes.data[mine > 0] == mine[mine > 0])
    assert set(np.unique(strokes.data)) == {0, 1, 2, 3}


def test_undo_predicts_anew_and_a_redraw_does_not(viewer, image, widget, strokes, qtbot):
    settle(qtbot, widget, lambda: paint_all(strokes, image))
    live = viewer.layers[LIVE]
    first = live.data.copy()
    settle(qtbot, widget, lambda: draw(strokes, 3, spots(image, 105, 135, 40, seed=1)))
    assert not np.array_equal(live.data, first)
    settle(qtbot, widget, strokes.undo)
    np.testing.assert_array_equal(live.data, first)
    strokes.refresh()
    qtbot.wait(300)
    assert not widget.painting.newest.busy


def test_newest_strokes_win(viewer, image, widget, strokes, qtbot):
    shown = []
    original = widget.painting._show
    settle(qtbot, widget, lambda: paint_all(strokes, image))
    widget.painting._show = lambda live: (shown.append(live), original(live))

    def press():
        for seed in range(5):
            draw(strokes, 1, spots(image, 105, 135, 3, seed=seed + 2))
            qtbot.wait(200)  # longer than the debounce: each starts a request

    begin = time.monotonic()
    with qtbot.waitSignal(widget.painting.newest.settled, timeout=60_000):
        press()
    qtbot.waitUntil(lambda: not widget.painting.newest.busy, timeout=60_000)
    assert time.monotonic() - begin < 20
    last = widget.painting.model.segmenter
    # What is shown at the end is what the strokes of now predict.
    found = settle(qtbot, widget, lambda: widget.strokes.uncertainty.setChecked(True))
    assert found == ""
    assert widget.painting.model.segmenter is last


def test_uncertainty_is_shown_on_request(viewer, image, widget, strokes, qtbot):
    settle(qtbot, widget, lambda: paint_all(strokes, image))
    assert len(viewer.layers) == 3
    settle(qtbot, widget, lambda: widget.strokes.uncertainty.setChecked(True))
    layer = viewer.layers["Uncertainty of field (live)"]
    assert layer.units == image.units
    assert layer.visible
    assert 0 <= layer.data.min() < layer.data.max() <= 1
    assert widget.image.count() == 1  # it is no image to segment
    widget.strokes.uncertainty.setChecked(False)
    assert not layer.visible


def test_strokes_on_several_images_count_together(viewer, image, widget, strokes, qtbot, run,
                                                  make_micrograph):  # fmt: skip
    other = viewer.add_image(
        make_micrograph(seed=5), name="other", scale=(0.5, 0.5), units=("um", "um")
    )
    draw(strokes, 1, spots(image, 105, 135))
    widget.image.setCurrentText("other")
    widget.strokes.paint.click()
    second = viewer.layers["Strokes of other"]

    def press():
        draw(second, 2, spots(other, 195, 256))

    assert settle(qtbot, widget, press) == ""
    # One phase on each image: together there are two.
    assert "Phases of other (live)" in viewer.layers
    assert widget.painting.model.segmenter.names == {1: "matrix", 2: "carbide"}
    # Without its image a layer of strokes does not count.
    said = settle(qtbot, widget, lambda: viewer.layers.remove(image))
    assert "at least two phases" in said


def test_removed_phase_does_not_count_but_its_strokes_stay(viewer, image, widget, strokes, qtbot):
    settle(qtbot, widget, lambda: paint_all(strokes, image))
    mine = strokes.data.copy()
    widget.strokes.phases.choose(3)
    settle(qtbot, widget, widget.strokes.phases.remove.click)
    assert set(np.unique(viewer.layers[LIVE].data)) == {1, 2}
    np.testing.assert_array_equal(strokes.data, mine)


def test_whole_image_becomes_phases(viewer, image, widget, strokes, qtbot, run):
    from napari_qualify.micrograph import read

    settle(qtbot, widget, lambda: paint_all(strokes, image))
    live = viewer.layers[LIVE]
    assert widget.measure.layer.count() == 0  # live phases are no result
    run(widget, widget.strokes.whole.click)
    layer = viewer.layers["field phases"]
    assert layer.units == image.units
    np.testing.assert_array_equal(layer.translate, image.translate)
    phases = phases_from_layer(take(layer))
    assert phases.names == {1: "matrix", 2: "carbide", 3: "pore"}
    assert phases.source == read(take(image)).content_hash
    assert phases.made_by["segmenter"] == "ScribbleSegmenter"
    np.testing.assert_array_equal(layer.data, live.data)  # of the whole, live is the same
    assert not live.visible
    assert [row[0] for row in widget.table.as_text()] == ["matrix", "carbide", "pore"]
    settle(qtbot, widget, lambda: draw(strokes, 1, spots(image, 105, 135, 3, seed=9)))
    assert live.visible


def test_whole_without_strokes_is_a_message(image, widget, messages):
    widget.strokes.whole.click()
    assert "no strokes yet" in messages()[-1]
    assert not widget.runner.busy


def test_saved_model_segments_another_image(
    viewer, image, widget, strokes, run, make_micrograph, tmp_path, monkeypatch, qtbot
):
    paint_all(strokes, image)
    folder = tmp_path / "model"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(folder), ""))
    run(widget, widget.strokes.save.click)
    assert {path.name for path in folder.iterdir()} == {"model.json", "model.safetensors"}
    run(widget, lambda: widget.choose_model(str(folder)))
    assert "Learned from strokes" in widget.network.card.text()
    other = viewer.add_image(make_micrograph(seed=7), name="other", scale=(0.5, 0.5),
                             units=("um", "um"))  # fmt: skip
    widget.image.setCurrentText("other")
    run(widget, widget.network.start.click)
    truth = 1 + (other.data > 165) + 2 * (other.data < 80)
    assert np.mean(viewer.layers["other phases"].data == truth) > 0.9


def test_live_can_be_switched_off(viewer, image, widget, strokes, qtbot):
    widget.strokes.live.setChecked(False)
    paint_all(strokes, image)
    qtbot.wait(400)
    assert LIVE not in viewer.layers
    settle(qtbot, widget, lambda: widget.strokes.live.setChecked(True))
    assert LIVE in viewer.layers


def test_cancelled_whole_image_leaves_no_layer(viewer, image, widget, strokes, qtbot, run):
    paint_all(strokes, image)
    widget.runner.progressed.connect(lambda *_: widget.runner.cancel())
    before = [layer.name for layer in viewer.layers]
    start = time.monotonic()
    assert "Stopped" in run(widget, widget.strokes.whole.click)
    assert time.monotonic() - start < 2
    assert [layer.name for layer in viewer.layers] == before
    assert widget.strokes.isEnabled()


@pytest.mark.parametrize(
    ("region", "shape"),
    [
        (None, (96, 96)),
        (None, (5000, 3000)),
        ((0, 0, 4000, 100), (5000, 3000)),
        ((4990, 2990, 10, 10), (5000, 3000)),
        ((10, 20, 300, 200), (5000, 3000)),
    ],
)
def test_live_region_is_inside_and_not_too_large(region, shape):
    y, x, height, width = live_region(region, shape)
    assert 0 <= y <= y + height <= shape[0] and 0 <= x <= x + width <= shape[1]
    assert height * width <= LIVE_PIXELS
    assert min(height, width) >= min(LIVE_SIDE, *shape)
    if region and region[2] * region[3] <= LIVE_PIXELS and min(region[2:]) >= LIVE_SIDE:
        assert (y, x, height, width) == region


def test_large_view_is_predicted_around_its_middle():
    y, x, height, width = live_region((1000, 500, 2000, 2000), (5000, 3000))
    assert abs(y + height / 2 - 2000) <= 1 and abs(x + width / 2 - 1500) <= 1
    assert height * width > 0.99 * LIVE_PIXELS


def test_strokes_keep_their_record_free_of_phases(viewer, strokes):
    assert "names" not in strokes.metadata[KEY]
    assert strokes.metadata[KEY]["stroke_names"] == {"1": "matrix", "2": "carbide", "3": "pore"}
