"""Places on the small axes that show a score against its cut, a value against its limit."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from napari_qualify.decide.verdict import Verdict
from napari_qualify.errors import UsageError

WIDTH = 300.0
"""Width of an axis in the drawing's own units."""

INSET = 8.0
"""Free space at both ends, for the marker."""


@dataclass(frozen=True)
class Axis:
    """A horizontal axis from `low` to `high`.

    Attributes
    ----------
    low, high : float
        Values at the left and right ends.
    strip : str
        Path data with one tick per micrograph of the batch.
    """

    low: float
    high: float
    strip: str = ""

    def x(self, value: float) -> float:
        """Place of a value in [INSET, WIDTH - INSET]; what is beyond an end sits on it."""
        share = (value - self.low) / (self.high - self.low)
        share = min(max(share, 0.0), 1.0)
        return round(INSET + share * (WIDTH - 2 * INSET), 1)


def axis_of(values: Iterable[float | None], marks: Iterable[float | None]) -> Axis:
    """Make one axis that holds all scores and cuts of a criterion.

    All micrographs of a batch share it, so that their bars compare.

    Parameters
    ----------
    values : iterable of float or None
        Scores or measured values: one tick each.
    marks : iterable of float or None
        Cuts, limits, interval ends: inside the axis, without a tick.
    """
    points = [v for v in values if v is not None and math.isfinite(v)]
    inside = points + [m for m in marks if m is not None and math.isfinite(m)]
    low, high = (min(inside), max(inside)) if inside else (-1.0, 1.0)
    size = max(abs(low), abs(high), 1e-12)
    pad = 0.06 * (high - low) if high - low > 1e-9 * size else 0.5 * size
    bare = Axis(low - pad, high + pad)
    places = sorted({bare.x(p) for p in points})
    return Axis(bare.low, bare.high, "".join(f"M{x:g} 3v14" for x in places))


def limit_of(verdict: Verdict) -> tuple[bool, float] | None:
    """Where the limit of a verdict lies on the axis of its value.

    Returns
    -------
    (bool, float) or None
        Whether smaller values are the acceptable ones, and the number in the
        unit of the value; None when the limit is in another unit.
    """
    from napari_qualify.measure.limit import Limit

    try:
        limit = Limit.parse(verdict.limit)
    except UsageError:  # of a later version, or made by hand
        return None
    return (limit.op in ("<", "<="), limit.value) if limit.unit == verdict.unit else None
