"""From a reference back to its micrograph: stored pixels, or the file again."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import ZstdCodec

from napari_qualify.errors import LibraryError, MicrographError
from napari_qualify.library import sources
from napari_qualify.library.columns import FLAT
from napari_qualify.library.records import Reference
from napari_qualify.micrograph import Intensity, Micrograph, read

_ROWS = 2048  # written at once


def save_pixels(path: Path, pixels: NDArray[Any]) -> None:
    """Write an image as a Zarr array of its exact type, in chunks of about 1 MB."""
    chunks = (min(pixels.shape[0], 512), min(pixels.shape[1], 512), *pixels.shape[2:])
    array = zarr.create_array(
        path,
        shape=pixels.shape,
        dtype=pixels.dtype,
        chunks=chunks,
        compressors=[ZstdCodec(checksum=True)],
        chunk_key_encoding=FLAT,
    )
    for top in range(0, pixels.shape[0], _ROWS):  # in parts: they may not be in memory
        array[top : top + _ROWS] = pixels[top : top + _ROWS]


def load_pixels(path: Path) -> NDArray[Any]:
    """Read an image that `save_pixels` wrote.

    Raises
    ------
    LibraryError
        When it is missing or damaged.
    """
    try:
        return np.asarray(zarr.open_array(path, mode="r")[...])
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise LibraryError(f"{path}: cannot be read ({error}); the image is damaged.") from error


def pixels_hash(pixels: NDArray[Any]) -> str:
    """sha256 (hex) of shape, type and pixels."""
    head = f"{pixels.shape}{pixels.dtype.str}".encode()
    return hashlib.sha256(head + np.ascontiguousarray(pixels).tobytes()).hexdigest()


def intensity_fields(micrograph: Micrograph) -> dict[str, float | str | None]:
    """Intensity policy of a micrograph, as a record keeps it."""
    return dict(asdict(micrograph.intensity))


def load_stored(reference: Reference, path: Path) -> Micrograph:
    """Micrograph of a reference whose pixels the library holds.

    Raises
    ------
    LibraryError
        When the pixels are missing, damaged or others.
    """
    micrograph = Micrograph(
        pixels=load_pixels(path),
        pixel_size_um=reference.pixel_size_um,
        name=reference.image,
        intensity=_intensity(reference),
        region=reference.region,
    )
    if micrograph.content_hash != reference.content_hash:
        raise LibraryError(f"{path}: the pixels are not those of reference {reference.id}.")
    return micrograph


def _intensity(reference: Reference) -> Intensity:
    return Intensity(**reference.intensity)  # type: ignore[arg-type]


def reopen(
    reference: Reference, folder: Path, roots: Sequence[Path], named: Path | None
) -> Micrograph:
    """Read the file of a reference again, read-only.

    Parameters
    ----------
    reference : Reference
        With a path.
    folder : Path
        The folder that holds the library.
    roots : sequence of Path
        Further folders that the user named.
    named : Path or None
        The file, when the user named it in this session.

    Raises
    ------
    LibraryError
        When no allowed file has the recorded hash.
    """
    what = f"reference {reference.id} ({reference.image})"
    stored = reference.path or ""
    try:
        if named is not None and named.exists():
            same = read_same(reference, named)
            if same is not None:
                return same
        changed = None
        for file in sources.candidates(stored, folder, roots):
            same = read_same(reference, file)
            if same is not None:
                return same
            changed = file
    except (LibraryError, MicrographError) as error:
        raise LibraryError(f"{what}: {error}") from error
    if changed is not None:
        raise LibraryError(
            f"{what}: {changed} has changed since it was added; it was not used. Restore the "
            "file, or remove the reference and add it again."
        )
    raise LibraryError(
        f"{what}: its file {stored!r} is not there. Put it back relative to {folder}, or name "
        "the folder that holds it: open_library(path, roots=[folder])."
    )


def read_same(reference: Reference, file: Path) -> Micrograph | None:
    """Read `file` as the reference was read; None when its pixels differ."""
    return read_again(
        file,
        name=reference.image,
        pixel_size_um=reference.pixel_size_um,
        intensity=_intensity(reference),
        region=reference.region,
        content_hash=reference.content_hash,
    )


def read_again(
    file: Path,
    *,
    name: str,
    pixel_size_um: float | None,
    intensity: Intensity,
    region: tuple[int, int, int, int] | None,
    content_hash: str,
) -> Micrograph | None:
    """Read `file`, cut to `region`; None when the pixels are not those of `content_hash`."""
    whole = read(file, pixel_size_um=pixel_size_um, intensity=intensity)
    if region is not None:
        y, x, height, width = region
        if y + height > whole.shape[0] or x + width > whole.shape[1]:
            return None
        whole = whole.crop(y, x, height, width)
    if whole.content_hash != content_hash:
        return None
    return replace(whole, name=name, pixel_size_um=pixel_size_um, intensity=intensity)
