"""Bootstrap intervals that resample groups, for any figure of weighted images.

A resample of the groups is a whole number of times that each counts, so every
figure here is a function of weights. That makes a thousand resamples a few
array operations, and lets leave-one-out (for BCa) use the same code.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, norm

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]
"""Weights (b, n) of n images in b resamples to b values; NaN where there is none."""

CONFIDENCE = 0.95
_CELLS = 4_000_000  # weights held at a time
_BLOCKS = 500  # at most so many leave-outs
_FLAT = 1e-12  # less than this is no width


class Interval(NamedTuple):
    """A value with its interval; NaN for what does not exist."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Resamples:
    """Resamples of the groups of n images, drawn with replacement.

    Attributes
    ----------
    groups : sequence or array of str, length n
        Specimen of each image: the unit that is drawn.
    draws : int
    seed : int
    """

    groups: Sequence[str] | NDArray[Any]
    draws: int = 1000
    seed: int = 0

    @cached_property
    def codes(self) -> NDArray[np.intp]:
        """Number of the group of each image, shape (n,)."""
        return np.unique(np.asarray(self.groups, dtype=str), return_inverse=True)[1]

    @property
    def count(self) -> int:
        """How many groups there are."""
        return int(self.codes.max()) + 1 if len(self.codes) else 0

    def values(self, statistic: Statistic) -> Floats:
        """The statistic in every resample, shape (draws,)."""
        rng = np.random.default_rng(self.seed)
        size = max(1, _CELLS // max(len(self.codes), 1))
        found = []
        for start in range(0, self.draws, size):
            drawn = rng.multinomial(
                self.count, np.full(self.count, 1 / self.count), min(size, self.draws - start)
            )
            found.append(statistic(drawn[:, self.codes].astype(float)))
        return np.concatenate(found)

    def left_out(self, statistic: Statistic) -> Floats:
        """The statistic without each group; with very many groups, without each block of them."""
        blocks = min(self.count, _BLOCKS)
        block = (np.arange(self.count) * blocks // self.count)[self.codes]
        size = max(1, _CELLS // len(block))
        found = []
        for start in range(0, blocks, size):
            out = np.arange(start, min(start + size, blocks))
            found.append(statistic((block[None, :] != out[:, None]).astype(float)))
        return np.concatenate(found)

    def interval(
        self, statistic: Statistic, exact: Callable[[float], tuple[float, float]] | None = None
    ) -> Interval:
        """Value of a statistic with its 95 % BCa interval over groups.

        Parameters
        ----------
        statistic : callable
        exact : callable, optional
            The value to an interval, for one that resampling gives no width:
            where nothing went wrong, nothing does in any resample.

        Returns
        -------
        Interval
            Without bounds where they would say nothing: one group, no value, more
            than a tenth of the resamples without a value, no width.
        """
        if not len(self.codes):
            return Interval(np.nan, np.nan, np.nan)
        value = float(statistic(np.ones((1, len(self.codes))))[0])
        if self.count < 2 or not np.isfinite(value):
            return Interval(value, np.nan, np.nan)
        values = self.values(statistic)
        values = values[np.isfinite(values)]
        if len(values) < 0.9 * self.draws:
            return Interval(value, np.nan, np.nan)
        flat = np.ptp(values) < _FLAT
        low, high = (value, value) if flat else bca(value, values, self.left_out(statistic))
        if high - low >= _FLAT:
            return Interval(value, low, high)
        return Interval(value, *(exact(value) if exact else (np.nan, np.nan)))


def bca(value: float, draws: Floats, left_out: Floats) -> tuple[float, float]:
    """Bias-corrected and accelerated bootstrap interval, 95 %.

    Source: Efron, J. Am. Stat. Assoc. 82 (1987) 171. It takes in that figures
    near 0 or 1 scatter unevenly, which plain percentiles do not.

    Parameters
    ----------
    value : float
        The figure itself.
    draws : ndarray of float, shape (b,)
        In the resamples; finite.
    left_out : ndarray of float, shape (g,)
        Without each group; what is not finite is passed over.

    Returns
    -------
    (float, float)
    """
    # A difference in the last digits is a tie.
    below = (np.sum(draws < value - _FLAT) + np.sum(draws <= value + _FLAT)) / (2 * len(draws))
    known = left_out[np.isfinite(left_out)]
    apart = known.mean() - known if len(known) else np.zeros(1)
    squares = float(np.sum(apart**2))
    acceleration = float(np.sum(apart**3)) / (6 * squares**1.5) if squares > 1e-24 else 0.0
    ends = np.array([(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    bias = norm.ppf(np.clip(below, 0.5 / len(draws), 1 - 0.5 / len(draws)))
    shifted = bias + norm.ppf(ends)
    at = norm.cdf(bias + shifted / (1 - acceleration * shifted))
    low, high = np.quantile(draws, at)
    return float(low), float(high)


def exact_share(hits: float, trials: float) -> tuple[float, float]:
    """Exact 95 % interval of a share (Clopper and Pearson, Biometrika 26 (1934) 404).

    Parameters
    ----------
    hits, trials : float
        ``0 <= hits <= trials``; groups are the trials where images of one
        specimen resemble each other. No trial gives NaN.
    """
    if trials <= 0:
        return np.nan, np.nan
    tail = (1 - CONFIDENCE) / 2
    low = 0.0 if hits <= 0 else float(beta.ppf(tail, hits, trials - hits + 1))
    high = 1.0 if hits >= trials else float(beta.ppf(1 - tail, hits + 1, trials - hits))
    return low, high
