"""The forms of a blind study, and the folder that they lie in."""

import json
import os
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_qualify.errors import UsageError
from napari_qualify.files import read_table
from napari_qualify.report.tables import to_csv

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("image", "criterion", "verdict", "expert", "note")

WORDS = ("accept", "reject", "unsure")
"""What an expert may say; an empty cell is a question that is still open."""

STUDY = "study.json"
FORMS = "form*.csv"
FORMAT = "napari-qualify blind study"


@dataclass(frozen=True)
class Question:
    """A criterion as the experts read it.

    Attributes
    ----------
    name : str
    accept, reject : tuple of str
        Statements that describe acceptance and rejection.
    """

    name: str
    accept: tuple[str, ...] = ()
    reject: tuple[str, ...] = ()


@dataclass(frozen=True)
class Study:
    """An exported folder as an expert gets it.

    Attributes
    ----------
    folder : Path
    study : str
        Its random name.
    questions : tuple of Question
    forms : tuple of Path
    """

    folder: Path
    study: str
    questions: tuple[Question, ...]
    forms: tuple[Path, ...]


def open_study(folder: str | Path) -> Study:
    """Look into an exported folder.

    Raises
    ------
    UsageError
        It is not the folder of a blind study, or has no form.
    """
    folder = Path(folder)
    try:
        found = json.loads((folder / STUDY).read_bytes())
        if found["format"] != FORMAT or found["version"] != 0:
            raise ValueError(f"{found['format']} {found['version']}")
        questions = tuple(
            Question(str(q["name"]), tuple(map(str, q["accept"])), tuple(map(str, q["reject"])))
            for q in found["criteria"]
        )
        study = str(found["study"])
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise UsageError(
            f"{folder}: is not the folder of a blind study; choose the one that "
            "`napari-qualify blind export` wrote"
        ) from error
    return Study(folder, study, questions, find_forms(folder))


def find_forms(folder: Path) -> tuple[Path, ...]:
    """Forms of a folder, sorted.

    Raises
    ------
    UsageError
        There is none.
    """
    forms = tuple(sorted(folder.glob(FORMS)))
    if not forms:
        raise UsageError(f"{folder}: has no form ({FORMS}); copy it back from the export")
    return forms


def study_json(study: str, questions: Iterable[Question]) -> str:
    """Spell what `open_study` reads."""
    criteria = [{"name": q.name, "accept": q.accept, "reject": q.reject} for q in questions]
    document = {"format": FORMAT, "version": 0, "study": study, "criteria": criteria}
    return json.dumps(document, indent=1) + "\n"


def blank_form(images: Sequence[str], criteria: Sequence[str]) -> str:
    """Spell a form without verdicts: a row per image and criterion, in the given order."""
    return to_csv([[image, name, "", "", ""] for image in images for name in criteria], COLUMNS)


def read_form(path: str | Path) -> "pd.DataFrame":
    """Read a form, filled or not.

    Parameters
    ----------
    path : path
        CSV with the columns `COLUMNS`; `expert` and `note` may be missing.

    Returns
    -------
    DataFrame of str
        Verdicts in lower case, one of `WORDS` or ''; the index is the row in
        the file.

    Raises
    ------
    UsageError
        Naming file, row and value: another word, or a question asked twice.
    """
    path = Path(path)
    table = read_table(path, ("image", "criterion"))
    if "verdict" not in table:
        raise UsageError(f"{path}: no column 'verdict'; row 1 has {', '.join(table)}")
    for name in COLUMNS[3:]:
        if name not in table:
            table[name] = ""
    for row, name in table["image"][table["image"].str.contains(r"[/\\]")].items():
        raise UsageError(f"{path}, row {row}: image {name!r}; a form names files beside it alone")
    said = table["verdict"].str.casefold()
    for row, word in table["verdict"][~said.isin(("", *WORDS))].items():
        raise UsageError(
            f"{path}, row {row}: verdict {word!r}; use accept, reject or unsure, or leave it empty"
        )
    table["verdict"] = said
    twice = table.duplicated(["image", "criterion"])
    for row, question in table[twice].iterrows():
        raise UsageError(
            f"{path}, row {row}: {question['image']} and {question['criterion']} are in a row "
            "above too; keep one of the two"
        )
    return table


