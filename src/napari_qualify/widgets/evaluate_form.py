"""Asks for an evaluation: whose verdicts, and which images."""

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGroupBox

from napari_qualify.widgets.evaluate_paths import FOLDER, OPEN, PathRow
from napari_qualify.widgets.panel import column
from napari_qualify.widgets.parts import Scope, button, form, row

CSV = "Tables (*.csv)"
NAMED = "The files that the table names"


class EvaluateScope(Scope):
    """Choice between the files of the table, those of a folder, and image layers."""

    def __init__(self) -> None:
        super().__init__()
        self.insertItem(0, "A folder of files")
        self.insertItem(0, NAMED)
        self.setCurrentIndex(0)
        self.setToolTip("Where the labelled micrographs are")

    def count_images(self, chosen: int, all_images: int) -> None:
        """Show how many layers there are of each kind."""
        self.setItemText(2, f"Selected images ({chosen})")
        self.setItemText(3, f"All images ({all_images})")

    @property
    def layers(self) -> bool:
        """Whether layers are meant."""
        return self.currentIndex() >= 2

    @property
    def folder(self) -> bool:
        """Whether a folder is meant."""
        return self.currentIndex() == 1

    @property
    def selected(self) -> bool:
        """Whether only the selected layers are meant."""
        return self.currentIndex() == 2


class EvaluateForm(QGroupBox):
    """Labels, images, and the button that compares them.

    Signals
    -------
    evaluate_requested, save_requested
    """

    evaluate_requested = Signal()
    save_requested = Signal()

    def __init__(self) -> None:
        super().__init__("Verdicts of experts")
        self.labels = PathRow(OPEN, "A table of experts' verdicts", files=CSV)
        self.labels.setToolTip(
            "CSV with the columns image, criterion, verdict and, where known, expert and group"
        )
        self.scope = EvaluateScope()
        self.folder = PathRow(FOLDER, "A folder of micrographs")
        self.start = button(
            "&Evaluate", "Judge the images by the library and compare with the experts"
        )
        self.save = button("&Save tables…", "Write the tables and plots into a folder")
        self._ready = False
        self._fields = form()
        self._fields.setContentsMargins(8, 8, 8, 8)
        self._fields.addRow("Table", self.labels)
        self._fields.addRow("Images", self.scope)
        self._fields.addRow("Folder", self.folder)
        column(self).addLayout(self._fields)
        self._fields.addRow(row(self.start, self.save, stretch=0))
        for part in (self.labels, self.folder):
            part.changed.connect(self._enable)
        self.scope.currentIndexChanged.connect(lambda _: self._enable())
        self.start.clicked.connect(self.evaluate_requested)
        self.save.clicked.connect(self.save_requested)
        self.save.setEnabled(False)
        self._enable()

    def set_ready(self, ready: bool) -> None:
        """Tell whether a library with a criterion is open."""
        self._ready = ready
        self._enable()

    def _enable(self) -> None:
        folder = self.scope.folder
        self._fields.setRowVisible(self.folder, folder)
        needed = [self._ready, bool(self.labels.path), bool(self.folder.path) or not folder]
        self.start.setEnabled(all(needed))
        self.start.setToolTip(
            "Judge the images by the library and compare with the experts"
            if all(needed)
            else "Open a library with a criterion and choose a table first"
        )
