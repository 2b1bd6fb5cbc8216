"""From references, statements and judged vectors to verdicts with their evidence."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from napari_qualify.decide.audit import Suspect, suspects
from napari_qualify.decide.conformal import decide, groups_needed, reason_for_review
from napari_qualify.decide.evidence import evidence_of
from napari_qualify.decide.judge import Judge, Judging, Tiles
from napari_qualify.decide.outcome import Outcome, one_sided, two_sided, zero_shot
from napari_qualify.decide.references import References
from napari_qualify.decide.rules import Floats
from napari_qualify.decide.settings import PAPER, TILES
from napari_qualify.decide.split import SplitJudge, held_back
from napari_qualify.decide.text import Texts
from napari_qualify.decide.tile_map import Place, tile_maps
from napari_qualify.decide.verdict import Decision, Neighbour, Reason, Verdict
from napari_qualify.errors import UsageError

MODALITIES = ("auto", "visual", "cross", "hybrid")
POPULATIONS = ("library", "batch", "none")
PAPER_WEIGHT = 0.5
TILE_GROUPS = 2  # accepted ones, from which nearest tiles learn what is usual


@dataclass(frozen=True, eq=False)
class Case:
    """Everything a criterion brings to its decision.

    Attributes
    ----------
    criterion, modality : str
    rule : str
        See `settings.candidates`; ``paper`` sets population and weight too.
    risk_accept, risk_reject : float
    references : References or None
    labels : sequence of Neighbour, length n
        Who the references are; their similarity is filled in per micrograph.
    texts : Texts or None
        None when the encoder has no text.
    statements : sequence of (str, str)
        Text and side of the statements, the accepting ones first.
    population : {'library', 'batch', 'none'}
    notes : sequence of str
        What else a reader of the verdicts should know: long texts that were split.
    weight : float or None
        Fixed share w of the visual score in the hybrid; None chooses it on the references.
    split : bool
        Half of the groups calibrate only, for exact control of the risks.
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
    weight: float | None = None
    split: bool = False

    def __post_init__(self) -> None:
        if self.rule == PAPER:
            object.__setattr__(self, "population", "batch")
            object.__setattr__(self, "weight", PAPER_WEIGHT)
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
    def calibrating(self) -> tuple[int, int]:
        """Accepted and rejected groups that the p-values rest on."""
        if not self._is_split or self.references is None:
            return self.counts
        held = self.references.part(held_back(self.references.groups, self.references.accepted))
        return held.group_count(True), held.group_count(False)

    @property
    def _is_split(self) -> bool:
        # Nearest tiles learn from two accepted groups at least, beside those that calibrate.
        least = (3 if self.by_tiles else 2, 2)
        return self.split and all(n >= k for n, k in zip(self.counts, least, strict=True))

    @property
    def by_tiles(self) -> bool:
        """Whether nearest tiles judge: `outcome` then needs tiles."""
        return self.rule.strip() == TILES

    @cached_property
    def judge(self) -> Judging:
        """The fitted judge, when both sides have references."""
        assert self.references is not None
        options = (self.rule, self.modality)
        more = (self.weight, self.population != "none")
        if not self._is_split:
            return Judge(self.references, *options, self._texts, *more)
        held = held_back(self.references.groups, self.references.accepted)
        texts = self._texts
        teacher = Judge(
            self.references.part(~held), *options, texts.part(~held) if texts else None, *more
        )
        in_text_space = texts.references if texts else None
        return SplitJudge(teacher, self.references, held, in_text_space)

    def outcome(
        self, vectors: Floats, in_text_space: Floats | None = None, tiles: Tiles | None = None
    ) -> Outcome | None:
        """Scores of judged vectors (m, d); None when there is nothing to compare with.

        The vectors of their tiles, (t_j, d) each, are needed by nearest tiles alone.
        """
        accepted, rejected = self.counts
        if self.by_tiles and accepted < TILE_GROUPS:
            return None
        if accepted and rejected:
            return two_sided(self.judge, vectors, in_text_space, self.population, tiles)
        if self.references is not None and (accepted or rejected):
            risk = self.risk_reject if accepted else self.risk_accept
            return one_sided(self.references, vectors, risk, tiles if self.by_tiles else None)
        if self._texts is None or in_text_space is None:
            return None
        nobody = np.zeros(0, dtype=bool)
        return zero_shot(self._texts.direction(nobody, nobody), in_text_space)

    def too_few(self) -> bool:
        """Whether a side has fewer groups than its risk needs."""
        accepted, rejected = self.calibrating
        return (accepted > 0 and accepted < groups_needed(self.risk_reject)) or (
            rejected > 0 and rejected < groups_needed(self.risk_accept)
        )

    def messages(self) -> tuple[str, ...]:
        """What limits every verdict of this criterion, in sentences."""
        found = []
        kind = "calibrating groups (split)" if self._is_split else "reference groups"
        for count, risk, side in zip(
            self.calibrating,
            (self.risk_reject, self.risk_accept),
            ("accepted", "rejected"),
            strict=True,
        ):
            needed = groups_needed(risk)
            if 0 < count < needed:
                found.append(
                    f"{count} {side} {kind}; a risk of {risk:g} needs {needed}: "
                    f"{needed - count} missing."
                )
            elif count == 0:
                found.append(f"No {side} references.")
        if self.split and not self._is_split:
            least = "three accepted and two rejected" if self.by_tiles else "two a side"
            found.append(f"Too few groups to split: {least} at least.")
        if self.by_tiles and self.counts[0] < TILE_GROUPS:
            found.append("Nearest tiles need accepted references of two groups at least.")
        if self.population == "batch":
            found.append("Score and call depend on the other samples of the batch.")
        return (*found, *self._doubts, *self.notes)

    @cached_property
    def suspects(self) -> tuple[Suspect, ...]:
        """References whose score, while their group was left out, contradicts their label."""
        if self.references is None or self.unchecked:
            return ()
        assert isinstance(self.judge, Judge)
        return suspects(self.judge, self.labels)

    @property
    def unchecked(self) -> str:
        """Why labels cannot be checked for suspects, '' when they can."""
        if not min(self.counts):
            return "that needs accepted and rejected references"
        if self._is_split:
            return "with split, references that calibrate teach nothing"
        if self.by_tiles and self.counts[0] < TILE_GROUPS:
            return "nearest tiles need accepted references of two groups at least"
        return ""

    @cached_property
    def _doubts(self) -> tuple[str, ...]:
        """What a person should look at among the references, in sentences."""
        found = []
        if copies := self._twins(same_verdict=True):
            found.append(f"Near-duplicate references count once: {_some(copies)}.")
        if opposed := self._twins(same_verdict=False):
            found.append(
                "References that seem to show one field were accepted and rejected, look at "
                f"them first: {_some(opposed)}."
            )
        if self.suspects:
            names = [each.image for each in self.suspects]
            found.append(
                f"{len(names)} of {len(self.labels)} references score against their label when "
                f"left out, look at them first: {_some(names)}."
            )
        return tuple(found)

    def _twins(self, *, same_verdict: bool) -> list[str]:
        """Names of the pairs of references that show the same."""
        if self.references is None:
            return []
        accepted = self.references.accepted
        return [
            f"{self._name(a)} and {self._name(b)}"
            for a, b in self.references.twins
            if (accepted[a] == accepted[b]) == same_verdict
        ]

    def _name(self, index: int) -> str:
        return self.labels[index].image if self.labels else f"reference {index + 1}"


