"""The bytes of a file, by their content: TIFF, PNG, JPEG, and OME-Zarr folders.

Pixels are those that napari's own reader shows, so that a layer and its file
are the same micrograph. Whatever a decoding library raises on a damaged file
leaves here as a `MicrographError` that names the file.
"""

import math
import os
import stat
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tifffile
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from napari_qualify import calibration
from napari_qualify.errors import MicrographError

SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg")
"""Names that promise an image file; what is inside decides."""

READER = 1
"""Revision of the reading: to be raised when a file gives other pixels or another scale."""

MAX_BYTES = 4 * 2**30
"""Largest decoded image."""

MAX_COMPRESSION = 5000
"""Decoded bytes per stored byte that no picture reaches; damaged tags claim more."""

# What tifffile, Pillow, imagecodecs, zarr and numcodecs raise on bytes that
# they cannot make sense of; zarr's own errors derive from these.
DECODE_ERRORS: tuple[type[Exception], ...] = (
    OSError,
    EOFError,
    ValueError,
    ArithmeticError,
    LookupError,
    TypeError,
    AttributeError,
    RuntimeError,
    SyntaxError,
    MemoryError,
    struct.error,
    zlib.error,
)


@dataclass
class Raw:
    """A decoded image before it is checked.

    Attributes
    ----------
    array : ndarray or LazyPixels, shape (Y, X) or (Y, X, S)
    pixel_size : tuple of (float, float) or None
        Height and width of a pixel in micrometres.
    notes : list of str
    """

    array: Any
    pixel_size: calibration.PixelSize | None = None
    notes: list[str] = field(default_factory=list)


def load(path: Path, label: str) -> Raw:
    """Decode the one image in `path`.

    Parameters
    ----------
    path : Path
        A file, or the folder of an OME-Zarr image.
    label : str
        Names the micrograph in errors.

    Raises
    ------
    MicrographError
        If there is no readable image, or more than one.
    """
    try:
        if path.is_dir():
            from napari_qualify.zarr_image import load_zarr

            return load_zarr(path, label)
        with _open_regular(path, label) as file:
            return _decode(file, path, label)
    except MicrographError:
        raise
    except DECODE_ERRORS as error:
        raise MicrographError(f"{label}: {_explained(error, path)}") from error


def check_size(
    shape: tuple[int, ...],
    itemsize: int,
    label: str,
    stored: int | None = None,
    most: int = MAX_BYTES,
) -> None:
    """Refuse an image that holds nothing, or too much, before it is decoded.

    Parameters
    ----------
    shape, itemsize
        Of the decoded array.
    label : str
        Names the micrograph in errors.
    stored : int, optional
        Bytes of the file that it comes from.
    most : int, optional
        Largest size in bytes.
    """
    if math.prod(shape) == 0:
        raise MicrographError(f"{label}: holds no pixels (shape {tuple(shape)})")
    size = math.prod(shape) * itemsize
    if size > most:
        raise MicrographError(
            f"{label}: {size / 2**30:.1f} GiB of pixels (shape {tuple(shape)}) are more than "
            f"the {most // 2**30} GiB that are read as one micrograph; crop or tile it"
        )
    if stored is not None and size > MAX_COMPRESSION * stored:
        raise MicrographError(
            f"{label}: damaged; it claims pixels of shape {tuple(shape)} in {stored} bytes"
        )


def stack_error(shape: tuple[int, ...], label: str) -> MicrographError:
    """Return the error for an image with more axes than one micrograph has."""
    return MicrographError(
        f"{label}: a stack of shape {tuple(shape)}, not one image; "
        "save the plane to judge as a file of its own"
    )


def _explained(error: Exception, path: Path) -> str:
    if isinstance(error, FileNotFoundError) and not path.exists():
        what = "the link points nowhere" if path.is_symlink() else "no such file"
        return f"{what}; check the path"
    if isinstance(error, PermissionError):
        return "this user may not read it; change its permissions"
    if isinstance(error, MemoryError):
        return "does not fit into memory; crop it first"
    text = " ".join(str(error).split()) or "no message"
    text = text if len(text) <= 200 else text[:197] + "..."
    return (
        f"cannot be read ({type(error).__name__}: {text}); the file is damaged or of a kind "
        "that is not supported: export it again as TIFF or PNG"
    )


def _open_regular(path: Path, label: str) -> BinaryIO:
    # Asked before opening: a FIFO would wait for a writer, a tape would rewind.
    if not stat.S_ISREG(path.stat().st_mode):
        raise MicrographError(f"{label}: not a regular file; only files can be read")
    return path.open("rb")


def _decode(file: BinaryIO, path: Path, label: str) -> Raw:
    head = file.read(16)
    file.seek(0)
    if not head:
        raise MicrographError(f"{label}: the file is empty; copy it again from its source")
    for format_, signatures, suffixes, decode in _FORMATS:
        if head.startswith(signatures):
            raw = decode(file, label)
            suffix = path.suffix.lower()
            if suffix in SUFFIXES and suffix not in suffixes:
                raw.notes.insert(0, f"named {suffix}, but its content is {format_}")
            return raw
    raise MicrographError(
        f"{label}: not a TIFF, PNG, JPEG or OME-Zarr image (it begins with {head[:8]!r})"
    )


def _tiff(file: BinaryIO, label: str) -> Raw:
    # Other files that an OME-TIFF may name are not opened.
    with tifffile.TiffFile(file, name=label, _multifile=False) as tif:
        page = _only_image(tif, label)
        series = tif.series[0]
        axes, shape = series.axes, series.shape
        itemsize = series.dtype.itemsize if series.dtype else 8
        check_size(shape, itemsize, label, tif.filehandle.size)
        keep = [i for i, (a, n) in enumerate(zip(axes, shape, strict=True)) if a in "YX" or n > 1]
        kept = "".join(axes[i] for i in keep)
        if kept not in ("YX", "YXS", "SYX"):
            raise stack_error(shape, label)
        notes = _tiff_notes(tif, page, label)
        array = series.asarray().reshape([shape[i] for i in keep])
        if kept == "SYX":
            array = np.moveaxis(array, 0, -1)
        size, more = calibration.from_tiff(tif)
        return Raw(array, size, notes + more)


