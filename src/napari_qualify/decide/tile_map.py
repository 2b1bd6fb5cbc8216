"""The map of tile scores over a micrograph: where it is unlike the accepted references.

The colour range comes from the references (`TileMemory.limits`), never from the
micrograph itself: a sound micrograph stays dark and two maps compare.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_qualify.decide.rules import Floats
from napari_qualify.decide.tile_memory import TileScores
from napari_qualify.decide.verdict import HotTile

CELLS = 8
"""Cells of the map along a tile."""
MOST_CELLS = 2048
"""Most cells along a side of the map."""

_LEAST_WEIGHT = 1e-3  # a place seen by one tile's rim alone takes that tile's score


@dataclass(frozen=True, eq=False)
class Place:
    """Where the tiles of one micrograph lie.

    Attributes
    ----------
    boxes : ndarray of float64, shape (t, 4)
        y, x, height and width in pixels, from `embed.tiles.tile_boxes`: rows and
        columns of tiles, row by row.
    shape : (int, int)
        Height and width of the micrograph in pixels.
    pixel_size_um : float or None
        Micrometres per pixel.
    """

    boxes: NDArray[np.float64]
    shape: tuple[int, int]
    pixel_size_um: float | None = None

    @property
    def grid(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Upper edges of the rows of tiles and left edges of the columns."""
        return np.unique(self.boxes[:, 0]), np.unique(self.boxes[:, 1])

    @property
    def cells(self) -> tuple[int, int]:
        """Rows and columns of a map."""
        side = float(self.boxes[0, 2])
        rows, columns = (
            min(max(round(CELLS * length / side), 1), MOST_CELLS, length) for length in self.shape
        )
        return rows, columns


@dataclass(frozen=True, eq=False)
class TileMap:
    """Scores of a micrograph's tiles, to be painted onto it.

    Parameters
    ----------
    scores : ndarray of float, shape (t,)
        Strangeness in deviations of the accepted references' tiles, 0 for a
        usual one.
    place : Place
    limits : (float, float)
        Range of colours, from the references.

    Raises
    ------
    ValueError
        If there is not one score for each tile, or the tiles are no full grid.
    """

    scores: Floats
    place: Place
    limits: tuple[float, float]

    def __post_init__(self) -> None:
        ys, xs = self.place.grid
        if not len(self.scores) == len(self.place.boxes) == len(ys) * len(xs):
            raise ValueError(
                f"{len(self.scores)} scores for {len(self.place.boxes)} tiles in {len(ys)} rows "
                f"and {len(xs)} columns; a map needs one score for every tile of a full grid"
            )

    @property
    def values(self) -> NDArray[np.float32]:
        """Strangeness, shape (rows, columns); the cells cover the micrograph exactly.

        A cell takes the mean of the tiles that hold its centre, weighted by a
        tent that is highest in a tile's middle. Painted anew when asked for:
        a batch holds the scores alone.
        """
        side = float(self.place.boxes[0, 2])
        down, along = (
            _weights(starts, side, length, count)
            for starts, length, count in zip(
                self.place.grid, self.place.shape, self.place.cells, strict=True
            )
        )
        grid = np.asarray(self.scores, dtype=np.float64).reshape(down.shape[1], along.shape[1])
        return (down @ grid @ along.T).astype(np.float32)

    @property
    def scale(self) -> tuple[float, float]:
        """Height and width of a cell in pixels of the micrograph."""
        (height, width), (rows, columns) = self.place.shape, self.place.cells
        return height / rows, width / columns

    @property
    def translate(self) -> tuple[float, float]:
        """Place of the first cell's centre for napari, where pixel (0, 0) has its centre at 0."""
        return (self.scale[0] - 1) / 2, (self.scale[1] - 1) / 2

    @property
    def hottest(self) -> HotTile:
        """The strangest tile, cut to the micrograph."""
        top = int(np.argmax(self.scores))
        y, x, height, width = (float(v) for v in self.place.boxes[top])
        low, high = (max(y, 0.0), max(x, 0.0)), (y + height, x + width)
        bottom, right = (min(h, float(n)) for h, n in zip(high, self.place.shape, strict=True))
        return HotTile(
            *low,
            bottom - low[0],
            right - low[1],
            float(self.scores[top]),
            self.limits[1],
            self.place.pixel_size_um,
        )


def tile_maps(tiles: TileScores | None, places: Sequence[Place] | None) -> list[TileMap] | None:
    """Maps of judged micrographs; None where tiles did not judge or their places are not known."""
    if tiles is None or places is None:
        return None
    return [
        TileMap(scores, place, tiles.limits)
        for scores, place in zip(tiles.strangeness, places, strict=True)
    ]


def _weights(starts: NDArray[np.float64], side: float, length: int, count: int) -> Floats:
    """Share of every tile in every cell along one axis, (cells, tiles); rows sum to 1."""
    centres = (np.arange(count) + 0.5) * length / count
    off = np.abs(centres[:, None] - (starts + side / 2)[None, :]) / (side / 2)
    tent = np.where(off <= 1 + 1e-9, np.maximum(1 - off, 0.0) + _LEAST_WEIGHT, 0.0)
    return np.asarray(tent / tent.sum(axis=1, keepdims=True))
