"""The map of tile scores over a micrograph: where it is unlike the accepted references.

The colour range comes from the references (`TileMemory.limits`), never from the
micrograph itself: a sound micrograph stays dark and two maps compare.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_qualify.decide.rules import Floats

CELLS = 8
"""Cells of the map along a tile."""
MOST_CELLS = 2048
"""Most cells along a side of the map."""

_LEAST_WEIGHT = 1e-3  # a place seen by one tile's rim alone takes that tile's score


@dataclass(frozen=True, eq=False)
class TileMap:
    """Scores of a micrograph's tiles, blended where tiles overlap.

    Attributes
    ----------
    values : ndarray of float32, shape (rows, columns)
        Strangeness in deviations of the accepted references' tiles, 0 for a
        usual one. The cells cover the micrograph exactly.
    scale : (float, float)
        Height and width of a cell in pixels of the micrograph.
    limits : (float, float)
        Range of colours, from the references.
    hottest : (float, float)
        Centre of the highest tile, y and x in pixels from the upper left corner
        of the micrograph.
    box : (float, float, float, float)
        That tile: y, x, height and width in pixels.
    peak : float
        Its score.
    pixel_size_um : float or None
        Micrometres per pixel.
    """

    values: NDArray[np.float32]
    scale: tuple[float, float]
    limits: tuple[float, float]
    hottest: tuple[float, float]
    box: tuple[float, float, float, float]
    peak: float
    pixel_size_um: float | None = None

    @property
    def translate(self) -> tuple[float, float]:
        """Place of the first cell's centre for napari, where pixel (0, 0) has its centre at 0."""
        return (self.scale[0] - 1) / 2, (self.scale[1] - 1) / 2

    @property
    def hottest_um(self) -> tuple[float, float] | None:
        """`hottest` in micrometres; None without calibration."""
        if self.pixel_size_um is None:
            return None
        return self.hottest[0] * self.pixel_size_um, self.hottest[1] * self.pixel_size_um


def tile_map(
    scores: Floats,
    boxes: NDArray[np.float64],
    shape: tuple[int, int],
    limits: tuple[float, float],
    pixel_size_um: float | None = None,
) -> TileMap:
    """Paint the scores of tiles onto the micrograph.

    A cell takes the mean of the tiles that hold its centre, weighted by a tent
    that is highest in a tile's middle.

    Parameters
    ----------
    scores : ndarray of float, shape (t,)
        Their strangeness, from `TileMemory.judge`.
    boxes : ndarray of float, shape (t, 4)
        From `embed.tiles.tile_boxes`: rows and columns of tiles, row by row.
    shape : (int, int)
        Height and width of the micrograph in pixels.
    limits : (float, float)
        From `TileMemory.limits`.
    pixel_size_um : float, optional

    Returns
    -------
    TileMap

    Raises
    ------
    ValueError
        If there is not one score for each tile, or the tiles are no full grid.
    """
    ys, xs = np.unique(boxes[:, 0]), np.unique(boxes[:, 1])
    if not len(scores) == len(boxes) == len(ys) * len(xs):
        raise ValueError(
            f"{len(scores)} scores for {len(boxes)} tiles in {len(ys)} rows and {len(xs)} columns; "
            "a map needs one score for every tile of a full grid"
        )
    side = float(boxes[0, 2])
    down, along = (_weights(s, side, n) for s, n in zip((ys, xs), shape, strict=True))
    values = down @ np.asarray(scores, dtype=np.float64).reshape(len(ys), len(xs)) @ along.T
    top = int(np.argmax(scores))
    y, x, height, width = (float(v) for v in boxes[top])
    return TileMap(
        values.astype(np.float32),
        (shape[0] / len(down), shape[1] / len(along)),
        limits,
        (_within(y + height / 2, shape[0]), _within(x + width / 2, shape[1])),
        (y, x, height, width),
        float(scores[top]),
        pixel_size_um,
    )


def _within(value: float, length: int) -> float:
    return min(max(value, 0.0), float(length))


def _weights(starts: NDArray[np.float64], side: float, length: int) -> Floats:
    """Share of every tile in every cell along one axis, (cells, tiles); rows sum to 1."""
    count = min(max(round(CELLS * length / side), 1), MOST_CELLS, length)
    centres = (np.arange(count) + 0.5) * length / count
    off = np.abs(centres[:, None] - (starts + side / 2)[None, :]) / (side / 2)
    tent = np.where(off <= 1 + 1e-9, np.maximum(1 - off, 0.0) + _LEAST_WEIGHT, 0.0)
    return np.asarray(tent / tent.sum(axis=1, keepdims=True))
