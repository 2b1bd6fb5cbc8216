"""The verb `qualify`: micrographs and a library in, assessments out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_qualify._verbs import make_callable
from napari_qualify.cases import build_case, limit_verdicts, measured, place_of, sample_limit
from napari_qualify.decide.assess import Case, decisions, no_verdict, verdicts
from napari_qualify.decide.outcome import Outcome
from napari_qualify.decide.tile_map import Place
from napari_qualify.decide.verdict import (
    Assessment,
    Assessments,
    SampleVerdict,
    Verdict,
    overall,
)
from napari_qualify.embed.base import Encoder, Vectors, both_spaces
from napari_qualify.embed.library_encoder import load_encoder_for
from napari_qualify.embed.pipeline import PhasesByHash, Source, each_source, embed_each, opened
from napari_qualify.embed.settings import EmbedSettings, fingerprint, settings_of
from napari_qualify.embed.stored_tiles import StoredTiles
from napari_qualify.errors import UsageError
from napari_qualify.micrograph import Micrograph
from napari_qualify.progress import Progress, silent
from napari_qualify.provenance import provenance

if TYPE_CHECKING:
    from pandas import DataFrame

    from napari_qualify.library.records import Criterion
    from napari_qualify.library.store import Library

CHUNK = 16  # micrographs held in memory at a time
THUMBNAIL = 160

make_callable(__name__, __name__, "qualify")


def qualify(
    micrographs: Source | Iterable[Source],
    library: "Library | str | Path",
    *,
    criteria: Sequence[str] | None = None,
    samples: Mapping[str, str] | None = None,
    population: str = "library",
    phases: PhasesByHash | None = None,
    record: bool = True,
    progress: Progress | None = None,
) -> Assessments:
    """Judge micrographs by the references and statements of a library.

    Parameters
    ----------
    micrographs : Micrograph, path, napari Image layer, or an iterable of them
        Read and embedded a few at a time, so that an iterator over a large
        folder needs little memory.
    library : Library or path
    criteria : sequence of str, optional
        By default all of the library.
    samples : mapping of image name to sample, optional
        Fields of one specimen; by default each micrograph is its own sample.
    population : {'library', 'batch'}
        Over what scores are standardised. With `batch`, the paper's, a score
        depends on the other micrographs of the call.
    phases : mapping of content hash to Phases, optional
        For views and limits; by default those that the library holds.
    record : bool
        Store the assessments in the library.
    progress : callable, optional
        See `napari_qualify.progress`; raise `Cancelled` from it to stop.

    Returns
    -------
    Assessments
        One per micrograph, in order, with the verdicts of the samples.

    Raises
    ------
    UsageError
        If there is no such criterion, or nothing to compare with.
    MicrographError, LibraryError, EncoderError
    """
    kept = as_library(library)
    encoder = load_encoder_for(kept)
    names = _criteria(kept, criteria)
    compared = [name for name in names if not kept.criteria[name].limit]
    limited = [kept.criteria[name] for name in names if name not in compared]
    cases = {n: build_case(kept, n, encoder, population, progress) for n in compared}
    mapped = [name for name, case in cases.items() if case.by_tiles]
    work = _Work(kept, encoder, compared, limited, phases, progress, mapped)
    found = work.run(each_source(micrographs))
    settings = {name: settings_of(kept, name) for name in compared}
    marks = {name: fingerprint(encoder, settings[name]) for name in compared}
    tiles = {n: StoredTiles(kept, encoder, settings[n], work.keys[n]) for n in compared}
    outcomes, table = _judge(cases, encoder, work, tiles, len(found))
    created = datetime.now(UTC).isoformat(timespec="seconds")
    items = tuple(
        replace(
            item,
            sample=(samples or {}).get(item.image, item.image),
            verdicts=tuple(table[n][i] if n in table else work.measured[i][n] for n in names),
            fingerprints=marks,
            library_version=kept.version,
            created=created,
        )
        for i, item in enumerate(found)
    )
    assessments = Assessments(
        items,
        sample_verdicts(items, names, cases, outcomes, limited, work.tables),
        _reference_pictures(kept, items),
        provenance(kept, encoder, names, population, created),
    )
    if record:
        kept.add_assessments(items)
    return assessments


def as_library(library: "Library | str | Path") -> "Library":
    """The library itself, or opened from its path."""
    from napari_qualify.library.store import Library, open_library

    return library if isinstance(library, Library) else open_library(library)


def _criteria(library: "Library", wanted: Sequence[str] | None) -> list[str]:
    if not library.criteria:
        raise UsageError(f"{library.path}: no criterion yet; add one with its references first")
    return [criterion.name for criterion in library.criteria_named(wanted)]


class _Work:
    """Reading, embedding and measuring micrographs, a chunk in memory at a time."""

    def __init__(
        self,
        library: "Library",
        encoder: Encoder,
        compared: Sequence[str],
        limited: Sequence["Criterion"],
        phases: PhasesByHash | None,
        progress: Progress | None,
        mapped: Sequence[str] = (),
    ) -> None:
        self.library, self.encoder, self.limited = library, encoder, limited
        self.phases, self.progress = phases, progress
        self.vectors: dict[str, list[Vectors]] = {name: [] for name in compared}
        self.keys: dict[str, list[str]] = {name: [] for name in compared}
        self.places: dict[str, list[Place]] = {name: [] for name in mapped}
        self.measured: list[dict[str, Verdict]] = []
        self.tables: list[DataFrame | None] = []
        # Criteria that want the same view and tiles share one embedding.
        self._by_settings: dict[EmbedSettings, list[str]] = {}
        for name in compared:
            self._by_settings.setdefault(settings_of(library, name), []).append(name)

    def run(self, micrographs: Iterable[Source]) -> list[Assessment]:
        """Assessments without verdicts, in order."""
        report = self.progress or silent
        total = len(micrographs) if isinstance(micrographs, Sequence) else 0
        found: list[Assessment] = []
        source = iter(micrographs)
        while chunk := [opened(m) for m in islice(source, CHUNK)]:
            report("judging", len(found), max(total, len(found) + len(chunk)))
            notes = self._embed(chunk)
            for m, noted in zip(chunk, notes, strict=True):
                self.tables.append(measured(m, self.limited, self.library, self.phases))
                self.measured.append(limit_verdicts(self.tables[-1], self.limited))
                picture = m.thumbnail(THUMBNAIL)
                found.append(
                    Assessment(
                        m.name,
                        m.name,
                        m.content_hash,
                        m.pixel_size_um,
                        (),
                        notes=tuple(noted),
                        thumbnail=picture,
                        shape=m.shape,
                    )
                )
        report("judging", len(found), len(found))
        return found

    def _embed(self, chunk: Sequence[Micrograph]) -> list[dict[str, None]]:
        """Keep the vectors of a chunk; the notes of each micrograph, in order, once each."""
        notes = [dict.fromkeys(m.notes) for m in chunk]
        for settings, names in self._by_settings.items():
            embedded = embed_each(
                chunk,
                self.encoder,
                settings,
                phases=self.phases,
                library=self.library,
                progress=self.progress,
            )
            for noted, one in zip(notes, embedded, strict=True):
                noted |= dict.fromkeys(one.notes)
                for name in names:
                    self.vectors[name].append(one.vector)
                    self.keys[name].append(one.key)
            for name in set(names).intersection(self.places):
                self.places[name] += [place_of(m, settings) for m in chunk]
        return notes


def _judge(
    cases: Mapping[str, Case],
    encoder: Encoder,
    work: _Work,
    tiles: Mapping[str, StoredTiles],
    count: int,
) -> tuple[dict[str, Outcome | None], dict[str, list[Verdict]]]:
    """Outcome and verdicts of every criterion over all micrographs."""
    outcomes: dict[str, Outcome | None] = {}
    table: dict[str, list[Verdict]] = {}
    for name, case in cases.items():
        if not count:
            outcomes[name], table[name] = None, []
            continue
        rows, in_text_space = both_spaces(encoder, np.stack(work.vectors[name]))
        outcome = case.outcome(rows, in_text_space, tiles[name])
        outcomes[name] = outcome
        table[name] = (
            [no_verdict(case)] * count
            if outcome is None
            else verdicts(case, outcome, rows, in_text_space, work.places.get(name))
        )
    return outcomes, table


def sample_verdicts(
    items: Sequence[Assessment],
    names: Sequence[str],
    cases: Mapping[str, Case],
    outcomes: Mapping[str, Outcome | None],
    limited: Sequence["Criterion"] = (),
    tables: Sequence["DataFrame | None"] = (),
) -> tuple[SampleVerdict, ...]:
    """Verdicts of the samples, per criterion and ('*') over all criteria.

    A sample's score is the mean over its fields, calibrated by group. A limit
    judges the mean over fields with the interval between them. Where there is
    neither (nothing to compare with, phases of a field missing), the fields'
    verdicts are joined: rejected if any is, under review if any is, else
    accepted.
    """
    fields: dict[str, list[int]] = {}
    for i, item in enumerate(items):
        fields.setdefault(item.sample, []).append(i)
    rows: dict[str, list[SampleVerdict]] = {sample: [] for sample in fields}
    for name in names:
        outcome = outcomes.get(name)
        if outcome is None:
            for sample, members in fields.items():
                between = _measured(sample, name, limited, [tables[i] for i in members if tables])
                joined = _joined(sample, [items[i][name] for i in members])
                rows[sample].append(between or joined)
            continue
        pooled = outcome.pooled(list(fields.values()))
        for (sample, members), score, decided in zip(
            fields.items(), pooled.score, decisions(cases[name], pooled), strict=True
        ):
            row = (sample, name, len(members), decided.verdict, float(score), decided.reason)
            rows[sample].append(SampleVerdict(*row))
    found: list[SampleVerdict] = []
    for sample, criteria in rows.items():
        verdict = overall(row.verdict for row in criteria)
        why = "" if verdict == "accept" else _blamed(criteria, verdict)
        found += [*criteria, SampleVerdict(sample, "*", len(fields[sample]), verdict, None, why)]
    return tuple(found)


def _measured(
    sample: str,
    name: str,
    limited: Sequence["Criterion"],
    tables: Sequence["DataFrame | None"],
) -> SampleVerdict | None:
    """Verdict of a measured limit over the fields of a sample, where they pool."""
    for criterion in limited:
        if criterion.name == name:
            found = sample_limit(sample, criterion, tables)
            if found is not None:
                return SampleVerdict(sample, name, len(tables), found.verdict, None, found.reason)
    return None


def _joined(sample: str, fields: Sequence[Verdict]) -> SampleVerdict:
    """The fields' verdicts of one criterion joined, with the reasons of the deciding ones."""
    verdict = overall(field.verdict for field in fields)
    reasons = dict.fromkeys(f.reason for f in fields if f.reason and f.verdict == verdict)
    return SampleVerdict(
        sample, fields[0].criterion, len(fields), verdict, None, "; ".join(reasons)
    )


def _blamed(criteria: Sequence[SampleVerdict], verdict: str) -> str:
    """The criteria that made the overall verdict, as its reason."""
    return "; ".join(row.criterion for row in criteria if row.verdict == verdict)


def _reference_pictures(
    library: "Library", items: Sequence[Assessment]
) -> dict[str, NDArray[np.uint8]]:
    """Thumbnails of the references that any verdict names."""
    named = {
        neighbour.reference
        for item in items
        for verdict in item.verdicts
        for neighbour in (*verdict.evidence.accepted, *verdict.evidence.rejected)
    }
    return {reference: library.thumbnail(reference) for reference in sorted(named)}
