"""Scores of many stored vectors equal those of one verdict after the other."""

import numpy as np
import pytest

from napari_qualify.decide.judge import Judge
from napari_qualify.decide.references import References
from napari_qualify.decide.rescore import ROWS, rescore
from napari_qualify.decide.rules import unit

RULES = (
    "net(pool=mean)",
    "net(pool=max)",
    "net(pool=soft, sharpness=5, centred=True, standardised=True)",
    "gaussian(shrinkage=0.1, standardised=True)",
    "cache(sharpness=5)",
    "auto",
)


def judge(rule, seed):
    rng = np.random.default_rng(seed)
    accepted = np.arange(16) % 2 == 0
    vectors = rng.normal(size=(16, 12)) + np.where(accepted, 0.6, -0.6)[:, None] + 2
    return Judge(References(vectors, accepted, [f"g{i}" for i in range(16)]), rule)


@pytest.mark.parametrize("count", [1, 50, ROWS + 3])
def test_rescored_vectors_have_the_scores_of_their_judges(count):
    judges = [judge(rule, seed) for seed, rule in enumerate(RULES)]
    vectors = unit(np.random.default_rng(9).normal(size=(count, 12)) + 2)
    found = rescore(vectors.astype(np.float32), judges)
    assert found.shape == (count, len(RULES)) and found.dtype == np.float32
    for column, one in zip(found.T, judges, strict=True):
        expected = one.choice.visual.z(one.scores(vectors).visual)
        np.testing.assert_allclose(column, expected, atol=2e-4 * np.abs(expected).max())


def test_a_judge_by_tiles_is_refused():
    rng = np.random.default_rng(0)
    vectors, accepted = unit(rng.normal(size=(6, 12)) + 2), np.arange(6) < 3
    tiles = [unit(rng.normal(size=(9, 12)) + 2) for _ in vectors]
    references = References(vectors, accepted, [f"g{i}" for i in range(6)], tiles=lambda: tiles)
    judges = [judge("gaussian", 0), Judge(references, "tiles")]
    with pytest.raises(ValueError, match="judge 1 of 2 judges by nearest tiles.*qualify"):
        rescore(vectors.astype(np.float32), judges)
