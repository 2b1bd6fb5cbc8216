"""Many linear judges in one pass give what each gives alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_qualify.decide.judge import Judge
from napari_qualify.decide.linear import Linear, linear_scores
from napari_qualify.decide.nested import standardise
from napari_qualify.decide.references import References
from napari_qualify.decide.rules import products, unit
from napari_qualify.decide.settings import parse_setting

RULES = (
    "gaussian(shrinkage=0.1, standardised=True)",
    "gaussian(shrinkage=0.1)",
    "net(pool=mean, standardised=True)",
    "probe(c=10, standardised=True)",
)


@given(st.integers(0, 1000), st.floats(0.01, 100), st.sampled_from(RULES))
@settings(max_examples=25, deadline=None)
def test_a_pass_over_vectors_is_the_rule_on_standardised_ones(seed, scale, rule):
    rng = np.random.default_rng(seed)
    accepted = np.arange(10) < 5
    refs = unit(rng.normal(size=(10, 7)) * scale + 3)
    rows = unit(rng.normal(size=(9, 7)) * scale + 3)
    setting = parse_setting(rule)
    space = standardise(refs)
    seen, judged = (space(refs), space(rows)) if setting.standardised else (refs, rows)
    p = products(seen, judged)
    dual = setting.dual(p, accepted)
    one = Linear(dual.coefficients @ seen, dual.offset, space if setting.standardised else None)
    found = linear_scores(rows, [one, one])
    expected = setting.score(p, accepted)
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())
    np.testing.assert_array_equal(found[:, 0], found[:, 1])


@pytest.mark.parametrize("rule", [*RULES, "net(pool=max)"])
def test_a_judge_tells_whether_it_is_linear(rule):
    rng = np.random.default_rng(0)
    accepted = np.arange(12) < 6
    vectors = rng.normal(size=(12, 5)) + np.where(accepted, 1, -1)[:, None]
    judge = Judge(References(vectors, accepted, [str(i) for i in range(12)]), rule)
    rows = unit(rng.normal(size=(4, 5)))
    linear = judge.linear()
    assert (linear is None) == (rule == "net(pool=max)")
    if linear is not None:
        np.testing.assert_allclose(linear_scores(rows, [linear])[:, 0], judge.scores(rows).visual)
