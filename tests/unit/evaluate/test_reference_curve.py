import numpy as np
import pytest

from napari_qualify.errors import UsageError
from napari_qualify.evaluate.reference_curve import halves, over_draws, reference_curve


def problem(n: int = 60, dim: int = 16, apart: float = 1.6, seed: int = 0):
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % 2 == 0
    vectors = rng.normal(size=(n, dim))
    vectors[truth, 0] += apart
    vectors[~truth, 0] -= apart
    return vectors, truth


def test_quality_rises_and_reviews_fall_with_references():
    vectors, truth = problem()
    found = reference_curve(vectors, truth, sizes=(1, 3, 12, 40), draws=6)
    value = found.pivot(index="references", columns="metric", values="value")
    assert list(value.index) == [1, 3, 12]  # 15 groups a side are in the pool
    assert value.loc[12, "auroc"] > value.loc[1, "auroc"] + 0.02
    assert value.loc[12, "auroc"] > 0.9
    # A risk of 0.1 needs 9 groups a side.
    assert value.loc[1, "review_rate"] == value.loc[3, "review_rate"] == 1
    assert value.loc[12, "review_rate"] < 0.8
    shares = found.dropna()
    assert (shares["low"] <= shares["value"]).all() and (shares["high"] <= 1).all()


def test_groups_are_never_parted():
    truth = np.array([True] * 8 + [False] * 8)
    groups = np.array([f"g{i // 2}" for i in range(16)])
    for seed in range(20):
        pool, test = halves(truth, groups, np.random.default_rng(seed))
        assert not set(groups[pool]) & set(groups[test])
        assert (pool ^ test).all()
        assert truth[pool].sum() == truth[test].sum() == 4


def test_same_seed_same_curve_another_seed_another():
    vectors, truth = problem(30)
    first, again, other = (
        reference_curve(vectors, truth, sizes=(3,), draws=3, seed=seed) for seed in (1, 1, 2)
    )
    assert first.equals(again)
    assert not first.equals(other)


def test_interval_over_draws_is_students():
    from scipy.stats import t

    values = np.array([0.4, 0.5, 0.6])
    mean, low, high = over_draws(values)
    expected = t.interval(0.95, 2, values.mean(), values.std(ddof=1) / 3**0.5)
    assert (mean, low, high) == pytest.approx((0.5, *expected))
    assert over_draws([0.99, 1.0, 0.95])[2] == 1.0
    assert over_draws([np.nan, 0.5])[0] == 0.5


def test_too_little_is_refused():
    vectors, truth = problem(6)
    with pytest.raises(UsageError, match="rejected specimens"):
        reference_curve(vectors, np.ones(6, dtype=bool))
    with pytest.raises(UsageError, match="one each"):
        reference_curve(vectors, truth[:5])
