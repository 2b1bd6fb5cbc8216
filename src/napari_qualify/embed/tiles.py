"""Tiles: squares of one physical size, resampled to an encoder's input.

A microstructure means nothing without its magnification: the tile's size in
micrometres fixes what one input pixel means, whatever the camera's pixel was.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_qualify.errors import UsageError

MAX_TILES = 1 << 20
"""Most tiles of one image."""
MAX_TILE_PX = 16384
"""Largest tile side in source pixels when the image must be padded to it."""

_GAP = 3.0  # what Pillow leaves to the exact filter after a cheap first reduction
_FILTERS = {
    "lanczos": (Image.Resampling.LANCZOS, 3.0),
    "bicubic": (Image.Resampling.BICUBIC, 2.0),
    "bilinear": (Image.Resampling.BILINEAR, 1.0),
}


class Windowed(Protocol):
    """An image that gives any part of itself."""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        ...

    def window(self, y: slice, x: slice) -> NDArray[np.uint8]:
        """Part of the image, (h, w) or (h, w, 3)."""
        ...


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
        For a tile under 4 px or far larger than the image, an overlap out of
        range, or more than a million tiles.
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
    height, width = shape
    if tile_px > max(MAX_TILE_PX, min(shape)):
        raise UsageError(
            f"A tile of {tile_px:g} px is far larger than the image of {height} x {width} px; "
            "check the tile size and the pixel size of the micrograph."
        )
    ys, xs = (_starts(length, tile_px, overlap) for length in shape)
    if len(ys) * len(xs) > MAX_TILES:
        raise UsageError(
            f"Tiles of {tile_px:g} px give {len(ys) * len(xs)} tiles on an image of {height} x "
            f"{width} px; choose a larger tile or crop the image."
        )
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


def cut_tiles(
    image: Windowed, boxes: NDArray[np.float64], side: int, resampling: str = "lanczos"
) -> Iterator[NDArray[np.uint8]]:
    """Resample the tiles of an image, one at a time; only its window is read.

    Parameters
    ----------
    image : Windowed
    boxes : ndarray, shape (n, 4)
        Of `tile_boxes`.
    side : int
        Side of a resampled tile in pixels: the encoder's input.
    resampling : {'lanczos', 'bicubic', 'bilinear'}
        Pillow's filter; all are anti-aliased. ``lanczos`` enlarges by the
        bicubic filter, which rings less, and reduces in two steps.

    Yields
    ------
    ndarray of uint8, shape (side, side, 3)
    """
    tile = float(boxes[0, 2])
    padded = _padded(image, tile) if tile > min(image.shape) else None
    for y, x, _, _ in boxes:
        if padded is not None:
            source, top, left = padded
        else:
            source, top, left = _around(image, float(y), float(x), tile, side, resampling)
        yield _resample(Image.fromarray(source), y - top, x - left, tile, side, resampling)


def cut_for(encoder: Any, image: Windowed, boxes: NDArray[np.float64]) -> Iterator[Any]:
    """Tiles as an encoder takes them: pictures, or of a `pair.PairEncoder` one for each part."""
    parts = getattr(encoder, "parts", (encoder,))
    cuts = [cut_tiles(image, boxes, part.side, part.resampling) for part in parts]
    return cuts[0] if len(cuts) == 1 else zip(*cuts, strict=True)


def tile_image(
    rgb: NDArray[np.uint8],
    tile_px: float | None,
    side: int,
    overlap: float = 0.25,
    resampling: str = "lanczos",
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
    resampling : {'lanczos', 'bicubic', 'bilinear'}

    Returns
    -------
    Tiles

    Raises
    ------
    UsageError
        For a wrong image, tile size or overlap, or too many tiles.
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
    notes: tuple[str, ...] = ()
    if tile > min(height, width):
        notes = (
            f"The tile of {tile:g} px is larger than the image of {height} x {width} px; "
            "the rest is its reflection.",
        )
    images = np.stack(list(cut_tiles(_Array(rgb), boxes, side, resampling)))
    return Tiles(images, boxes, notes)


@dataclass(frozen=True)
class _Array:
    array: NDArray[np.uint8]

    @property
    def shape(self) -> tuple[int, int]:
        return self.array.shape[0], self.array.shape[1]

    def window(self, y: slice, x: slice) -> NDArray[np.uint8]:
        return self.array[y, x]


def _padded(image: Windowed, tile: float) -> tuple[NDArray[np.uint8], int, int]:
    """Image reflected to hold the tile, with the row and column where it begins."""
    height, width = image.shape
    top, left = (max(0, math.ceil((tile - length) / 2)) for length in (height, width))
    whole = image.window(slice(0, height), slice(0, width))
    # 'symmetric' also serves images of one pixel, and has the same statistics.
    around = ((top, top), (left, left), (0, 0))
    return np.pad(whole, around[: whole.ndim], mode="symmetric"), -top, -left


def _around(
    image: Windowed, y: float, x: float, tile: float, side: int, resampling: str
) -> tuple[NDArray[np.uint8], int, int]:
    """The part of the image that a tile's filter reaches, and where it begins."""
    reach = math.ceil(_FILTERS[resampling][1] * max(1.0, tile / side)) + 2
    spans = []
    for start, length in zip((y, x), image.shape, strict=True):
        first = max(0, math.floor(start) - reach)
        spans.append(slice(first, min(length, math.ceil(start + tile) + reach)))
    part = np.ascontiguousarray(image.window(spans[0], spans[1]))
    return part, spans[0].start, spans[1].start


def _resample(
    source: Image.Image, y: float, x: float, tile: float, side: int, resampling: str
) -> NDArray[np.uint8]:
    # Pillow widens the filter's support by the reduction factor, so all filters
    # are anti-aliased. Lanczos cuts off more sharply, which matters when reducing.
    method, gap = _FILTERS[resampling][0], None
    if resampling == "lanczos":
        # The gap lets a cheap box average do the first, coarse part of a large
        # reduction; Pillow's documentation gives its result as close to the exact one.
        method, gap = (method, _GAP) if tile > side else (Image.Resampling.BICUBIC, None)
    box = (x, y, min(x + tile, source.width), min(y + tile, source.height))
    small = np.asarray(source.resize((side, side), method, box=box, reducing_gap=gap))
    return small if small.ndim == 3 else np.repeat(small[..., np.newaxis], 3, axis=2)
