"""p-values and the one function that decides."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_qualify.decide.conformal import (
    decide,
    groups_needed,
    p_value,
    reason_for_review,
)

MARGINS = st.integers(-300, 300).map(lambda i: i / 100)


@given(st.lists(MARGINS, min_size=1, max_size=30), MARGINS)
def test_a_p_value_counts_the_references_at_least_as_strange(reference, margin):
    k = len(reference)
    judged = np.full((1, k), margin)
    low = p_value(np.array(reference), judged, of_accepted=True)[0]
    high = p_value(np.array(reference), judged, of_accepted=False)[0]
    assert low == pytest.approx((1 + sum(r <= margin for r in reference)) / (k + 1))
    assert high == pytest.approx((1 + sum(r >= margin for r in reference)) / (k + 1))
    assert min(low, high) >= 1 / (k + 1)


def test_groups_without_a_score_do_not_count():
    assert p_value(np.array([np.nan]), np.zeros((1, 1)), of_accepted=True)[0] == 1


@pytest.mark.parametrize(("risk", "needed"), [(0.1, 9), (0.05, 19), (0.2, 4), (0.01, 99), (0.3, 3)])
def test_the_groups_that_a_risk_needs(risk, needed):
    assert groups_needed(risk) == needed
    assert 1 / (needed + 1) <= risk + 1e-12 and 1 / needed > risk


@pytest.mark.parametrize(
    ("p_accept", "p_reject", "verdict"),
    [
        (0.5, 0.05, "accept"),
        (0.05, 0.5, "reject"),
        (0.5, 0.5, "review"),
        (0.05, 0.05, "review"),
        (0.5, 0.1, "accept"),
        (0.1, 0.1, "review"),
        (None, 0.05, "accept"),
        (None, 0.5, "review"),
        (0.05, None, "reject"),
        (0.5, None, "review"),
        (None, None, "review"),
    ],
)
def test_the_decision_table_at_a_risk_of_a_tenth(p_accept, p_reject, verdict):
    assert decide(p_accept, p_reject, 0.1, 0.1) == verdict


def test_each_side_has_its_own_risk():
    assert decide(0.5, 0.15, 0.2, 0.1) == "accept"
    assert decide(0.5, 0.15, 0.1, 0.2) == "review"
    assert decide(0.15, 0.5, 0.1, 0.2) == "reject"


def test_every_review_has_a_reason():
    for unlike, few in itertools.product([True, False], repeat=2):
        both = reason_for_review(0.5, 0.5, 0.1, 0.1, too_few=few, unlike=unlike)
        none = reason_for_review(0.05, 0.05, 0.1, 0.1, too_few=few, unlike=unlike)
        assert both == (
            "unlike_references" if unlike else "too_few_references" if few else "both_possible"
        )
        assert none == ("unlike_references" if unlike else "neither")


def test_a_micrograph_that_is_a_reference_counts_as_a_tie_with_it():
    reference = np.array([0.1, 0.2, 0.3])
    for judged in (0.2, 0.2 - 1e-12, 0.2 + 1e-12):
        row = np.full((1, 3), judged)
        assert p_value(reference, row, of_accepted=True)[0] == 3 / 4
        assert p_value(reference, row, of_accepted=False)[0] == 3 / 4
