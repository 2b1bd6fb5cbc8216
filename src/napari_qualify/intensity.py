"""From pixel values to the 8 bits that an encoder or a person sees.

The limits come from the whole micrograph at full resolution, or from numbers
that were given, never from what a viewer happens to show.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_qualify.errors import UsageError

PERCENTILES = (0.1, 99.9)
_SAMPLE = 1 << 16
_BLOCK = 1 << 22  # values worked on at once: bounds the memory of copies


@dataclass(frozen=True)
class Intensity:
    """How pixel values become 8 bits.

    Attributes
    ----------
    policy : {'percentile', 'range', 'fixed'}
        'percentile': 8-bit values as they are, others between the 0.1 and
        99.9 percentiles of the whole micrograph. 'range': the range of the
        data type (0 to 1 for floats). 'fixed': `low` to `high`.
    low, high : float or None
        Values shown black and white, for 'fixed' only.

    Raises
    ------
    UsageError
        If the policy is unknown, or the limits do not belong to it.
    """

    policy: Literal["percentile", "range", "fixed"] = "percentile"
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if self.policy not in ("percentile", "range", "fixed"):
            raise UsageError(
                f"intensity policy {self.policy!r} is unknown; use 'percentile', 'range' or 'fixed'"
            )
        if self.policy != "fixed":
            if self.low is not None or self.high is not None:
                raise UsageError("intensity limits are given: set the policy to 'fixed'")
        elif self.low is None or self.high is None:
            raise UsageError("intensity 'fixed' needs both limits, low and high")
        elif not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise UsageError(f"intensity limits {self.low}, {self.high}: low must be below high")

    def limits(self, pixels: NDArray[Any]) -> tuple[float, float] | None:
        """Values shown black and white, or None when 8-bit values stay as they are.

        Parameters
        ----------
        pixels : ndarray, shape (Y, X) or (Y, X, 3)
            The whole micrograph; the channels of a colour image share limits.
        """
        if self.policy == "fixed" and self.low is not None and self.high is not None:
            return float(self.low), float(self.high)
        if pixels.dtype == np.uint8:
            return None
        if self.policy == "range":
            if pixels.dtype.kind == "f":
                return 0.0, 1.0
            info = np.iinfo(pixels.dtype)
            return float(info.min), float(info.max)
        low, high = percentiles(pixels, PERCENTILES)
        if low < high:
            return low, high
        # Nearly all values are equal: the few others make the picture.
        low, high = percentiles(pixels, (0.0, 100.0))
        return low, high if high > low else low + 1.0


def percentiles(pixels: NDArray[Any], q: tuple[float, float]) -> tuple[float, float]:
    """Two percentiles of the finite values, interpolated linearly as numpy does.

    8- and 16-bit integers are counted instead of sorted.

    Parameters
    ----------
    pixels : ndarray
        Of integers or floats, any shape; NaN and infinities are left out.
    q : tuple of (float, float)
        In percent.

    Raises
    ------
    ValueError
        If no value is finite.
    """
    values = np.ravel(pixels)
    if values.dtype.kind == "f":
        finite = np.isfinite(values)
        if not finite.all():
            values = values[finite]
    if values.size == 0:
        raise ValueError("no finite value")
    positions = [(values.size - 1) * p / 100 for p in q]
    ranks = sorted({r for p in positions for r in (math.floor(p), math.ceil(p))})
    at = dict(zip(ranks, _order_statistics(values, ranks), strict=True))

    def interpolated(position: float) -> float:
        share = position - math.floor(position)
        return at[math.floor(position)] * (1 - share) + at[math.ceil(position)] * share

    return interpolated(positions[0]), interpolated(positions[1])


def _order_statistics(values: NDArray[Any], ranks: list[int]) -> list[float]:
    if values.dtype.kind in "iu" and values.dtype.itemsize <= 2:
        lowest = int(np.iinfo(values.dtype).min)
        size = 1 << (8 * values.dtype.itemsize)
        counts = np.zeros(size, np.int64)
        for start in range(0, values.size, _BLOCK):
            block = values[start : start + _BLOCK].astype(np.int64) - lowest
            counts += np.bincount(block, minlength=size)
        found = np.searchsorted(np.cumsum(counts), ranks, side="right") + lowest
        return [float(v) for v in found]
    half = values.size // 2
    return [
        *_tail_statistics(values, [r for r in ranks if r < half], low=True),
        *_tail_statistics(values, [r for r in ranks if r >= half], low=False),
    ]


def _tail_statistics(values: NDArray[Any], ranks: list[int], *, low: bool) -> list[float]:
    """Values of the sorted `ranks`, all in one half, exactly.

    Partitioning a whole slide is slow: a sample says where the tail with the
    ranks may end, and only the tail is partitioned.
    """
    if not ranks:
        return []
    tail, inside = values, ranks
    if values.size > _BLOCK:
        sample = np.sort(values[:: values.size // _SAMPLE])
        share = (ranks[-1] + 1 if low else values.size - ranks[0]) / values.size
        reach = min(len(sample), int(1.5 * share * len(sample)) + 64)
        kept = values <= sample[reach - 1] if low else values >= sample[-reach]
        before = 0 if low else values.size - np.count_nonzero(kept)
        tail, inside = values[kept], [r - int(before) for r in ranks]
        if inside[0] < 0 or inside[-1] >= tail.size:  # the sample misled
            tail, inside = values, ranks
    part = np.partition(tail, inside)
    return [float(part[r]) for r in inside]


def to_uint8(pixels: NDArray[Any], limits: tuple[float, float] | None) -> NDArray[np.uint8]:
    """Map `limits` to 0 and 255, rounding; values beyond are clipped.

    Parameters
    ----------
    pixels : ndarray, shape (Y, X) or (Y, X, 3)
        NaN and infinities, which carry no intensity, become 0.
    limits : tuple of (float, float) or None
        None returns 8-bit pixels unchanged.
    """
    if limits is None:
        return pixels.astype(np.uint8, copy=False)
    if pixels.dtype.kind in "iu" and pixels.dtype.itemsize <= 2:
        info = np.iinfo(pixels.dtype)
        every = np.arange(info.min, info.max + 1)
        table = _scaled(every, limits)
        # A negative value indexes from the end: roll the table to match.
        shown: NDArray[np.uint8] = np.roll(table, info.min)[pixels]
        return shown
    out = np.empty(pixels.shape, np.uint8)
    rows = max(1, _BLOCK // max(1, pixels[0].size))
    for start in range(0, len(pixels), rows):
        out[start : start + rows] = _scaled(pixels[start : start + rows], limits)
    return out


def _scaled(values: NDArray[Any], limits: tuple[float, float]) -> NDArray[np.uint8]:
    low, high = limits
    scaled = np.clip(values.astype(np.float64), low, high)
    # Halves: the span of a whole floating-point range is beyond that range.
    scaled *= 0.5
    scaled -= 0.5 * low
    scaled /= max(0.5 * high - 0.5 * low, 5e-324)
    scaled *= 255.0
    if values.dtype.kind == "f":
        scaled[~np.isfinite(values)] = 0.0
    return np.rint(scaled).astype(np.uint8)
