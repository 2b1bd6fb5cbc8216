"""View of a library's criteria: how many references, and how many are missing."""

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QWidget

from napari_qualify.widgets.panel import column
from napari_qualify.widgets.parts import button, row
from napari_qualify.widgets.table import Table

COLUMNS = ("Criterion", "Accepted", "Rejected", "Still needed")
MISSING = "#7a5c00"


class CriteriaView(QWidget):
    """Table of criteria with buttons to add and edit one.

    Signals
    -------
    add_requested
    edit_requested : str
        Name of the criterion.
    chosen : str
        Name of the criterion whose row is selected, '' for none.
    """

    add_requested = Signal()
    edit_requested = Signal(str)
    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.table = Table(COLUMNS)
        self.table.setAccessibleName("Criteria")
        self.add = button("&Add criterion…", "Name a new criterion, with statements and risks")
        self.edit = button("&Edit…", "Change the selected criterion")
        column(self, self.table, row(self.add, self.edit, stretch=0))
        self.add.clicked.connect(self.add_requested)
        self.edit.clicked.connect(lambda: self.edit_requested.emit(self.current()))
        self.table.cellDoubleClicked.connect(lambda *_: self.edit_requested.emit(self.current()))
        self.table.itemSelectionChanged.connect(lambda: self.chosen.emit(self.current()))
        self.show_criteria([])

    def current(self) -> str:
        """Name of the selected criterion, '' for none."""
        items = self.table.selectedItems()
        return self.table.item(items[0].row(), 0).text() if items else ""

    def show_criteria(self, criteria: Sequence[dict[str, Any]]) -> None:
        """Show criteria, keeping the selected one."""
        name = self.current()
        self.table.fill([_cells(c) for c in criteria], [_tips(c) for c in criteria])
        for r, criterion in enumerate(criteria):
            if criterion["missing_accept"] or criterion["missing_reject"]:
                self.table.paint(r, 3, MISSING)
        names = [c["name"] for c in criteria]
        if names:
            self.table.selectRow(names.index(name) if name in names else 0)
        self.edit.setEnabled(bool(names))
        self.table.widths(grow=0)
        self.table.rows_tall(3, 6)
        self.chosen.emit(self.current())


def _cells(criterion: dict[str, Any]) -> tuple[str, ...]:
    if criterion["limit"]:
        return criterion["name"], "–", "–", "limit"
    return (
        criterion["name"],
        _side(criterion["accepted"], criterion["accepted_groups"]),
        _side(criterion["rejected"], criterion["rejected_groups"]),
        _missing(criterion),
    )


def _side(references: int, groups: int) -> str:
    return f"{references}" if references == groups else f"{references} in {groups} groups"


def _missing(criterion: dict[str, Any]) -> str:
    parts = [
        f"{criterion[key]} {word}"
        for key, word in (("missing_accept", "accepted"), ("missing_reject", "rejected"))
        if criterion[key]
    ]
    return ", ".join(parts) or "none"


def _tips(criterion: dict[str, Any]) -> tuple[str, ...]:
    statements = [f"accept: {s}" for s in criterion["accept"]]
    statements += [f"reject: {s}" for s in criterion["reject"]]
    tile = f"{criterion['tile_um']:g} µm" if criterion["tile_um"] else "short side"
    about = [f"view {criterion['view']}, tile {tile}", *statements]
    if criterion["limit"]:
        about.append(f"limit {criterion['limit']}")
    risk = (
        f"A verdict at risk {criterion['risk_accept']:g} to accept wrongly and "
        f"{criterion['risk_reject']:g} to reject wrongly needs this many more specimens; "
        "until then the verdict is a review."
    )
    counts = "References, and the specimens (groups) that they come from"
    return "\n".join(about), counts, counts, risk
