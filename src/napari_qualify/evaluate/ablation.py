"""Ablation: the same micrographs judged under every setting, by the same references."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_qualify.cases import build_case
from napari_qualify.decide.assess import Case, verdicts
from napari_qualify.decide.rules import Floats
from napari_qualify.decide.settings import PAPER, TILES
from napari_qualify.decide.verdict import Assessment, Verdict
from napari_qualify.embed.base import Encoder, Vectors, both_spaces
from napari_qualify.embed.library_encoder import load_encoder_for
from napari_qualify.embed.pipeline import PhasesByHash, embed_each, opened
from napari_qualify.embed.registry import load_encoder
from napari_qualify.embed.settings import EmbedSettings, settings_of
from napari_qualify.embed.stored_tiles import StoredTiles
from napari_qualify.errors import EncoderError, LibraryError, SegmentationError, UsageError
from napari_qualify.evaluate.ablation_grid import AXES, Grid, Tried, default_grid
from napari_qualify.evaluate.compare import paired_difference
from napari_qualify.evaluate.metrics import metrics
from napari_qualify.evaluate.plots import encoder_name
from napari_qualify.evaluate.table import judged_table, notes_of
from napari_qualify.micrograph import Micrograph
from napari_qualify.progress import Progress, silent
from napari_qualify.qualify import as_library

if TYPE_CHECKING:
    from pathlib import Path

    from napari_qualify.library.records import Criterion
    from napari_qualify.library.store import Library

TABLE_COLUMNS = (*AXES, "criterion", "metric", "value", "low", "high", "n", "groups", "note")
DIFFERENCE_COLUMNS = (*AXES, "criterion", "metric", "difference", "low", "high", "p")
COMPARED = ("balanced_accuracy", "auroc")
"""Metrics whose differences to the first setting are given."""

ALL = "*"  # the mean over the criteria

# What one setting may lack; anything else is an error of the whole.
_LACKING = (EncoderError, LibraryError, SegmentationError, UsageError)


@dataclass(frozen=True)
class Ablation:
    """What an ablation found.

    Attributes
    ----------
    default : Tried
        The setting that the others are compared with.
    table : DataFrame
        Columns `TABLE_COLUMNS`; a setting that cannot be had has one row per
        criterion with `note`, and no value.
    differences : DataFrame
        Columns `DIFFERENCE_COLUMNS`: metric of a setting minus that of the
        default on the same images, 95 % interval, groups resampled for both
        alike. The criterion ``*`` is the mean over all.
    notes : tuple of str
        What was left out of the labels, and why.
    """

    default: Tried
    table: pd.DataFrame
    differences: pd.DataFrame
    notes: tuple[str, ...] = ()


def ablate(
    library: "Library | str | Path",
    labels: pd.DataFrame,
    micrographs: Sequence[Any],
    grid: Grid | None = None,
    *,
    phases: PhasesByHash | None = None,
    draws: int = 1000,
    seed: int = 0,
    open_: Callable[[Any], Micrograph] = opened,
    progress: Progress | None = None,
) -> Ablation:
    """Judge labelled micrographs under every setting of a grid.

    Every setting sees the references of the library and nothing of the labels.
    A micrograph is embedded once per encoder, view and tile size; the vectors
    are kept in the library.

    Parameters
    ----------
    library : Library or path
    labels : DataFrame
        As `napari_qualify.evaluate.table.read_labels` gives it.
    micrographs : sequence of Micrograph, path or napari Image layer
        Named as in `labels`; opened again for each view.
    grid : Grid, optional
        By default `default_grid`.
    phases : mapping of content hash to Phases, optional
        Of the micrographs, for views; by default those that the library holds.
    draws, seed : int
        Of the bootstrap.
    open_ : callable, optional
        Gives the micrograph of an item, where items are something else.
    progress : callable, optional
        See `napari_qualify.progress`.

    Returns
    -------
    Ablation

    Raises
    ------
    UsageError
        When no criterion is compared with references, or a name in `grid` is
        unknown.
    MicrographError
        When a micrograph cannot be read.
    """
    kept = as_library(library)
    names = [name for name, criterion in kept.criteria.items() if not criterion.limit]
    if not names:
        raise UsageError(f"{kept.path}: no criterion that is compared with references")
    report = progress or silent
    desk = _Desk(kept, list(micrographs), open_, phases, report)
    settings = (grid or default_grid(kept)).settings()
    judged: dict[Tried, pd.DataFrame] = {}
    rows: list[list[Any]] = []
    for done, tried in enumerate(settings):
        report("settings", done, len(settings))
        found, lacking = desk.judge(tried, names)
        rows += [
            [*tried, name, "", np.nan, np.nan, np.nan, 0, 0, why] for name, why in lacking.items()
        ]
        if found:
            table = judged_table(desk.assessments(found), labels, str(tried), library=kept)
            judged[tried] = table
            measured = metrics(table, draws, seed).drop(columns="setting")
            rows += [[*tried, *row, ""] for row in measured.itertuples(index=False)]
    report("settings", len(settings), len(settings))
    differences = _differences(settings[0], judged, draws, seed, report)
    notes = notes_of(*judged.values())
    return Ablation(
        settings[0], pd.DataFrame(rows, columns=list(TABLE_COLUMNS)), differences, tuple(notes)
    )


def one_change(ablation: Ablation) -> pd.DataFrame:
    """Differences of the settings that depart from the default in one thing, named.

    Returns
    -------
    DataFrame
        As `Ablation.differences`, with the column ``change``. The rule
        ``paper`` brings its own population, which does not count.
    """
    found = []
    for row in ablation.differences.to_dict("records"):
        apart = [axis for axis in AXES if row[axis] != getattr(ablation.default, axis)]
        if row["rule"] == PAPER != ablation.default.rule and "population" in apart:
            apart.remove("population")
        if len(apart) == 1:
            found.append({**row, "change": _change(apart[0], row[apart[0]])})
    return pd.DataFrame(found, columns=[*DIFFERENCE_COLUMNS, "change"])


def _change(axis: str, value: str) -> str:
    if axis == "population":
        return {"library": "z over the library", "batch": "z over the batch"}.get(value, "no z")
    return f"{axis} {encoder_name(value) if axis == 'encoder' else value}"


_Embedded = tuple[Floats, Floats | None, StoredTiles]
"""Vectors, the same in the space of the encoder's text, and those of the tiles."""


