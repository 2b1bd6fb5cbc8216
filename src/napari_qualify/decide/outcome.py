"""Scores and calibration of judged micrographs, before anything is decided."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu

from napari_qualify.decide.choosing import Choice
from napari_qualify.decide.conformal import p_value
from napari_qualify.decide.judge import Judging, Tiles
from napari_qualify.decide.nested import fold_of_groups
from napari_qualify.decide.population import Population, batch_population, group_means
from napari_qualify.decide.references import References
from napari_qualify.decide.rules import Floats, unit
from napari_qualify.decide.settings import TILES
from napari_qualify.decide.tile_memory import TileScores


@dataclass(frozen=True, eq=False)
class Calibration:
    """One side's calibration margins (k,) and the judged margins (m, k) to compare."""

    reference: Floats
    judged: Floats


@dataclass(frozen=True, eq=False)
class Outcome:
    """Scores of m micrographs or samples, the cut, and the calibration of either side.

    Attributes
    ----------
    score : ndarray of float, shape (m,)
    cut : float
    modality, rule : str
    scores : mapping of str to ndarray of float, shape (m,)
        Standardised score of each modality at hand.
    accepted, rejected : Calibration or None
        None for a side without references.
    weight : float or None
    degenerate : bool
        A population did not vary, so that z is 0.
    unlike : ndarray of bool, shape (m,)
        Far from every reference.
    margin_unit : float
        Reference deviation in the units of the calibration.
    separable : bool
        False where the references, left out, do not tell the sides apart.
    tiles : TileScores or None
        Where nearest tiles judge: the strangeness of every tile of each.
    """

    score: Floats
    cut: float
    modality: str
    rule: str
    scores: Mapping[str, Floats]
    accepted: Calibration | None = None
    rejected: Calibration | None = None
    weight: float | None = None
    degenerate: bool = False
    unlike: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=bool))
    margin_unit: float = 1.0
    separable: bool = True
    tiles: TileScores | None = None

    def p_values(self) -> tuple[Floats | None, Floats | None]:
        """p_accept and p_reject, shape (m,) each; None for a side without references."""
        a, r = self.accepted, self.rejected
        return (
            None if a is None else p_value(a.reference, a.judged, of_accepted=True),
            None if r is None else p_value(r.reference, r.judged, of_accepted=False),
        )

    def pooled(self, samples: Sequence[Sequence[int]]) -> "Outcome":
        """Mean over the fields of each sample; a sample is unlike if any field is."""

        def mean(values: Floats) -> Floats:
            return np.stack([values[list(fields)].mean(axis=0) for fields in samples])

        def side(calibration: Calibration | None) -> Calibration | None:
            if calibration is None:
                return None
            return Calibration(calibration.reference, mean(calibration.judged))

        return Outcome(
            mean(self.score),
            self.cut,
            self.modality,
            self.rule,
            {name: mean(values) for name, values in self.scores.items()},
            side(self.accepted),
            side(self.rejected),
            self.weight,
            self.degenerate,
            np.array([self.unlike[list(fields)].any() for fields in samples], dtype=bool),
            self.margin_unit,
            self.separable,
        )


def two_sided(
    judge: Judging,
    vectors: Floats,
    in_text_space: Floats | None = None,
    population: str = "library",
    tiles: Tiles | None = None,
) -> Outcome:
    """Outcome of judged vectors (m, d) where both sides have references.

    Parameters
    ----------
    population : {'library', 'batch', 'none'}
        Over what the score is standardised. With `batch` the cut is 0 and a
        score depends on the other micrographs of the batch, as in the paper;
        the p-values rest on the references in either case. With `none` the
        judge leaves scores as they are.
    tiles : sequence of ndarray of float, shape (t_j, d), optional
        Vectors of the tiles of each, for nearest tiles.
    """
    raw, choice = judge.scores(vectors, in_text_space, tiles), judge.choice
    of_visual, of_cross, cut = choice.visual, choice.cross, choice.cut
    if population == "batch":
        of_visual = batch_population(raw.visual) if raw.visual is not None else Population()
        of_cross = batch_population(raw.cross) if raw.cross is not None else Population()
        cut = 0.0
    scores: dict[str, Floats] = {}
    if raw.visual is not None:
        scores["visual"] = of_visual.z(raw.visual)
    if raw.cross is not None:
        scores["cross"] = of_cross.z(raw.cross)
    modality = judge.used_modality
    if modality == "hybrid":
        scores["hybrid"] = Choice(0, of_visual, of_cross, choice.weight, 0.0).blend(
            raw.visual, raw.cross
        )
        # What was chosen all visual, or all cross, is called so.
        modality = {1.0: "visual", 0.0: "cross"}.get(choice.weight, "hybrid")
    score = scores[modality]
    values, sides, folds = judge.calibration
    return Outcome(
        score,
        cut,
        modality,
        str(judge.settings[choice.setting]),
        scores,
        Calibration(values[sides], raw.margins[:, folds[sides]]),
        Calibration(values[~sides], raw.margins[:, folds[~sides]]),
        choice.weight if judge.used_modality == "hybrid" else None,
        (choice.weight > 0 and of_visual.degenerate) or (choice.weight < 1 and of_cross.degenerate),
        far_from(judge.references, vectors),
        separable=tell_apart(values[sides], values[~sides]),
        tiles=raw.tiles,
    )


