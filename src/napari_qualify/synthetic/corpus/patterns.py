"""Building blocks of rendered microstructures: noise, cells, bands, disks, curves.

All lengths are pixels and all images float32. Each block takes the random
generator first, so that a picture follows from one seed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from napari_qualify.synthetic.canvas import Canvas, FloatImage

Shape = tuple[int, int]
Rng = np.random.Generator


def noise(rng: Rng, shape: Shape, scale: float) -> FloatImage:
    """Smooth random field of zero mean and unit deviation; `scale` is its Gaussian's."""
    return Canvas(shape, 1.0).field(scale, rng)


def axes(shape: Shape) -> tuple[FloatImage, FloatImage]:
    """Full coordinate images y and x."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    return y, x


def turned(y: FloatImage, x: FloatImage, angle: float | FloatImage) -> tuple[FloatImage, ...]:
    """Coordinates across and along the direction `angle` (radians, from x)."""
    sine, cosine = np.sin(angle), np.cos(angle)
    across, along = y * cosine - x * sine, x * cosine + y * sine
    return np.asarray(across, np.float32), np.asarray(along, np.float32)


def step(depth: FloatImage | float, soft: float = 0.7) -> FloatImage:
    """0 outside to 1 inside, linear over ``2 * soft`` pixels round depth 0."""
    return np.asarray(np.clip(0.5 + np.asarray(depth) / (2 * soft), 0, 1), np.float32)


def stretched(values: FloatImage) -> FloatImage:
    """Values between their 1st and 99th percentile brought to 0..1."""
    low, high = np.percentile(values[::3, ::3], (1, 99))
    return np.asarray(np.clip((values - low) / max(float(high - low), 1e-6), 0, 1), np.float32)


def bands(position: FloatImage, period: float | FloatImage, duty: float = 0.5) -> FloatImage:
    """Soft-edged stripes: 1 over the share `duty` of every period, 0 elsewhere."""
    phase = np.abs((position / period) % 1 - 0.5) * period
    return step(np.asarray(phase - (1 - duty) * period / 2, np.float32))


@dataclass(frozen=True, eq=False)
class Cells:
    """Voronoi cells of a frame.

    Attributes
    ----------
    label : ndarray of int, shape (Y, X)
    edge : ndarray of float32, shape (Y, X)
        Rough distance to the nearest boundary.
    centre : ndarray of float32, shape (Y, X)
        Distance to the cell's own point.
    points : ndarray of float, shape (n, 2)
        The points y, x.
    """

    label: NDArray[np.intp]
    edge: FloatImage
    centre: FloatImage
    points: NDArray[np.float64]

    def per_cell(self, values: NDArray[np.generic]) -> FloatImage:
        """Image of one value per cell."""
        return np.asarray(values[self.label], np.float32)

    def random(self, rng: Rng, low: float = 0.0, high: float = 1.0) -> FloatImage:
        """Image of one uniform random value per cell."""
        return self.per_cell(rng.uniform(low, high, len(self.points)))


def cells(
    rng: Rng,
    shape: Shape,
    pitch: float,
    *,
    stretch: float = 1.0,
    angle: float = 0.0,
    bend: float = 0.0,
    regular: float = 0.0,
) -> Cells:
    """Voronoi cells of mean width `pitch`.

    Parameters
    ----------
    stretch, angle : float
        Elongation of the cells and its direction.
    bend : float
        How far boundaries are bent, in pixels.
    regular : float
        0 for points drawn at random, 1 for a lattice.
    """
    y, x = axes(shape)
    if bend:
        y = y + bend * noise(rng, shape, pitch / 3)
        x = x + bend * noise(rng, shape, pitch / 3)
    across, along = turned(y, x, angle)
    where = np.stack([across.ravel(), along.ravel() / stretch], axis=1)
    low, high = where.min(axis=0) - 2 * pitch, where.max(axis=0) + 2 * pitch
    rows, columns = (max(2, round(n)) for n in (high - low) / pitch)
    lattice = np.stack(np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"), -1)
    lattice = lattice.astype(float) + 0.5 * (np.arange(rows) % 2)[:, None, None] * (0, 1)
    loose = rng.uniform((0, 0), (rows, columns), (rows, columns, 2))
    points = low + pitch * (regular * lattice + (1 - regular) * loose).reshape(-1, 2)
    distance, index = cKDTree(points).query(where.astype(np.float64), k=2)
    nearest, second = (distance[:, k].reshape(shape).astype(np.float32) for k in (0, 1))
    return Cells(index[:, 0].reshape(shape), (second - nearest) / 2, nearest, points)


def disks(
    rng: Rng,
    shape: Shape,
    radius: NDArray[np.float64],
    *,
    aspect: float | NDArray[np.float64] = 1.0,
    angle: float | None = None,
    gap: float | None = 0.0,
    squareness: float = 2.0,
) -> tuple[FloatImage, NDArray[np.intp]]:
    """Depth inside round or elongated bodies, negative outside, and which body.

    Parameters
    ----------
    radius : ndarray, shape (n,)
        Large ones first pack more densely.
    aspect, angle : float
        Ratio of the axes; direction of the major one, random by default.
    gap : float or None
        Least distance between bodies; those that find no place are left out.
        None lets them overlap.
    squareness : float
        2 draws ellipses, more draws rounded squares.
    """
    depth = np.full(shape, -1e3, np.float32)
    which = np.full(shape, -1, np.intp)
    aspects = np.broadcast_to(np.asarray(aspect, float), radius.shape)
    placed = np.empty((0, 3))
    for i, (r, a) in enumerate(zip(radius, aspects, strict=True)):
        reach = r * math.sqrt(a)
        for _ in range(12):
            y, x = rng.uniform(-0.3 * r, np.array(shape) + 0.3 * r)
            away = np.hypot(placed[:, 0] - y, placed[:, 1] - x) - placed[:, 2] - reach
            if gap is None or not len(away) or away.min() > gap:
                break
        else:
            continue
        placed = np.vstack([placed, (y, x, reach)])
        far = reach * (1.45 if squareness > 2 else 1.0) + 3
        found = Canvas(shape, 1.0).window(y, x, far)
        if found is None:
            continue
        span, dy, dx = found
        turn = rng.uniform(0, math.pi) if angle is None else angle
        across, along = turned(dy + 0 * dx, dx + 0 * dy, turn)
        power = squareness
        size = (np.abs(along / math.sqrt(a)) ** power + np.abs(across * math.sqrt(a)) ** power) ** (
            1 / power
        )
        inside = np.asarray(r - size, np.float32)
        deeper = inside > depth[span]
        which[span][deeper & (inside > 0)] = i
        depth[span] = np.maximum(depth[span], inside)
    return depth, which


def curve(
    rng: Rng, start: tuple[float, float], angle: float, length: float, wander: float
) -> NDArray[np.float64]:
    """Points y, x of a path that starts in a direction and turns at random."""
    count = max(2, int(length / 2))
    turns = angle + np.cumsum(rng.normal(0, wander, count))
    steps = 2 * np.stack([np.sin(turns), np.cos(turns)], axis=1)
    return np.asarray(start + np.cumsum(steps, axis=0))


def near_curves(shape: Shape, paths: Sequence[NDArray[np.float64]]) -> FloatImage:
    """Distance of every pixel to the nearest of some paths."""
    mask = np.ones(shape, bool)
    for path in paths:
        filled = np.concatenate([path, (path[1:] + path[:-1]) / 2])
        y, x = np.rint(filled).astype(int).T
        kept = (y >= 0) & (y < shape[0]) & (x >= 0) & (x < shape[1])
        mask[y[kept], x[kept]] = False
    if mask.all():
        return np.full(shape, 1e3, np.float32)
    return np.asarray(ndimage.distance_transform_edt(mask), np.float32)


def shaded(height: FloatImage, angle: float, strength: float = 1.0) -> FloatImage:
    """A relief lit from one side, about 0.5 where it is flat."""
    dy, dx = np.gradient(height)
    slope = (dx * math.cos(angle) + dy * math.sin(angle)) * strength
    return np.asarray(0.5 - 0.5 * slope / np.sqrt(1 + slope**2), np.float32)


def mixed(share: FloatImage, inside: FloatImage | float, outside: FloatImage | float) -> FloatImage:
    """`inside` where share is 1, `outside` where it is 0."""
    return np.asarray(share * inside + (1 - share) * outside, np.float32)
