"""The verb ``evaluate``: a library's verdicts against those of experts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from napari_qualify.batch import judge, micrographs_under
from napari_qualify.decide.verdict import Assessments
from napari_qualify.embed.pipeline import PhasesByHash, Source, each_source
from napari_qualify.errors import UsageError
from napari_qualify.evaluate.metrics import metrics
from napari_qualify.evaluate.table import judged_table, notes_of, read_labels
from napari_qualify.files import Failure, Found, match_images, read_table
from napari_qualify.progress import Progress
from napari_qualify.qualify import as_library, qualify

if TYPE_CHECKING:
    from napari_qualify.library.store import Library


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A library's verdicts against those of experts, and the figures.

    Attributes
    ----------
    table : DataFrame
        The judged table, see `napari_qualify.evaluate.table`.
    metrics : DataFrame
        See `napari_qualify.evaluate.metrics`; its ``attrs["notes"]`` say what
        was left out and what the figures cannot tell.
    labels : DataFrame
        The experts' verdicts, with the names of the micrographs.
    assessments : Assessments
    failures : tuple of Failure
        Micrographs that could not be judged.
    paths : mapping of str to Path
        File of each image by its name; empty for micrographs without one.
    """

    table: pd.DataFrame
    metrics: pd.DataFrame
    labels: pd.DataFrame
    assessments: Assessments
    failures: tuple[Failure, ...] = ()
    paths: Mapping[str, Path] = field(default_factory=dict)

    @property
    def notes(self) -> list[str]:
        """What a reader of the figures should know."""
        return notes_of(self.metrics)


