"""Agreement, against scikit-learn, statsmodels, krippendorff and worked examples."""

import krippendorff
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import aggregate_raters
from statsmodels.stats.inter_rater import fleiss_kappa as reference_fleiss

from napari_qualify.errors import UsageError
from napari_qualify.evaluate.agreement import (
    AGREEMENT_COLUMNS,
    agreement,
    cohen_kappa,
    fleiss_kappa,
    krippendorff_alpha,
    matrix,
    percent_agreement,
    ratings_of,
)
from napari_qualify.evaluate.bias import leniency, turns

WHOLE = st.tuples(st.integers(2, 25), st.integers(2, 5)).flatmap(
    lambda shape: arrays(int, shape, elements=st.integers(0, 2))
)
PARTIAL = st.tuples(st.integers(2, 25), st.integers(2, 5)).flatmap(
    lambda shape: arrays(int, shape, elements=st.integers(-1, 1))
)


def varied(ratings):
    return len(np.unique(ratings[ratings >= 0])) > 1


def labels_of(ratings, names=("rater-sim-1", "rater-sim-2", "rater-sim-3"), group=None):
    rows = [
        (f"{i:03}.tif", "pores", ("accept", "reject")[value], names[j],
         "" if group is None else group[i])
        for (i, j), value in np.ndenumerate(ratings)
        if value >= 0
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["image", "criterion", "verdict", "expert", "group"])


@settings(max_examples=60)
@given(WHOLE.filter(varied))
def test_of_experts_who_judged_all_the_figures_are_those_of_the_packages(ratings):
    assert fleiss_kappa(ratings) == pytest.approx(reference_fleiss(aggregate_raters(ratings)[0]))
    theirs = krippendorff.alpha(ratings.T.astype(float), level_of_measurement="nominal")
    assert krippendorff_alpha(ratings) == pytest.approx(theirs)
    pair = ratings[:, :2]
    if varied(pair):
        assert cohen_kappa(pair) == pytest.approx(cohen_kappa_score(*pair.T))
    pairs = [(a, b) for a in range(ratings.shape[1]) for b in range(a)]
    shares = [np.mean(ratings[:, a] == ratings[:, b]) for a, b in pairs]
    assert percent_agreement(ratings) == pytest.approx(np.mean(shares))


@settings(max_examples=60)
@given(PARTIAL)
def test_alpha_with_missing_verdicts_is_that_of_krippendorff(ratings):
    counted = ratings[(ratings >= 0).sum(axis=1) >= 2]
    if not len(counted) or not varied(counted):
        assert np.isnan(krippendorff_alpha(ratings))
        return
    table = np.where(ratings < 0, np.nan, ratings).T
    theirs = krippendorff.alpha(table, level_of_measurement="nominal")
    assert krippendorff_alpha(ratings) == pytest.approx(theirs)


@settings(max_examples=30)
@given(WHOLE.filter(varied), st.randoms(use_true_random=False))
def test_neither_order_nor_names_of_the_categories_matter(ratings, dice):
    rows, columns = list(range(len(ratings))), list(range(ratings.shape[1]))
    dice.shuffle(rows)
    dice.shuffle(columns)
    shuffled = (2 - ratings)[rows][:, columns]
    for measure in (percent_agreement, fleiss_kappa, krippendorff_alpha):
        assert measure(shuffled) == pytest.approx(measure(ratings))


