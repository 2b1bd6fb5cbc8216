"""Qualify: criteria, references with undo, verdicts with their evidence."""

import numpy as np
import pytest

from napari_qualify.library.store import open_library
from napari_qualify.widgets.qualify import QualifyWidget
from napari_qualify.widgets.sources import KEY


@pytest.fixture
def library(tmp_path):
    made = open_library(tmp_path / "steel", create=True)
    made.add_criterion("porosity", accept=["few pores"], reject=["many pores"])
    return made


@pytest.fixture
def widget(viewer, qtbot, library):
    made = QualifyWidget(viewer)
    qtbot.addWidget(made)
    made.open_library(str(library.path))
    return made


def select(viewer, *names):
    viewer.layers.selection = {viewer.layers[name] for name in names}


def add_images(viewer, make_micrograph, count=4):
    for seed in range(count):
        viewer.add_image(
            make_micrograph(seed=seed, pores=1 if seed % 2 else 12),
            name=f"field {seed}",
            scale=(0.5, 0.5),
            units=("um", "um"),
        )


@pytest.fixture
def referenced(viewer, widget, qtbot, run, make_micrograph):
    """Two accepted and two rejected references, and two more images."""
    add_images(viewer, make_micrograph, 6)
    select(viewer, "field 1", "field 3")
    run(widget, widget.references.accepted.click)
    select(viewer, "field 0", "field 2")
    run(widget, widget.references.rejected.click)
    return widget


def test_library_is_shown(widget):
    assert widget.library_box.name.text() == "steel"
    assert "lite" in widget.library_box.info.text()
    assert widget.criteria.table.as_text() == [["porosity", "0", "0", "9 accepted, 9 rejected"]]
    assert widget.references.title() == "Add a reference for porosity"


def test_without_a_library_nothing_can_be_asked(viewer, qtbot):
    widget = QualifyWidget(viewer)
    qtbot.addWidget(widget)
    assert not widget.classify.isEnabled()
    assert not widget.references.isEnabled()
    assert "No library" in widget.library_box.name.text()


def test_a_folder_that_is_no_library_is_a_message(widget, tmp_path, messages):
    widget.open_library(str(tmp_path))
    assert str(tmp_path) in messages()[-1]
    assert widget.library_box.name.text() == "steel"


def test_new_library_never_replaces_one(widget, library, messages, tmp_path):
    widget.create_library(str(library.path), "lite")
    assert "exists already" in messages()[-1]
    widget.create_library(str(tmp_path / "other"), "lite")
    assert widget.library_box.name.text() == "other"
    assert (tmp_path / "other.qualify.zarr").is_dir()


def test_another_widget_of_the_viewer_follows(viewer, widget, qtbot, library):
    second = QualifyWidget(viewer)
    qtbot.addWidget(second)
    assert second.library_box.name.text() == "steel"


def test_criterion_is_added_and_changed(widget, library):
    fields = {"name": "spread", "accept": ("even",), "view": "raw", "risk_accept": 0.2}
    widget.write_criterion(fields, replace=False)
    assert [row[0] for row in widget.criteria.table.as_text()] == ["porosity", "spread"]
    widget.write_criterion({**fields, "tile_um": 20.0}, replace=True)
    assert library.criteria["spread"].tile_um == 20.0
    assert library.criteria["spread"].risk_accept == 0.2


def test_wrong_criterion_is_a_message(widget, library, messages):
    widget.write_criterion({"name": "porosity"}, replace=False)
    assert "porosity" in messages()[-1]
    widget.write_criterion({"name": "pores", "limit": "many"}, replace=False)
    assert "many" in messages()[-1]
    assert list(library.criteria) == ["porosity"]


def test_reference_with_the_experts_words(viewer, widget, run, library, image):
    form = widget.references
    form.expert.setText(" Ann ")
    form.group.setText("plate 7")
    form.description.setText("two small pores")
    form.note.setText("etched")
    select(viewer, "field")
    run(widget, form.accepted.click)
    (reference,) = library.references("porosity")
    assert (reference.verdict, reference.expert, reference.group) == ("accept", "Ann", "plate 7")
    assert (reference.description, reference.note) == ("two small pores", "etched")
    assert reference.pixel_size_um == pytest.approx(0.5)
    assert widget.criteria.table.as_text()[0][1:] == ["1", "0", "8 accepted, 9 rejected"]


