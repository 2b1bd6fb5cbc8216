"""Within-field intervals: a bootstrap over blocks larger than the correlation length.

Neighbouring pixels of a microstructure are alike, so pixels are no sample. Blocks
wider than the distance over which a phase is correlated nearly are. The interval
says how well this field stands for its surroundings of the same kind; it holds
neither the scatter between fields nor the error of the segmentation.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats

MIN_BLOCKS = 9
"""Fewer blocks than this give no interval."""

WIDE = 3
"""Correlation lengths per block where the field is large enough."""

_LEVEL = 0.95
_SEED = 20250820
_RESAMPLES = 10_000
_BLOCKS_PER_SIDE = 6  # larger blocks lose less of the correlation at their edges


@dataclass(frozen=True)
class Blocks:
    """A grid of near-equal blocks over a field.

    Attributes
    ----------
    rows, columns : ndarray of int
        Borders of the blocks in pixels, from 0 to the field's size.
    length : tuple of float
        Correlation length along y and x in pixels.
    """

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    length: tuple[float, float]

    @property
    def shape(self) -> tuple[int, int]:
        """Blocks along y and x."""
        return len(self.rows) - 1, len(self.columns) - 1

    def __len__(self) -> int:
        return math.prod(self.shape)

    def __str__(self) -> str:
        return f"{self.shape[0]} x {self.shape[1]} blocks"

    def sums(self, image: NDArray[np.bool_ | np.uint8]) -> NDArray[np.float64]:
        """Sum of the pixels per block, flat: of a mask, how many are true."""
        bands = zip(self.rows[:-1], self.rows[1:], strict=True)  # reduceat would cast the whole
        by_row = np.stack([image[a:b].sum(axis=0, dtype=np.int64) for a, b in bands])
        return np.asarray(
            np.add.reduceat(by_row, self.columns[:-1], axis=1).ravel(), dtype=np.float64
        )

    def sums_at(
        self, y: NDArray[np.float64], x: NDArray[np.float64], values: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Sum per block, flat, of values at points (y, x) in pixels."""
        row = np.searchsorted(self.rows[1:-1], y, side="right")
        column = np.searchsorted(self.columns[1:-1], x, side="right")
        flat = row * self.shape[1] + column
        return np.bincount(flat, weights=values, minlength=len(self)).astype(np.float64)

    @property
    def areas(self) -> NDArray[np.float64]:
        """Pixels per block, flat."""
        return np.outer(np.diff(self.rows), np.diff(self.columns)).ravel().astype(np.float64)


def make_blocks(shape: tuple[int, int], length: tuple[float, float]) -> Blocks:
    """Divide a field into blocks wider than the correlation length.

    Blocks are three correlation lengths wide where that leaves enough of them,
    since what straddles a border joins two blocks; else two or one.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the field in pixels.
    length : tuple of float
        Correlation length along y and x in pixels.

    Returns
    -------
    Blocks
        Possibly fewer than `MIN_BLOCKS`.
    """
    counts = (1, 1)
    for widths in range(WIDE, 0, -1):
        rows, columns = (
            max(1, min(_BLOCKS_PER_SIDE, int(n // (widths * each))))
            for n, each in zip(shape, length, strict=True)
        )
        counts = (rows, columns)
        if rows * columns >= MIN_BLOCKS:
            break
    borders = [
        np.round(np.linspace(0, n, k + 1)).astype(np.intp)
        for n, k in zip(shape, counts, strict=True)
    ]
    return Blocks(borders[0], borders[1], length)


def block_interval(
    blocks: Blocks,
    sums: Sequence[NDArray[np.float64]],
    extra: str = "",
    widening: float = 1.0,
    statistic: "Statistic | None" = None,
) -> tuple[float, float, str]:
    """95 % interval of a statistic of block sums, and how it was found.

    Parameters
    ----------
    blocks : Blocks
    sums : sequence of ndarray of float, shape (n,)
        Per block; numerator and denominator unless `statistic` is given.
    extra : str
        What the method should say besides, such as the correction for the border.
    widening, statistic
        As for `bootstrap`.

    Returns
    -------
    low, high : float
        NaN with fewer than `MIN_BLOCKS` blocks.
    method : str
    """
    if len(blocks) < MIN_BLOCKS:
        needed = f"{blocks} above the correlation length, {MIN_BLOCKS} are needed"
        return math.nan, math.nan, f"within-field{extra}; no interval: {needed}"
    low, high = bootstrap(np.column_stack(sums), statistic or _ratio, widening)
    return low, high, f"within-field{extra}; bootstrap of {blocks}"


Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""From sums, shape (m, k), to values, shape (m,); NaN where there is none."""


def _ratio(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(sums[:, 1] > 0, sums[:, 0] / sums[:, 1], np.nan)


def bootstrap_ratio(
    over: NDArray[np.float64], under: NDArray[np.float64], widening: float = 1.0
) -> tuple[float, float]:
    """95 % interval of ``sum(over) / sum(under)``; see `bootstrap`."""
    return bootstrap(np.column_stack([over, under]), _ratio, widening)


def bootstrap(
    sums: NDArray[np.float64], statistic: Statistic, widening: float = 1.0
) -> tuple[float, float]:
    """95 % interval of a function of sums over blocks by resampling blocks.

    The percentile interval with its levels moved outward for the narrowness
    bias and the tails of Student's t (Hesterberg 2015, "What teachers should
    know about the bootstrap", The American Statistician 69, 371-386). The seed
    is fixed: equal blocks give equal intervals.

    Parameters
    ----------
    sums : ndarray of float, shape (n, k)
        k quantities per block.
    statistic : callable
        From their sums over resampled blocks, shape (m, k), to m values.
    widening : float
        Ratio of the true variance to that of independent blocks.

    Returns
    -------
    tuple of float
        Low and high; NaN with fewer than `MIN_BLOCKS` blocks.
    """
    n = len(sums)
    if n < MIN_BLOCKS:
        return math.nan, math.nan
    values = statistic(_resamples(n) @ sums)
    reach = math.sqrt(widening * n / (n - 1)) * stats.t.ppf((1 + _LEVEL) / 2, n - 1)
    tail = stats.norm.sf(reach)
    low, high = np.quantile(values[np.isfinite(values)], [tail, 1 - tail])
    return float(low), float(high)


@lru_cache(maxsize=4)
def _resamples(n: int) -> NDArray[np.float64]:
    """How often each of n blocks is drawn, shape (resamples, n)."""
    rng = np.random.default_rng(_SEED)
    return rng.multinomial(n, np.full(n, 1 / n), size=_RESAMPLES).astype(np.float64)


def none_found(blocks: int) -> float:
    """Upper 95 % bound of a share when none of the blocks holds any of it.

    Clopper and Pearson (1934) for 0 of n, two-sided.
    """
    return float(1 - ((1 - _LEVEL) / 2) ** (1 / blocks))
