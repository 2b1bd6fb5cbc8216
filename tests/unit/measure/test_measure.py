import math
import tracemalloc

import numpy as np
import pandas as pd
import pytest

import napari_qualify as nq
from napari_qualify.errors import UsageError
from napari_qualify.measure.particles import find_particles
from napari_qualify.measure.run import COLUMNS, measure
from napari_qualify.measure.table import MEASURES
from napari_qualify.segment.phases import Phases


def separate_disks(seed: int, side: int = 400, radius: int = 7) -> np.ndarray:
    """Disks on a jittered grid, so that none touch; those at the border are cut."""
    rng = np.random.default_rng(seed)
    step = 4 * radius
    y, x = np.mgrid[0:side, 0:side]
    shift = rng.uniform(0, step, 2)
    mask = np.zeros((side, side), bool)
    for row in np.arange(-step, side + step, step) + shift[0]:
        for column in np.arange(-step, side + step, step) + shift[1]:
            cy, cx = np.array([row, column]) + rng.uniform(-radius, radius, 2) * 0.9
            mask |= (y - cy) ** 2 + (x - cx) ** 2 <= radius**2
    return mask


def field(mask: np.ndarray, size: float | None = None, image: str = "a.tif") -> Phases:
    return Phases(mask.astype(np.uint8) + 1, {1: "matrix", 2: "pore"}, size, image=image)


def row(table: pd.DataFrame, name: str, phase: str = "pore") -> pd.Series:
    found = table[(table["phase"] == phase) & (table["measure"] == name)]
    assert len(found) == 1
    return found.iloc[0]


@pytest.fixture(scope="module")
def mask() -> np.ndarray:
    return separate_disks(0)


def test_the_table_has_one_row_per_image_phase_and_measure(mask: np.ndarray) -> None:
    mask = mask[:150, :150]
    table = nq.measure([field(mask), field(mask.T, image="b.tif")])
    assert tuple(table.columns) == COLUMNS
    everywhere = [name for name, each in MEASURES.items() if not each.phases]
    pores = [name for name, each in MEASURES.items() if each.suits("pore")]
    assert table[table["phase"] == "matrix"]["measure"].tolist() == 2 * everywhere
    assert table[table["phase"] == "pore"]["measure"].tolist() == 2 * pores
    assert set(pores) - set(everywhere) == {"porosity"}
    assert not table.duplicated(["image", "phase", "measure"]).any()
    assert table["method"].str.startswith("within-field").all()
    assert list(measure([]).columns) == list(COLUMNS)


def test_area_fraction_is_the_share_of_all_pixels(mask: np.ndarray) -> None:
    table = measure(field(mask))
    found = row(table, "area_fraction")
    assert found["value"] == mask.mean()
    assert found["low"] < found["value"] < found["high"]
    assert (found["unit"], found["n"]) == ("", 36)
    other = row(table, "area_fraction", "matrix")
    assert found["value"] + other["value"] == pytest.approx(1)
    assert (other["low"], other["high"]) == pytest.approx((1 - found["high"], 1 - found["low"]))


def test_pixels_of_no_phase_count_as_area() -> None:
    labels = np.zeros((40, 40), int)
    labels[:, :10] = 5
    table = measure(Phases(labels, {5: "pore"}))
    assert row(table, "area_fraction")["value"] == 0.25


def test_values_scale_with_the_pixel_size(mask: np.ndarray) -> None:
    px, um = measure(field(mask)), measure(field(mask, 0.5))
    for name, power, units in (
        ("area_fraction", 0, ("", "")),
        ("count", 0, ("", "")),
        ("number_density", -2, ("1/px2", "1/um2")),
        ("equivalent_diameter", 1, ("px", "um")),
    ):
        a, b = row(px, name), row(um, name)
        assert b["value"] == pytest.approx(a["value"] * 0.5**power)
        if name != "count":
            assert b["low"] == pytest.approx(a["low"] * 0.5**power)
        assert (a["unit"], b["unit"]) == units


