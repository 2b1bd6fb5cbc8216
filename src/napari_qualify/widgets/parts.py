"""Small views that the widgets are composed of; they know neither napari nor the core."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QModelIndex, Qt, Signal
from qtpy.QtGui import QBrush, QColor, QImage, QPainter, QPen, QPixmap
from qtpy.QtWidgets import (
    QAbstractItemView,
    QAbstractScrollArea,
    QComboBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLayout,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

MARKS = {"accept": "✓ Accept", "review": "? Review", "reject": "✗ Reject"}
"""A word and a sign beside every colour, which alone would not reach everyone."""

ROW = 24
"""Height of a table's row in pixels."""

COLOURS = {"accept": "#1b7837", "review": "#7a5c00", "reject": "#b2182b"}
"""Backgrounds for white text: each has a contrast above 5 to 1."""


def button(text: str, tip: str) -> QPushButton:
    """Return a push button with its tooltip; ``&`` marks the key for Alt."""
    made = QPushButton(text)
    made.setToolTip(tip)
    made.setAccessibleName(text.replace("&", ""))
    return made


def row(*widgets: QWidget, stretch: int | None = None) -> QHBoxLayout:
    """Lay widgets out in a line; `stretch` is the index of the one that grows."""
    line = QHBoxLayout()
    line.setContentsMargins(0, 0, 0, 0)
    for index, widget in enumerate(widgets):
        line.addWidget(widget, 1 if index == stretch else 0)
    return line


def form() -> QFormLayout:
    """Return a form whose fields take the free width."""
    made = QFormLayout()
    made.setContentsMargins(0, 0, 0, 0)
    made.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    made.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
    return made


def text(words: str = "", *, small: bool = False) -> QLabel:
    """Return a label that wraps, that a mouse or the keyboard can select."""
    label = QLabel(words)
    label.setWordWrap(True)
    label.setTextInteractionFlags(
        Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.LinksAccessibleByMouse
    )
    # A long word must not widen the dock.
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
    if small:
        font = label.font()
        font.setPointSizeF(max(7.0, font.pointSizeF() * 0.9))
        label.setFont(font)
    return label


def scrolled(inner: QWidget) -> QScrollArea:
    """Put a widget into an area that scrolls, so that the window fits the screen."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
    area.setWidget(inner)
    return area


def pixmap(rgb: NDArray[np.uint8], side: int) -> QPixmap:
    """Return a picture of at most `side` pixels from RGB of shape (Y, X, 3)."""
    pixels = np.ascontiguousarray(rgb)
    height, width = pixels.shape[:2]
    image = QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888)
    # copy(): QImage does not keep the array alive.
    return QPixmap.fromImage(image.copy()).scaled(
        side, side, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
    )


def replace(layout: QLayout, widgets: Sequence[QWidget] = ()) -> None:
    """Put other widgets into a layout and delete those that were there."""
    while layout.count():
        item = layout.takeAt(0)
        old = item.widget() if item is not None else None
        if old is not None:
            old.hide()
            old.deleteLater()
    for widget in widgets:
        layout.addWidget(widget)


class ProgressRow(QWidget):
    """Progress bar, what is being done, and a button that stops it.

    Signals
    -------
    cancel_requested
    """

    cancel_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.label = text(small=True)
        self.label.setOpenExternalLinks(True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(True)
        self.bar.setToolTip("How far the running task is")
        self.cancel = button("Cancel", "Stop the running task; what is finished is kept")
        self.cancel.clicked.connect(self._on_cancel)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.label)
        column.addLayout(row(self.bar, self.cancel, stretch=0))
        self._title = ""
        self.stop("")

    def start(self, title: str) -> None:
        """Show that a task has begun."""
        self._title = title
        self.label.setText(f"{title} …")
        self.bar.setRange(0, 0)
        self.bar.show()
        self.cancel.setEnabled(True)
        self.cancel.show()

    def update_to(self, stage: str, done: int, total: int) -> None:
        """Show how far the task is; a total of 0 means that nobody knows."""
        self.label.setText(f"{self._title}: {stage}")
        self.bar.setRange(0, max(0, total))
        self.bar.setValue(done)
        self.bar.setFormat(f"{done} of {total}")

    def stop(self, message: str) -> None:
        """Show that nothing runs, and what came of it."""
        self.bar.hide()
        self.cancel.hide()
        self.say(message)

    def say(self, message: str) -> None:
        """Show a line; an empty one takes no space."""
        self.label.setText(message)
        self.label.setVisible(bool(message))

    def _on_cancel(self) -> None:
        self.cancel.setEnabled(False)
        self.label.setText(f"{self._title}: stopping …")
        self.cancel_requested.emit()


class Scope(QComboBox):
    """Choice between the selected image layers and all of them."""

    def __init__(self) -> None:
        super().__init__()
        self.addItem("Selected images")
        self.addItem("All images")
        self.setToolTip("The image layers selected in the layer list, or every image layer")
        self.setAccessibleName("Which images")

    @property
    def selected(self) -> bool:
        """Whether only the selected layers are meant."""
        return self.currentIndex() == 0

    def count_images(self, chosen: int, all_images: int) -> None:
        """Show how many there are of each."""
        self.setItemText(0, f"Selected images ({chosen})")
        self.setItemText(1, f"All images ({all_images})")


class LayerBox(QComboBox):
    """A layer to choose by name; its value is the layer's ``unique_id``."""

    def offer(self, layers: Sequence[tuple[str, str]]) -> None:
        """List layers as (unique_id, name), keeping the choice where it can."""
        current = self.currentData()
        self.blockSignals(True)
        self.clear()
        for uid, name in layers:
            self.addItem(name, uid)
        found = self.findData(current)
        # A new layer comes last; with nothing chosen before, it is the likely one.
        self.setCurrentIndex(found if found >= 0 else self.count() - 1)
        self.blockSignals(False)
        self.currentIndexChanged.emit(self.currentIndex())


class _KeepColour(QStyledItemDelegate):
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
        self.setItemDelegate(_KeepColour(self))

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


class Pictures(QWidget):
    """A line of small pictures with captions, for example nearest references."""

    SIDE = 80

    def __init__(self) -> None:
        super().__init__()
        self._line = QHBoxLayout(self)
        self._line.setContentsMargins(0, 0, 0, 0)
        self._line.setAlignment(Qt.AlignmentFlag.AlignLeft)

    def show_all(self, pictures: Sequence[tuple[NDArray[np.uint8] | None, str, str, str]]) -> None:
        """Show pictures as (RGB or None, name, number, tooltip)."""
        replace(self._line, [self._one(*picture) for picture in pictures])

    def _one(self, rgb: NDArray[np.uint8] | None, name: str, number: str, tip: str) -> QWidget:
        holder = QWidget()
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(1)
        image = QLabel()
        if rgb is None:
            image.setText("no picture")
        else:
            image.setPixmap(pixmap(rgb, self.SIDE))
        words = QLabel()
        metrics = words.fontMetrics()
        short = metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, self.SIDE)
        words.setText(f"{short}\n{number}")
        words.setFixedWidth(self.SIDE)
        for widget in (image, words, holder):
            widget.setToolTip(tip)
        holder.setAccessibleName(tip)
        column.addWidget(image)
        column.addWidget(words)
        return holder
