"""From references, statements and judged vectors to verdicts with their evidence."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from napari_qualify.decide.conformal import decide, groups_needed, reason_for_review
from napari_qualify.decide.judge import Judge, References
from napari_qualify.decide.outcome import Outcome, one_sided, two_sided, zero_shot
from napari_qualify.decide.rules import Floats, unit
from napari_qualify.decide.text import Texts
from napari_qualify.decide.verdict import Decision, Evidence, Neighbour, Reason, Verdict
from napari_qualify.errors import UsageError

NEIGHBOURS = 3
MODALITIES = ("auto", "visual", "cross", "hybrid")
POPULATIONS = ("library", "batch")


@dataclass(frozen=True, eq=False)
class Case:
    """Everything a criterion brings to its decision.

    Attributes
    ----------
    criterion, rule, modality : str
    risk_accept, risk_reject : float
    references : References or None
    labels : sequence of Neighbour, length n
        Who the references are; their similarity is filled in per micrograph.
    texts : Texts or None
        None when the encoder has no text.
    statements : sequence of (str, str)
        Text and side of the statements, the accepting ones first.
    population : {'library', 'batch'}
    notes : sequence of str
        What else a reader of the verdicts should know: long texts that were split.
    """

    criterion: str
    rule: str = "auto"
    modality: str = "auto"
    risk_accept: float = 0.1
    risk_reject: float = 0.1
    references: References | None = None
    labels: Sequence[Neighbour] = ()
    texts: Texts | None = None
    statements: Sequence[tuple[str, str]] = ()
    population: str = "library"
    notes: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.modality not in MODALITIES or self.population not in POPULATIONS:
            raise UsageError(
                f"criterion {self.criterion!r}: modality is one of {', '.join(MODALITIES)} and "
                f"population one of {', '.join(POPULATIONS)}; got {self.modality!r} and "
                f"{self.population!r}"
            )
        if self.modality in ("cross", "hybrid") and self._texts is None:
            raise UsageError(
                f"criterion {self.criterion!r} asks for modality {self.modality!r}, which needs an "
                "encoder with text and a statement or description for acceptance and for "
                "rejection. Use modality 'visual' or 'auto', or another encoder."
            )

    @cached_property
    def _texts(self) -> Texts | None:
        if self.texts is None:
            return None
        n = len(self.texts.descriptions)
        accepted = self.references.accepted if self.references else np.zeros(n, dtype=bool)
        return self.texts if self.texts.has_both_sides(accepted) else None

    @property
    def counts(self) -> tuple[int, int]:
        """Accepted and rejected reference groups."""
        if self.references is None:
            return 0, 0
        return self.references.group_count(True), self.references.group_count(False)

    @cached_property
    def judge(self) -> Judge:
        """The fitted judge, when both sides have references."""
        assert self.references is not None
        return Judge(self.references, self.rule, self.modality, self._texts)

    def outcome(self, vectors: Floats, in_text_space: Floats | None = None) -> Outcome | None:
        """Scores of judged vectors (m, d); None when there is nothing to compare with."""
        accepted, rejected = self.counts
        if accepted and rejected:
            return two_sided(self.judge, vectors, in_text_space, self.population)
        if self.references is not None and (accepted or rejected):
            risk = self.risk_reject if accepted else self.risk_accept
            return one_sided(self.references, vectors, risk)
        if self._texts is None or in_text_space is None:
            return None
        nobody = np.zeros(0, dtype=bool)
        return zero_shot(self._texts.direction(nobody, nobody), in_text_space)

    def too_few(self) -> bool:
        """Whether a side has fewer groups than its risk needs."""
        accepted, rejected = self.counts
        return (accepted > 0 and accepted < groups_needed(self.risk_reject)) or (
            rejected > 0 and rejected < groups_needed(self.risk_accept)
        )

    def messages(self) -> tuple[str, ...]:
        """What limits every verdict of this criterion, in sentences."""
        found = []
        for count, risk, side in zip(
            self.counts, (self.risk_reject, self.risk_accept), ("accepted", "rejected"), strict=True
        ):
            needed = groups_needed(risk)
            if 0 < count < needed:
                found.append(
                    f"{count} {side} reference groups; a risk of {risk:g} needs {needed}: "
                    f"{needed - count} missing."
                )
            elif count == 0:
                found.append(f"No {side} references.")
        if self.population == "batch":
            found.append("Score and call depend on the other samples of the batch.")
        return (*found, *self.notes)


def no_verdict(case: Case) -> Verdict:
    """Review of a criterion that has neither references nor comparable statements."""
    return Verdict(
        case.criterion,
        "review",
        "too_few_references",
        risk_accept=case.risk_accept,
        risk_reject=case.risk_reject,
        rule="",
        messages=(
            *case.messages(),
            "Nothing to compare with: no statement for each side that this encoder can read.",
        ),
    )


def verdicts(
    case: Case, outcome: Outcome, vectors: Floats, in_text_space: Floats | None = None
) -> list[Verdict]:
    """The verdicts of m judged micrographs with their evidence.

    Parameters
    ----------
    case : Case
    outcome : Outcome
        From ``case.outcome`` of the same vectors.
    vectors : ndarray of float, shape (m, d)
    in_text_space : ndarray of float, shape (m, t), optional
    """
    messages = case.messages()
    nearest = _nearest(case, vectors)
    spoken = _spoken(case, in_text_space, len(outcome.score))
    found = []
    for i, decided in enumerate(decisions(case, outcome)):
        score = float(outcome.score[i])
        evidence = Evidence(
            *nearest[i],
            statements=spoken[i],
            weight=outcome.weight,
            margin=score - outcome.cut,
            population=case.population,
            degenerate=outcome.degenerate,
        )
        extra: tuple[str, ...] = ()
        if outcome.unlike[i]:
            extra = ("Unlike every reference: the stated risk does not cover it.",)
        if outcome.degenerate:
            extra += ("The population of scores does not vary: the score is 0.",)
        found.append(
            Verdict(
                case.criterion,
                decided.verdict,
                decided.reason,
                "accept" if score >= outcome.cut else "reject",
                score,
                outcome.cut,
                decided.p_accept,
                decided.p_reject,
                case.risk_accept,
                case.risk_reject,
                outcome.modality,
                outcome.rule,
                {name: float(values[i]) for name, values in outcome.scores.items()},
                evidence=evidence,
                messages=messages + extra,
            )
        )
    return found


@dataclass(frozen=True)
class Decided:
    """Verdict, reason and p-values of one sample."""

    verdict: Decision
    reason: Reason
    p_accept: float | None
    p_reject: float | None


def decisions(case: Case, outcome: Outcome) -> list[Decided]:
    """Verdict and reason of every row of an outcome."""
    p_accept, p_reject = outcome.p_values()
    found = []
    for i in range(len(outcome.score)):
        a = None if p_accept is None else float(p_accept[i])
        r = None if p_reject is None else float(p_reject[i])
        risks = (case.risk_accept, case.risk_reject)
        verdict = decide(a, r, *risks)
        reason: Reason = ""
        if a is None and r is None:
            reason = "zero_shot"
        elif verdict == "review":
            reason = reason_for_review(
                a, r, *risks, too_few=case.too_few(), unlike=bool(outcome.unlike[i])
            )
        found.append(Decided(verdict, reason, a, r))
    return found


def _nearest(
    case: Case, vectors: Floats
) -> list[tuple[tuple[Neighbour, ...], tuple[Neighbour, ...]]]:
    """The nearest accepted and rejected references of every judged vector."""
    refs = case.references
    if refs is None:
        return [((), ())] * len(vectors)
    cosines = unit(vectors) @ refs.vectors.T
    found = []
    for row in cosines:
        sides = []
        for side in (True, False):
            order = [i for i in np.argsort(-row, kind="stable") if refs.accepted[i] == side]
            sides.append(
                tuple(_with_similarity(case.labels[i], float(row[i])) for i in order[:NEIGHBOURS])
            )
        found.append((sides[0], sides[1]))
    return found


def _with_similarity(label: Neighbour, similarity: float) -> Neighbour:
    return Neighbour(
        label.reference, label.image, label.verdict, similarity, label.expert, label.group
    )


def _spoken(
    case: Case, in_text_space: Floats | None, count: int
) -> list[tuple[tuple[str, str, float], ...]]:
    """Every statement with its cosine to the micrograph."""
    texts = case.texts
    if texts is None or in_text_space is None or not case.statements:
        return [()] * count
    cosines = unit(in_text_space) @ np.vstack([texts.accept, texts.reject]).T
    return [
        tuple((text, side, float(c)) for (text, side), c in zip(case.statements, row, strict=True))
        for row in cosines
    ]
