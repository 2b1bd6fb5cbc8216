"""Measure: the table, its CSV, the histogram, and the particles as a layer."""

import numpy as np
import pandas as pd
import pytest
from qtpy.QtWidgets import QFileDialog

import napari_qualify as nq
from napari_qualify.segment.label_images import phases_from_layer
from napari_qualify.widgets.histogram import Histogram
from napari_qualify.widgets.measure_tasks import number
from napari_qualify.widgets.segment import SegmentWidget
from napari_qualify.widgets.sources import KEY, take


@pytest.fixture
def widget(viewer, qtbot):
    made = SegmentWidget(viewer)
    qtbot.addWidget(made)
    made.tabs.setCurrentIndex(4)
    return made


@pytest.fixture
def labels(viewer):
    """Sixteen squares of 4 pixels of 0.5 um, 2 um a side, and one that the border cuts."""
    data = np.ones((96, 96), np.uint8)
    for y in range(10, 90, 22):
        for x in range(10, 90, 22):
            data[y : y + 4, x : x + 4] = 2
    data[0:4, 40:44] = 2
    return viewer.add_labels(
        data,
        name="squares",
        metadata={KEY: {"names": {"1": "matrix", "2": "carbide"}}},
        scale=(0.5, 0.5),
        translate=(10, 20),
        units=("um", "um"),
    )


@pytest.fixture
def measured(widget, labels, run):
    run(widget, widget.measure.start.click)
    return widget


def cell(widget, phase, measure, column):
    rows = widget.measure.table.as_text()
    return next(row[column] for row in rows if row[:2] == [phase, measure])


def test_only_layers_with_named_phases_are_offered(viewer, widget, labels):
    viewer.add_labels(np.zeros((32, 32), int), name="bare")
    view = widget.measure
    assert [view.layer.itemText(i) for i in range(view.layer.count())] == ["squares"]
    viewer.layers.remove(labels)
    assert view.layer.count() == 0
    assert not view.start.isEnabled()


def test_table_is_that_of_the_verb_with_units(labels, measured):
    table = nq.measure(phases_from_layer(take(labels)))
    assert len(measured.measure.table.as_text()) == len(table)
    share = np.mean(labels.data == 2)
    assert cell(measured, "carbide", "area fraction", 2) == f"{100 * share:.4g}"
    assert cell(measured, "carbide", "area fraction", 4) == "%"
    assert cell(measured, "carbide", "count", 2) == "17"
    assert cell(measured, "carbide", "diameter", 4) == "µm"
    diameter = float(cell(measured, "carbide", "diameter", 2))
    assert diameter == pytest.approx(2 * 2 / np.sqrt(np.pi), rel=1e-3)


def test_one_phase_at_a_time(measured):
    measured.measure.phase.setCurrentText("carbide")
    assert {row[0] for row in measured.measure.table.as_text()} == {"carbide"}
    measured.measure.phase.setCurrentIndex(0)
    assert {row[0] for row in measured.measure.table.as_text()} == {"matrix", "carbide"}


def test_csv_holds_every_measure(labels, measured, tmp_path, monkeypatch):
    path = tmp_path / "out"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(path), ""))
    measured.measure.phase.setCurrentText("carbide")
    measured.measure.save.click()
    found = pd.read_csv(tmp_path / "out.csv", keep_default_na=True)
    expected = nq.measure(phases_from_layer(take(labels)))
    assert list(found.columns) == list(expected.columns)
    assert list(found["measure"]) == list(expected["measure"])
    np.testing.assert_allclose(found["value"], expected["value"])


def test_histogram_leaves_cut_particles_out(measured, qtbot):
    view = measured.measure
    assert view.of.currentText() == "carbide"  # the phase with most particles
    assert view.values.currentText() == "equivalent diameter (µm)"
    assert view.histogram.counts.sum() == pytest.approx(16)
    assert view.histogram.mean == pytest.approx(4 / np.sqrt(np.pi))
    view.values.setCurrentText("area (µm²)")
    assert view.histogram.mean == pytest.approx(4)


def test_particles_become_a_layer_with_features(viewer, labels, measured, run):
    run(measured, measured.measure.particles.click)
    layer = viewer.layers["carbide particles of squares"]
    assert layer.data.max() == 17
    np.testing.assert_array_equal(layer.data > 0, labels.data == 2)
    np.testing.assert_array_equal(layer.translate, labels.translate)
    assert layer.units == labels.units
    features = layer.features
    assert len(features) == 17
    one = features.set_index("index").loc[int(layer.data[12, 12])]
    assert one["area_um2"] == pytest.approx(4)
    assert not one["touches_border"]
    assert layer.metadata[KEY]["made_by"]["phase"] == "carbide"
    # Particles are no phases.
    assert measured.measure.layer.count() == 1


def test_edits_are_said_beside_the_measures(viewer, labels, widget, run):
    labels.metadata[KEY] = {**labels.metadata[KEY], "made_by": {"segmenter": "x"}}
    labels.brush_size = 1
    labels.paint((60, 60), 2)
    run(widget, widget.measure.start.click)
    assert "Corrected by hand: 1 strokes, 1 pixels" in widget.measure.note.text()


def test_uncalibrated_labels_are_said(viewer, widget, labels, run):
    labels.units = ("pixel", "pixel")
    run(widget, widget.measure.start.click)
    assert "lengths are in pixels" in widget.measure.note.text()
    assert cell(widget, "carbide", "diameter", 4) == "px"


@pytest.mark.parametrize("values", [[], [np.nan], [2.0], [1.0, 2.0, np.inf], list(range(5000))])
def test_histogram_paints_whatever_comes(qtbot, values):
    made = Histogram()
    qtbot.addWidget(made)
    made.resize(300, 150)
    blank = made.grab().toImage()
    made.show_values(values, "x (µm)", (255, 0, 0))
    assert made.counts.sum() == np.isfinite(values).sum()
    assert len(made.edges) <= 41
    if made.counts.size:
        assert made.grab().toImage() != blank


@pytest.mark.parametrize(
    ("value", "words"),
    [(17.0, "17"), (0.0, "0"), (1.23456, "1.235"), (1e-6, "1e-06"), (float("nan"), "–")],
)
def test_numbers_are_written_with_four_digits(value, words):
    assert number(value) == words
