import numpy as np
import pytest

from napari_qualify.errors import SegmentationError
from napari_qualify.measure.objects import label_objects, labels_and_objects, measure_objects
from napari_qualify.measure.run import measure
from napari_qualify.segment.phases import Phases
from napari_qualify.synthetic.geometry import Process, rasterise


def phases(size: float | None) -> Phases:
    process = Process(
        0.002, lambda rng, n: rng.uniform(6, 14, n), lambda rng, n: rng.uniform(1, 2, n), gap=2.0
    )
    drawn = rasterise(process.draw(np.random.default_rng(3), 400), 200, 1.0)
    return Phases(drawn.labels, drawn.names, size)


def test_every_particle_has_its_row_and_the_unit_is_a_suffix() -> None:
    px, um = measure_objects(phases(None), "particle"), measure_objects(phases(0.5), "particle")
    assert list(um.columns) == [
        "label", "area_um2", "equivalent_diameter_um", "aspect_ratio", "circularity",
        "centroid_y_um", "centroid_x_um", "touches_border", "weight_per_um2",
    ]  # fmt: skip
    for a, b in zip(px.columns, um.columns, strict=True):
        assert a.replace("px", "um") == b
        power = 0.25 if b == "area_um2" else 4 if b == "weight_per_um2" else 0.5
        factor = power if "um" in b else 1
        assert um[b].to_numpy(float) == pytest.approx(px[a].to_numpy(float) * factor)


def test_rows_belong_to_the_label_image() -> None:
    field = phases(None)
    labels, table = labels_and_objects(field, "particle")
    assert np.array_equal(labels, label_objects(field, "particle"))
    assert np.array_equal(labels > 0, field.mask("particle"))
    assert table["area_px2"].tolist() == np.bincount(labels.ravel())[1:].tolist()
    edge = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    assert set(table["label"][table["touches_border"]]) == set(edge[edge > 0].tolist())
    for _, each in table.iterrows():
        y, x = np.nonzero(labels == each["label"])
        assert (each["centroid_y_px"], each["centroid_x_px"]) == pytest.approx((y.mean(), x.mean()))


def test_weighted_means_of_the_rows_are_the_measures() -> None:
    field = phases(0.5)
    table = measure_objects(field, "particle")
    values = measure(field).set_index(["phase", "measure"])["value"]["particle"]
    weight = table["weight_per_um2"]
    assert weight.sum() == pytest.approx(values["number_density"])
    for name in ("aspect_ratio", "circularity"):
        assert np.average(table[name], weights=weight) == pytest.approx(values[name])
    mean = np.average(table["equivalent_diameter_um"], weights=weight)
    assert mean == pytest.approx(values["equivalent_diameter"])
    assert len(table) == values["count"]


def test_no_particles_and_no_phase() -> None:
    empty = Phases(np.ones((20, 20), np.uint8), {1: "matrix", 2: "pore"})
    assert measure_objects(empty, "pore").empty
    assert not label_objects(empty, "pore").any()
    with pytest.raises(SegmentationError, match="No phase named 'crack'"):
        measure_objects(empty, "crack")
