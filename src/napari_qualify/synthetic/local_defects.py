"""Rendered micrographs with one small, faint defect at a known place, or without.

A polished matrix with a soft cellular pattern, uneven light and noise. Every
micrograph, sound or not, has scattered pores and polishing scratches, which are
harmless. The defect is either a cluster of such pores or a branched crack.
Everything is drawn by numpy from a seed.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull

from napari_qualify.synthetic import defects, imaging
from napari_qualify.synthetic.canvas import Canvas, FloatImage

Kind = Literal["none", "pores", "crack"]

SHAPE = (1536, 1536)
PIXEL_SIZE_UM = 0.25
CONTRAST = 2.0
"""Most that a pore, crack or scratch differs from its surroundings, in deviations of the noise."""

_BLUR_PX = 0.8
_CRACK_STEP = 0.04  # of a crack's length
_SCRATCH_FULL = 0.1  # largest change of grey by `defects.scratches`


@dataclass(frozen=True, eq=False)
class LocalMicrograph:
    """A micrograph with what was planted in it.

    Attributes
    ----------
    image : ndarray of uint8, shape (Y, X)
    mask : ndarray of bool, shape (Y, X)
        Pixels of the planted defect; none in a sound micrograph.
    pixel_size_um : float
    kind : {'none', 'pores', 'crack'}
    noise : float
        Standard deviation of the noise, in grey levels.
    contrast : float
        How much darker the defect is, in grey levels; at most `CONTRAST` times the noise.
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    pixel_size_um: float
    kind: Kind
    noise: float
    contrast: float

    @property
    def extent(self) -> float:
        """Area of the defect's convex hull over the area of the frame; 0 without a defect."""
        points = np.argwhere(self.mask)
        # In two dimensions scipy calls the area "volume".
        return float(ConvexHull(points).volume / self.mask.size) if len(points) else 0.0

    def distance(self, y: float, x: float) -> float:
        """Pixels from a point to the nearest pixel of the defect; infinite without one."""
        points = np.argwhere(self.mask)
        if not len(points):
            return float("inf")
        return float(np.hypot(points[:, 0] + 0.5 - y, points[:, 1] + 0.5 - x).min())


def render_local(
    kind: Kind,
    seed: int,
    *,
    extent: float = 0.01,
    place: tuple[float, float] = (0.5, 0.5),
    shape: tuple[int, int] = SHAPE,
    pixel_size_um: float = PIXEL_SIZE_UM,
) -> LocalMicrograph:
    """Render one micrograph.

    Parameters
    ----------
    kind : {'none', 'pores', 'crack'}
        What is planted. The same seed with another kind gives the same
        micrograph with another defect.
    seed : int
        Not negative.
    extent : float
        Area of the defect's outline over that of the frame.
    place : (float, float)
        Middle of the defect as shares of height and width.
    shape : (int, int)
        Height and width in pixels.
    pixel_size_um : float
        Micrometres per pixel.

    Returns
    -------
    LocalMicrograph

    Raises
    ------
    ValueError
        If there is no such kind.
    """
    canvas = Canvas(shape, pixel_size_um)
    metal, hole, polish, flaw, camera = (np.random.default_rng([seed, part]) for part in range(5))
    noise = float(camera.uniform(12.0, 16.0))
    matrix = _matrix(noise, canvas, metal)
    even = np.ones(shape, np.float32)
    share = canvas.coverage(defects.pores(hole.uniform(0.003, 0.007), canvas, even, hole))
    # Harmless pores are as dark as those of a defect: nothing but their number tells.
    contrast = float(camera.uniform(0.9, 1.0)) * CONTRAST * noise
    planted = _planted(kind, extent, place, canvas, flaw)
    share = np.maximum(share, canvas.coverage(planted))
    scratch = defects.scratches(int(polish.integers(2, 7)), canvas, polish)
    grey = matrix - np.float32(contrast) * share
    grey = grey + np.clip(scratch / _SCRATCH_FULL, -1, 1) * np.float32(CONTRAST * noise)
    grey = ndimage.gaussian_filter(grey, _BLUR_PX)
    grey = grey + np.float32(noise) * camera.standard_normal(shape, dtype=np.float32)
    return LocalMicrograph(
        np.asarray(np.clip(np.rint(grey), 0, 255), np.uint8),
        planted > 0,
        pixel_size_um,
        kind,
        noise,
        contrast,
    )


