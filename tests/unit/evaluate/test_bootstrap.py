"""Intervals, against scipy's bootstrap, scipy's binomial test and by simulation."""

import numpy as np
import pytest
from scipy import stats

from napari_qualify.evaluate.bootstrap import Resamples, bca, exact_share
from napari_qualify.evaluate.ranking import auroc_statistic


def mean(values):
    values = np.asarray(values, dtype=float)
    return lambda weights: weights @ values / weights.sum(axis=1)


def test_bca_is_that_of_scipy_on_the_same_resamples():
    rng = np.random.default_rng(3)
    x = rng.exponential(size=40)
    theirs = stats.bootstrap((x,), np.mean, n_resamples=4000, rng=np.random.default_rng(5))
    left_out = np.array([np.delete(x, i).mean() for i in range(len(x))])
    ours = bca(x.mean(), theirs.bootstrap_distribution, left_out)
    assert ours == pytest.approx(tuple(theirs.confidence_interval), abs=1e-9)


def test_an_interval_over_images_is_near_that_of_scipy():
    rng = np.random.default_rng(4)
    x = rng.exponential(size=60)
    ours = Resamples(np.arange(60).astype(str), 4000).interval(mean(x))
    theirs = stats.bootstrap((x,), np.mean, n_resamples=4000, rng=1).confidence_interval
    assert ours.value == pytest.approx(x.mean())
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs), abs=0.02)


def test_groups_are_drawn_whole():
    """Of groups of equal images the interval is that of the groups."""
    rng = np.random.default_rng(6)
    x = rng.normal(size=25)
    alone = Resamples(np.arange(25).astype(str), 3000).interval(mean(x))
    groups = np.repeat(np.arange(25), 8).astype(str)
    together = Resamples(groups, 3000).interval(mean(np.repeat(x, 8)))
    assert tuple(together) == pytest.approx(tuple(alone), abs=1e-9)


def test_blocks_of_groups_give_nearly_the_interval_of_single_ones(monkeypatch):
    rng = np.random.default_rng(7)
    x = rng.exponential(size=400)
    resamples = Resamples([f"{i:04}" for i in range(400)], 500)
    one_by_one = resamples.interval(mean(x))
    monkeypatch.setattr("napari_qualify.evaluate.bootstrap._BLOCKS", 50)
    assert tuple(resamples.interval(mean(x))) == pytest.approx(tuple(one_by_one), abs=0.01)


def test_parts_of_the_resamples_make_the_same_interval(monkeypatch):
    x = np.random.default_rng(8).normal(size=30)
    whole = Resamples(np.arange(30).astype(str), 200).interval(mean(x))
    monkeypatch.setattr("napari_qualify.evaluate.bootstrap._CELLS", 100)
    parts = Resamples(np.arange(30).astype(str), 200).interval(mean(x))
    assert tuple(parts) == pytest.approx(tuple(whole), abs=1e-12)


def test_the_interval_of_an_auroc_holds_the_truth_as_often_as_it_says():
    """200 tables of 30 + 30 with a known AUROC: near 95 % hold it."""
    rng = np.random.default_rng(9)
    apart = 1.0
    known = stats.norm.cdf(apart / 2**0.5)
    truth = np.arange(60) < 30
    held = 0
    for seed in range(200):
        score = rng.normal(size=60) + apart * truth
        found = Resamples(np.arange(60).astype(str), 400, seed).interval(
            auroc_statistic(truth, score)
        )
        held += found.low <= known <= found.high
    assert 0.90 <= held / 200 <= 0.99


def test_where_resampling_gives_no_width_the_exact_bounds_stand():
    groups = np.arange(10).astype(str)
    ones = Resamples(groups).interval(mean(np.ones(10)), lambda value: (0.6, value))
    assert tuple(ones) == (1.0, 0.6, 1.0)
    assert np.isnan(Resamples(groups).interval(mean(np.ones(10))).low)


def test_no_bounds_where_they_would_say_nothing():
    single = Resamples(["a"] * 5).interval(mean(np.arange(5)), lambda value: (0, 1))
    assert single.value == 2 and np.isnan(single.low)
    assert np.isnan(Resamples([]).interval(mean([])).value)

    def rarely(weights):  # exists only where the first image was drawn
        return np.where(weights[:, 0] > 0, weights @ np.arange(4) / 4, np.nan)

    assert np.isnan(Resamples(list("abcd")).interval(rarely).low)


@pytest.mark.parametrize(("hits", "trials"), [(0, 7), (7, 7), (3, 7), (1, 200)])
def test_an_exact_share_is_that_of_scipy(hits, trials):
    theirs = stats.binomtest(hits, trials).proportion_ci(method="exact")
    assert exact_share(hits, trials) == pytest.approx((theirs.low, theirs.high))


def test_no_trial_has_no_share():
    assert np.isnan(exact_share(0, 0)).all()
