"""Split conformal: the calibrating half takes no part in the judge."""

import numpy as np
import pytest

from napari_qualify.decide.assess import Case, decisions
from napari_qualify.decide.references import References
from napari_qualify.decide.split import held_back


def problem(count, seed, distance=1.5, dim=12):
    rng = np.random.default_rng(seed)
    accepted = np.arange(count) % 2 == 0
    vectors = rng.normal(size=(count, dim))
    vectors[:, 0] += np.where(accepted, 0.5, -0.5) * distance
    return vectors, accepted


def split_case(count=40, seed=0, **options):
    vectors, accepted = problem(count, seed)
    references = References(vectors, accepted, [f"g{i}" for i in range(count)])
    return Case("spread", references=references, split=True, **options)


def test_the_halves_are_equal_repeatable_and_do_not_share_a_group():
    groups = [f"g{i // 2}" for i in range(40)]
    accepted = np.arange(40) < 20
    held = held_back(groups, accepted)
    names = np.array(groups)
    assert not set(names[held]) & set(names[~held])
    for side in (True, False):
        assert len(set(names[held & (accepted == side)])) == 5
    order = np.random.default_rng(0).permutation(40)
    again = held_back([groups[i] for i in order], accepted[order])
    np.testing.assert_array_equal(again, held[order])


def test_calibrating_references_do_not_move_the_score():
    case = split_case()
    vectors, _ = problem(10, 9)
    refs = case.references
    held = held_back(refs.groups, refs.accepted)
    moved = refs.vectors.copy()
    moved[held] += 0.3
    other = Case("spread", references=References(moved, refs.accepted, refs.groups), split=True)
    found, after = case.outcome(vectors), other.outcome(vectors)
    np.testing.assert_allclose(found.score, after.score, rtol=1e-9)
    assert not np.allclose(found.accepted.reference, after.accepted.reference)


def test_half_of_the_groups_count_for_the_risk():
    message = "9 accepted calibrating groups (split); a risk of 0.05 needs 19: 10 missing."
    assert message in split_case(36, risk_reject=0.05).messages()
    assert split_case(36).messages() == ()


def test_too_few_groups_to_split_are_not_split_and_it_is_said():
    case = split_case(3)
    assert "Too few groups to split: two a side at least." in case.messages()
    assert len(case.outcome(problem(4, 2)[0]).score) == 4


@pytest.mark.parametrize("risk", [0.1, 0.2])
def test_wrong_verdicts_are_under_the_risk_on_average(risk):
    wrong = {True: [], False: []}
    for seed in range(60):
        case = split_case(60, seed, risk_accept=risk, risk_reject=risk, rule="net(pool=mean)")
        vectors, accepted = problem(100, seed + 1000)
        for truth, d in zip(accepted, decisions(case, case.outcome(vectors)), strict=True):
            wrong[bool(truth)].append(d.verdict == ("reject" if truth else "accept"))
    for side, errors in wrong.items():
        assert 0.3 * risk <= np.mean(errors) <= risk + 0.02, side
