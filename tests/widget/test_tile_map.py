"""The tile map in the window: in the evidence, and as a layer over its image."""

import numpy as np
import pytest

from napari_qualify.library.store import open_library
from napari_qualify.widgets.qualify import QualifyWidget
from napari_qualify.widgets.sources import KEY


@pytest.fixture
def widget(viewer, qtbot, tmp_path, run, make_micrograph):
    """Verdicts of two fields by the tiles of three accepted ones, and by statements."""
    library = open_library(tmp_path / "steel", create=True)
    library.add_criterion("local", rule="tiles", tile_um=16.0)
    library.add_criterion("porosity", accept=["few pores"], reject=["many pores"])
    made = QualifyWidget(viewer)
    qtbot.addWidget(made)
    made.open_library(str(library.path))
    for seed in range(5):
        viewer.add_image(
            make_micrograph(seed=seed, pores=1), name=f"field {seed}", scale=(0.5, 0.5),
            translate=(10, 20), units=("um", "um"), axis_labels=("y", "x"),
        )  # fmt: skip
    viewer.layers.selection = {viewer.layers[f"field {i}"] for i in range(3)}
    run(made, made.references.accepted.click)
    viewer.layers.selection = {viewer.layers["field 3"], viewer.layers["field 4"]}
    run(made, made.classify.click)
    return made


def choose(widget, row, criterion):
    widget.verdicts.chosen.emit(row, criterion)


def edges(layer):
    """Outer edges of the first and of the last pixel."""
    half = np.array(layer.scale) / 2
    return layer.extent.world + np.array([-half, half])


def test_the_map_lies_exactly_over_its_image(viewer, widget):
    choose(widget, 1, "local")
    view = widget.evidence.tile_map
    assert not view.isHidden() and "strangest tile" in view.words.text()
    assert not view.picture.pixmap().isNull()
    view.show_layer.click()
    layer, image = viewer.layers["field 4: tile map, local"], viewer.layers["field 4"]
    np.testing.assert_allclose(edges(layer), edges(image))
    assert layer.units == image.units and layer.axis_labels == image.axis_labels
    hottest = np.unravel_index(np.argmax(layer.data), layer.data.shape)
    tile = widget._classified.assessments[1]["local"].evidence.hottest
    y, x = image.world_to_data(layer.data_to_world(hottest))
    assert tile.y - 1 <= y <= tile.y + tile.height and tile.x - 1 <= x <= tile.x + tile.width


def test_its_image_is_shown_alone_and_a_second_press_adds_nothing(viewer, widget):
    before = viewer.layers.selection.active
    choose(widget, 0, "local")
    widget.evidence.tile_map.show_layer.click()
    widget.evidence.tile_map.show_layer.click()
    seen = [layer.name for layer in viewer.layers if layer.visible]
    assert seen == ["field 3", "field 3: tile map, local"] and len(viewer.layers) == 6
    assert viewer.layers.selection.active is before
    choose(widget, 1, "local")
    widget.evidence.tile_map.show_layer.click()
    assert [x.name for x in viewer.layers if x.visible] == ["field 4", "field 4: tile map, local"]
    # Both have the range of the references.
    ranges = {tuple(x.contrast_limits) for x in viewer.layers if "tile map" in x.name}
    assert len(ranges) == 1


def test_a_map_is_no_micrograph_to_judge(viewer, widget):
    choose(widget, 0, "local")
    widget.evidence.tile_map.show_layer.click()
    assert viewer.layers["field 3: tile map, local"] not in widget.link.images()
    viewer.layers["field 3"].metadata[KEY]["assessment"]["verdicts"][0]["evidence"]["hottest"]


def test_other_criteria_and_the_overall_verdict_have_no_map(viewer, widget):
    choose(widget, 0, "local")
    choose(widget, 0, "porosity")
    assert widget.evidence.tile_map.isHidden()
    choose(widget, 0, "local")
    assert not widget.evidence.tile_map.isHidden()
    choose(widget, 0, "")
    assert widget.evidence.tile_map.isHidden()


def test_without_its_image_nothing_is_shown(viewer, widget):
    choose(widget, 0, "local")
    viewer.layers.remove("field 3")
    widget.evidence.tile_map.show_layer.click()
    assert not any("tile map" in layer.name for layer in viewer.layers)
