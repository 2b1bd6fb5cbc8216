import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_qualify.measure.interval import Blocks, make_blocks
from napari_qualify.measure.pattern import find_pattern

SIDE = 1000.0
GRID = make_blocks((1000, 1000), (40.0, 40.0))


def random_points(rng: np.random.Generator, n: int = 600) -> np.ndarray:
    return rng.uniform(0, SIDE, (2, n))


def clusters(rng: np.random.Generator, radius: float = 80, each: int = 8) -> np.ndarray:
    """Matern's clusters on a torus: 75 centres on average, 8 points in each."""
    number = rng.poisson(each, rng.poisson(75))
    middle = np.repeat(rng.uniform(0, SIDE, (2, len(number))), number, axis=1)
    away, angle = radius * np.sqrt(rng.uniform(size=number.sum())), rng.uniform(0, 7, number.sum())
    return (middle + away * np.array([np.sin(angle), np.cos(angle)])) % SIDE


def test_the_reach_of_clusters_is_their_size() -> None:
    for radius in (30, 80):
        reach = [
            find_pattern(*clusters(np.random.default_rng(k), radius), (SIDE, SIDE)).reach
            for k in range(10)
        ]
        assert radius < np.median(reach) < 2.2 * radius  # two points of a cluster: 2 radii


def test_random_points_reach_to_their_neighbours() -> None:
    # The median distance of neighbours is sqrt(ln 2 / (pi density)).
    expected = 3 * np.sqrt(np.log(2) / np.pi / 600e-6)
    reach = [
        find_pattern(*random_points(np.random.default_rng(k)), (SIDE, SIDE)).reach
        for k in range(10)
    ]
    assert np.median(reach) == pytest.approx(expected, rel=0.1)


def test_clusters_widen_intervals_and_random_points_do_not() -> None:
    found = {}
    for draw in (clusters, random_points):
        widening = []
        for k in range(30):
            y, x = draw(np.random.default_rng(k))
            pattern = find_pattern(y, x, (SIDE, SIDE))
            widening.append(pattern.widening(np.ones(len(y)), GRID))
        found[draw] = np.mean(widening)
    assert found[random_points] == pytest.approx(1, abs=0.1)
    assert found[clusters] > 1.3


def test_widened_blocks_give_the_variance_of_clustered_counts() -> None:
    counts, blocks, widened = [], [], []
    for k in range(200):
        y, x = clusters(np.random.default_rng(k), radius=60)
        counts.append(len(y))
        per_block = GRID.sums_at(y, x, np.ones(len(y)))
        blocks.append(per_block.var(ddof=1) * len(GRID))
        if k < 60:
            pattern = find_pattern(y, x, (SIDE, SIDE))
            widened.append(blocks[-1] * pattern.widening(np.ones(len(y)), GRID))
    truth = np.var(counts, ddof=1)
    assert np.mean(blocks) < 0.85 * truth
    assert np.mean(widened) == pytest.approx(truth, rel=0.25)


@given(st.integers(0, 1000), st.floats(0.1, 10))
@settings(max_examples=25, deadline=None)
def test_widening_does_not_depend_on_the_scale(seed: int, scale: float) -> None:
    y, x = clusters(np.random.default_rng(seed))
    borders = np.linspace(0, 1000, 6)
    plain = Blocks(borders, borders, (1.0, 1.0))
    scaled = Blocks(borders * scale, borders * scale, (1.0, 1.0))
    a = find_pattern(y, x, (SIDE, SIDE))
    b = find_pattern(y * scale, x * scale, (SIDE * scale, SIDE * scale))
    assert b.reach == pytest.approx(max(a.reach * scale, 1))
    ones = np.ones(len(y))
    assert b.widening(3 * ones, scaled) == pytest.approx(a.widening(ones, plain), rel=0.01)
