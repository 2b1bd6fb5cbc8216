"""What the widget "Qualify micrographs" runs to advise on references; free of Qt and napari."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_qualify.progress import Progress
from napari_qualify.widgets.sources import LayerSource
from napari_qualify.widgets.tasks import load, phases_by_hash, read_all

if TYPE_CHECKING:
    from napari_qualify.library.store import Library
    from napari_qualify.micrograph import Micrograph

COUNT = 5
"""Micrographs that are named as the next to label."""


@dataclass(frozen=True)
class Advised:
    """One row of advice.

    Attributes
    ----------
    image, finding, why : str
    uid : str
        ``unique_id`` of the layer; '' for a reference.
    reference : str
        Identifier of the reference; '' for a layer.
    """

    image: str
    finding: str
    why: str
    uid: str = ""
    reference: str = ""


@dataclass(frozen=True)
class Advice:
    """Rows of advice on the references of a criterion, and what to know about them."""

    words: str
    rows: tuple[Advised, ...] = ()


def check(library: "Library", criterion: str, progress: Progress) -> Advice:
    """References that contradict their label, and pairs that show the same field."""
    from napari_qualify.evaluate.references import check_references

    load(library.encoder, progress)
    found = check_references(library, [criterion], progress=progress)
    rows = []
    for each in found.itertuples(index=False):
        if each.other:
            why = f"shows the same as {each.other}; the two count once"
        else:
            side = "above" if each.margin > 0 else "below"
            why = f"left out, {abs(each.margin):.2f} deviations {side} the cut"
            why += f"; judged by {each.expert}" if each.expert else ""
        said = f"{each.verdict}: {each.finding}"
        rows.append(Advised(each.image, said, why, reference=each.reference))
    words = f"{len(rows)} of the references of {criterion} deserve a second look."
    if not rows:
        words = f"No reference of {criterion} contradicts its label or shows the same as another."
    return Advice("\n".join([words, *found.attrs["notes"]]), tuple(rows))


def following(
    sources: Sequence[LayerSource],
    library: "Library",
    labels: Sequence[LayerSource],
    criterion: str,
    progress: Progress,
) -> Advice:
    """Which layers an expert should judge next."""
    from napari_qualify.evaluate.active import next_references

    micrographs, kept, failures = read_all(sources, progress)
    load(library.encoder, progress)
    phases = phases_by_hash(labels)
    found = next_references(
        library, criterion, micrographs, COUNT, phases=phases, progress=progress
    )
    uids = {m.name: source.uid for m, source in zip(micrographs, kept, strict=True)}
    rows = [
        Advised(each.image, f"{place}", each.reason, uids[each.image])
        for place, each in enumerate(found.itertuples(index=False), 1)
    ]
    many = found.attrs["candidates"]
    words = f"To label next for {criterion}, of {many} images that are no reference of it."
    if not rows:
        words = f"All {len(micrographs)} images are references of {criterion} already."
    return Advice("\n".join([words, *(reason for _, reason in failures)]), tuple(rows))


def open_reference(library: "Library", reference: str, progress: Progress) -> "Micrograph":
    """The micrograph of a reference."""
    progress("opening", 0, 0)
    return library.micrograph(reference)
