"""Standardising and the cut."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_qualify.decide.population import (
    Population,
    batch_population,
    best_cut,
    group_means,
    library_population,
    separation,
)

SCORES = arrays(float, 12, elements=st.floats(-5, 5), unique=True)
SIDES = np.arange(12) < 6


@given(SCORES)
def test_standardising_never_changes_the_ranking(scores):
    population = library_population(scores, SIDES)
    if not population.degenerate:
        assert (np.diff(population.z(np.sort(scores))) >= 0).all()


def test_more_groups_on_one_side_do_not_move_centre_or_deviation():
    rng = np.random.default_rng(0)
    accepted, rejected = rng.normal(1, 0.2, 4000), rng.normal(-1, 0.2, 4000)
    even = library_population(np.r_[accepted, rejected], np.arange(8000) < 4000)
    uneven = library_population(np.r_[accepted, rejected[:100]], np.arange(4100) < 4000)
    assert uneven.centre == pytest.approx(even.centre, abs=0.03)
    assert uneven.deviation == pytest.approx(even.deviation, abs=0.02)


def test_scores_that_do_not_vary_give_zero_and_say_so():
    population = batch_population(np.full(5, 0.25))
    assert population.degenerate
    np.testing.assert_array_equal(population.z(np.array([0.25, 9.0])), [0, 0])


def test_fewer_than_two_groups_on_a_side_leave_scores_as_they_are():
    population = library_population(np.array([0.3, -0.1, -0.2]), np.array([True, False, False]))
    assert population == Population()
    assert best_cut(np.array([0.3, -0.1, -0.2]), np.array([True, False, False])) == 0


def test_the_batch_population_is_that_of_the_paper():
    scores = np.array([1.0, 2.0, 4.0])
    np.testing.assert_allclose(
        batch_population(scores).z(scores), (scores - scores.mean()) / scores.std()
    )


@given(st.integers(0, 1000))
def test_the_cut_lies_between_the_class_means(seed):
    rng = np.random.default_rng(seed)
    scores = np.r_[rng.normal(1, rng.uniform(0.1, 2), 6), rng.normal(-1, rng.uniform(0.1, 2), 6)]
    high, low = scores[SIDES].mean(), scores[~SIDES].mean()
    if high > low:
        assert low <= best_cut(scores, SIDES) <= high


def test_equal_spread_puts_the_cut_in_the_middle_and_a_tight_side_draws_it_near():
    spread = np.linspace(-1, 1, 6)
    even = np.r_[3 + spread, -3 + spread]
    assert best_cut(even, SIDES) == pytest.approx(0, abs=1e-9)
    tight = np.r_[3 + 0.1 * spread, -3 + 2 * spread]
    assert best_cut(tight, SIDES) > 0.5


def test_a_groups_fields_count_once():
    scores = np.array([1.0, 3.0, 10.0, -1.0])
    accepted = np.array([True, True, True, False])
    means, sides, first = group_means(scores, accepted, ["a", "a", "b", "b"])
    np.testing.assert_array_equal(means, [2, 10, -1])
    np.testing.assert_array_equal(sides, [True, True, False])
    assert first == [0, 2, 3]


def test_separation_is_the_distance_of_means_in_pooled_deviations():
    scores = np.r_[np.linspace(1, 2, 6), np.linspace(-2, -1, 6)]
    deviation = np.linspace(1, 2, 6).std(ddof=1)
    assert separation(scores, SIDES) == pytest.approx(3 / deviation)
