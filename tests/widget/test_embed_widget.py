"""Embed: what is new is encoded, what the library has is not."""

import pytest

from napari_qualify.library.store import open_library
from napari_qualify.widgets.embed import EmbedWidget


@pytest.fixture
def library(tmp_path):
    return open_library(tmp_path / "steel", create=True)


@pytest.fixture
def widget(viewer, qtbot, library):
    made = EmbedWidget(viewer)
    qtbot.addWidget(made)
    made.open_library(str(library.path))
    return made


def test_second_time_comes_from_the_store(viewer, widget, run, library, make_micrograph):
    for seed in range(3):
        viewer.add_image(make_micrograph(seed=seed), name=f"field {seed}")
    widget.scope.setCurrentIndex(1)
    run(widget, widget.start.click)
    assert widget.result.text().startswith("3 newly encoded, 0 from")
    (fingerprint,) = library.fingerprints()
    viewer.add_image(make_micrograph(seed=3), name="field 3")
    run(widget, widget.start.click)
    assert widget.result.text().startswith("1 newly encoded, 3 from")
    assert list(library.fingerprints()) == [fingerprint]


def test_other_view_is_another_fingerprint(viewer, widget, run, library, image, messages):
    run(widget, widget.start.click)
    widget.view.set_value("masked:carbide")
    run(widget, widget.start.click)
    assert "Segment" in messages()[-1]
    widget.view.set_value("raw")
    widget.tile.set_tile(20.0)
    run(widget, widget.start.click)
    assert len(library.fingerprints()) == 2


def test_images_are_counted(viewer, widget, image):
    assert widget.scope.itemText(0) == "Selected images (1)"
    viewer.layers.selection.clear()
    assert widget.scope.itemText(0) == "Selected images (0)"
    assert widget.scope.itemText(1) == "All images (1)"


def test_without_a_library_it_waits(viewer, qtbot):
    widget = EmbedWidget(viewer)
    qtbot.addWidget(widget)
    assert not widget.start.isEnabled()


def test_unavailable_encoders_are_greyed_with_the_remedy(qtbot):
    from qtpy.QtCore import Qt

    from napari_qualify.embed.registry import EncoderStatus
    from napari_qualify.widgets.encoder_box import EncoderBox

    box = EncoderBox(
        [
            EncoderStatus("clip", False, "no weights found.", "pip install weights"),
            EncoderStatus("lite", True, "offline"),
        ]
    )
    qtbot.addWidget(box)
    assert box.value() == "lite"
    assert not box.model().item(0).isEnabled()
    assert "pip install weights" in box.itemData(0, Qt.ItemDataRole.ToolTipRole)
    box.choose("clip")
    assert box.value() == "lite"
