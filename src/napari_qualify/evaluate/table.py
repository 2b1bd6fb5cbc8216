"""The experts' verdicts, and the judged table in which they stand beside the model's."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from napari_qualify.decide.verdict import Assessment
from napari_qualify.errors import UsageError
from napari_qualify.files import match_images, read_table

if TYPE_CHECKING:
    from napari_qualify.library.store import Library

LABEL_COLUMNS = ("image", "criterion", "verdict", "expert", "group", "description")
"""Of a table of experts' verdicts."""

JUDGED_COLUMNS = (
    "image",
    "sample",
    "criterion",
    "group",
    "truth",
    "expert",
    "setting",
    "score",
    "cut",
    "call",
    "verdict",
    "p_accept",
    "p_reject",
)
"""Of the judged table; all else in this package reads it."""

SIDES = ("accept", "reject")
_REQUIRED = LABEL_COLUMNS[:3]
_NUMBERS = ("score", "cut", "p_accept", "p_reject")


def read_labels(
    source: "str | Path | pd.DataFrame", images: Sequence[tuple[Path, str]] | None = None
) -> pd.DataFrame:
    """Read a table of experts' verdicts.

    Parameters
    ----------
    source : path or DataFrame
        Columns image, criterion, verdict ('accept' or 'reject') and, where
        known, expert, group, description; others are left out.
    images : sequence of (path, name), optional
        The micrographs at hand, such as ``find_micrographs(...).items``. The
        table's images are then matched relative to it, else by unique file
        name, and named as there. Without them the names stay as written; a
        table that is no file is never matched.

    Returns
    -------
    DataFrame of str
        Columns `LABEL_COLUMNS`, one row per image, criterion and expert; what
        is not known is ''.

    Raises
    ------
    UsageError
        For a missing column, another verdict, an image that matches none or
        several, an expert who contradicts himself, an image of two groups.
    """
    if isinstance(source, pd.DataFrame):
        where, table = "labels", _of_text(source)
    else:
        where, table = str(source), read_table(source, _REQUIRED)
    if table.empty:
        raise UsageError(f"{where}: has no row below its header")
    for row, verdict in table["verdict"].items():
        if verdict not in SIDES:
            raise UsageError(f"{where}, row {row}: verdict {verdict!r}; use accept or reject")
    found = table.reindex(columns=list(LABEL_COLUMNS), fill_value="").copy()
    if images is None or isinstance(source, pd.DataFrame):
        found["image"] = found["image"].str.replace("\\", "/")
    else:
        try:
            matched = match_images(found, Path(source).parent, images)
        except UsageError as error:
            raise UsageError(f"{where}: {error}") from error
        found["image"] = [item.name for item in matched]
    _check_groups(found, where)
    return _once(found, where)


def _of_text(table: pd.DataFrame) -> pd.DataFrame:
    """A table from a script, spelled as `read_table` would."""
    if missing := [name for name in _REQUIRED if name not in table]:
        raise UsageError(
            f"labels: no column {', '.join(map(repr, missing))}; there are "
            f"{', '.join(map(str, table.columns))}"
        )
    kept = table[[name for name in LABEL_COLUMNS if name in table]]
    found = kept.astype(object).where(kept.notna(), "").map(lambda cell: str(cell).strip())
    for name in _REQUIRED:
        for row in found.index[found[name] == ""]:
            raise UsageError(f"labels, row {row}: the column {name!r} is empty")
    return found


def _check_groups(table: pd.DataFrame, where: str) -> None:
    known: dict[str, str] = {}
    for row, image, group in zip(table.index, table["image"], table["group"], strict=True):
        if group and known.setdefault(image, group) != group:
            raise UsageError(
                f"{where}, row {row}: {image} is of group {group!r} here and of "
                f"{known[image]!r} above"
            )
    table["group"] = [known.get(image, "") for image in table["image"]]


def _once(table: pd.DataFrame, where: str) -> pd.DataFrame:
    """Each verdict once; the same said twice is no second opinion."""
    known: dict[tuple[str, str, str], str] = {}
    kept = []
    columns = zip(*(table[c] for c in ("image", "criterion", "expert", "verdict")), strict=True)
    for row, (image, criterion, expert, verdict) in zip(table.index, columns, strict=True):
        key = (image, criterion, expert)
        kept.append(key not in known)
        if known.setdefault(key, verdict) != verdict:
            who = f"of {expert}" if expert else "(no expert is named)"
            raise UsageError(
                f"{where}, row {row}: the verdict {who} on {image}, {criterion!r}, contradicts an "
                "earlier row; keep one of them"
            )
    return table[kept].reset_index(drop=True)


@dataclass(frozen=True)
class Truth:
    """What experts say of one image and criterion, joined."""

    verdict: str
    expert: str
    group: str


