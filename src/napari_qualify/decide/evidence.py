"""What a verdict rests on: neighbours, statements, shares, and what would flip it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from napari_qualify.decide.outcome import Outcome
from napari_qualify.decide.rules import Floats, unit
from napari_qualify.decide.tile_map import TileMap
from napari_qualify.decide.verdict import Evidence, Neighbour

if TYPE_CHECKING:
    from napari_qualify.decide.assess import Case

NEIGHBOURS = 3


def evidence_of(
    case: "Case",
    outcome: Outcome,
    vectors: Floats,
    in_text_space: Floats | None = None,
    maps: Sequence[TileMap] | None = None,
) -> list[Evidence]:
    """Evidence of every judged micrograph.

    Parameters
    ----------
    case : Case
    outcome : Outcome
        From ``case.outcome`` of the same vectors.
    vectors : ndarray of float, shape (m, d)
    in_text_space : ndarray of float, shape (m, t), optional
    maps : sequence of TileMap, length m, optional
        Where nearest tiles judge.
    """
    nearest = _nearest(case, vectors)
    spoken = _spoken(case, in_text_space, len(outcome.score))
    to_accept, to_reject = flips(outcome, case.risk_accept, case.risk_reject)
    return [
        Evidence(
            *nearest[i],
            statements=spoken[i],
            weight=outcome.weight,
            margin=float(outcome.score[i] - outcome.cut),
            population=case.population,
            degenerate=outcome.degenerate,
            shares=_shares(outcome, i),
            statement_shares=_statement_shares(spoken[i]),
            to_accept=_finite(to_accept[i]),
            to_reject=_finite(to_reject[i]),
            hottest=maps[i].hottest if maps else None,
        )
        for i in range(len(outcome.score))
    ]


def flips(outcome: Outcome, risk_accept: float, risk_reject: float) -> tuple[Floats, Floats]:
    """Shifts of the score that lead to the verdicts accept and reject.

    Both p-values are steps in a common shift of the judged margins, so that the
    step at which a verdict begins is an order statistic of the differences
    between calibrating and judged margins.

    Returns
    -------
    to_accept : ndarray of float, shape (m,)
        0 where the verdict is accept; else the least rise, in reference
        deviations. Infinite where no score would be accepted.
    to_reject : ndarray of float, shape (m,)
        The same of reject, as a fall: 0 or negative.
    """
    count = len(outcome.score)
    if not outcome.separable:
        return np.full(count, np.inf), np.full(count, -np.inf)
    rise, to_accept = np.full(count, np.inf), np.full(count, np.inf)
    fall, to_reject = np.full(count, -np.inf), np.full(count, -np.inf)
    if outcome.rejected is not None:
        steps = _steps(outcome.rejected.reference, outcome.rejected.judged)
        rank = _rank(risk_accept, steps.shape[1])
        if rank:  # above it, few enough of the rejected references score as high
            rise = steps[:, -rank]
            to_accept = rise
    if outcome.accepted is not None:
        steps = _steps(outcome.accepted.reference, outcome.accepted.judged)
        rank = _rank(risk_reject, steps.shape[1])
        if rank:  # below it, few enough of the accepted references score as low
            fall = steps[:, rank - 1]
            to_reject = fall
    # Where both p-values are low ("neither"), a score must leave the one side as well.
    to_accept = np.maximum(to_accept, fall)
    to_reject = np.minimum(to_reject, rise)
    unit_ = outcome.margin_unit
    return np.maximum(to_accept, 0.0) / unit_, np.minimum(to_reject, 0.0) / unit_


def _steps(reference: Floats, judged: Floats) -> Floats:
    """Calibrating minus judged margins (m, k), sorted; the folds without a margin left out."""
    known = np.isfinite(reference)
    return np.sort(reference[known][None, :] - judged[:, known], axis=1)


def _rank(risk: float, count: int) -> int:
    """How many of `count` groups may be at least as strange, plus one, for a p-value <= risk."""
    return int(np.floor(risk * (count + 1) + 1e-9))


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _nearest(
    case: "Case", vectors: Floats
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
    case: "Case", in_text_space: Floats | None, count: int
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


def _shares(outcome: Outcome, index: int) -> dict[str, float]:
    """What each modality adds to the score: ``w z(v)`` and ``(1 - w) z(c)``."""
    weights = {"visual": 1.0, "cross": 1.0}
    if outcome.weight is not None:
        weights = {"visual": outcome.weight, "cross": 1 - outcome.weight}
    elif outcome.modality in weights:
        weights = {outcome.modality: 1.0}
    return {
        name: weight * float(outcome.scores[name][index])
        for name, weight in weights.items()
        if name in outcome.scores
    }


def _statement_shares(spoken: tuple[tuple[str, str, float], ...]) -> tuple[float, ...]:
    """What each statement adds to the cross score: its cosine over the number of its side."""
    count = {side: sum(1 for _, s, _ in spoken if s == side) for side in ("accept", "reject")}
    sign = {"accept": 1.0, "reject": -1.0}
    return tuple(sign[side] * cosine / count[side] for _, side, cosine in spoken)
