"""A small histogram of a measure of particles."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QRectF, Qt
from qtpy.QtGui import QColor, QFont, QPainter, QPaintEvent, QPalette, QPen
from qtpy.QtWidgets import QSizePolicy, QWidget


class Histogram(QWidget):
    """Bars of a distribution, with its mean as a line."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: NDArray[np.float64] = np.zeros(0)
        self.edges: NDArray[np.float64] = np.zeros(0)
        self.mean = float("nan")
        self._title, self._colour = "", "#56b4e9"
        self.setMinimumHeight(150)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Histogram")

    def show_values(
        self,
        values: Sequence[float],
        title: str,
        colour: tuple[int, int, int],
        weights: Sequence[float] | None = None,
    ) -> None:
        """Show values; those that are not finite are left out.

        Parameters
        ----------
        values : sequence of float
        title : str
            Name and unit, below the axis.
        colour : (R, G, B)
        weights : sequence of float, optional
            Of each value, 1 by default.
        """
        found = np.asarray(values, float)
        weight = np.ones_like(found) if weights is None else np.asarray(weights, float)
        good = np.isfinite(found) & np.isfinite(weight)
        found, weight = found[good], weight[good]
        self._title, self._colour = title, QColor(*colour).name()
        if found.size and weight.sum() > 0:
            # Freedman and Diaconis set the bins of many values, Sturges those of few.
            edges = np.histogram_bin_edges(found, "auto")
            if len(edges) > 41:
                edges = np.linspace(found.min(), found.max(), 41)
            self.counts, self.edges = np.histogram(found, edges, weights=weight)
            self.mean = float(np.average(found, weights=weight))
        else:
            self.counts, self.edges, self.mean = np.zeros(0), np.zeros(0), float("nan")
        self.setAccessibleDescription(f"{title}: {found.size} values, mean {self.mean:.3g}")
        self.setToolTip(f"{title}: {found.size} particles, mean {self.mean:.3g}")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Paint bars, axis and mean."""
        painter = QPainter(self)
        font = QFont(self.font())
        font.setPointSizeF(max(7.0, font.pointSizeF() * 0.85))
        painter.setFont(font)
        metrics = painter.fontMetrics()
        line = metrics.height()
        ink = self.palette().color(QPalette.ColorRole.WindowText)
        align = Qt.AlignmentFlag
        if not self.counts.size:
            painter.setPen(ink)
            painter.drawText(self.rect(), align.AlignCenter, "No particles")
            return
        side = metrics.horizontalAdvance(f"{self.counts.max():.0f}") + 6
        plot = QRectF(side, line, self.width() - side - 8, self.height() - 3 * line - 6)
        low, high = float(self.edges[0]), float(self.edges[-1])
        scale = plot.width() / ((high - low) or 1.0)
        top = float(self.counts.max()) or 1.0
        painter.setPen(QPen(self.palette().color(QPalette.ColorRole.Window), 1))
        painter.setBrush(QColor(self._colour))
        for count, left, right in zip(self.counts, self.edges, self.edges[1:], strict=False):
            height = plot.height() * float(count) / top
            x = plot.left() + (float(left) - low) * scale
            painter.drawRect(QRectF(x, plot.bottom() - height, float(right - left) * scale, height))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(ink)
        painter.drawLine(plot.bottomLeft(), plot.bottomRight())
        painter.drawText(QRectF(0, plot.top() - line / 2, side - 4, line), align.AlignRight,
                         f"{top:.0f}")  # fmt: skip
        under = QRectF(plot.left(), plot.bottom() + 2, plot.width(), line)
        painter.drawText(under, align.AlignLeft, f"{low:.3g}")
        painter.drawText(under, align.AlignRight, f"{high:.3g}")
        painter.drawText(under.translated(0, line), align.AlignHCenter, self._title)
        x = plot.left() + (self.mean - low) * scale
        painter.setPen(QPen(ink, 1, Qt.PenStyle.DashLine))
        painter.drawLine(int(x), int(plot.top()), int(x), int(plot.bottom()))
        where = align.AlignRight if x > plot.center().x() else align.AlignLeft
        box = QRectF(x - 204 if where == align.AlignRight else x + 4, 0, 200, line)
        painter.drawText(box, where, f"mean {self.mean:.3g}")
