"""The widget "Segment phases": thresholds into named phases, and their area fractions."""

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QGroupBox, QLineEdit, QVBoxLayout, QWidget

from napari_qualify.widgets.panel import Panel, column
from napari_qualify.widgets.parts import LayerBox, button, form, row, scrolled, text
from napari_qualify.widgets.sources import LayerSource, take
from napari_qualify.widgets.table import Table
from napari_qualify.widgets.tasks import Segmented, segment_source

if TYPE_CHECKING:
    from napari.viewer import Viewer

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


class SegmentWidget(Panel):
    """Segment an image layer into phases and measure them.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        napari passes it by this name.
    """

    def __init__(self, napari_viewer: "Viewer") -> None:
        super().__init__(napari_viewer)
        self.image = LayerBox()
        self.image.setToolTip("The image layer to segment")
        self.form = ThresholdForm()
        self.start = button("&Segment", "Find the phases and add them as a Labels layer")
        self.table = Table(("Phase", "Area fraction", "95 % interval", "Blocks"))
        self.table.setToolTip("Area fraction of each phase, with its interval within this field")
        self.notes = text(small=True)
        self._build()
        self.start.clicked.connect(self._on_start)
        self.link.layers_changed.connect(self._offer)
        self._offer()

    def _build(self) -> None:
        image = form()
        image.addRow("Image", self.image)
        settings = QGroupBox("Multi-Otsu thresholds")
        column(settings, self.form).setContentsMargins(8, 8, 8, 8)
        results = QGroupBox("Area fractions")
        column(results, self.table, self.notes).setContentsMargins(8, 8, 8, 8)
        inner = QWidget()
        layout: QVBoxLayout = column(inner, image, settings, self.start, results)
        layout.addStretch(1)
        column(self.body, scrolled(inner))
        self.results = results
        results.hide()

    def _offer(self) -> None:
        images = self.link.images()
        self.image.offer([(str(layer.unique_id), str(layer.name)) for layer in images])
        self.start.setEnabled(bool(images))

    def _on_start(self) -> None:
        layer = self.link.find(self.image.currentData())
        if layer is None:
            return
        source = take(layer)
        settings = self.form.settings()

        def call(progress: Any) -> Segmented:
            return segment_source(source, settings, progress)

        self.run(f"Segment {source.name}", call, lambda found: self._show(source, found))

    def _show(self, source: LayerSource, found: Segmented) -> None:
        phases = found.phases
        # A copy that can be written: the user may correct the labels by hand.
        labels = np.array(phases.labels)
        self.link.add_phases(source, labels, phases.colours(), phases.record())
        rows = []
        methods = [str(line["method"]) for line in found.fractions]
        for line in found.fractions:
            low, high = line["low"], line["high"]
            interval = "–" if np.isnan(low) else f"{low:.2%} to {high:.2%}"
            rows.append((line["phase"], f"{line['value']:.2%}", interval, str(line["n"])))
        methods = [str(line["method"]) for line in found.fractions]
        self.table.fill(
            rows, [(*row[:2], method, method) for row, method in zip(rows, methods, strict=True)]
        )
        self.table.widths(grow=0)
        self.table.rows_tall(3, 6)
        self.results.setTitle(f"Area fractions of {source.name}")
        self.notes.setText(found.note)
        self.results.show()
        self.progress_message = f"Phases of {source.name} are in a new Labels layer."
