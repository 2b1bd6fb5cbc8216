"""Within-field intervals: a bootstrap over blocks larger than the correlation length.

Neighbouring pixels of a microstructure are alike, so pixels are no sample. Blocks
wider than the distance over which a phase is correlated nearly are. The interval
says how well this field stands for its surroundings of the same kind; it holds
neither the scatter between fields nor the error of the segmentation.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage, stats

MIN_BLOCKS = 9
"""Fewer blocks than this give no interval."""
CORRELATED = 0.1
"""Autocorrelation above which two pixels count as correlated."""

_LEVEL = 0.95
_SEED = 20250820
_RESAMPLES = 10_000
_BLOCKS_PER_SIDE = 6  # larger blocks lose less of the correlation at their edges
_WIDE = 3  # correlation lengths per block where the field is large enough


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

    def sums(self, image: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Pixels that are true per block, flat."""
        by_row = np.add.reduceat(image, self.rows[:-1], axis=0, dtype=np.int64)
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


@dataclass(frozen=True, eq=False)
class Correlation:
    """How a phase is correlated with itself.

    Attributes
    ----------
    length : tuple of float
        Reach along y and x in pixels, at least 1; infinite for a mask that
        does not vary, and for a correlation beyond half of the field.
    y, x : ndarray of int, shape (m,)
        Lags in pixels at which it is correlated.
    covariance : ndarray of float, shape (m,)
        At those lags.
    """

    length: tuple[float, float]
    y: NDArray[np.intp]
    x: NDArray[np.intp]
    covariance: NDArray[np.float64]

    def widening(self, blocks: Blocks) -> float:
        """Ratio of the field's variance to that which independent blocks imply.

        What straddles a border is shared by two blocks, which are then not
        independent. The variance of the mean over a rectangle is the sum of
        the covariance over lags, each weighed by the share of pixel pairs at
        that lag inside (Matheron's integral range, as in Lantuejoul 1991,
        Journal of Microscopy 161, 387-403); large and small rectangles differ
        by those weights alone.
        """
        height, width = int(blocks.rows[-1]), int(blocks.columns[-1])
        rows, columns = blocks.shape
        whole = self._variance(height, width)
        return max(1.0, whole / (self._variance(height / rows, width / columns) / len(blocks)))

    def _variance(self, height: float, width: float) -> float:
        inside = (1 - np.abs(self.y) / height).clip(0) * (1 - np.abs(self.x) / width).clip(0)
        return float(inside @ self.covariance) / (height * width)


def correlation(mask: NDArray[np.bool_]) -> Correlation:
    """Measure over which distance a phase is correlated with itself.

    The autocorrelation of the indicator, by FFT with zero padding and divided
    by the number of pixel pairs at each lag, is thresholded at `CORRELATED`;
    the part that holds lag zero counts, and its extents are the lengths. A
    diagonal band is therefore long along both axes.

    Parameters
    ----------
    mask : ndarray of bool, shape (Y, X)

    Returns
    -------
    Correlation
    """
    lags = np.array(mask.shape) // 2
    centred = mask.astype(np.float32)
    centred -= centred.mean(dtype=np.float64)
    variance = float(np.mean(np.square(centred), dtype=np.float64))
    if variance == 0:
        nowhere = np.zeros(0, np.intp)
        return Correlation((math.inf, math.inf), nowhere, nowhere, np.zeros(0))
    covariance = _covariance(centred, lags)
    parts, _ = ndimage.label(covariance > CORRELATED * variance)
    ys, xs = np.nonzero(parts == parts[tuple(lags)])
    values = covariance[ys, xs].astype(np.float64)
    ys, xs = ys - lags[0], xs - lags[1]
    reach = int(ys.max()), int(xs.max())  # the part is symmetric about lag zero
    length = tuple(
        math.inf if far >= lag else far + 1.0 for far, lag in zip(reach, lags, strict=True)
    )
    return Correlation((length[0], length[1]), ys, xs, values)


def _covariance(centred: NDArray[np.float32], lags: NDArray[np.intp]) -> NDArray[np.float32]:
    """Autocovariance at lags from -lag to lag along each axis."""
    spans = list(zip(centred.shape, lags.tolist(), strict=True))
    size = [fft.next_fast_len(n + lag, real=True) for n, lag in spans]
    spectrum = fft.rfft2(centred, s=size)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    summed = np.roll(fft.irfft2(power, s=size), lags, axis=(0, 1))
    pairs = [n - np.abs(np.arange(-lag, lag + 1, dtype=np.float32)) for n, lag in spans]
    near = summed[: len(pairs[0]), : len(pairs[1])]
    return np.asarray(near / np.outer(*pairs), np.float32)


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
    for widths in range(_WIDE, 0, -1):
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


def bootstrap_ratio(
    over: NDArray[np.float64], under: NDArray[np.float64], widening: float = 1.0
) -> tuple[float, float]:
    """95 % interval of ``sum(over) / sum(under)`` by resampling blocks.

    The percentile interval with its levels moved outward for the narrowness
    bias and the tails of Student's t (Hesterberg 2015, "What teachers should
    know about the bootstrap", The American Statistician 69, 371-386). The seed
    is fixed: equal blocks give equal intervals.

    Parameters
    ----------
    over, under : ndarray of float, shape (n,)
        Numerator and denominator per block.
    widening : float
        Ratio of the true variance to that of independent blocks.

    Returns
    -------
    tuple of float
        Low and high; NaN with fewer than `MIN_BLOCKS` blocks.
    """
    n = len(over)
    if n < MIN_BLOCKS:
        return math.nan, math.nan
    rng = np.random.default_rng(_SEED)
    times = rng.multinomial(n, np.full(n, 1 / n), size=_RESAMPLES)
    bottom = times @ under
    ratios = (times @ over)[bottom > 0] / bottom[bottom > 0]
    reach = math.sqrt(widening * n / (n - 1)) * stats.t.ppf((1 + _LEVEL) / 2, n - 1)
    tail = stats.norm.sf(reach)
    low, high = np.quantile(ratios, [tail, 1 - tail])
    return float(low), float(high)


def none_found(blocks: int) -> float:
    """Upper 95 % bound of a share when none of the blocks holds any of it.

    Clopper and Pearson (1934) for 0 of n, two-sided.
    """
    return float(1 - ((1 - _LEVEL) / 2) ** (1 / blocks))
