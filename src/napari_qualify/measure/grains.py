"""Grain size by ASTM E112: planimetric (Jeffries) and intercept (Heyn)."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.measure import regionprops_table

from napari_qualify.errors import UsageError
from napari_qualify.measure.correlation import covariance_within
from napari_qualify.measure.grain_instances import NECK, enclosed_grains, without_boundary
from napari_qualify.measure.interval import MIN_BLOCKS, Blocks, bootstrap_ratio, make_blocks
from napari_qualify.measure.row import Row
from napari_qualify.segment.phases import Phases

MIN_COUNT, MIN_FIELDS, MAX_ACCURACY = 50, 3, 0.10
"""Below (above) these the method text warns: grains or intercepts, fields, %RA."""

_SHARED = 1.5  # extents of a grain over which its sides and its neighbours' go together

Found = tuple[float, float, float]
"""Value, low, high."""


def planimetric_number(per_mm2: float) -> float:
    """ASTM grain size number from grains per mm2 (E112, planimetric procedure)."""
    return -2.954 + 3.321928 * math.log10(per_mm2)


def intercept_number(mean_mm: float) -> float:
    """ASTM grain size number from the mean lineal intercept in mm (E112, intercept procedure)."""
    return -6.643856 * math.log10(mean_mm) - 3.288


def grain_size(
    phases: Phases,
    name: str,
    *,
    instances: NDArray[np.integer[Any]] | None = None,
    fields: int = 1,
) -> list[Row]:
    """Measure the size of grains.

    The planimetric count gives a grain that no side of the field cuts a weight of
    1, one cut by a side a half, one cut by two adjacent sides a quarter: inside
    plus half of the cut, plus 1 for the four corners of a rectangle. The frame
    passes through the middles of the outermost pixels. A grain is cut when its own
    pixels, not its boundary's, reach the frame: so the count is unbiased for
    boundaries of any width.

    The intercept count runs along all rows, columns and both diagonals of the
    field, with the grains grown to the middle of their boundaries; the grains at
    the two ends of a line count half.

    Parameters
    ----------
    phases : Phases
    name : str
        The boundary phase. With `instances` it only names the rows.
    instances : ndarray of int, shape (Y, X), optional
        One value per grain, 0 for boundary or none, in place of the regions that
        the boundary encloses.
    fields : int
        Fields of the same specimen that are measured, for the warning.

    Returns
    -------
    list of Row
        ``grain_size_number`` and ``grain_size_number_intercept`` (ASTM G, NaN when
        not calibrated), ``mean_lineal_intercept`` (um), ``grain_count_per_area``
        (1/um2) and ``mean_grain_area`` (um2); px when not calibrated. Intervals of
        95 % from a bootstrap of blocks larger than the grains.

    Raises
    ------
    SegmentationError
        When the phase does not exist.
    UsageError
        When `instances` are not of the phases' shape.
    """
    if instances is None:
        grains = enclosed_grains(phases.mask(name))
        made = f"regions enclosed by {name}, gaps closed by watershed (h-maxima, necks < {NECK})"
    else:
        if instances.shape != phases.shape:
            raise UsageError(
                f"instances have shape {instances.shape}, the phases {phases.shape}; "
                "give one label per pixel of the field."
            )
        grains = _numbered(instances)
        made = "grains of a label image"
    if grains.max() < 2:
        return _rows(phases, None, None, 0, 0, made + "; no boundary between grains here", "", "")
    counts = count_grains(grains)
    blocks = make_blocks(phases.shape, counts.extent)
    area = math.prod(side - 1 for side in phases.shape)
    share = blocks.areas * (area / blocks.areas.sum())
    density = _ratio(blocks.sums_at(counts.y, counts.x, counts.weight), share)
    whole = without_boundary(grains)
    sides = (whole[1:, 1:] != whole[1:, :-1]).astype(np.uint8) + (whole[1:, 1:] != whole[:-1, 1:])
    reach = _SHARED * counts.extent[0], _SHARED * counts.extent[1]
    widening = covariance_within(sides, reach).widening(blocks)
    lines = _ratio(*crossings(whole, blocks), widening)
    counted = float(counts.weight.sum())
    intercepts = math.prod(phases.shape) * lines[0] ** 2
    how = f"bootstrap of {blocks}"
    if len(blocks) < MIN_BLOCKS:
        how = f"no interval: {blocks} above the grains' extent, {MIN_BLOCKS} are needed"
    flat = f"planimetric, {counted:.4g} grains{_warnings(counted, density, fields)}; {how}"
    along = (
        f"intercept, {intercepts:.4g} intercepts on lines one intercept apart"
        f"{_warnings(intercepts, lines, fields)}; {how}"
    )
    return _rows(phases, density, lines, int(counted), int(intercepts), made, flat, along)


@dataclass(frozen=True, eq=False)
class GrainCounts:
    """The grains of a field as the planimetric procedure counts them, in pixels.

    Attributes
    ----------
    y, x : ndarray of float, shape (n,)
        Centroids of what the field shows of the grains.
    weight : ndarray of float, shape (n,)
        1 inside, 1/2 when a side of the field cuts it, 1/4 when two adjacent do.
    extent : tuple of float
        Mean height and width, by area.
    """

    y: NDArray[np.float64]
    x: NDArray[np.float64]
    weight: NDArray[np.float64]
    extent: tuple[float, float]


def count_grains(grains: NDArray[np.int32]) -> GrainCounts:
    """Count the grains of a label image, numbered from 1 without gaps, 0 for none."""
    wanted = ("bbox", "centroid", "area")
    table = regionprops_table(grains, properties=wanted)  # type: ignore[no-untyped-call]
    top, left, bottom, right = (table[f"bbox-{i}"] for i in range(4))
    height, width = grains.shape
    cut_y, cut_x = (top == 0) | (bottom == height), (left == 0) | (right == width)
    extent = (
        float(np.average(bottom - top, weights=table["area"])),
        float(np.average(right - left, weights=table["area"])),
    )
    weight = np.where(cut_y, 0.5, 1.0) * np.where(cut_x, 0.5, 1.0)
    return GrainCounts(table["centroid-0"], table["centroid-1"], weight, extent)


def crossings(
    grains: NDArray[np.int32], blocks: Blocks
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Crossings from grain to grain and length of the test lines, per block.

    A line of k intercepts whose two ends count half has k - 1 crossings. The four
    directions weigh the same: the diagonals' crossings are divided by sqrt(2).
    Pixels miss intercepts shorter than their distance s. That shortens the count
    n(s) per length in proportion to s, so that 2 n(s) - n(2 s) is free of it.

    Parameters
    ----------
    grains : ndarray of int32, shape (Y, X)
        Without boundary.
    blocks : Blocks

    Returns
    -------
    tuple of ndarray
        Crossings and length in pixels per block, flat.
    """
    over, under = np.zeros(len(blocks)), np.zeros(len(blocks))
    diagonal = math.sqrt(2)
    for dy, dx, step in ((0, 1, 1.0), (1, 0, 1.0), (1, 1, diagonal), (1, -1, diagonal)):
        start, near, far = (_shifted(grains, k * dy, k * dx, 2 * dy, 2 * dx) for k in range(3))
        once = blocks.sums(start != near) + blocks.sums(near != far)
        over += (once - blocks.sums(start != far) / 2) / step
        under += blocks.sums(np.ones(start.shape, bool))
    return over, under


