"""Images that a tiled prediction reads window by window, as 8 bits."""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from napari_qualify.errors import SegmentationError
from napari_qualify.intensity import PERCENTILES, Intensity, to_uint8
from napari_qualify.segment.levels import luminance_histogram

if TYPE_CHECKING:
    from napari_qualify.micrograph import Micrograph

_BLOCK = 1 << 22  # values read at once where an image is gone through

_histograms: "WeakKeyDictionary[Micrograph, NDArray[np.int64]]" = WeakKeyDictionary()


class Source:
    """An image, in memory or not.

    Parameters
    ----------
    image : Micrograph, ndarray, dask or zarr array, shape (Y, X) or (Y, X, 3)
    intensity : Intensity, optional
        How values become 8 bits: by default a micrograph's own policy, else
        the 0.1 and 99.9 percentiles of the whole. Of what is not in memory
        they are the same to the last bit, by passing over the image: once for
        16-bit values, two or three times for 32 bits, up to nine for 64.

    Attributes
    ----------
    shape : tuple of (int, int)
    limits : tuple of (float, float) or None
        Values shown black and white; None for 8-bit values as they are.

    Raises
    ------
    SegmentationError
        For another shape or type, or without any finite value.
    """

    def __init__(
        self, image: Any, intensity: Intensity | None = None, name: str = "the image"
    ) -> None:
        from napari_qualify.micrograph import Micrograph

        self._micrograph = image if isinstance(image, Micrograph) else None
        self.name = image.name if isinstance(image, Micrograph) else name
        array = image.pixels if isinstance(image, Micrograph) else image
        kind = np.dtype(array.dtype)
        colour = len(array.shape) == 3 and array.shape[2] == 3
        if not (len(array.shape) == 2 or colour) or 0 in array.shape:
            raise SegmentationError(
                f"{self.name} has the shape {tuple(array.shape)}; it must be (Y, X), or (Y, X, 3) "
                "for colour."
            )
        if kind.kind not in "biuf" or kind.itemsize > 8:
            raise SegmentationError(
                f"{self.name} has values of type {kind}; integers or floats are needed."
            )
        self.array = array
        self.shape = int(array.shape[0]), int(array.shape[1])
        self.channels = (3,) if colour else ()
        self.limits = self._limits(intensity)

    def window(self, y: slice, x: slice) -> NDArray[np.uint8]:
        """Pixels of a window inside the image as 8 bits, (h, w) or (h, w, 3)."""
        return to_uint8(self._raw(y, x), self.limits)

    def histogram(self) -> NDArray[np.int64]:
        """Histogram of the 8-bit luminance of the whole, shape (256,)."""
        mine = self._micrograph
        if mine is not None and mine in _histograms and self.limits == mine.display_limits():
            return _histograms[mine]
        counts = np.zeros(256, np.int64)
        for block in self._blocks():
            counts += luminance_histogram(to_uint8(block, self.limits))
        if mine is not None and self.limits == mine.display_limits():
            _histograms[mine] = counts
        return counts

    def _raw(self, y: slice, x: slice) -> NDArray[Any]:
        values = np.asarray(self.array[y, x])
        if values.dtype.kind == "b":
            return values.astype(np.uint8) * np.uint8(255)
        return values.astype(values.dtype.newbyteorder("="), copy=False)

    def _blocks(self) -> Iterator[NDArray[Any]]:
        """Parts of the image, along the chunks in which it is stored."""
        chunk = getattr(self.array, "chunksize", None) or getattr(self.array, "chunks", None)
        height, width = chunk[:2] if chunk else (512, self.shape[1])
        height = min(int(height), 2048)
        width = int(width) * max(1, _BLOCK // (height * int(width)))
        for top in range(0, self.shape[0], height):
            for left in range(0, self.shape[1], width):
                yield self._raw(slice(top, top + height), slice(left, left + width))

    def _limits(self, intensity: Intensity | None) -> tuple[float, float] | None:
        if self._micrograph is not None and intensity is None:
            return self._micrograph.display_limits()
        policy = intensity or Intensity()
        one = self._one()
        if policy.policy != "percentile" or one.dtype == np.uint8:
            return policy.limits(one)
        try:
            if isinstance(self.array, np.ndarray):
                return policy.limits(self._raw(slice(None), slice(None)))
            return self._streamed()
        except ValueError as error:
            raise SegmentationError(f"{self.name}: every value is NaN or infinite.") from error

    def _streamed(self) -> tuple[float, float]:
        """The percentiles by counting, a block at a time."""
        ranks = _Ranks(lambda: map(_finite, self._blocks()), self._one().dtype)
        low, high = (ranks.percentile(p) for p in PERCENTILES)
        if low < high:
            return low, high
        # Nearly all values are equal: the few others make the picture.
        low, high = ranks.percentile(0.0), ranks.percentile(100.0)
        return low, high if high > low else low + 1.0

    def _one(self) -> NDArray[Any]:
        return self._raw(slice(0, 1), slice(0, 1))


class _Ranks:
    """Order statistics of values that are gone through 16 bits at a time (radix selection).

    Parameters
    ----------
    blocks : callable
        Starts anew each time.
    kind : dtype
        Of integers or floats.
    """

    def __init__(self, blocks: Callable[[], Iterable[NDArray[Any]]], kind: "np.dtype[Any]") -> None:
        self._blocks = blocks
        self._kind = kind
        self._bits = 8 * kind.itemsize
        self._counted: dict[tuple[int, int], NDArray[np.int64]] = {}
        self._total = int(self._count(max(0, self._bits - 16), 0).sum())
        if not self._total:
            raise ValueError("no finite value")

    def percentile(self, p: float) -> float:
        """Interpolated linearly between the two neighbouring values, as numpy does."""
        position = (self._total - 1) * p / 100
        share = position - math.floor(position)
        low, high = self._value(math.floor(position)), self._value(math.ceil(position))
        return low * (1 - share) + high * share

    def _value(self, rank: int) -> float:
        """Find the value of a rank, from its highest bits to its lowest."""
        key = 0
        for shift in range(max(0, self._bits - 16), -1, -16):
            total = np.cumsum(self._count(shift, key))
            place = int(np.searchsorted(total, rank, side="right"))
            rank -= int(total[place - 1]) if place else 0
            key = key << 16 | place
        return _value_of(key, self._kind)

    def _count(self, shift: int, higher: int) -> NDArray[np.int64]:
        """Counts of the 16 bits from `shift` up, among the keys with these higher bits."""
        if (shift, higher) not in self._counted:
            counts = np.zeros(1 << 16, np.int64)
            for block in self._blocks():
                keys = _keys(block)
                if shift + 16 < self._bits:
                    keys = keys[keys >> np.uint64(shift + 16) == higher]
                digits = keys >> np.uint64(shift) & np.uint64(0xFFFF)
                counts += np.bincount(digits.astype(np.int64), minlength=1 << 16)
            self._counted[shift, higher] = counts
        return self._counted[shift, higher]


def _finite(block: NDArray[Any]) -> NDArray[Any]:
    return block[np.isfinite(block)] if block.dtype.kind == "f" else block.ravel()


def _keys(values: NDArray[Any]) -> NDArray[np.uint64]:
    """Unsigned integers in the order of the values."""
    bits = values.view(f"u{values.dtype.itemsize}")
    if values.dtype.kind != "u":
        sign = bits.dtype.type(1 << (8 * bits.itemsize - 1))
        # Negative floats grow with falling bits; negative integers do not.
        negative = ~bits if values.dtype.kind == "f" else bits ^ sign
        bits = np.where(bits & sign, negative, bits | sign)
    return np.asarray(bits, np.uint64)


def _value_of(key: int, kind: "np.dtype[Any]") -> float:
    """Reverse `_keys`."""
    bits = 8 * kind.itemsize
    sign = 1 << (bits - 1)
    if kind.kind != "u":
        negative = ~key & (2 * sign - 1) if kind.kind == "f" else key ^ sign
        key = key ^ sign if key & sign else negative
    return float(np.array([key], f"u{kind.itemsize}").view(kind)[0])
