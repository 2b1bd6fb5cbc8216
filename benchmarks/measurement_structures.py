"""Layers, cracks and grains with known answers, for `measurement.py`.

What the mask shows of an extreme (largest opening, largest thickness) has no
interval and no case here; the unit tests compare it with single renderings.
"""

import math
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import KDTree, Voronoi

from measurement_cases import Case
from napari_qualify.segment.phases import Phases

PIXEL_UM = 0.5

LAYER_UM, THICKNESS_UM, ROUGH_UM, WAVE_UM = 512.0, 40.0, 3.0, 8.0

CRACKS_UM, CRACKS_PER_UM2, CRACK_UM, OPENING_UM = 512.0, 2e-4, 40.0, 3.0
SWING, SWING_UM = 0.6, 20.0  # radians of a wavy crack's heading, and its wavelength

GRAINS_UM, GRAIN_UM2, BOUNDARY_UM = 448.0, 28.0**2, 2.0
GAP_UM, GAPS = 5.0, 0.05  # width, share of the pairs of neighbours


def _centres(side_um: float, resolution: float) -> tuple[NDArray[np.float64], float]:
    """Pixel centres along one side and the pixel size, in um."""
    pixel = PIXEL_UM / resolution
    return (np.arange(round(side_um / pixel)) + 0.5) * pixel, pixel


def layer_field(rng: np.random.Generator, resolution: float) -> Phases:
    """A layer between two rough interfaces: Gaussian curves, independent of each other."""
    centres, pixel = _centres(LAYER_UM, resolution)
    fine = np.arange(0, LAYER_UM, PIXEL_UM / 2)
    top, bottom = (
        np.interp(centres, fine, middle + _rough(rng, len(fine), PIXEL_UM / 2))
        for middle in (LAYER_UM - THICKNESS_UM) / 2 + np.array([0, THICKNESS_UM])
    )
    layer = (centres[:, None] >= top) & (centres[:, None] < bottom)
    return Phases(layer.astype(np.uint8) + 1, {1: "matrix", 2: "oxide"}, pixel)


def _rough(rng: np.random.Generator, n: int, step: float) -> NDArray[np.float64]:
    """Stationary Gaussian heights of deviation `ROUGH_UM`, smooth over `WAVE_UM`."""
    sigma = WAVE_UM / step
    margin = math.ceil(4 * sigma)
    smooth = ndimage.gaussian_filter1d(rng.normal(size=n + 2 * margin), sigma)
    return np.asarray(
        ROUGH_UM * math.sqrt(2 * math.sqrt(math.pi) * sigma) * smooth[margin : margin + n]
    )


def crack_field(rng: np.random.Generator, resolution: float, *, wavy: bool) -> Phases:
    """A Poisson process of cracks, each of its own direction, length and opening."""
    centres, pixel = _centres(CRACKS_UM, resolution)
    mask = np.zeros((len(centres), len(centres)), bool)
    margin = 2 * CRACK_UM
    for _ in range(rng.poisson(CRACKS_PER_UM2 * (CRACKS_UM + 2 * margin) ** 2)):
        line = _crack(rng, wavy) + rng.uniform(-margin, CRACKS_UM + margin, 2)
        _draw(mask, line, OPENING_UM * rng.uniform(0.7, 1.3), pixel)
    return Phases(mask.astype(np.uint8) + 1, {1: "matrix", 2: "crack"}, pixel)


def _crack(rng: np.random.Generator, wavy: bool) -> NDArray[np.float64]:
    """Points (n, 2) of a line around the origin, in um."""
    along = np.linspace(0, CRACK_UM * rng.uniform(0.5, 1.5), 300)
    heading = rng.uniform(0, math.pi) + np.zeros_like(along)
    phase = rng.uniform(0, 2 * math.pi)
    if wavy:
        heading += SWING * np.sin(2 * math.pi * along / SWING_UM + phase)
    points = np.cumsum(np.stack([np.sin(heading), np.cos(heading)], axis=1), axis=0) * along[1]
    return np.asarray(points - points.mean(axis=0))


def _draw(mask: NDArray[np.bool_], line: NDArray[np.float64], opening: float, pixel: float) -> None:
    """Add the pixels whose centre is nearer than half of the opening; ends are blunt."""
    low = np.floor((line.min(axis=0) - opening) / pixel).astype(int).clip(0)
    high = np.ceil((line.max(axis=0) + opening) / pixel).astype(int).clip(0, mask.shape)
    if (low >= high).any():
        return
    y, x = ((np.arange(a, b) + 0.5) * pixel for a, b in zip(low, high, strict=True))
    centres = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1)
    away, nearest = KDTree(line).query(centres, distance_upper_bound=opening / 2)
    inside = np.isfinite(away)
    for end, outwards in ((0, line[0] - line[1]), (len(line) - 1, line[-1] - line[-2])):
        inside &= ~((nearest == end) & ((centres - line[end]) @ outwards > 0))
    mask[low[0] : high[0], low[1] : high[1]] |= inside


