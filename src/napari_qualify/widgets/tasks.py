"""What the workers do: calls of the core on layers, free of Qt and napari.

Every function takes ``progress`` and runs in a worker's thread, or in a test.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_qualify.errors import MicrographError, QualifyError, UsageError
from napari_qualify.progress import Progress
from napari_qualify.widgets.sources import LayerSource

if TYPE_CHECKING:
    from napari_qualify.decide.verdict import Assessments
    from napari_qualify.library.store import Library
    from napari_qualify.micrograph import Micrograph
    from napari_qualify.segment.phases import Phases

Region = tuple[int, int, int, int]


def read_all(
    sources: Sequence[LayerSource], progress: Progress
) -> tuple[list["Micrograph"], list[LayerSource], list[tuple[str, str]]]:
    """Read layers; one that is no micrograph does not stop the others.

    Returns
    -------
    micrographs, sources : list
        Those that could be read, in order.
    failures : list of (str, str)
        Name and reason of the others.

    Raises
    ------
    UsageError
        There is no layer at all.
    MicrographError
        None of the layers could be read.
    """
    if not sources:
        raise UsageError("No image is selected. Select image layers in the layer list.")
    good: list[Micrograph] = []
    kept: list[LayerSource] = []
    failures: list[tuple[str, str]] = []
    for source, micrograph in readable(sources, failures, progress):
        good.append(micrograph)
        kept.append(source)
    if not good:
        raise MicrographError(failures[0][1])
    return good, kept, failures


def readable(
    sources: Sequence[LayerSource], failures: list[tuple[str, str]], progress: Progress
) -> Iterator[tuple[LayerSource, "Micrograph"]]:
    """Read layers one by one; one that is no micrograph does not stop the others."""
    from napari_qualify.micrograph import read

    for done, source in enumerate(sources):
        progress("reading", done, len(sources))
        try:
            micrograph = read(source)
        except MicrographError as error:
            failures.append((source.name, str(error)))
        else:
            yield source, micrograph


def phases_by_hash(layers: Sequence[LayerSource]) -> dict[str, "Phases"]:
    """Phases of the Labels layers, by the content hash of their micrograph.

    Of two layers for one micrograph the upper one counts.
    """
    from napari_qualify.segment.label_images import phases_from_layer

    found = [phases_from_layer(layer) for layer in layers]
    return {phases.source: phases for phases in found if phases.source}


def load(encoder: str, progress: Progress) -> Any:
    """Load an encoder; the first time takes seconds, in which nothing can stop it."""
    from napari_qualify.embed.registry import load_encoder

    progress("loading the encoder", 0, 0)
    return load_encoder(encoder)


@dataclass(frozen=True, eq=False)
class Classified:
    """Verdicts of layers.

    Attributes
    ----------
    assessments : Assessments
    sources : tuple of LayerSource
        The layer of each assessment, in order.
    failures : tuple of (str, str)
        Name of an image that could not be judged, and why.
    """

    assessments: "Assessments"
    sources: tuple[LayerSource, ...]
    failures: tuple[tuple[str, str], ...] = ()


def classify_sources(
    sources: Sequence[LayerSource],
    library: "Library",
    labels: Sequence[LayerSource],
    progress: Progress,
) -> Classified:
    """Judge layers by every criterion of a library."""
    from napari_qualify.qualify import qualify

    if not library.criteria:
        raise UsageError(f"{library.path.name} has no criterion. Add one first.")
    micrographs, kept, failures = read_all(sources, progress)
    phases = phases_by_hash(labels)
    load(library.encoder, progress)
    assessments = qualify(micrographs, library, phases=phases, progress=progress)
    return Classified(assessments, tuple(kept), tuple(failures))


@dataclass(frozen=True)
class ReferenceOrder:
    """What an expert says of the images that become references."""

    criterion: str
    verdict: str
    expert: str = ""
    group: str = ""
    description: str = ""
    note: str = ""


@dataclass(frozen=True, eq=False)
class Added:
    """References that were added.

    Attributes
    ----------
    references : tuple of Reference
        Only the new ones: what an undo takes back.
    notes : tuple of str
        Those that were references already; why they are not embedded yet.
    """

    references: tuple[Any, ...]
    notes: tuple[str, ...] = ()


def add_references(
    sources: Sequence[LayerSource],
    region: Region | None,
    order: ReferenceOrder,
    library: "Library",
    labels: Sequence[LayerSource],
    progress: Progress,
) -> Added:
    """Add layers, or one region of a layer, as references of a criterion."""
    from napari_qualify.embed.pipeline import embed_references
    from napari_qualify.embed.views import needs_phases

    micrographs, _, failures = read_all(sources, progress)
    if failures:  # an expert's order is carried out whole or not at all
        raise MicrographError("; ".join(reason for _, reason in failures))
    phases = phases_by_hash(labels) if needs_phases(library.criteria[order.criterion].view) else {}
    pairs = [(m, phases.get(m.content_hash)) for m in micrographs]
    if region is not None:
        pairs = [_crop(m, p, region) for m, p in pairs]
    for micrograph, found in pairs:
        if found is not None:
            library.save_phases(micrograph, found)
    added = library.add_references(
        order.criterion,
        [micrograph for micrograph, _ in pairs],
        order.verdict,
        expert=order.expert,
        group=order.group or None,
        description=order.description,
        note=order.note,
        embed=False,
        progress=progress,
    )
    notes = tuple(added.messages)
    try:
        load(library.encoder, progress)
        embed_references(library, criterion=order.criterion, progress=progress)
    except QualifyError as error:
        # The records are safe on disk: that is what was asked for.
        notes += (f"Not embedded yet: {error}",)
    return Added(tuple(added), notes)


def _crop(
    micrograph: "Micrograph", phases: "Phases | None", region: Region
) -> tuple["Micrograph", "Phases | None"]:
    from napari_qualify.segment.phases import Phases

    part = micrograph.crop(*region)
    if phases is None:
        return part, None
    y, x, height, width = region
    record = {**phases.record(), "source": part.content_hash, "image": part.name}
    return part, Phases.from_record(phases.labels[y : y + height, x : x + width], record)


def save_report(found: Classified, folder: str, progress: Progress) -> Path:
    """Write the report of verdicts; returns the path of report.html."""
    from napari_qualify.report.run import report

    progress("writing", 0, 0)
    return report(found.assessments, Path(folder).absolute(), failures=found.failures)
