"""Spacing of particles: to the nearest neighbour, along lines, and how clustered.

Distances are between centroids. All three see the arrangement in the section,
not in space.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree

from napari_qualify.measure.interval import Blocks, block_interval
from napari_qualify.measure.particles import Floats
from napari_qualify.measure.pattern import find_pattern
from napari_qualify.measure.phase_field import PhaseField
from napari_qualify.measure.row import Row
from napari_qualify.measure.shapes import MIN_PARTICLES

_FEW = "within-field; no interval: too few particles inside the field"
_KEPT = 0.5  # share of each side that the guard leaves at least


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Nearest neighbours of the particles in a guarded window, in pixels.

    Attributes
    ----------
    window : tuple of float
        Top, left, bottom, right of the window.
    y, x, distance : ndarray of float, shape (n,)
        Centroids in the window and the distance to the nearest other one.
    weight : ndarray of float, shape (n,)
        Of Hanisch, 0 for a particle nearer to the window's border than to its
        neighbour.
    """

    window: tuple[float, float, float, float]
    y: Floats
    x: Floats
    distance: Floats
    weight: Floats

    @property
    def sides(self) -> tuple[float, float]:
        """Height and width of the window in pixels."""
        top, left, bottom, right = self.window
        return bottom - top, right - left

    def areas(self, blocks: Blocks) -> Floats:
        """Square pixels of the window in each block, flat."""
        top, left, bottom, right = self.window
        rows = np.diff(np.clip(blocks.rows, top, bottom))
        columns = np.diff(np.clip(blocks.columns, left, right))
        return np.outer(rows, columns).ravel().astype(np.float64)


def find_neighbours(field: PhaseField) -> Neighbours:
    """Distances to the nearest neighbour, free of what the border hides.

    A cut particle's centroid is not known. The window is therefore the field
    less half of the largest particle's extent on each side, so that each
    particle centred in it is whole (at most half of the field's side is given
    up). In it a particle counts when it is nearer to its neighbour than to the
    window's border, with the weight of Hanisch (1984, Mathematische
    Operationsforschung und Statistik, series statistics 15, 409-416): one over
    the area of the window eroded by the distance.

    Parameters
    ----------
    field : PhaseField

    Returns
    -------
    Neighbours
    """
    particles, (height, width) = field.particles, field.phases.shape
    extent = ((particles.bottom - particles.top), (particles.right - particles.left))
    guard = [
        min(float(each.max(initial=0)) / 2, (1 - _KEPT) / 2 * side)
        for each, side in zip(extent, (height, width), strict=True)
    ]
    # Pixel centres are integers: the field reaches from -0.5 to its size less 0.5.
    window = guard[0] - 0.5, guard[1] - 0.5, height - guard[0] - 0.5, width - guard[1] - 0.5
    top, left, bottom, right = window
    y, x = particles.y, particles.x
    here = particles.inside & (y >= top) & (y < bottom) & (x >= left) & (x < right)
    y, x = y[here], x[here]
    if len(y) < 2:
        return Neighbours(window, y, x, np.full(len(y), math.inf), np.zeros(len(y)))
    points = np.column_stack([y, x])
    distance = cKDTree(points).query(points, k=2)[0][:, 1]
    border = np.min([y - top, bottom - y, x - left, right - x], axis=0)
    eroded = (bottom - top - 2 * distance) * (right - left - 2 * distance)
    weight = np.where(distance <= border, 1 / np.maximum(eroded, 1), 0.0)
    return Neighbours(window, y, x, distance, weight)


def nearest_neighbour_distance(field: PhaseField) -> list[Row]:
    """Mean distance from a particle's centroid to the nearest other one.

    Corrected for the border as `find_neighbours` says.
    """
    return [_spacing("nearest_neighbour_distance", field, find_neighbours(field))]