def truths(labels: pd.DataFrame) -> tuple[dict[tuple[str, str], Truth], list[str]]:
    """Join the experts' verdicts on each image and criterion: the majority.

    Parameters
    ----------
    labels : DataFrame
        As `read_labels` gives it.

    Returns
    -------
    dict of (image, criterion) to Truth
        Without the ties. `expert` names all who judged, in alphabetical order.
    list of str
        Which ties were left out.
    """
    found: dict[tuple[str, str], Truth] = {}
    ties: list[str] = []
    for (image, criterion), rows in labels.groupby(["image", "criterion"], sort=False):
        accepted = int((rows["verdict"] == "accept").sum())
        if 2 * accepted == len(rows):
            ties.append(f"{image} ({criterion})")
            continue
        verdict = SIDES[2 * accepted < len(rows)]
        experts = ", ".join(sorted(filter(None, rows["expert"])))
        found[str(image), str(criterion)] = Truth(verdict, experts, rows["group"].iloc[0])
    notes = [f"Left out, as many experts accept as reject: {_listed(ties)}."] if ties else []
    return found, notes


@dataclass
class _Left:
    """Rows that do not count, by the reason."""

    references: list[str] = field(default_factory=list)
    unlabelled: set[str] = field(default_factory=set)
    specimens: set[str] = field(default_factory=set)

    def notes(self) -> list[str]:
        found = []
        if self.references:
            found.append(
                "Left out, since their pixels are a reference of the criterion: "
                f"{_listed(self.references)}."
            )
        if self.unlabelled:
            found.append(f"Judged but not labelled: {_listed(sorted(self.unlabelled))}.")
        if self.specimens:
            found.append(
                "Of a specimen that the references show too, so that the figures flatter: group "
                f"{_listed(sorted(self.specimens))}."
            )
        return found


def judged_table(
    assessments: Iterable[Assessment],
    labels: pd.DataFrame,
    setting: str = "default",
    *,
    library: "Library | None" = None,
) -> pd.DataFrame:
    """Put the model's verdicts beside the experts'.

    Parameters
    ----------
    assessments : iterable of Assessment
    labels : DataFrame
        As `read_labels` gives it, with the names of the assessments.
    setting : str
        What tells these verdicts from those under other settings.
    library : Library, optional
        Images whose pixels are a reference of a criterion are left out for it.

    Returns
    -------
    DataFrame
        Columns `JUDGED_COLUMNS`, one row per image and criterion that has a
        truth. `truth` is the majority of the experts; `group` the labels', else
        the sample. Numbers that do not exist are NaN, a `call` that does not
        exist is ''. ``attrs["notes"]`` says what was left out.

    Raises
    ------
    UsageError
        When two assessments are of the same name.
    """
    truth, notes = truths(labels)
    known = _references(library)
    left = _Left()
    rows: list[list[Any]] = []
    seen: set[str] = set()
    for assessment in assessments:
        if assessment.image in seen:
            raise UsageError(
                f"two micrographs are named {assessment.image!r}, so that no label tells which is "
                "meant; give each its own name"
            )
        seen.add(assessment.image)
        mine = [v for v in assessment.verdicts if (assessment.image, v.criterion) in truth]
        if not mine:
            left.unlabelled.add(assessment.image)
        for verdict in mine:
            hashes, groups = known.get(verdict.criterion, (set(), set()))
            if assessment.content_hash in hashes:
                left.references.append(f"{assessment.image} ({verdict.criterion})")
                continue
            said = truth[assessment.image, verdict.criterion]
            group = said.group or assessment.sample
            if group in groups:
                left.specimens.add(group)
            rows.append(
                [
                    *(assessment.image, assessment.sample, verdict.criterion, group),
                    *(said.verdict, said.expert, setting, verdict.score, verdict.cut),
                    *(verdict.call or "", verdict.verdict, verdict.p_accept, verdict.p_reject),
                ]
            )
    missing = sorted({image for image, _ in truth} - seen)
    if missing:
        notes.append(f"Labelled but not judged: {_listed(missing)}.")
    table = frame(rows)
    table.attrs["notes"] = [*notes, *left.notes()]
    return table


def frame(rows: Iterable[Sequence[Any]]) -> pd.DataFrame:
    """Make a judged table of rows in the order of `JUDGED_COLUMNS`.

    Parameters
    ----------
    rows : iterable of sequences
        None for a number that does not exist.

    Returns
    -------
    DataFrame
        Numbers as float, all else as text.
    """
    table = pd.DataFrame(list(rows), columns=list(JUDGED_COLUMNS), dtype=object)
    return table.astype(dict.fromkeys(_NUMBERS, float))


def notes_of(*tables: pd.DataFrame) -> list[str]:
    """What tables say in ``attrs["notes"]``, each once."""
    return list(dict.fromkeys(note for t in tables for note in t.attrs.get("notes", ())))


def _references(library: "Library | None") -> Mapping[str, tuple[set[str], set[str]]]:
    """Content hashes and named groups of the references of each criterion."""
    found: dict[str, tuple[set[str], set[str]]] = {}
    for reference in library.references() if library is not None else ():
        hashes, groups = found.setdefault(reference.criterion, (set(), set()))
        hashes.add(reference.content_hash)
        groups.add(reference.group)
    return found


def _listed(names: Sequence[str], most: int = 5) -> str:
    """The first names and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{len(names)} ({', '.join(names[:most])}{more})"
