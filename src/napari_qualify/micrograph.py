"""One micrograph: its pixels, its scale, and what makes it the same one again."""

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_qualify import calibration, formats
from napari_qualify.errors import MicrographError, UsageError
from napari_qualify.intensity import Intensity, to_uint8
from napari_qualify.lazy import LazyPixels

__all__ = ["MIN_SIDE", "Intensity", "Micrograph", "read"]

MIN_SIDE = 16
"""Fewest pixels along a side that can be judged."""


@dataclass(frozen=True, eq=False)
class Micrograph:
    """Pixels with their scale and origin.

    Attributes
    ----------
    pixels : ndarray or LazyPixels, shape (Y, X) or (Y, X, 3)
        Integers or floats in native byte order, read-only. A writeable array
        is copied; booleans become 0 and 255. Zarr and dask arrays of more than
        256 MiB stay where they are.
    pixel_size_um : float or None
        Side of the square pixels in micrometres; None without calibration.
    name : str
        What reports call it.
    path : Path or None
        The file that holds exactly these pixels (or, with a `region`, the
        whole that they are part of).
    intensity : Intensity
        How values become 8 bits.
    notes : tuple of str
        What was noticed on reading.
    region : tuple of (y, x, height, width) or None
        Where it was cut from the whole, in pixels.

    Raises
    ------
    MicrographError
        If shape or data type are not those of an image.
    """

    pixels: Any
    pixel_size_um: float | None
    name: str
    path: Path | None = None
    intensity: Intensity = field(default_factory=Intensity)
    notes: tuple[str, ...] = ()
    region: tuple[int, int, int, int] | None = None

    def __post_init__(self) -> None:
        lazily = isinstance(self.pixels, LazyPixels)
        pixels: Any = self.pixels if lazily else np.asarray(self.pixels)
        if not (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)):
            raise formats.stack_error(pixels.shape, self.name)
        if pixels.dtype.kind not in "biuf" or pixels.dtype.itemsize > 8:
            raise MicrographError(
                f"{self.name}: values of type {pixels.dtype.name}; integers or floats are needed"
            )
        object.__setattr__(self, "pixels", pixels if lazily else _own(pixels, self.pixels))
        if self.pixel_size_um is not None:
            size = float(self.pixel_size_um)
            if not (math.isfinite(size) and size > 0):
                raise UsageError(f"{self.name}: pixel size {size} um; it must be above 0")
            object.__setattr__(self, "pixel_size_um", size)

    @property
    def is_rgb(self) -> bool:
        """True for colour, False for grey."""
        return bool(self.pixels.ndim == 3)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]

    @property
    def unit(self) -> str:
        """'um' when calibrated, else 'px'."""
        return "px" if self.pixel_size_um is None else "um"

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of shape, data type and pixels, in hexadecimal digits."""
        head = f"{self.pixels.shape}|{self.pixels.dtype.name}|".encode()
        if isinstance(self.pixels, LazyPixels):
            return self.pixels.sha256(head)
        little = self.pixels.astype(self.pixels.dtype.newbyteorder("<"), copy=False)
        digest = hashlib.sha256(head)
        digest.update(little.data.cast("B") if little.size else b"")
        return digest.hexdigest()

    @cached_property
    def key(self) -> str:
        """Hash of all that decides what an encoder sees: pixels, scale, set limits."""
        size = "" if self.pixel_size_um is None else f"{self.pixel_size_um:.9g}"
        # Percentile limits follow from the pixels; others are set apart.
        set_limits = None if self.intensity.policy == "percentile" else self.display_limits()
        return hashlib.sha256(f"{self.content_hash}|{size}|{set_limits}".encode()).hexdigest()

    def display_limits(self) -> tuple[float, float] | None:
        """Values shown black and white; None when 8-bit values stay as they are."""
        return self._limits

    @cached_property
    def _limits(self) -> tuple[float, float] | None:
        if isinstance(self.pixels, LazyPixels):
            from napari_qualify.segment.tile_source import Source

            return Source(self.pixels, self.intensity, name=self.name).limits
        try:
            return self.intensity.limits(self.pixels)
        except ValueError as error:
            raise MicrographError(f"{self.name}: every value is NaN or infinite") from error

    def to_uint8(self) -> NDArray[np.uint8]:
        """Pixels as 8 bits, shape (Y, X) or (Y, X, 3); NaN and infinities are 0."""
        return to_uint8(np.asarray(self.pixels), self.display_limits())

    def to_rgb(self) -> NDArray[np.uint8]:
        """Pixels as 8-bit colour, shape (Y, X, 3)."""
        shown = self.to_uint8()
        return shown if self.is_rgb else np.repeat(shown[..., np.newaxis], 3, axis=2)

    def crop(self, y: int, x: int, height: int, width: int) -> "Micrograph":
        """Cut out a region that keeps the scale and the display limits of the whole.

        Parameters
        ----------
        y, x : int
            First row and column.
        height, width : int
            In pixels.

        Raises
        ------
        MicrographError
            If the region is not inside, or smaller than 16 pixels a side.
        """
        name = f"{PurePosixPath(self.name).with_suffix('')} [{y}:{x}:{height}:{width}]"
        if y < 0 or x < 0 or y + height > self.shape[0] or x + width > self.shape[1]:
            raise MicrographError(
                f"{name}: not inside the {self.shape[0]} x {self.shape[1]} pixels of {self.name}"
            )
        _check_side((height, width), name)
        limits = self.display_limits()
        y0, x0 = self.region[:2] if self.region else (0, 0)
        return replace(
            self,
            pixels=self.pixels[y : y + height, x : x + width],
            name=name,
            intensity=self.intensity if limits is None else Intensity("fixed", *limits),
            region=(y0 + y, x0 + x, height, width),
        )

    def thumbnail(self, side: int = 160) -> NDArray[np.uint8]:
        """Small picture, shape (h, w, 3), at most `side` pixels long."""
        if isinstance(self.pixels, LazyPixels):
            return self.pixels.thumbnail(self.display_limits(), side)
        image = Image.fromarray(self.to_uint8())
        image.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=3.0)
        return np.array(image.convert("RGB"))


def read(
    source: Any,
    *,
    pixel_size_um: float | None = None,
    intensity: Intensity | None = None,
    name: str | None = None,
) -> Micrograph:
    """Read a micrograph from a file, an OME-Zarr folder or a napari Image layer.

    A layer and its file give the same pixels, `content_hash` and `key`.

    Parameters
    ----------
    source : str, Path or napari Image layer
        TIFF, PNG, JPEG (by content, not by name), OME-Zarr; of a multiscale
        layer level 0 is taken.
    pixel_size_um : float, optional
        Micrometres per pixel; overrides what the source says.
    intensity : Intensity, optional
        Percentiles of the whole unless given.
    name : str, optional
        Name for reports and errors; the file's or layer's unless given.

    Raises
    ------
    MicrographError
        If it is not one readable image of at least 16 x 16 square, opaque
        pixels that are not all equal; the message names the source.
    UsageError
        If the source or an argument is of the wrong kind.
    """
    if isinstance(source, str | Path):
        path: Path | None = Path(source)
        label = name or str(source)
        raw = formats.load(Path(source), label)
        name = name or Path(source).name
    elif all(hasattr(source, a) for a in ("data", "rgb", "multiscale", "scale", "name")):
        from napari_qualify.layer import load_layer

        label = name = name or str(source.name)
        raw, path = load_layer(source, label)
    else:
        raise UsageError(f"{type(source).__name__}: a path or a napari Image layer is needed")
    pixels: Any = raw.array
    if isinstance(pixels, LazyPixels):
        notes = _check_lazy(pixels, label)
    else:
        pixels.flags.writeable = False  # nobody else holds it: spares a copy
        pixels, notes = _judgeable(pixels, label)
    if pixel_size_um is None and raw.pixel_size is not None:
        pixel_size_um = calibration.square(raw.pixel_size, label)
    return Micrograph(
        pixels=pixels,
        pixel_size_um=pixel_size_um,
        name=name,
        path=path,
        intensity=intensity or Intensity(),
        notes=tuple([*raw.notes, *notes]),
    )


def _own(pixels: NDArray[Any], given: Any) -> NDArray[Any]:
    """Read-only pixels in native byte order that nobody else can write to."""
    if pixels.dtype.kind == "b":
        pixels = pixels.astype(np.uint8) * np.uint8(255)
    pixels = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("="))
    if isinstance(given, np.memmap) or (
        pixels.flags.writeable and np.may_share_memory(pixels, np.asarray(given))
    ):
        pixels = pixels.copy()
    pixels.flags.writeable = False
    return pixels


def _check_lazy(pixels: LazyPixels, label: str) -> list[str]:
    """Check the values of what is not in memory, a band at a time."""
    if pixels.dtype.kind not in "biuf" or pixels.dtype.itemsize > 8:
        raise MicrographError(
            f"{label}: values of type {pixels.dtype.name}; integers or floats are needed"
        )
    _check_side(pixels.shape[:2], label)
    bad, low, high = 0, np.inf, -np.inf
    for band in pixels.bands():
        good = band[np.isfinite(band)] if band.dtype.kind == "f" else band
        bad += band.size - good.size
        if good.size:
            low, high = min(low, good.min()), max(high, good.max())
    if low > high:
        raise MicrographError(f"{label}: every value is NaN or infinite")
    if low == high:
        raise MicrographError(f"{label}: every value is {low}: there is nothing to see")
    return [f"{bad} values are NaN or infinite: shown black"] if bad else []


def _judgeable(array: NDArray[Any], label: str) -> tuple[NDArray[Any], list[str]]:
    """Bring a decoded image to (Y, X) or (Y, X, 3), or say why it is none."""
    notes = []
    while array.ndim > 2 and array.shape[0] == 1:
        array = array[0]
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if 0 in array.shape:
        raise MicrographError(f"{label}: holds no pixels (shape {array.shape})")
    if array.ndim < 2 or array.ndim > 3 or (array.ndim == 3 and array.shape[2] > 4):
        raise formats.stack_error(array.shape, label)
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise MicrographError(
            f"{label}: values of type {array.dtype.name}; integers or floats are needed"
        )
    _check_side(array.shape[:2], label)
    if array.ndim == 3 and array.shape[2] in (2, 4):
        opaque = np.iinfo(array.dtype).max if array.dtype.kind in "iu" else 1
        if not (array[..., -1] == opaque).all():
            raise formats.transparency_error(label)
        notes.append("the opaque alpha channel was dropped")
        array = array[..., 0] if array.shape[2] == 2 else array[..., :3]
    notes += _check_values(array, label)
    return array, notes


def _check_side(shape: Iterable[int], label: str) -> None:
    height, width = shape
    if min(height, width) < MIN_SIDE:
        raise MicrographError(
            f"{label}: {height} x {width} pixels are too few; "
            f"at least {MIN_SIDE} x {MIN_SIDE} are needed"
        )


def _check_values(array: NDArray[Any], label: str) -> list[str]:
    notes = []
    finite = array
    if array.dtype.kind == "f":
        good = np.isfinite(array)
        if not good.all():
            bad = int(array.size - np.count_nonzero(good))
            if bad == array.size:
                raise MicrographError(f"{label}: every value is NaN or infinite")
            notes.append(f"{bad} values are NaN or infinite: shown black")
            finite = array[good]
    if finite.min() == finite.max():
        raise MicrographError(f"{label}: every value is {finite.flat[0]}: there is nothing to see")
    return notes
