"""View of what one verdict rests on, in words, numbers and pictures."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QGroupBox, QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_qualify.decide.verdict import Assessment, Neighbour, Verdict
from napari_qualify.report.words import MODALITIES, likeness, number, score, summary, why
from napari_qualify.widgets.parts import COLOURS, MARKS, Pictures, text
from napari_qualify.widgets.tile_map_view import TileMapView
from napari_qualify.widgets.words_view import WordsView

MOST = 4
"""Nearest references shown per side."""


class ScoreBar(QWidget):
    """The score on a line with the cut: left rejects, right accepts."""

    SPAN = 3.0

    def __init__(self) -> None:
        super().__init__()
        self._share: float | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip("The score against the cut, in deviations of the references: ±3 shown")

    def sizeHint(self) -> QSize:
        """Return the size that it wants."""
        return QSize(240, 34)

    def show_margin(self, margin: float | None) -> None:
        """Show score minus cut; None hides the bar."""
        self.setVisible(margin is not None)
        if margin is not None:
            share = (margin + self.SPAN) / (2 * self.SPAN)
            self._share = min(max(share, 0.0), 1.0)
            self.setAccessibleName(f"score minus cut {margin:.2f}")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the line, the cut and the score."""
        if self._share is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        width, top = self.width() - 16.0, 9.0
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(COLOURS["reject"]))
        painter.drawRect(QRectF(8, top, width / 2, 6))
        painter.setBrush(QColor(COLOURS["accept"]))
        painter.drawRect(QRectF(8 + width / 2, top, width / 2, 6))
        ink = self.palette().windowText().color()
        painter.setPen(QPen(ink, 2))
        painter.drawLine(QPointF(8 + width / 2, top - 4), QPointF(8 + width / 2, top + 9))
        x = 8 + self._share * width
        painter.setBrush(ink)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.drawPolygon(
            QPolygonF([QPointF(x, top + 4), QPointF(x - 6, top - 7), QPointF(x + 6, top - 7)])
        )
        painter.setPen(ink)
        below = QRectF(8, top + 8, width, 16)
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, "like the rejected")
        painter.drawText(below, Qt.AlignmentFlag.AlignHCenter, "cut")
        painter.drawText(below, Qt.AlignmentFlag.AlignRight, "like the accepted")
        painter.end()


