"""Small views that the widgets are composed of; they know neither napari nor the core."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

MARKS = {"accept": "✓ Accept", "review": "? Review", "reject": "✗ Reject"}
"""A word and a sign beside every colour, which alone would not reach everyone."""

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
    """Return a label of plain text that wraps, and that can be copied."""
    label = QLabel(words)
    # Plain: what is shown holds names of files, which are not ours to format.
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
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
        self.link = QLabel()
        self.link.setTextFormat(Qt.TextFormat.RichText)
        self.link.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        self.link.setOpenExternalLinks(True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(True)
        self.bar.setToolTip("How far the running task is")
        self.cancel = button("Cancel", "Stop the running task; what is finished is kept")
        self.cancel.clicked.connect(self._on_cancel)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.label)
        column.addWidget(self.link)
        column.addLayout(row(self.bar, self.cancel, stretch=0))
        self._title = ""
        self.stop("")

    def start(self, title: str) -> None:
        """Show that a task has begun."""
        self._title = title
        self.say(f"{title} …")
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

    def stop(self, message: str, link: Path | None = None) -> None:
        """Show that nothing runs, and what came of it."""
        self.bar.hide()
        self.cancel.hide()
        self.say(message, link)

    def say(self, message: str, link: Path | None = None) -> None:
        """Show a line, and a file to open; an empty one takes no space."""
        self.label.setText(message)
        self.label.setVisible(bool(message))
        self.link.setVisible(link is not None)
        if link is not None:
            self.link.setText(f'<a href="{escape(link.as_uri())}">Open {escape(link.name)}</a>')
            self.link.setToolTip(escape(str(link)))

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


class Pictures(QWidget):
    """A line of small pictures with captions, for example nearest references."""

    SIDE = 76

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
