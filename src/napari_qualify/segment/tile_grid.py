"""Where the patches of a tiled prediction lie along one axis, and what each of them weighs."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_qualify.errors import SegmentationError

ALIGN = 32
"""Patches begin at multiples of this many model pixels.

Networks halve their maps up to five times: only then does a patch meet the
same grid of the maps as the whole image does.
"""


@dataclass(frozen=True)
class Axis:
    """Patches along one axis of an image.

    Two scales: source pixels are those of the image, model pixels those that
    the predictor sees. Neighbours share at least the overlap. Its outer
    quarters, where a patch lacks context, have no weight; a raised cosine
    leads from one patch to the next over the half between them.

    Attributes
    ----------
    length : int
        Of the image, in source pixels.
    ratio : float
        Source pixels per model pixel; 1 without resampling.
    side : int
        Of a patch, in model pixels.
    origins : tuple of int
        First model pixel of each patch.
    seams : tuple of float
        Where each patch and the next weigh the same, in model pixels.
    half : float
        Half the length of a transition, in model pixels.
    """

    length: int
    ratio: float
    side: int
    origins: tuple[int, ...]
    seams: tuple[float, ...]
    half: float

    @property
    def model_length(self) -> int:
        """Of the image, in model pixels; the last one may reach past the border."""
        return max(1, math.ceil(self.length / self.ratio - 1e-6))

    def start(self, patch: int) -> int:
        """First source pixel in which a patch has weight."""
        return self._place(self.seams[patch - 1] - self.half) if patch else 0

    def stop(self, patch: int) -> int:
        """First source pixel in which a patch has weight no more."""
        last = patch == len(self.seams)
        return self.length if last else self._place(self.seams[patch] + self.half)

    def fade_in(self, patch: int) -> NDArray[np.float32]:
        """Weights of a patch, from its start to the stop of the one before; that one has 1 - w."""
        seam = self.seams[patch - 1]
        places = (np.arange(self.start(patch), self.stop(patch - 1)) + 0.5) / self.ratio
        share = np.clip((places - seam) / (2 * self.half) + 0.5, 0, 1)
        return np.asarray(0.5 - 0.5 * np.cos(np.pi * share), np.float32)

    def touching(self, first: int, stop: int) -> range:
        """Patches with weight in the source pixels from `first` to before `stop`."""
        inside = [
            k for k in range(len(self.origins)) if self.start(k) < stop and self.stop(k) > first
        ]
        return range(inside[0], inside[-1] + 1)

    def _place(self, model: float) -> int:
        """First source pixel whose centre lies at or past a place in model pixels."""
        return min(self.length, max(0, math.ceil(model * self.ratio - 0.5)))


def lay(length: int, ratio: float, tile: int, overlap: int) -> Axis:
    """Place patches over an axis.

    Parameters
    ----------
    length : int
        Source pixels.
    ratio : float
        Source pixels per model pixel.
    tile, overlap : int
        Side of a patch and least overlap of two, in model pixels.

    Returns
    -------
    Axis
        One patch, no larger than needed, when the image is smaller than a tile.

    Raises
    ------
    SegmentationError
        When the tile is no multiple of 32, or the overlap above its half.
    """
    stride = (tile - overlap) // ALIGN * ALIGN
    if tile < ALIGN or tile % ALIGN or overlap < 4 or stride < overlap:
        raise SegmentationError(
            f"patches of {tile} px with an overlap of {overlap} px do not work: the side must be "
            f"a multiple of {ALIGN} px, the overlap from 4 px to about half of it."
        )
    whole = Axis(length, ratio, tile, (0,), (), overlap / 4).model_length
    side = min(tile, _up(whole))
    last = _up(whole - side)
    count = 1 + math.ceil(last / stride)
    steps = last // ALIGN
    origins = tuple(steps * k // max(1, count - 1) * ALIGN for k in range(count))
    seams = tuple((a + side + b) / 2 for a, b in zip(origins, origins[1:], strict=False))
    return Axis(length, ratio, side, origins, seams, overlap / 4)


def _up(value: int) -> int:
    return -(-max(0, value) // ALIGN) * ALIGN