def test_nothing_selected_is_a_message(viewer, widget, run, library, image, messages):
    viewer.layers.selection.clear()
    run(widget, widget.references.accepted.click)
    assert "No image is selected" in messages()[-1]
    assert not library.references()


def test_undo_takes_back_the_last_addition_only(referenced, library):
    assert len(library.references()) == 4
    referenced.references.undo.click()
    assert {r.verdict for r in library.references()} == {"accept"}
    referenced.references.undo.click()
    assert not library.references()
    assert not referenced.references.undo.isEnabled()


def test_same_image_twice_is_said_and_cannot_be_undone(referenced, viewer, run, library):
    select(viewer, "field 1")
    run(referenced, referenced.references.accepted.click)
    assert "Nothing was added" in referenced.progress.label.text()
    referenced.references.undo.click()  # the rejected two, not the repeated one
    assert {r.image for r in library.references()} == {"field 1", "field 3"}


def test_region_is_the_rectangle_that_was_drawn(viewer, widget, run, library, image):
    select(viewer, "field")
    widget.references.draw.click()
    shapes = viewer.layers["Reference region"]
    assert str(shapes.mode) == "add_rectangle"
    assert shapes.units == image.units
    # In the data coordinates of a layer that has the image's scale.
    shapes.add_rectangles([[[20, 30], [20, 70], [52, 70], [52, 30]]])
    assert widget.references.region
    run(widget, widget.references.accepted.click)
    (reference,) = library.references()
    assert reference.region == (20, 30, 32, 40)
    np.testing.assert_array_equal(library.micrograph(reference).pixels, image.data[20:52, 30:70])


def test_region_in_a_layer_of_another_scale(viewer, widget, run, library, image):
    # World coordinates: the image begins at (10, 20) um with 0.5 um a pixel.
    viewer.add_shapes(
        [[[20, 35], [20, 55], [36, 55], [36, 35]]], shape_type="rectangle", units=("um", "um")
    )
    select(viewer, "field")
    widget.references.source.setCurrentIndex(1)
    run(widget, widget.references.rejected.click)
    (reference,) = library.references()
    assert reference.region == (20, 30, 32, 40)


@pytest.mark.parametrize("case", ["none", "outside", "ellipse"])
def test_region_that_is_none_is_a_message(viewer, widget, library, image, messages, case):
    if case == "outside":
        viewer.add_shapes([[[500, 500], [520, 520]]], shape_type="rectangle", units=("um", "um"))
    if case == "ellipse":
        viewer.add_shapes([[[20, 35], [36, 55]]], shape_type="ellipse", units=("um", "um"))
    select(viewer, "field")
    widget.references.source.setCurrentIndex(1)
    widget.references.accepted.click()
    assert "rectangle" in messages()[-1]
    assert not library.references()


def test_verdicts_words_colours_and_metadata(referenced, viewer, run):
    select(viewer, "field 4", "field 5")
    assert run(referenced, referenced.classify.click)
    rows = referenced.verdicts.table.as_text()
    assert [row[0] for row in rows] == ["field 4", "field 5"]
    words = {"✓ Accept", "? Review", "✗ Reject"}
    assert {row[1] for row in rows} <= words
    record = viewer.layers["field 4"].metadata[KEY]["assessment"]
    shown = record["verdicts"][0]["verdict"]
    assert rows[0][1].endswith(shown.capitalize())
    assert KEY not in viewer.layers["field 1"].metadata
    assert referenced.tabs.currentIndex() == 1


def test_evidence_names_the_nearest_references(referenced, viewer, run):
    select(viewer, "field 1", "field 5")
    run(referenced, referenced.classify.click)
    evidence = referenced.evidence
    assert "porosity" in evidence.title()
    assert evidence.isVisibleTo(referenced)
    assert "risk" in evidence.numbers.text()
    assert evidence.messages.text()  # so few references: it says how many are missing
    assert evidence.accepted.isVisibleTo(referenced)
    # The first row is a reference itself: its own picture is the nearest.
    caption = evidence.accepted.layout().itemAt(0).widget().accessibleName()
    assert caption.startswith("field 1, accepted")
    referenced.verdicts.table.setCurrentCell(1, 2)
    assert evidence.title() == "field 5: overall"


