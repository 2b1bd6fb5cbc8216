"""The tab that searches: most or least like a text or an image."""

from collections.abc import Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QFileDialog, QLineEdit, QSpinBox, QWidget

from napari_qualify.catalogue import Entry
from napari_qualify.search import Ranking
from napari_qualify.widgets.micrograph_table import MicrographTable
from napari_qualify.widgets.panel import column
from napari_qualify.widgets.parts import LayerBox, button, form, row, text
from napari_qualify.widgets.stored_box import StoredBox

KINDS = (
    ("Most like this text", True, True),
    ("Least like this text", True, False),
    ("Most like this image", False, True),
    ("Least like this image", False, False),
)
IN_LIBRARY = "key:"
"""Begins the value of an image that is a micrograph of the library."""


class SearchView(QWidget):
    """Asks for a search and shows its ranking.

    Signals
    -------
    search_requested
    open_requested : list of Entry
    save_requested : str
        Path of a table.
    """

    search_requested = Signal()
    open_requested = Signal(list)
    save_requested = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.stored = StoredBox()
        self.kind = QComboBox()
        self.kind.addItems([words for words, _, _ in KINDS])
        self.kind.setToolTip("What to compare with, and which end of the list comes first")
        self.kind.setAccessibleName("Search for")
        self.words = QLineEdit()
        self.words.setPlaceholderText("dissolved carbides")
        self.words.setToolTip("Any words; Enter searches")
        self.words.setAccessibleName("Text")
        self.image = LayerBox()
        self.image.setToolTip("An image layer, or the micrograph of the library chosen below")
        self.image.setAccessibleName("Image")
        self.limit = QSpinBox()
        self.limit.setRange(1, 1000)
        self.limit.setValue(20)
        self.limit.setToolTip("How many micrographs are listed")
        self.limit.setPrefix("first ")
        self.start = button("&Search", "Rank the micrographs of the library")
        self.note = text(small=True)
        self.table = MicrographTable(similarity=True)
        self.open = button("&Open as layers", "Open the chosen micrographs as image layers")
        self.like = button("&More like this", "Rank the library by its likeness to the chosen one")
        self.save = button("Save CS&V…", "Write the whole list as a table")
        self._ranking: Ranking | None = None
        self._ready = False
        self._extra: list[tuple[str, str]] = []
        self._layers: list[tuple[str, str]] = []
        self._build()
        self._connect()
        self._on_kind(0)
        self.clear("Search among the micrographs that the library has vectors of.")

    def _build(self) -> None:
        self._fields = form()
        self._fields.addRow("Vectors", self.stored)
        self._fields.addRow("Find", self.kind)
        self._fields.addRow("Text", self.words)
        self._fields.addRow("Image", self.image)
        column(
            self,
            self._fields,
            row(self.limit, self.start, stretch=1),
            self.note,
            self.table,
            row(self.open, self.like, self.save),
            stretch=3,
        )

    def _connect(self) -> None:
        self.kind.currentIndexChanged.connect(self._on_kind)
        self.words.textChanged.connect(lambda _: self._enable())
        self.words.returnPressed.connect(self._on_return)
        self.image.currentIndexChanged.connect(lambda _: self._enable())
        self.stored.currentIndexChanged.connect(lambda _: self._enable())
        self.start.clicked.connect(self.search_requested)
        self.table.rows_chosen.connect(lambda _: self._enable())
        self.table.open_requested.connect(self._open)
        self.open.clicked.connect(lambda: self._open(self.table.chosen()))
        self.like.clicked.connect(self._on_like)
        self.save.clicked.connect(self._on_save)

    # --- what is asked ------------------------------------------------------

    @property
    def by_text(self) -> bool:
        """Whether a text is searched for."""
        return KINDS[self.kind.currentIndex()][1]

    @property
    def most(self) -> bool:
        """Whether the most similar come first."""
        return KINDS[self.kind.currentIndex()][2]

    @property
    def layer(self) -> str:
        """``unique_id`` of the chosen layer, '' for none."""
        chosen = str(self.image.currentData() or "")
        return "" if chosen.startswith(IN_LIBRARY) else chosen

    @property
    def key(self) -> str:
        """Key of the chosen micrograph of the library, '' for none."""
        chosen = str(self.image.currentData() or "")
        return chosen.removeprefix(IN_LIBRARY) if chosen.startswith(IN_LIBRARY) else ""

    def offer_layers(self, layers: Sequence[tuple[str, str]]) -> None:
        """List image layers as (unique_id, name)."""
        self._layers = list(layers)
        self.image.offer([*self._extra, *self._layers])

    def ask_like(self, entry: Entry) -> None:
        """Search for what is most like a micrograph of the library."""
        value = IN_LIBRARY + entry.key
        self._extra = [(value, f"{entry.name} (in the library)")]
        self.image.offer([*self._extra, *self._layers])
        self.image.setCurrentIndex(self.image.findData(value))
        self.kind.setCurrentIndex(next(i for i, k in enumerate(KINDS) if k[1:] == (False, True)))
        self.search_requested.emit()

    def forget(self) -> None:
        """Forget what belonged to another library."""
        self._extra = []
        self.offer_layers(self._layers)
        self.clear("Search among the micrographs that the library has vectors of.")

    def set_ready(self, ready: bool) -> None:
        """Say whether a library is open."""
        self._ready = ready
        self._enable()

    # --- what is shown ------------------------------------------------------

    def clear(self, words: str) -> None:
        """Show no list, but words."""
        self._ranking = None
        self.table.show_entries([], [])
        self.note.setText(words)
        self._enable()

    def show_ranking(self, ranking: Ranking) -> None:
        """Show a list."""
        self._ranking = ranking
        self.table.show_entries(ranking.entries, [float(s) for s in ranking.similarities])
        self.table.scrollToTop()
        lines = [
            f"{len(ranking.entries)} of {ranking.compared} micrographs. Similarity is the cosine "
            "of two vectors: it ranks, and is no probability."
        ]
        self.note.setText("\n".join([*lines, *(f"• {note}" for note in ranking.notes)]))
        self._enable()

    @property
    def ranking(self) -> Ranking | None:
        """The list that is shown."""
        return self._ranking

    def _enable(self) -> None:
        asked = self.words.text().strip() if self.by_text else self.image.currentData()
        self.start.setEnabled(self._ready and self.stored.value() is not None and bool(asked))
        chosen = self.table.chosen()
        self.open.setEnabled(bool(chosen))
        self.like.setEnabled(len(chosen) == 1)
        self.save.setEnabled(bool(self._ranking and self._ranking.entries))

    def _on_kind(self, _: int) -> None:
        self._fields.setRowVisible(self.words, self.by_text)
        self._fields.setRowVisible(self.image, not self.by_text)
        self._enable()

    def _on_return(self) -> None:
        if self.start.isEnabled():
            self.search_requested.emit()

    def _entries(self, rows: Sequence[int]) -> list[Entry]:
        return [] if self._ranking is None else [self._ranking.entries[r] for r in rows]

    def _open(self, rows: Sequence[int]) -> None:
        if rows:
            self.open_requested.emit(self._entries(rows))

    def _on_like(self) -> None:
        for entry in self._entries(self.table.chosen()):
            self.ask_like(entry)

    def _on_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save the list", "search.csv", "CSV (*.csv)")
        if path:
            self.save_requested.emit(path)
