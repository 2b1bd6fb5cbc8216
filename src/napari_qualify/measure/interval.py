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
from scipy import fft, ndimage, stats

MIN_BLOCKS = 9
"""Fewer blocks than this give no interval."""
FAR = 0.2
"""Share of the field's smaller side beyond which clusters are not looked for."""
SURE = 3.0
"""Standard deviations above a random arrangement that make a cluster."""
SHARE = 0.9
"""Of what clustered pieces have in common, how much their reach holds."""
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

    def sums(self, image: NDArray[np.bool_ | np.uint8]) -> NDArray[np.float64]:
        """Sum of the pixels per block, flat: of a mask, how many are true."""
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
    lost : float
        Share of the field that the lags of clustered pieces span: of the
        variance, what the estimated mean took away.
    """

    length: tuple[float, float]
    y: NDArray[np.intp]
    x: NDArray[np.intp]
    covariance: NDArray[np.float64]
    lost: float = 0.0

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
        whole = self._variance(height, width) / (1 - self.lost)
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
    part = parts == parts[tuple(lags)]
    ys, xs = np.nonzero(part)
    reach = int(ys.max() - lags[0]), int(xs.max() - lags[1])  # symmetric about lag zero
    length = tuple(
        math.inf if far >= lag else far + 1.0 for far, lag in zip(reach, lags, strict=True)
    )
    cluster = _cluster(covariance, float(covariance[part].sum()), mask.size)
    lost = 0.0
    if cluster > 0 and not math.isinf(max(length)):
        near = np.hypot(*np.ogrid[-lags[0] : lags[0] + 1, -lags[1] : lags[1] + 1]) <= cluster
        ys, xs = np.nonzero(part | near)
        length = tuple(max(each, cluster / _WIDE) for each in length)
        lost = math.pi * cluster**2 / mask.size
    values = covariance[ys, xs].astype(np.float64)
    return Correlation((length[0], length[1]), ys - lags[0], xs - lags[1], values, lost)


def _cluster(covariance: NDArray[np.float32], near: float, size: int) -> float:
    """Radius in pixels over which the pieces of a phase are clustered; 0 when they are not.

    The covariance summed over lags up to a radius is flat beyond a single piece
    when the pieces lie at random. The radius is that which holds 90 % of its
    largest value, up to a fifth of the field and twice the radius at which it
    stands out most; 0 when it does not by three deviations. The sum over pairs of
    random pieces has about sqrt(2 pi r^2 / A) of the pieces' own as its deviation.
    """
    far = int(FAR * min(covariance.shape))
    middle = tuple(n // 2 for n in covariance.shape)
    far = min(far, *middle)
    if far < 2:
        return 0.0
    centre = covariance[
        middle[0] - far : middle[0] + far + 1, middle[1] - far : middle[1] + far + 1
    ]
    distance = np.hypot(*np.ogrid[-far : far + 1, -far : far + 1])
    radii = np.arange(far + 1)
    rings = np.bincount(
        np.ceil(distance).astype(np.intp).ravel(), weights=centre.ravel().astype(np.float64)
    )
    within = np.cumsum(rings)[: far + 1]
    noise = SURE * np.sqrt(2 * math.pi * np.maximum(radii, 1) ** 2 / size)
    excess = within / near - 1 if near > 0 else np.zeros(far + 1)
    clearest = int(np.argmax(excess / noise))
    if excess[clearest] <= noise[clearest]:
        return 0.0
    within = within[: 2 * clearest + 1]  # beyond, the noise grows and nothing else
    return float(radii[np.argmax(within >= SHARE * within.max())])


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
