"""The tab that measures phases: a table with intervals, and a histogram of particles."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QFileDialog, QGroupBox, QWidget

from napari_qualify.segment.phases import phase_colour
from napari_qualify.widgets.histogram import Histogram
from napari_qualify.widgets.panel import column
from napari_qualify.widgets.parts import LayerBox, button, form, row, text
from napari_qualify.widgets.table import Table

NO_VALUES = ("label", "centroid", "touches", "weight")
UNITS = {"um": "µm", "um2": "µm²", "px": "px", "px2": "px²"}
ALL = "All phases"


class MeasureView(QWidget):
    """Choice of a layer, and what was measured of it.

    Signals
    -------
    measure_requested
    phase_changed : str
        Phase to show, '' for all.
    save_requested : str
        Path of the CSV to write.
    particles_requested : str
        Phase whose particles become a layer.
    """

    measure_requested = Signal()
    phase_changed = Signal(str)
    save_requested = Signal(str)
    particles_requested = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.layer = LayerBox()
        self.layer.setToolTip("A Labels layer whose phases have names")
        self.start = button("&Measure", "Measure the phases of the layer as they are now")
        self.phase = QComboBox()
        self.phase.setToolTip("Which phase to show")
        self.table = Table(("Phase", "Measure", "Value", "95 % interval", "Unit"))
        self.table.setToolTip("Hover over a value to see how it was measured")
        self.note = text(small=True)
        self.save = button("&Save CSV…", "Write all measures of all phases to a table")
        self.of = QComboBox()
        self.of.setToolTip("Phase whose particles to show")
        self.values = QComboBox()
        self.values.setToolTip("Measure of each particle")
        self.histogram = Histogram()
        self.particles = button(
            "&Particles as layer", "Add the particles as a Labels layer with a row of features each"
        )
        self._tables: Mapping[str, pd.DataFrame] = {}
        self._build()
        self.start.clicked.connect(self.measure_requested)
        self.phase.currentIndexChanged.connect(self._on_phase)
        self.of.currentIndexChanged.connect(self._on_of)
        self.values.currentIndexChanged.connect(self._draw)
        self.save.clicked.connect(self._on_save)
        self.particles.clicked.connect(lambda: self.particles_requested.emit(self.of.currentText()))

    def _build(self) -> None:
        top = form()
        top.addRow("Labels", self.layer)
        self.measures = QGroupBox("Measures")
        column(
            self.measures, row(self.phase, self.save, stretch=0), self.table, self.note
        ).setContentsMargins(8, 8, 8, 8)
        self.distribution = QGroupBox("Particles")
        column(
            self.distribution, row(self.of, self.values, stretch=1), self.histogram, self.particles
        ).setContentsMargins(8, 8, 8, 8)
        self.hint = text(
            "There is no layer with named phases yet: segment an image first.", small=True
        )
        column(
            self, top, self.hint, self.start, self.measures, self.distribution
        ).addStretch(1)  # fmt: skip
        self.measures.hide()
        self.distribution.hide()

    def offer(self, layers: Sequence[tuple[str, str]]) -> None:
        """List the layers that can be measured."""
        self.layer.offer(layers)
        self.start.setEnabled(bool(layers))
        self.hint.setVisible(not layers)

    def show_phases(
        self, title: str, names: Sequence[str], particles: Mapping[str, pd.DataFrame]
    ) -> None:
        """Show what was measured: phases to choose from, and their particles."""
        self._tables = dict(particles)
        self.measures.setTitle(f"Measures of {title}")
        for box, items in ((self.phase, [ALL, *names]), (self.of, list(names))):
            before = box.currentText()
            box.blockSignals(True)
            box.clear()
            box.addItems(items)
            box.setCurrentIndex(max(0, box.findText(before)))
            box.blockSignals(False)
        if self.of.currentText() == names[0] and len(names) > 1:
            # The phase with most particles is the likely one; a matrix is one or two.
            most = max(names, key=lambda name: len(self._tables[name]))
            self.of.blockSignals(True)
            self.of.setCurrentText(most)
            self.of.blockSignals(False)
        self.measures.show()
        self.distribution.show()
        self._on_phase(self.phase.currentIndex())
        self._on_of(self.of.currentIndex())

    def show_rows(self, rows: Sequence[Sequence[str]], tips: Sequence[Sequence[str]]) -> None:
        """Show rows of measures."""
        self.table.fill(rows, tips)
        # The phase that was chosen needs no column; the measure's name needs its room.
        self.table.setColumnHidden(0, self.phase.currentIndex() > 0)
        self.table.widths(grow=1, least=50)
        self.table.rows_tall(4, 12)

    def _on_phase(self, index: int) -> None:
        self.phase_changed.emit("" if index <= 0 else self.phase.currentText())

    def _on_of(self, index: int) -> None:
        table = self._tables.get(self.of.currentText())
        before = self.values.currentText()
        self.values.blockSignals(True)
        self.values.clear()
        for name in [] if table is None else value_columns(table):
            self.values.addItem(spoken(name), name)
        found = self.values.findText(before)
        size = next((i for i in range(self.values.count())
                     if "diameter" in self.values.itemText(i)), 0)  # fmt: skip
        self.values.setCurrentIndex(found if found >= 0 else size)
        self.values.blockSignals(False)
        self.particles.setEnabled(table is not None and len(table) > 0)
        self._draw()

    def _draw(self, *_: Any) -> None:
        name, what = self.of.currentText(), self.values.currentData()
        table = self._tables.get(name)
        if table is None or not what:
            self.histogram.show_values([], "", phase_colour("matrix"))
            return
        # Those that the border cuts have no size; the others stand for them by their weight.
        weight = next((table[c].to_numpy(float) for c in table if c.startswith("weight")), None)
        values = table[what].to_numpy(float)
        if weight is not None:
            values, weight = values[weight > 0], weight[weight > 0]
            weight = weight / weight.mean() if weight.size else weight
        self.histogram.show_values(values, f"{spoken(what)} of {name}", phase_colour(name), weight)

    def _on_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save measures", "measures.csv", "CSV (*.csv)")
        if path:
            self.save_requested.emit(path)


def value_columns(table: pd.DataFrame) -> list[str]:
    """Columns of a table of particles that are worth a histogram."""
    return [name for name in table.columns if not name.startswith(NO_VALUES)]


def spoken(column: str) -> str:
    """Name of a column in words, its unit in brackets."""
    words, _, unit = column.rpartition("_")
    if unit in UNITS:
        return f"{words.replace('_', ' ')} ({UNITS[unit]})"
    return column.replace("_", " ")
