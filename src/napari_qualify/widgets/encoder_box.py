"""Choice of an encoder: those that cannot be used are greyed and say what to do."""

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QStandardItemModel
from qtpy.QtWidgets import QComboBox


class EncoderBox(QComboBox):
    """Lists encoders; its value is the one chosen.

    Parameters
    ----------
    rows : sequence
        Objects with `name`, `available`, `detail` and `remedy`.
    """

    def __init__(self, rows: Sequence[Any]) -> None:
        super().__init__()
        self.setToolTip("The network that turns a view of a micrograph into a vector")
        self.setAccessibleName("Encoder")
        model = self.model()
        for row in rows:
            words = row.name if row.available else f"{row.name} (not available)"
            self.addItem(words, row.name)
            tip = row.detail if row.available else f"{row.detail} {row.remedy}".strip()
            self.setItemData(self.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
            if not row.available and isinstance(model, QStandardItemModel):
                model.item(self.count() - 1).setEnabled(False)
        first = next((i for i, row in enumerate(rows) if row.available), -1)
        self.setCurrentIndex(first)

    def value(self) -> str:
        """Name of the chosen encoder, '' when none can be used."""
        return self.currentData() or ""

    def choose(self, name: str) -> None:
        """Choose an encoder if it is listed and can be used."""
        index = self.findData(name)
        model = self.model()
        if index >= 0 and isinstance(model, QStandardItemModel) and model.item(index).isEnabled():
            self.setCurrentIndex(index)
