"""OME-Zarr images, 0.4 and 0.5, on Zarr v2 and v3."""

import itertools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_qualify import calibration
from napari_qualify.errors import MicrographError
from napari_qualify.formats import MAX_BYTES, Raw, check_size, stack_error
from napari_qualify.lazy import MAX_LAZY_BYTES, lazy

MARKERS = ("zarr.json", ".zgroup", ".zarray", ".zattrs")
"""Files of which a folder that is a Zarr group or array has at least one."""


def is_zarr(folder: Path) -> bool:
    """Whether a folder is a Zarr hierarchy, judged by its content or its name."""
    return folder.suffix == ".zarr" or _marked(folder)


def _marked(folder: Path) -> bool:
    # os.path, unlike Path.is_file, answers False for a folder that is shut.
    return any(os.path.isfile(folder / marker) for marker in MARKERS)


def load_zarr(folder: Path, label: str) -> Raw:
    """Level 0 of the one image in an OME-Zarr folder.

    Parameters
    ----------
    folder : Path
        An OME-Zarr image, a bioformats2raw folder with one image, or a plain
        Zarr array.
    label : str
        Names the micrograph in errors.

    Raises
    ------
    MicrographError
        If it holds no image, several, a stack, or nothing at all. What zarr
        raises on damaged data passes through.
    """
    import zarr

    if not is_zarr(folder):
        raise MicrographError(f"{label}: a folder, not an image; name the images in it")
    if not _marked(folder):
        raise MicrographError(f"{label}: an empty or damaged Zarr folder; copy it again")
    node = zarr.open(str(folder), mode="r")
    if isinstance(node, zarr.Array):
        return _load_array(node, "", label)
    attributes = _ome(node)
    if "multiscales" not in attributes and "0" in node:
        if "1" in node:
            raise MicrographError(f"{label}: holds several images; name one, such as {label}/0")
        node = node["0"]
        if isinstance(node, zarr.Array):
            raise MicrographError(f"{label}: Zarr arrays without OME metadata; export as OME-Zarr")
        attributes = _ome(node)
    images = attributes.get("multiscales") or []
    if len(images) != 1:
        raise MicrographError(f"{label}: {len(images)} OME-Zarr images; one is needed")
    array = node[images[0]["datasets"][0]["path"]]
    axes = "".join(
        str(a.get("name") if isinstance(a, Mapping) else a) for a in images[0].get("axes", ())
    )
    raw = _load_array(array, axes.lower(), label)
    raw.pixel_size, notes = calibration.from_multiscales(images[0])
    raw.notes += notes
    return raw


def _ome(group: Any) -> Mapping[str, Any]:
    attributes = group.attrs.asdict()
    found: Mapping[str, Any] = attributes.get("ome", attributes)  # 0.5, else 0.4
    return found


def _load_array(array: Any, axes: str, label: str) -> Raw:
    shape = tuple(array.shape)
    large = lazy(array)
    most = MAX_BYTES if large is None else MAX_LAZY_BYTES
    check_size(shape, np.dtype(array.dtype).itemsize, label, most=most)
    if len(shape) < 2 or any(n > 1 for n in shape[:-2]) or (axes and axes[-2:] != "yx"):
        raise stack_error(shape, label)
    notes = []
    # Zarr reads a chunk that is not there as the fill value, lost or never written.
    if missing := array.nchunks - array.nchunks_initialized:
        notes.append(
            f"{missing} of {array.nchunks} chunks are not stored and were read as "
            f"{array.fill_value}"
        )
    _refuse_cut_blosc(array, label)
    if large is not None:
        return Raw(large, None, notes)
    return Raw(np.asarray(array[...]).reshape(shape[-2:]), None, notes)


def _refuse_cut_blosc(array: Any, label: str) -> None:
    """Find truncated Blosc chunks, from which numcodecs reads past the end.

    Their first 16 bytes end with the length of the whole
    (https://github.com/zarr-developers/numcodecs/issues/228).
    """
    codecs = [type(codec).__name__ for codec in array.compressors]
    if array.shards or not any(name.startswith("Blosc") for name in codecs):
        return
    folder = Path(array.store.root) / array.path
    for place in itertools.product(*map(range, array.cdata_shape)):
        chunk = folder / array.metadata.encode_chunk_key(place)
        if chunk.is_file():
            with chunk.open("rb") as file:
                length = int.from_bytes(file.read(16)[12:], "little")
            if not 16 <= length <= chunk.stat().st_size:
                raise MicrographError(
                    f"{label}: cannot be read: its chunk {chunk.name} is truncated or damaged; "
                    "copy it again from its source"
                )