@dataclass
class _Desk:
    """Encoders, vectors and cases, each made once; a text says why there is none."""

    library: "Library"
    micrographs: list[Any]
    open_: Callable[[Any], Micrograph]
    phases: PhasesByHash | None
    report: Progress
    images: list[Assessment] = field(init=False)
    _encoders: dict[str, Encoder | str] = field(default_factory=dict)
    _vectors: dict[tuple[str, EmbedSettings], _Embedded | str] = field(default_factory=dict)
    _cases: dict[tuple[str, str, EmbedSettings], Case | str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.images = []
        for done, item in enumerate(self.micrographs):
            self.report("reading", done, len(self.micrographs))
            m = self.open_(item)
            self.images.append(Assessment(m.name, m.name, m.content_hash, m.pixel_size_um, ()))
        if not self.images:
            raise UsageError("no micrographs to judge; name some that have labels")

    def assessments(self, found: dict[str, list[Verdict]]) -> Iterable[Assessment]:
        """The micrographs with their verdicts of every criterion."""
        for i, image in enumerate(self.images):
            yield replace(image, verdicts=tuple(each[i] for each in found.values()))

    def judge(
        self, tried: Tried, names: Sequence[str]
    ) -> tuple[dict[str, list[Verdict]], dict[str, str]]:
        """Verdicts by criterion, and why others have none."""
        found: dict[str, list[Verdict]] = {}
        lacking: dict[str, str] = {}
        for name in names:
            result = self._judge(tried, name)
            if isinstance(result, str):
                lacking[name] = result
            else:
                found[name] = result
        return found, lacking

    def _judge(self, tried: Tried, name: str) -> list[Verdict] | str:
        # The rest of the setting is replaced below; nearest tiles have tiles of their own.
        rule = TILES if tried.rule.strip() == TILES else "auto"
        update = {"view": tried.view, "rule": rule, "modality": "auto"}
        criterion = self.library.criteria[name].model_copy(update=update)
        case = self._case(tried.encoder, criterion)
        if isinstance(case, str):
            return case
        vectors = self._embedded(tried.encoder, settings_of(self.library, criterion))
        if isinstance(vectors, str):
            return vectors
        try:
            case = replace(
                case, rule=tried.rule, modality=tried.modality, population=tried.population
            )
            outcome = case.outcome(*vectors)
        except UsageError as error:
            return str(error)
        if outcome is None:
            return "nothing to compare with: no references, and no statements that can be read"
        return verdicts(case, outcome, *vectors[:2])

    def _encoder(self, spec: str) -> Encoder | str:
        if spec not in self._encoders:
            try:
                own = spec == self.library.encoder
                self._encoders[spec] = load_encoder_for(self.library) if own else load_encoder(spec)
            except EncoderError as error:
                self._encoders[spec] = str(error)
        return self._encoders[spec]

    def _case(self, spec: str, criterion: "Criterion") -> Case | str:
        """The criterion, with the view that is tried, under an encoder."""
        encoder = self._encoder(spec)
        if isinstance(encoder, str):
            return encoder
        key = (spec, criterion.name, settings_of(self.library, criterion))
        if key not in self._cases:
            try:
                self._cases[key] = build_case(
                    self.library, criterion, encoder, progress=self.report
                )
            except _LACKING as error:
                self._cases[key] = str(error)
        return self._cases[key]

    def _embedded(self, spec: str, settings: EmbedSettings) -> _Embedded | str:
        """Vectors of all micrographs, and the same in the space of the encoder's text."""
        encoder = self._encoder(spec)
        assert not isinstance(encoder, str)  # it has made a case
        key = (spec, settings)
        if key not in self._vectors:
            try:
                self._vectors[key] = self._embed(encoder, settings)
            except _LACKING as error:
                self._vectors[key] = str(error)
        return self._vectors[key]

    def _embed(self, encoder: Encoder, settings: EmbedSettings) -> _Embedded:
        each = embed_each(
            self.micrographs,
            encoder,
            settings,
            phases=self.phases,
            library=self.library,
            open_=self.open_,
        )
        found: list[Vectors] = []
        keys: list[str] = []
        for one in each:
            self.report(f"embedding {settings.view}", len(found), len(self.micrographs))
            found.append(one.vector)
            keys.append(one.key)
        return *both_spaces(encoder, np.stack(found)), StoredTiles(
            self.library, encoder, settings, keys
        )


def _differences(
    first: Tried,
    judged: dict[Tried, pd.DataFrame],
    draws: int,
    seed: int,
    report: Progress,
) -> pd.DataFrame:
    """Every setting against the first, per criterion and over all that both have."""
    rows: list[list[Any]] = []
    base = judged.get(first)
    others = {} if base is None else {t: table for t, table in judged.items() if t != first}
    for done, (tried, table) in enumerate(others.items()):
        report("comparing", done, len(others))
        assert base is not None
        names = list(dict.fromkeys(base["criterion"]))
        mine = set(table["criterion"])
        parts = {n: (table[table["criterion"] == n], base[base["criterion"] == n]) for n in names}
        pairs = {n: part for n, part in parts.items() if n in mine}
        if len(names) > 1 and mine == set(names):
            pairs[ALL] = (table, base)
        for name, (a, b) in pairs.items():
            for metric in COMPARED:
                apart = paired_difference(a, b, metric, draws, seed)
                rows.append([*tried, name, metric, *apart])
    return pd.DataFrame(rows, columns=list(DIFFERENCE_COLUMNS))
