"""The tab that makes a blind study and takes its forms back, for whoever keeps the key."""

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QGroupBox, QLineEdit, QListWidget, QListWidgetItem, QSpinBox, QWidget

from napari_qualify.widgets.evaluate_paths import FOLDER, OPEN, SAVE, PathRow
from napari_qualify.widgets.panel import column
from napari_qualify.widgets.parts import button, form, text

KEYS = "Keys (*.json)"


class BlindStudyView(QWidget):
    """Asks for an export and for an import.

    Signals
    -------
    export_requested, import_requested
    """

    export_requested = Signal()
    import_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.folder = PathRow(FOLDER, "A folder of micrographs")
        self.criteria = QListWidget()
        self.criteria.setAccessibleName("Criteria")
        self.criteria.setToolTip("What the experts judge: criteria of the open library")
        self.criteria.setFixedHeight(84)
        self.experts = QSpinBox()
        self.experts.setRange(1, 99)
        self.experts.setToolTip("Forms to write, each in an order of its own")
        self.repeat = QSpinBox()
        self.repeat.setRange(0, 100)
        self.repeat.setSuffix(" %")
        self.repeat.setSpecialValueText("none")
        self.repeat.setToolTip(
            "Share of the micrographs that come twice, once mirrored: tells how steady an expert is"
        )
        self.out = PathRow(SAVE, "A new folder for the experts", "blind-study")
        self.key = PathRow(SAVE, "The key, which the experts must not see", "key.json", KEYS)
        self.write = button("E&xport", "Write the folder for the experts, and the key apart")
        self.source = PathRow(FOLDER, "The folder that the experts filled")
        self.known = PathRow(OPEN, "The key of the study", files=KEYS)
        self.expert = QLineEdit()
        self.expert.setPlaceholderText("where a form names none")
        self.labels = PathRow(SAVE, "The table of verdicts", "labels.csv", "Tables (*.csv)")
        self.take = button("I&mport", "Write the experts' verdicts under the true names")
        self.result = text()
        self._build()
        for part in (self.folder, self.out, self.key, self.source, self.known, self.labels):
            part.changed.connect(self._enable)
        self.criteria.itemChanged.connect(lambda _: self._enable())
        self.write.clicked.connect(self.export_requested)
        self.take.clicked.connect(self.import_requested)
        self._enable()

    def _build(self) -> None:
        made, taken = QGroupBox("Make a study"), QGroupBox("Take the verdicts back")
        first, second = form(), form()
        for name, part in (
            ("Micrographs", self.folder),
            ("Criteria", self.criteria),
            ("Experts", self.experts),
            ("Repeats", self.repeat),
            ("New folder", self.out),
            ("Key", self.key),
        ):
            first.addRow(name, part)
        for name, part in (
            ("Study", self.source),
            ("Key", self.known),
            ("Expert", self.expert),
            ("Table", self.labels),
        ):
            second.addRow(name, part)
        hint = text(
            "Give the new folder to the experts and keep the key. They judge in the widget "
            "'Evaluate blind', or in a spreadsheet.",
            small=True,
        )
        column(made, hint, first, self.write).setContentsMargins(8, 8, 8, 8)
        column(taken, second, self.take).setContentsMargins(8, 8, 8, 8)
        column(self, made, taken, self.result).addStretch(1)

    def offer(self, criteria: Sequence[str]) -> None:
        """List the criteria of the open library, all chosen."""
        if [self.criteria.item(r).text() for r in range(self.criteria.count())] != list(criteria):
            self.criteria.clear()
            for name in criteria:
                item = QListWidgetItem(name)
                item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
                item.setCheckState(Qt.CheckState.Checked)
                self.criteria.addItem(item)
        self._enable()

    @property
    def chosen(self) -> list[str]:
        """The criteria that are ticked."""
        items = [self.criteria.item(r) for r in range(self.criteria.count())]
        return [item.text() for item in items if item.checkState() == Qt.CheckState.Checked]

    def settings(self) -> dict[str, Any]:
        """Keywords of an export, but its places."""
        return {
            "criteria": self.chosen,
            "experts": self.experts.value(),
            "repeat": self.repeat.value() / 100,
        }

    def _enable(self) -> None:
        ready = bool(self.folder.path and self.out.path and self.key.path and self.chosen)
        self.write.setEnabled(ready)
        self.write.setToolTip(
            "Write the folder for the experts, and the key apart"
            if ready
            else "Open a library, tick its criteria, choose micrographs, a new folder and a key"
        )
        self.take.setEnabled(bool(self.source.path and self.known.path and self.labels.path))