class Sitting:
    """An expert before a form: one question after the other, each verdict saved at once.

    Parameters
    ----------
    path : Path
        The form. It is replaced whole with every change, so a kill loses nothing.

    Attributes
    ----------
    table : DataFrame
        As `read_form` gives it.
    at : int
        Row in sight, counted from 0; ``len(table)`` when all questions are answered.

    Raises
    ------
    UsageError
        The form is none, or has no row.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.table = read_form(self.path).reset_index(drop=True)
        if self.table.empty:
            raise UsageError(f"{self.path}: has no row below its header; copy the form back")
        self._given: list[tuple[int, dict[str, str]]] = []
        self.at = self._open_from(0)

    def __len__(self) -> int:
        return len(self.table)

    @property
    def done(self) -> int:
        """Questions that have a verdict."""
        return int((self.table["verdict"] != "").sum())

    @property
    def expert(self) -> str:
        """Who has given verdicts in this form, '' for nobody yet."""
        names = self.table.loc[self.table["verdict"] != "", "expert"]
        return next((str(name) for name in names if name), "")

    @property
    def question(self) -> dict[str, str]:
        """Cells of the row in sight.

        Raises
        ------
        IndexError
            All questions are answered.
        """
        if self.at >= len(self):
            raise IndexError("all questions are answered")
        return {name: str(self.table.at[self.at, name]) for name in COLUMNS}

    @property
    def finished(self) -> bool:
        """Whether no question is in sight."""
        return self.at >= len(self)

    @property
    def can_undo(self) -> bool:
        """Whether a verdict of this sitting can be taken back."""
        return bool(self._given)

    def give(self, verdict: str, expert: str, note: str = "") -> None:
        """Save a verdict on the row in sight and go on to the next open question.

        Raises
        ------
        UsageError
            Another word; no name; another expert's form; the disk refuses.
        """
        expert = " ".join(expert.split())
        if verdict not in WORDS:
            raise UsageError(f"verdict {verdict!r}; use accept, reject or unsure")
        if not expert:
            raise UsageError("Write your name first: every verdict is kept with its expert.")
        if self.expert not in ("", expert):
            raise UsageError(
                f"{self.path.name} holds verdicts of {self.expert!r}. Take a form of your own."
            )
        cells = {"verdict": verdict, "expert": expert, "note": " ".join(note.split())}
        before = {name: self.question[name] for name in cells}
        self._write(self.at, cells)
        self._given.append((self.at, before))
        self.at = self._open_from(self.at + 1)

    def undo(self) -> None:
        """Take back the verdict given last in this sitting, and show its question."""
        if self._given:
            row, before = self._given[-1]
            self._write(row, before)
            self._given.pop()
            self.at = row

    def back(self) -> None:
        """Show the question before."""
        self.at = max(0, self.at - 1)

    def forward(self) -> None:
        """Show the question after; after the last one, the first open one."""
        self.at = self.at + 1 if self.at + 1 < len(self) else self._open_from(0)

    def _open_from(self, start: int) -> int:
        """First open question at or after a row, else the first of all."""
        rows = [i for i, word in enumerate(self.table["verdict"]) if not word]
        return next((i for i in rows if i >= start), rows[0] if rows else len(self))

    def _write(self, row: int, cells: Mapping[str, str]) -> None:
        changed = self.table.copy()
        for name, value in cells.items():
            changed.at[row, name] = value
        values: list[list[Any]] = changed.to_numpy().tolist()
        try:
            replace_text(self.path, to_csv(values, list(changed.columns)))
        except OSError as error:
            raise UsageError(
                f"{self.path}: the verdict was not saved ({error.strerror or error}). Free the "
                "disk, or close the program that holds the file, then give it again."
            ) from error
        self.table = changed


def replace_text(path: Path, text: str) -> None:
    """Replace a file in one step, on the disk before its name is."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
    try:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
