"""What an evaluation found: metrics, plots, agreement, misjudged micrographs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QLabel, QScrollArea, QWidget

from napari_qualify.widgets.panel import column
from napari_qualify.widgets.parts import COLOURS, MARKS, pixmap, row, text
from napari_qualify.widgets.table import Table

ALL = "All criteria"
METRICS = ("Criterion", "Metric", "Value", "95 % interval", "Images", "Specimens")
MISJUDGED = ("Micrograph", "Criterion", "Experts", "Verdict", "Call")
AGREEMENT = ("Criterion", "Measure", "Experts", "Value", "95 % interval", "Images")
PLOT_NAMES = {
    "metrics": "Metrics with their intervals",
    "roc": "ROC curves",
    "calibration": "Calibration: is the stated risk kept?",
    "experts": "Agreement among the experts",
}


def figure(value: Any) -> str:
    """A figure with three digits, '–' when it does not exist."""
    return "–" if value is None or not np.isfinite(value) else f"{value:.3f}"


def interval(low: Any, high: Any) -> str:
    """An interval, '–' when it does not exist."""
    known = np.isfinite(low) and np.isfinite(high)
    return f"{low:.3f} to {high:.3f}" if known else "–"


class MetricsView(QWidget):
    """Metrics with intervals, for one criterion or all; and what must be known of them."""

    def __init__(self) -> None:
        super().__init__()
        self.criterion = QComboBox()
        self.criterion.setAccessibleName("Criterion")
        self.table = Table(METRICS)
        self.table.setAccessibleName("Metrics")
        self.notes = text(small=True)
        column(self, self.criterion, self.table, self.notes).addStretch(1)
        self._rows: list[list[str]] = []
        self.criterion.currentIndexChanged.connect(lambda _: self._fill())

    def show_metrics(self, metrics: Any, names: Mapping[str, str], notes: Sequence[str]) -> None:
        """Show a table of metrics; `names` says them in words."""
        self._rows = [
            [
                *(m.criterion, names[m.metric], figure(m.value), interval(m.low, m.high)),
                *(str(m.n), str(m.groups)),
            ]
            for m in metrics.itertuples()
        ]
        criteria = list(dict.fromkeys(cells[0] for cells in self._rows))
        before = self.criterion.currentText()
        self.criterion.blockSignals(True)
        self.criterion.clear()
        self.criterion.addItems([ALL, *criteria] if len(criteria) > 1 else criteria)
        found = self.criterion.findText(before)
        # One criterion is in sight as a whole; all of them are a long list.
        self.criterion.setCurrentIndex(found if found >= 0 else min(1, len(criteria) - 1))
        self.criterion.blockSignals(False)
        self.criterion.setVisible(len(criteria) > 1)
        self.notes.setText("\n".join(f"• {note}" for note in notes))
        self._fill()

    def _fill(self) -> None:
        chosen = self.criterion.currentText()
        self.table.fill([cells for cells in self._rows if chosen in (ALL, cells[0])])
        self.table.setColumnHidden(0, chosen != ALL)
        self.table.widths(grow=1, least=50)
        self.table.rows_tall(4, 14)


class PlotsView(QWidget):
    """One plot of one criterion at a time, as wide as there is room."""

    def __init__(self) -> None:
        super().__init__()
        self.name, self.criterion = QComboBox(), QComboBox()
        self.name.setAccessibleName("Plot")
        self.criterion.setAccessibleName("Criterion")
        self.picture = QLabel()
        self.picture.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignHCenter)
        self.area = QScrollArea()
        self.area.setWidget(self.picture)
        self.area.setWidgetResizable(True)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        column(self, row(self.name, self.criterion, stretch=0), self.area, stretch=1)
        self._pictures: dict[tuple[str, str], NDArray[np.uint8]] = {}
        for box in (self.name, self.criterion):
            box.currentIndexChanged.connect(lambda _: self._draw())

    def show_pictures(self, pictures: Mapping[tuple[str, str], NDArray[np.uint8]]) -> None:
        """Show plots, RGB (Y, X, 3) by plot and criterion, '' for all criteria at once."""
        self._pictures = dict(pictures)
        plots = dict.fromkeys(plot for plot, _ in pictures)
        criteria = dict.fromkeys(criterion for _, criterion in pictures if criterion)
        for box, items in (
            (self.name, [(PLOT_NAMES.get(plot, plot), plot) for plot in plots]),
            (self.criterion, [(criterion, criterion) for criterion in criteria]),
        ):
            before = box.currentData()
            box.blockSignals(True)
            box.clear()
            for words, item in items:
                box.addItem(words, item)
            box.setCurrentIndex(max(0, box.findData(before)))
            box.blockSignals(False)
        self._draw()

    def resizeEvent(self, event: Any) -> None:
        """Fit the plot to the new width."""
        super().resizeEvent(event)
        self._draw()

    def _draw(self) -> None:
        plot = self.name.currentData()
        whole = (plot, "") in self._pictures
        self.criterion.setVisible(not whole and self.criterion.count() > 1)
        rgb = self._pictures.get((plot, "" if whole else self.criterion.currentData()))
        if rgb is None:
            self.picture.clear()
            return
        height, width = rgb.shape[:2]
        shown = min(width, max(self.area.viewport().width() - 2, 50))
        self.picture.setPixmap(pixmap(rgb, round(max(width, height) * shown / width)))


class MisjudgedView(QWidget):
    """The micrographs on which verdict or call contradict the experts.

    Signals
    -------
    chosen : int
        Row of the one to show.
    """

    chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.summary = text()
        self.table = Table(MISJUDGED)
        self.table.setAccessibleName("Misjudged micrographs")
        self.table.setToolTip("Select one: it opens in the viewer, with its evidence below")
        self.table.setTextElideMode(
            Qt.TextElideMode.ElideLeft
        )  # the end of a path tells them apart
        self.truth = QLabel()
        self.truth.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.truth.hide()
        column(self, self.summary, self.table, self.truth)
        self.table.itemSelectionChanged.connect(self._on_selection)

    def show_wrong(self, wrong: Any, judged: int) -> None:
        """Show misjudged images, and of how many verdicts they are."""
        called = int((wrong["verdict"] == "review").sum())
        self.summary.setText(
            f"Wrong verdicts: {len(wrong) - called} of {judged}. Under review, but called wrong: "
            f"{called}. " + ("Select one to see it." if len(wrong) else "")
        )
        self.table.blockSignals(True)
        rows = [
            [w.image, w.criterion, MARKS[w.truth], MARKS[w.verdict], MARKS.get(w.call, "–")]
            for w in wrong.itertuples()
        ]
        self.table.fill(
            rows, [[w.image, *[w.kind] * (len(MISJUDGED) - 1)] for w in wrong.itertuples()]
        )
        for r, one in enumerate(wrong.itertuples()):
            for c, word in ((2, one.truth), (3, one.verdict), (4, one.call)):
                if word in COLOURS:
                    self.table.paint(r, c, COLOURS[word])
        self.table.widths(grow=0, least=70)
        self.table.rows_tall(3, 8)
        self.table.clearSelection()
        self.table.blockSignals(False)
        self.table.setVisible(bool(len(wrong)))
        self.truth.hide()

    def show_truth(self, truth: str, expert: str, kind: str) -> None:
        """Show what the experts said of the chosen one, and what is wrong with the verdict."""
        who = f" ({expert})" if expert else ""
        self.truth.setText(f"{kind.capitalize()}. Experts: {MARKS[truth]}{who}")
        self.truth.setStyleSheet(
            f"background-color: {COLOURS[truth]}; color: #ffffff; font-weight: bold; padding: 4px;"
        )
        self.truth.show()

    def _on_selection(self) -> None:
        rows = {index.row() for index in self.table.selectedIndexes()}
        if rows:
            self.chosen.emit(min(rows))


class AgreementView(QWidget):
    """Agreement among the experts who made the table."""

    def __init__(self) -> None:
        super().__init__()
        self.table = Table(AGREEMENT)
        self.table.setAccessibleName("Agreement among the experts")
        self.hint = text(
            "How far the experts agree bounds what any rule can reach. 1 is full agreement; "
            "kappa and alpha are 0 where chance alone would agree as often.",
            small=True,
        )
        column(self, self.table, self.hint).addStretch(1)

    def show_agreement(self, found: Any) -> None:
        """Show a table of agreement."""
        self.table.fill(
            [
                [
                    a.criterion,
                    a.measure.replace("_", " "),
                    "all" if a.expert == "*" else f"{a.expert} – {a.other}",
                    figure(a.value),
                    interval(a.low, a.high),
                    str(a.n),
                ]
                for a in found.itertuples()
            ]
        )
        self.table.widths(grow=2, least=50)
        self.table.rows_tall(3, 14)
