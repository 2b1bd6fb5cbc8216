"""A table of micrographs with their pictures."""

from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QSize, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QAbstractItemView

from napari_qualify.catalogue import Entry
from napari_qualify.widgets.parts import MARKS, pixmap
from napari_qualify.widgets.table import Table
from napari_qualify.widgets.tips import tip

PICTURE = 56
MOST_LINES = 3
"""Verdicts shown in a row; the tooltip has all."""


class MicrographTable(Table):
    """Rows with picture, name, similarity if there is one, and what was said of it.

    Parameters
    ----------
    similarity : bool
        Whether there is a column of similarities.
    rows : int
        How many rows are in sight.

    Signals
    -------
    open_requested : list of int
        Rows to open as layers.
    rows_chosen : list of int
        The selection has changed.
    """

    open_requested = Signal(list)
    rows_chosen = Signal(list)

    def __init__(self, *, similarity: bool, rows: int = 5) -> None:
        names = ("Micrograph", "Similarity", "Verdict")
        super().__init__(names if similarity else (names[0], names[2]))
        self._similarity = similarity
        self.setAccessibleName("Micrographs")
        self.setToolTip("Double-click a row to open its micrograph as a layer")
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setIconSize(QSize(PICTURE, PICTURE))
        self.verticalHeader().setDefaultSectionSize(PICTURE + 6)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setMinimumHeight(rows * (PICTURE + 6) + self.horizontalHeader().sizeHint().height())
        self.cellActivated.connect(lambda row, _: self.open_requested.emit([row]))
        self.itemSelectionChanged.connect(lambda: self.rows_chosen.emit(self.chosen()))

    def chosen(self) -> list[int]:
        """Selected rows, from the top down."""
        return sorted({index.row() for index in self.selectedIndexes()})

    def show_entries(
        self, entries: Sequence[Entry], similarities: Sequence[float] | None = None
    ) -> None:
        """Show micrographs; their pictures come by `show_pictures`."""
        cells, tips = [], []
        for index, entry in enumerate(entries):
            said = tip(_about(entry))
            number = [] if similarities is None else [f"{similarities[index]:.3f}"]
            cells.append([_name(entry), *number, _verdicts(entry)])
            tips.append([said] * len(cells[-1]))
        self.blockSignals(True)
        self.clearSelection()
        self.fill(cells, tips)
        blank = QPixmap(PICTURE, PICTURE)
        blank.fill(QColor(128, 128, 128, 60))
        for row in range(len(cells)):
            self.item(row, 0).setIcon(QIcon(blank))
        self.blockSignals(False)
        self._fit()

    def _fit(self) -> None:
        """Let the name grow; the other columns take what their lines need."""
        metrics = self.fontMetrics()
        self.widths(grow=0)
        for column in range(1, self.columnCount()):
            lines = [
                line
                for row in range(self.rowCount())
                for line in self.item(row, column).text().splitlines()
            ]
            lines.append(self.horizontalHeaderItem(column).text())
            width = max(metrics.horizontalAdvance(line) for line in lines) + 16
            self.setColumnWidth(column, min(width, 190))

    def show_pictures(self, pictures: Sequence[NDArray[np.uint8] | str]) -> None:
        """Show the pictures of the first rows, or why there is none."""
        for row, found in enumerate(pictures[: self.rowCount()]):
            item = self.item(row, 0)
            if isinstance(found, str):
                item.setToolTip(item.toolTip() + tip(found))
                item.setText(f"{item.text()}\nno file to open")
            else:
                item.setIcon(QIcon(pixmap(found, PICTURE)))


def _name(entry: Entry) -> str:
    short = PurePosixPath(entry.name).name if entry.kind == "embedded" else entry.name
    if entry.references:
        return f"{short}\n{entry.group}"
    return f"{short}\n{'last assessment' if entry.judged else 'embedded only'}"


def _verdicts(entry: Entry) -> str:
    lines = [f"{MARKS[verdict][0]} {criterion}" for criterion, verdict in entry.verdicts]
    if not lines:
        return "–"
    if len(lines) > MOST_LINES:
        lines = [*lines[: MOST_LINES - 1], f"and {len(lines) - MOST_LINES + 1} more"]
    return "\n".join(lines)


def _about(entry: Entry) -> str:
    lines = [entry.name, *([f"group {entry.group}"] if entry.group else [])]
    for reference in entry.references:
        said = "accepted" if reference.verdict == "accept" else "rejected"
        by = f" by {reference.expert}" if reference.expert else ""
        lines.append(f"{reference.criterion}: {said}{by}")
        if reference.description:
            lines.append(f"  “{reference.description}”")
    if not entry.references:
        lines.append("embedded, not a reference")
        lines += [f"{c}: {MARKS[v]} (last assessment)" for c, v in entry.judged.items()]
    return "\n".join(lines)