class EvidenceView(QGroupBox):
    """What a verdict rests on.

    Signals
    -------
    map_requested
        The tile map of the verdict is to be shown as a layer.
    """

    map_requested = Signal()

    def __init__(self) -> None:
        super().__init__("Evidence")
        self.heading = QLabel()
        self.heading.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.reason = text()
        self.bar = ScoreBar()
        self.numbers = text()
        self.numbers.setTextFormat(Qt.TextFormat.RichText)
        self.accepted, self.rejected = Pictures(), Pictures()
        self.accepted_title = text("Nearest accepted references (cosine)", small=True)
        self.rejected_title = text("Nearest rejected references (cosine)", small=True)
        self.messages = text(small=True)
        self.how = text(small=True)
        self.tile_map = TileMapView()
        self.tile_map.map_requested.connect(self.map_requested)
        self.words = WordsView()
        layout = QVBoxLayout(self)
        for part in (
            self.heading,
            self.reason,
            self.messages,
            self.bar,
            self.numbers,
            self.tile_map,
            self.accepted_title,
            self.accepted,
            self.rejected_title,
            self.rejected,
            self.how,
            self.words,
        ):
            layout.addWidget(part)
        self.clear()

    def clear(self) -> None:
        """Show nothing."""
        self.hide()

    def show_overall(self, assessment: Assessment) -> None:
        """Show what decides the overall verdict of a micrograph."""
        self._head(assessment, "overall", assessment.verdict)
        self.reason.setText(summary(assessment))
        self.bar.show_margin(None)
        self._rest("", (), (), {}, assessment.notes)
        self.how.hide()
        self.tile_map.hide()
        self.words.hide()

    def show_verdict(
        self,
        assessment: Assessment,
        verdict: Verdict,
        thumbnails: Mapping[str, NDArray[np.uint8]],
    ) -> None:
        """Show one verdict with its evidence."""
        self._head(assessment, verdict.criterion, verdict.verdict)
        self.reason.setText(why(verdict))
        has_score = verdict.score is not None and verdict.cut is not None
        self.bar.show_margin(verdict.score - verdict.cut if has_score else None)
        notes = (*verdict.messages, *assessment.notes)
        evidence = verdict.evidence
        self._rest(_numbers(verdict), evidence.accepted, evidence.rejected, thumbnails, notes)
        compared = MODALITIES.get(verdict.modality, verdict.modality)
        self.how.setText(f"Compared: {compared}. Rule: {verdict.rule or 'the limit'}.")
        self.how.show()
        self.tile_map.show_verdict(verdict, assessment.thumbnail)
        self.words.show_verdict(verdict)

    def _head(self, assessment: Assessment, what: str, verdict: str) -> None:
        self.setTitle(f"{assessment.image}: {what}")
        self.heading.setText(MARKS[verdict])
        self.heading.setStyleSheet(
            f"background-color: {COLOURS[verdict]}; color: #ffffff; "
            "font-weight: bold; padding: 4px;"
        )
        self.show()

    def _rest(
        self,
        numbers: str,
        accepted: Sequence[Neighbour],
        rejected: Sequence[Neighbour],
        thumbnails: Mapping[str, NDArray[np.uint8]],
        notes: Sequence[str],
    ) -> None:
        self.numbers.setText(numbers)
        self.numbers.setVisible(bool(numbers))
        for title, line, found in (
            (self.accepted_title, self.accepted, accepted),
            (self.rejected_title, self.rejected, rejected),
        ):
            line.show_all([_picture(one, thumbnails) for one in found[:MOST]])
            title.setVisible(bool(found))
            line.setVisible(bool(found))
        self.messages.setText("\n".join(f"• {note}" for note in notes))
        self.messages.setVisible(bool(notes))


def _picture(found: Neighbour, thumbnails: Mapping[str, Any]) -> tuple[Any, str, str, str]:
    said = "accepted" if found.verdict == "accept" else "rejected"
    tip = f"{found.image}, {said}" + (f" by {found.expert}" if found.expert else "")
    tip += f", group {found.group}" if found.group else ""
    tip += f"; cosine {found.similarity:.3f}"
    return thumbnails.get(found.reference), found.image, f"{found.similarity:.3f}", tip


def _numbers(verdict: Verdict) -> str:
    lines: list[tuple[str, str]] = []
    if verdict.score is not None:
        lines.append(("Score", f"{score(verdict.score)} (cut {score(verdict.cut)})"))
    if verdict.value is not None:
        unit = f" {verdict.unit}" if verdict.unit not in ("", "1") else ""
        span = ""
        if verdict.value_low is not None:
            span = f" ({number(verdict.value_low)} to {number(verdict.value_high)})"
        lines.append((verdict.limit, f"{number(verdict.value)}{unit}{span}"))
    if verdict.p_accept is not None or verdict.p_reject is not None:
        lines.append(_chance("accepted", verdict.p_accept, verdict.risk_reject))
        lines.append(_chance("rejected", verdict.p_reject, verdict.risk_accept))
    cells = "".join(
        f"<tr><td>{escape(name)}&nbsp;&nbsp;</td><td>{escape(words)}</td></tr>"
        for name, words in lines
    )
    return f"<table>{cells}</table>" if cells else ""


def _chance(side: str, p: float | None, risk: float) -> tuple[str, str]:
    words = likeness(p, risk)
    if p is not None:
        words += f" (p {number(p)} {'≤' if p <= risk else '>'} risk {number(risk)})"
    return f"Could it be {side}?", words
