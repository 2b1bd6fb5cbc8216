"""Vectors of tiles that a library holds, read one micrograph at a time."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

from napari_qualify.embed.base import Encoder, Vectors, visual_part
from napari_qualify.embed.settings import EmbedSettings, fingerprint

if TYPE_CHECKING:
    from napari_qualify.library.store import Library


class StoredTiles(Sequence[Vectors]):
    """Unit vectors (t_j, d) of the tiles of micrographs, in order, read when asked for.

    Parameters
    ----------
    library : Library
    encoder : Encoder
    settings : EmbedSettings
    keys : sequence of str
        Of the micrographs; all are stored.
    """

    def __init__(
        self, library: "Library", encoder: Encoder, settings: EmbedSettings, keys: Sequence[str]
    ) -> None:
        self._library, self._encoder, self._settings, self._keys = library, encoder, settings, keys
        self._mark = fingerprint(encoder, settings)

    def __len__(self) -> int:
        return len(self._keys)

    @overload
    def __getitem__(self, index: int) -> Vectors: ...
    @overload
    def __getitem__(self, index: slice) -> "StoredTiles": ...
    def __getitem__(self, index: int | slice) -> "Vectors | StoredTiles":
        if isinstance(index, slice):
            return StoredTiles(self._library, self._encoder, self._settings, self._keys[index])
        key = self._keys[index]
        found = self._library.tile_vectors(self._mark, [key]).get(key)
        # A single tile is the micrograph's own vector and is not stored again.
        if found is None:
            found = self._library.vectors(self._mark, [key])[key][None]
        return visual_part(self._encoder, found)
