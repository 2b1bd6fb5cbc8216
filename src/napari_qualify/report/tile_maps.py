"""The tile map painted over a thumbnail: yellow to red where a micrograph is strange."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from napari_qualify.decide.tile_map import TileMap

LOW, HIGH = (240, 228, 66), (213, 48, 0)
"""Colours at the ends of the range; below it the thumbnail stays grey."""
MOST_OPAQUE = 0.7


def share_of_range(tile_map: TileMap) -> NDArray[np.float32]:
    """Map values as a share of the range that the references fix, in [0, 1]."""
    low, high = tile_map.limits
    share: NDArray[np.float32] = (tile_map.values - low) / max(high - low, 1e-9)
    return np.asarray(share.clip(0, 1), dtype=np.float32)


def paint(thumbnail: NDArray[np.uint8], tile_map: TileMap, side: int) -> NDArray[np.uint8]:
    """Paint a map over the grey thumbnail and frame the strangest tile.

    Parameters
    ----------
    thumbnail : ndarray of uint8, shape (Y, X, 3)
        Of the whole micrograph.
    tile_map : TileMap
    side : int
        Longest side of the picture in pixels.

    Returns
    -------
    ndarray of uint8, shape (h, w, 3)
    """
    height, width = tile_map.place.shape
    factor = side / max(height, width)
    size = (max(round(width * factor), 1), max(round(height * factor), 1))
    grey = Image.fromarray(np.ascontiguousarray(thumbnail)).convert("L")
    below = np.asarray(grey.resize(size, Image.Resampling.BICUBIC), dtype=float)[..., None]
    spread = Image.fromarray(share_of_range(tile_map))
    share = np.asarray(spread.resize(size, Image.Resampling.BILINEAR), dtype=float)[..., None]
    colour = np.array(LOW) * (1 - share) + np.array(HIGH) * share
    opaque = MOST_OPAQUE * share
    picture = Image.fromarray(np.uint8(below * (1 - opaque) + colour * opaque + 0.5))
    tile = tile_map.hottest
    corners = np.array([tile.x, tile.y, tile.x + tile.width, tile.y + tile.height]) * factor
    left, top, right, bottom = (int(v) for v in np.round(corners))
    draw = ImageDraw.Draw(picture)
    # A dark frame within a white one shows on any grey.
    draw.rectangle((left, top, right - 1, bottom - 1), outline="white")
    draw.rectangle((left + 1, top + 1, right - 2, bottom - 2), outline="black")
    return np.asarray(picture)
