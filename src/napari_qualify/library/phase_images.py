"""Phases on disk: OME-Zarr 0.5 image-labels with scale and units.

https://ngff.openmicroscopy.org/0.5/#labels-md
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import ZstdCodec

from napari_qualify.errors import LibraryError
from napari_qualify.library import disk
from napari_qualify.segment.ome_labels import ARRAY, image_label_attributes

if TYPE_CHECKING:
    from napari_qualify.segment.phases import Phases

_CHUNK = 512
_SHARD = 4096  # one file holds up to 8 x 8 chunks
_RECORD = "napari_qualify"


def save(path: Path, phases: "Phases") -> None:
    """Write phases as a multiscale label image with one level.

    Parameters
    ----------
    path : Path
        Folder of the group.
    phases : Phases
        Labels (Y, X) of unsigned integers keep their type.
    """
    disk.write_group(path, _metadata(phases))
    height, width = phases.labels.shape
    large = max(height, width) > _CHUNK
    array = zarr.create_array(
        path / ARRAY,
        shape=phases.labels.shape,
        dtype=phases.labels.dtype,
        chunks=(_CHUNK, _CHUNK) if large else (height, width),
        shards=_shards(height, width) if large else None,
        compressors=[ZstdCodec(checksum=True)],
        dimension_names=("y", "x"),
    )
    array[...] = phases.labels


def load(path: Path) -> "Phases":
    """Read phases that `save` wrote.

    Raises
    ------
    LibraryError
        When they are missing, damaged, or not those that were saved.
    """
    from napari_qualify.segment.phases import Phases

    try:
        record = disk.read_attributes(path)[_RECORD]
        labels: NDArray[Any] = np.asarray(zarr.open_array(path / ARRAY, mode="r")[...])
        phases = Phases.from_record(labels, record)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise LibraryError(f"{path}: the phases are damaged ({error}).") from error
    if phases.content_hash != record.get("content_hash"):
        raise LibraryError(f"{path}: the phases are not those that were saved.")
    return phases


def _shards(height: int, width: int) -> tuple[int, int]:
    """Whole chunks, no more than the image needs."""
    return (
        min(_SHARD, -(-height // _CHUNK) * _CHUNK),
        min(_SHARD, -(-width // _CHUNK) * _CHUNK),
    )


def _metadata(phases: "Phases") -> dict[str, Any]:
    return {
        **image_label_attributes(phases.names, phases.pixel_size_um),
        _RECORD: phases.record() | {"content_hash": phases.content_hash},
    }
