"""Verdicts of whole cases: sides, risks, populations, modalities, evidence."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_qualify.decide.assess import Case, decisions, no_verdict, verdicts
from napari_qualify.decide.references import References
from napari_qualify.decide.rules import unit
from napari_qualify.decide.text import Texts
from napari_qualify.decide.verdict import Neighbour
from napari_qualify.errors import UsageError

DIM = 24


def make_case(
    positive: int, negative: int, seed: int = 0, distance: float = 3.0, **options
) -> Case:
    rng = np.random.default_rng(seed)
    accepted = np.arange(positive + negative) < positive
    vectors = sample(rng, accepted, distance)
    labels = [
        Neighbour(f"r{i}", f"r{i}.tif", "accept" if a else "reject", 0.0, "rater-sim-1", f"g{i}")
        for i, a in enumerate(accepted)
    ]
    references = References(vectors, accepted, [label.group for label in labels])
    return Case("spread", references=references, labels=labels, **options)


def sample(rng, accepted, distance):
    """Two clouds round a common direction, `distance` deviations apart."""
    vectors = rng.normal(size=(len(accepted), DIM)) * 0.1
    vectors[:, 0] += 1
    vectors[:, 1] += np.where(accepted, 0.05, -0.05) * distance
    return vectors


def judged(count=40, seed=99, distance=3.0):
    accepted = np.arange(count) % 2 == 0
    return sample(np.random.default_rng(seed), accepted, distance), accepted


def test_well_separated_sides_are_told_apart_with_few_reviews():
    vectors, accepted = judged(distance=16)
    case = make_case(12, 12, distance=16)
    found = verdicts(case, case.outcome(vectors), vectors)
    calls = np.array([v.call == "accept" for v in found])
    assert (calls == accepted).mean() >= 0.95
    decided = [v.verdict != "review" for v in found]
    assert np.mean(decided) >= 0.7
    for v in found:
        assert (v.call == "accept") == (v.score >= v.cut)
        assert v.evidence.margin == pytest.approx(v.score - v.cut)
        assert v.modality == "visual" and v.scores == {"visual": v.score}


def test_eight_groups_on_a_side_only_review_and_say_how_many_are_missing():
    vectors, _ = judged(distance=8)
    case = make_case(8, 8, distance=8)
    found = verdicts(case, case.outcome(vectors), vectors)
    assert {v.verdict for v in found} == {"review"}
    assert "too_few_references" in {v.reason for v in found}
    assert "8 accepted reference groups; a risk of 0.1 needs 9: 1 missing." in found[0].messages
    nine = make_case(9, 9, distance=8)
    assert {v.verdict for v in verdicts(nine, nine.outcome(vectors), vectors)} >= {"accept"}


def test_two_fields_of_a_group_are_not_two_groups():
    case = make_case(18, 18, distance=8)
    refs = case.references
    halved = References(refs.vectors, refs.accepted, [f"g{i // 2}" for i in range(36)])
    case = replace(case, references=halved)
    assert case.counts == (9, 9)
    assert not case.too_few()
    assert len(case.judge.calibration[0]) == 18


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10_000))
def test_a_verdict_does_not_depend_on_the_other_samples(seed):
    case = make_case(9, 10, seed)
    vectors, _ = judged(6, seed + 1)
    together = verdicts(case, case.outcome(vectors), vectors)
    alone = [
        verdicts(case, case.outcome(vectors[i : i + 1]), vectors[i : i + 1])[0] for i in range(6)
    ]
    for a, b in zip(together, alone, strict=True):
        assert (a.verdict, a.reason, a.call) == (b.verdict, b.reason, b.call)
        assert a.score == pytest.approx(b.score, abs=1e-9)
        assert (a.p_accept, a.p_reject) == (b.p_accept, b.p_reject)


def test_the_batch_population_depends_on_the_others_and_says_so():
    case = make_case(9, 9, population="batch")
    vectors, _ = judged(10)
    outcome = case.outcome(vectors)
    raw = case.judge.scores(vectors).visual
    np.testing.assert_allclose(outcome.score, (raw - raw.mean()) / raw.std())
    assert outcome.cut == 0
    found = verdicts(case, outcome, vectors)
    assert any("other samples" in m for m in found[0].messages)
    alone = verdicts(case, case.outcome(vectors[:1]), vectors[:1])[0]
    assert alone.score == 0 and alone.evidence.degenerate


@pytest.mark.parametrize(
    ("positive", "negative", "allowed"),
    [(12, 0, {"review", "reject"}), (0, 12, {"review", "accept"})],
)
def test_one_side_alone_never_gives_its_own_verdict(positive, negative, allowed):
    case = make_case(positive, negative)
    near, _ = judged(20)
    far = np.random.default_rng(5).normal(size=(10, DIM))
    vectors = np.vstack([near, far])
    found = verdicts(case, case.outcome(vectors), vectors)
    assert {v.verdict for v in found} == allowed
    assert all(v.verdict != "review" for v in found[20:])
    for v in found:
        assert (v.p_accept is None) == (positive == 0)
        assert (v.p_reject is None) == (negative == 0)


def test_one_reference_a_side_gives_a_call_and_no_verdict():
    case = make_case(1, 1, distance=8)
    vectors, _ = judged(20, distance=8)
    found = verdicts(case, case.outcome(vectors), vectors)
    assert {v.verdict for v in found} == {"review"}
    assert {v.p_accept for v in found} == {1.0}
    calls = np.array([v.call == "accept" for v in found])
    refs = case.references.vectors
    nearer = unit(vectors) @ refs[0] > unit(vectors) @ refs[1]
    np.testing.assert_array_equal(calls, nearer)


def test_something_unlike_every_reference_says_so():
    case = make_case(9, 9)
    vectors = -judged(4)[0]
    found = verdicts(case, case.outcome(vectors), vectors)
    for v in found:
        assert v.reason == "unlike_references" or v.verdict != "review"
        assert any("Unlike every reference" in m for m in v.messages)


def test_the_nearest_references_of_both_sides_are_the_evidence():
    case = make_case(9, 9)
    vectors, _ = judged(3)
    cosines = unit(vectors) @ case.references.vectors.T
    for row, v in zip(cosines, verdicts(case, case.outcome(vectors), vectors), strict=True):
        assert v.evidence.accepted[0].similarity == pytest.approx(row[:9].max())
        assert v.evidence.rejected[0].similarity == pytest.approx(row[9:].max())
        assert v.evidence.accepted[0].reference == f"r{row[:9].argmax()}"
        similarities = [n.similarity for n in v.evidence.accepted]
        assert similarities == sorted(similarities, reverse=True)


def test_a_calibration_margin_comes_from_a_judge_that_never_saw_its_reference():
    case = make_case(9, 9)
    refs = case.references
    moved = refs.vectors.copy()
    moved[3] = unit(np.random.default_rng(8).normal(size=(1, DIM)))[0]
    other = replace(case, references=References(moved, refs.accepted, refs.groups))
    before, after = case.judge, other.judge
    fold = before.folds[3]
    a, b = before.fold_choices[fold], after.fold_choices[fold]
    assert a.setting == b.setting
    assert a.cut == pytest.approx(b.cut, abs=1e-9)
    assert a.visual.centre == pytest.approx(b.visual.centre, abs=1e-9)


def with_text(case: Case, seed=4, informative=True, **options) -> tuple[Case, np.ndarray]:
    """Texts whose direction is the one that parts the sides, in a text space of 6."""
    rng = np.random.default_rng(seed)
    bridge = rng.normal(size=(DIM, 6))
    axis = np.zeros(DIM)
    axis[1] = 1.0 if informative else 0.0
    count = len(case.references) if case.references else 0
    visual = case.references.vectors if count else np.zeros((0, DIM))
    texts = Texts(
        (axis @ bridge)[None] + 0.01 * rng.normal(size=(2, 6)),
        -(axis @ bridge)[None] + 0.01 * rng.normal(size=(1, 6)),
        np.zeros((count, 6)),
        visual @ bridge,
    )
    said = (("even", "accept"), ("no pores", "accept"), ("clustered", "reject"))
    return replace(case, texts=texts, statements=said, **options), bridge


def test_without_references_the_sign_of_the_cross_score_is_the_call():
    case, bridge = with_text(Case("spread"))
    vectors, _ = judged(20, distance=8)
    outcome = case.outcome(vectors, vectors @ bridge)
    found = verdicts(case, outcome, vectors, vectors @ bridge)
    assert {(v.verdict, v.reason) for v in found} == {("review", "zero_shot")}
    assert {v.modality for v in found} == {"cross"}
    for v in found:
        assert (v.call == "accept") == (v.score >= 0)
        assert [s[1] for s in v.evidence.statements] == ["accept", "accept", "reject"]


def test_text_that_helps_joins_the_score_by_a_weight_chosen_on_references():
    vectors, _ = judged(20, distance=1)
    weights = []
    for seed in range(6):
        case, bridge = with_text(make_case(12, 12, seed, distance=1), seed=seed)
        outcome = case.outcome(vectors, vectors @ bridge)
        assert set(outcome.scores) == {"visual", "cross", "hybrid"}
        w = outcome.weight
        weights.append(w)
        assert outcome.modality == {1: "visual", 0: "cross"}.get(w, "hybrid")
        expected = w * outcome.scores["visual"] + (1 - w) * outcome.scores["cross"]
        np.testing.assert_allclose(outcome.score, expected)
    assert sum(w < 1 for w in weights) >= 3


def test_text_without_information_seldom_joins():
    weights = []
    for seed in range(30):
        case, bridge = with_text(make_case(10, 10, seed, distance=3), seed=seed, informative=False)
        vectors, _ = judged(2)
        outcome = case.outcome(vectors, vectors @ bridge)
        weights.append(outcome.weight)
        assert outcome.modality == ("visual" if outcome.weight == 1 else "hybrid")
    assert np.mean(np.array(weights) < 1) <= 0.15


def test_a_fixed_weight_is_kept():
    case, bridge = with_text(make_case(6, 6), weight=0.25)
    vectors, _ = judged(4)
    outcome = case.outcome(vectors, vectors @ bridge)
    assert (outcome.weight, outcome.modality) == (0.25, "hybrid")


def test_the_setting_of_the_paper_comes_as_a_whole():
    case, bridge = with_text(make_case(30, 30), rule="paper")
    vectors, _ = judged(20)
    outcome = case.outcome(vectors, vectors @ bridge)
    assert (outcome.rule, outcome.weight, outcome.cut) == ("net(pool=mean)", 0.5, 0.0)
    assert outcome.scores["visual"].mean() == pytest.approx(0, abs=1e-9)
    assert outcome.scores["visual"].std() == pytest.approx(1)
    assert "Score and call depend on the other samples of the batch." in case.messages()


def test_without_a_population_scores_stay_as_they_are():
    case = make_case(12, 12, rule="net(pool=mean)", population="none")
    vectors, _ = judged(6)
    outcome = case.outcome(vectors)
    refs, rows = case.references, unit(vectors) @ case.references.vectors.T
    raw = rows[:, refs.accepted].mean(axis=1) - rows[:, ~refs.accepted].mean(axis=1)
    np.testing.assert_allclose(outcome.score, raw)
    assert outcome.cut == 0


def test_with_few_groups_the_hybrid_rests_on_vision_alone():
    case, bridge = with_text(make_case(4, 4))
    vectors, _ = judged(4)
    assert case.outcome(vectors, vectors @ bridge).weight == 1.0


def test_the_cross_modality_uses_text_alone():
    case, bridge = with_text(make_case(9, 9, distance=8), modality="cross")
    vectors, _ = judged(20, distance=8)
    outcome = case.outcome(vectors, vectors @ bridge)
    assert outcome.modality == "cross"
    np.testing.assert_allclose(outcome.score, outcome.scores["cross"])


def test_a_modality_without_text_is_refused_not_faked():
    with pytest.raises(UsageError, match="needs an encoder with text"):
        make_case(3, 3, modality="hybrid")
    with pytest.raises(UsageError, match="modality is one of"):
        make_case(3, 3, modality="smell")


def test_nothing_to_compare_with_is_a_review_that_says_so():
    case = Case("spread")
    assert case.outcome(np.ones((2, DIM))) is None
    verdict = no_verdict(case)
    assert (verdict.verdict, verdict.score) == ("review", None)
    assert "No accepted references." in verdict.messages


def test_a_sample_is_judged_by_the_mean_over_its_fields():
    case = make_case(12, 12, distance=8)
    vectors, _ = judged(6, distance=8)
    outcome = case.outcome(vectors)
    pooled = outcome.pooled([[0, 2, 4], [1, 3, 5]])
    np.testing.assert_allclose(
        pooled.score, [outcome.score[::2].mean(), outcome.score[1::2].mean()]
    )
    assert [d.verdict for d in decisions(case, pooled)] == ["accept", "reject"]


def test_wrong_verdicts_stay_near_the_risk_on_overlapping_clouds():
    """200 judged samples on each of 12 problems: the share of wrong verdicts per true class."""
    wrong = {True: [], False: []}
    for seed in range(12):
        case = make_case(20, 20, seed, distance=2.0)
        vectors, accepted = judged(200, seed + 500, distance=2.0)
        for truth, d in zip(accepted, decisions(case, case.outcome(vectors)), strict=True):
            wrong[bool(truth)].append(d.verdict == ("reject" if truth else "accept"))
    for side, errors in wrong.items():
        assert np.mean(errors) <= 0.14, side


def test_labels_that_have_nothing_to_do_with_the_images_decide_nearly_nothing():
    decided = []
    for seed in range(30):
        case = make_case(15, 15, seed, distance=0.0)
        vectors, _ = judged(50, seed + 500, distance=0.0)
        found = verdicts(case, case.outcome(vectors), vectors)
        decided.append(np.mean([v.verdict != "review" for v in found]))
        if decided[-1] == 0:
            assert any("do not tell the sides apart" in m for m in found[0].messages)
            assert found[0].evidence.to_accept is None
    assert np.mean(decided) <= 0.05 and np.median(decided) == 0
