"""What the matrix looks like, and what a microscope makes of a surface."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from napari_qualify.synthetic.canvas import Canvas, FloatImage
from napari_qualify.synthetic.parameters import Parameters


def dendrites(cell_um: float, canvas: Canvas, rng: np.random.Generator) -> FloatImage:
    """Interdendritic network of a nickel matrix, 0 in the arms to 1 between them.

    Cellular (Worley) noise: the gap between the distances to the nearest and
    the second nearest of random points, stretched along the growth direction
    and bent by a smooth field.
    """
    step = 2  # half resolution is enough for so soft a pattern
    rows, columns = (-(-n // step) + 1 for n in canvas.shape)
    pitch = canvas.pixel_size_um * step
    y, x = np.meshgrid(np.arange(rows) * pitch, np.arange(columns) * pitch, indexing="ij")
    for axis in (y, x):
        bend = canvas.field(2.2 * cell_um, rng)[::step, ::step]
        axis[: bend.shape[0], : bend.shape[1]] += 0.45 * cell_um * bend
    angle, stretch = rng.uniform(0, np.pi), rng.uniform(1.0, 2.2)
    along = (np.cos(angle) * x + np.sin(angle) * y) / stretch
    across = np.cos(angle) * y - np.sin(angle) * x
    points = np.stack([along.ravel(), across.ravel()], axis=1)
    low, high = points.min(axis=0) - cell_um, points.max(axis=0) + cell_um
    count = int(np.prod(high - low) / cell_um**2)
    tree = cKDTree(rng.uniform(low, high, (max(count, 4), 2)))
    nearest, _ = tree.query(points, k=2)
    gap = (nearest[:, 1] - nearest[:, 0]).reshape(rows, columns)
    network = np.exp(-((gap / (0.22 * cell_um)) ** 2)).astype(np.float32)
    full = ndimage.zoom(network, step, order=1)
    return np.asarray(full[: canvas.shape[0], : canvas.shape[1]], np.float32)


def uneven_light(amount: float, canvas: Canvas, rng: np.random.Generator) -> FloatImage:
    """Factor round 1: a tilted, slightly bowed light, at most `amount` off."""
    y, x = (np.linspace(-1, 1, n, dtype=np.float32) for n in canvas.shape)
    angle, bow = rng.uniform(0, 2 * np.pi), rng.uniform(-0.6, 0.6)
    tilt = np.sin(angle) * y[:, None] + np.cos(angle) * x[None, :]
    light = tilt + bow * (y[:, None] ** 2 + x[None, :] ** 2 - 1)
    peak = max(float(np.abs(light).max()), 1e-6)
    return np.asarray(1 + np.float32(amount) * light / peak, np.float32)


def expose(
    surface: FloatImage, p: Parameters, canvas: Canvas, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Photograph a surface.

    Light, blur, then brightness and contrast as a detector's automatic setting
    makes them (the frame's mean and deviation of grey), then noise: its
    variance has a part that grows with the signal, as counting has, and a
    constant part.

    Returns
    -------
    ndarray of uint8, shape (Y, X)
    """
    seen = ndimage.gaussian_filter(surface * uneven_light(p.uneven_light, canvas, rng), p.blur_px)
    seen = (seen - seen.mean()) / max(float(seen.std()), 1e-6)
    grey = np.clip(p.brightness + p.contrast * seen, 0, 255)
    spread = p.noise * np.sqrt(0.7 * grey / 128 + 0.3)
    grey = grey + spread * rng.standard_normal(canvas.shape, dtype=np.float32)
    return np.asarray(np.clip(np.rint(grey), 0, 255), np.uint8)