def _matrix(noise: float, canvas: Canvas, rng: np.random.Generator) -> FloatImage:
    """Grey of the polished matrix under uneven light."""
    level = rng.uniform(125.0, 155.0)
    rows, columns = (-(-n // 2) for n in canvas.shape)
    coarse = Canvas((rows, columns), 2 * canvas.pixel_size_um)  # enough for so soft a pattern
    network = imaging.dendrites(rng.uniform(22.0, 30.0), coarse, rng) - 0.3
    pattern = 0.7 * network + 0.25 * coarse.field(12.0, rng)
    fine = ndimage.zoom(pattern, 2, order=1)[: canvas.shape[0], : canvas.shape[1]]
    light = imaging.uneven_light(rng.uniform(0.03, 0.1), canvas, rng)
    return np.asarray((level + np.float32(noise) * fine) * light, np.float32)


def _planted(
    kind: Kind,
    extent: float,
    place: tuple[float, float],
    canvas: Canvas,
    rng: np.random.Generator,
) -> FloatImage:
    """Depth inside the planted defect in micrometres; -10 far away."""
    y, x = (s * length for s, length in zip(place, canvas.size_um, strict=True))
    area = extent * canvas.size_um[0] * canvas.size_um[1]
    if kind == "none":
        return np.full(canvas.shape, -10.0, np.float32)
    if kind == "pores":
        return _cluster(y, x, area, canvas, rng)
    if kind == "crack":
        return _crack(y, x, area, canvas, rng)
    raise ValueError(f"kind is 'none', 'pores' or 'crack', not {kind!r}")


def _cluster(
    y: float, x: float, area: float, canvas: Canvas, rng: np.random.Generator
) -> FloatImage:
    """Pores crowded in an ellipse."""
    stretch, angle = rng.uniform(1.0, 1.5), rng.uniform(0, np.pi)
    rows, columns = canvas.axes_um()
    along = ((rows - y) * np.sin(angle) + (columns - x) * np.cos(angle)) / np.sqrt(stretch)
    across = ((rows - y) * np.cos(angle) - (columns - x) * np.sin(angle)) * np.sqrt(stretch)
    # The outline of few pores lies a little inside the ellipse of their centres.
    inside = np.asarray(np.hypot(along, across) < 1.06 * np.sqrt(area / np.pi), np.float32)
    frame = canvas.size_um[0] * canvas.size_um[1]
    return defects.pores(rng.uniform(0.3, 0.42) * area / frame, canvas, inside, rng)


def _crack(y: float, x: float, area: float, canvas: Canvas, rng: np.random.Generator) -> FloatImage:
    """A wandering crack with one or two branches whose outline has the given area."""
    main = _walk(np.zeros(2), rng.uniform(0, 2 * np.pi), 1.0, rng)
    branches = [main]
    for side in (-1.0, 1.0)[: int(rng.integers(1, 3))]:
        start = int(rng.integers(len(main) // 4, 3 * len(main) // 4))
        step = main[start + 1] - main[start]
        heading = np.arctan2(step[0], step[1]) + side * rng.uniform(0.6, 1.1)
        branches.append(_walk(main[start], heading, rng.uniform(0.3, 0.5), rng))
    points = np.concatenate(branches)
    hull = ConvexHull(points)
    middle = points[hull.vertices].mean(axis=0)
    scale = np.sqrt(area / hull.volume)
    depth = np.full(canvas.shape, -10.0, np.float32)
    opening = rng.uniform(1.1, 1.5)
    for path in branches:
        line = (path - middle) * scale + (y, x)
        for i, (start, end) in enumerate(zip(line[:-1], line[1:], strict=True)):
            taper = opening * (0.45 + 0.55 * np.sin(np.pi * (i + 0.5) / (len(line) - 1)) ** 0.5)
            _stroke(depth, start, end, taper, canvas)
    return depth


def _walk(
    start: NDArray[np.float64], heading: float, length: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Points (k, 2), y and x, along a wandering path."""
    turns = np.zeros(round(length / _CRACK_STEP))
    for i in range(1, len(turns)):
        turns[i] = 0.5 * turns[i - 1] + rng.normal(0, 0.4)
    steps = _CRACK_STEP * np.stack([np.sin(heading + turns), np.cos(heading + turns)], axis=1)
    return np.concatenate([start[None], start + np.cumsum(steps, axis=0)])


def _stroke(
    depth: FloatImage,
    start: NDArray[np.float64],
    end: NDArray[np.float64],
    half: float,
    canvas: Canvas,
) -> None:
    """Deepen a straight piece of half the given width, in place."""
    step = end - start
    length = float(np.hypot(*step))
    found = canvas.window(float(start[0]), float(start[1]), length + half + 4.0)
    if found is None:
        return
    where, dy, dx = found
    share = np.clip((dy * step[0] + dx * step[1]) / max(length, 1e-9) ** 2, 0, 1)
    own = half - np.hypot(dy - share * step[0], dx - share * step[1])
    np.maximum(depth[where], own.astype(np.float32), out=depth[where])
