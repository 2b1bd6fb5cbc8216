"""Dialog that adds or changes a criterion; it returns fields and writes nothing."""

from typing import Any

from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QLineEdit,
    QTextEdit,
    QVBoxLayout,
    QWidget,
)

from napari_qualify.widgets.number_box import NumberBox
from napari_qualify.widgets.parts import form, text
from napari_qualify.widgets.view_box import TileBox, ViewBox

RULES = ("auto", "net", "gaussian", "cache", "probe", "tiles", "paper")
COMPARED = ("auto", "visual", "cross", "hybrid")
CHOSEN = -0.05
"""Value of the weight's box, one step under 0, that stands for "chosen on references"."""


class CriterionDialog(QDialog):
    """Asks for a criterion.

    Parameters
    ----------
    fields : dict, optional
        Fields of the criterion that is changed; its name then stays.
    parent : QWidget, optional
    """

    def __init__(self, fields: dict[str, Any] | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Edit criterion" if fields else "Add criterion")
        self._make_fields()
        layout = QVBoxLayout(self)
        layout.addLayout(self._form())
        layout.addWidget(
            text(
                "Statements take part in the verdict when the encoder has a text side. "
                "Changing the view, the tile size or to the rule of nearest tiles makes the "
                "references be embedded again.",
                small=True,
            )
        )
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        layout.addWidget(self.buttons)
        self.setMinimumWidth(460)
        self.name.textChanged.connect(self._on_name)
        if fields:
            self._show(fields)
        self._on_name()

    def _make_fields(self) -> None:
        self.name = QLineEdit()
        self.name.setPlaceholderText("for example: carbide distribution")
        self.name.setToolTip("What is judged")
        self.accept_text = _statements("carbides are spread evenly")
        self.reject_text = _statements("carbides are clustered")
        self.view = ViewBox()
        self.tile = TileBox()
        self.risk_accept = _risk("Largest tolerated share of rejectable samples that are accepted")
        self.risk_reject = _risk("Largest tolerated share of acceptable samples that are rejected")
        self.rule = QComboBox()
        self.rule.setEditable(True)
        self.rule.addItems(RULES)
        self.rule.setToolTip(
            "auto chooses on the references; tiles compares single tiles, for small local "
            "defects, and needs a tile size; paper is the setting of the paper; settings may "
            "follow in brackets, as in net(pool=max)"
        )
        self.modality = QComboBox()
        self.modality.addItems(COMPARED)
        self.modality.setToolTip(
            "visual compares with the references' images, cross with the statements, hybrid with "
            "both; auto takes what the criterion and the encoder have"
        )
        self.weight = _weight()
        self.split = QCheckBox("Half of the references calibrate only")
        self.split.setToolTip("Exact control of the risks, at the price of half of the references")
        self.limit = QLineEdit()
        self.limit.setPlaceholderText("none; for example: pore.area_fraction <= 0.01")
        self.limit.setToolTip("A measured limit: the verdict then comes from the phases")

    def _form(self) -> Any:
        fields = form()
        fields.addRow("Name", self.name)
        fields.addRow("Accepted looks like", self.accept_text)
        fields.addRow("Rejected looks like", self.reject_text)
        fields.addRow("View", self.view)
        fields.addRow("Tile", self.tile)
        fields.addRow("Risk of a false accept", self.risk_accept)
        fields.addRow("Risk of a false reject", self.risk_reject)
        fields.addRow("Rule", self.rule)
        fields.addRow("Compare with", self.modality)
        fields.addRow("Weight of the images", self.weight)
        fields.addRow("", self.split)
        fields.addRow("Measured limit", self.limit)
        return fields

    def _on_name(self) -> None:
        ok = self.buttons.button(QDialogButtonBox.StandardButton.Ok)
        ok.setEnabled(bool(self.name.text().strip()))

    def _show(self, fields: dict[str, Any]) -> None:
        self.name.setText(fields["name"])
        self.name.setReadOnly(True)
        self.accept_text.setPlainText("\n".join(fields["accept"]))
        self.reject_text.setPlainText("\n".join(fields["reject"]))
        self.view.set_value(fields["view"])
        self.tile.set_tile(fields["tile_um"])
        self.risk_accept.set_number(fields["risk_accept"])
        self.risk_reject.set_number(fields["risk_reject"])
        self.weight.set_number(fields["weight"])
        self.rule.setCurrentText(fields["rule"])
        self.modality.setCurrentText(fields["modality"])
        self.split.setChecked(fields["split"])
        self.limit.setText(fields["limit"] or "")

    def fields(self) -> dict[str, Any]:
        """Return the keywords of ``Library.add_criterion``, with `name`."""
        return {
            "name": self.name.text().strip(),
            "accept": _lines(self.accept_text),
            "reject": _lines(self.reject_text),
            "view": self.view.value(),
            "tile_um": self.tile.tile_um(),
            "risk_accept": self.risk_accept.number(),
            "risk_reject": self.risk_reject.number(),
            "weight": self.weight.number(),
            "rule": self.rule.currentText().strip() or "auto",
            "modality": self.modality.currentText(),
            "split": self.split.isChecked(),
            "limit": self.limit.text().strip() or None,
        }


def _statements(example: str) -> QTextEdit:
    box = QTextEdit()
    box.setAcceptRichText(False)
    box.setPlaceholderText(f"one statement a line, for example: {example}")
    box.setToolTip("Statements in the expert's words, one a line; may stay empty")
    box.setTabChangesFocus(True)
    box.setFixedHeight(70)
    return box


def _risk(tip: str) -> NumberBox:
    box = NumberBox(0.001, 0.5, 3)
    box.setSingleStep(0.05)
    box.setValue(0.1)
    box.setToolTip(tip)
    return box


def _weight() -> NumberBox:
    box = NumberBox(CHOSEN, 1.0, 4, "chosen on the references")
    box.setSingleStep(0.05)
    box.setValue(CHOSEN)
    box.setToolTip(
        "Of the hybrid: 1 takes the images only, 0 the statements only, 0.5 is the paper's; "
        "the lowest value has it chosen on the references"
    )
    return box


def _lines(box: QTextEdit) -> tuple[str, ...]:
    return tuple(line.strip() for line in box.toPlainText().splitlines() if line.strip())
