"""The rules against direct formulas and independent implementations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression

from napari_qualify.decide.rules import (
    cache,
    gaussian,
    net,
    pool_similarity,
    probe,
    products,
    unit,
)
from napari_qualify.decide.settings import (
    CANDIDATES,
    NAMED,
    Setting,
    candidates,
    parse_setting,
)
from napari_qualify.errors import UsageError

SEEDS = st.integers(0, 10_000)


def problem(seed: int, positive: int, negative: int, dim: int = 12):
    rng = np.random.default_rng(seed)
    vectors = unit(rng.normal(size=(positive + negative, dim)) + rng.normal(size=dim))
    accepted = np.arange(positive + negative) < positive
    judged = unit(rng.normal(size=(7, dim)))
    return vectors, accepted, judged


@given(SEEDS, st.integers(1, 6), st.integers(1, 6))
def test_net_with_mean_pool_is_the_difference_of_mean_cosines(seed, positive, negative):
    vectors, accepted, judged = problem(seed, positive, negative)
    expected = (judged @ vectors[accepted].T).mean(1) - (judged @ vectors[~accepted].T).mean(1)
    np.testing.assert_allclose(net(products(vectors, judged), accepted), expected, atol=1e-12)


@given(SEEDS, st.integers(1, 6), st.integers(1, 6))
def test_centred_net_equals_taking_the_mean_off_the_vectors(seed, positive, negative):
    vectors, accepted, judged = problem(seed, positive, negative)
    mean = (vectors[accepted].mean(0) + vectors[~accepted].mean(0)) / 2
    cosines = unit(judged - mean) @ unit(vectors - mean).T
    expected = cosines[:, accepted].max(1) - cosines[:, ~accepted].max(1)
    found = net(products(vectors, judged), accepted, pool="max", centred=True)
    np.testing.assert_allclose(found, expected, atol=1e-7)


@given(SEEDS, st.floats(0.5, 50))
def test_the_soft_maximum_lies_between_mean_and_maximum(seed, sharpness):
    similarities = np.random.default_rng(seed).uniform(-1, 1, size=(5, 9))
    soft = pool_similarity(similarities, "soft", sharpness)
    assert (soft >= pool_similarity(similarities, "mean") - 1e-9).all()
    assert (soft <= pool_similarity(similarities, "max") + 1e-9).all()


@given(SEEDS, st.integers(2, 8), st.integers(1, 8), st.floats(0.01, 0.99))
def test_gaussian_equals_the_dense_formula(seed, positive, negative, shrinkage):
    vectors, accepted, judged = problem(seed, positive, negative)
    means = vectors[accepted].mean(0), vectors[~accepted].mean(0)
    within = np.vstack([vectors[accepted] - means[0], vectors[~accepted] - means[1]])
    pooled = within.T @ within / len(vectors)
    shrunk = (1 - shrinkage) * pooled + shrinkage * np.trace(pooled) / 12 * np.eye(12)
    w = np.linalg.solve(shrunk, means[0] - means[1])
    expected = (judged - (means[0] + means[1]) / 2) @ w
    found = gaussian(products(vectors, judged), accepted, shrinkage=shrinkage)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)


def test_gaussian_equals_scikit_learns_discriminant_on_balanced_sides():
    vectors, accepted, judged = problem(3, 6, 6)
    peer = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.3).fit(vectors, accepted)
    found = gaussian(products(vectors, judged), accepted, shrinkage=0.3)
    np.testing.assert_allclose(found, peer.decision_function(judged), rtol=1e-6)


@pytest.mark.parametrize("setting", CANDIDATES, ids=str)
def test_with_one_reference_a_side_every_rule_prefers_the_nearer_one(setting: Setting):
    vectors, accepted, judged = problem(5, 1, 1)
    nearer = (judged @ vectors[0]) > (judged @ vectors[1])
    scores = setting.score(products(vectors, judged), accepted)
    np.testing.assert_array_equal(scores > 0, nearer)


@pytest.mark.parametrize("setting", CANDIDATES, ids=str)
def test_a_setting_is_read_back_from_how_it_prints(setting: Setting):
    assert parse_setting(str(setting)) == setting
    assert candidates(str(setting)) == (setting,)


def test_a_named_rule_allows_only_its_own_settings():
    assert {s.rule for s in candidates("net")} == {"net"}
    assert {s.rule for s in candidates("gaussian")} == {"gaussian"}
    assert candidates("auto")[0].rule == "net"


@pytest.mark.parametrize(
    "text",
    ["nett", "net(pool=median)", "gaussian(shrinkage=0)", "gaussian(pool=max)", "net(x=1)", ""],
)
def test_an_unknown_rule_or_option_says_what_there_is(text):
    with pytest.raises(UsageError, match="net\\(pool="):
        candidates(text)


def test_values_that_are_no_numbers_are_refused_with_the_same_message():
    with pytest.raises(UsageError, match="shrinkage above 0"):
        candidates("gaussian(shrinkage=much)")


def two_sides(seed=0, n=8, dim=5):
    rng = np.random.default_rng(seed)
    accepted = np.arange(2 * n) < n
    vectors = unit(rng.normal(size=(2 * n, dim)) + np.where(accepted, 0.5, -0.5)[:, None])
    return vectors, accepted, unit(rng.normal(size=(6, dim)))


def test_probe_is_the_logistic_regression_of_scikit_learn():
    vectors, accepted, judged = two_sides()
    model = LogisticRegression(C=3.0, class_weight="balanced", tol=1e-8, max_iter=5000)
    expected = model.fit(vectors, accepted).decision_function(judged)
    found = probe(products(vectors, judged), accepted, c=3.0)
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_cache_is_the_difference_of_mean_affinities():
    vectors, accepted, judged = two_sides()
    affinity = np.exp(-4 * (1 - judged @ vectors.T))
    expected = affinity[:, accepted].mean(axis=1) - affinity[:, ~accepted].mean(axis=1)
    found = cache(products(vectors, judged), accepted, sharpness=4)
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("setting", [*CANDIDATES, *NAMED["cache"], *NAMED["probe"]], ids=str)
def test_a_linear_rule_scores_as_its_coefficients_say(setting):
    vectors, accepted, judged = two_sides(3)
    p = products(vectors, judged)
    dual = setting.dual(p, accepted)
    linear = str(setting).startswith(("gaussian", "probe", "net(pool=mean"))
    assert (dual is not None) == linear
    if dual is not None:
        np.testing.assert_allclose(dual.score(p), setting.score(p, accepted), atol=1e-9)
