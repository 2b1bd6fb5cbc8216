"""The micrographs of a library that have vectors: what a search ranks and a map shows."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_qualify.decide.verdict import overall
from napari_qualify.embed.settings import EmbedSettings
from napari_qualify.errors import LibraryError, MicrographError, UsageError
from napari_qualify.library import sources
from napari_qualify.micrograph import Micrograph, read

if TYPE_CHECKING:
    from napari_qualify.library.records import Reference
    from napari_qualify.library.store import Library

THUMBNAIL = 96


@dataclass(frozen=True)
class Stored:
    """Embeddings of one fingerprint in a library.

    Attributes
    ----------
    fingerprint : str
    encoder : str
        Name of the encoder that made them.
    settings : EmbedSettings
        View, tile and overlap.
    count : int
        How many vectors.
    """

    fingerprint: str
    encoder: str
    settings: EmbedSettings
    count: int


@dataclass(frozen=True, eq=False)
class Entry:
    """A micrograph of the library with a vector.

    Attributes
    ----------
    key : str
        Under which the vector is stored.
    image : str
        Name of a reference; else path relative to the library's folder, or a
        layer's name, as it was embedded; '' when unknown.
    references : tuple of Reference
        All that experts said of these pixels; empty when it was only embedded.
    judged : mapping of str to str
        Verdict by criterion of its last assessment in the library.
    """

    key: str
    image: str
    references: tuple["Reference", ...] = ()
    judged: Mapping[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """'reference' or 'embedded'."""
        return "reference" if self.references else "embedded"

    @property
    def name(self) -> str:
        """What to call it."""
        return self.image or f"micrograph {self.key[:8]}"

    @property
    def verdicts(self) -> tuple[tuple[str, str], ...]:
        """(criterion, verdict), each once: the experts' of a reference, else the last judged."""
        said = [(r.criterion, str(r.verdict)) for r in self.references]
        return tuple(dict.fromkeys(said or self.judged.items()))

    @property
    def verdict(self) -> str:
        """All verdicts joined: rejected if any rejects; '' when there is none."""
        found: list[Any] = [verdict for _, verdict in self.verdicts]
        return overall(found) if found else ""

    @property
    def group(self) -> str:
        """The specimens that it was said to show, joined."""
        return "; ".join(dict.fromkeys(r.group for r in self.references))


@dataclass(frozen=True, eq=False)
class Catalogue:
    """Micrographs with their vectors, of one fingerprint.

    Attributes
    ----------
    stored : Stored
    entries : tuple of Entry
        One per micrograph, in the order in which they were embedded.
    vectors : ndarray of float32, shape (n, d)
        Unit vectors.
    notes : tuple of str
        References that have no such vector.
    """

    stored: Stored
    entries: tuple[Entry, ...]
    vectors: NDArray[np.float32]
    notes: tuple[str, ...] = ()


def stored_embeddings(library: "Library") -> list[Stored]:
    """What a library holds vectors of, the fullest first.

    Parameters
    ----------
    library : Library

    Returns
    -------
    list of Stored
    """
    found = []
    for fingerprint, description in library.fingerprints().items():
        known = {f.name: description[f.name] for f in fields(EmbedSettings)
                 if f.name in description}  # fmt: skip
        encoder = str(description.get("encoder", library.encoder))
        count = len(library.embedded(fingerprint))
        found.append(Stored(fingerprint, encoder, EmbedSettings(**known), count))
    return sorted(found, key=lambda one: -one.count)


def catalogue(library: "Library", stored: Stored) -> Catalogue:
    """List the micrographs with a vector of one fingerprint, each once.

    Parameters
    ----------
    library : Library
    stored : Stored
        One of `stored_embeddings`.

    Returns
    -------
    Catalogue
        Of a micrograph embedded with several label images the last one counts.
    """
    table = library.embedded(stored.fingerprint)
    # key is MICROGRAPH or MICROGRAPH-PHASES
    last = {_micrograph(key): (key, image)
            for key, image in zip(table["key"], table["image"], strict=True)}  # fmt: skip
    references: dict[str, list[Reference]] = {}
    for reference in library.references():
        references.setdefault(reference.key, []).append(reference)
    judged = _judged(library)
    entries = []
    for micrograph, (key, image) in last.items():
        known = references.get(micrograph, [])
        name = known[0].image if known else image
        entries.append(Entry(key, name, tuple(known), judged.get(micrograph, {})))
    kept = library.vectors(stored.fingerprint, [entry.key for entry in entries])
    vectors = np.zeros((0, 0), np.float32)
    if entries:
        vectors = np.stack([kept[entry.key] for entry in entries])
    missing = len(references.keys() - last.keys())
    notes: tuple[str, ...] = ()
    if missing:
        many = "1 reference has" if missing == 1 else f"{missing} references have"
        notes = (f"{many} no vector of this view and tile, and cannot be found.",)
    return Catalogue(stored, tuple(entries), vectors, notes)


