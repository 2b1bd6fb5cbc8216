"""View of verdicts: one row per micrograph, one column per criterion."""

from collections.abc import Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_qualify.decide.verdict import Assessment
from napari_qualify.widgets.parts import COLOURS, MARKS
from napari_qualify.widgets.table import Table


class VerdictView(QWidget):
    """Table of verdicts.

    Signals
    -------
    chosen : int, str
        Row of the micrograph and name of the criterion, '' for its name or
        its overall verdict.
    show_requested : int
        Row of the micrograph that the user wants to see.
    """

    chosen = Signal(int, str)
    show_requested = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.table = Table(cells=True)
        self.table.setAccessibleName("Verdicts")
        self.table.setToolTip(
            "Select a verdict to see what it rests on; double-click to see its micrograph alone"
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.table)
        self._criteria: list[str] = []
        self._judged = 0
        self.table.currentCellChanged.connect(self._on_cell)
        self.table.cellActivated.connect(self._on_activated)

    def show_verdicts(
        self, assessments: Sequence[Assessment], failures: Sequence[tuple[str, str]] = ()
    ) -> None:
        """Show verdicts, and images that could not be judged below them."""
        self._criteria = list(dict.fromkeys(v.criterion for a in assessments for v in a.verdicts))
        self._judged = len(assessments)
        table = self.table
        table.blockSignals(True)
        table.setColumnCount(2 + len(self._criteria))
        table.setHorizontalHeaderLabels(["Micrograph", *self._criteria, "Overall"])
        rows = [_row(a, self._criteria) for a in assessments]
        blank = [""] * len(self._criteria)
        table.fill([*rows, *([name, *blank, "Failed"] for name, _ in failures)])
        for r, assessment in enumerate(assessments):
            found = {v.criterion: v.verdict for v in assessment.verdicts}
            for c, name in enumerate(self._criteria, start=1):
                if name in found:
                    table.paint(r, c, COLOURS[found[name]])
            table.paint(r, 1 + len(self._criteria), COLOURS[assessment.verdict])
        for r, (_, reason) in enumerate(failures, start=len(rows)):
            for c in range(table.columnCount()):
                table.item(r, c).setToolTip(reason)
        table.widths(grow=0, least=76)
        table.rows_tall(3, 6)
        table.clearSelection()
        table.setCurrentCell(-1, -1)
        table.blockSignals(False)
        if rows:
            table.setCurrentCell(0, 1 if self._criteria else 0)

    def _on_cell(self, r: int, c: int, *_: int) -> None:
        if 0 <= r < self._judged:
            inside = 1 <= c <= len(self._criteria)
            self.chosen.emit(r, self._criteria[c - 1] if inside else "")

    def _on_activated(self, r: int, _: int) -> None:
        if r < self._judged:
            self.show_requested.emit(r)


def _row(assessment: Assessment, criteria: Sequence[str]) -> list[str]:
    found = {v.criterion: MARKS[v.verdict] for v in assessment.verdicts}
    verdicts = [found.get(name, "–") for name in criteria]
    return [assessment.image, *verdicts, MARKS[assessment.verdict]]
