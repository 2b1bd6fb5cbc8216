"""Thickness of a layer, along the image columns or across its own mean direction."""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label

from napari_qualify.errors import UsageError
from napari_qualify.measure.phase_names import CRACKS, is_named
from napari_qualify.measure.row import Row
from napari_qualify.measure.series import MIN_LENGTHS, mean_interval
from napari_qualify.segment.phases import Phases

Across = Literal["columns", "normal"]

_STEP = 0.5  # pixels between samples on a line across the layer
_MIN_LINES = 16  # fewer fit no direction


def layer_thickness(
    phases: Phases,
    name: str,
    *,
    also: tuple[str, ...] | None = None,
    across: Across = "columns",
) -> list[Row]:
    """Measure how thick a layer is.

    With ``across='columns'`` the thickness is the number of the layer's pixels in
    each image column, columns without any included: the layer is taken to run
    from left to right (the definition of the oxide thickness in the data of
    Stuckner et al. 2022, npj Computational Materials 8, 200). With ``'normal'`` it
    is measured on lines across the layer's own mean direction, one per pixel
    along it, for a layer that is tilted or runs from top to bottom; lines that
    leave the field are left out.

    Parameters
    ----------
    phases : Phases
    name : str
        The layer's phase.
    also : tuple of str, optional
        Phases whose regions count as layer where they touch it, directly or
        through each other. By default those named crack, as in the definition above:
        a crack in a layer does not make it thinner.
    across : {'columns', 'normal'}

    Returns
    -------
    list of Row
        ``layer_thickness`` (mean), ``layer_thickness_max`` and
        ``layer_thickness_min`` in um, or px when not calibrated. The mean has a
        95 % interval from its correlation along the layer (see
        `napari_qualify.measure.series.mean_interval`); an extreme belongs to this
        field and has none.

    Raises
    ------
    SegmentationError
        When a phase does not exist.
    UsageError
        For another `across`.
    """
    if across not in ("columns", "normal"):
        raise UsageError(f"across is {across!r}; give 'columns' or 'normal'.")
    if also is None:
        also = tuple(n for n in phases.names.values() if n != name and is_named(n, CRACKS))
    mask = _with_touching(phases.mask(name), [phases.mask(other) for other in also])
    layer = name + (f" with the {', '.join(also)} touching it" if also else "")
    found = along_columns(mask) if across == "columns" else along_normal(mask)
    said = f"within-field; {layer} along {'columns' if across == 'columns' else 'its normal'}"
    if mask.any() and (mask[0].any() or mask[-1].any()):
        said += "; WARNING: the layer touches the top or the bottom of the field and may be cut"
    if not mask.any() or len(found) == 0:
        why = "the phase is not there" if not mask.any() else "no line across stays in the field"
        return [
            Row(measure, math.nan, math.nan, math.nan, phases.unit, 0, f"{said}; {why}")
            for measure in ("layer_thickness", "layer_thickness_max", "layer_thickness_min")
        ]
    found = found * (phases.pixel_size_um or 1.0)
    low, high, lengths = mean_interval(found)
    how = f"interval from {lengths} correlation lengths along the layer (cosines, Student's t)"
    if math.isnan(low):
        how = f"no interval: {lengths} correlation lengths along it, {MIN_LENGTHS} are needed"
    extreme = f"{said}; extreme of {len(found)} lines in this field, no interval"
    return [
        Row("layer_thickness", float(found.mean()), low, high, phases.unit, lengths,
            f"{said}; mean of {len(found)} lines; {how}"),
        Row("layer_thickness_max", float(found.max()), math.nan, math.nan, phases.unit,
            len(found), extreme),
        Row("layer_thickness_min", float(found.min()), math.nan, math.nan, phases.unit,
            len(found), extreme),
    ]  # fmt: skip


def _with_touching(
    layer: NDArray[np.bool_], others: Sequence[NDArray[np.bool_]]
) -> NDArray[np.bool_]:
    """A layer with those 8-connected regions of other masks that touch it."""
    if not others:
        return layer
    regions, number = label(  # type: ignore[no-untyped-call]
        np.logical_or.reduce([layer, *others]), connectivity=2, return_num=True
    )
    touching = np.zeros(number + 1, bool)
    touching[regions[layer]] = True
    return np.asarray(touching[regions])


def along_columns(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Pixels of the layer per image column, shape (X,)."""
    return np.asarray(mask.sum(axis=0, dtype=np.float64))


def along_normal(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Thickness in pixels on lines across the layer's mean direction.

    The direction is the least-squares line through the middle of the layer per
    column (per row for a steep layer), where the layer is not cut by the border.
    On each line the mask is interpolated linearly, which leaves its sum unbiased.

    Parameters
    ----------
    mask : ndarray of bool, shape (Y, X)

    Returns
    -------
    ndarray of float, shape (n,)
        One per pixel along the layer; empty when no line stays in the field.
    """
    if not mask.any():
        return np.zeros(0)
    y, x = np.nonzero(mask)
    if y.std() > x.std():
        mask = mask.T
    columns, first, last = _interfaces(mask)
    if len(columns) < _MIN_LINES:
        return np.zeros(0)
    middle = (first + last) / 2
    slope, offset = np.polyfit(columns, middle, 1)
    cosine = 1 / math.hypot(1, slope)
    line = slope * columns + offset
    reach = float(max((last - line).max(), (line - first).max())) * cosine + 2
    # Feet of the lines, one pixel apart along the layer.
    feet = np.arange(0, mask.shape[1] - 1 + cosine / 2, cosine)
    steps = np.arange(-reach, reach + _STEP, _STEP)
    at_x = feet[:, None] - steps * slope * cosine
    at_y = slope * feet[:, None] + offset + steps * cosine
    height, width = mask.shape
    inside = ((at_x >= 0) & (at_x <= width - 1) & (at_y >= 0) & (at_y <= height - 1)).all(axis=1)
    if not inside.any():
        return np.zeros(0)
    places = np.stack([at_y[inside], at_x[inside]])
    sampled = ndimage.map_coordinates(mask.astype(np.float32), places, order=1, mode="nearest")
    return np.asarray(sampled.sum(axis=1) * _STEP, dtype=np.float64)


def _interfaces(
    mask: NDArray[np.bool_],
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Columns where the layer is whole, and its first and last row there."""
    whole = mask.any(axis=0) & ~mask[0] & ~mask[-1]
    columns = np.flatnonzero(whole)
    first = mask[:, columns].argmax(axis=0)
    last = len(mask) - 1 - mask[::-1, columns].argmax(axis=0)
    return columns, first, last