# One-sided level at which left-out scores must tell the sides apart before anything is decided.
SEPARATION_LEVEL = 0.05


def tell_apart(accepted: Floats, rejected: Floats) -> bool:
    """Whether left-out margins of accepted groups lie above those of rejected ones.

    A one-sided Mann-Whitney test at 5 % (Ann. Math. Stat. 18 (1947) 50). Labels
    that have nothing to do with the images would pass the risks all the same,
    a tenth of them at a risk of 0.1; here nearly all of them go to review.
    """
    high, low = accepted[np.isfinite(accepted)], rejected[np.isfinite(rejected)]
    if not len(high) or not len(low):
        return False
    found = mannwhitneyu(high, low, alternative="greater")
    return bool(found.pvalue <= SEPARATION_LEVEL)


def one_sided(
    references: References, vectors: Floats, risk: float, tiles: Tiles | None = None
) -> Outcome:
    """Outcome where only one side has references: likeness to the nearest of them.

    The score is the standardised similarity to accepted references, or the
    negative one to rejected references; with `tiles`, that of the strangest
    tiles to the accepted references' tiles. The cut lies where the p-value of
    the side reaches `risk` (or at the strangest reference, with too few of them).
    """
    accepted = bool(references.accepted.all())
    one = _likeness(references, vectors) if tiles is None else _by_tiles(references, tiles)
    values, _, first = group_means(one.own, references.accepted, references.groups)
    known = values[np.isfinite(values)]
    population = Population()
    if len(known) > 1:
        population = Population(float(known.mean()), float(known.std(ddof=1)), len(known))
    score = population.z(one.judged)
    side = Calibration(values, one.without[:, one.folds[first]])
    strange = np.sort(known) if accepted else np.sort(known)[::-1]
    rank = max(int(np.floor(risk * (len(known) + 1) + 1e-9)), 1) - 1
    cut = float(population.z(strange[rank : rank + 1])[0]) if len(known) else 0.0
    return Outcome(
        score,
        cut,
        "visual",
        one.rule,
        {"visual": score},
        side if accepted else None,
        None if accepted else side,
        degenerate=population.degenerate,
        unlike=far_from(references, vectors),
        margin_unit=1.0 if population.degenerate else population.deviation,
        tiles=one.tiles,
    )


@dataclass(frozen=True, eq=False)
class _OneSided:
    """Raw scores: own ones left out (n,), judged ones (m,), and those without each fold (m, k)."""

    rule: str
    folds: NDArray[np.intp]
    own: Floats
    judged: Floats
    without: Floats
    tiles: TileScores | None = None


def _likeness(references: References, vectors: Floats) -> _OneSided:
    """Similarity to the nearest reference; negative where they are rejected ones."""
    accepted = bool(references.accepted.all())
    sign = 1.0 if accepted else -1.0
    folds = fold_of_groups(references.groups, references.accepted)
    rows = unit(vectors)
    among = sign * (references.vectors @ references.vectors.T)
    across = sign * (rows @ references.vectors.T)
    nearest = np.max if accepted else np.min
    own = np.full(len(references), np.nan)
    count = int(folds.max()) + 1
    without = np.full((len(rows), count), np.nan)
    for f in range(count):
        kept = folds != f
        if kept.any():
            own[~kept] = nearest(among[np.ix_(~kept, kept)], axis=1)
            without[:, f] = nearest(across[:, kept], axis=1)
    rule = "nearest accepted" if accepted else "nearest rejected"
    return _OneSided(rule, folds, own, nearest(across, axis=1), without)


def _by_tiles(references: References, tiles: Tiles) -> _OneSided:
    memory = references.memory
    found = memory.judge(tiles)
    own = memory.leave_group_out()
    return _OneSided(TILES, memory.folds, own, found.scores, found.without, found)


def zero_shot(direction: Floats, in_text_space: Floats) -> Outcome:
    """Outcome without references: the cross score alone, its sign is the call."""
    score = unit(in_text_space) @ direction
    return Outcome(
        score, 0.0, "cross", "zero-shot", {"cross": score}, unlike=np.zeros(len(score), dtype=bool)
    )


# A micrograph twice as far from its nearest reference as any reference is from another group's.
FAR = 2.0


def far_from(references: References, vectors: Floats) -> np.ndarray:
    """Whether each vector (m, d) is far from every reference: ndarray of bool, shape (m,).

    Distances are ``1 - cosine``. Far means more than `FAR` times the largest
    distance of a reference to the nearest one of another group: our convention.
    """
    groups = np.asarray(references.groups, dtype=object)
    other = groups[:, None] != groups[None, :]
    distances = 1 - references.vectors @ references.vectors.T
    if not other.any(axis=1).all():
        return np.zeros(len(vectors), dtype=bool)
    largest = np.where(other, distances, np.inf).min(axis=1).max()
    nearest = (1 - unit(vectors) @ references.vectors.T).min(axis=1)
    return np.asarray(nearest > FAR * max(largest, 1e-6))
