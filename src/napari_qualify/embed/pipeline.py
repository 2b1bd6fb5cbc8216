"""Micrographs to vectors: view, tiles, encoder, pooling, and the library as store."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_qualify.embed.base import Encoder, Vectors
from napari_qualify.embed.registry import load_encoder
from napari_qualify.embed.settings import EmbedSettings, fingerprint, settings_of
from napari_qualify.embed.shelf import Shelf
from napari_qualify.embed.stream import Prepared, encode_stream, job_of, prepare
from napari_qualify.errors import MicrographError, SegmentationError
from napari_qualify.micrograph import Micrograph, read
from napari_qualify.progress import Progress, silent
from napari_qualify.segment.phases import Phases

if TYPE_CHECKING:
    from napari_qualify.library.records import Criterion
    from napari_qualify.library.store import Library

_LARGE_BYTES = 1 << 26  # of a file
_LARGE = Lock()

PhasesByHash = Mapping[str, Phases]
Source = Micrograph | str | Path | Any


@dataclass(frozen=True, eq=False)
class Embedded:
    """One micrograph's vector.

    Attributes
    ----------
    image : str
        Name of the micrograph.
    key : str
        Under which the vector is stored.
    vector : ndarray of float32, shape (d,)
    stored : bool
        It was known; nothing was encoded.
    notes : tuple of str
        What the tiles could not respect: no calibration, a field too small.
    """

    image: str
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
    micrographs: Iterable[Any],
    encoder: Encoder,
    settings: EmbedSettings,
    *,
    phases: PhasesByHash | None = None,
    library: "Library | None" = None,
    progress: Progress | None = None,
    digests: Mapping[str, str] | None = None,
    open_: Callable[[Any], Micrograph | None] | None = None,
) -> Iterator[Embedded]:
    """Embed micrographs as a stream, in order.

    Parameters
    ----------
    micrographs : iterable of Micrograph, path or napari Image layer
        Opened and cut by threads, ahead of the encoder.
    encoder : Encoder
    settings : EmbedSettings
    phases : mapping of content hash to Phases, optional
        For views other than ``raw``; those of the library are used otherwise.
    library : Library, optional
        Vectors that it holds are not computed again; new ones are stored every
        few hundred and at the end, also when it is stopped: a kill loses 15 s
        of work at most.
    progress : callable, optional
        See `napari_qualify.progress`.
    digests : mapping of path to digest, optional
        Digests of the files behind the micrographs, to be stored with the keys.
    open_ : callable, optional
        Gives the micrograph of an item, in a thread; None passes it over.

    Yields
    ------
    Embedded
    """
    with Shelf(library, encoder, settings, digests) as shelf:
        desk = _Desk(encoder, settings, phases, library, shelf, open_ or opened)
        calls = (partial(desk.prepare, item) for item in micrographs)
        total = len(micrographs) if isinstance(micrographs, Sized) else 0
        for job in encode_stream(calls, encoder, progress or silent, total):
            new = job.count > 0
            if job.vector is None:  # the same pixels came earlier in this call
                job.vector = shelf.get(job.key)
            assert job.vector is not None
            shelf.put(job, new)
            yield Embedded(job.name, job.key, job.vector, not new, job.notes)


@dataclass(frozen=True, eq=False)
class _Desk:
    """Makes micrographs ready for the encoder; used by several threads."""

    encoder: Encoder
    settings: EmbedSettings
    phases: PhasesByHash | None
    library: "Library | None"
    shelf: Shelf
    open_: Callable[[Any], Micrograph | None]

    def prepare(self, item: Any) -> Prepared | None:
        """Tiles of an item, or only its key where the vector is known."""
        with _one_at_a_time(item):
            micrograph = self.open_(item)
            if micrograph is None:
                return None
            belonging = _phases_for(micrograph, self.settings, self.phases, self.library)
            key = _key(micrograph, belonging)
            known = self.shelf.get(key)
            if known is not None:
                job = job_of(micrograph, key, self.settings)
                job.vector = known
                return Prepared(job)
            return prepare(
                micrograph,
                belonging,
                key,
                self.encoder,
                self.settings,
                partial(self._again, item, micrograph.content_hash),
            )

    def _again(self, item: Any, content_hash: str) -> Micrograph:
        micrograph = self.open_(item)
        if micrograph is None or micrograph.content_hash != content_hash:
            raise MicrographError(f"{item}: changed while it was read; embed it again")
        return micrograph


def _one_at_a_time(item: Any) -> AbstractContextManager[Any]:
    """Lock for large files: several of them at once may not fit into memory."""
    path = getattr(item, "path", item)
    named = isinstance(path, str | Path) and Path(path).is_file()
    return _LARGE if named and Path(path).stat().st_size > _LARGE_BYTES else nullcontext()


def each_source(micrographs: Source | Iterable[Source]) -> Iterable[Source]:
    """One micrograph, path or layer as a list of one; an iterable of them as it is."""
    if isinstance(micrographs, (Micrograph, str, Path)) or hasattr(micrographs, "data"):
        return [micrographs]
    sources: Iterable[Source] = micrographs
    return sources


def opened(source: Source) -> Micrograph:
    """The micrograph itself, or read from its path or layer."""
    return source if isinstance(source, Micrograph) else read(source)


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
    library: "Library",
    criterion: "str | Criterion | None" = None,
    progress: Progress | None = None,
    encoder: Encoder | None = None,
) -> int:
    """Embed the references that the library holds no vector of.

    Parameters
    ----------
    library : Library
    criterion : str or Criterion, optional
        One criterion, or one of the library's with another view or tile; by
        default all.
    progress : callable, optional
    encoder : Encoder, optional
        By default the library's own.

    Returns
    -------
    int
        How many vectors were added.

    Raises
    ------
    LibraryError
        If a reference's source is needed and out of reach.
    """
    encoder = encoder or load_encoder(library.encoder)
    added = 0
    for one in [criterion] if criterion is not None else list(library.criteria):
        settings = settings_of(library, one)
        keyed = reference_keys(library, one, settings)
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
    library: "Library", criterion: "str | Criterion", settings: EmbedSettings
) -> list[tuple[Any, str]]:
    """The criterion's references with the keys of their vectors."""
    found = []
    name = criterion if isinstance(criterion, str) else criterion.name
    for reference in library.references(name):
        key = reference.key
        if settings.view_name != "raw":
            phases = library.load_phases(reference.content_hash)
            if phases is None:
                raise SegmentationError(
                    f"reference {reference.image!r} of criterion {name!r}: the view "
                    f"{settings.view!r} needs phases and the library has none of it. Segment it "
                    "and store its phases in the library."
                )
            key = f"{key}-{phases.content_hash}"
        found.append((reference, key))
    return found
