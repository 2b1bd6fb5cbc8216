"""Standardising scores, and the cut between accepted and rejected."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_qualify.decide.rules import Floats, Mask

DEGENERATE = 1e-8
# The cut's two deviations lean on the pooled one as if on this many more groups.
_PRIOR_GROUPS = 4.0


@dataclass(frozen=True)
class Population:
    """Centre m and deviation d over which a score becomes ``z = (s - m) / d``.

    `count` is the number of groups or samples behind it; with none, scores stay
    as they are (m = 0, d = 1).
    """

    centre: float = 0.0
    deviation: float = 1.0
    count: int = 0

    @property
    def degenerate(self) -> bool:
        """True when the scores did not vary: z is then 0."""
        return self.deviation < DEGENERATE

    def z(self, scores: Floats) -> Floats:
        """Standardised scores; zeros when the population is degenerate."""
        if self.degenerate:
            return np.where(np.isnan(scores), np.nan, 0.0)
        return np.asarray((scores - self.centre) / self.deviation)


def group_means(
    scores: Floats, accepted: Mask, groups: Sequence[str]
) -> tuple[Floats, Mask, list[int]]:
    """Mean score of every group and side, NaN where a group has no score.

    Returns
    -------
    means : ndarray of float, shape (k,)
    sides : ndarray of bool, shape (k,)
    first : list of int
        Index of the first reference of each, which tells its fold.
    """
    rows: dict[tuple[str, bool], list[int]] = {}
    for i, (group, side) in enumerate(zip(groups, accepted, strict=True)):
        rows.setdefault((group, bool(side)), []).append(i)
    means = np.array([scores[members].mean() for members in rows.values()])
    sides = np.array([side for _, side in rows], dtype=bool)
    return means, sides, [members[0] for members in rows.values()]


def library_population(means: Floats, sides: Mask) -> Population:
    """Population of leave-one-group-out scores: both sides weigh half.

    m is the mean of the two class means, d the root of the mean of the two
    class variances, so that unequal sides do not move the cut. Fewer than two
    groups on a side give no population.
    """
    accepted, rejected = _sides(means, sides)
    if min(len(accepted), len(rejected)) < 2:
        return Population()
    centre = (accepted.mean() + rejected.mean()) / 2
    deviation = np.sqrt((accepted.var(ddof=1) + rejected.var(ddof=1)) / 2)
    return Population(float(centre), float(deviation), len(accepted) + len(rejected))


def batch_population(scores: Floats) -> Population:
    """Mean and deviation over the samples at hand, as the paper does.

    Source: the z-score of Safdar et al. 2025 (arXiv 2508.20243).
    """
    return Population(float(np.mean(scores)), float(np.std(scores)), len(scores))


def separation(means: Floats, sides: Mask) -> float:
    """Distance of the class means in pooled deviations (d'), -inf when undefined."""
    accepted, rejected = _sides(means, sides)
    if min(len(accepted), len(rejected)) < 2:
        return -np.inf
    spread = np.sqrt((accepted.var(ddof=1) + rejected.var(ddof=1)) / 2)
    return float((accepted.mean() - rejected.mean()) / max(spread, DEGENERATE))


def separations_without(means: Floats, sides: Mask) -> Floats:
    """`separation` with each group left out in turn, shape (k,); NaN where undefined."""
    found = np.full(len(means), np.nan)
    for i in range(len(means)):
        kept = np.arange(len(means)) != i
        value = separation(means[kept], sides[kept])
        if np.isfinite(value):
            found[i] = value
    return found


def best_cut(means: Floats, sides: Mask) -> float:
    """Score at which two normal densities, one per side, are equal.

    The sides may spread differently (sound samples resemble one another more
    than defective ones do), so their midpoint is not the best cut. With few
    groups each variance leans on the pooled one. The root between the means is
    taken; without one the midpoint.
    """
    accepted, rejected = _sides(means, sides)
    if min(len(accepted), len(rejected)) < 2:
        return 0.0
    high, low = accepted.mean(), rejected.mean()
    middle = float((high + low) / 2)
    pooled = (accepted.var(ddof=1) + rejected.var(ddof=1)) / 2
    if high <= low or np.sqrt(pooled) < DEGENERATE:
        return middle
    v_high, v_low = (
        ((len(side) - 1) * side.var(ddof=1) + _PRIOR_GROUPS * pooled)
        / (len(side) - 1 + _PRIOR_GROUPS)
        for side in (accepted, rejected)
    )
    quadratic = 1 / v_low - 1 / v_high
    linear = -2 * (low / v_low - high / v_high)
    constant = low**2 / v_low - high**2 / v_high + np.log(v_low / v_high)
    roots = np.roots([quadratic, linear, constant])
    between = [r.real for r in roots if abs(r.imag) < 1e-9 and low <= r.real <= high]
    return float(between[0]) if between else middle


def _sides(means: Floats, sides: Mask) -> tuple[Floats, Floats]:
    finite = np.isfinite(means)
    return means[finite & sides], means[finite & ~sides]
