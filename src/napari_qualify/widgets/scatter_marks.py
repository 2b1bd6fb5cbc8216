"""How the points of a map look, and the legend that says so."""

from collections.abc import Sequence
from dataclasses import dataclass

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QFontMetrics, QPainter, QPen, QPolygonF

RADIUS = 4.5
LEGEND_LINES = 3
SHAPES = ("circle", "square", "triangle", "diamond")
HOLLOW = "filled: a reference · hollow: embedded only"


@dataclass(frozen=True)
class Mark:
    """How the points of one kind look.

    Attributes
    ----------
    label : str
        In the legend.
    colour : str
    shape : str
        One of `SHAPES`.
    """

    label: str
    colour: str
    shape: str = "circle"


@dataclass(frozen=True)
class LegendItem:
    """Words at a place in the legend: x in pixels, a line, the mark before them or none."""

    x: float
    line: int
    words: str
    mark: Mark | None = None


def legend(
    marks: Sequence[Mark], counts: Sequence[int], hollow: bool, metrics: QFontMetrics, room: float
) -> list[LegendItem]:
    """Lay a legend out in lines; what does not fit is counted.

    Parameters
    ----------
    marks : sequence of Mark
        Those without a label are left out.
    counts : sequence of int
        Points of each mark.
    hollow : bool
        Whether some points are hollow, which a last line explains.
    metrics : QFontMetrics
    room : float
        Width in pixels.
    """
    shown = [(m, n) for m, n in zip(marks, counts, strict=True) if m.label]
    found: list[LegendItem] = []
    x, line = 6.0, 0
    for index, (mark, count) in enumerate(shown):
        words = f"{mark.label} ({count})"
        words = metrics.elidedText(words, Qt.TextElideMode.ElideMiddle, 170)
        width = metrics.horizontalAdvance(words) + 30
        more = f"and {len(shown) - index} more"
        last = line == LEGEND_LINES - 1
        rest = metrics.horizontalAdvance(more) + 30 if index < len(shown) - 1 else 0
        if last and x + width + rest > room:
            found.append(LegendItem(x, line, more))
            break
        if x + width > room and x > 6:
            x, line = 6.0, line + 1
        found.append(LegendItem(x, line, words, mark))
        x += width
    if found and hollow:
        found.append(LegendItem(6.0, found[-1].line + 1, HOLLOW))
    return found


def draw_legend(
    painter: QPainter, items: Sequence[LegendItem], top: float, height: int, ink: QColor
) -> None:
    """Draw a legend from `top` on, in lines of `height`."""
    for item in items:
        y = top + item.line * height
        indent = 0.0
        if item.mark is not None:
            draw_mark(painter, (item.x + 8, y + height / 2), item.mark, True, ink)
            indent = 18.0
        painter.setPen(ink)
        painter.drawText(QPointF(item.x + indent, y + height * 0.78), item.words)


def draw_mark(
    painter: QPainter, place: Sequence[float], mark: Mark, filled: bool, ink: QColor
) -> None:
    """Draw a point; a hollow one is its outline alone."""
    x, y = float(place[0]), float(place[1])
    colour = QColor(mark.colour)
    edge = QColor(ink)
    edge.setAlpha(120)
    painter.setPen(QPen(edge, 0.7) if filled else QPen(colour, 1.8))
    painter.setBrush(colour if filled else Qt.BrushStyle.NoBrush)
    r = RADIUS if filled else RADIUS - 0.5
    if mark.shape == "square":
        painter.drawRect(QRectF(x - 0.9 * r, y - 0.9 * r, 1.8 * r, 1.8 * r))
    elif mark.shape in ("triangle", "diamond"):
        corners = {
            "triangle": [(0, -1.2), (1.1, 0.85), (-1.1, 0.85)],
            "diamond": [(0, -1.25), (1.25, 0), (0, 1.25), (-1.25, 0)],
        }[mark.shape]
        painter.drawPolygon(QPolygonF([QPointF(x + a * r, y + b * r) for a, b in corners]))
    else:
        painter.drawEllipse(QPointF(x, y), r, r)
    painter.setBrush(Qt.BrushStyle.NoBrush)
