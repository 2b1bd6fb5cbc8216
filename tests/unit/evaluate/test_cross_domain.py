import numpy as np
import pytest

from napari_qualify.errors import UsageError
from napari_qualify.evaluate.cross_domain import OTHERS, cross_domain


def problem():
    """Sound ones; defects a and b go the same way from them, c another."""
    rng = np.random.default_rng(0)
    ways = {"sound": np.zeros(8), "a": np.eye(8)[0], "b": np.eye(8)[0], "c": np.eye(8)[1]}
    kinds = np.repeat(list(ways), [40, 24, 24, 24])
    vectors = rng.normal(scale=0.2, size=(len(kinds), 8)) + 0.5
    vectors += 1.5 * np.array([ways[k] for k in kinds])
    return vectors, kinds == "sound", kinds


@pytest.fixture(scope="module")
def found():
    vectors, truth, kinds = problem()
    table = cross_domain(vectors, truth, kinds, shared=["sound"], references=8, draws=4)
    return table.set_index(["reference", "test", "metric"])


def test_what_looks_alike_transfers_and_what_does_not_fails(found):
    def auroc(reference, test):
        return found.loc[(reference, test, "auroc"), "value"]

    assert min(auroc(k, k) for k in "abc") > 0.97
    assert min(auroc("a", "b"), auroc("b", "a")) > 0.97
    assert max(auroc("a", "c"), auroc("c", "a")) < 0.9
    assert auroc("a", "c") < auroc("a", OTHERS) < auroc("a", "b")


def test_held_out_micrographs_are_counted(found):
    assert found.loc[("a", "b", "auroc"), "n"] == 20 + 12
    assert found.loc[("a", OTHERS, "auroc"), "n"] == 20 + 24
    assert (found["draws"] == 4).all()


def test_references_are_never_judged():
    # Verdicts at random: only who has seen the answers could rank them.
    rng = np.random.default_rng(1)
    vectors, truth = rng.normal(size=(80, 40)), rng.permutation(np.arange(80) % 2 == 0)
    kinds = np.array(["x", "y"])[rng.permutation(np.arange(80) % 2)]
    table = cross_domain(vectors, truth, kinds, references=20, draws=12)
    values = table[table["metric"] == "auroc"]["value"]
    assert values.between(0.35, 0.65).all()


def test_one_domain_is_refused():
    vectors, truth, _ = problem()
    with pytest.raises(UsageError, match="two domains"):
        cross_domain(vectors, truth, ["x"] * len(truth))
    with pytest.raises(UsageError, match="one each"):
        cross_domain(vectors, truth, ["x"])
