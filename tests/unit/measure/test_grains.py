import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_qualify.errors import SegmentationError, UsageError
from napari_qualify.measure.grains import (
    count_grains,
    crossings,
    grain_size,
    intercept_number,
    planimetric_number,
)
from napari_qualify.measure.interval import Blocks
from napari_qualify.measure.row import Row
from napari_qualify.segment.phases import Phases


def cells(period: int, side: int, y: int = 0, x: int = 0, width: int = 0) -> np.ndarray:
    """Square grains of one period, shifted by (y, x), with a boundary of 0 between them."""
    rows, columns = (np.arange(side) + y), (np.arange(side) + x)
    numbers = (rows // period)[:, None] * 1000 + (columns // period)[None] + 1
    wall = (rows % period < width)[:, None] | (columns % period < width)[None]
    numbers[wall] = 0
    _, flat = np.unique(numbers, return_inverse=True)
    return (flat.reshape(numbers.shape) + (1 if width == 0 else 0)).astype(np.int32)


def phases(grains: np.ndarray, size: float | None = 1.0) -> Phases:
    return Phases((grains == 0).astype(np.uint8) + 1, {1: "grain", 2: "boundary"}, size)


def measured(grains: np.ndarray, size: float | None = 1.0, **options: object) -> dict[str, Row]:
    found = grain_size(phases(grains, size), "boundary", **options)  # type: ignore[arg-type]
    return {row.measure: row for row in found}


def one_block(shape: tuple[int, int]) -> Blocks:
    return Blocks(np.array([0, shape[0]]), np.array([0, shape[1]]), (1.0, 1.0))


def test_the_constants_are_those_of_the_standard() -> None:
    # E112, table of grain size relationships: G 1 has 15.50 grains per mm2 and G 0 an
    # intercept of 320 um; each number up doubles the grains and divides the intercept by sqrt(2).
    assert planimetric_number(15.50) == pytest.approx(1.0, abs=0.005)
    assert planimetric_number(15.50 * 2**7) == pytest.approx(8.0, abs=0.005)
    assert intercept_number(0.320) == pytest.approx(0.0, abs=0.005)
    assert intercept_number(0.320 / math.sqrt(2) ** 8) == pytest.approx(8.0, abs=0.005)


def test_inside_counts_one_cut_a_half_and_the_corners_one_together() -> None:
    # 5 x 5 grains: 9 inside, 12 cut by a side, 4 at the corners.
    weight = count_grains(cells(10, 50)).weight
    assert sorted(weight) == [0.25] * 4 + [0.5] * 12 + [1.0] * 9
    assert weight.sum() == 9 + 12 / 2 + 1
    found = measured(cells(10, 50, width=2, y=5, x=5))
    # Shifted by half a period: 4 x 4 inside, 4 x 4 cut by a side, 4 at the corners.
    assert found["grain_count_per_area"].value == pytest.approx((16 + 16 / 2 + 1) / 49**2)
    assert found["mean_grain_area"].value == pytest.approx(49**2 / 25)


@pytest.mark.parametrize("width", [0, 1, 3, 5])
def test_over_all_positions_the_count_is_exact_for_any_boundary(width: int) -> None:
    period, side = 9, 40
    found = [
        count_grains(cells(period, side, y, x, width)).weight.sum() / (side - 1) ** 2
        for y in range(period)
        for x in range(period)
    ]
    assert np.mean(found) == pytest.approx(1 / period**2, rel=1e-12)


def test_a_line_counts_its_intercepts_with_half_ends() -> None:
    stripes = np.repeat(np.arange(1, 5), 10)[None].repeat(40, axis=0).astype(np.int32)
    over, under = crossings(stripes, one_block(stripes.shape))
    # Rows: 4 intercepts, the two at the ends count half: 3. Columns: half + half - 1 = 0.
    assert over.sum() == pytest.approx(40 * 3 + 0 + 2 * 38 * 3 / math.sqrt(2))
    assert under.sum() == 2 * 40 * 38 + 2 * 38 * 38


def test_the_boundarys_width_does_not_change_the_intercept() -> None:
    thin, thick = (measured(cells(20, 200, 10, 10, width)) for width in (1, 7))
    one, other = (each["mean_lineal_intercept"].value for each in (thin, thick))
    assert other == pytest.approx(one, rel=0.01)


def test_uncalibrated_grains_have_no_number() -> None:
    found = measured(cells(10, 200, 5, 5, 1), None)
    for name in ("grain_size_number", "grain_size_number_intercept"):
        assert math.isnan(found[name].value)
        assert "no pixel size" in found[name].method
    assert found["grain_count_per_area"].unit == "1/px2"
    assert found["mean_grain_area"].unit == "px2"
    assert found["mean_lineal_intercept"].unit == "px"


def test_numbers_follow_from_the_counts() -> None:
    found = measured(cells(10, 200, 5, 5, 1), 2.0)
    per_area, area = found["grain_count_per_area"], found["mean_grain_area"]
    assert (per_area.unit, area.unit) == ("1/um2", "um2")
    assert area.value == pytest.approx(1 / per_area.value)
    number = found["grain_size_number"]
    for g, n in zip(
        (number.value, number.low, number.high),
        (per_area.value, per_area.low, per_area.high),
        strict=True,
    ):
        assert g == pytest.approx(planimetric_number(n * 1e6))
    assert number.low <= number.value <= number.high
    along, intercept = found["grain_size_number_intercept"], found["mean_lineal_intercept"]
    assert along.value == pytest.approx(intercept_number(intercept.value / 1000))
    assert along.low == pytest.approx(intercept_number(intercept.high / 1000))


@given(st.integers(0, 8), st.integers(0, 8), st.floats(0.1, 10))
@settings(max_examples=15, deadline=None)
def test_twice_the_pixel_size_is_two_numbers_less(y: int, x: int, size: float) -> None:
    one, other = (measured(cells(9, 90, y, x, 1), each) for each in (size, 2 * size))
    for name, power in (("grain_count_per_area", -2), ("mean_lineal_intercept", 1)):
        assert other[name].value == pytest.approx(one[name].value * 2.0**power)
    for name in ("grain_size_number", "grain_size_number_intercept"):
        assert other[name].value == pytest.approx(one[name].value - 2, abs=1e-4)


@given(st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_a_turned_field_has_the_same_counts(seed: int) -> None:
    rng = np.random.default_rng(seed)
    seeds = rng.uniform(0, 90, (30, 2))
    y, x = np.mgrid[:90, :90]
    away = np.hypot(y[..., None] - seeds[:, 0], x[..., None] - seeds[:, 1])
    grains = away.argmin(axis=-1) + 1
    one, other = (measured(each, instances=each) for each in (grains, np.rot90(grains)))
    for name in one:
        assert other[name].value == pytest.approx(one[name].value)


def test_instances_stand_in_for_the_boundary() -> None:
    grains = cells(10, 100, 5, 5, 1)
    found, given_ = measured(grains), measured(grains, instances=7 * grains)
    for name in found:
        assert given_[name].value == pytest.approx(found[name].value)
        assert given_[name].low == pytest.approx(found[name].low)
    assert "label image" in given_["mean_grain_area"].method
    assert "watershed" in found["mean_grain_area"].method
    with pytest.raises(UsageError, match="shape"):
        measured(grains, instances=grains[1:])
    with pytest.raises(SegmentationError, match="No phase named 'wall'"):
        grain_size(phases(grains), "wall")


def test_what_the_standard_asks_for_is_said() -> None:
    few = measured(cells(20, 100, 5, 5, 1))["grain_size_number"].method
    assert "below 50 in this field" in few
    assert "1 field, ASTM E112 asks for 3" in few
    assert "E1382" in few
    many = measured(cells(10, 300, 5, 5, 1), fields=3)
    for name in ("grain_size_number", "grain_size_number_intercept"):
        assert "WARNING" not in many[name].method
        assert "bootstrap" in many[name].method


def test_a_scattered_field_misses_the_relative_accuracy() -> None:
    rng = np.random.default_rng(0)
    seeds = rng.uniform(0, 300, (80, 2))
    y, x = np.mgrid[:300, :300]
    away = np.hypot(y[..., None] - seeds[:, 0], x[..., None] - seeds[:, 1])
    grains = away.argmin(axis=-1) + 1
    row = measured(grains, instances=grains)["grain_count_per_area"]
    assert (row.high - row.low) / 2 / row.value > 0.1
    assert "relative accuracy" in row.method


def test_a_field_of_one_grain_has_no_size() -> None:
    for grains in (np.ones((30, 30), np.int32), np.zeros((30, 30), np.int32)):
        found = measured(grains)
        assert all(math.isnan(row.value) for row in found.values())
        assert "no boundary" in found["grain_size_number"].method
