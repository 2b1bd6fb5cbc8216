"""Choice of a view: what of a micrograph an encoder is shown."""

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QLineEdit, QSizePolicy, QWidget

from napari_qualify.widgets.number_box import NumberBox
from napari_qualify.widgets.parts import row

TIPS = {
    "raw": "The micrograph as it is",
    "masked": "One phase is kept, the rest is blanked",
    "overlay": "The phases tint the micrograph",
    "phases": "The phases alone, in their fixed colours",
}


class ViewBox(QWidget):
    """View, with the phase to keep when one is masked.

    Signals
    -------
    changed
    """

    changed = Signal()

    def __init__(self, phase: str = "carbide") -> None:
        super().__init__()
        self.kind = QComboBox()
        for index, (name, tip) in enumerate(TIPS.items()):
            self.kind.addItem(name)
            self.kind.setItemData(index, tip, 3)  # Qt.ToolTipRole
        self.kind.setToolTip("What of the micrograph the encoder is shown")
        self.phase = QLineEdit(phase)
        self.phase.setToolTip("The phase to keep")
        self.setLayout(row(self.kind, self.phase, stretch=0))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.kind.currentTextChanged.connect(self._on_kind)
        self._on_kind(self.kind.currentText())

    def _on_kind(self, kind: str) -> None:
        self.phase.setVisible(kind == "masked")
        self.changed.emit()

    def value(self) -> str:
        """Return the view as a criterion spells it, for example ``masked:carbide``."""
        kind = self.kind.currentText()
        return f"masked:{self.phase.text().strip()}" if kind == "masked" else kind

    def set_value(self, view: str) -> None:
        """Show a view."""
        kind, _, phase = view.partition(":")
        self.kind.setCurrentText(kind)
        if phase:
            self.phase.setText(phase)


class TileBox(NumberBox):
    """Side of a tile in micrometres; the least value means the short side."""

    def __init__(self) -> None:
        super().__init__(0, 1e5, 4, "short side of the image")
        self.setSuffix(" µm")
        self.setToolTip(
            "Side of the square tiles that the encoder sees. A fixed size in µm makes images "
            "of different magnification compare; 0 takes the short side of each image."
        )

    def tile_um(self) -> float | None:
        """Return micrometres, None for the short side."""
        return self.number()

    def set_tile(self, tile_um: float | None) -> None:
        """Show a side."""
        self.set_number(tile_um)
