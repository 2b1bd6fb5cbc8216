"""The space in which tiles are compared, and the nearest tiles in it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]

_FLOOR = 0.1  # of the typical deviation; features that hardly vary are damped
_CHUNK = 1 << 24  # distances held at a time
_LOCAL = 0.05  # of a micrograph's tiles: what recurs on more of them is no local defect


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
    count = min(count, len(memory))
    found = np.empty(len(tiles))
    for some, squared in _squared_distances(tiles, memory):
        if folds is not None and of_memory is not None:
            squared[folds[some, None] == of_memory[None, :]] = np.inf
        least = np.partition(squared, count - 1, axis=1)[:, :count]
        found[some] = np.sqrt(np.maximum(least, 0)).mean(axis=1, dtype=np.float64)
    return found


def aloneness(tiles: Rows) -> NDArray[np.float64]:
    """Distance of every tile of one micrograph to the twentieth part of it that is most like it.

    What recurs over the field (scratches of the polish, say) is near to many
    tiles; a local defect, with the tiles that overlap it, is not.

    Parameters
    ----------
    tiles : ndarray of float32, shape (t, d)

    Returns
    -------
    ndarray of float64, shape (t,)
        To the farthest tile of that part; of a single tile 0.
    """
    rank = min(max(round(_LOCAL * len(tiles)) + 1, 1), len(tiles) - 1)
    found = np.empty(len(tiles))
    for some, squared in _squared_distances(tiles, tiles):
        # A tile is its own nearest: rank counts from it.
        found[some] = np.sqrt(np.maximum(np.partition(squared, rank, axis=1)[:, rank], 0))
    return found


def _squared_distances(tiles: Rows, memory: Rows) -> Iterator[tuple[slice, Rows]]:
    """Squared distances of a part of the tiles to all of the memory, and which part."""
    squares = np.einsum("ij,ij->i", memory, memory)
    step = max(1, _CHUNK // max(len(memory), 1))
    for start in range(0, len(tiles), step):
        part = tiles[start : start + step]
        squared = squares[None, :] - 2 * part @ memory.T
        squared += np.einsum("ij,ij->i", part, part)[:, None]
        yield slice(start, start + len(part)), squared
