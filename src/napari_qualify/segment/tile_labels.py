"""Where the labels of a tiled prediction go: memory, a Zarr array, or a new OME-Zarr folder."""

import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_qualify.errors import SegmentationError
from napari_qualify.segment.ome_labels import ARRAY, image_label_attributes

if TYPE_CHECKING:
    import zarr

_CHUNK = 1024


def label_type(names: Mapping[int, str]) -> "np.dtype[Any]":
    """Smallest unsigned type that holds the values of all phases."""
    return np.min_scalar_type(max(names))


class MemoryLabels:
    """Labels in memory.

    Attributes
    ----------
    labels : ndarray of unsigned int, shape (Y, X)
    """

    def __init__(self, shape: tuple[int, int], dtype: "np.dtype[Any]") -> None:
        self.labels: Any = np.zeros(shape, dtype)

    def __enter__(self) -> "MemoryLabels":
        return self

    def __exit__(self, *raised: object) -> None:
        pass

    def write(self, y: int, x: int, block: NDArray[Any]) -> None:
        """Take the labels of a part."""
        self.labels[y : y + block.shape[0], x : x + block.shape[1]] = block

    def done(self, stop: int) -> None:
        """Take notice that all rows before `stop` are written."""


class ArrayLabels:
    """Labels in a Zarr array, written once per row of chunks.

    Parameters
    ----------
    array : zarr.Array, shape (Y, X)
    """

    def __init__(self, array: "zarr.Array[Any]") -> None:
        self.labels: Any = array
        self._first = 0  # row of the array that the buffer begins with
        self._rows = int((array.shards or array.chunks)[0])
        self._buffer = np.zeros((0, array.shape[1]), array.dtype)

    def __enter__(self) -> "ArrayLabels":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def write(self, y: int, x: int, block: NDArray[Any]) -> None:
        """Take the labels of a part."""
        top, needed = y - self._first, y - self._first + block.shape[0]
        if needed > len(self._buffer):
            more = np.zeros_like(
                self._buffer, shape=(needed - len(self._buffer), self.labels.shape[1])
            )
            self._buffer = np.concatenate([self._buffer, more])
        self._buffer[top:needed, x : x + block.shape[1]] = block

    def done(self, stop: int) -> None:
        """Write the rows of chunks that lie wholly before `stop`, at the end all of them."""
        if stop < self.labels.shape[0]:
            stop -= stop % self._rows
        if stop > self._first:
            kept = stop - self._first
            self.labels[self._first : stop] = self._buffer[:kept]
            self._buffer, self._first = self._buffer[kept:].copy(), stop


class FolderLabels(ArrayLabels):
    """Labels in a new OME-Zarr folder, which gets its name when it is complete.

    Parameters
    ----------
    path : Path
    shape : tuple of int
    names : mapping of int to str
    pixel_size_um : float or None

    Raises
    ------
    SegmentationError
        When the path exists.
    """

    def __init__(
        self,
        path: Path,
        shape: tuple[int, int],
        names: Mapping[int, str],
        pixel_size_um: float | None,
    ) -> None:
        import zarr
        from zarr.codecs import ZstdCodec

        if path.exists():
            raise SegmentationError(f"{path}: exists already; choose another name or remove it.")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._building = path.parent / f".{path.name}.{uuid.uuid4().hex}.partial"
        try:
            group = zarr.create_group(self._building)
            group.attrs.update(image_label_attributes(names, pixel_size_um))
            array = group.create_array(
                ARRAY,
                shape=shape,
                dtype=label_type(names),
                chunks=(min(_CHUNK, shape[0]), min(_CHUNK, shape[1])),
                compressors=[ZstdCodec(checksum=True)],
                dimension_names=("y", "x"),
            )
        except BaseException:
            shutil.rmtree(self._building, ignore_errors=True)
            raise
        super().__init__(array)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        import zarr

        if kind is not None:
            shutil.rmtree(self._building, ignore_errors=True)
            return
        try:
            self._building.rename(self._path)
        except OSError as failed:  # somebody else made it meanwhile
            shutil.rmtree(self._building, ignore_errors=True)
            raise SegmentationError(
                f"{self._path}: cannot be written ({failed.strerror}); choose another name."
            ) from failed
        self.labels = zarr.open_array(self._path / ARRAY, mode="r")
