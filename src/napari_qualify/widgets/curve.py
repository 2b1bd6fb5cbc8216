"""A small plot of a training: loss and mean IoU against time."""

import math
from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QLineF, QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QFont, QPainter, QPaintEvent, QPalette, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

LOSS = "#e69f00"
IOU = "#56b4e9"


class Curve(QWidget):
    """Loss (left axis) and mean IoU (right axis, 0 to 1) against seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.points: list[Any] = []
        self.setMinimumHeight(130)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip("Loss (left) and mean IoU on the validation images (right) against time")
        self.setAccessibleName("Curve of the training")

    def show_points(self, points: Sequence[Any]) -> None:
        """Show the points of a training: `seconds`, `loss`, `mean_iou` or None."""
        self.points = [point for point in points if math.isfinite(point.loss)]
        if self.points:
            last = self.points[-1]
            iou = "" if last.mean_iou is None else f", mean IoU {last.mean_iou:.3f}"
            self.setAccessibleDescription(f"After {last.seconds:.0f} s: loss {last.loss:.3f}{iou}")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Paint axes, both curves and a legend."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = QFont(self.font())
        font.setPointSizeF(max(7.0, font.pointSizeF() * 0.85))
        painter.setFont(font)
        metrics = painter.fontMetrics()
        side = metrics.horizontalAdvance("0.00") + 6
        line = metrics.height()
        plot = QRectF(side, line + 4, self.width() - 2 * side, self.height() - 2 * line - 10)
        ink = self.palette().color(QPalette.ColorRole.WindowText)
        faint = QColor(ink)
        faint.setAlpha(60)
        painter.setPen(QPen(faint, 1))
        painter.drawRect(plot)
        if not self.points:
            painter.setPen(ink)
            painter.drawText(plot, Qt.AlignmentFlag.AlignCenter, "The curve appears here")
            return
        middle = plot.center().y()
        painter.drawLine(QLineF(plot.left(), middle, plot.right(), middle))
        last = max(point.seconds for point in self.points) or 1.0
        top = max(point.loss for point in self.points) or 1.0
        self._texts(painter, plot, last, top)
        scaled = [(p.seconds / last, p.loss / top) for p in self.points]
        self._line(painter, plot, scaled, LOSS)
        judged = [(p.seconds / last, p.mean_iou) for p in self.points if p.mean_iou is not None]
        self._line(painter, plot, judged, IOU)

    def _texts(self, painter: QPainter, plot: QRectF, last: float, top: float) -> None:
        metrics = painter.fontMetrics()
        line = metrics.height()
        align = Qt.AlignmentFlag
        span = f"{last:.0f} s" if last < 120 else f"{last / 60:.1f} min"
        painter.drawText(QRectF(plot.left(), plot.bottom() + 2, plot.width(), line),
                         align.AlignRight, span)  # fmt: skip
        painter.drawText(QRectF(plot.left(), plot.bottom() + 2, 20, line), align.AlignLeft, "0")
        iou = next((p.mean_iou for p in reversed(self.points) if p.mean_iou is not None), None)
        words = [(LOSS, f"loss {self.points[-1].loss:.3f}", align.AlignLeft)]
        if iou is not None:
            words.append((IOU, f"mean IoU {iou:.3f}", align.AlignRight))
        for colour, text, where in words:
            painter.setPen(QColor(colour))
            painter.drawText(QRectF(plot.left(), 1, plot.width(), line), where, text)
        for share in (0.0, 0.5, 1.0):
            y = plot.bottom() - share * plot.height() - line / 2
            painter.setPen(QColor(LOSS))
            painter.drawText(QRectF(0, y, plot.left() - 4, line), align.AlignRight,
                             f"{share * top:.2g}")  # fmt: skip
            if iou is not None:
                painter.setPen(QColor(IOU))
                painter.drawText(QRectF(plot.right() + 4, y, self.width(), line), align.AlignLeft,
                                 f"{share:.1f}")  # fmt: skip

    @staticmethod
    def _line(
        painter: QPainter, plot: QRectF, points: Sequence[tuple[float, float]], colour: str
    ) -> None:
        places = [
            QPointF(plot.left() + x * plot.width(), plot.bottom() - y * plot.height())
            for x, y in points
        ]
        painter.setPen(QPen(QColor(colour), 2))
        painter.drawPolyline(QPolygonF(places))
        painter.setBrush(QColor(colour))
        for place in places if len(places) < 40 else places[-1:]:
            painter.drawEllipse(place, 2.0, 2.0)
        painter.setBrush(Qt.BrushStyle.NoBrush)