def _micrograph(key: str) -> str:
    return key.partition("-")[0]


def _judged(library: "Library") -> dict[str, dict[str, str]]:
    """Verdicts by criterion of the last assessment of each micrograph, by its key."""
    found = {}
    for record in library.assessments():
        key = percentile_key(record["content_hash"], record["pixel_size_um"])
        found[key] = {v["criterion"]: v["verdict"] for v in record["verdicts"]}
    return found


def percentile_key(content_hash: str, pixel_size_um: float | None) -> str:
    """`Micrograph.key` of a micrograph with the default intensity policy."""
    size = "" if pixel_size_um is None else f"{pixel_size_um:.9g}"
    return hashlib.sha256(f"{content_hash}|{size}|None".encode()).hexdigest()


def open_entry(library: "Library", entry: Entry) -> Micrograph:
    """Read the micrograph of an entry again, read-only.

    Parameters
    ----------
    library : Library
    entry : Entry

    Returns
    -------
    Micrograph

    Raises
    ------
    LibraryError
        When no file inside the library's folder has its pixels.
    """
    problem: LibraryError | None = None
    for reference in entry.references:
        try:
            return library.micrograph(reference)
        except LibraryError as error:
            problem = error
    if problem is not None:
        raise problem
    return _reopen(library, entry)


def _reopen(library: "Library", entry: Entry) -> Micrograph:
    folder = library.path.parent
    if not entry.image:
        raise LibraryError(f"{entry.name}: the library does not know which file it was.")
    there = False
    try:
        for file in sources.candidates(entry.image, folder, ()):
            there = True
            found = matching(read(file, name=entry.image), entry, library)
            if found is not None:
                return found
    except (LibraryError, MicrographError) as error:
        raise LibraryError(f"{entry.name}: {error}") from error
    if there:
        raise LibraryError(
            f"{entry.name}: the file has changed since it was embedded; it was not opened. "
            "Embed it again."
        )
    raise LibraryError(
        f"{entry.name}: there is no such file in {folder}. It was embedded from a layer, or has "
        "been moved since."
    )


def matching(micrograph: Micrograph, entry: Entry, library: "Library") -> Micrograph | None:
    """The micrograph if its pixels are the entry's, with the pixel size it was embedded with."""
    tried = set()
    for size in chain([micrograph.pixel_size_um, None], _pixel_sizes(library)):
        if size not in tried:
            tried.add(size)
            sized = replace(micrograph, pixel_size_um=size)
            if sized.key == _micrograph(entry.key):
                return sized
    return None


def _pixel_sizes(library: "Library") -> Iterator[float | None]:
    """Pixel sizes that users gave in this library, which may not be those of the files."""
    for reference in library.references():
        yield reference.pixel_size_um
    for record in library.assessments():
        yield record["pixel_size_um"]


def picture(library: "Library", entry: Entry, side: int = THUMBNAIL) -> NDArray[np.uint8]:
    """Small picture of an entry, uint8 RGB of shape (Y, X, 3).

    Raises
    ------
    LibraryError
        When there is none: the file is missing, elsewhere or changed.
    """
    if entry.references:
        return library.thumbnail(entry.references[0].id)
    return open_entry(library, entry).thumbnail(side)


def choose(library: "Library", settings: EmbedSettings | None, among: list[Stored]) -> Stored:
    """Choose embeddings by their settings, the fullest by default.

    Parameters
    ----------
    library : Library
        For the message.
    settings : EmbedSettings or None
    among : list of Stored
        The fullest first.

    Raises
    ------
    UsageError
        When there is none of these settings.
    """
    for one in among:
        if settings is None or one.settings == settings:
            return one
    what = "no embedded micrograph" if settings is None else f"none embedded with {words(settings)}"
    there = "; it has " + ", ".join(words(one.settings) for one in among) if among else ""
    raise UsageError(
        f"{library.path.name}: {what}{there}. Embed micrographs with its encoder "
        f"{library.encoder} first: napari-qualify embed, or the widget 'Embed micrographs'."
    )


def words(settings: EmbedSettings) -> str:
    """View and tile in words."""
    tile = "whole field" if settings.tile_um is None else f"tile {settings.tile_um:g} µm"
    overlap = (
        "" if settings.overlap == EmbedSettings().overlap else f", overlap {settings.overlap:g}"
    )
    return f"{settings.view}, {tile}{overlap}"
