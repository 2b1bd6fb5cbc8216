"""The verb `search`: which micrographs of a library are most like a text or an image."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_qualify._verbs import make_callable
from napari_qualify.catalogue import Catalogue, Entry, Stored, catalogue, choose, stored_embeddings
from napari_qualify.embed.base import Encoder
from napari_qualify.embed.library_encoder import load_encoder_for
from napari_qualify.embed.pipeline import Source, embed_each, opened
from napari_qualify.embed.prompts import prompts_for
from napari_qualify.embed.settings import EmbedSettings, fingerprint
from napari_qualify.embed.texts import encode_statements
from napari_qualify.errors import UsageError
from napari_qualify.progress import Progress, silent
from napari_qualify.qualify import as_library

if TYPE_CHECKING:
    from pandas import DataFrame

    from napari_qualify.library.store import Library

make_callable(__name__, __name__, "search")

COLUMNS = ("rank", "image", "similarity", "kind", "verdict", "criterion", "group", "key")


@dataclass(frozen=True, eq=False)
class Ranking:
    """Micrographs in the order of their similarity to a query.

    Attributes
    ----------
    entries : tuple of Entry
    similarities : ndarray of float32, shape (n,)
        Cosine between unit vectors, in [-1, 1]. Not a probability.
    compared : int
        How many micrographs were compared.
    notes : tuple of str
        What a reader should know: references without a vector, a text that
        was split.
    """

    entries: tuple[Entry, ...]
    similarities: NDArray[np.float32]
    compared: int
    notes: tuple[str, ...] = ()

    def table(self) -> "DataFrame":
        """One row per micrograph, with the columns `COLUMNS`; the notes are in its ``attrs``."""
        import pandas as pd

        rows = []
        for rank, (entry, value) in enumerate(
            zip(self.entries, self.similarities, strict=True), start=1
        ):
            verdicts = "; ".join(verdict for _, verdict in entry.verdicts)
            criteria = "; ".join(criterion for criterion, _ in entry.verdicts)
            rows.append((rank, entry.name, float(value), entry.kind, verdicts, criteria,
                         entry.group, entry.key))  # fmt: skip
        found = pd.DataFrame(rows, columns=list(COLUMNS))
        found.attrs["notes"] = list(self.notes)
        return found


def search(
    library: "Library | str | Path",
    *,
    text: str | None = None,
    image: Source | None = None,
    settings: EmbedSettings | None = None,
    most: bool = True,
    limit: int = 20,
    progress: Progress | None = None,
) -> "DataFrame":
    """Rank the micrographs of a library by their similarity to a text or an image.

    Every micrograph with a vector of the library's encoder takes part: its
    references, and those that were only embedded. Nothing is written.

    Parameters
    ----------
    library : Library or path
    text : str, optional
        Words, compared in the encoder's text space; its encoder must have text.
    image : Micrograph, path or napari Image layer, optional
        Compared by its visual vector. Give a text or an image.
    settings : EmbedSettings, optional
        View, tile and overlap of the vectors that are compared; by default
        those that the library holds most of.
    most : bool
        Most similar first; False for the least similar.
    limit : int
        Longest list.
    progress : callable, optional
        See `napari_qualify.progress`.

    Returns
    -------
    DataFrame
        ``rank``, ``image``, ``similarity`` (cosine, no probability), ``kind``
        ('reference' or 'embedded'), ``verdict`` and ``criterion`` (joined by
        '; ' in the same order: what experts said of a reference, else the last
        assessment), ``group``, ``key``. ``attrs['notes']`` lists what to know.

    Raises
    ------
    UsageError
        Neither or both of text and image; nothing is embedded.
    EncoderError
        The encoder has no text, or cannot be loaded.
    MicrographError, LibraryError, SegmentationError
    """
    check_query(text, image)
    kept = as_library(library)
    report = progress or silent
    report("loading the encoder", 0, 0)
    encoder = load_encoder_for(kept)
    found = catalogue(kept, choose(kept, settings, current(stored_embeddings(kept), encoder)))
    if text is not None:
        return rank_by_text(found, encoder, text, most=most, limit=limit).table()
    query = image_vector(kept, found.stored.settings, encoder, image, progress=report)
    return rank_by_vector(found, query, most=most, limit=limit).table()


def check_query(text: str | None, image: Source | None) -> None:
    """Refuse a query of nothing, or of both.

    Raises
    ------
    UsageError
    """
    if (text is None) == (image is None):
        raise UsageError("search for a text or for an image: give exactly one of the two")
    if text is not None and not text.strip():
        raise UsageError("the text to search for is blank")


def current(stored: list[Stored], encoder: Encoder) -> list[Stored]:
    """Those embeddings that this encoder, as it is now, has made."""
    return [one for one in stored if fingerprint(encoder, one.settings) == one.fingerprint]


def rank_by_text(
    found: Catalogue, encoder: Encoder, text: str, *, most: bool = True, limit: int = 20
) -> Ranking:
    """Rank by the cosine with a text, in the encoder's text space.

    Raises
    ------
    EncoderError
        When the encoder has no text; it says what to install.
    """
    if not encoder.has_text:
        encoder.encode_texts([text])  # raises, and says why
    spoken, notes = encode_statements(encoder, [text], prompts_for(encoder))
    ranking = _rank(found, encoder.to_text_space(found.vectors), spoken[0], most, limit)
    said = tuple(note for note in notes if note)
    return Ranking(ranking.entries, ranking.similarities, ranking.compared, said + ranking.notes)


def rank_by_vector(
    found: Catalogue, vector: NDArray[Any], *, most: bool = True, limit: int = 20
) -> Ranking:
    """Rank by the cosine with a visual unit vector of shape (d,)."""
    return _rank(found, found.vectors, vector, most, limit)


def _rank(
    found: Catalogue, vectors: NDArray[Any], query: NDArray[Any], most: bool, limit: int
) -> Ranking:
    if limit < 1:
        raise UsageError(f"a list of {limit} micrographs; ask for 1 or more")
    # Summed in float64 and rounded: equal vectors come out equal, and stay in order.
    exact = vectors.astype(np.float64) @ np.asarray(query, dtype=np.float64)
    similarities = exact.astype(np.float32)
    order = np.argsort(-similarities if most else similarities, kind="stable")[:limit]
    return Ranking(
        tuple(found.entries[i] for i in order),
        similarities[order],
        len(found.entries),
        found.notes,
    )


def image_vector(
    library: "Library",
    settings: EmbedSettings,
    encoder: Encoder,
    image: Source | None,
    *,
    phases: dict[str, Any] | None = None,
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """Visual unit vector of an image, shape (d,): the stored one, or a new one that is not kept.

    Parameters
    ----------
    library : Library
        Its phases of the image are used where the view needs them and
        `phases` has none.
    settings : EmbedSettings
    encoder : Encoder
    image : Micrograph, path or napari Image layer
    phases : mapping of content hash to Phases, optional
    progress : callable, optional
    """
    micrograph = opened(image)
    if settings.view_name == "raw":
        kept = library.vectors(fingerprint(encoder, settings), [micrograph.key])
        if micrograph.key in kept:
            return kept[micrograph.key]
    known = dict(phases or {})
    if micrograph.content_hash not in known:
        stored = library.load_phases(micrograph.content_hash)
        if stored is not None:
            known[micrograph.content_hash] = stored
    # Without the library: a search writes nothing.
    (one,) = embed_each([micrograph], encoder, settings, phases=known, progress=progress)
    return one.vector
