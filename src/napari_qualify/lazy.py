"""Pixels that stay where they are, on disk or in a task graph, and are read part by part."""

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_qualify.intensity import to_uint8

LAZY_BYTES = 1 << 28
"""Arrays of Zarr and dask above this size are not brought into memory."""

MAX_LAZY_BYTES = 1 << 37
"""Largest image that is left on disk: going through it takes minutes."""

_BAND = 1 << 26  # bytes read at once where all is gone through


class LazyPixels:
    """A Zarr or dask array as the pixels of a micrograph.

    Indexed like an array, it gives numpy arrays in native byte order;
    booleans are 0 and 255.

    Parameters
    ----------
    array : zarr or dask array, shape (Y, X) or (Y, X, 3)
    """

    def __init__(self, array: Any) -> None:
        self._array = array
        kind = np.dtype(array.dtype)
        self.dtype = np.dtype(np.uint8) if kind.kind == "b" else kind.newbyteorder("=")
        self.shape = tuple(int(n) for n in array.shape)
        self.ndim = len(self.shape)
        self.nbytes = int(np.prod(self.shape)) * self.dtype.itemsize
        self.chunks = getattr(array, "chunksize", None) or array.chunks

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, place: Any) -> NDArray[Any]:
        values = np.asarray(self._array[place])
        if values.dtype.kind == "b":
            return values.astype(np.uint8) * np.uint8(255)
        return values.astype(self.dtype, copy=False)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        found = self[...]
        return found if dtype is None else found.astype(dtype, copy=False)

    def bands(self) -> Iterator[NDArray[Any]]:
        """All rows, some at a time, along the chunks in which they are stored."""
        row = max(1, self.nbytes // self.shape[0])
        height = int(self.chunks[0])
        height *= max(1, _BAND // (row * height))
        for top in range(0, self.shape[0], height):
            yield self[top : top + height]

    def sha256(self, head: bytes) -> str:
        """SHA-256 of `head` and the pixels, row by row, little-endian."""
        digest = hashlib.sha256(head)
        for band in self.bands():
            little = np.ascontiguousarray(band, band.dtype.newbyteorder("<"))
            digest.update(little.data.cast("B"))
        return digest.hexdigest()

    def thumbnail(self, limits: tuple[float, float] | None, side: int) -> NDArray[np.uint8]:
        """Small picture, shape (h, w, 3), at most `side` pixels long."""
        factor = max(1, max(self.shape[:2]) // (4 * side))
        rows = [to_uint8(band, limits) for band in self._multiples(factor)]
        small = np.concatenate([np.asarray(Image.fromarray(r).reduce(factor)) for r in rows])
        image = Image.fromarray(small)
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
        return np.array(image.convert("RGB"))

    def _multiples(self, factor: int) -> Iterator[NDArray[Any]]:
        """Bands whose heights are multiples of a factor, but for the last."""
        left: NDArray[Any] | None = None
        for band in self.bands():
            band = band if left is None else np.concatenate([left, band])
            whole = len(band) // factor * factor
            if whole:
                yield band[:whole]
            left = band[whole:]
        if left is not None and len(left):
            yield left


def lazy(array: Any) -> LazyPixels | None:
    """The array as lazy pixels when it is large, has chunks, and is one plain image."""
    chunked = hasattr(array, "chunks") and not isinstance(array, np.ndarray)
    shape = tuple(getattr(array, "shape", ()))
    plain = len(shape) == 2 or (len(shape) == 3 and shape[2] == 3)
    if not (chunked and plain) or 0 in shape:
        return None
    size = int(np.prod(shape)) * np.dtype(array.dtype).itemsize
    return LazyPixels(array) if size > LAZY_BYTES else None
