"""Table of image layers with the Labels layers that are their truth."""

from collections.abc import Sequence
from pathlib import PurePath

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHeaderView,
    QLineEdit,
    QTableWidget,
    QVBoxLayout,
    QWidget,
)

from napari_qualify.widgets.parts import LayerBox, button, row
from napari_qualify.widgets.table import ROW

Offer = tuple[str, str, tuple[int, int]]
"""A layer: unique_id, name, shape (Y, X)."""


class PairsTable(QWidget):
    """Rows of image, labels and specimen.

    Signals
    -------
    changed
        A pair came, went or was changed.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.table = QTableWidget(0, 3)
        self.table.setHorizontalHeaderLabels(["Image", "Labels", "Specimen"])
        self.table.verticalHeader().setVisible(False)
        self.table.verticalHeader().setDefaultSectionSize(ROW + 4)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.table.setFixedHeight(5 * ROW)
        self.table.setAccessibleName("Pairs of layers to learn from")
        self.table.setToolTip(
            "Images of one specimen stay together when some are held back for validation"
        )
        self.fill = button("&Fill", "Pair every Labels layer with the image of its name and size")
        self.add = button("&Add", "One pair more")
        self.remove = button("Re&move", "Take the chosen pair, or the last, off the list")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.table)
        layout.addLayout(row(self.fill, self.add, self.remove))
        self._images: list[Offer] = []
        self._labels: list[Offer] = []
        self.fill.clicked.connect(self._on_fill)
        self.add.clicked.connect(lambda: self._add("", ""))
        self.remove.clicked.connect(self._on_remove)

    def offer(self, images: Sequence[Offer], labels: Sequence[Offer]) -> None:
        """List the layers that there are; a pair that lost one goes."""
        self._images, self._labels = list(images), list(labels)
        there = {uid for uid, *_ in (*images, *labels)}
        for r in reversed(range(self.table.rowCount())):
            if not {self._box(r, 0).currentData(), self._box(r, 1).currentData()} <= there:
                self.table.removeRow(r)
        for r in range(self.table.rowCount()):
            for c, layers in ((0, self._images), (1, self._labels)):
                self._box(r, c).offer([(uid, name) for uid, name, _ in layers])
        self.add.setEnabled(bool(images and labels))
        self.fill.setEnabled(bool(images and labels))
        self.remove.setEnabled(self.table.rowCount() > 0)
        self.changed.emit()

    def pairs(self) -> list[tuple[str, str, str]]:
        """Return (unique_id of the image, of the labels, specimen) of each row."""
        return [
            (self._box(r, 0).currentData(), self._box(r, 1).currentData(),
             self.table.cellWidget(r, 2).text().strip())
            for r in range(self.table.rowCount())
        ]  # fmt: skip

    def _box(self, r: int, c: int) -> LayerBox:
        return self.table.cellWidget(r, c)

    def _on_fill(self) -> None:
        self.table.setRowCount(0)
        for uid, name, shape in self._labels:
            same = [(u, n) for u, n, s in self._images if s == shape]
            # "field phases" belongs to "field", the longest name that it begins with or holds.
            fits = [(u, n) for u, n in same if PurePath(n).stem in name]
            best = max(fits, key=lambda item: len(item[1]), default=None)
            if best is None and len(same) == 1:
                best = same[0]
            if best is not None:
                self._add(best[0], uid)
        self.changed.emit()

    def _add(self, image: str, labels: str) -> None:
        r = self.table.rowCount()
        self.table.insertRow(r)
        for c, (layers, chosen) in enumerate(((self._images, image), (self._labels, labels))):
            box = LayerBox()
            box.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            box.offer([(uid, name) for uid, name, _ in layers])
            if chosen:
                box.setCurrentIndex(box.findData(chosen))
            box.currentIndexChanged.connect(self.changed)
            self.table.setCellWidget(r, c, box)
        specimen = QLineEdit()
        specimen.setPlaceholderText("as the image")
        specimen.setToolTip("Specimen that the image shows; by default each image is its own")
        self.table.setCellWidget(r, 2, specimen)
        self.remove.setEnabled(True)
        self.changed.emit()

    def _on_remove(self) -> None:
        r = self.table.currentRow()
        self.table.removeRow(r if r >= 0 else self.table.rowCount() - 1)
        self.remove.setEnabled(self.table.rowCount() > 0)
        self.changed.emit()
