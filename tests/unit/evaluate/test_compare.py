"""Two settings on the same images, against statsmodels and scipy."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as reference_mcnemar

from napari_qualify.errors import UsageError
from napari_qualify.evaluate.compare import Difference, mcnemar, paired_difference


@pytest.fixture(scope="module")
def two(make_table):
    """A better and a worse setting on 60 images."""
    rng = np.random.default_rng(1)
    truth = np.arange(60) % 2 == 0
    signal = np.where(truth, 1.0, -1.0)
    shared = rng.normal(size=60)
    return [
        make_table(truth, strength * signal + shared + 0.3 * rng.normal(size=60), setting=name)
        for name, strength in (("good", 1.2), ("bad", 0.5))
    ]


def test_the_difference_is_that_of_the_metrics_and_turns_with_the_order(two):
    right = [(t["call"] == t["truth"]).mean() for t in two]
    found = paired_difference(*two)
    assert found.difference == pytest.approx(right[0] - right[1])
    assert found.low <= found.difference <= found.high
    turned = paired_difference(*reversed(two))
    assert turned.difference == pytest.approx(-found.difference)
    assert turned.p == pytest.approx(found.p)


def test_p_of_the_accuracy_is_the_exact_mcnemar_test(two):
    right = [(t["call"] == t["truth"]).to_numpy() for t in two]
    cells = [[(right[0] == a)[right[1] == b].sum() for b in (True, False)] for a in (True, False)]
    expected = reference_mcnemar(np.array(cells), exact=True).pvalue
    assert mcnemar(*two) == pytest.approx(expected)
    assert paired_difference(*two).p == pytest.approx(expected)


def test_pairing_makes_the_interval_narrower_than_two_apart(two):
    """scipy's paired bootstrap of the difference gives the same interval."""
    hits = [(t["call"] == t["truth"]).to_numpy(float) for t in two]
    theirs = stats.bootstrap(
        tuple(hits), lambda a, b, axis: (a - b).mean(axis=axis), paired=True,
        vectorized=True, n_resamples=4000, rng=2,
    ).confidence_interval  # fmt: skip
    ours = paired_difference(*two, draws=4000)
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs), abs=0.02)


def test_the_order_of_the_rows_does_not_matter(two):
    shuffled = two[1].sample(frac=1, random_state=0)
    assert paired_difference(two[0], shuffled) == paired_difference(*two)


@pytest.mark.parametrize("metric", ["auroc", "balanced_accuracy", "precision_at_10", "coverage"])
def test_the_same_setting_twice_is_no_difference(two, metric):
    again = two[0].assign(setting="again")
    assert paired_difference(two[0], again, metric) == Difference(0.0, 0.0, 0.0, 1.0)


def test_images_of_a_specimen_are_not_taken_for_independent(two):
    """Copies of every image tell nothing new: p stays, where McNemar's would shrink."""
    copies = [
        pd.concat([t.assign(image=t["image"] + f"-{i}") for i in range(8)], ignore_index=True)
        for t in two
    ]
    found = paired_difference(*copies, draws=2000)
    assert mcnemar(*copies) < mcnemar(*two) / 100
    assert found.p > mcnemar(*two) / 20
    single = paired_difference(*two, draws=2000)
    assert (found.low, found.high) == pytest.approx((single.low, single.high), abs=1e-9)


def test_p_is_small_for_a_clear_difference_and_spread_evenly_for_none(make_table):
    rng = np.random.default_rng(5)
    truth = np.arange(40) % 2 == 0
    signal = np.where(truth, 1.0, -1.0)
    clear = [make_table(truth, s * signal + rng.normal(size=40)) for s in (3.0, 0.0)]
    assert paired_difference(*clear, "auroc").p < 0.01
    ps = []
    for seed in range(100):
        none = [make_table(truth, signal + rng.normal(size=40)) for _ in range(2)]
        ps.append(paired_difference(*none, "auroc", draws=200, seed=seed).p)
    assert 0.0 <= np.mean(np.array(ps) <= 0.1) <= 0.2
    assert np.mean(np.array(ps) <= 0.5) > 0.3


def test_several_criteria_are_averaged(two):
    swapped = [t.assign(criterion="other") for t in reversed(two)]
    both = [
        pd.concat([t, s]).assign(setting=name)
        for t, s, name in zip(two, swapped, "ab", strict=True)
    ]
    assert paired_difference(*both).difference == pytest.approx(0, abs=1e-12)


def test_what_does_not_exist_is_nan(make_table):
    one_sided = [make_table([True] * 5, scores) for scores in ([1, 2, 3, 4, 5], [5, 4, 3, 2, 1])]
    assert np.isnan(paired_difference(*one_sided, "auroc")).all()
    nothing = make_table([], [])
    assert np.isnan(paired_difference(nothing, nothing)).all()


def test_other_images_are_refused(two):
    with pytest.raises(UsageError, match="not of the same images"):
        paired_difference(two[0], two[1].iloc[:-1])
    with pytest.raises(UsageError, match="their truth differs"):
        paired_difference(two[0], two[1].assign(truth="accept"))
    with pytest.raises(UsageError, match="one setting"):
        paired_difference(pd.concat(two), two[0])