def _shifted(
    grains: NDArray[np.int32], y: int, x: int, most_y: int, most_x: int
) -> NDArray[np.int32]:
    """The grains from (y, x) on, of the shape that shifts up to the most leave; x may be < 0."""
    left = max(0, -most_x)
    height, width = grains.shape[0] - most_y, grains.shape[1] - abs(most_x)
    return grains[y : y + height, left + x : left + x + width]


def _numbered(instances: NDArray[np.integer[Any]]) -> NDArray[np.int32]:
    """Instances numbered from 1 without gaps, 0 kept."""
    values, flat = np.unique(instances, return_inverse=True)
    first = 0 if 0 in values else 1
    return np.asarray(flat.reshape(instances.shape) + first, np.int32)


def _ratio(over: NDArray[np.float64], under: NDArray[np.float64], widening: float = 1.0) -> Found:
    return (float(over.sum() / under.sum()), *bootstrap_ratio(over, under, widening))


def _warnings(counted: float, found: Found, fields: int) -> str:
    """What E112 asks for and this field does not have."""
    said = ""
    value, low, high = found
    if counted < MIN_COUNT:
        said += f"; WARNING: below {MIN_COUNT} in this field"
    if fields < MIN_FIELDS:
        said += f"; WARNING: {fields} field{'s' * (fields > 1)}, ASTM E112 asks for {MIN_FIELDS}"
    accuracy = (high - low) / 2 / value
    if accuracy > MAX_ACCURACY:
        said += f"; WARNING: relative accuracy {accuracy:.0%}, above {MAX_ACCURACY:.0%}"
    return said


def _rows(
    phases: Phases,
    density: Found | None,
    lines: Found | None,
    counted: int,
    intercepts: int,
    made: str,
    flat: str,
    along: str,
) -> list[Row]:
    """Rows from grains per area and intercepts per length, both in pixels."""
    none = (math.nan,) * 3
    side, unit = phases.pixel_size_um or 1.0, phases.unit
    per_area = _apply(lambda v: v / side**2, density or none)
    mean_area = _apply(lambda v: 1 / v if v else math.nan, per_area)
    intercept = _apply(lambda v: side / v if v else math.nan, lines or none)
    number = number_along = none
    uncalibrated = ""
    if phases.pixel_size_um is None:
        uncalibrated = "; no G: the micrograph has no pixel size, and G is of mm"
    else:
        number = _apply(lambda v: planimetric_number(v * 1e6), per_area)
        number_along = _apply(lambda v: intercept_number(v / 1e3), intercept)
    said = f"within-field; ASTM E112, counted automatically (E1382); {made}; "
    flat, along = said + flat, said + along
    return [
        Row("grain_size_number", *number, "", counted, flat + uncalibrated),
        Row("grain_size_number_intercept", *number_along, "", intercepts, along + uncalibrated),
        Row("mean_lineal_intercept", *intercept, unit, intercepts, along),
        Row("grain_count_per_area", *per_area, f"1/{unit}2", counted, flat),
        Row("mean_grain_area", *mean_area, f"{unit}2", counted, flat),
    ]


def _apply(function: Callable[[float], float], found: Found) -> Found:
    """A monotonous function of a value and its interval."""
    value, low, high = (function(each) for each in found)
    return (value, high, low) if low > high else (value, low, high)
