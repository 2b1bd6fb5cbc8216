"""What the widgets of a viewer share, and that they go with it."""

import gc
import weakref

import pytest

from napari_qualify.widgets.embed import EmbedWidget
from napari_qualify.widgets.qualify import QualifyWidget
from napari_qualify.widgets.segment import SegmentWidget
from napari_qualify.widgets.viewer import ViewerLink, session


def test_session_belongs_to_the_viewer_not_to_its_proxy(viewer):
    from napari.utils._proxies import PublicOnlyProxy

    # napari makes a new proxy for each widget; the first is soon gone.
    first = session(PublicOnlyProxy(viewer))
    gc.collect()
    second = session(PublicOnlyProxy(viewer))
    assert first is second
    assert first is session(viewer)


def test_sessions_of_two_viewers_are_apart(viewer):
    from napari.components import ViewerModel

    assert session(ViewerModel()) is not session(viewer)


def test_session_goes_with_its_viewer():
    from napari.components import ViewerModel

    viewer = ViewerModel()
    ref = weakref.ref(session(viewer))
    del viewer
    gc.collect()
    assert ref() is None


@pytest.mark.parametrize("kind", [SegmentWidget, EmbedWidget, QualifyWidget])
def test_viewer_does_not_keep_a_widget_alive(viewer, qtbot, kind):
    widget = kind(viewer)
    ref = weakref.ref(widget)
    widget.deleteLater()
    qtbot.wait(10)
    del widget
    gc.collect()
    assert ref() is None
    viewer.add_points([[1, 1]])  # nobody listens any more


def test_link_sees_selection_and_names(viewer, image, qtbot):
    link = ViewerLink(viewer)
    with qtbot.waitSignal(link.layers_changed):
        viewer.layers.selection.clear()
    with qtbot.waitSignal(link.layers_changed):
        image.name = "other"
    assert link.images(selected=True) == []
    assert [layer.name for layer in link.images()] == ["other"]


def test_note_keeps_what_others_wrote(viewer, image):
    link = ViewerLink(viewer)
    image.metadata["mine"] = 1
    link.note(str(image.unique_id), {"a": 1})
    link.note(str(image.unique_id), {"b": 2})
    link.note("gone", {"c": 3})
    assert image.metadata == {"mine": 1, "napari-qualify": {"a": 1, "b": 2}}