def evaluate(
    library: "Library | str | Path",
    labels: str | Path | pd.DataFrame,
    micrographs: Source | Iterable[Source] | None = None,
    *,
    out: str | Path | None = None,
    criteria: Sequence[str] | None = None,
    setting: str = "default",
    population: str = "library",
    pixel_size_um: float | None = None,
    phases: PhasesByHash | None = None,
    draws: int = 1000,
    seed: int = 0,
    k: int = 5,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Judge micrographs and compare the verdicts with those of experts.

    Parameters
    ----------
    library : Library or path
    labels : path or DataFrame
        Columns image, criterion, verdict and, where known, expert, group; see
        `napari_qualify.evaluate.table.read_labels`.
    micrographs : path, Micrograph, napari Image layer, or several, optional
        Files, folders and patterns, or micrographs with the names that `labels`
        has. By default the files that `labels` names, relative to it.
    out : path, optional
        Folder for tables and plots, see `napari_qualify.evaluate.writing`.
    criteria : sequence of str, optional
        By default those that `labels` has.
    setting : str
        Name of these settings in the tables.
    population : {'library', 'batch', 'none'}
        As `napari_qualify.qualify` takes it.
    pixel_size_um : float, optional
        Micrometres per pixel of all files; overrides what they say.
    phases : mapping of content hash to Phases, optional
        For views and limits, where `micrographs` are in memory; otherwise, and
        for the others, those that the library holds.
    draws, seed, k : int
        See `napari_qualify.evaluate.metrics`.
    progress : callable, optional
        See `napari_qualify.progress`.

    Returns
    -------
    DataFrame
        Columns criterion, setting, metric, value, low, high, n, groups; see
        `napari_qualify.evaluate.metrics`. ``attrs["notes"]`` says what was left
        out, ``attrs["failures"]`` which files could not be judged and why.

    Raises
    ------
    UsageError
        For a wrong table, an image that is not there, an unknown criterion.
    LibraryError, EncoderError
    """
    found = evaluated(
        library,
        labels,
        micrographs,
        criteria=criteria,
        setting=setting,
        population=population,
        pixel_size_um=pixel_size_um,
        phases=phases,
        draws=draws,
        seed=seed,
        k=k,
        progress=progress,
    )
    if out is not None:
        from napari_qualify.evaluate.writing import write_evaluation

        write_evaluation(found, out)
    found.metrics.attrs["failures"] = [tuple(failure) for failure in found.failures]
    return found.metrics


def evaluated(
    library: "Library | str | Path",
    labels: str | Path | pd.DataFrame,
    micrographs: Source | Iterable[Source] | None = None,
    *,
    criteria: Sequence[str] | None = None,
    setting: str = "default",
    population: str = "library",
    pixel_size_um: float | None = None,
    phases: PhasesByHash | None = None,
    draws: int = 1000,
    seed: int = 0,
    k: int = 5,
    progress: Progress | None = None,
) -> Evaluation:
    """All that `evaluate` finds; parameters as there.

    Nothing is recorded in the library but the vectors of the micrographs.

    Returns
    -------
    Evaluation

    Raises
    ------
    UsageError, LibraryError, EncoderError
    """
    kept = as_library(library)
    inputs = find_inputs(labels, micrographs, pixel_size_um)
    table = _of_criteria(inputs.labels, kept, criteria)
    wanted = list(dict.fromkeys(table["criterion"]))
    options: dict[str, Any] = {"criteria": wanted, "population": population, "record": False}
    options |= {"samples": _specimens(table), "progress": progress}
    failures: tuple[Failure, ...] = ()
    if inputs.found is None:
        assessments = qualify(inputs.micrographs, kept, phases=phases, **options)
    else:
        labelled = set(table["image"])
        items = [item for item in inputs.found.items if item.name in labelled]
        chosen = Found(items, inputs.found.failures, inputs.found.skipped)
        batch = judge(chosen, kept, pixel_size_um=pixel_size_um, **options)
        assessments, failures = batch.assessments, batch.failures
    judged = judged_table(assessments, table, setting, library=kept)
    judged.attrs["notes"] = [*inputs.notes, *judged.attrs["notes"]]
    figures = metrics(judged, draws, seed, k)
    paths = {} if inputs.found is None else {i.name: i.path for i in inputs.found.items}
    return Evaluation(judged, figures, table, assessments, failures, paths)


@dataclass(frozen=True, eq=False)
class Inputs:
    """Labels with the micrographs that they speak of.

    Attributes
    ----------
    labels : DataFrame
        With the names of the micrographs.
    found : Found or None
        The files; None where `micrographs` are at hand instead.
    micrographs : iterable of Micrograph, path or layer
    notes : tuple of str
        Which files are not labelled.
    """

    labels: pd.DataFrame
    found: Found | None = None
    micrographs: Iterable[Source] = ()
    notes: tuple[str, ...] = ()


def find_inputs(
    labels: str | Path | pd.DataFrame,
    micrographs: Source | Iterable[Source] | None = None,
    pixel_size_um: float | None = None,
) -> Inputs:
    """Find the micrographs, and match the labels with them; as `evaluate` takes them.

    Raises
    ------
    UsageError
    """
    if micrographs is None:
        if isinstance(labels, pd.DataFrame):
            raise UsageError(
                "labels from a table in memory name no files: give the micrographs too"
            )
        found = _named_by(Path(labels))
    else:
        sources = list(each_source(micrographs))
        files = [source for source in sources if isinstance(source, str | Path)]
        if len(files) < len(sources):
            return Inputs(read_labels(labels), None, sources)
        found = micrographs_under(files, pixel_size_um)
    table = read_labels(labels, found.named)
    spare = sorted({item.name for item in found.items} - set(table["image"]))
    notes = (f"Not labelled, so not judged: {len(spare)} images.",) if spare else ()
    return Inputs(table, found, (), notes)


def _named_by(labels: Path) -> Found:
    """The files that a table names, relative to it, each once."""
    try:
        items = match_images(read_table(labels, ("image",)), labels.parent)
    except UsageError as error:
        text = str(error)
        raise UsageError(text if text.startswith(str(labels)) else f"{labels}: {text}") from error
    return Found(list({item.path.resolve(): item for item in items}.values()))


def _of_criteria(
    labels: pd.DataFrame, library: "Library", criteria: Sequence[str] | None
) -> pd.DataFrame:
    """The labels of the wanted criteria, all of which the library has."""
    wanted = list(dict.fromkeys(labels["criterion"] if criteria is None else criteria))
    for name in wanted:
        library.criterion(name)
    found = labels[labels["criterion"].isin(wanted)]
    if found.empty:
        raise UsageError(f"no label speaks of {', '.join(map(repr, wanted))}; nothing to evaluate")
    return found


def _specimens(labels: pd.DataFrame) -> dict[str, str]:
    """Sample of each image of which the specimen is known."""
    named = labels[labels["group"] != ""]
    return dict(zip(named["image"], named["group"], strict=True))
