"""Resampling whose result for a pixel does not depend on the part that is asked for.

Separable: each output pixel is a weighted sum of input pixels, with weights
from its own absolute place. Parts therefore equal the whole to the last bit.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

SAME = 0.02
"""Pixel sizes that differ by less, relatively, are taken for the same."""

Taps = tuple[NDArray[np.intp], NDArray[np.float32]]
"""Indices and weights, each of shape (taps, outputs)."""


def taps(
    first: int, stop: int, step: float, inputs: tuple[int, int], *, smooth: bool = True
) -> Taps:
    """Which input pixels make which output pixels.

    Parameters
    ----------
    first, stop : int
        Range of the output pixels.
    step : float
        Input pixels per output pixel. Above 1 the kernel is widened by it,
        which removes what the output could not show (anti-aliasing).
    inputs : tuple of (int, int)
        Range of the input pixels that exist; beyond it the last one repeats.
    smooth : bool
        The cubic kernel of Keys (1981) with a = -0.5; else the triangle, whose
        weights are never negative.

    Returns
    -------
    indices : ndarray of int, shape (taps, outputs)
        Of input pixels, absolute.
    weights : ndarray of float32, shape (taps, outputs)
        Sum 1 for each output.
    """
    centres = (np.arange(first, stop, dtype=np.float64) + 0.5) * step - 0.5
    width = max(1.0, step)
    reach = (2.0 if smooth else 1.0) * width
    lowest = np.ceil(centres - reach)
    places = lowest + np.arange(math.floor(2 * reach) + 1)[:, np.newaxis]
    distance = np.abs(places - centres) / width
    weights = _cubic(distance) if smooth else np.maximum(0.0, 1.0 - distance)
    weights /= weights.sum(0)
    indices = np.clip(places.astype(np.intp), inputs[0], inputs[1] - 1)
    return indices, weights.astype(np.float32)


def combine(array: NDArray[Any], along: Taps, offset: int, axis: int) -> NDArray[np.float32]:
    """Weighted sums of an array along one axis.

    Parameters
    ----------
    array : ndarray
    along : Taps
    offset : int
        Absolute index of the array's first element along the axis.
    axis : int

    Returns
    -------
    ndarray of float32
        With as many elements along the axis as there are outputs.
    """
    shape = [1] * array.ndim
    shape[axis] = -1
    total: NDArray[np.float32] | None = None
    for indices, weights in zip(*along, strict=True):
        part = np.take(array, indices - offset, axis).astype(np.float32, copy=False)
        part *= weights.reshape(shape)
        total = part if total is None else np.add(total, part, out=total)
    assert total is not None
    return total


def resampled(image: NDArray[np.uint8], ratio: float) -> NDArray[np.uint8]:
    """Resample a whole image as tiled prediction resamples its patches.

    Parameters
    ----------
    image : ndarray of uint8, shape (Y, X) or (Y, X, 3)
    ratio : float
        Pixels of the image per pixel of the result.

    Returns
    -------
    ndarray of uint8
        Sides are the image's divided by `ratio`, rounded up.
    """
    height, width = (max(1, math.ceil(n / ratio - 1e-6)) for n in image.shape[:2])
    rows = taps(0, height, ratio, (0, image.shape[0]))
    columns = taps(0, width, ratio, (0, image.shape[1]))
    return to_grey_levels(combine(combine(image, columns, 0, 1), rows, 0, 0))


def to_grey_levels(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Round to 8 bits in place; the cubic kernel overshoots at edges."""
    np.clip(np.rint(values, out=values), 0, 255, out=values)
    return values.astype(np.uint8)


def _cubic(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    inner = (1.5 * distance - 2.5) * distance**2 + 1
    outer = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    return np.where(distance <= 1, inner, np.where(distance < 2, outer, 0.0))
