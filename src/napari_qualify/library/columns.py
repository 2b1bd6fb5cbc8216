"""Zarr arrays that only grow: vectors, and texts of any length.

How many rows count is said by the library's manifest. Rows beyond are those of
an interrupted write, and the next one overwrites them. A chunk is replaced as
a whole file (zarr's LocalStore writes it under another name and renames it),
and the rows that counted before are in it unchanged, so that a kill loses
nothing and a reader may read at any time. Checksums find damaged chunks.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import Crc32cCodec, ZstdCodec

from napari_qualify.errors import LibraryError
from napari_qualify.library.disk import flush

FLAT: Any = {"name": "default", "separator": "."}
"""Chunks beside zarr.json instead of in folders: fewer names to flush."""

# A short tail is written again with every append: keep it near this size.
_CHUNK_BYTES = 1 << 20


def create_texts(path: Path, rows: int = 256) -> None:
    """Create an empty column of texts in chunks of `rows`."""
    zarr.create_array(
        path,
        shape=(0,),
        dtype="string",
        chunks=(rows,),
        compressors=[ZstdCodec(checksum=True)],
        chunk_key_encoding=FLAT,
    )


def create_vectors(path: Path, dim: int) -> None:
    """Create an empty (0, `dim`) column of float32; noise does not compress."""
    rows = max(16, _CHUNK_BYTES // (4 * dim))
    zarr.create_array(
        path,
        shape=(0, dim),
        dtype="float32",
        chunks=(rows, dim),
        compressors=[Crc32cCodec()],
        chunk_key_encoding=FLAT,
    )


def append(path: Path, start: int, values: Sequence[str] | NDArray[np.float32]) -> None:
    """Write `values` from row `start` on, flushed.

    Parameters
    ----------
    path : Path
        Of the array.
    start : int
        Rows that count so far.
    values : sequence of str, or ndarray of float32, shape (n, d)
    """
    if not len(values):
        return
    array = _open(path, "r+")
    stop = start + len(values)
    array.resize((stop, *array.shape[1:]))
    array[start:stop] = np.asarray(values, dtype=array.dtype)
    flush(path / "zarr.json")
    rows = array.chunks[0]
    for chunk in range(start // rows, (stop - 1) // rows + 1):
        file = path / ".".join(["c", str(chunk), *["0"] * (array.ndim - 1)])
        if file.exists():  # a chunk of fill values only is not written
            flush(file)
    flush(path)


def texts(path: Path, rows: int, start: int = 0) -> list[str]:
    """Texts from row `start` up to `rows`.

    Raises
    ------
    LibraryError
        When the array is missing, damaged or shorter.
    """
    found = _read(path, rows, slice(start, rows))
    return [str(text) for text in found]


def vectors(path: Path, rows: int, wanted: NDArray[np.intp]) -> NDArray[np.float32]:
    """Rows `wanted` of a column of `rows` vectors, float32 of shape (n, d).

    Raises
    ------
    LibraryError
        When the array is missing, damaged or shorter.
    """
    # Whole chunks are read in any case: one slice and a pick beat a selection
    # row by row unless few are wanted.
    if 4 * len(wanted) >= rows:
        return np.asarray(_read(path, rows, slice(0, rows))[wanted], dtype=np.float32)
    return np.asarray(_read(path, rows, wanted), dtype=np.float32)


def _read(path: Path, rows: int, selection: slice | NDArray[np.intp]) -> NDArray[Any]:
    try:
        array = _open(path, "r")
        if array.shape[0] < rows:
            raise ValueError(f"{array.shape[0]} rows of {rows}")
        if isinstance(selection, slice):
            return np.asarray(array[selection])
        return np.asarray(array.oindex[selection])
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise LibraryError(f"{path}: cannot be read ({error}); the array is damaged.") from error


def _open(path: Path, mode: Any) -> zarr.Array[Any]:
    found = zarr.open_array(path, mode=mode)
    if found.metadata.zarr_format != 3:
        raise ValueError("not a Zarr v3 array")
    return found