def _some(names: Sequence[str], most: int = 3) -> str:
    """The first names, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


_NOTHING = "Nothing to compare with: no statement for each side that this encoder can read."


def no_verdict(case: Case) -> Verdict:
    """Review of a criterion that has neither references nor comparable statements."""
    return Verdict(
        case.criterion,
        "review",
        "too_few_references",
        risk_accept=case.risk_accept,
        risk_reject=case.risk_reject,
        rule="",
        messages=case.messages() if case.by_tiles else (*case.messages(), _NOTHING),
    )


def verdicts(
    case: Case,
    outcome: Outcome,
    vectors: Floats,
    in_text_space: Floats | None = None,
    places: Sequence[Place] | None = None,
) -> list[Verdict]:
    """The verdicts of m judged micrographs with their evidence.

    Parameters
    ----------
    case : Case
    outcome : Outcome
        From ``case.outcome`` of the same vectors.
    vectors : ndarray of float, shape (m, d)
    in_text_space : ndarray of float, shape (m, t), optional
    places : sequence of Place, length m, optional
        Of the tiles of each: with them nearest tiles give a map.
    """
    messages = case.messages()
    maps = tile_maps(outcome.tiles, places)
    every = evidence_of(case, outcome, vectors, in_text_space, maps)
    found = []
    for i, (decided, evidence) in enumerate(zip(decisions(case, outcome), every, strict=True)):
        score = float(outcome.score[i])
        extra: tuple[str, ...] = ()
        if outcome.unlike[i]:
            extra = ("Unlike every reference: the stated risk does not cover it.",)
        if not outcome.separable and not case.too_few():
            extra += ("The references, each left out, do not tell the sides apart: review.",)
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
                tile_map=maps[i] if maps else None,
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
        verdict = decide(a, r, *risks) if outcome.separable else "review"
        reason: Reason = ""
        if a is None and r is None:
            reason = "zero_shot"
        elif verdict == "review":
            reason = reason_for_review(
                a, r, *risks, too_few=case.too_few(), unlike=bool(outcome.unlike[i])
            )
        found.append(Decided(verdict, reason, a, r))
    return found
