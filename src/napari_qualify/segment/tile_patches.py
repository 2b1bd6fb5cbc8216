"""Patches: what is asked of a predictor, and how patches are read for it."""

from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from napari_qualify.errors import SegmentationError
from napari_qualify.progress import Progress
from napari_qualify.segment import resample
from napari_qualify.segment.tile_grid import Axis
from napari_qualify.segment.tile_source import Source


class PatchPredictor(Protocol):
    """Gives class probabilities of patches.

    It may also have ``for_image(histogram)``, which takes the histogram,
    shape (256,), of the whole image's 8-bit luminance and returns the
    predictor to use on its patches.

    Attributes
    ----------
    names : dict of int to str
        Name of each label value; classes are in the order of the values.
    pixel_size_um : float or None
        That it expects; None when any will do.
    tile : int
        Side of a patch at that pixel size, a multiple of 32.
    overlap : int
        Least number of pixels that neighbouring patches share. A pixel may
        draw on others up to a quarter of it away: then patches equal the whole.
    batch : int
        Patches at a time.
    """

    @property
    def names(self) -> dict[int, str]: ...  # noqa: D102
    @property
    def pixel_size_um(self) -> float | None: ...  # noqa: D102
    @property
    def tile(self) -> int: ...  # noqa: D102
    @property
    def overlap(self) -> int: ...  # noqa: D102
    @property
    def batch(self) -> int: ...  # noqa: D102

    def patch_probabilities(
        self, patches: NDArray[np.uint8], places: Sequence[tuple[int, int]]
    ) -> NDArray[np.float32]:
        """Class probabilities of patches.

        Parameters
        ----------
        patches : ndarray of uint8, shape (n, H, W) or (n, H, W, 3)
            Sides are the tile's, or less for a smaller image; multiples of 32.
        places : sequence of (row, column)
            Of each patch's first pixel, at the model's pixel size.

        Returns
        -------
        ndarray of float32, shape (n, classes, H, W)
        """
        ...


def predicted(
    image: Source,
    predictor: PatchPredictor,
    axes: tuple[Axis, Axis],
    parts: tuple[range, range],
    progress: Progress,
) -> Generator[tuple[tuple[int, int], NDArray[np.float32]], None, None]:
    """Probabilities of each patch, row by row; the next batch is read meanwhile.

    Parameters
    ----------
    image : Source
    predictor : PatchPredictor
    axes : tuple of Axis
        Patches along rows and columns.
    parts : tuple of range
        Which rows and columns of patches.
    progress : Progress

    Yields
    ------
    place : tuple of int
        Row and column among the patches.
    probabilities : ndarray of float32, shape (classes, H, W)
    """
    patches = list(product(*parts))
    size = max(1, int(predictor.batch))
    batches = [patches[i : i + size] for i in range(0, len(patches), size)]
    reader = PatchReader(image, axes)
    with ThreadPoolExecutor(1, thread_name_prefix="patches") as pool:
        coming = pool.submit(reader.read, batches[0])
        for number, batch in enumerate(batches):
            progress("segment", number * size, len(patches))
            pixels = coming.result()
            if number + 1 < len(batches):
                coming = pool.submit(reader.read, batches[number + 1])
            places = [(axes[0].origins[k], axes[1].origins[m]) for k, m in batch]
            found = predictor.patch_probabilities(pixels, places)
            expected = (len(batch), len(predictor.names), *pixels.shape[1:3])
            if found.shape != expected:
                raise SegmentationError(
                    f"the predictor returned probabilities of shape {found.shape} for patches "
                    f"that need {expected}."
                )
            yield from zip(batch, found, strict=True)
    progress("segment", len(patches), len(patches))


class PatchReader:
    """Reads patches at the model's pixel size; past the border the image is mirrored."""

    def __init__(self, image: Source, axes: tuple[Axis, Axis]) -> None:
        self._image = image
        self._axes = axes

    def read(self, batch: Sequence[tuple[int, int]]) -> NDArray[np.uint8]:
        """Patches by their rows and columns, uint8 of shape (n, side, side) or with 3 more."""
        return np.stack([self._patch(*place) for place in batch])

    def _patch(self, *place: int) -> NDArray[np.uint8]:
        spans = []
        for axis, k in zip(self._axes, place, strict=True):
            first = axis.origins[k]
            spans.append((first, min(axis.model_length, first + axis.side)))
        resampled = self._axes[0].ratio != 1
        inside = self._resampled(spans) if resampled else self._image.window(*(map(_slice, spans)))
        missing = [
            (0, axis.side - (stop - first))
            for axis, (first, stop) in zip(self._axes, spans, strict=True)
        ]
        if any(after for _, after in missing):
            missing += [(0, 0)] * (inside.ndim - 2)
            inside = np.pad(inside, missing, mode="reflect")
        return inside

    def _resampled(self, spans: list[tuple[int, int]]) -> NDArray[np.uint8]:
        taps, offsets, windows = [], [], []
        for axis, (first, stop) in zip(self._axes, spans, strict=True):
            along = resample.taps(first, stop, axis.ratio, (0, axis.length))
            low, high = int(along[0].min()), int(along[0].max()) + 1
            taps.append(along)
            offsets.append(low)
            windows.append(slice(low, high))
        values = self._image.window(*windows)
        found = resample.combine(values, taps[1], offsets[1], 1)
        return resample.to_grey_levels(resample.combine(found, taps[0], offsets[0], 0))


def _slice(span: tuple[int, int]) -> slice:
    return slice(*span)
