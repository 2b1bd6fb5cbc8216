import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_qualify.measure.interval import make_blocks
from napari_qualify.measure.particles import find_particles
from napari_qualify.synthetic.geometry import Ellipses, rasterise


def ellipse(diameter: float, aspect: float, angle: float = 0.3) -> np.ndarray:
    """One ellipse in the middle of a field, in pixels."""
    side = float(math.ceil(diameter * math.sqrt(aspect)) + 8)
    one = [np.array([v]) for v in (side / 2 + 0.2, side / 2 - 0.1, diameter, aspect, angle)]
    return rasterise(Ellipses(4 * side, *one), side, 1.0).mask("particle")


@pytest.mark.parametrize("aspect", [1.5, 2.0, 3.0])
def test_an_ellipse_has_its_axes_and_perimeter(aspect: float) -> None:
    found = find_particles(ellipse(60, aspect))
    assert found.aspect_ratio == pytest.approx([aspect], rel=0.01)
    assert found.diameter == pytest.approx([60], rel=0.01)
    # Ramanujan's second formula, right to 1e-4 here.
    a, b = 30 * math.sqrt(aspect), 30 / math.sqrt(aspect)
    h = ((a - b) / (a + b)) ** 2
    perimeter = math.pi * (a + b) * (1 + 3 * h / (10 + math.sqrt(4 - 3 * h)))
    assert found.circularity == pytest.approx(
        [4 * math.pi * math.pi * 900 / perimeter**2], rel=0.02
    )


@pytest.mark.parametrize(
    ("shape", "aspect"), [((1, 1), 1), ((1, 5), 5), ((7, 1), 7), ((2, 2), 1), ((3, 3), 1)]
)
def test_particles_of_few_pixels_have_a_defined_aspect_ratio(shape, aspect) -> None:
    mask = np.zeros((20, 20), bool)
    mask[5 : 5 + shape[0], 8 : 8 + shape[1]] = True
    assert find_particles(mask).aspect_ratio == pytest.approx([aspect])


def test_circularity_reads_high_on_small_disks_as_documented() -> None:
    rng = np.random.default_rng(0)
    bias = {}
    for diameter in (4, 8, 16):
        found = []
        for _ in range(200):
            one = [np.array([v]) for v in (*(20 + rng.uniform(0, 1, 2)), diameter, 1.0, 0.0)]
            field = rasterise(Ellipses(200, *one), 40, 1.0)
            found.append(find_particles(field.mask("particle")).circularity[0])
        bias[diameter] = np.mean(found) - 1
    assert 0.02 < bias[4] < 0.06
    assert 0 < bias[8] < 0.02
    assert abs(bias[16]) < 0.01


def test_corners_join_particles() -> None:
    assert len(find_particles(np.eye(6, dtype=bool))) == 1


def test_cut_particles_weigh_nothing_and_all_sides_cut() -> None:
    mask = np.zeros((12, 12), bool)
    mask[0, 5] = mask[11, 5] = mask[5, 0] = mask[5, 11] = mask[5, 5] = True
    found = find_particles(mask)
    assert found.inside.tolist() == [False, False, True, False, False]
    assert found.weight[found.inside] == pytest.approx([1 / 100])  # 10 x 10 places
    assert found.weight.sum() == found.weight[found.inside].sum()


@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 12))
@settings(max_examples=50, deadline=None)
def test_exposure_is_the_share_of_places_in_each_block(seed: int, height: int, width: int) -> None:
    mask = np.zeros((60, 48), bool)
    mask[20 : 20 + height, 20 : 20 + width] = True
    rng = np.random.default_rng(seed)
    blocks = make_blocks(mask.shape, (float(rng.uniform(1, 20)), float(rng.uniform(1, 20))))
    found = find_particles(mask).exposure(blocks)
    assert found.sum() == pytest.approx(1)
    assert (found >= 0).all()
    # Where the centre of the box can be: half a box and a pixel from each border.
    ends = [
        np.clip(borders, half + 0.5, n - half - 0.5)
        for borders, half, n in (
            (blocks.rows, height / 2, 60),
            (blocks.columns, width / 2, 48),
        )
    ]
    expected = np.outer(*(np.diff(each) / np.ptp(each) for each in ends)).ravel()
    assert found == pytest.approx(expected)


def test_no_particles_are_no_error() -> None:
    found = find_particles(np.zeros((20, 20), bool))
    assert len(found) == len(found.aspect_ratio) == len(found.circularity) == 0
