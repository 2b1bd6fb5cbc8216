"""Settings of a training: few in sight, the rest folded away."""

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_qualify.widgets.parts import button, form, row

ARCHITECTURES = ("Unet", "UnetPlusPlus", "FPN", "DeepLabV3Plus", "Linknet", "MAnet", "PAN")
ENCODERS = ("tu-tf_efficientnet_lite0", "resnet34", "resnet50", "efficientnet-b0")
NEVER = "by the median of the examples"


class NetworkForm(QWidget):
    """Fields whose values are the keywords of `TrainSettings`."""

    def __init__(self) -> None:
        super().__init__()
        self.architecture = _choice(
            ARCHITECTURES, "An architecture of segmentation_models_pytorch; others can be typed"
        )
        self.encoder = _choice(
            ENCODERS, "An encoder of segmentation_models_pytorch; others can be typed"
        )
        self.start = _choice(
            ("lite", "imagenet", "none"),
            "lite: weights that came with the installation, for tu-tf_efficientnet_lite0 alone. "
            "imagenet: fetched. none: random. Or a file or https address of a checkpoint, "
            "such as one of NASA's MicroNet.",
        )
        self.checkpoint = button("…", "Choose the file of a checkpoint")
        self.checkpoint.setFixedWidth(28)
        self.minutes = _number(QDoubleSpinBox(), 0.1, 1440, 10, "The training ends after this time")
        self.minutes.setSuffix(" min")
        self.seed = _number(QSpinBox(), 0, 2**31 - 1, 0, "The same seed draws the same crops")
        self.more = QToolButton()
        self.more.setText("More")
        self.more.setToolTip("Settings that seldom need a change")
        self.more.setCheckable(True)
        self.more.setArrowType(Qt.ArrowType.RightArrow)
        self.more.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.folded = QWidget()
        self._build_folded()
        fields = form()
        fields.addRow("Architecture", self.architecture)
        fields.addRow("Encoder", self.encoder)
        fields.addRow("Start from", row(self.start, self.checkpoint, stretch=0))
        fields.addRow("Time", row(self.minutes, stretch=0))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(fields)
        layout.addWidget(self.more)
        layout.addWidget(self.folded)
        self.folded.hide()
        self.more.toggled.connect(self._on_more)
        self.checkpoint.clicked.connect(self._on_checkpoint)

    def _build_folded(self) -> None:
        self.loss = QComboBox()
        self.loss.addItem("Dice and cross entropy", "dice_ce")
        self.loss.addItem("focal", "focal")
        self.loss.setToolTip("Both weigh rare phases")
        self.patch = _number(QSpinBox(), 64, 2048, 256, "Side of the crops, a multiple of 32")
        self.patch.setSingleStep(32)
        self.patch.setSuffix(" px")
        self.batch = _number(QSpinBox(), 1, 256, 8, "Crops per step")
        self.rate = _number(QDoubleSpinBox(), 1e-6, 1, 2e-3, "Largest learning rate", decimals=6)
        self.every = _number(QSpinBox(), 1, 10_000, 25, "Steps between two validations")
        self.patience = _number(
            QSpinBox(), 1, 10_000, 20, "Validations without a better one after which it stops"
        )
        self.pixel_size = _number(
            QDoubleSpinBox(), 0, 1e6, 0, "Examples are resampled to it", decimals=5
        )
        self.pixel_size.setSpecialValueText(NEVER)
        self.pixel_size.setSuffix(" µm")
        fields = form()
        fields.addRow("Seed", self.seed)
        fields.addRow("Loss", self.loss)
        fields.addRow("Crops", self.patch)
        fields.addRow("Crops per step", self.batch)
        fields.addRow("Learning rate", self.rate)
        fields.addRow("Validate every", self.every)
        fields.addRow("Patience", self.patience)
        fields.addRow("Pixel size", self.pixel_size)
        self.folded.setLayout(fields)

    def settings(self) -> dict[str, Any]:
        """Return the keywords of `TrainSettings`."""
        return {
            "architecture": self.architecture.currentText().strip(),
            "encoder": self.encoder.currentText().strip(),
            "start": self.start.currentText().strip(),
            "minutes": self.minutes.value(),
            "seed": self.seed.value(),
            "loss": self.loss.currentData(),
            "patch": self.patch.value(),
            "batch": self.batch.value(),
            "learning_rate": self.rate.value(),
            "every": self.every.value(),
            "patience": self.patience.value(),
            "pixel_size_um": self.pixel_size.value() or None,
        }

    def _on_more(self, shown: bool) -> None:
        self.folded.setVisible(shown)
        self.more.setArrowType(Qt.ArrowType.DownArrow if shown else Qt.ArrowType.RightArrow)

    def _on_checkpoint(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self, "Choose a checkpoint", "", "Checkpoint (*.pth *.tar *.pt *.safetensors *)"
        )
        if path:
            self.start.setCurrentText(path)


def _choice(items: tuple[str, ...], tip: str) -> QComboBox:
    made = QComboBox()
    made.setEditable(True)
    made.addItems(items)
    made.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
    made.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    made.setToolTip(tip)
    made.lineEdit().setCursorPosition(0)
    return made


def _number(box, low: float, high: float, value: float, tip: str, decimals: int | None = None):  # type: ignore[no-untyped-def]
    if decimals is not None:
        box.setDecimals(decimals)
    box.setRange(low, high)
    box.setValue(value)
    box.setToolTip(tip)
    return box