def grain_field(rng: np.random.Generator, resolution: float, *, gaps: bool) -> Phases:
    """Voronoi cells of a Poisson process behind boundaries of one width, some interrupted."""
    centres, pixel = _centres(GRAINS_UM, resolution)
    margin = 5 * math.sqrt(GRAIN_UM2)
    side = GRAINS_UM + 2 * margin
    seeds = rng.uniform(-margin, GRAINS_UM + margin, (rng.poisson(side**2 / GRAIN_UM2), 2))
    cells = Voronoi(seeds)
    boundary = np.zeros((len(centres), len(centres)), bool)
    for first, last in cells.ridge_vertices:
        if min(first, last) >= 0:  # else the side goes on for ever, outside of the field
            _draw_side(boundary, *cells.vertices[[first, last]], pixel)
    if gaps:
        # In the middle between neighbouring seeds, which is mostly on their side.
        pairs = cells.ridge_points
        broken = pairs[rng.random(len(pairs)) < GAPS]
        for middle in seeds[broken].mean(axis=1):
            rows, columns, y, x = _near(boundary, middle - GAP_UM, middle + GAP_UM, pixel)
            hole = np.hypot(y - middle[0], x - middle[1]) < GAP_UM / 2
            boundary[rows, columns] &= ~hole
    return Phases(boundary.astype(np.uint8) + 1, {1: "matrix", 2: "boundary"}, pixel)


def _near(
    mask: NDArray[np.bool_], low: NDArray[np.float64], high: NDArray[np.float64], pixel: float
) -> tuple[slice, slice, NDArray[np.float64], NDArray[np.float64]]:
    """The part of a mask between two corners in um, and its pixels' centres."""
    first = np.floor(low / pixel).astype(int).clip(0, mask.shape)
    last = np.ceil(high / pixel).astype(int).clip(0, mask.shape)
    y, x = ((np.arange(a, b) + 0.5) * pixel for a, b in zip(first, last, strict=True))
    return slice(first[0], last[0]), slice(first[1], last[1]), y[:, None], x[None]


def _draw_side(
    mask: NDArray[np.bool_], start: NDArray[np.float64], end: NDArray[np.float64], pixel: float
) -> None:
    """Add the pixels whose centre is within half of a boundary's width of a line."""
    low, high = np.minimum(start, end) - BOUNDARY_UM, np.maximum(start, end) + BOUNDARY_UM
    rows, columns, y, x = _near(mask, low, high, pixel)
    y, x = y - start[0], x - start[1]
    dy, dx = end - start
    along = ((y * dy + x * dx) / max(dy**2 + dx**2, 1e-12)).clip(0, 1)
    mask[rows, columns] |= np.hypot(y - along * dy, x - along * dx) <= BOUNDARY_UM / 2


def _grain_cases(name: str, gaps: bool) -> list[Case]:
    """Truths of the Poisson-Voronoi tessellation: P_L = 4 sqrt(density) / pi (Miles 1970).

    A relative error e of the grains per area is one of e / ln 2 in G, of the
    intercept one of 2 e / ln 2: so the bounds are the same for all.
    """
    render = partial(grain_field, gaps=gaps)
    density = 1 / GRAIN_UM2
    intercept = math.pi / 4 / math.sqrt(density)
    number = 3.321928 * math.log10(density * 1e6) - 2.954
    along = -6.643856 * math.log10(intercept / 1e3) - 3.288
    g = 1 / math.log(2)
    return [
        Case(name, "grain_size_number", "boundary", render, number, 0.05, absolute=g),
        Case(name, "grain_size_number_intercept", "boundary", render, along, 0.05, absolute=2 * g),
        Case(name, "mean_lineal_intercept", "boundary", render, intercept, 0.05),
        Case(name, "grain_count_per_area", "boundary", render, density, 0.05),
        Case(name, "mean_grain_area", "boundary", render, GRAIN_UM2, 0.05),
    ]


def _crack_cases(name: str, wavy: bool) -> list[Case]:
    render = partial(crack_field, wavy=wavy)
    density = CRACKS_PER_UM2 * CRACK_UM
    return [
        Case(name, "crack_length_density", "crack", render, density),
        Case(name, "crack_opening", "crack", render, OPENING_UM),
    ]


CASES: list[Case] = [
    Case("layer", "layer_thickness", "oxide", layer_field, THICKNESS_UM),
    *_crack_cases("straight cracks", wavy=False),
    *_crack_cases("wavy cracks", wavy=True),
    *_grain_cases("grains", gaps=False),
    *_grain_cases("grains with gaps", gaps=True),
]