def test_measuring_twice_gives_the_same_table(mask: np.ndarray) -> None:
    mask = mask[:200, :200]
    pd.testing.assert_frame_equal(measure(field(mask, 0.5)), measure(field(mask, 0.5)))


def test_a_disk_has_its_diameter_and_the_border_its_correction() -> None:
    density, diameter = [], []
    for seed in range(8):
        names = ["count", "number_density", "equivalent_diameter"]
        table = measure(field(separate_disks(seed, side=200)), names)
        density.append(row(table, "number_density")["value"])
        diameter.append(row(table, "equivalent_diameter")["value"])
        assert row(table, "count")["value"] > 49  # (200 / 28)^2 = 51, and the cut ones
    assert np.mean(density) == pytest.approx(1 / 28**2, rel=0.02)
    assert np.mean(diameter) == pytest.approx(14, rel=0.01)


def test_dropping_cut_particles_without_weights_would_be_biased() -> None:
    # Large squares are cut more often: the plain mean of those inside is low.
    rng = np.random.default_rng(4)
    weighted, plain, truth = [], [], []
    for _ in range(150):
        mask = np.zeros((330, 330), bool)
        sides = rng.choice([4, 40], 36)
        cells = [(r, c) for r in range(6) for c in range(6)]
        for (r, c), side in zip(cells, sides, strict=True):
            top, left = 55 * r + rng.integers(0, 55 - side), 55 * c + rng.integers(0, 55 - side)
            mask[top : top + side, left : left + side] = True
        y, x = rng.integers(60, 115, 2)  # anywhere relative to the grid of squares
        found = find_particles(mask[y : y + 140, x : x + 140])
        weighted.append((found.weight.sum(), (found.weight * found.diameter).sum()))
        plain.append((found.inside.sum(), found.diameter[found.inside].sum()))
        truth.append(np.sqrt(4 * sides**2 / math.pi).mean())
    by_weight, by_number = np.sum(weighted, 0), np.sum(plain, 0)
    assert by_weight[1] / by_weight[0] == pytest.approx(np.mean(truth), rel=0.05)
    assert by_number[1] / by_number[0] < 0.85 * np.mean(truth)


def test_a_phase_that_is_absent_gets_a_bound_from_the_grain_of_the_field(
    mask: np.ndarray,
) -> None:
    names = {1: "matrix", 2: "carbide", 3: "crack"}
    table = measure(Phases(mask.astype(np.uint8) + 1, names))
    found = row(table, "area_fraction", "crack")
    assert (found["value"], found["low"]) == (0, 0)
    assert found["high"] == pytest.approx(1 - 0.025 ** (1 / found["n"]))
    assert "Clopper-Pearson" in found["method"]
    assert row(table, "count", "crack")["value"] == 0
    assert row(table, "number_density", "crack")["value"] == 0
    assert math.isnan(row(table, "equivalent_diameter", "crack")["value"])


def test_a_field_of_one_phase_has_no_interval() -> None:
    table = measure(Phases(np.ones((64, 64), int), {1: "matrix", 2: "pore"}))
    for phase, value in (("matrix", 1), ("pore", 0)):
        found = row(table, "area_fraction", phase)
        assert found["value"] == value
        assert math.isnan(found["low"])
        assert "no interval" in found["method"]


def test_a_coarse_field_has_no_interval_and_says_why() -> None:
    mask = np.zeros((60, 60), bool)
    mask[:, :31] = True
    found = row(measure(field(mask)), "area_fraction")
    assert math.isnan(found["low"]) and math.isnan(found["high"])
    assert "9 are needed" in found["method"]


