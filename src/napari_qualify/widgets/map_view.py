"""The tab with the map: micrographs as points, to be selected."""

from collections.abc import Sequence

import numpy as np
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QStandardItemModel
from qtpy.QtWidgets import QComboBox, QSplitter, QWidget

from napari_qualify.catalogue import Entry
from napari_qualify.embed.map2d import UMAP_INSTALL, has_umap
from napari_qualify.widgets.map_colours import choices, colour
from napari_qualify.widgets.micrograph_table import MicrographTable
from napari_qualify.widgets.panel import column
from napari_qualify.widgets.parts import button, form, row, text
from napari_qualify.widgets.scatter import Scatter
from napari_qualify.widgets.search_tasks import Mapped
from napari_qualify.widgets.stored_box import StoredBox

METHODS = (
    ("pca", "PCA", "Principal components: the largest differences, exact and at once"),
    ("umap", "UMAP", "Neighbourhoods: like ones lie together; slower, its axes mean nothing"),
)
HINT = (
    "Click a point or drag a rectangle to choose micrographs, Ctrl adds; double-click opens one. "
    "The wheel zooms."
)


class MapView(QWidget):
    """Shows a map and lists the micrographs that are chosen on it.

    Signals
    -------
    map_requested
    chosen : list of Entry
        The selection on the map has changed.
    open_requested : list of Entry
    like_requested : Entry
    """

    map_requested = Signal()
    chosen = Signal(list)
    open_requested = Signal(list)
    like_requested = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.stored = StoredBox()
        self.method = QComboBox()
        self.method.setAccessibleName("Kind of map")
        self.method.setToolTip("How the vectors become two numbers")
        for name, words, tip in METHODS:
            self.method.addItem(words, name)
            self.method.setItemData(self.method.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self.colour = QComboBox()
        self.colour.setToolTip("What the colour and the shape of a point say")
        self.colour.setAccessibleName("Colour by")
        self.scatter = Scatter()
        self.note = text(HINT, small=True)
        self.table = MicrographTable(similarity=False, rows=2)
        self.open = button("&Open as layers", "Open the chosen micrographs as image layers")
        self.like = button("&More like this", "Search for what is most like the chosen one")
        self._entries: list[Entry] = []
        self._listed: list[Entry] = []
        self.shown = ""
        self._grey_umap()
        self._build()
        self._connect()
        self.clear("")

    def _grey_umap(self) -> None:
        model = self.method.model()
        if not has_umap() and isinstance(model, QStandardItemModel):
            model.item(1).setEnabled(False)
            self.method.setItemText(1, "UMAP (not installed)")
            self.method.setItemData(1, UMAP_INSTALL, Qt.ItemDataRole.ToolTipRole)

    def _build(self) -> None:
        fields = form()
        fields.addRow("Vectors", self.stored)
        fields.addRow("Map", row(self.method, self.colour, stretch=1))
        top, bottom = QWidget(), QWidget()
        column(top, self.scatter, self.note, stretch=0)
        column(bottom, self.table, row(self.open, self.like), stretch=0)
        split = QSplitter(Qt.Orientation.Vertical)
        split.setChildrenCollapsible(False)
        split.addWidget(top)
        split.addWidget(bottom)
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 1)
        column(self, fields, split, stretch=1)

    def _connect(self) -> None:
        self.stored.currentIndexChanged.connect(lambda _: self._ask())
        self.method.currentIndexChanged.connect(lambda _: self._ask())
        self.colour.currentIndexChanged.connect(lambda _: self._paint())
        self.scatter.chosen.connect(self._on_chosen)
        self.scatter.activated.connect(lambda i: self.open_requested.emit([self._entries[i]]))
        self.table.open_requested.connect(self._open)
        self.table.rows_chosen.connect(lambda _: self._enable())
        self.open.clicked.connect(lambda: self._open(self._rows()))
        self.like.clicked.connect(self._on_like)

    @property
    def wanted(self) -> str:
        """What map is asked for, '' for none."""
        stored = self.stored.value()
        if stored is None:
            return ""
        return f"{stored.fingerprint} {stored.count} {self.method.currentData()}"

    def _ask(self) -> None:
        if self.wanted and self.wanted != self.shown:
            self.map_requested.emit()

    # --- what is shown ------------------------------------------------------

    def clear(self, words: str) -> None:
        """Show no map, but words."""
        self.shown = ""
        self._entries = []
        self.scatter.message = words
        self.scatter.show_points(np.zeros((0, 2)), [], ("", ""))

    def begin(self, wanted: str) -> None:
        """Take the old map away; `wanted` is what was asked for."""
        self.clear("The map is not drawn yet.")
        self.shown = wanted

    def show_map(self, mapped: Mapped) -> None:
        """Show a map."""
        self._entries = list(mapped.catalogue.entries)
        before = self.colour.currentData()
        self.colour.blockSignals(True)
        self.colour.clear()
        for choice, words in choices(self._entries):
            self.colour.addItem(words, choice)
        self.colour.setCurrentIndex(max(0, self.colour.findData(before)))
        self.colour.blockSignals(False)
        self.scatter.message = "The library has no vector of this kind."
        names = [_hover(entry) for entry in self._entries]
        self.scatter.show_points(mapped.map.points, names, mapped.map.axes)
        notes = (HINT, *(f"• {note}" for note in mapped.catalogue.notes))
        self.note.setText("\n".join(notes))
        self._paint()

    def _paint(self) -> None:
        if self._entries and self.colour.currentData():
            kinds, marks = colour(self._entries, self.colour.currentData())
            filled = [entry.kind == "reference" for entry in self._entries]
            self.scatter.show_marks(kinds, filled, marks)

    @property
    def listed(self) -> list[Entry]:
        """The micrographs that are chosen on the map."""
        return self._listed

    def _on_chosen(self, indices: Sequence[int]) -> None:
        self._listed = [self._entries[i] for i in indices]
        self.table.show_entries(self._listed)
        self._enable()
        self.chosen.emit(self._listed)

    def _rows(self) -> list[int]:
        """Chosen rows of the list, all of them when none is chosen."""
        return self.table.chosen() or list(range(len(self._listed)))

    def _enable(self) -> None:
        count = len(self._rows())
        self.open.setEnabled(count > 0)
        self.open.setText(f"&Open {count} as layers" if count > 1 else "&Open as layer")
        self.like.setEnabled(count == 1)

    def _open(self, rows: Sequence[int]) -> None:
        if rows:
            self.open_requested.emit([self._listed[r] for r in rows])

    def _on_like(self) -> None:
        for r in self._rows()[:1]:
            self.like_requested.emit(self._listed[r])


def _hover(entry: Entry) -> str:
    said = ", ".join(f"{criterion}: {verdict}" for criterion, verdict in entry.verdicts)
    return "\n".join(filter(None, (entry.name, entry.group, said)))
