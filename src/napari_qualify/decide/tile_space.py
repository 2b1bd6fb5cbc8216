"""The space in which tiles are compared, and the nearest tiles in it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]

_FLOOR = 0.1  # of the typical deviation; features that hardly vary are damped
_CHUNK = 1 << 24  # distances held at a time


def centred(tiles: NDArray[Any]) -> Rows:
    """Tiles (t, d) of one micrograph less their median, feature by feature.

    What is common to the whole field (its light, noise and matrix) is no local
    defect, and differs more between sound fields than a faint defect does.
    """
    rows = np.asarray(tiles, dtype=np.float32)
    return np.asarray(rows - np.median(rows, axis=0), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class TileSpace:
    """Standardising on accepted tiles: mean and divisor, shape (d,)."""

    mean: Rows
    divisor: Rows

    def __call__(self, tiles: Rows) -> Rows:
        """Centred tiles (t, d) standardised."""
        return np.asarray((tiles - self.mean) / self.divisor)


def tile_space(tiles: Rows) -> TileSpace:
    """Fit the space on the centred tiles (t, d) of accepted references."""
    mean = tiles.mean(axis=0, dtype=np.float64)
    deviation = tiles.std(axis=0, dtype=np.float64)
    typical = np.sqrt(np.mean(deviation**2))
    divisor = np.sqrt(deviation**2 + (_FLOOR * typical) ** 2)
    divisor = np.where(divisor > 1e-12, divisor, 1.0)
    return TileSpace(mean.astype(np.float32), divisor.astype(np.float32))


def nearest(
    tiles: Rows,
    memory: Rows,
    count: int,
    folds: NDArray[np.intp] | None = None,
    of_memory: NDArray[np.intp] | None = None,
) -> NDArray[np.float64]:
    """Mean distance of tiles to the nearest tiles of a memory.

    Parameters
    ----------
    tiles : ndarray of float32, shape (t, d)
    memory : ndarray of float32, shape (n, d)
    count : int
        Tiles of the memory over which the distance is averaged.
    folds, of_memory : ndarray of int, shapes (t,) and (n,), optional
        Fold of each: a tile is not compared with its own fold.

    Returns
    -------
    ndarray of float64, shape (t,)
        Infinite where a tile's own fold is all there is.
    """
    squares = np.einsum("ij,ij->i", memory, memory)
    count = min(count, len(memory))
    found = np.empty(len(tiles))
    step = max(1, _CHUNK // max(len(memory), 1))
    for start in range(0, len(tiles), step):
        part = tiles[start : start + step]
        distance = squares[None, :] - 2 * part @ memory.T
        distance += np.einsum("ij,ij->i", part, part)[:, None]
        if folds is not None and of_memory is not None:
            distance[folds[start : start + step, None] == of_memory[None, :]] = np.inf
        least = np.partition(distance, count - 1, axis=1)[:, :count]
        found[start : start + step] = np.sqrt(np.maximum(least, 0)).mean(axis=1, dtype=np.float64)
    return found
