"""The map: points where they belong, colours that say what they should, points that select."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QColor, QHelpEvent, QWheelEvent
from qtpy.QtWidgets import QApplication, QToolTip

from napari_qualify.batch import embed_files
from napari_qualify.catalogue import Entry
from napari_qualify.library.store import open_library
from napari_qualify.widgets import map_view as module
from napari_qualify.widgets.embed import MAP, EmbedWidget
from napari_qualify.widgets.map_colours import (
    BY_CRITERION,
    BY_GROUP,
    BY_VERDICT,
    PALETTE,
    VERDICTS,
    choices,
    colour,
)
from napari_qualify.widgets.map_view import MapView
from napari_qualify.widgets.scatter import Scatter
from napari_qualify.widgets.scatter_marks import HOLLOW, Mark, legend

GREY = Path(__file__).parents[1] / "grey_encoder"


@pytest.fixture(autouse=True)
def grey_encoder(monkeypatch):
    monkeypatch.syspath_prepend(str(GREY))


# --- the plot -------------------------------------------------------------------

POINTS = np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 3.0], [1.0, 1.0]])


@pytest.fixture
def scatter(qtbot):
    made = Scatter()
    qtbot.addWidget(made)
    made.resize(400, 360)
    made.show_points(POINTS, ["a", "b", "<i>c</i>", "d"], ("PC 1 (60% of variance)", "PC 2 (20%)"))
    made.show_marks([0, 0, 1, 1], [True] * 4, [Mark("one", "#56b4e9"), Mark("two", "#d55e00")])
    made.show()
    qtbot.waitExposed(made)
    return made


def at(scatter, index):
    return QPointF(*scatter.places()[index]).toPoint()


def click(qtbot, scatter, where, modifier=Qt.KeyboardModifier.NoModifier):
    qtbot.mouseClick(scatter, Qt.MouseButton.LeftButton, modifier, where)


def test_both_axes_are_on_one_scale_and_inside(scatter):
    places = scatter.places()
    assert np.ptp(places[:, 0]) / np.ptp(places[:, 1]) == pytest.approx(4 / 3)
    assert all(scatter.plot().contains(QPointF(*p)) for p in places)
    assert places[2, 1] < places[1, 1]  # up is up


def test_points_are_painted_in_their_colours(scatter):
    image = scatter.grab().toImage()
    for index, name in ((0, "#56b4e9"), (2, "#d55e00")):
        assert image.pixelColor(at(scatter, index)) == QColor(name)


def test_a_click_selects_ctrl_adds_and_takes_out_again(scatter, qtbot):
    chosen = []
    scatter.chosen.connect(chosen.append)
    ctrl = Qt.KeyboardModifier.ControlModifier
    click(qtbot, scatter, at(scatter, 1))
    click(qtbot, scatter, at(scatter, 2), ctrl)
    click(qtbot, scatter, at(scatter, 1), ctrl)
    click(qtbot, scatter, QPoint(200, 20))
    assert chosen == [[1], [1, 2], [2], []]


def drag(qtbot, scatter, start, end):
    left = Qt.MouseButton.LeftButton
    qtbot.mousePress(scatter, left, pos=start)
    qtbot.mouseMove(scatter, (start + end) / 2)
    qtbot.mouseMove(scatter, end)
    qtbot.mouseRelease(scatter, left, pos=end)


def test_a_rubber_band_selects_what_is_in_it(scatter, qtbot):
    start, end = at(scatter, 0) + QPoint(-9, 9), at(scatter, 3) + QPoint(6, -6)
    drag(qtbot, scatter, start, end)
    assert scatter.selection == [0, 3]


def test_keys_select_all_and_none(scatter, qtbot):
    qtbot.keyClick(scatter, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert scatter.selection == [0, 1, 2, 3]
    qtbot.keyClick(scatter, Qt.Key.Key_Escape)
    assert scatter.selection == []


def test_double_click_opens_a_point(scatter, qtbot):
    with qtbot.waitSignal(scatter.activated) as blocker:
        qtbot.mouseDClick(scatter, Qt.MouseButton.LeftButton, pos=at(scatter, 2))
    assert blocker.args == [2]


def test_the_wheel_zooms_about_the_pointer(scatter, qtbot):
    here = QPointF(at(scatter, 2))
    before = scatter.places()

    def wheel(steps):
        event = QWheelEvent(
            here, scatter.mapToGlobal(here), QPoint(), QPoint(0, 120 * steps),
            Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(scatter, event)

    wheel(5)
    after = scatter.places()
    np.testing.assert_allclose(after[2], before[2], atol=1)
    assert np.ptp(after[:, 0]) > 2 * np.ptp(before[:, 0])
    wheel(-20)
    np.testing.assert_allclose(scatter.places(), before)


def test_hovering_tells_the_name_as_it_is(scatter):
    where = at(scatter, 2)
    event = QHelpEvent(QEvent.Type.ToolTip, where, scatter.mapToGlobal(where))
    QApplication.sendEvent(scatter, event)
    assert "&lt;i&gt;c&lt;/i&gt;" in QToolTip.text()


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_points_are_shown(scatter, count):
    scatter.show_points(POINTS[:1].repeat(count, axis=0), ["a"] * count, ("x", "y"))
    scatter.grab()
    assert np.isfinite(scatter.places()).all()


def test_ten_thousand_points_are_quick_to_paint_again(scatter):
    import time

    rng = np.random.default_rng(0)
    scatter.show_points(rng.normal(size=(10_000, 2)), ["n"] * 10_000, ("x", "y"))
    scatter.grab()
    start = time.perf_counter()
    for _ in range(5):
        scatter.grab()
    assert time.perf_counter() - start < 5 * 0.2


def test_a_legend_that_is_too_long_counts_the_rest(scatter):
    marks = [Mark(f"specimen {i}", "#000000") for i in range(40)]
    items = legend(marks, [1] * 40, True, scatter.fontMetrics(), 380)
    assert items[-1].words == HOLLOW
    shown = [item for item in items if item.mark is not None]
    assert items[-2].words == f"and {40 - len(shown)} more"
    assert all(item.x < 380 for item in items)


# --- colours --------------------------------------------------------------------


class Said:
    """What a reference says, as far as colours go."""

    def __init__(self, criterion, verdict, group="g"):
        self.criterion, self.verdict, self.group = criterion, verdict, group


ENTRIES = [
    Entry("0", "a", (Said("x", "accept", "s1"), Said("y", "reject", "s1"))),
    Entry("1", "b", (Said("x", "accept", "s2"),)),
    Entry("2", "c", (), {"x": "review"}),
    Entry("3", "d"),
]


def labels(choice):
    kinds, marks = colour(ENTRIES, choice)
    return [marks[kind].label for kind in kinds]


def test_colours_by_verdict_criterion_and_group():
    assert labels(BY_VERDICT) == ["rejected", "accepted", "to review", "no verdict"]
    assert labels(BY_CRITERION + "x") == ["accepted", "accepted", "to review", "no verdict"]
    assert labels(BY_CRITERION + "y") == ["rejected", *["no verdict"] * 3]
    assert labels(BY_GROUP) == ["s1", "s2", "no group", "no group"]
    assert [c for c, _ in choices(ENTRIES)] == [
        BY_VERDICT, BY_CRITERION + "x", BY_CRITERION + "y", BY_GROUP]  # fmt: skip


def test_every_verdict_has_a_shape_of_its_own():
    assert len({mark.shape for mark in VERDICTS.values()}) == len(VERDICTS)
    assert len({mark.colour for mark in VERDICTS.values()}) == len(VERDICTS)


def test_many_groups_share_no_mark_and_the_rest_is_named():
    entries = [Entry(str(i), "a", (Said("x", "accept", f"s{i:03}"),)) for i in range(50)]
    kinds, marks = colour(entries, BY_GROUP)
    assert len({(m.colour, m.shape) for m in marks}) == len(marks)
    assert marks[kinds[-1]].label == "other groups"
    assert len(marks) == 4 * len(PALETTE) + 1


# --- the tab --------------------------------------------------------------------


def field(level, seed=0, side=48):
    rng = np.random.default_rng(seed)
    return rng.integers(level - 30, level + 31, (side, side)).astype(np.uint8)


@pytest.fixture
def library(tmp_path):
    for i in range(8):
        tifffile.imwrite(tmp_path / f"m{i}.tif", field(40 + 20 * i, i))
    made = open_library(tmp_path / "lab", create=True, encoder="grey")
    made.add_criterion("exposure")
    for name, verdict in (("m0.tif", "reject"), ("m7.tif", "accept")):
        made.add_references("exposure", tmp_path / name, verdict, group="s1", embed=False)
    embed_files([tmp_path], made)
    return made


@pytest.fixture
def widget(viewer, qtbot, run, library):
    made = EmbedWidget(viewer)
    qtbot.addWidget(made)
    made.open_library(str(library.path))
    made.resize(460, 900)
    made.show()
    run(made, lambda: made.tabs.setCurrentIndex(MAP))
    return made


def test_the_map_is_drawn_when_its_tab_is_opened(widget):
    view = widget.map
    assert view.scatter.points.shape == (8, 2)
    assert "of variance" in view.scatter._axes[0]
    assert [m.label for m in view.scatter.marks] == ["accepted", "rejected", "no verdict"]
    assert sum(view.scatter._filled) == 2
    # The first component of such vectors is the brightness.
    first = view.scatter.points[:, 0]
    order = np.argsort([int(e.name[1]) for e in view._entries])
    assert len(set(np.sign(np.diff(first[order])))) == 1


def test_it_is_not_drawn_again_for_nothing(widget, qtbot):
    with qtbot.assertNotEmitted(widget.runner.started, wait=100):
        widget.tabs.setCurrentIndex(0)
        widget.tabs.setCurrentIndex(MAP)


def test_new_vectors_draw_it_anew(widget, run, viewer, qtbot):
    viewer.add_image(field(130, 99), name="new")
    widget.tabs.setCurrentIndex(0)
    run(widget, widget.embedding.start.click)
    run(widget, lambda: widget.tabs.setCurrentIndex(MAP))
    assert len(widget.map.scatter.points) == 9


def test_points_select_micrographs_that_open_as_layers(widget, run, viewer, qtbot):
    view = widget.map
    click(qtbot, view.scatter, at(view.scatter, 0))
    (entry,) = view.listed
    assert view.table.as_text()[0][0].splitlines()[0] == entry.name
    assert view.like.isEnabled()
    run(widget, view.open.click)
    assert [layer.name for layer in viewer.layers] == [entry.name]
    view.scatter.select([0, 3])
    assert not view.like.isEnabled()
    assert view.open.text() == "&Open 2 as layers"
    run(widget, view.open.click)
    assert len(viewer.layers) == 2
    run(widget, lambda: view.scatter.activated.emit(5))
    assert len(viewer.layers) == 3


def test_more_like_a_point_goes_to_the_search(widget, run):
    view = widget.map
    view.scatter.select([2])
    name = view.listed[0].name
    run(widget, view.like.click)
    assert widget.tabs.currentIndex() == 1
    assert widget.search.table.as_text()[0][0].startswith(name)


def test_colour_by_group_and_back(widget):
    view = widget.map
    view.colour.setCurrentIndex(view.colour.findData(BY_GROUP))
    assert [m.label for m in view.scatter.marks] == ["s1", "no group"]
    view.colour.setCurrentIndex(0)
    assert view.scatter.marks[0].label == "accepted"


def test_umap_that_is_not_installed_is_greyed_with_the_remedy(qtbot, monkeypatch):
    monkeypatch.setattr(module, "has_umap", lambda: False)
    view = MapView()
    qtbot.addWidget(view)
    assert not view.method.model().item(1).isEnabled()
    assert "pip install umap-learn" in view.method.itemData(1, Qt.ItemDataRole.ToolTipRole)


@pytest.mark.slow
@pytest.mark.skipif(not module.has_umap(), reason="umap-learn is an extra")
def test_umap_in_a_worker(widget, run):
    run(widget, lambda: widget.map.method.setCurrentIndex(1))
    assert widget.map.scatter._axes == ("UMAP 1", "UMAP 2")
    assert widget.map.scatter.points.shape == (8, 2)


def test_an_empty_library_says_what_to_do(viewer, qtbot, tmp_path):
    library = open_library(tmp_path / "empty", create=True, encoder="grey")
    made = EmbedWidget(viewer)
    qtbot.addWidget(made)
    made.open_library(str(library.path))
    made.tabs.setCurrentIndex(MAP)
    assert "embed some" in made.map.scatter.message
    made.map.scatter.grab()
