"""Import of a blind study: verdicts of the forms under the true names."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_qualify.errors import UsageError
from napari_qualify.evaluate.blind_form import WORDS, find_forms, read_form
from napari_qualify.evaluate.blind_key import Entry, Key, check_images, read_key
from napari_qualify.evaluate.table import LABEL_COLUMNS
from napari_qualify.library.sources import relative_path

if TYPE_CHECKING:
    import pandas as pd

REPEATS = ("image", "criterion", "expert", "verdict", "repeated")


@dataclass(frozen=True)
class Count:
    """How far a form is filled.

    Attributes
    ----------
    form : str
    expert : str
        Names in the form with commas, or what stands for them.
    accept, reject, unsure, open : int
        Questions by answer; they add up to all questions of the study.
    """

    form: str
    expert: str
    accept: int
    reject: int
    unsure: int
    open: int


@dataclass(frozen=True, eq=False)
class Imported:
    """Verdicts of experts under the true names.

    Attributes
    ----------
    labels : DataFrame
        Columns `LABEL_COLUMNS`: accept and reject on the micrographs as they are.
        Expert's notes are the descriptions.
    repeats : DataFrame
        Columns `REPEATS`: verdicts of one expert on a micrograph and on its
        mirror image, where both were given; 'unsure' counts as one.
    counts : tuple of Count
        One per form.
    checked : int
        Images that lie beside the forms and are unchanged.
    images : int
        Images of the study.
    """

    labels: "pd.DataFrame"
    repeats: "pd.DataFrame"
    counts: tuple[Count, ...]
    checked: int
    images: int

    @property
    def same(self) -> int:
        """Repeats on which the expert said the same."""
        return int((self.repeats["verdict"] == self.repeats["repeated"]).sum())


def import_study(
    source: str | Path | Sequence[str | Path],
    key: str | Path,
    *,
    expert: str = "",
    relative_to: str | Path | None = None,
) -> Imported:
    """Read the filled forms of a study.

    Parameters
    ----------
    source : path, or sequence of paths
        The exported folder, whose images are all checked, or forms.
    key : path
        What the export wrote apart.
    expert : str
        For rows that name none; of several forms those count under their file
        names.
    relative_to : path, optional
        Folder from which the names of the images are seen; the key's unless
        given.

    Raises
    ------
    UsageError
        Naming file, row and value: a key of another study, a changed image, a
        word that is no verdict, an expert who answers a question twice.
    """
    import pandas as pd

    key = Path(key)
    record = read_key(key)
    sources = [Path(source)] if isinstance(source, str | Path) else [Path(p) for p in source]
    forms, checked = _forms(sources, record)
    target = Path(key.absolute().parent if relative_to is None else relative_to)
    names = {entry.name: _true_name(entry, key, target) for entry in record.images}
    entries = {entry.name: entry for entry in record.images}
    rows, counts = [], []
    for form in forms:
        table = read_form(form)
        _check_form(table, form, record)
        blank = expert or (form.stem if len(forms) > 1 else "")
        table["expert"] = table["expert"].where(table["expert"] != "", blank)
        counts.append(_count(table, form, record))
        given = table[table["verdict"] != ""]
        rows.append(given.assign(form=form.name, row=given.index))
    said = pd.concat(rows, ignore_index=True)
    _check_twice(said)
    # Of type bool even where no verdict has been given.
    said["mirrored"] = np.array([entries[name].mirrored for name in said["image"]], dtype=bool)
    said["group"] = [entries[name].group for name in said["image"]]
    said["image"] = [names[name] for name in said["image"]]
    said["description"] = said["note"]
    order = {name: place for place, name in enumerate(record.criteria)}
    said = said.sort_values(
        ["image", "criterion", "expert"],
        key=lambda column: column.map(order) if column.name == "criterion" else column,
        kind="stable",
    )
    labels = said[(said["verdict"] != "unsure") & ~said["mirrored"]]
    return Imported(
        labels[list(LABEL_COLUMNS)].reset_index(drop=True),
        _repeats(said),
        tuple(counts),
        checked,
        len(record.images),
    )


def _forms(sources: Sequence[Path], record: Key) -> tuple[list[Path], int]:
    forms: list[Path] = []
    checked = 0
    for source in dict.fromkeys(sources):
        if source.is_dir():
            forms += find_forms(source)
        elif source.is_file():
            forms.append(source)
        else:
            raise UsageError(f"{source}: no such folder or form; check the path")
    folders = {source: True for source in sources if source.is_dir()}
    for form in forms:
        folders.setdefault(form.parent, False)
    for folder, whole in folders.items():
        checked = max(checked, check_images(folder, record.images, all_there=whole))
    return list(dict.fromkeys(forms)), checked


def _true_name(entry: Entry, key: Path, folder: Path) -> str:
    path = Path(os.path.normpath(key.resolve().parent / entry.source))
    return relative_path(path, folder) or path.as_posix()


def _check_form(table: "pd.DataFrame", form: Path, record: Key) -> None:
    images = {entry.name for entry in record.images}
    for column, known, what in (
        ("image", images, "is no image of this key; do form and key belong to one study?"),
        ("criterion", set(record.criteria), f"is none of {', '.join(record.criteria)}"),
    ):
        for row, value in table[column][~table[column].isin(known)].items():
            raise UsageError(f"{form}, row {row}: {column} {value!r} {what}")


def _check_twice(said: "pd.DataFrame") -> None:
    twice = said.duplicated(["image", "criterion", "expert"], keep="first")
    for _, line in said[twice].iterrows():
        raise UsageError(
            f"{line['form']}, row {line['row']}: {line['expert'] or 'somebody'} has answered "
            f"{line['image']}, {line['criterion']} in another form too; leave one of them out"
        )


def _count(table: "pd.DataFrame", form: Path, record: Key) -> Count:
    words = table["verdict"].value_counts()
    given = {word: int(words.get(word, 0)) for word in WORDS}
    experts = ", ".join(dict.fromkeys(name for name in table["expert"] if name))
    questions = len(record.images) * len(record.criteria)
    return Count(form.name, experts, **given, open=questions - sum(given.values()))


def _repeats(said: "pd.DataFrame") -> "pd.DataFrame":
    where = ["image", "criterion", "expert"]
    twice = said[said["mirrored"]][[*where, "verdict"]].rename(columns={"verdict": "repeated"})
    once = said[~said["mirrored"]][[*where, "verdict"]]
    found: pd.DataFrame = once.merge(twice, on=where)[list(REPEATS)]
    return found


def write_labels(imported: Imported, out: str | Path) -> list[Path]:
    """Write the labels, and the repeats beside them as ``<stem>.repeats.csv`` if there are any.

    Returns
    -------
    list of Path
    """
    from napari_qualify.evaluate.blind_form import replace_text
    from napari_qualify.report.tables import to_csv

    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    beside = out.with_suffix(".repeats.csv")
    replace_text(out, to_csv(imported.labels.to_numpy().tolist(), LABEL_COLUMNS))
    beside.unlink(missing_ok=True)  # of an earlier import
    if imported.repeats.empty:
        return [out]
    replace_text(beside, to_csv(imported.repeats.to_numpy().tolist(), REPEATS))
    return [out, beside]
