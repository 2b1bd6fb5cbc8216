"""How far a phase is correlated with itself, and what that does to block intervals."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from napari_qualify.measure.interval import WIDE, Blocks

FAR = 0.2
"""Share of the field's smaller side beyond which clusters are not looked for."""
SURE = 3.0
"""Standard deviations above a random arrangement that make a cluster."""
SHARE = 0.9
"""Of what clustered pieces have in common, how much their reach holds."""
CORRELATED = 0.1
"""Autocorrelation above which two pixels count as correlated."""

_MOST = 2048  # pixels a side, larger fields are averaged over squares


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
        At those lags, each for as many square pixels of lags as it stands for.
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
    diagonal band is therefore long along both axes. A mask of more than 2048 x
    2048 pixels is averaged over squares first, so that this takes little memory;
    the lengths are then multiples of the squares' side.

    Parameters
    ----------
    mask : ndarray of bool, shape (Y, X)

    Returns
    -------
    Correlation
    """
    step = max(1, math.ceil(math.sqrt(mask.size) / _MOST))
    centred = _averaged(mask, step)
    lags = np.array(centred.shape) // 2
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
    cluster = _cluster(covariance, float(covariance[part].sum()), centred.size)
    lost = 0.0
    if cluster > 0 and not math.isinf(max(length)):
        near = np.hypot(*np.ogrid[-lags[0] : lags[0] + 1, -lags[1] : lags[1] + 1]) <= cluster
        ys, xs = np.nonzero(part | near)
        length = tuple(max(each, cluster / WIDE) for each in length)
        lost = math.pi * cluster**2 / centred.size
    values = covariance[ys, xs].astype(np.float64) * step**2
    reach_y, reach_x = (each * step for each in length)
    return Correlation(
        (reach_y, reach_x), (ys - lags[0]) * step, (xs - lags[1]) * step, values, lost
    )


def covariance_within(values: NDArray[np.uint8], reach: tuple[float, float]) -> Correlation:
    """Covariance of an image with itself over lags up to a known reach.

    For what is correlated over the size of its pieces and thin beside them, such as
    the boundaries of grains.

    Parameters
    ----------
    values : ndarray of uint8, shape (Y, X)
    reach : tuple of float
        Half axes along y and x, in pixels, of the ellipse of lags.

    Returns
    -------
    Correlation
        Its length is the reach.
    """
    step = max(1, math.ceil(math.sqrt(values.size) / _MOST))
    centred = _averaged(values, step)
    centred -= centred.mean(dtype=np.float64)
    lags = np.array(
        [min(math.ceil(r / step), n // 2) for r, n in zip(reach, centred.shape, strict=True)]
    )
    y, x = (np.arange(-lag, lag + 1) for lag in lags)
    ys, xs = np.nonzero(np.hypot(y[:, None] * step / reach[0], x[None] * step / reach[1]) <= 1)
    covariance = _covariance(centred, lags)[ys, xs].astype(np.float64) * step**2
    lost = len(ys) / centred.size
    return Correlation(reach, y[ys] * step, x[xs] * step, covariance, lost)


def _averaged(mask: NDArray[np.bool_ | np.uint8], step: int) -> NDArray[np.float32]:
    """Mean over squares of a side of `step`; what is left over at the end goes."""
    if step == 1:
        return mask.astype(np.float32)
    height, width = (n // step * step for n in mask.shape)
    rows = np.add.reduceat(mask[:height, :width], range(0, height, step), 0, dtype=np.uint16)
    squares = np.add.reduceat(rows, range(0, width, step), 1, dtype=np.uint32)
    return np.asarray(squares / np.float32(step**2), np.float32)


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