def test_krippendorffs_own_example_of_two_raters():
    """Ten binary values, alpha 0.095: Computing Krippendorff's Alpha-Reliability (2011), A."""
    meg = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0]
    owen = [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    assert krippendorff_alpha(np.array([meg, owen]).T) == pytest.approx(0.095, abs=5e-4)


def test_full_agreement_is_1_with_a_bound_below(make_table):
    ratings = np.tile((np.arange(12) % 2)[:, None], 3)
    found = agreement(labels_of(ratings))
    assert (found["value"] == 1).all() and (found["high"] == 1).all()
    seen = 1 - 0.025 ** (1 / 12)
    percent = found[found["measure"] == "percent"]
    assert percent["low"].to_numpy() == pytest.approx(1 - seen)
    others = found[found["measure"] != "percent"]
    assert others["low"].to_numpy() == pytest.approx(1 - seen / 0.5)


def test_one_category_only_has_no_figure_beyond_chance():
    found = agreement(labels_of(np.zeros((6, 3), int)))
    exists = found[found["value"].notna()]
    assert set(exists["measure"]) == {"percent"}
    assert any("all verdicts are the same" in note for note in found.attrs["notes"])


def test_the_table_names_each_pair_and_counts_what_counts():
    ratings = np.array([[0, 0, 0], [1, 1, 0], [1, 0, -1], [0, -1, -1], [1, 1, 1], [0, 0, 1]])
    found = agreement(labels_of(ratings), draws=100)
    assert list(found.columns) == list(AGREEMENT_COLUMNS)
    by = found.set_index(["measure", "expert", "other"])
    assert by.loc[("krippendorff_alpha", "*", "*"), "n"] == 5
    assert by.loc[("fleiss_kappa", "*", "*"), "n"] == 4
    assert by.loc[("cohen_kappa", "rater-sim-1", "rater-sim-2"), "n"] == 5
    assert by.loc[("percent", "rater-sim-2", "rater-sim-3"), "value"] == 0.5
    expected = fleiss_kappa(ratings[[0, 1, 4, 5]])
    assert by.loc[("fleiss_kappa", "*", "*"), "value"] == pytest.approx(expected)
    notes = " ".join(found.attrs["notes"])
    assert "1 images were judged by one expert" in notes and "1 images were not judged" in notes


def test_specimens_are_drawn_whole():
    ratings = np.random.default_rng(0).integers(0, 2, (12, 3))
    single = agreement(labels_of(ratings), draws=300)
    copies = labels_of(np.repeat(ratings, 5, axis=0), group=[f"{i // 5:02}" for i in range(60)])
    grouped = agreement(copies, draws=300)
    same = ["percent", "fleiss_kappa", "cohen_kappa"]
    for column in ("value", "low", "high"):
        a, b = (t.loc[t["measure"].isin(same), column] for t in (single, grouped))
        np.testing.assert_allclose(a, b, atol=1e-9)
    assert set(grouped["groups"]) == {12} and set(grouped["n"]) == {60}


def test_the_matrix_is_square_and_symmetric():
    ratings = np.array([[0, 0, 1], [1, 1, 1], [1, 0, 0], [0, 0, 0], [1, 1, 0]])
    found = matrix(agreement(labels_of(ratings), draws=50))
    values = found.to_numpy()
    assert (values == values.T).all() and (np.diag(values) == 1).all()
    assert found.loc["rater-sim-1", "rater-sim-2"] == pytest.approx(cohen_kappa(ratings[:, :2]))
    assert found.attrs["measure"] == "Cohen's kappa"


def test_ratings_keep_what_is_missing():
    ratings = np.array([[0, 1, -1], [1, -1, 0]])
    found, images, experts = ratings_of(labels_of(ratings))
    assert (found == ratings).all()
    assert images == ["000.tif", "001.tif"] and len(experts) == 3


@pytest.mark.parametrize(
    ("names", "message"),
    [(("E",), "one expert, 'E'"), (("",), "no expert"), (("E", ""), "rows without an expert")],
)
def test_agreement_needs_two_named_experts(names, message):
    labels = labels_of(np.array([[0, 1, 1][: len(names)]] * 3), names)
    with pytest.raises(UsageError, match=message):
        agreement(labels)


def test_cohen_is_of_two():
    with pytest.raises(UsageError, match="two experts"):
        cohen_kappa(np.zeros((4, 3), int))


@pytest.fixture(scope="module")
def biased():
    """Three simulated raters with limits of their own on a known value."""
    rng = np.random.default_rng(3)
    value = rng.uniform(0, 0.5, 150)
    limits = np.array([0.20, 0.25, 0.31])
    told = value[:, None] + rng.normal(0, 0.03, (150, 3))
    labels = labels_of((told > limits).astype(int))
    return labels, dict(zip(labels["image"].unique(), value, strict=True)), limits


def test_where_raters_turn_is_found_with_an_interval(biased):
    labels, values, limits = biased
    found = turns(labels, values)
    shifts = limits - limits.mean()
    assert found["turn"].to_numpy() == pytest.approx(limits, abs=0.02)
    assert ((found["low"] < shifts) & (shifts < found["high"])).all()
    assert found["shift"].sum() == pytest.approx(0, abs=1e-9)


def test_turns_are_those_of_a_logistic_regression(biased):
    """scikit-learn with a column per rater and hardly any penalty."""
    from sklearn.linear_model import LogisticRegression

    labels, values, _ = biased
    x = labels["image"].map(values).to_numpy()
    raters = labels["expert"].str[-1].astype(int).to_numpy() - 1
    z = (x - np.mean(list(values.values()))) / np.std(list(values.values()))
    columns = np.c_[np.eye(3)[raters], z]
    model = LogisticRegression(C=1 / (1e-4 * len(z)), fit_intercept=False, tol=1e-10, max_iter=999)
    model.fit(columns, labels["verdict"] == "accept")
    *offsets, slope = model.coef_[0]
    expected = -np.array(offsets) / slope * np.std(list(values.values()))
    found = turns(labels, values, draws=2)["turn"] - np.mean(list(values.values()))
    assert found.to_numpy() == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_leniency_is_the_share_accepted_above_the_mean(biased):
    labels, _, _ = biased
    found = leniency(labels, draws=300).set_index("expert")
    shares = labels.assign(yes=labels["verdict"] == "accept").groupby("expert")["yes"].mean()
    assert found["accepted"].to_dict() == pytest.approx(shares.to_dict())
    assert found["leniency"].to_dict() == pytest.approx((shares - shares.mean()).to_dict())
    assert found.loc["rater-sim-1", "high"] < 0 < found.loc["rater-sim-3", "low"]


def test_raters_with_exact_limits_are_no_trouble():
    value = np.linspace(0, 1, 41)
    labels = labels_of((value[:, None] > [0.39, 0.51, 0.61]).astype(int))
    found = turns(labels, dict(zip(labels["image"].unique(), value, strict=True)), draws=100)
    assert found["turn"].to_numpy() == pytest.approx([0.39, 0.51, 0.61], abs=0.03)


def test_turns_need_both_verdicts_and_one_criterion(biased):
    labels, values, _ = biased
    strict = labels.assign(
        verdict=labels["verdict"].where(labels["expert"] != "rater-sim-1", "reject")
    )
    with pytest.raises(UsageError, match="'rater-sim-1' does not both accept and reject"):
        turns(strict, values)
    two = pd.concat([labels, labels.assign(criterion="cracks")])
    with pytest.raises(UsageError, match="one criterion at a time"):
        turns(two, values)
