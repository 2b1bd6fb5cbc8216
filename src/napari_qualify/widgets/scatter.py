"""A map of micrographs: points to look at, to hover over and to select."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, Signal
from qtpy.QtGui import (
    QColor,
    QFont,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
    QPixmap,
    QResizeEvent,
    QWheelEvent,
)
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_qualify.widgets.scatter_marks import (
    RADIUS,
    LegendItem,
    Mark,
    draw_legend,
    draw_mark,
    legend,
)
from napari_qualify.widgets.tips import tip

REACH = 9
"""Pixels from a point within which the pointer means it."""

PAD = 14


class Scatter(QWidget):
    """Points in a plane; both axes are on one scale, so that distances compare.

    Signals
    -------
    chosen : list of int
        Indices of the selected points.
    activated : int
        A point was double-clicked.
    """

    chosen = Signal(list)
    activated = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.points: NDArray[np.float64] = np.zeros((0, 2))
        self.selection: list[int] = []
        self.marks: list[Mark] = []
        self.message = ""
        self._names: list[str] = []
        self._axes = ("", "")
        self._kinds: list[int] = []
        self._filled: list[bool] = []
        self._zoom, self._middle = 1.0, QPointF(0.5, 0.5)
        self._press: QPointF | None = None
        self._band: QRectF | None = None
        self._pan: QPointF | None = None
        self._still: QPixmap | None = None
        self.setMinimumHeight(280)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Map of micrographs")

    def sizeHint(self) -> QSize:
        """Return the size that it wants."""
        return QSize(380, 340)

    # --- what it shows ----------------------------------------------------

    def show_points(
        self, points: NDArray[np.float64], names: Sequence[str], axes: tuple[str, str]
    ) -> None:
        """Show points; nothing is selected then.

        Parameters
        ----------
        points : ndarray, shape (n, 2)
        names : sequence of str
            Of each point, for its tooltip.
        axes : (str, str)
        """
        self.points, self._names, self._axes = np.asarray(points, float), list(names), axes
        self._zoom, self._middle = 1.0, QPointF(0.5, 0.5)
        self.show_marks([0] * len(names), [True] * len(names), [Mark("", "#999999")])
        self.setAccessibleDescription(f"{len(names)} micrographs; axes {axes[0]} and {axes[1]}")
        self.select([])

    def show_marks(
        self, kinds: Sequence[int], filled: Sequence[bool], marks: Sequence[Mark]
    ) -> None:
        """Say how each point looks: its index in `marks`, and whether it is filled."""
        self._kinds, self._filled, self.marks = list(kinds), list(filled), list(marks)
        self._redraw()

    def select(self, indices: Sequence[int]) -> None:
        """Select points."""
        self.selection = sorted(set(indices))
        self.update()
        self.chosen.emit(self.selection)

    def _redraw(self) -> None:
        self._still = None
        self.update()

    # --- places -------------------------------------------------------------

    def plot(self) -> QRectF:
        """The rectangle of the plot."""
        line = self.fontMetrics().height()
        items = self._legend() if self._kinds else []
        below = line * (1 + (items[-1].line + 1 if items else 0)) + 10
        return QRectF(line + 6, 4, self.width() - line - 10, self.height() - below - 4)

    def places(self) -> NDArray[np.float64]:
        """Pixel coordinates of the points, shape (n, 2)."""
        if not len(self.points):
            return np.zeros((0, 2))
        plot = self.plot()
        low, high = self.points.min(axis=0), self.points.max(axis=0)
        room = np.array([plot.width() - 2 * PAD, plot.height() - 2 * PAD])
        span = np.where(high > low, high - low, 0)
        scale = min((r / s for r, s in zip(room, span, strict=True) if s > 0), default=1.0)
        scale *= self._zoom
        middle = low + np.array([self._middle.x(), self._middle.y()]) * span
        centre = plot.center()
        moved = (self.points - middle) * scale
        return np.column_stack([centre.x() + moved[:, 0], centre.y() - moved[:, 1]])

    def near(self, where: QPointF) -> int | None:
        """The point at a place in the widget, None where there is none."""
        places = self.places()
        if not len(places) or not self.plot().contains(where):
            return None
        distance = np.hypot(places[:, 0] - where.x(), places[:, 1] - where.y())
        found = int(distance.argmin())
        return found if distance[found] <= REACH else None

    # --- painting -----------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the points, what is selected, and the rubber band."""
        painter = QPainter(self)
        if not len(self.points):
            painter.drawText(
                self.rect(),
                Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap,
                self.message or "The map appears here",
            )
            return
        if self._still is None:
            ratio = self.devicePixelRatioF()
            self._still = QPixmap(self.size() * ratio)
            self._still.setDevicePixelRatio(ratio)
            self._still.fill(QColor(0, 0, 0, 0))
            self._paint_still(self._still)
        painter.drawPixmap(0, 0, self._still)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setClipRect(self.plot())
        painter.setPen(QPen(self._ink(), 2))
        places = self.places()
        for index in self.selection:
            painter.drawEllipse(QPointF(*places[index]), RADIUS + 3, RADIUS + 3)
        if self._band is not None:
            painter.setPen(QPen(self._ink(), 1, Qt.PenStyle.DashLine))
            painter.drawRect(self._band)

    def _ink(self) -> QColor:
        return self.palette().color(QPalette.ColorRole.WindowText)

    def _paint_still(self, target: QPixmap) -> None:
        painter = QPainter(target)
        painter.setFont(QFont(self.font()))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        plot, ink = self.plot(), self._ink()
        faint = QColor(ink)
        faint.setAlpha(60)
        painter.setPen(QPen(faint, 1))
        painter.drawRect(plot)
        self._paint_axes(painter, plot)
        line = self.fontMetrics().height()
        draw_legend(painter, self._legend(), plot.bottom() + line + 6, line, ink)
        painter.setClipRect(plot)
        places = self.places()
        # Rare kinds are drawn last, so that they stay in sight.
        counts = np.bincount(self._kinds, minlength=len(self.marks))
        for index in sorted(range(len(places)), key=lambda i: -counts[self._kinds[i]]):
            mark = self.marks[self._kinds[index]]
            draw_mark(painter, places[index], mark, self._filled[index], ink)
        painter.end()

    def _paint_axes(self, painter: QPainter, plot: QRectF) -> None:
        line = self.fontMetrics().height()
        align = Qt.AlignmentFlag
        painter.setPen(self._ink())
        painter.drawText(QRectF(plot.left(), plot.bottom() + 2, plot.width(), line),
                         align.AlignHCenter, self._axes[0])  # fmt: skip
        painter.save()
        painter.rotate(-90)
        painter.drawText(QRectF(-plot.bottom(), 0, plot.height(), line),
                         align.AlignHCenter, self._axes[1])  # fmt: skip
        painter.restore()

    def _legend(self) -> list[LegendItem]:
        counts = [int(n) for n in np.bincount(self._kinds, minlength=len(self.marks))]
        hollow = not all(self._filled)
        return legend(self.marks, counts, hollow, self.fontMetrics(), self.width() - 12)

    # --- the pointer --------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin a selection, or with the middle button a move."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._press = event.position()
        elif event.button() == Qt.MouseButton.MiddleButton:
            self._pan = event.position()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Draw the rubber band, or move the map."""
        here = event.position()
        if self._press is not None:
            if (here - self._press).manhattanLength() > 4:
                self._band = QRectF(self._press, here).normalized()
                self.update()
        elif self._pan is not None:
            self._move(here - self._pan)
            self._pan = here
        else:
            over = self.near(here) is not None
            self.setCursor(
                Qt.CursorShape.PointingHandCursor if over else Qt.CursorShape.CrossCursor
            )

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End a selection; with Ctrl or Shift it is added to the one before."""
        if event.button() == Qt.MouseButton.MiddleButton:
            self._pan = None
        if event.button() != Qt.MouseButton.LeftButton or self._press is None:
            return
        if self._band is not None:
            places = self.places()
            found = [i for i, (x, y) in enumerate(places) if self._band.contains(QPointF(x, y))]
        else:
            one = self.near(event.position())
            found = [] if one is None else [one]
        more = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
        if event.modifiers() & more:
            # One point that is selected already is taken out again.
            single = self._band is None and set(found) <= set(self.selection)
            kept = set(self.selection) - set(found) if single else {*self.selection, *found}
            found = sorted(kept)
        self._press = self._band = None
        self.select(found)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Open a point; elsewhere show the whole map again."""
        one = self.near(event.position())
        if one is not None:
            self.activated.emit(one)
        else:
            self._zoom, self._middle = 1.0, QPointF(0.5, 0.5)
            self._redraw()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom about the pointer."""
        factor = 1.2 ** (event.angleDelta().y() / 120)
        zoom = min(max(self._zoom * factor, 1.0), 200.0)
        offset = self.plot().center() - event.position()
        self._move(offset)
        self._zoom, factor = zoom, zoom / self._zoom
        self._move(-offset)
        if zoom == 1.0:
            self._middle = QPointF(0.5, 0.5)
        self._redraw()
        event.accept()

    def _move(self, by: QPointF) -> None:
        """Move the map by pixels of the widget."""
        span = np.ptp(self.points, axis=0)
        plot = self.plot()
        room = np.array([plot.width() - 2 * PAD, plot.height() - 2 * PAD])
        scale = min((r / s for r, s in zip(room, span, strict=True) if s > 0), default=0.0)
        scale *= self._zoom
        if scale > 0:
            dx = by.x() / (scale * span[0]) if span[0] > 0 else 0.0
            dy = by.y() / (scale * span[1]) if span[1] > 0 else 0.0
            self._middle = QPointF(self._middle.x() - dx, self._middle.y() + dy)
        self._redraw()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Ctrl+A selects all, Escape nothing."""
        if event.key() == Qt.Key.Key_Escape:
            self.select([])
        elif (
            event.key() == Qt.Key.Key_A and event.modifiers() & Qt.KeyboardModifier.ControlModifier
        ):
            self.select(range(len(self.points)))
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        """Show the name of the point under the pointer."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            one = self.near(QPointF(event.pos()))
            if one is None:
                QToolTip.hideText()
            else:
                here = event.pos()
                area = QRect(here.x() - REACH, here.y() - REACH, 2 * REACH, 2 * REACH)
                QToolTip.showText(event.globalPos(), tip(self._names[one]), self, area)
            return True
        return super().event(event)

    def changeEvent(self, event: QEvent) -> None:
        """Follow the theme."""
        self._still = None
        super().changeEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Follow the size."""
        self._still = None
        super().resizeEvent(event)
