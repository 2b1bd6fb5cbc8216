"""Tiles: squares of one physical size, resampled to an encoder's input.

A microstructure means nothing without its magnification: the tile's size in
micrometres fixes what one input pixel means, whatever the camera's pixel was.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_qualify.errors import UsageError

MAX_TILES_BYTES = 2 << 30
"""Most memory that `tile_image` fills with tiles, in bytes."""
MAX_TILE_PX = 16384
"""Largest tile side in source pixels when the image must be padded to it."""


@dataclass(frozen=True, eq=False)
class Tiles:
    """Tiles of one image.

    Attributes
    ----------
    images : ndarray of uint8, shape (n, side, side, 3)
    boxes : ndarray of float64, shape (n, 4)
        y, x, height, width of each tile in source pixels, row by row. A tile
        larger than the image reaches past it on both sides: y or x is then
        negative.
    notes : tuple of str
        What a reader should know, such as padding.
    """

    images: NDArray[np.uint8]
    boxes: NDArray[np.float64]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)


def tile_boxes(
    shape: tuple[int, int], tile_px: float | None = None, overlap: float = 0.25
) -> NDArray[np.float64]:
    """Place square tiles evenly over an image.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the image in pixels.
    tile_px : float, optional
        Side of a tile in source pixels, not necessarily whole; by default the
        short side of the image.
    overlap : float
        Least share of a tile that its neighbour repeats, in [0, 0.9]; the last
        tile is flush with the border, so the real overlap may be larger.

    Returns
    -------
    ndarray of float64, shape (n, 4)
        y, x, height, width, row by row. Along an axis where the tile is larger
        than the image there is one tile, centred.

    Raises
    ------
    UsageError
        For a tile under 4 px, or an overlap out of range.
    """
    if tile_px is None:
        tile_px = float(min(shape))
    if not (math.isfinite(tile_px) and tile_px >= 4):
        raise UsageError(
            f"A tile of {tile_px:g} px is too small to show anything; choose a larger tile "
            "(at least 4 px), or check the pixel size of the micrograph."
        )
    if not 0 <= overlap <= 0.9:
        raise UsageError(f"The overlap of tiles is {overlap:g}; it must lie in 0 to 0.9.")
    ys, xs = (_starts(length, tile_px, overlap) for length in shape)
    boxes = np.full((len(ys) * len(xs), 4), tile_px, np.float64)
    boxes[:, 0] = np.repeat(ys, len(xs))
    boxes[:, 1] = np.tile(xs, len(ys))
    return boxes


def _starts(length: int, tile: float, overlap: float) -> NDArray[np.float64]:
    spare = length - tile
    if spare <= 0:
        return np.array([spare / 2])
    # The small allowance keeps rounding from adding a tile when they fit exactly.
    count = math.ceil(spare / (tile * (1 - overlap)) - 1e-9) + 1
    return np.linspace(0.0, spare, count)


def tile_image(
    rgb: NDArray[np.uint8], tile_px: float | None, side: int, overlap: float = 0.25
) -> Tiles:
    """Cut an image into square tiles and resample each to the encoder's input.

    Parameters
    ----------
    rgb : ndarray of uint8, shape (Y, X, 3)
    tile_px : float or None
        Side of a tile in source pixels, not necessarily whole; None takes the
        short side, with as many tiles as cover the long side. A tile larger
        than the image is filled by reflection, which keeps the scale.
    side : int
        Side of a resampled tile in pixels: the encoder's input.
    overlap : float
        Least share of a tile that its neighbour repeats.

    Returns
    -------
    Tiles

    Raises
    ------
    UsageError
        For a wrong image, tile size or overlap, or so many tiles that they do
        not fit in memory.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or 0 in rgb.shape:
        raise UsageError(
            f"Tiles are cut from uint8 RGB images (Y, X, 3), not {rgb.dtype} {rgb.shape}."
        )
    if side < 1:
        raise UsageError(f"The side of a resampled tile is {side} px; it must be positive.")
    height, width = rgb.shape[:2]
    boxes = tile_boxes((height, width), tile_px, overlap)
    tile = float(boxes[0, 2])
    if len(boxes) * side * side * 3 > MAX_TILES_BYTES:
        raise UsageError(
            f"Tiles of {tile:g} px give {len(boxes)} tiles on an image of {height} x {width} "
            "px; choose a larger tile or crop the image."
        )
    padded, offset = _padded(rgb, tile)
    notes: tuple[str, ...] = ()
    if padded is not rgb:
        notes = (
            f"The tile of {tile:g} px is larger than the image of {height} x {width} px; "
            "the rest is its reflection.",
        )
    source = Image.fromarray(padded)
    images = np.empty((len(boxes), side, side, 3), np.uint8)
    for image, (y, x, _, _) in zip(images, boxes, strict=True):
        image[:] = _resample(source, y + offset[0], x + offset[1], tile, side)
    return Tiles(images, boxes, notes)


def _padded(rgb: NDArray[np.uint8], tile: float) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Image reflected to hold the tile, and the pixels added at top and left."""
    height, width = rgb.shape[:2]
    top, left = (max(0, math.ceil((tile - length) / 2)) for length in (height, width))
    if not (top or left):
        return rgb, (0, 0)
    if tile > MAX_TILE_PX:
        raise UsageError(
            f"A tile of {tile:g} px is far larger than the image of {height} x {width} px; "
            "check the tile size and the pixel size of the micrograph."
        )
    # 'symmetric' also serves images of one pixel, and has the same statistics.
    return np.pad(rgb, ((top, top), (left, left), (0, 0)), mode="symmetric"), (top, left)


def _resample(source: Image.Image, y: float, x: float, tile: float, side: int) -> NDArray[np.uint8]:
    # Pillow widens the filter's support by the reduction factor, so both filters
    # are anti-aliased; they agree at factor 1. Lanczos cuts off more sharply,
    # which matters when reducing; bicubic rings less, which matters when enlarging.
    reducing = tile > side
    method = Image.Resampling.LANCZOS if reducing else Image.Resampling.BICUBIC
    box = (x, y, min(x + tile, source.width), min(y + tile, source.height))
    # The gap of 3 lets a cheap box average do the first, coarse part of a large
    # reduction; Pillow's documentation gives its result as close to the exact one.
    small = source.resize((side, side), method, box=box, reducing_gap=3.0 if reducing else None)
    return np.asarray(small)
