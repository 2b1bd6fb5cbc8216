"""View that advises on references: which to look at again, which to add next."""

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGroupBox

from napari_qualify.widgets.advice_tasks import Advice, Advised
from napari_qualify.widgets.panel import column
from napari_qualify.widgets.parts import button, row, text
from napari_qualify.widgets.table import Table


class AdviceView(QGroupBox):
    """Asks for advice and shows it.

    Signals
    -------
    check_requested, next_requested : str
        Name of the criterion.
    open_requested, remove_requested : Advised
    """

    check_requested = Signal(str)
    next_requested = Signal(str)
    open_requested = Signal(object)
    remove_requested = Signal(object)

    def __init__(self) -> None:
        super().__init__("Which references")
        self._criterion = ""
        self._rows: tuple[Advised, ...] = ()
        self.check = button(
            "Chec&k references",
            "List references whose score contradicts their label, and those that show the same",
        )
        self.following = button(
            "What to label ne&xt", "Which of the open images an expert should judge next"
        )
        self.words = text()
        self.table = Table(("Image", "", "Why"))
        self.table.setAccessibleName("Advice on references")
        self.show_image = button("Sho&w image", "Show the image of the chosen row")
        self.remove = button("Remo&ve reference…", "Take the chosen reference out of the library")
        column(
            self,
            row(self.check, self.following),
            self.words,
            self.table,
            row(self.show_image, self.remove),
        ).setContentsMargins(8, 8, 8, 8)
        self.check.clicked.connect(lambda: self.check_requested.emit(self._criterion))
        self.following.clicked.connect(lambda: self.next_requested.emit(self._criterion))
        self.table.itemSelectionChanged.connect(self._enable)
        self.table.cellDoubleClicked.connect(lambda *_: self._emit(self.open_requested))
        self.show_image.clicked.connect(lambda: self._emit(self.open_requested))
        self.remove.clicked.connect(lambda: self._emit(self.remove_requested))
        self.clear()

    def show_criterion(self, name: str, by_limit: bool) -> None:
        """Follow the chosen criterion; one with a limit has no references."""
        if name != self._criterion:
            self.clear()
        self._criterion = name
        for each in (self.check, self.following):
            each.setEnabled(bool(name) and not by_limit)

    def clear(self) -> None:
        """Forget what was advised."""
        self.show_advice(Advice(""))

    def show_advice(self, advice: Advice) -> None:
        """Show rows, or that there are none."""
        self._rows = advice.rows
        self.words.setText(advice.words)
        self.words.setVisible(bool(advice.words))
        self.table.fill([(each.image, each.finding, each.why) for each in advice.rows])
        self.table.widths(grow=2, least=24)
        self.table.rows_tall(2, 6)
        self.table.setVisible(bool(advice.rows))
        self.show_image.setVisible(bool(advice.rows))
        self.remove.setVisible(any(each.reference for each in advice.rows))
        if advice.rows:
            self.table.selectRow(0)
        self._enable()

    @property
    def chosen(self) -> Advised | None:
        """The chosen row."""
        at = self.table.currentRow()
        return self._rows[at] if self.table.selectedItems() and at < len(self._rows) else None

    def _enable(self) -> None:
        chosen = self.chosen
        self.show_image.setEnabled(chosen is not None)
        self.remove.setEnabled(chosen is not None and bool(chosen.reference))

    def _emit(self, signal: "Signal") -> None:
        if self.chosen is not None:
            signal.emit(self.chosen)
