"""The tab with multi-Otsu thresholds."""

from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QGroupBox, QLineEdit, QWidget

from napari_qualify.widgets.panel import column
from napari_qualify.widgets.parts import button, form, row

PHASES = "pore, matrix, carbide"


class ThresholdForm(QWidget):
    """Settings of the multi-Otsu thresholds."""

    def __init__(self) -> None:
        super().__init__()
        self.phases = QLineEdit(PHASES)
        self.phases.setToolTip("Phase names from the darkest to the brightest, with commas")
        self.smoothing = QDoubleSpinBox()
        self.smoothing.setRange(0, 100)
        self.smoothing.setDecimals(2)
        self.smoothing.setSingleStep(0.5)
        self.smoothing.setValue(1.0)
        self.smoothing.setToolTip("Deviation of a Gaussian before the thresholds; 0 for none")
        self.unit = QComboBox()
        self.unit.addItems(["px", "µm"])
        self.unit.setToolTip("Pixels, or micrometres for a calibrated image")
        self.min_area = QDoubleSpinBox()
        self.min_area.setRange(0, 1e6)
        self.min_area.setValue(9)
        self.min_area.setSuffix(" px")
        self.min_area.setDecimals(0)
        self.min_area.setToolTip("Smaller regions are given to the phases around them")
        fields = form()
        fields.addRow("Phases, dark to bright", self.phases)
        fields.addRow("Smoothing", row(self.smoothing, self.unit, stretch=0))
        fields.addRow("Smallest region", self.min_area)
        self.setLayout(fields)

    def settings(self) -> dict[str, Any]:
        """Return the keywords of `ThresholdSegmenter`."""
        unit = "smoothing_um" if self.unit.currentText() == "µm" else "smoothing_px"
        names = tuple(name.strip() for name in self.phases.text().split(","))
        return {
            "phases": names,
            unit: self.smoothing.value(),
            "min_area_px": self.min_area.value(),
        }


class ThresholdView(QWidget):
    """Form and button of the thresholds.

    Signals
    -------
    segment_requested : dict
        Keywords of `ThresholdSegmenter`.
    """

    segment_requested = Signal(dict)

    def __init__(self) -> None:
        super().__init__()
        self.form = ThresholdForm()
        self.start = button("&Segment", "Find the phases and add them as a Labels layer")
        settings = QGroupBox("Multi-Otsu thresholds")
        column(settings, self.form).setContentsMargins(8, 8, 8, 8)
        column(self, settings, self.start).addStretch(1)
        self.start.clicked.connect(lambda: self.segment_requested.emit(self.form.settings()))