def test_few_particles_have_no_interval() -> None:
    mask = np.zeros((200, 200), bool)
    for i in range(4):
        mask[20 + 45 * i : 26 + 45 * i, 100:106] = True
    table = measure(field(mask))
    assert row(table, "equivalent_diameter")["value"] == pytest.approx(math.sqrt(4 * 36 / math.pi))
    assert math.isnan(row(table, "equivalent_diameter")["low"])
    assert "too few particles" in row(table, "number_density")["method"]


def test_measures_are_chosen_by_name_for_every_phase(mask: np.ndarray) -> None:
    table = measure(field(mask), ["porosity", "count"])
    assert table["phase"].tolist() == ["matrix", "matrix", "pore", "pore"]
    assert table["measure"].tolist() == ["porosity", "count"] * 2  # the table's order
    assert row(table, "porosity")["value"] == mask.mean()
    assert measure(field(mask), "count")["measure"].tolist() == ["count"] * 2
    with pytest.raises(UsageError, match="no measure 'sharpness'; the measures are area_fraction"):
        measure(field(mask), ["count", "sharpness"])


def test_a_measure_is_worked_out_once_for_all_of_its_rows(mask: np.ndarray) -> None:
    whole = measure(field(mask)).set_index(["phase", "measure"])
    for name in ("equivalent_diameter_d10", "equivalent_diameter_d90"):
        alone = row(measure(field(mask), [name]), name)
        assert alone["value"] == whole.loc[("pore", name), "value"]
        assert alone["low"] <= alone["value"] <= alone["high"]


@pytest.mark.parametrize(
    ("phase", "measures"),
    [
        ("Pores", {"porosity"}),
        ("open porosity", {"porosity"}),
        ("void", {"porosity"}),
        ("crack", {"crack_opening"}),
        ("oxide layer", {"layer_thickness"}),
        ("grain boundaries", {"grain_size_number"}),
        ("carbide", set()),
        ("spore", set()),
        ("cracked", set()),
    ],
)
def test_some_measures_go_by_the_name_of_the_phase(phase: str, measures: set[str]) -> None:
    some = {"porosity", "crack_opening", "layer_thickness", "grain_size_number"}
    suiting = {name for name, each in MEASURES.items() if each.suits(phase)}
    assert suiting & some == measures
    assert {"area_fraction", "mean_free_path"} <= suiting


def test_a_uniform_sample_changes_as_its_scale(mask: np.ndarray) -> None:
    mask = mask[:200, :200]
    px, um = measure(field(mask)), measure(field(mask, 0.5))
    power = {"px": 1, "px2": 2, "1/px": -1, "1/px2": -2, "": 0}
    for (_, a), (_, b) in zip(px.iterrows(), um.iterrows(), strict=True):
        assert a["unit"].replace("px", "um") == b["unit"]
        for key in ("value", "low", "high"):
            expected = a[key] * 0.5 ** power[a["unit"]]
            assert b[key] == pytest.approx(expected, nan_ok=True), a["measure"]


@pytest.mark.parametrize("turn", [np.rot90, np.flipud, np.transpose])
def test_turning_the_field_changes_no_value(mask: np.ndarray, turn) -> None:
    mask = mask[:200, :150]
    upright, turned = measure(field(mask)), measure(field(np.ascontiguousarray(turn(mask))))
    for (_, a), (_, b) in zip(upright.iterrows(), turned.iterrows(), strict=True):
        assert b["value"] == pytest.approx(a["value"], nan_ok=True), a["measure"]


def test_a_mosaic_takes_a_few_times_its_own_memory() -> None:
    disk = separate_disks(4, 400)
    labels = np.tile(disk, (8, 8)).astype(np.uint8) + 1
    phases = Phases(labels, {1: "matrix", 2: "carbide"}, 0.5)
    tracemalloc.start()
    table = measure(phases, ["area_fraction", "mean_free_path"])
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 12 * labels.nbytes
    assert row(table, "area_fraction", "carbide")["value"] == disk.mean()
    assert table["low"].notna().all()
