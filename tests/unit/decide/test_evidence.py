"""Evidence: what would flip a verdict, shares, suspects, and the words."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_qualify.decide.assess import Case, decisions, verdicts
from napari_qualify.decide.evidence import flips
from napari_qualify.decide.explain import explain
from napari_qualify.decide.outcome import Calibration, Outcome
from napari_qualify.decide.references import References
from napari_qualify.decide.verdict import Evidence, HotTile, Neighbour, Verdict


def problem(count, seed, distance=4.0, dim=10):
    rng = np.random.default_rng(seed)
    accepted = np.arange(count) % 2 == 0
    vectors = rng.normal(size=(count, dim))
    vectors[:, 0] += np.where(accepted, 0.5, -0.5) * distance
    return vectors, accepted


def case_of(vectors, accepted, **options):
    labels = [
        Neighbour(f"r{i}", f"r{i}.tif", "accept" if a else "reject", 0.0, "rater-sim-1", f"g{i}")
        for i, a in enumerate(accepted)
    ]
    references = References(vectors, accepted, [label.group for label in labels])
    return Case("spread", references=references, labels=labels, **options)


def shifted(outcome, amount):
    def side(calibration):
        return Calibration(calibration.reference, calibration.judged + amount[:, None])

    return replace(outcome, accepted=side(outcome.accepted), rejected=side(outcome.rejected))


@given(st.integers(0, 10_000), st.sampled_from([0.05, 0.1, 0.2, 0.4]), st.floats(0.3, 6))
@settings(max_examples=40, deadline=None)
def test_a_shift_just_beyond_the_flip_gives_the_verdict_and_one_before_does_not(seed, risk, apart):
    rng = np.random.default_rng(seed)
    k, m = 24, 6
    own = rng.normal(size=(2, k)) + np.array([[apart / 2], [-apart / 2]])
    judged = rng.normal(size=(2, m, k)) * 0.1 + rng.normal(size=(1, m, 1)) * 3
    outcome = Outcome(
        np.zeros(m),
        0.0,
        "visual",
        "net",
        {},
        Calibration(own[0], judged[0]),
        Calibration(own[1], judged[1]),
        unlike=np.zeros(m, dtype=bool),
    )
    case = Case("spread", risk_accept=risk, risk_reject=risk)
    to_accept, to_reject = flips(outcome, risk, risk)
    for change, goal, sign in ((to_accept, "accept", 1), (to_reject, "reject", -1)):
        after = decisions(case, shifted(outcome, change + sign * 1e-6))
        assert [d.verdict for d in after] == [goal] * m
        before = decisions(case, shifted(outcome, change - sign * 1e-6))
        for d, amount in zip(before, change, strict=True):
            if amount:
                assert d.verdict != goal


def test_no_score_leads_to_a_verdict_that_the_references_cannot_reach():
    case = case_of(*problem(10, 0))
    found = verdicts(case, case.outcome(problem(4, 1)[0]), problem(4, 1)[0])
    assert {(v.evidence.to_accept, v.evidence.to_reject) for v in found} == {(None, None)}


def test_one_side_alone_flips_to_one_verdict_only():
    vectors, accepted = problem(60, 0)
    case = case_of(vectors[accepted], accepted[accepted])
    rows = problem(4, 1)[0]
    for v in verdicts(case, case.outcome(rows), rows):
        assert v.evidence.to_accept is None and v.evidence.to_reject <= 0


def test_a_wrong_label_is_the_first_suspect():
    vectors, accepted = problem(40, 0, distance=8)
    labelled = accepted.copy()
    labelled[6] = not labelled[6]
    case = case_of(vectors, labelled)
    assert case.suspects[0].reference == "r6"
    assert case.suspects[0].verdict == "reject" and case.suspects[0].margin > 0
    assert any("r6.tif" in message for message in case.messages())
    assert case_of(vectors, accepted).suspects == ()


def test_near_duplicates_are_named():
    vectors, accepted = problem(20, 0)
    case = case_of(vectors, accepted)
    twins = replace(
        case, references=References(vectors, accepted, case.references.groups, [(0, 2), (2, 4)])
    )
    assert twins.counts == (8, 10)
    message = "Near-duplicate references count once: r0.tif and r2.tif, r2.tif and r4.tif."
    assert message in twins.messages()


def test_an_explanation_names_verdict_reason_neighbours_and_flip():
    case = case_of(*problem(60, 0, distance=2))
    rows, _ = problem(40, 1, distance=2)
    for v in verdicts(case, case.outcome(rows), rows):
        found = explain(v)
        words = {"accept": "accepted", "reject": "rejected", "review": "sent to review"}
        assert words[v.verdict] in str(found).split(".")[0]
        assert v.evidence.accepted[0].image in str(found)
        assert ("be accepted if the score rose" in str(found)) == bool(v.evidence.to_accept)
        assert found.numbers["margin"] == pytest.approx(v.score - v.cut)
        assert found.numbers["share of visual"] == pytest.approx(v.score)


def test_words_do_without_a_call_and_spell_minus_as_a_sign():
    words = str(explain(Verdict("a", "review", score=-1.25, cut=0.5)))
    assert "None" not in words and "-" not in words
    assert "Its score \u22121.25 lies 1.75 below the cut" in words


def test_words_say_where_the_strangest_tile_is():
    tile = HotTile(10, 20, 40, 40, 6.5, 4.0, 0.5)
    found = explain(Verdict("a", "reject", call="reject", evidence=Evidence(hottest=tile)))
    assert "20 \u00b5m from the left and 15 \u00b5m from the top" in str(found)
    assert (found.numbers["strangeness"], found.numbers["strangeness_limit"]) == (6.5, 4.0)
    plain = replace(tile, pixel_size_um=None)
    found = explain(Verdict("a", "reject", call="reject", evidence=Evidence(hottest=plain)))
    assert "40 px from the left and 30 px from the top" in str(found)


def test_one_field_on_both_sides_is_named_apart_from_mere_copies():
    case = case_of(*problem(20, 0))
    accepted = case.references.accepted
    a, b = int(np.flatnonzero(accepted)[0]), int(np.flatnonzero(~accepted)[0])
    told = replace(case, references=replace(case.references, twins=[(a, b)])).messages()
    (one,) = [message for message in told if "accepted and rejected" in message]
    assert f"r{a}.tif and r{b}.tif" in one
    assert not any("count once" in message for message in told)
