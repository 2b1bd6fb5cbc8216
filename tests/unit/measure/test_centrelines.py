import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_qualify.measure.centrelines import centre_lines


def bar(
    angle: float, length: float, width: float, side: int = 160, shift: float = 0.3
) -> np.ndarray:
    """A straight line with blunt ends through the middle of a field."""
    y, x = np.mgrid[:side, :side] - side / 2 + shift
    along = x * math.cos(angle) + y * math.sin(angle)
    across = y * math.cos(angle) - x * math.sin(angle)
    return (np.abs(along) <= length / 2) & (np.abs(across) <= width / 2)


@given(st.floats(0, math.pi), st.sampled_from([2.0, 3.0, 6.0, 11.0]), st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_a_straight_line_is_as_long_as_it_is_at_any_angle(
    angle: float, width: float, shift: float
) -> None:
    found = centre_lines(bar(angle, 120, width, shift=shift))
    # The skeleton may turn towards one corner of a blunt end.
    assert found.length.sum() == pytest.approx(120, abs=max(2.5, 0.8 * width))
    assert found.regions == 1


@pytest.mark.parametrize("width", [2.5, 5.0, 12.0])
def test_over_all_angles_lengths_are_unbiased(width: float) -> None:
    angles = np.random.default_rng(0).uniform(0, math.pi, 25)
    found = [centre_lines(bar(angle, 120, width)).length.sum() for angle in angles]
    assert np.mean(found) == pytest.approx(120, rel=0.007)


@pytest.mark.parametrize(("swing", "wave", "width"), [(5, 60, 4), (3, 30, 3), (10, 80, 8)])
def test_a_wavy_line_across_the_field_has_its_arc_length(
    swing: float, wave: float, width: float
) -> None:
    y, x = np.mgrid[:80, :480]
    k = 2 * math.pi / wave
    off = (y - 40 - swing * np.sin(k * x)) / np.hypot(1, swing * k * np.cos(k * x))
    fine = np.linspace(-0.5, 479.5, 40_000)
    arc = np.hypot(np.diff(fine), np.diff(swing * np.sin(k * fine))).sum()
    found = centre_lines(np.abs(off) <= width / 2)
    assert found.length.sum() == pytest.approx(arc, rel=0.01)


def test_a_ring_is_as_long_as_its_circumference() -> None:
    y, x = np.mgrid[:100, :100] - 49.6
    found = centre_lines(np.abs(np.hypot(y, x) - 30) <= 2.5)
    assert found.length.sum() == pytest.approx(2 * math.pi * 30, rel=0.01)


def test_lines_that_cross_keep_their_lengths() -> None:
    found = centre_lines(bar(0.2, 120, 4) | bar(0.2 + math.pi / 2, 100, 4))
    assert found.length.sum() == pytest.approx(220, rel=0.03)
    assert found.regions == 1


def test_bumps_and_holes_inside_the_width_do_not_count() -> None:
    mask = bar(0.0, 120, 9)
    plain = centre_lines(mask).length.sum()
    rough = mask.copy()
    rough[74:76, 40:140:20] = True
    rough[84:86, 50:140:20] = True
    rough[80, 45:130:15] = False
    assert rough.sum() != mask.sum()
    assert centre_lines(rough).length.sum() == pytest.approx(plain, rel=0.02)


def test_what_the_border_cuts_is_counted_up_to_the_border() -> None:
    mask = bar(0.5, 400, 5)
    assert centre_lines(mask).length.sum() == pytest.approx(160 / math.cos(0.5), rel=0.01)
    whole = bar(0.5, 400, 5, side=200)
    left, right = centre_lines(whole[:, :90]), centre_lines(whole[:, 90:])
    both = left.length.sum() + right.length.sum()
    assert both == pytest.approx(centre_lines(whole).length.sum(), rel=0.01)


@given(st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_turning_and_enlarging_change_lengths_little(seed: int) -> None:
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, math.pi)
    mask = bar(angle, 60, 4, 100) | bar(angle + rng.uniform(1, 2), 40, 5, 100)
    once = centre_lines(mask).length.sum()
    for turned in (np.rot90(mask), mask[::-1], mask.T):
        assert centre_lines(turned).length.sum() == pytest.approx(once, rel=0.06)
    twice = mask.repeat(2, axis=0).repeat(2, axis=1)
    assert centre_lines(twice).length.sum() == pytest.approx(2 * once, rel=0.08)


def test_specks_and_regions_are_told_apart() -> None:
    mask = np.zeros((60, 60), bool)
    mask[5, 5] = True
    mask[20:23, 10:50] = True
    mask[40:43, 10:50] = True
    found = centre_lines(mask)
    assert found.regions == 3
    lengths = np.bincount(found.region, weights=found.length)[1:]
    assert lengths == pytest.approx([1, 40, 40], abs=1)
    middle = np.average(found.x, weights=found.length)
    assert middle == pytest.approx(29.5, abs=0.5)


def test_nothing_and_everything_have_no_centre_line() -> None:
    for mask in (np.zeros((20, 20), bool), np.ones((20, 20), bool)):
        assert len(centre_lines(mask)) == 0
