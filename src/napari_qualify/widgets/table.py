"""A table to read, whose colours survive the selection."""

from collections.abc import Sequence

from qtpy.QtCore import QModelIndex, Qt
from qtpy.QtGui import QBrush, QColor, QPainter, QPen
from qtpy.QtWidgets import (
    QAbstractItemView,
    QAbstractScrollArea,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableWidget,
    QTableWidgetItem,
)

ROW = 24
"""Height of a table's row in pixels."""


class KeepColour(QStyledItemDelegate):
    """Marks the chosen cell by a frame, so that its colour still shows."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """Paint a cell."""
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        if index.data(Qt.ItemDataRole.BackgroundRole) is None or not chosen:
            super().paint(painter, option, index)
            return
        plain = QStyleOptionViewItem(option)
        plain.state &= ~QStyle.StateFlag.State_Selected
        super().paint(painter, plain, index)
        painter.save()
        painter.setPen(QPen(QColor("#ffffff"), 2))
        painter.drawRect(option.rect.adjusted(1, 1, -2, -2))
        painter.restore()


class Table(QTableWidget):
    """A table to read: rows select whole or by cell, no editing.

    Parameters
    ----------
    columns : sequence of str
    cells : bool
        Select single cells rather than rows.
    """

    def __init__(self, columns: Sequence[str] = (), *, cells: bool = False) -> None:
        super().__init__(0, len(columns))
        self.setHorizontalHeaderLabels(list(columns))
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        behaviour = QAbstractItemView.SelectionBehavior
        self.setSelectionBehavior(behaviour.SelectItems if cells else behaviour.SelectRows)
        self.setSizeAdjustPolicy(QAbstractScrollArea.SizeAdjustPolicy.AdjustIgnored)
        self.setTabKeyNavigation(False)  # Tab leaves the table, arrows move in it
        self.setWordWrap(False)
        self.verticalHeader().setVisible(False)
        self.verticalHeader().setDefaultSectionSize(ROW)
        self.horizontalHeader().setHighlightSections(False)
        self.setItemDelegate(KeepColour(self))

    def fill(self, rows: Sequence[Sequence[str]], tips: Sequence[Sequence[str]] = ()) -> None:
        """Show text; `tips` are the tooltips, where not the text itself."""
        self.setRowCount(len(rows))
        for r, cells in enumerate(rows):
            for c, words in enumerate(cells):
                item = QTableWidgetItem(words)
                item.setToolTip(tips[r][c] if tips else words)
                self.setItem(r, c, item)

    def paint(self, r: int, c: int, colour: str, ink: str = "#ffffff") -> None:
        """Give a cell a background."""
        item = self.item(r, c)
        item.setBackground(QBrush(QColor(colour)))
        item.setForeground(QBrush(QColor(ink)))

    def widths(self, *, grow: int, least: int = 60) -> None:
        """Fit the columns to their text; column `grow` takes what is left.

        Long headers wrap between words.
        """
        header, metrics = self.horizontalHeader(), self.fontMetrics()
        header.setDefaultAlignment(
            Qt.AlignmentFlag.AlignCenter | Qt.AlignmentFlag(Qt.TextFlag.TextWordWrap)
        )
        header.setMinimumSectionSize(least)
        lines = 1
        for c in range(self.columnCount()):
            words = self.horizontalHeaderItem(c).text().split()
            cells = [self.item(r, c).text() for r in range(self.rowCount())]
            width = max([least, *(metrics.horizontalAdvance(w) + 14 for w in (*words, *cells))])
            mode = QHeaderView.ResizeMode
            header.setSectionResizeMode(c, mode.Stretch if c == grow else mode.Interactive)
            if c != grow:
                self.setColumnWidth(c, width)
                header_width = metrics.horizontalAdvance(" ".join(words)) + 14
                lines = max(lines, min(len(words), -(-header_width // width)))
        header.setFixedHeight(lines * metrics.height() + 8)

    def rows_tall(self, least: int, most: int) -> None:
        """Be as tall as the rows need, within limits in rows."""
        shown = min(max(self.rowCount(), least), most)
        height = shown * ROW + self.horizontalHeader().height() + 4
        if sum(self.columnWidth(c) for c in range(self.columnCount())) > self.viewport().width():
            height += self.horizontalScrollBar().sizeHint().height()
        self.setFixedHeight(height)

    def as_text(self) -> list[list[str]]:
        """Return the shown text, row by row."""
        return [
            [
                item.text() if (item := self.item(r, c)) is not None else ""
                for c in range(self.columnCount())
            ]
            for r in range(self.rowCount())
        ]
