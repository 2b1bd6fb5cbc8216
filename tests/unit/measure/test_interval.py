import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import KDTree

from napari_qualify.measure.correlation import correlation, covariance_within
from napari_qualify.measure.interval import (
    MIN_BLOCKS,
    Blocks,
    bootstrap_ratio,
    make_blocks,
    none_found,
)
from napari_qualify.synthetic.geometry import Process, rasterise


def disks(rng: np.random.Generator, side: int, radius: int, share: float) -> np.ndarray:
    """Boolean model of disks: the expected share of the field is known exactly."""
    pad = 2 * radius + 1
    mask = np.zeros((side + 2 * pad,) * 2, bool)
    y, x = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    disk = y**2 + x**2 <= radius**2
    places = side + 2 * pad - 2 * radius
    number = rng.poisson(-math.log(1 - share) / disk.sum() * places**2)
    for top, left in rng.integers(0, places, (number, 2)):
        mask[top : top + 2 * radius + 1, left : left + 2 * radius + 1] |= disk
    return mask[pad:-pad, pad:-pad]


@pytest.mark.parametrize("radius", [5, 12, 20])
def test_correlation_length_of_disks_follows_their_size(radius: int) -> None:
    # Two overlapping disks share under 10 % of their area from 1.6 radii on.
    mask = disks(np.random.default_rng(0), 600, radius, 0.1)
    for length in correlation(mask).length:
        assert 1.2 * radius < length < 2.6 * radius


def test_correlation_length_of_noise_is_a_pixel() -> None:
    assert correlation(np.random.default_rng(0).random((200, 150)) < 0.3).length == (1.0, 1.0)


def test_layers_are_correlated_along_themselves() -> None:
    rng = np.random.default_rng(1)
    layers = np.tile((np.convolve(rng.normal(size=308), np.ones(9), "valid") > 0)[:, None], 300)
    across, along = correlation(layers).length
    assert along == math.inf
    assert 3 <= across <= 20
    blocks = make_blocks(layers.shape, (across, along))
    assert blocks.shape[1] == 1
    turned = correlation(layers.T).length
    assert turned == (along, across)


def test_a_mask_that_does_not_vary_has_no_length() -> None:
    assert correlation(np.zeros((30, 30), bool)).length == (math.inf, math.inf)
    assert correlation(np.ones((30, 30), bool)).length == (math.inf, math.inf)


@given(st.integers(16, 500), st.integers(16, 500), st.floats(1, 300), st.floats(1, 300))
@settings(max_examples=100, deadline=None)
def test_blocks_partition_the_field_and_are_above_the_length(
    height: int, width: int, length_y: float, length_x: float
) -> None:
    blocks = make_blocks((height, width), (length_y, length_x))
    assert blocks.areas.sum() == height * width
    assert len(blocks.areas) == len(blocks) == math.prod(blocks.shape)
    for borders, length in ((blocks.rows, length_y), (blocks.columns, length_x)):
        if len(borders) > 2:
            assert np.diff(borders).min() >= math.floor(length)


