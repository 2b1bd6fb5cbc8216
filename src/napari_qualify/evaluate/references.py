"""References that deserve a second look before verdicts rest on them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_qualify.cases import build_case
from napari_qualify.decide.assess import Case
from napari_qualify.embed.library_encoder import load_encoder_for
from napari_qualify.progress import Progress, silent
from napari_qualify.qualify import as_library

if TYPE_CHECKING:
    from pandas import DataFrame

    from napari_qualify.library.store import Library

REFERENCE_COLUMNS = (
    "criterion",
    "image",
    "verdict",
    "finding",
    "other",
    "margin",
    "expert",
    "group",
    "reference",
)


def check_references(
    library: "Library | str | Path",
    criteria: Sequence[str] | None = None,
    *,
    progress: Progress | None = None,
) -> "DataFrame":
    """References that contradict their label, and pairs that show the same.

    Parameters
    ----------
    library : Library or path
        References that it has no vectors of are embedded; nothing else changes.
    criteria : sequence of str, optional
        By default all but those with a measured limit, which has no references.
    progress : callable, optional
        See `napari_qualify.progress`.

    Returns
    -------
    DataFrame
        Columns `REFERENCE_COLUMNS`, per criterion the suspects first, the most
        contradictory at the top. `finding` is ``label contradicted`` (the score
        of the reference, its group left out, lies on the other side of the cut;
        `margin` is by how much, in reference deviations: positive is more
        acceptable than the cut), ``same field`` (it and `other` show the same and
        count once) or ``same field, other verdict``. ``attrs["notes"]`` says what
        could not be checked.

    Raises
    ------
    UsageError
        For an unknown criterion.
    LibraryError, EncoderError
    """
    import pandas as pd

    kept = as_library(library)
    asked = kept.criteria_named(criteria)
    encoder, report = load_encoder_for(kept), progress or silent
    rows: list[tuple[Any, ...]] = []
    notes: list[str] = []
    for done, criterion in enumerate(asked):
        report("checking", done, len(asked))
        name = criterion.name
        if criterion.limit:
            if criteria is not None:
                notes.append(f"{name}: judged by a limit, it has no references.")
            continue
        case = build_case(kept, name, encoder, progress=progress)
        rows += [*_contradicted(case), *_same(case)]
        if case.unchecked:
            notes.append(f"{name}: labels not checked: {case.unchecked}.")
    report("checking", len(asked), len(asked))
    table = pd.DataFrame(rows, columns=list(REFERENCE_COLUMNS))
    table["margin"] = table["margin"].astype(float)
    table.attrs["notes"] = notes
    return table


def _contradicted(case: Case) -> Iterator[tuple[Any, ...]]:
    for one in case.suspects:
        said = (one.verdict, "label contradicted", "", one.margin)
        yield (case.criterion, one.image, *said, one.expert, one.group, one.reference)


def _same(case: Case) -> Iterator[tuple[Any, ...]]:
    if case.references is None:
        return
    for a, b in case.references.twins:
        one, other = case.labels[a], case.labels[b]
        same = one.verdict == other.verdict
        finding = "same field" if same else "same field, other verdict"
        said = (one.verdict, finding, other.image, None)
        yield (case.criterion, one.image, *said, one.expert, one.group, one.reference)
