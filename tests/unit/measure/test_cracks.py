import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_qualify.errors import SegmentationError
from napari_qualify.measure.cracks import crack_geometry, largest_disk
from napari_qualify.measure.row import Row
from napari_qualify.segment.phases import Phases


def cracks(seed: int, number: int = 40, side: int = 300) -> np.ndarray:
    """Straight cracks 30 long and 4 wide, thrown over the field and its surroundings."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side].astype(np.float64)
    mask = np.zeros((side, side), bool)
    for _ in range(rng.poisson(number * (side + 60) ** 2 / side**2)):
        angle = rng.uniform(0, math.pi)
        dy, dx = y - rng.uniform(-30, side + 30), x - rng.uniform(-30, side + 30)
        along = dx * math.cos(angle) + dy * math.sin(angle)
        across = dy * math.cos(angle) - dx * math.sin(angle)
        mask |= (np.abs(along) <= 15) & (np.abs(across) <= 2)
    return mask


def measured(mask: np.ndarray, size: float | None = None) -> dict[str, Row]:
    found = Phases(mask.astype(np.uint8) + 1, {1: "matrix", 2: "crack"}, size)
    return {row.measure: row for row in crack_geometry(found, "crack")}


@pytest.fixture(scope="module")
def mask() -> np.ndarray:
    return cracks(0)


@pytest.mark.parametrize("width", [1, 2, 3, 4, 7])
def test_one_crack_has_the_length_and_opening_drawn(width: int) -> None:
    mask = np.zeros((80, 120), bool)
    mask[30 : 30 + width, 10:110] = True
    rows = measured(mask, 0.5)
    assert rows["crack_length"].value == pytest.approx(50, rel=0.01)
    assert rows["crack_length"].unit == "um"
    assert rows["crack_length_density"].value == pytest.approx(50 / (40 * 60), rel=0.01)
    assert rows["crack_length_density"].unit == "1/um"
    assert rows["crack_opening"].value == pytest.approx(width / 2, rel=0.01)
    assert rows["crack_opening_max"].value == width / 2
    assert "10 are needed" in rows["crack_opening"].method


def test_the_largest_opening_is_where_the_crack_is_widest() -> None:
    y, x = np.mgrid[:60, :160]
    mask = np.abs(y - 30.2) <= 2 + 4 * np.exp(-(((x - 100) / 20) ** 2))
    assert largest_disk(mask) == pytest.approx(12, abs=0.6)
    assert measured(mask)["crack_opening"].value < 8


@given(st.floats(0, math.pi), st.floats(3, 15))
@settings(max_examples=30, deadline=None)
def test_the_largest_disk_of_a_band_is_its_width(angle: float, width: float) -> None:
    y, x = np.mgrid[:80, :80] - 40.3
    band = np.abs(y * math.cos(angle) - x * math.sin(angle)) <= width / 2
    assert largest_disk(band) == pytest.approx(width, abs=1.5)


@pytest.mark.parametrize("width", [3, 6, 11])
def test_over_all_angles_the_largest_disk_is_unbiased(width: float) -> None:
    y, x = np.mgrid[:60, :60] - 30.3
    found = [
        largest_disk(np.abs(y * math.cos(a) - x * math.sin(a)) <= width / 2)
        for a in np.random.default_rng(0).uniform(0, math.pi, 40)
    ]
    assert np.mean(found) == pytest.approx(width, abs=0.3)


def test_many_cracks_have_intervals(mask: np.ndarray) -> None:
    rows = measured(mask)
    density, opening = rows["crack_length_density"], rows["crack_opening"]
    assert density.low < 40 * 30 / 300**2 < density.high
    assert opening.low < 4 < opening.high
    assert opening.value == pytest.approx(4, rel=0.05)
    assert density.method.startswith("within-field")
    assert "bootstrap" in density.method
    assert density.value == pytest.approx(rows["crack_length"].value / mask.size)
    assert math.isnan(rows["crack_length"].low)
    # Whole cracks, not pixels, are what varies: about sqrt(1 / 40) of the value.
    half = (density.high - density.low) / 2 / density.value
    assert 0.15 < half < 0.6


def test_values_scale_with_the_pixel_size(mask: np.ndarray) -> None:
    px, um = measured(mask), measured(mask, 0.25)
    for name, factor in (
        ("crack_length", 0.25),
        ("crack_length_density", 4),
        ("crack_opening", 0.25),
        ("crack_opening_max", 0.25),
    ):
        for one, other in ((px[name].value, um[name].value), (px[name].low, um[name].low)):
            assert other == pytest.approx(one * factor, nan_ok=True)


@given(st.integers(0, 10**6))
@settings(max_examples=8, deadline=None)
def test_a_turned_field_measures_the_same(seed: int) -> None:
    mask = cracks(seed, side=160, number=12)
    whole, turned = measured(mask), measured(np.rot90(mask))
    for name in ("crack_length", "crack_opening"):
        # Where cracks cross, thinning depends on its direction: 0.8 % in the median of
        # 150 such fields, 9 % at most.
        assert turned[name].value == pytest.approx(whole[name].value, rel=0.15)
    assert turned["crack_opening_max"].value == whole["crack_opening_max"].value


def test_long_cracks_leave_too_few_blocks() -> None:
    mask = np.zeros((200, 200), bool)
    mask[10::15] = True
    row = measured(mask)["crack_length_density"]
    assert row.value == pytest.approx(13 * 200 / 200**2, rel=0.01)
    assert math.isnan(row.low)
    assert "above the cracks' extent" in row.method


def test_fields_without_cracks_or_full_of_them_say_so() -> None:
    empty, full = measured(np.zeros((30, 30), bool)), measured(np.ones((30, 30), bool))
    assert empty["crack_length"].value == empty["crack_length_density"].value == 0
    assert math.isnan(empty["crack_opening"].value)
    assert "no cracks" in empty["crack_opening"].method
    assert all(math.isnan(row.value) for row in full.values())
    assert "fill the field" in full["crack_length_density"].method


def test_an_unknown_phase_is_refused(mask: np.ndarray) -> None:
    with pytest.raises(SegmentationError, match="No phase named 'fissure'"):
        crack_geometry(Phases(mask.astype(np.uint8), {1: "crack"}), "fissure")
