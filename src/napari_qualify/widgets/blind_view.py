"""View of a blind study: one question, three answers, and how far it is."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QGroupBox,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QWidget,
)

from napari_qualify.widgets.embed_view import WARNING
from napari_qualify.widgets.panel import column
from napari_qualify.widgets.parts import COLOURS, MARKS, button, form, row, text

ANSWERS = {
    "accept": (MARKS["accept"], "A", COLOURS["accept"], "It meets the criterion"),
    "reject": (MARKS["reject"], "R", COLOURS["reject"], "It does not meet the criterion"),
    "unsure": ("? Unsure", "U", COLOURS["review"], "You cannot tell"),
}


class BlindView(QWidget):
    """Asks for a verdict; it opens and writes nothing itself.

    Signals
    -------
    open_requested : str
        Path of an exported folder.
    form_chosen : str
        Path of one of its forms.
    given : str
        'accept', 'reject' or 'unsure'.
    back_requested, skip_requested, undo_requested
    """

    open_requested = Signal(str)
    form_chosen = Signal(str)
    given = Signal(str)
    back_requested = Signal()
    skip_requested = Signal()
    undo_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.name = QLabel("No study is open")
        self.name.setTextFormat(Qt.TextFormat.PlainText)
        self.open = button("&Open…", "Choose the folder of a blind study")
        self.info = text(
            "Open the folder that you were given. You see its micrographs one by one, and "
            "nothing of what others or the model say of them.",
            small=True,
        )
        self.forms = QComboBox()
        self.forms.setToolTip("One form per expert: take the one that was given to you")
        self.expert = QLineEdit()
        self.expert.setPlaceholderText("your name")
        self.expert.setToolTip("Kept with every verdict")
        self.expert.setAccessibleName("Expert")
        self.count = QLabel()
        self.criterion = text()
        self.statements = text(small=True)
        self.before = QLabel()
        self.answers: dict[str, QPushButton] = {}
        self.note = QLineEdit()
        self.note.setPlaceholderText("note, if you like; Enter goes back to the keys")
        self.note.setToolTip("Saved with the verdict that you give next")
        self.note.setAccessibleName("Note")
        self.back = button("← &Back", "Show the question before; a new verdict replaces the old")
        self.skip = button("S&kip →", "Leave this question open and show the next one")
        self.undo = button("&Undo (Backspace)", "Take back the verdict that you gave last")
        self.bar = QProgressBar()
        self.bar.setFormat("%v of %m judged")
        self.saved = text(small=True)
        self.warning = text()
        self.warning.setStyleSheet(WARNING)
        self._seen = False
        self._build()
        self._connect()
        self.clear()

    def _build(self) -> None:
        study = QGroupBox("Study")
        self._fields = form()
        self._fields.addRow("Form", self.forms)
        self._fields.addRow("Expert", self.expert)
        layout = column(study, row(self.name, self.open, stretch=0), self.info)
        layout.addLayout(self._fields)
        layout.setContentsMargins(8, 8, 8, 8)
        self.question = QGroupBox("Question")
        large = self.criterion.font()
        large.setPointSizeF(large.pointSizeF() * 1.4)
        large.setBold(True)
        self.criterion.setFont(large)
        for word, (words, key, colour, tip) in ANSWERS.items():
            made = button(f"{words}  ({key})", f"{tip}; key {key}")
            made.setMinimumHeight(40)
            made.setStyleSheet(
                f"QPushButton {{ background-color: {colour}; color: #ffffff; font-weight: bold; }}"
                "QPushButton:disabled { background-color: #555555; color: #aaaaaa; }"
            )
            self.answers[word] = made
        column(
            self.question,
            self.count,
            self.criterion,
            self.statements,
            self.before,
            row(*self.answers.values()),
            self.note,
            row(self.back, self.skip, self.undo),
        ).setContentsMargins(8, 8, 8, 8)
        column(self, study, self.warning, self.question, self.bar, self.saved).addStretch(1)

    def _connect(self) -> None:
        self.open.clicked.connect(self._on_open)
        self.forms.activated.connect(lambda _: self.form_chosen.emit(self.forms.currentData()))
        self.expert.textChanged.connect(lambda _: self._enable())
        self.expert.returnPressed.connect(self.question.setFocus)
        self.note.returnPressed.connect(self.question.setFocus)
        self.back.clicked.connect(self.back_requested)
        self.skip.clicked.connect(self.skip_requested)
        self.undo.clicked.connect(self.undo_requested)
        # In a line of text these keys are letters: it takes them first.
        keys = {"Backspace": self.undo}
        for word, made in self.answers.items():
            made.clicked.connect(lambda _=False, w=word: self.given.emit(w))
            keys[ANSWERS[word][1]] = made
        for key, made in keys.items():
            QShortcut(QKeySequence(key), self).activated.connect(made.click)

    def clear(self) -> None:
        """Show that no study is open."""
        for part in (self.question, self.bar, self.saved, self.warning):
            part.hide()
        for field in (self.forms, self.expert):
            self._fields.setRowVisible(field, False)

    def show_study(self, folder: Path, forms: Sequence[Path], form_: Path, expert: str) -> None:
        """Show which folder and form are open; an expert who has begun stays the same."""
        self.name.setText(folder.name)
        self.name.setToolTip(str(folder))
        self.info.hide()
        self.forms.clear()
        for path in forms:
            self.forms.addItem(path.name, str(path))
        self.forms.setCurrentIndex(list(forms).index(form_))
        self._fields.setRowVisible(self.forms, len(forms) > 1)
        self._fields.setRowVisible(self.expert, True)
        self.expert.setText(expert)
        for part in (self.question, self.bar, self.saved):
            part.show()
        if not expert:
            self.expert.setFocus()

    def show_question(
        self, place: str, question: Mapping[str, str] | None, statements: Sequence[str] = ()
    ) -> None:
        """Show a question with the verdict that was given, None when all are answered."""
        self.count.setText(place)
        asked = question or {}
        self.criterion.setText(asked.get("criterion", "All questions are answered"))
        self.statements.setText("\n".join(statements))
        self.statements.setVisible(bool(statements))
        said = asked.get("verdict", "")
        self.before.setVisible(bool(said))
        if said:
            words, _, colour, _ = ANSWERS[said]
            self.before.setText(f"You said: {words}")
            self.before.setStyleSheet(
                f"background-color: {colour}; color: #ffffff; padding: 3px; font-weight: bold;"
            )
        self.note.setText(asked.get("note", ""))
        for part in (self.note, self.skip, *self.answers.values()):
            part.setVisible(question is not None)
        self._enable()

    def show_progress(
        self, done: int, total: int, can_undo: bool, locked: bool, saved: str
    ) -> None:
        """Show how far it is; `locked` keeps the name of an expert who has begun."""
        self.bar.setMaximum(total)
        self.bar.setValue(done)
        self.undo.setEnabled(can_undo)
        self.expert.setReadOnly(locked)
        self.expert.setToolTip(
            "This form holds verdicts of this expert" if locked else "Kept with every verdict"
        )
        self.saved.setText(saved)

    def show_others(self, others: int) -> None:
        """Warn of other layers, whose names and small pictures are in the list."""
        self.warning.setVisible(others > 0)
        self.warning.setText(
            f"Remove the other layers first ({others}, hidden now): their names and pictures in "
            "the layer list may tell what you see."
        )

    def set_seen(self, seen: bool) -> None:
        """Tell whether the micrograph is in sight."""
        self._seen = seen
        self._enable()

    def _enable(self) -> None:
        named = bool(self.expert.text().strip())
        missing = "Write your name first" if not named else "The micrograph cannot be shown"
        ready = named and self._seen
        for word, made in self.answers.items():
            made.setEnabled(ready)
            made.setToolTip(f"{ANSWERS[word][3]}; key {ANSWERS[word][1]}" if ready else missing)

    def _on_open(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "The folder of a blind study")
        if path:
            self.open_requested.emit(path)
