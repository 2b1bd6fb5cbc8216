"""Micrographs to vectors: view, tiles, encoder, pooling, and the library as store."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_qualify.embed.base import Encoder, Vectors
from napari_qualify.embed.registry import load_encoder
from napari_qualify.embed.settings import (
    EmbedSettings,
    describe,
    fingerprint,
    settings_of,
    tile_pixels,
)
from napari_qualify.embed.tiles import tile_image
from napari_qualify.embed.views import render_view
from napari_qualify.errors import SegmentationError
from napari_qualify.micrograph import Micrograph, read
from napari_qualify.progress import Progress, silent
from napari_qualify.segment.phases import Phases

if TYPE_CHECKING:
    from napari_qualify.library.store import Library

CHUNK = 16  # micrographs embedded, and stored, together

PhasesByHash = Mapping[str, Phases]
Source = Micrograph | str | Path | Any


@dataclass(frozen=True, eq=False)
class Embedded:
    """One micrograph's vector.

    Attributes
    ----------
    micrograph : Micrograph
    key : str
        Under which the vector is stored.
    vector : ndarray of float32, shape (d,)
    stored : bool
        It came from the library; nothing was encoded.
    notes : tuple of str
        What the tiles could not respect: no calibration, a field too small.
    """

    micrograph: Micrograph
    key: str
    vector: Vectors
    stored: bool
    notes: tuple[str, ...] = ()


def _phases_for(
    micrograph: Micrograph,
    settings: EmbedSettings,
    phases: PhasesByHash | None,
    library: "Library | None",
) -> Phases | None:
    if settings.view_name == "raw":
        return None
    found = (phases or {}).get(micrograph.content_hash)
    if found is None and library is not None:
        found = library.load_phases(micrograph.content_hash)
    if found is None:
        raise SegmentationError(
            f"{micrograph.name}: the view {settings.view!r} needs phases and there are none. "
            "Segment it first and store its phases in the library, or use the view 'raw'."
        )
    return found


def _key(micrograph: Micrograph, phases: Phases | None) -> str:
    return micrograph.key if phases is None else f"{micrograph.key}-{phases.content_hash}"


def embed_each(
    micrographs: Iterable[Source],
    encoder: Encoder,
    settings: EmbedSettings,
    *,
    phases: PhasesByHash | None = None,
    library: "Library | None" = None,
    progress: Progress | None = None,
) -> Iterator[Embedded]:
    """Embed micrographs one chunk at a time, in order.

    Parameters
    ----------
    micrographs : iterable of Micrograph, path or napari Image layer
    encoder : Encoder
    settings : EmbedSettings
    phases : mapping of content hash to Phases, optional
        For views other than ``raw``; those of the library are used otherwise.
    library : Library, optional
        Vectors that it holds are not computed again; new ones are stored, chunk
        by chunk, so that a stop loses at most the chunk at work.
    progress : callable, optional
        See `napari_qualify.progress`.

    Yields
    ------
    Embedded
    """
    mark = fingerprint(encoder, settings)
    source = iter(micrographs)
    while chunk := [opened(m) for m in islice(source, CHUNK)]:
        belonging = [_phases_for(m, settings, phases, library) for m in chunk]
        keys = [_key(m, p) for m, p in zip(chunk, belonging, strict=True)]
        known = {} if library is None else library.vectors(mark, keys)
        new = {k: i for i, k in reversed(list(enumerate(keys))) if k not in known}
        if new:
            rows = sorted(new.values())
            vectors = _encode(
                [chunk[i] for i in rows], [belonging[i] for i in rows], encoder, settings, progress
            )
            fresh = dict(zip((keys[i] for i in rows), vectors, strict=True))
            if library is not None:
                library.store_vectors(
                    mark,
                    describe(encoder, settings),
                    list(fresh),
                    np.stack(list(fresh.values())),
                    encoder.precision,
                )
            known = {**known, **fresh}
        for micrograph, key in zip(chunk, keys, strict=True):
            notes = tuple(tile_pixels(micrograph, settings)[1])
            yield Embedded(micrograph, key, known[key], key not in new, notes)


def each_source(micrographs: Source | Iterable[Source]) -> Iterable[Source]:
    """One micrograph, path or layer as a list of one; an iterable of them as it is."""
    if isinstance(micrographs, (Micrograph, str, Path)) or hasattr(micrographs, "data"):
        return [micrographs]
    sources: Iterable[Source] = micrographs
    return sources


def opened(source: Source) -> Micrograph:
    """The micrograph itself, or read from its path or layer."""
    return source if isinstance(source, Micrograph) else read(source)


def _encode(
    micrographs: Sequence[Micrograph],
    phases: Sequence[Phases | None],
    encoder: Encoder,
    settings: EmbedSettings,
    progress: Progress | None,
) -> list[Vectors]:
    """One unit vector per micrograph: the mean of its tiles' vectors.

    Each micrograph is encoded by itself: a vector must not depend, in its last
    digits, on what else was in the batch.
    """
    report = progress or silent
    found = []
    for done, (micrograph, belonging) in enumerate(zip(micrographs, phases, strict=True)):
        report("embedding", done, len(micrographs))
        picture = render_view(micrograph, belonging, settings.view_name, settings.phase)
        side, _ = tile_pixels(micrograph, settings)
        tiles = tile_image(picture, side, encoder.side, settings.overlap)
        vectors = encoder.encode_images(list(tiles.images), progress)
        pooled = vectors.mean(axis=0)
        found.append(pooled / max(float(np.linalg.norm(pooled)), 1e-12))
    report("embedding", len(micrographs), len(micrographs))
    return found


def embed(
    micrographs: Source | Iterable[Source],
    encoder: str | Encoder = "lite",
    *,
    view: str = "raw",
    tile_um: float | None = None,
    phases: PhasesByHash | None = None,
    library: "Library | None" = None,
    progress: Progress | None = None,
) -> Vectors:
    """Visual vectors of micrographs.

    Parameters
    ----------
    micrographs : Micrograph, path, napari Image layer, or an iterable of them
    encoder : str or Encoder
        Name of an encoder, or a loaded one.
    view : {'raw', 'masked:PHASE', 'overlay', 'phases'}
        What of a micrograph is shown to the encoder.
    tile_um : float, optional
        Side of the tiles in micrometres; by default squares of the short side.
    phases : mapping of content hash to Phases, optional
        Needed for views other than ``raw``.
    library : Library, optional
        Where vectors are looked up and stored.
    progress : callable, optional
        See `napari_qualify.progress`.

    Returns
    -------
    ndarray of float32, shape (n, d)
        Unit vectors, in the order of the micrographs.

    Raises
    ------
    MicrographError, SegmentationError, EncoderError
    """
    loaded = load_encoder(encoder) if isinstance(encoder, str) else encoder
    found = embed_each(
        each_source(micrographs),
        loaded,
        EmbedSettings(view, tile_um),
        phases=phases,
        library=library,
        progress=progress,
    )
    vectors = [e.vector for e in found]
    return np.stack(vectors) if vectors else np.empty((0, loaded.dim), dtype=np.float32)


def embed_references(
    library: "Library", criterion: str | None = None, progress: Progress | None = None
) -> int:
    """Embed the references that the library holds no vector of.

    Parameters
    ----------
    library : Library
    criterion : str, optional
        One criterion; by default all.
    progress : callable, optional

    Returns
    -------
    int
        How many vectors were added.

    Raises
    ------
    LibraryError
        If a reference's source is needed and out of reach.
    """
    encoder = load_encoder(library.encoder)
    added = 0
    for name in [criterion] if criterion is not None else list(library.criteria):
        settings = settings_of(library, name)
        keyed = reference_keys(library, name, settings)
        known = library.vectors(fingerprint(encoder, settings), [key for _, key in keyed])
        missing = [reference for reference, key in keyed if key not in known]
        each = embed_each(
            (library.micrograph(reference) for reference in missing),
            encoder,
            settings,
            library=library,
            progress=progress,
        )
        added += sum(not e.stored for e in each)
    return added


def reference_keys(
    library: "Library", criterion: str, settings: EmbedSettings
) -> list[tuple[Any, str]]:
    """The criterion's references with the keys of their vectors."""
    found = []
    for reference in library.references(criterion):
        key = reference.key
        if settings.view_name != "raw":
            phases = library.load_phases(reference.content_hash)
            if phases is None:
                raise SegmentationError(
                    f"reference {reference.image!r} of criterion {criterion!r}: the view "
                    f"{settings.view!r} needs phases and the library has none of it. Segment it "
                    "and store its phases in the library."
                )
            key = f"{key}-{phases.content_hash}"
        found.append((reference, key))
    return found
