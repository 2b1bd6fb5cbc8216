"""Vectors of tiles that a library holds, read one micrograph at a time."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

from napari_qualify.embed.base import Vectors

if TYPE_CHECKING:
    from napari_qualify.library.store import Library


class StoredTiles(Sequence[Vectors]):
    """Unit vectors (t_j, d) of the tiles of micrographs, in order, read when asked for.

    Parameters
    ----------
    library : Library
    mark : str
        Fingerprint of the embedding.
    keys : sequence of str
        Of the micrographs; all are stored.
    """

    def __init__(self, library: "Library", mark: str, keys: Sequence[str]) -> None:
        self._library, self._mark, self._keys = library, mark, keys

    def __len__(self) -> int:
        return len(self._keys)

    @overload
    def __getitem__(self, index: int) -> Vectors: ...
    @overload
    def __getitem__(self, index: slice) -> "StoredTiles": ...
    def __getitem__(self, index: int | slice) -> "Vectors | StoredTiles":
        if isinstance(index, slice):
            return StoredTiles(self._library, self._mark, self._keys[index])
        key = self._keys[index]
        found = self._library.tile_vectors(self._mark, [key]).get(key)
        # A single tile is the micrograph's own vector and is not stored again.
        return self._library.vectors(self._mark, [key])[key][None] if found is None else found
