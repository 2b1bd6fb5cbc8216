"""View with which an expert accepts or rejects what is on the screen."""

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QGroupBox, QLineEdit, QVBoxLayout

from napari_qualify.widgets.parts import button, form, row
from napari_qualify.widgets.tasks import ReferenceOrder


class ReferenceForm(QGroupBox):
    """Asks for references to be added.

    Signals
    -------
    add_requested : ReferenceOrder
    draw_requested
        The user wants to draw a region.
    undo_requested
    """

    add_requested = Signal(object)
    draw_requested = Signal()
    undo_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._criterion = ""
        self._count = 0
        self.source = QComboBox()
        self.source.addItems(["Selected images", "Drawn region"])
        self.source.setToolTip(
            "Whole images selected in the layer list, or the rectangle drawn on the image"
        )
        self.draw = button("&Draw region", "Draw a rectangle on the selected image")
        self.expert = _line("Who judged it")
        self.group = _line("The specimen; empty: each image its own")
        self.description = _line("What the expert sees, in the expert's words")
        self.note = _line("Anything else, for the record")
        self.accepted = button("✓ Add as accep&ted", "The selected images meet the criterion")
        self.rejected = button("✗ Add as re&jected", "The selected images fail the criterion")
        self.undo = button("&Undo last addition", "Remove the references added last")
        self._build()
        self.draw.clicked.connect(self.draw_requested)
        self.accepted.clicked.connect(lambda: self._ask("accept"))
        self.rejected.clicked.connect(lambda: self._ask("reject"))
        self.undo.clicked.connect(self.undo_requested)
        self.undo.setEnabled(False)
        self.show_criterion("")

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        fields = form()
        fields.addRow("From", row(self.source, self.draw, stretch=0))
        fields.addRow("Expert", self.expert)
        fields.addRow("Group", self.group)
        fields.addRow("Description", self.description)
        fields.addRow("Note", self.note)
        layout.addLayout(fields)
        buttons = row(self.accepted, self.rejected)
        buttons.setStretch(0, 1)
        buttons.setStretch(1, 1)
        layout.addLayout(buttons)
        layout.addWidget(self.undo)

    @property
    def region(self) -> bool:
        """Whether the drawn region is meant, not the whole images."""
        return self.source.currentIndex() == 1

    def show_criterion(self, name: str) -> None:
        """Name the criterion that references are added to."""
        self._criterion = name
        self.setTitle(f"Add a reference for {name}" if name else "Add a reference")
        self._enable()

    def count_images(self, selected: int) -> None:
        """Show how many images are selected."""
        self._count = selected
        self.source.setItemText(0, f"Selected images ({selected})")
        self._enable()

    def _enable(self) -> None:
        for widget in (self.accepted, self.rejected):
            widget.setEnabled(bool(self._criterion))

    def _ask(self, verdict: str) -> None:
        self.add_requested.emit(
            ReferenceOrder(
                criterion=self._criterion,
                verdict=verdict,
                expert=self.expert.text().strip(),
                group=self.group.text().strip(),
                description=self.description.text().strip(),
                note=self.note.text().strip(),
            )
        )


def _line(tip: str) -> QLineEdit:
    box = QLineEdit()
    box.setPlaceholderText(tip)
    box.setToolTip(tip)
    return box
