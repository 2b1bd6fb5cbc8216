"""Length and opening of cracks."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_qualify.measure.centrelines import CentreLines, centre_lines
from napari_qualify.measure.correlation import Correlation
from napari_qualify.measure.interval import MIN_BLOCKS, bootstrap_ratio, make_blocks
from napari_qualify.measure.row import Row
from napari_qualify.segment.phases import Phases

_MIN_CRACKS = 10  # fewer say nothing of the scatter between cracks
_MOST_PLACES = 300  # where the widest place is looked for, the widest by pixels first
_SAMPLED = 40  # pieces per crack that stand for it in its covariance


def crack_geometry(phases: Phases, name: str) -> list[Row]:
    """Measure length and opening of the cracks in one phase.

    The length is that of the centre lines, corrected for the staircase of pixels
    and prolonged to the tips (see `napari_qualify.measure.centrelines`). The mean
    opening is area over length: pixel counts are unbiased, whereas twice the
    distance to the edge at a skeleton is off by up to a pixel. The largest opening
    is the diameter of the largest disk inside a crack (local thickness of
    Hildebrand and Ruegsegger 1997, Journal of Microscopy 185, 67-75).

    Parameters
    ----------
    phases : Phases
    name : str
        The phase of the cracks.

    Returns
    -------
    list of Row
        ``crack_length`` (um), ``crack_length_density`` (length per area of the
        field, 1/um), ``crack_opening`` and ``crack_opening_max`` (um); px in place
        of um when not calibrated. Density and mean opening have 95 % intervals
        from a bootstrap of blocks larger than the cracks' mean extent.

    Raises
    ------
    SegmentationError
        When the phase does not exist.
    """
    mask = phases.mask(name)
    side, unit = phases.pixel_size_um or 1.0, phases.unit
    lines = centre_lines(mask)
    total = math.nan if mask.all() else float(lines.length.sum())
    said = "within-field; smoothed centre lines"
    length = Row("crack_length", total * side, math.nan, math.nan, unit, lines.regions,
                 f"{said}; total in the field, no interval")  # fmt: skip
    density = total / mask.size
    opening = float(mask.sum()) / total if total else math.nan
    largest = largest_disk(mask) if total > 0 else math.nan
    low, high, thin, wide, n, how = _intervals(mask, lines)
    if not len(lines):
        how = "the cracks fill the field" if mask.all() else "no cracks in the field"
    return [
        length,
        Row("crack_length_density", density / side, low / side, high / side, f"1/{unit}", n,
            f"{said}; length per area of the field; {how}"),
        Row("crack_opening", opening * side, thin * side, wide * side, unit, n,
            f"{said}; area over length; {how}"),
        Row("crack_opening_max", largest * side, math.nan, math.nan, unit, lines.regions,
            "within-field; largest disk inside a crack; extreme of this field, no interval"),
    ]  # fmt: skip


def largest_disk(mask: NDArray[np.bool_]) -> float:
    """Diameter in pixels of the largest disk inside a mask and the field; 0 for an empty mask.

    Pixels are halved first: on the grid itself an even width has no pixel in its
    middle and would lose one.
    """
    field = np.pad(mask, 1)
    distance = ndimage.distance_transform_edt(field)
    reach = math.ceil(distance.max()) + 2
    # Halving can raise a distance by less than a pixel.
    peaks = field & (distance == ndimage.maximum_filter(distance, 3))
    places = np.argwhere(peaks & (distance >= distance.max() - 1))
    places = places[np.argsort(-distance[tuple(places.T)], kind="stable")][:_MOST_PLACES]
    found = 0.0
    for y, x in places.tolist():
        top, left = max(0, y - reach), max(0, x - reach)
        part = field[top : y + reach + 1, left : x + reach + 1]
        fine = ndimage.distance_transform_edt(part.repeat(2, axis=0).repeat(2, axis=1))
        y, x = 2 * (y - top), 2 * (x - left)
        found = max(found, float(fine[max(0, y - 2) : y + 4, max(0, x - 2) : x + 4].max()))
    return found


def _intervals(
    mask: NDArray[np.bool_], lines: CentreLines
) -> tuple[float, float, float, float, int, str]:
    """Intervals of density and mean opening in pixels, blocks and how they were found."""
    none = (math.nan,) * 4
    if lines.regions < _MIN_CRACKS:
        why = f"no interval: {lines.regions} cracks, {_MIN_CRACKS} are needed"
        return *none, lines.regions, why
    itself = _covariance(lines)
    blocks = make_blocks((mask.shape[0], mask.shape[1]), itself.length)
    if len(blocks) < MIN_BLOCKS:
        why = f"no interval: {blocks} above the cracks' extent, {MIN_BLOCKS} are needed"
        return *none, len(blocks), why
    widening = itself.widening(blocks)
    lengths = blocks.sums_at(lines.y, lines.x, lines.length)
    low, high = bootstrap_ratio(lengths, blocks.areas, widening)
    # Openings of different cracks are independent of how many cracks a block holds.
    thin, wide = bootstrap_ratio(blocks.sums(mask), lengths)
    return low, high, thin, wide, len(blocks), f"bootstrap of {blocks}"


def _covariance(lines: CentreLines) -> Correlation:
    """How far and how much one crack joins neighbouring blocks.

    Lags between pieces of the same crack; different cracks count as independent.
    The reach is the extent of the cracks along y and x, averaged by length.
    """
    order = np.argsort(lines.region, kind="stable")
    cracks = np.split(order, np.flatnonzero(np.diff(lines.region[order])) + 1)
    ys, xs, weights, extents, totals = [], [], [], [], []
    for crack in cracks:
        y, x, length = lines.y[crack], lines.x[crack], float(lines.length[crack].sum())
        extents.append((np.ptp(y) + 1, np.ptp(x) + 1))
        totals.append(length)
        few = np.linspace(0, len(crack) - 1, min(len(crack), _SAMPLED)).astype(np.intp)
        ys.append((y[few, None] - y[few]).ravel())
        xs.append((x[few, None] - x[few]).ravel())
        weights.append(np.full(len(few) ** 2, (length / len(few)) ** 2))
    reach = np.average(extents, axis=0, weights=totals)
    return Correlation(
        (float(reach[0]), float(reach[1])),
        np.concatenate(ys).astype(np.intp),
        np.concatenate(xs).astype(np.intp),
        np.concatenate(weights),
    )
