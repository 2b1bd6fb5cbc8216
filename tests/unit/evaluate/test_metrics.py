"""The figures, against scikit-learn, closed forms and what must not change them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, roc_auc_score

from napari_qualify.errors import UsageError
from napari_qualify.evaluate.metrics import (
    METRIC_COLUMNS,
    METRICS,
    Judged,
    balanced_accuracy,
    f1,
    figure,
    metrics,
)
from napari_qualify.evaluate.ranking import auroc, exact_auroc, precision_at_k

# Scores with ties; both classes present.
SCORED = st.lists(
    st.tuples(st.booleans(), st.integers(-40, 40).map(lambda i: i / 8)), min_size=2, max_size=60
).filter(lambda rows: len({truth for truth, _ in rows}) == 2)


def values(table, **options):
    found = metrics(table, **{"draws": 50, **options})
    return found.set_index("metric")["value"]


@settings(max_examples=40)
@given(SCORED)
def test_the_figures_are_those_of_scikit_learn(make_table, rows):
    truth, score = (np.array(column) for column in zip(*rows, strict=True))
    call = score >= 0
    found = values(make_table(truth, score), draws=1)
    assert found["accuracy"] == pytest.approx(accuracy_score(truth, call))
    assert found["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(truth, call))
    assert found["auroc"] == pytest.approx(roc_auc_score(truth, score))
    assert found["f1"] == pytest.approx(f1_score(truth, call, zero_division=0.0))
    assert auroc(truth, score) == found["auroc"]
    assert balanced_accuracy(truth, call) == found["balanced_accuracy"]
    assert f1(truth, call) == pytest.approx(found["f1"])


@settings(max_examples=30)
@given(SCORED, st.integers(0, 5000))
def test_weights_count_as_repeated_images(make_table, rows, seed):
    truth, score = (np.array(column) for column in zip(*rows, strict=True))
    times = np.random.default_rng(seed).integers(0, 4, len(truth))
    repeated = np.repeat(np.arange(len(truth)), times)
    whole = Judged.of(make_table(truth, score))
    again = Judged.of(make_table(truth[repeated], score[repeated]))
    for name in METRICS:
        weighted = figure(name, whole, 3).statistic(times[None].astype(float))[0]
        plain = figure(name, again, 3).statistic(np.ones((1, len(repeated))))[0]
        assert weighted == pytest.approx(plain, nan_ok=True), name


@given(SCORED)
def test_a_ranking_figure_lives_on_the_order_of_the_scores_alone(rows):
    truth, score = (np.array(column) for column in zip(*rows, strict=True))
    for warped in (np.exp(score / 3), 5 * score - 2, score**3):
        assert auroc(truth, warped) == auroc(truth, score)
        assert precision_at_k(truth, warped, 2) == precision_at_k(truth, score, 2)
    assert auroc(~truth, -score) == pytest.approx(auroc(truth, score))
    assert auroc(truth, -score) == pytest.approx(1 - auroc(truth, score))


@settings(max_examples=15)
@given(SCORED, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(make_table, rows, dice):
    truth, score = (np.array(column) for column in zip(*rows, strict=True))
    table = make_table(truth, score)
    order = list(range(len(table)))
    dice.shuffle(order)
    one, other = (metrics(t, draws=20) for t in (table, table.iloc[order]))
    for column in METRIC_COLUMNS:
        if one[column].dtype == float:
            np.testing.assert_allclose(one[column], other[column], atol=1e-9)
        else:
            assert list(one[column]) == list(other[column])


@given(SCORED, st.integers(1, 6))
def test_precision_at_k_is_the_mean_over_all_orders_of_equal_scores(rows, k):
    truth, score = (np.array(column) for column in zip(*rows, strict=True))
    if len(truth) < k:
        assert np.isnan(precision_at_k(truth, score, k))
        return
    border = np.sort(score)[-k]
    above, tied = score > border, score == border
    expected = truth[above].sum() + (k - above.sum()) * truth[tied].mean()
    assert precision_at_k(truth, score, k) == pytest.approx(expected / k)


def test_the_verdict_figures_count_what_they_say(make_table):
    truth = [True] * 6 + [False] * 4
    said = ["accept", "accept", "accept", "review", "reject", "reject"]
    said += ["accept", "reject", "review", "review"]
    found = metrics(make_table(truth, [0.0] * 10, verdict=said), draws=50).set_index("metric")
    expected = {
        "coverage": (7 / 10, 10),
        "review_rate": (3 / 10, 10),
        "error_decided": (3 / 7, 7),
        "false_accept_rate": (1 / 4, 4),
        "false_reject_rate": (2 / 6, 6),
    }
    for name, (value, n) in expected.items():
        assert found.loc[name, "value"] == pytest.approx(value)
        assert (found.loc[name, "n"], found.loc[name, "groups"]) == (n, n)
        assert found.loc[name, "low"] <= value <= found.loc[name, "high"]


def test_groups_are_the_trials(make_table):
    """Ten looks at each of four specimens tell less than forty specimens."""
    truth = np.arange(40) % 20 < 10
    rng = np.random.default_rng(0)
    right = np.repeat(rng.random(4) < 0.7, 10)
    score = np.where(truth == right, 1.0, -1.0)
    wide = metrics(make_table(truth, score, group=np.arange(40) // 10)).set_index("metric")
    narrow = metrics(make_table(truth, score)).set_index("metric")

    def width(found):
        return found.loc["accuracy", "high"] - found.loc["accuracy", "low"]

    assert width(wide) > 2 * width(narrow)
    assert (wide.loc["accuracy", "groups"], wide.loc["accuracy", "n"]) == (4, 40)


def test_where_nothing_went_wrong_the_interval_still_has_a_width(make_table):
    truth = np.arange(20) < 12
    found = metrics(make_table(truth, np.where(truth, 1.0, -1.0))).set_index("metric")
    tail = 0.025
    assert found.loc["accuracy", "low"] == pytest.approx(tail ** (1 / 20))
    assert found.loc["false_accept_rate", "high"] == pytest.approx(1 - tail ** (1 / 8))
    balanced = (tail ** (1 / 12) + tail ** (1 / 8)) / 2
    assert found.loc["balanced_accuracy", "low"] == pytest.approx(balanced)
    jaccard = tail ** (1 / 12)
    assert found.loc["f1", "low"] == pytest.approx(2 * jaccard / (1 + jaccard))
    assert 0.5 < found.loc["auroc", "low"] < 1 == found.loc["auroc", "high"]
    assert found.loc["precision_at_5", "low"] == pytest.approx(tail ** (1 / 5))


def test_the_bound_of_a_perfect_auroc_solves_newcombes_equation():
    """The Hanley-McNeil variance, written out, reaches from the bound to 1."""
    low, high = exact_auroc(1.0, 7, 12)
    n, (q1, q2) = 9.5 - 1, (low / (2 - low), 2 * low**2 / (1 + low))
    variance = (low * (1 - low) + n * (q1 - low**2) + n * (q2 - low**2)) / (7 * 12)
    assert high == 1 and (1 - low) == pytest.approx(1.959964 * variance**0.5, rel=1e-6)
    assert exact_auroc(0.0, 7, 12) == pytest.approx((0, 1 - low))
    assert np.isnan(exact_auroc(0.7, 7, 12)).all() and np.isnan(exact_auroc(1.0, 0, 3)).all()


@pytest.mark.parametrize(
    ("truth", "score", "missing", "note"),
    [
        ([True] * 5, [1, 2, 3, -1, 0], {"auroc", "balanced_accuracy", "false_accept_rate"},
         "only accepted"),
        ([False] * 5, [1, 2, 3, -1, 0], {"auroc", "balanced_accuracy", "false_reject_rate"},
         "only rejected"),
        ([True, False], [1, -1], {"precision_at_5"}, "2 scores: no precision at 5"),
        ([True, False, True], [None] * 3,
         {"accuracy", "balanced_accuracy", "f1", "auroc", "precision_at_5", "error_decided"},
         "no score"),
    ],
)  # fmt: skip
def test_what_does_not_exist_is_nan_with_a_note(make_table, truth, score, missing, note):
    found = metrics(make_table(truth, score), draws=50)
    assert set(found["metric"][found["value"].isna()]) == missing
    assert any(note in line for line in found.attrs["notes"])
    nothing = found[found["value"].isna()]
    assert nothing["low"].isna().all() and nothing["high"].isna().all()


def test_only_reviews_is_no_error_and_no_crash(make_table):
    found = metrics(make_table([True, False] * 6, [1, -1] * 6, verdict=["review"] * 12))
    by = found.set_index("metric")
    assert by.loc["coverage", "value"] == 0 and by.loc["coverage", "high"] == pytest.approx(
        0.2646, abs=1e-4
    )
    assert np.isnan(by.loc["error_decided", "value"]) and by.loc["error_decided", "n"] == 0
    assert any("every verdict is a review" in note for note in found.attrs["notes"])


def test_nothing_at_all_is_an_empty_table(make_table):
    found = metrics(make_table([], []))
    assert list(found.columns) == list(METRIC_COLUMNS) and found.empty


def test_one_group_has_no_interval_and_says_so(make_table):
    found = metrics(make_table([True, False] * 3, [1, -1, -1, 1, 1, -1], group=["a"] * 6))
    assert found["low"].isna().all() and found["value"].notna().sum() == 10
    assert "pores: 1 group; an interval" in " ".join(found.attrs["notes"])


def test_criteria_and_settings_are_apart(make_table):
    import pandas as pd

    tables = [
        make_table([True, False], [sign, -sign], criterion=name, setting=setting)
        for name, sign in (("a", 1), ("b", -1))
        for setting in ("s", "t")
    ]
    found = metrics(pd.concat(tables), draws=20)
    one = found[found["metric"] == "accuracy"]
    assert list(zip(one["criterion"], one["setting"], one["value"], strict=True)) == [
        ("a", "s", 1), ("a", "t", 1), ("b", "s", 0), ("b", "t", 0),
    ]  # fmt: skip


def test_the_k_is_in_the_name(make_table):
    table = make_table([True, False, True, False], [4, 3, 2, 1])
    assert values(table, k=1)["precision_at_1"] == 1
    assert values(table, k=4)["precision_at_4"] == 0.5
    judged = Judged.of(table)
    assert figure("precision_at_2", judged).statistic(np.ones((1, 4)))[0] == 0.5


@pytest.mark.parametrize("options", [{"draws": 0}, {"k": 0}])
def test_counts_under_one_are_refused(make_table, options):
    with pytest.raises(UsageError, match="at least 1"):
        metrics(make_table([True], [1]), **options)


def test_an_unknown_metric_is_named(make_table):
    with pytest.raises(UsageError, match="no metric 'acc'.*balanced_accuracy"):
        figure("acc", Judged.of(make_table([True], [1])))