def clark_evans_ratio(field: PhaseField) -> list[Row]:
    """Mean nearest-neighbour distance over that of random points of the same density.

    ``R = 2 d sqrt(N_A)`` (Clark and Evans 1954, Ecology 35, 445-453): 1 for
    complete spatial randomness of points, below 1 clustered, above 1 regular,
    2.149 for a hexagonal lattice. The border is corrected for in d as
    `find_neighbours` says; N_A is that of the same window. Particles that do not
    overlap cannot be nearer than their size: when they cover more than a few per
    cent of the field, R is above 1 though nothing but their size orders them.
    """
    return [_spacing("clark_evans_ratio", field, find_neighbours(field))]


def _spacing(name: str, field: PhaseField, found: Neighbours) -> Row:
    used = int((found.weight > 0).sum())
    ratio = name == "clark_evans_ratio"
    unit, scale = ("", 1.0) if ratio else (field.unit, field.side)
    row = Row(name, math.nan, math.nan, math.nan, unit, used, _FEW)
    if not used:
        return row
    pattern = find_pattern(found.y, found.x, found.sides)
    blocks = field.blocks_for(pattern)
    distance = np.where(found.weight > 0, found.distance, 0.0)

    def at(values: Floats) -> Floats:
        return blocks.sums_at(found.y + 0.5, found.x + 0.5, values)

    sums = [at(found.weight * distance * scale), at(found.weight)]
    if ratio:
        sums += [at(np.ones(len(found.y))), found.areas(blocks)]
    statistic = _clark_evans if ratio else _mean
    row = replace(row, value=float(statistic(np.array([s.sum() for s in sums])[None])[0]))
    if used < MIN_PARTICLES:
        return row
    mean = float(np.average(distance, weights=found.weight))
    away = found.weight * (distance - mean) / (found.weight @ distance)
    if ratio:  # N_A enters by its root
        away = away + 0.5 / len(away)
    widening = pattern.widening(away, blocks)
    low, high, method = block_interval(blocks, sums, "; Hanisch", widening, statistic)
    return replace(row, low=low, high=high, method=method)


def _mean(sums: Floats) -> Floats:
    with np.errstate(invalid="ignore"):  # no neighbour in any of the blocks drawn
        return np.asarray(sums[:, 0] / sums[:, 1])


def _clark_evans(sums: Floats) -> Floats:
    with np.errstate(invalid="ignore"):
        return np.asarray(2 * _mean(sums) * np.sqrt(sums[:, 2] / sums[:, 3]))


def mean_free_path(field: PhaseField) -> list[Row]:
    """Mean edge-to-edge distance along lines, ``(1 - V_V) / N_L``.

    Fullman (1953, Transactions AIME 197, 447-452), as in ASTM E1245. N_L is the
    number of particles per length of test line: half of the borders that all
    rows and columns of pixels cross, so that a particle cut by the field's edge
    counts half. Both directions are pooled.
    """
    mask, blocks = field.mask, field.blocks
    height, width = mask.shape
    matrix = blocks.areas - blocks.sums(mask)
    if not field.varies:
        note = "within-field; no border of the phase is in the field"
        return [Row("mean_free_path", math.nan, math.nan, math.nan, field.unit, 0, note)]
    crossed = np.zeros(mask.shape, np.uint8)
    crossed[1:] += mask[1:] != mask[:-1]
    crossed[:, 1:] += mask[:, 1:] != mask[:, :-1]
    pieces = blocks.sums(crossed)
    # Lines between pixel centres are a pixel shorter than the field in each direction.
    length = (2 * height * width - height - width) / (height * width)
    over, under = matrix * length * field.side, pieces / 2
    low, high, method = block_interval(
        blocks,
        [over, under],
        "; lines along rows and columns",
        widening=field.correlation.widening(blocks),
    )
    n = int(pieces.sum() // 2)
    value = float(over.sum() / under.sum())
    return [Row("mean_free_path", value, low, high, field.unit, n, method)]
