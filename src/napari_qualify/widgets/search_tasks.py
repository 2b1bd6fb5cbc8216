"""What the tabs "Search" and "Map" run in workers; free of Qt and napari.

Every function takes ``progress`` and runs in a worker's thread, or in a test.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_qualify.errors import EncoderError, LibraryError, MicrographError, UsageError
from napari_qualify.progress import Progress
from napari_qualify.widgets.embed_tasks import Running, running_of
from napari_qualify.widgets.sources import LayerSource
from napari_qualify.widgets.tasks import phases_by_hash

if TYPE_CHECKING:
    from napari_qualify.catalogue import Catalogue, Entry, Stored
    from napari_qualify.embed.map2d import Map2d
    from napari_qualify.library.store import Library
    from napari_qualify.micrograph import Micrograph
    from napari_qualify.search import Ranking

MOST_OPENED = 24
"""Micrographs opened at once; more would only lie over one another."""

PICTURES_KEPT = 1000


@dataclass(frozen=True, eq=False)
class Query:
    """What to look for among the micrographs of a library.

    Attributes
    ----------
    stored : Stored
        The vectors to compare.
    text : str
        '' for an image.
    source : LayerSource or None
        A layer to compare with.
    key : str
        Key of a micrograph of the library to compare with, or ''.
    most : bool
    limit : int
    """

    stored: "Stored"
    text: str = ""
    source: LayerSource | None = None
    key: str = ""
    most: bool = True
    limit: int = 20


@dataclass(frozen=True, eq=False)
class Found:
    """What a search found.

    Attributes
    ----------
    ranking : Ranking or None
        None when it could not be done.
    refused : str
        Why not: the encoder has no text.
    running : Running or None
        The encoder, if one was needed.
    """

    ranking: "Ranking | None"
    refused: str = ""
    running: Running | None = None


def find(
    library: "Library", query: Query, labels: Sequence[LayerSource], progress: Progress
) -> Found:
    """Rank the micrographs of a library.

    Raises
    ------
    UsageError
        The vectors are of an encoder that has changed since.
    """
    from napari_qualify import search
    from napari_qualify.catalogue import catalogue, words
    from napari_qualify.embed.library_encoder import load_encoder_for

    progress("reading the library", 0, 0)
    listed = catalogue(library, query.stored)
    how: Any = {"most": query.most, "limit": query.limit}
    if query.key:
        index = next((i for i, e in enumerate(listed.entries) if e.key == query.key), None)
        if index is None:
            raise UsageError("That micrograph has no such vector. Choose another one.")
        return Found(search.rank_by_vector(listed, listed.vectors[index], **how))
    progress("loading the encoder", 0, 0)
    encoder = load_encoder_for(library)
    if not search.current([query.stored], encoder):
        raise UsageError(
            f"The vectors '{words(query.stored.settings)}' were made by other weights or "
            f"preprocessing than those of {library.encoder} now. Embed the micrographs again."
        )
    running = running_of(encoder, library)
    if query.source is not None:
        vector = search.image_vector(
            library, query.stored.settings, encoder, query.source,
            phases=phases_by_hash(labels), progress=progress,
        )  # fmt: skip
        return Found(search.rank_by_vector(listed, vector, **how), running=running)
    try:
        return Found(search.rank_by_text(listed, encoder, query.text, **how), running=running)
    except EncoderError as error:
        return Found(None, str(error), running)


@dataclass(frozen=True, eq=False)
class Mapped:
    """A map of the micrographs of a library."""

    catalogue: "Catalogue"
    map: "Map2d"


def make_map(library: "Library", stored: "Stored", method: str, progress: Progress) -> Mapped:
    """Lay the micrographs of a library out in a plane."""
    from napari_qualify.catalogue import catalogue
    from napari_qualify.embed.map2d import map2d

    progress("reading the library", 0, 0)
    listed = catalogue(library, stored)
    made = map2d(listed.vectors, method, progress=progress)
    return Mapped(listed, made)


@dataclass(frozen=True, eq=False)
class Opened:
    """Micrographs of a library to show as layers, and those that are out of reach.

    Attributes
    ----------
    micrographs : list of (Entry, Micrograph, str)
        With the ``unique_id`` of the layer that shows it already, or ''.
    failures : list of str
    left : int
        Those beyond `MOST_OPENED`.
    """

    micrographs: list[tuple["Entry", "Micrograph", str]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    left: int = 0


def open_entries(
    library: "Library",
    entries: Sequence["Entry"],
    layers: Sequence[LayerSource],
    progress: Progress,
) -> Opened:
    """Read micrographs of a library, at most `MOST_OPENED`.

    Those that were embedded from a layer are found in it again.

    Raises
    ------
    LibraryError
        None of them could be read.
    """
    from napari_qualify.catalogue import open_entry

    some = entries[:MOST_OPENED]
    found = Opened(left=len(entries) - len(some))
    for done, entry in enumerate(some):
        progress("opening", done, len(some))
        layer = _in_layers(library, entry, layers)
        if layer is not None:
            found.micrographs.append((entry, *layer))
            continue
        try:
            found.micrographs.append((entry, open_entry(library, entry), ""))
        except LibraryError as error:
            found.failures.append(str(error))
    if not found.micrographs:
        raise LibraryError("\n".join(found.failures))
    return found


def _in_layers(
    library: "Library", entry: "Entry", layers: Sequence[LayerSource]
) -> tuple["Micrograph", str] | None:
    """The layer that a micrograph was embedded from, if it is still there and the same."""
    from napari_qualify.catalogue import matching
    from napari_qualify.micrograph import read

    for source in layers:
        if entry.kind == "embedded" and source.name == entry.image:
            try:
                found = matching(read(source), entry, library)
            except MicrographError:
                continue
            if found is not None:
                return found, source.uid
    return None


class PictureShelf:
    """Small pictures of the entries of libraries, each read once."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], NDArray[np.uint8] | str] = {}

    def pictures(
        self,
        library: "Library",
        entries: Sequence["Entry"],
        layers: Sequence[LayerSource],
        progress: Progress,
    ) -> list[NDArray[np.uint8] | str]:
        """Pictures as RGB (Y, X, 3), or in words why there is none."""
        found: list[NDArray[np.uint8] | str] = []
        for done, entry in enumerate(entries):
            progress("pictures", done, len(entries))
            where = (str(library.path), entry.key)
            if where not in self._kept:
                try:
                    self._kept[where] = self._picture(library, entry, layers)
                except LibraryError as error:
                    found.append(str(error))  # it may be put back
                    continue
            found.append(self._kept[where])
        while len(self._kept) > PICTURES_KEPT:
            self._kept.pop(next(iter(self._kept)))
        return found

    @staticmethod
    def _picture(
        library: "Library", entry: "Entry", layers: Sequence[LayerSource]
    ) -> NDArray[np.uint8]:
        from napari_qualify.catalogue import THUMBNAIL, picture

        layer = _in_layers(library, entry, layers)
        return picture(library, entry) if layer is None else layer[0].thumbnail(THUMBNAIL)


def save_ranking(ranking: "Ranking", path: str) -> Path:
    """Write a ranking as a table."""
    target = Path(path)
    if target.suffix.casefold() != ".csv":
        target = target.with_name(target.name + ".csv")
    ranking.table().to_csv(target, index=False)
    return target
