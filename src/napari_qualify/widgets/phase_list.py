"""List of the phases to paint: colour, name and label value."""

from collections.abc import Mapping

from napari.utils.notifications import show_error
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_qualify.segment.phases import phase_colour
from napari_qualify.widgets.parts import button, row
from napari_qualify.widgets.table import ROW, KeepColour

START = {1: "matrix", 2: "carbide", 3: "pore"}
SUGGESTED = ("crack", "oxide", "inclusion", "dissolved carbide", "grain", "boundary", "substrate")
MOST = 250


class PhaseList(QWidget):
    """Phases by label value; names are edited in place.

    Signals
    -------
    changed
        A phase came, went or was renamed.
    picked : int
        The user chose the phase with this value.
    """

    changed = Signal()
    picked = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.table = QTableWidget(0, 3)
        self.table.setHorizontalHeaderLabels(["", "Phase", "Value"])
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.verticalHeader().setVisible(False)
        self.table.verticalHeader().setDefaultSectionSize(ROW)
        self.table.setTabKeyNavigation(False)
        self.table.setItemDelegateForColumn(0, KeepColour(self.table))
        self.table.setToolTip("Choose the phase to paint; double-click a name to change it")
        self.table.setAccessibleName("Phases")
        header = self.table.horizontalHeader()
        header.setFixedHeight(ROW + 2)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        for index, width in ((0, 28), (2, 52)):
            header.setSectionResizeMode(index, QHeaderView.ResizeMode.Fixed)
            self.table.setColumnWidth(index, width)
        self.add = button("&Add phase", "One phase more; double-click its name to change it")
        self.remove = button("Re&move", "Take the chosen phase off the list; strokes stay")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.table)
        layout.addLayout(row(self.add, self.remove))
        self._names: dict[int, str] = {}
        self._filling = False
        self.add.clicked.connect(self._on_add)
        self.remove.clicked.connect(self._on_remove)
        self.table.itemChanged.connect(self._on_edited)
        self.table.itemSelectionChanged.connect(self._on_selected)
        self.show_names(START)

    def names(self) -> dict[int, str]:
        """Return the name of each label value."""
        return dict(self._names)

    @property
    def value(self) -> int:
        """Label value of the chosen phase."""
        rows = self.table.selectionModel().selectedRows()
        values = list(self._names)
        return values[rows[0].row()] if rows else values[0]

    def show_names(self, names: Mapping[int, str]) -> None:
        """Show other phases."""
        chosen = self.value if self._names else None
        self._names = dict(sorted(names.items()))
        self._filling = True
        self.table.setRowCount(len(self._names))
        for r, (value, name) in enumerate(self._names.items()):
            colour = QTableWidgetItem()
            _colour(colour, name)
            number = QTableWidgetItem(str(value))
            for item in (colour, number):
                item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEditable)
            for c, item in enumerate((colour, QTableWidgetItem(name), number)):
                self.table.setItem(r, c, item)
        self._filling = False
        self.choose(chosen if chosen in self._names else next(iter(self._names)))
        shown = min(max(len(self._names), 2), 6)
        self.table.setFixedHeight((shown + 1) * ROW + 6)
        self.remove.setEnabled(len(self._names) > 2)
        self.add.setEnabled(len(self._names) < MOST)

    def choose(self, value: int) -> None:
        """Choose the phase with this value, if there is one."""
        if value in self._names and self.table.currentRow() != list(self._names).index(value):
            self.table.setCurrentCell(list(self._names).index(value), 1)

    def _on_add(self) -> None:
        value = next(v for v in range(1, MOST + 2) if v not in self._names)
        used = {name.casefold() for name in self._names.values()}
        name = next((n for n in SUGGESTED if n not in used), f"phase {value}")
        self.show_names({**self._names, value: name})
        self.choose(value)
        self.changed.emit()

    def _on_remove(self) -> None:
        gone = self.value
        self.show_names({v: n for v, n in self._names.items() if v != gone})
        self.changed.emit()

    def _on_edited(self, item: QTableWidgetItem) -> None:
        if self._filling or item.column() != 1:
            return
        value = list(self._names)[item.row()]
        name = item.text().strip()
        others = {n.casefold() for v, n in self._names.items() if v != value}
        if not name or name.casefold() in others:
            show_error("Give every phase a name of its own.")
            name = self._names[value]
        renamed = name != self._names[value]
        self._names[value] = name
        # In place: the editor of this cell is still open.
        self._filling = True
        item.setText(name)
        _colour(self.table.item(item.row(), 0), name)
        self._filling = False
        if renamed:
            self.changed.emit()

    def _on_selected(self) -> None:
        if not self._filling and self.table.selectionModel().selectedRows():
            self.picked.emit(self.value)


def _colour(item: QTableWidgetItem, name: str) -> None:
    item.setBackground(QColor(*phase_colour(name)))
    item.setToolTip(f"Colour of {name}: the same in every view and report")