@given(st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_sums_over_blocks_add_up_to_the_field(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.random((rng.integers(16, 90), rng.integers(16, 90))) < 0.4
    blocks = make_blocks(mask.shape, (3.0, 4.0))
    y, x = np.nonzero(mask)
    by_point = blocks.sums_at(y.astype(float), x.astype(float), np.ones(len(y)))
    assert np.array_equal(by_point, blocks.sums(mask))
    assert by_point.sum() == mask.sum()


def test_fewer_than_nine_blocks_give_no_interval() -> None:
    ones = np.ones(MIN_BLOCKS)
    assert all(map(math.isnan, bootstrap_ratio(ones[1:], ones[1:])))
    assert bootstrap_ratio(ones, ones) == (1.0, 1.0)


def test_the_interval_is_that_of_the_t_distribution_on_well_behaved_blocks() -> None:
    values = np.random.default_rng(3).normal(10, 1, 25)
    low, high = bootstrap_ratio(values, np.ones(25))
    half = stats.t.ppf(0.975, 24) * values.std(ddof=1) / 5
    assert (high - low) / 2 == pytest.approx(half, rel=0.08)
    assert bootstrap_ratio(values, np.ones(25)) == (low, high)


@pytest.mark.parametrize(
    ("radius", "share"), [(6, 0.02), (12, 0.3), (20, 0.2)], ids=["rare", "common", "coarse"]
)
def test_the_interval_covers_the_truth_as_often_as_it_says(radius: int, share: float) -> None:
    rng = np.random.default_rng(11)
    hits = tried = 0
    for _ in range(100):
        mask = disks(rng, 300, radius, share)
        if not mask.any():
            continue
        found = correlation(mask)
        blocks = make_blocks(mask.shape, found.length)
        widening = found.widening(blocks) if len(blocks) > 1 else 1.0
        low, high = bootstrap_ratio(blocks.sums(mask), blocks.areas, widening)
        if not math.isnan(low):
            tried += 1
            hits += low <= share <= high
    assert tried >= 80
    # 95 % nominal, less three standard errors of 100 trials.
    assert hits / tried >= 0.885


def test_blocks_that_share_particles_widen_the_interval() -> None:
    mask = disks(np.random.default_rng(5), 400, 20, 0.2)
    found = correlation(mask)
    grids = [np.linspace(0, 400, n + 1).astype(int) for n in (3, 6, 10)]
    wide = [found.widening(Blocks(grid, grid, found.length)) for grid in grids]
    assert 1.05 < wide[0] < wide[1] < wide[2] < 2.5
    noise = correlation(np.random.default_rng(5).random((400, 400)) < 0.2)
    assert noise.widening(make_blocks((400, 400), noise.length)) == pytest.approx(1, abs=0.01)


def test_clusters_of_particles_widen_the_interval_and_random_ones_do_not() -> None:
    small = (lambda rng, n: np.full(n, 5.0), lambda rng, n: np.ones(n))
    clustered = Process(0.0012, *small, gap=2.0, cluster=(40.0, 8.0))
    random = Process(0.0012, *small, gap=2.0)
    widening = {}
    for process in (clustered, random):
        found = []
        for k in range(16):
            drawn = process.draw(np.random.default_rng(k), 1000)
            mask = rasterise(drawn, 500, 1.0).mask("particle")
            itself = correlation(mask)
            blocks = make_blocks(mask.shape, itself.length)
            by_block = blocks.sums(mask) / blocks.areas
            independent = by_block.var(ddof=1) / len(blocks)
            found.append((itself.widening(blocks), independent))
            assert itself.length[0] == itself.length[1] > 13 or process is random
        widening[process] = np.array(found)
    assert np.mean(widening[random][:, 0]) < 1.15
    assert np.mean(widening[clustered][:, 0]) > 1.4
    # Matern's clusters: 300 particles in the field, of whose pairs within a cluster of
    # radius 40 (mean lag 36) the field holds 1 - 2 (2 / pi) 36 / 500.
    expected = 300 * (1 + 8 * 0.908) * (math.pi * 2.5**2 / 500**2) ** 2
    assert np.mean(widening[clustered].prod(axis=1)) == pytest.approx(expected, rel=0.3)
    assert np.mean(widening[clustered][:, 1]) < 0.75 * expected


def test_none_found_is_the_rule_of_three_and_a_bit() -> None:
    assert none_found(100) == pytest.approx(3.689 / 100, rel=0.02)  # -ln(0.025) / n
    assert (1 - none_found(40)) ** 40 == pytest.approx(0.025)


def test_blocks_say_what_they_are() -> None:
    borders = np.array([0, 5, 10])
    assert str(Blocks(borders, borders, (2.0, 2.0))) == "2 x 2 blocks"


def test_a_mosaic_is_measured_like_a_part_of_it_and_takes_little_memory() -> None:
    mask = disks(np.random.default_rng(2), 6000, 12, 0.1)
    tracemalloc.start()
    whole = correlation(mask)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 6 * mask.nbytes
    part = correlation(mask[:2000, :2000])
    assert part.length == pytest.approx(whole.length, abs=3)  # squares of 3 x 3
    same = Blocks(np.linspace(0, 2000, 13).astype(int), np.array([0, 1000, 2000]), part.length)
    assert whole.widening(same) == pytest.approx(part.widening(same), abs=0.05)


def test_what_boundaries_share_across_blocks_widens_the_interval() -> None:
    borders = np.linspace(0, 300, 4).astype(int)
    blocks = Blocks(borders, borders, (30.0, 30.0))
    noise = (np.random.default_rng(0).random((300, 300)) < 0.2).astype(np.uint8)
    assert covariance_within(noise, (30.0, 30.0)).widening(blocks) < 1.35
    y, x = np.mgrid[:300, :300]
    found = []
    for seed in range(4):
        at = np.random.default_rng(seed).uniform(-40, 340, (160, 2))
        cell = KDTree(at).query(np.stack([y, x], axis=-1))[1]
        sides = np.zeros((300, 300), np.uint8)
        sides[:, 1:] = cell[:, 1:] != cell[:, :-1]
        found.append(covariance_within(sides, (51.0, 51.0)).widening(blocks))
    assert 1.05 < np.mean(found) < 2  # 1.3 for as many cells in benchmarks/measurement.py
