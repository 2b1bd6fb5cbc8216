import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.measure import label
from skimage.morphology import local_maxima, reconstruction
from skimage.segmentation import watershed

from napari_qualify.measure.grain_instances import NECK, enclosed_grains, without_boundary


def two_squares(opening: int, side: int = 30) -> np.ndarray:
    """Boundary of two squares side by side, its wall between them open in the middle."""
    boundary = np.zeros((side + 2, 2 * side + 3), bool)
    boundary[[0, -1]] = True
    boundary[:, [0, side + 1, -1]] = True
    middle = (side + 2) // 2
    boundary[middle - opening // 2 : middle - opening // 2 + opening, side + 1] = False
    return boundary


@pytest.mark.parametrize(("opening", "grains"), [(0, 2), (1, 2), (8, 2), (14, 2), (24, 1), (30, 1)])
def test_gaps_are_closed_and_wide_necks_are_not(opening: int, grains: int) -> None:
    found = enclosed_grains(two_squares(opening))
    assert found.max() == grains
    if grains == 2:
        left, right = found[:, :31], found[:, 32:]
        assert set(np.unique(left)) - {0} != set(np.unique(right)) - {0}
        assert np.count_nonzero(left) == np.count_nonzero(right) == 900


@pytest.mark.parametrize("seed", range(4))
def test_grains_are_those_of_a_watershed_from_the_h_maxima(seed: int) -> None:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:150, :150]
    seeds = rng.uniform(0, 150, (30, 2))
    away = np.sort(np.hypot(y[..., None] - seeds[:, 0], x[..., None] - seeds[:, 1]), axis=-1)
    boundary = away[..., 1] - away[..., 0] < 2.5
    for middle in rng.uniform(0, 150, (60, 2)):
        boundary &= np.hypot(y - middle[0], x - middle[1]) > rng.uniform(2, 8)
    distance = ndimage.distance_transform_edt(~boundary)
    found = enclosed_grains(boundary)

    height = np.log(distance + 1)
    height[boundary] = -9
    lowered = np.where(boundary, -9, height + math.log(NECK))
    flat = reconstruction(lowered, height, footprint=ndimage.generate_binary_structure(2, 1))
    tops = local_maxima(flat, connectivity=1) & ~boundary
    expected = watershed(-height, label(tops, connectivity=1), mask=~boundary, connectivity=1)
    dust = ndimage.maximum(distance, expected, np.arange(expected.max() + 1)) <= 1
    expected[dust[expected]] = 0
    number = len(np.unique(expected)) - 1
    assert 15 < found.max() == number < label(local_maxima(height)).max()
    _, together = np.unique(np.stack([found, expected]).reshape(2, -1), axis=1, return_counts=True)
    same = np.sort(together)[::-1][: found.max() + 1].sum()
    assert same > 0.995 * found.size  # where heights tie, either basin may have the pixel


@given(st.integers(1, 4), st.sampled_from([2, 10, 26]))
@settings(max_examples=12, deadline=None)
def test_what_a_gap_is_does_not_depend_on_magnification(times: int, opening: int) -> None:
    boundary = two_squares(opening)
    large = boundary.repeat(times, axis=0).repeat(times, axis=1)
    assert enclosed_grains(large).max() == enclosed_grains(boundary).max()


@given(st.floats(0.3, 1), st.floats(6, 28), st.floats(0, math.pi))
@settings(max_examples=60, deadline=None)
def test_a_convex_grain_is_never_cut(flat: float, radius: float, angle: float) -> None:
    y, x = np.mgrid[:64, :64] - 31.7
    u, v = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
    assert enclosed_grains(u**2 + (v / flat) ** 2 > radius**2).max() == 1


def test_what_pixels_leave_of_a_sharp_corner_is_no_grain() -> None:
    y, x = np.mgrid[:60, :200]
    boundary = np.abs(y - 30.3) > (x - 4) / 14
    assert label(~boundary, connectivity=1).max() == 1
    boundary[:, 14:16] = True  # at the tip: a line of pixels alone
    found = enclosed_grains(boundary)
    assert found.max() == 1
    assert not found[:, :14].any() and (found[:, 16:] > 0).sum() == (~boundary[:, 16:]).sum()


@pytest.mark.parametrize("offset", [0, 30, 44])
def test_a_diagonal_line_one_pixel_wide_is_a_boundary(offset: int) -> None:
    boundary = np.eye(50, k=offset, dtype=bool)
    found = enclosed_grains(boundary)
    assert found.max() == 2
    assert (found > 0).sum() == (~boundary).sum()


def test_without_a_boundary_the_field_is_one_grain() -> None:
    assert (enclosed_grains(np.zeros((10, 12), bool)) == 1).all()
    assert not enclosed_grains(np.ones((10, 12), bool)).any()


@given(st.integers(1, 9))
@settings(max_examples=9, deadline=None)
def test_grains_meet_in_the_middle_of_their_boundary(width: int) -> None:
    boundary = np.zeros((20, 61), bool)
    boundary[:, 30 - width // 2 : 30 - width // 2 + width] = True
    grown = without_boundary(enclosed_grains(boundary))
    assert (grown > 0).all()
    change = np.flatnonzero(np.diff(grown[10]))
    assert len(change) == 1
    assert abs(change[0] + 0.5 - (30 - width // 2 + (width - 1) / 2)) <= 0.5


def test_a_field_without_grains_stays_empty() -> None:
    assert not without_boundary(np.zeros((5, 5), np.int32)).any()
