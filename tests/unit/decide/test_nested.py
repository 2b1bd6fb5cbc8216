"""Left-out scores are those of models that were really fitted without the folds."""

import numpy as np
import pytest

from napari_qualify.decide.nested import fold_of_groups, nested_scores, standardise
from napari_qualify.decide.rules import products, unit
from napari_qualify.decide.settings import CANDIDATES
from napari_qualify.decide.text import Texts, nested_cross


@pytest.fixture
def references():
    rng = np.random.default_rng(0)
    accepted = np.array([True] * 5 + [False] * 4)
    vectors = unit(rng.normal(size=(9, 8)) + np.where(accepted, 1, -1)[:, None])
    groups = ["a", "a", "b", "c", "d", "e", "e", "f", "g"]
    return vectors, accepted, groups


def refitted(setting, vectors, accepted, kept, rows):
    train, judged = vectors[kept], vectors[rows]
    if setting.standardised:
        space = standardise(train)
        train, judged = space(train), space(judged)
    return setting.score(products(train, judged), accepted[kept])


def test_a_group_is_never_split_and_each_has_its_own_fold(references):
    _, accepted, groups = references
    folds = fold_of_groups(groups, accepted)
    assert folds[0] == folds[1] and folds[5] == folds[6]
    assert len(set(folds)) == len(set(groups))


def test_many_groups_share_folds_that_hold_both_sides():
    accepted = np.arange(160) < 80
    folds = fold_of_groups([f"{i:03d}" for i in range(160)], accepted, limit=40)
    for fold in range(40):
        assert accepted[folds == fold].sum() == 2
        assert (~accepted[folds == fold]).sum() == 2


def test_folds_do_not_depend_on_the_order_of_the_references(references):
    _, accepted, groups = references
    folds = fold_of_groups(groups, accepted)
    again = fold_of_groups(groups[::-1], accepted[::-1])
    np.testing.assert_array_equal(folds, again[::-1])


@pytest.mark.parametrize("setting", CANDIDATES, ids=str)
def test_outer_and_inner_scores_equal_refitting_without_the_folds(references, setting):
    vectors, accepted, groups = references
    folds = fold_of_groups(groups, accepted)
    found = nested_scores(vectors, accepted, folds, [setting])
    for i in range(len(folds)):
        kept, row = folds != folds[i], np.arange(len(folds)) == i
        expected = refitted(setting, vectors, accepted, kept, row)
        assert found.outer[0, i] == pytest.approx(expected[0], abs=1e-9)
        for f in set(folds) - {folds[i]}:
            expected = refitted(setting, vectors, accepted, kept & (folds != f), row)
            assert found.inner[0, f, i] == pytest.approx(expected[0], abs=1e-9)
        assert np.isnan(found.inner[0, folds[i], i])


def test_leaving_out_the_last_reference_of_a_side_gives_no_score():
    vectors = unit(np.random.default_rng(1).normal(size=(3, 4)))
    accepted = np.array([True, True, False])
    found = nested_scores(vectors, accepted, np.arange(3), CANDIDATES[:1])
    assert np.isnan(found.outer[0, 2]) and np.isfinite(found.outer[0, :2]).all()


def test_a_references_own_description_is_left_out_with_its_group(references):
    _, accepted, groups = references
    rng = np.random.default_rng(2)
    folds = fold_of_groups(groups, accepted)
    texts = Texts(
        rng.normal(size=(1, 6)),
        rng.normal(size=(2, 6)),
        rng.normal(size=(9, 6)),
        rng.normal(size=(9, 6)),
    )
    outer, inner = nested_cross(texts, accepted, folds)
    for i in range(9):
        kept = folds != folds[i]
        positive = np.vstack([texts.accept, texts.descriptions[kept & accepted]]).mean(0)
        negative = np.vstack([texts.reject, texts.descriptions[kept & ~accepted]]).mean(0)
        assert outer[i] == pytest.approx(texts.references[i] @ (positive - negative))
    changed = Texts(
        texts.accept,
        texts.reject,
        np.where(folds[:, None] == folds[0], 9.0, texts.descriptions),
        texts.references,
    )
    np.testing.assert_allclose(nested_cross(changed, accepted, folds)[1][folds[0]], inner[folds[0]])
