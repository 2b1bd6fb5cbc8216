"""The verbs over folders: one file that fails does not stop the others."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from napari_qualify.decide.verdict import Assessments
from napari_qualify.embed.base import Encoder
from napari_qualify.embed.pipeline import embed_each
from napari_qualify.embed.registry import load_encoder
from napari_qualify.embed.settings import EmbedSettings, fingerprint, settings_of, tile_pixels
from napari_qualify.embed.tiles import tile_boxes
from napari_qualify.embed.views import Picture
from napari_qualify.errors import SegmentationError, UsageError
from napari_qualify.files import (
    Failure,
    Found,
    Item,
    column_by_image,
    file_digest,
    find_micrographs,
    read_all,
)
from napari_qualify.micrograph import Micrograph
from napari_qualify.progress import Progress, silent
from napari_qualify.qualify import as_library, qualify

if TYPE_CHECKING:
    from napari_qualify.library.store import Library


@dataclass(frozen=True, eq=False)
class Batch:
    """What became of the micrographs of some folders.

    Attributes
    ----------
    assessments : Assessments
    failures : tuple of Failure
        What could not be judged, with the reason.
    skipped : int
        Files in the folders whose names are not those of images.
    """

    assessments: Assessments
    failures: tuple[Failure, ...] = ()
    skipped: int = 0


@dataclass(frozen=True)
class Embedded:
    """How many vectors were computed, how many were there, and what failed."""

    new: int
    stored: int
    failures: tuple[Failure, ...] = ()


def classify(
    paths: Sequence[str | Path],
    library: "Library | str | Path",
    *,
    samples_csv: str | Path | None = None,
    pixel_size_um: float | None = None,
    progress: Progress | None = None,
) -> Batch:
    """Judge the micrographs under files, folders and patterns.

    Parameters
    ----------
    paths : sequence of str or Path
        Files, folders (with their subfolders) or patterns.
    library : Library or path
    samples_csv : path, optional
        Table with the columns image and sample; an image is named relative to
        it, or by a file name that occurs once.
    pixel_size_um : float, optional
        Micrometres per pixel of all of them; overrides what the files say.
    progress : callable, optional
        See `napari_qualify.progress`.

    Returns
    -------
    Batch
        Micrographs are read a few at a time; memory does not grow with their
        number, but for a small picture and the numbers of each.

    Raises
    ------
    UsageError
        When nothing is found, or the table is wrong.
    LibraryError, EncoderError
    """
    kept = as_library(library)
    found = micrographs_under(paths, pixel_size_um)
    samples = {}
    if samples_csv is not None:
        by_item = column_by_image(samples_csv, "sample", found.named)
        samples = {item.name: sample for item, sample in by_item.items()}
    return judge(found, kept, samples=samples, pixel_size_um=pixel_size_um, progress=progress)


def judge(
    found: Found,
    library: "Library | str | Path",
    *,
    criteria: Sequence[str] | None = None,
    samples: Mapping[str, str] | None = None,
    population: str = "library",
    pixel_size_um: float | None = None,
    record: bool = True,
    progress: Progress | None = None,
) -> Batch:
    """Judge micrographs that were found already, see `micrographs_under`.

    Parameters
    ----------
    found : Found
    library : Library or path
    criteria, samples, population, record
        As `napari_qualify.qualify` takes them.
    pixel_size_um, progress
        As `classify` takes them.

    Returns
    -------
    Batch

    Raises
    ------
    UsageError, LibraryError, EncoderError
    """
    kept = as_library(library)
    names = kept.criteria if criteria is None else [c for c in criteria if c in kept.criteria]
    compared = [name for name in names if not kept.criteria[name].limit]
    settings = {settings_of(kept, name) for name in compared}
    failures = list(found.failures)
    source = readable(found, failures, pixel_size_um, kept, settings, progress)
    assessments = qualify(
        source,
        kept,
        criteria=criteria,
        samples=samples,
        population=population,
        record=record,
        progress=progress,
    )
    return Batch(assessments, tuple(sorted(failures)), found.skipped)


def embed_files(
    paths: Sequence[str | Path],
    library: "Library | str | Path",
    *,
    settings: EmbedSettings | None = None,
    pixel_size_um: float | None = None,
    progress: Progress | None = None,
) -> Embedded:
    """Embed micrographs ahead of time, as the library's criteria will want them.

    Parameters
    ----------
    paths, library, pixel_size_um, progress
        As `classify` takes them.
    settings : EmbedSettings, optional
        View and tiles; by default those of every criterion.

    Returns
    -------
    Embedded
        Vectors that the library held already cost nothing but the reading.
    """
    kept = as_library(library)
    found = micrographs_under(paths, pixel_size_um)
    encoder = load_encoder(kept.encoder)
    wanted = {settings_of(kept, n) for n, c in kept.criteria.items() if not c.limit}
    if settings is not None:
        wanted = {settings}
    failures = set(found.failures)
    counts = {True: 0, False: 0}
    digests = {str(path): file_digest(path, pixel_size_um) for path, _ in found.items}
    for one_way in sorted(wanted or {EmbedSettings()}, key=repr):
        unknown = _unknown(found, digests, kept, encoder, one_way)
        counts[True] += len(found.items) - len(unknown.items)
        opening = Opening(kept, {one_way}, pixel_size_um, digests)
        each = embed_each(
            unknown.items,
            encoder,
            one_way,
            library=kept,
            progress=progress,
            digests=digests,
            open_=opening,
        )
        for one in each:
            counts[one.stored] += 1
        failures |= set(opening.failures)
    return Embedded(counts[False], counts[True], tuple(sorted(failures)))


@dataclass(frozen=True)
class Opening:
    """Opens the items of a folder; those that cannot be embedded become failures."""

    library: "Library"
    settings: set[EmbedSettings]
    pixel_size_um: float | None
    digests: dict[str, str] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    def __call__(self, item: Item) -> Micrograph | None:
        """Micrograph of an item; the digest of a file that changed meanwhile is forgotten."""
        found = next(read_all(Found([item]), pixel_size_um=self.pixel_size_um))
        if isinstance(found, Micrograph):
            try:
                for one in self.settings:
                    _check(found, one, self.library)
            except (SegmentationError, UsageError) as error:
                found = Failure(item.name, _named(item.name, str(error)))
        if isinstance(found, Failure):
            self.failures.append(found)
            return None
        path = str(item.path)
        known = self.digests.get(path)
        if known and file_digest(path, self.pixel_size_um) != known:
            self.digests[path] = ""
        return found


def _unknown(
    found: Found,
    digests: Mapping[str, str],
    library: "Library",
    encoder: Encoder,
    settings: EmbedSettings,
) -> Found:
    """What must be read: a file of known bytes has its vector, unless phases have a say."""
    if settings.view_name != "raw":
        return found
    known = library.embedded_files(fingerprint(encoder, settings))
    return Found([item for item in found.items if digests[str(item.path)] not in known])


def write_batch(batch: Batch, out: str | Path) -> Path:
    """Write the report of a batch into a folder; return the path of report.html."""
    from napari_qualify.report.run import report

    return report(batch.assessments, out, failures=batch.failures)


def micrographs_under(paths: Sequence[str | Path], pixel_size_um: float | None = None) -> Found:
    """Find the micrographs under files, folders and patterns; none is an error.

    Raises
    ------
    UsageError
        When nothing is found, or the pixel size is not above 0.
    """
    if pixel_size_um is not None and not (math.isfinite(pixel_size_um) and pixel_size_um > 0):
        raise UsageError(f"pixel size {pixel_size_um} um; it must be above 0")
    found = find_micrographs(paths)
    if not found.items and not found.failures:
        looked = ", ".join(map(str, paths))
        others = f"; {found.skipped} other files were passed over" if found.skipped else ""
        raise UsageError(f"{looked}: no micrographs here{others}. Name files or another folder.")
    return found


def readable(
    found: Found,
    failures: list[Failure],
    pixel_size_um: float | None,
    library: "Library",
    settings: set[EmbedSettings],
    progress: Progress | None,
) -> Iterator[Micrograph]:
    """Micrographs that can be embedded as `settings` say, one at a time.

    The others are added to `failures`.
    """
    report = progress or silent
    total = len(found.items)
    opening = Opening(library, settings, pixel_size_um, failures=failures)
    for done, item in enumerate(found.items):
        report("reading", done, total)
        micrograph = opening(item)
        if micrograph is not None:
            yield micrograph
    report("reading", total, total)


def _check(micrograph: Micrograph, settings: EmbedSettings, library: "Library") -> None:
    """Find out before embedding whether this micrograph has the view and the tiles."""
    if settings.view_name != "raw":
        phases = library.load_phases(micrograph.content_hash)
        Picture(micrograph, phases, settings.view_name, settings.phase)
    tile_boxes(micrograph.shape, tile_pixels(micrograph, settings)[0], settings.overlap)


def _named(name: str, message: str) -> str:
    return message if message.startswith(f"{name}: ") else f"{name}: {message}"