def _only_image(tif: tifffile.TiffFile, label: str) -> tifffile.TiffPage:
    """Return the first page of the only image; thumbnails and masks do not count."""
    images = [s for s in tif.series if s.keyframe.subfiletype & 0b101 == 0]
    if len(images) > 1:
        raise MicrographError(
            f"{label}: holds {len(images)} images (pages); save the one to judge as its own file"
        )
    if not tif.series or tif.series[0].pages[0] is None:
        raise MicrographError(f"{label}: a TIFF without an image in this file")
    return tif.series[0].keyframe


def _tiff_notes(tif: tifffile.TiffFile, page: tifffile.TiffPage, label: str) -> list[str]:
    """Refuse what would be misread, and note what napari shows as it is stored."""
    photometric = int(page.photometric)
    # Grey either way, RGB, colour-mapped; YCbCr only where JPEG decodes it to RGB.
    if photometric not in (0, 1, 2, 3) and not (photometric == 6 and page.compression == 7):
        raise MicrographError(
            f"{label}: colours of the TIFF kind {photometric} (such as CMYK) are not supported; "
            "convert it to RGB or grey"
        )
    offsets, counts = page.dataoffsets, page.databytecounts
    ends = [offset + count for offset, count in zip(offsets, counts, strict=False)]
    if any(end > tif.filehandle.size for end in ends):
        raise MicrographError(f"{label}: truncated; copy it again from its source")
    # tifffile leaves rows of zeros for strips and tiles that are not listed.
    if not page.is_contiguous and {len(offsets), len(counts)} != {math.prod(page.chunked)}:
        raise MicrographError(f"{label}: damaged; its tags contradict each other")
    notes = []
    if missing := sum(not count for count in counts):
        notes.append(f"{missing} of {len(counts)} pieces are not stored and were read as 0")
    if photometric == 0:
        notes.append("stored with 0 as white: read as stored, as napari shows it")
    if photometric == 3:
        notes.append("the colour map was ignored: the stored values are taken as grey levels")
    orientation = page.tags.get(274)
    if orientation is not None and orientation.value not in (0, 1):
        notes.append("the orientation tag was ignored, as napari does")
    return notes


def _png(file: BinaryIO, label: str) -> Raw:
    # The class itself, not Image.open: Pillow's limit of 179 megapixels is a
    # process-wide setting and below what stage scans have.
    with PngImageFile(file) as image:
        raw = _pillow(image, label, os.fstat(file.fileno()).st_size)
    file.seek(24)
    depth, colour = file.read(2)
    if depth == 16 and colour != 0:
        raw.notes.append("16-bit colour was read as 8-bit, as napari does")
    return raw


def _jpeg(file: BinaryIO, label: str) -> Raw:
    with JpegImageFile(file) as image:
        return _pillow(image, label, os.fstat(file.fileno()).st_size)


def _pillow(image: Image.Image, label: str, stored: int) -> Raw:
    shape = image.height, image.width, len(image.getbands())
    check_size(shape, 1, label, stored)
    if (frames := getattr(image, "n_frames", 1)) > 1:
        raise MicrographError(
            f"{label}: holds {frames} images (frames); save the one to judge as its own file"
        )
    image.load()
    if image.mode not in ("1", "L", "LA", "P", "RGB", "RGBA", "I", "I;16", "I;16B"):
        raise MicrographError(
            f"{label}: {image.mode} colours are not supported; convert it to RGB or grey"
        )
    notes = []
    if "transparency" in image.info:
        _refuse_transparent(image, label)
        notes.append("an unused transparent colour was ignored")
    if image.getexif().get(274, 1) not in (0, 1):
        notes.append("the orientation tag was ignored, as napari does")
    # These two conversions are those of imageio, napari's reader.
    if image.mode == "P" and image.palette is not None:
        image = image.convert(image.palette.mode)
    elif image.mode == "I" and image.format == "PNG":
        image = image.convert("I;16")
    size, more = calibration.from_dpi(_dpi(image))
    return Raw(np.asarray(image), size, notes + more)


def _refuse_transparent(image: Image.Image, label: str) -> None:
    if image.mode.startswith("I"):
        seen = bool((np.asarray(image) == image.info["transparency"]).any())
    else:
        seen = image.convert("RGBA").getchannel("A").getextrema()[0] < 255  # type: ignore[operator]
    if seen:
        raise transparency_error(label)


def transparency_error(label: str) -> MicrographError:
    """Return the error for pixels that are not wholly opaque."""
    return MicrographError(
        f"{label}: partly transparent; its colours depend on what lies behind: flatten it first"
    )


def _dpi(image: Image.Image) -> tuple[float, float] | None:
    dpi = image.info.get("dpi")
    # A JPEG without density gets 72 from Pillow.
    if image.format == "JPEG" and image.info.get("jfif_unit") not in (1, 2):
        return None
    return dpi


_FORMATS: tuple[
    tuple[str, tuple[bytes, ...], tuple[str, ...], Callable[[BinaryIO, str], Raw]], ...
] = (
    ("TIFF", (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), (".tif", ".tiff"), _tiff),
    ("PNG", (b"\x89PNG\r\n\x1a\n",), (".png",), _png),
    ("JPEG", (b"\xff\xd8\xff",), (".jpg", ".jpeg"), _jpeg),
)