def test_display_settings_never_change_a_verdict(referenced, viewer, run):
    select(viewer, "field 4", "field 5")
    run(referenced, referenced.classify.click)
    before = [
        viewer.layers[name].metadata[KEY]["assessment"]["verdicts"]
        for name in ("field 4", "field 5")
    ]
    for name in ("field 4", "field 5"):
        layer = viewer.layers[name]
        layer.contrast_limits, layer.gamma, layer.colormap = (90, 130), 0.4, "viridis"
    run(referenced, referenced.classify.click)
    after = [
        viewer.layers[name].metadata[KEY]["assessment"]["verdicts"]
        for name in ("field 4", "field 5")
    ]
    assert before == after


def test_one_bad_image_does_not_stop_the_others(referenced, viewer, run):
    viewer.add_image(np.full((64, 64), 7, np.uint8), name="blank")
    select(viewer, "field 4", "blank")
    run(referenced, referenced.classify.click)
    rows = referenced.verdicts.table.as_text()
    assert [(row[0], row[-1]) for row in rows][1] == ("blank", "Failed")
    assert "blank" in referenced.verdicts.table.item(1, 0).toolTip()
    assert "1 failed" in referenced.progress.label.text()


def test_report_of_what_is_shown(referenced, viewer, run, tmp_path):
    select(viewer, "field 4", "field 5")
    run(referenced, referenced.classify.click)
    run(referenced, lambda: referenced.save_report(str(tmp_path / "out")))
    assert (tmp_path / "out" / "report.html").is_file()
    table = (tmp_path / "out" / "verdicts.csv").read_text()
    assert "field 4" in table and "field 5" in table
    assert str(tmp_path / "out") in referenced.progress.label.text()
    assert (tmp_path / "out" / "report.html").as_uri() in referenced.progress.link.text()


def test_layer_that_went_while_it_was_judged(referenced, viewer, run):
    select(viewer, "field 4", "field 5")

    def press():
        referenced.classify.click()
        viewer.layers.remove("field 5")

    run(referenced, press)
    assert len(referenced.verdicts.table.as_text()) == 2


def test_disabled_while_it_works(referenced, viewer, run):
    seen = []
    referenced.runner.progressed.connect(lambda *_: seen.append(referenced.body.isEnabled()))
    select(viewer, "field 4")
    run(referenced, referenced.classify.click)
    assert seen and not any(seen)
    assert referenced.body.isEnabled()


def test_cancelled_embedding_keeps_the_references(viewer, widget, run, library, make_micrograph):
    add_images(viewer, make_micrograph, 12)
    viewer.layers.select_all()

    def stop(stage, *_):
        if stage in ("loading the encoder", "embedding"):
            widget.runner.cancel()

    widget.runner.progressed.connect(stop)
    assert "Not embedded yet" in run(widget, widget.references.accepted.click)
    assert len(library.references()) == 12
    assert widget.criteria.table.item(0, 1).text() == "12"
    widget.references.undo.click()
    assert not library.references()


def test_masked_view_takes_the_phases_along(viewer, widget, run, library, image, qtbot):
    from napari_qualify.widgets.segment import SegmentWidget

    segment = SegmentWidget(viewer)
    qtbot.addWidget(segment)
    run(segment, segment.threshold.start.click)
    widget.write_criterion({"name": "carbides", "view": "masked:carbide"}, replace=False)
    widget.criteria.table.selectRow(1)
    select(viewer, "field")
    run(widget, widget.references.accepted.click)
    (reference,) = library.references("carbides")
    phases = library.load_phases(reference.content_hash)
    assert phases.names == {1: "pore", 2: "matrix", 3: "carbide"}
    # And of a region, the same pixels of the phases.
    viewer.add_shapes(
        [[[20, 35], [20, 55], [36, 55], [36, 35]]], shape_type="rectangle", units=("um", "um")
    )
    widget.references.source.setCurrentIndex(1)
    select(viewer, "field")
    run(widget, widget.references.rejected.click)
    part = library.load_phases(library.references("carbides")[1].content_hash)
    np.testing.assert_array_equal(part.labels, phases.labels[20:52, 30:70])
    assert part.pixel_size_um == pytest.approx(0.5)


def test_double_click_shows_the_micrograph_alone(referenced, viewer, run):
    select(viewer, "field 4", "field 5")
    run(referenced, referenced.classify.click)
    referenced.verdicts.table.cellActivated.emit(0, 1)
    assert [layer.name for layer in viewer.layers if layer.visible] == ["field 4"]
    assert {layer.name for layer in viewer.layers.selection} == {"field 4", "field 5"}
