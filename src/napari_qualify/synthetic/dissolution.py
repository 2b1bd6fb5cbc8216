"""Dissolution of carbides: how far they are eaten back, and what is left of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_qualify.synthetic.canvas import Canvas, FloatImage

FRINGE = 0.6  # reach of the fringe beyond the old surface, over the depth eaten
PRECIPITATED = 0.4  # area precipitated in the matrix, over the area dissolved


@dataclass(frozen=True, eq=False)
class Dissolution:
    """Coverage of what remains and of what dissolved.

    Attributes
    ----------
    carbide, dissolved : ndarray of float32, shape (Y, X)
        Share of each pixel that intact carbide covers; that it covers together
        with the dissolved fringe and the particles precipitated again.
    """

    carbide: FloatImage
    dissolved: FloatImage


def _precipitates(
    area_um2: float, distance: FloatImage, canvas: Canvas, rng: np.random.Generator
) -> FloatImage:
    """Depth inside small blocky particles, most of them close to the carbides."""
    depth = np.full(canvas.shape, -FRINGE, np.float32)
    weight = np.where(distance > 2.0, np.exp(-distance / 9.0), 0.0).ravel().cumsum()
    if area_um2 <= 0 or weight[-1] <= 0:
        return depth
    halves = np.exp(rng.normal(np.log(1.3), 0.35, int(area_um2 / 4.0) + 20))
    halves = halves[np.cumsum(4 * halves**2) <= area_um2]
    places = np.searchsorted(weight, rng.random(len(halves)) * weight[-1])
    for half, place in zip(halves, places, strict=True):
        y, x = (c * canvas.pixel_size_um for c in np.unravel_index(place, canvas.shape))
        found = canvas.window(float(y), float(x), 3.0 * half + 1)
        if found is None:
            continue
        where, dy, dx = found
        angle, stretch = rng.uniform(0, np.pi), rng.uniform(1.0, 1.8)
        along = np.cos(angle) * dx + np.sin(angle) * dy
        across = np.cos(angle) * dy - np.sin(angle) * dx
        own = half - np.maximum(np.abs(along) / stretch, np.abs(across) * stretch)
        np.maximum(depth[where], own.astype(np.float32), out=depth[where])
    return depth


def dissolve(
    distance: FloatImage, fraction: float, canvas: Canvas, rng: np.random.Generator
) -> Dissolution:
    """Eat the carbides back until `fraction` of their area is dissolved.

    The front goes everywhere equally deep but for its raggedness, so that a
    small carbide loses a larger share than a large one.

    Parameters
    ----------
    distance : ndarray, shape (Y, X)
        Signed distance to the surface of the nearest carbide, in micrometres.
    fraction : float
        Dissolved area over dissolved and intact area, 0 to below 1.
    """
    ragged = 0.6 * canvas.field(1.3, rng) + 0.4 * canvas.field(4.0, rng)
    fringe = 0.7 * canvas.field(1.1, rng) + 0.3 * canvas.field(3.0, rng)
    inside = float((distance < 0).sum()) * canvas.pixel_size_um**2
    new = _precipitates(PRECIPITATED * fraction * inside, distance, canvas, rng)

    def layers(depth: float) -> tuple[FloatImage, FloatImage]:
        front = -distance - np.float32(depth) * (1 + 0.45 * ragged)
        outer = -distance + np.float32(FRINGE * depth) * fringe
        either = np.maximum(np.maximum(outer, new), front)
        return front.astype(np.float32), either.astype(np.float32)

    low, high = 0.0, 40.0
    for _ in range(18):
        depth = (low + high) / 2
        front, outer = layers(depth)
        intact, all_of_it = (int(np.count_nonzero(layer > 0)) for layer in (front, outer))
        eaten = 1.0 - intact / max(all_of_it, 1)
        low, high = (depth, high) if eaten < fraction else (low, depth)
    front, outer = layers((low + high) / 2)
    return Dissolution(canvas.coverage(front), canvas.coverage(outer))


def eutectic(distance: FloatImage, canvas: Canvas, rng: np.random.Generator) -> FloatImage:
    """Grey of the dissolved carbide: fine laths of carbide in tungsten-rich nickel.

    Returns
    -------
    ndarray of float32, shape (Y, X)
        About zero mean and unit deviation.
    """
    fine = canvas.field(0.8, rng)
    laths = np.sin(2.4 * (distance + 1.5 * canvas.field(3.0, rng)))
    return (0.7 * fine + 0.9 * laths).astype(np.float32)


def nearest_grey(
    owner: NDArray[np.int32], greys: NDArray[np.float32], default: float
) -> FloatImage:
    """Grey of the carbide that owns each pixel, shape (Y, X)."""
    table = np.append(greys, np.float32(default))
    return np.asarray(table[owner], np.float32)
