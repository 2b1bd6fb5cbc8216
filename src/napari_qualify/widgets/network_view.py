"""The tab that uses a saved model: a network, strokes or thresholds."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QFileDialog, QGroupBox, QWidget

from napari_qualify.widgets.panel import column
from napari_qualify.widgets.parts import button, row, text
from napari_qualify.widgets.recent import MODELS, recent

KINDS = {
    "network": "Network",
    "scribbles": "Learned from strokes",
    "threshold": "Thresholds",
}
SAME = 0.02
"""Relative difference of pixel sizes that no model feels."""


class NetworkView(QWidget):
    """Choice of a model folder, what is in it, and the button that uses it.

    Signals
    -------
    model_chosen : str
        Path of a folder.
    segment_requested : str, bool, str
        Path, whether to average over turns and mirror images, and the Zarr
        folder to write, '' for a layer in memory.
    """

    model_chosen = Signal(str)
    segment_requested = Signal(str, bool, str)

    def __init__(self) -> None:
        super().__init__()
        self.models = QComboBox()
        self.models.setToolTip("A model folder: one with model.json and model.safetensors")
        self.models.setAccessibleName("Model")
        self.models.setPlaceholderText("No model is chosen")
        self.models.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.browse = button("&Browse…", "Choose a model folder")
        self.card = text()
        self.warning = text()
        self.warning.setStyleSheet("color: #e69f00")
        self.augment = QCheckBox("&Test-time augmentation")
        self.augment.setToolTip(
            "Average over the eight turns and mirror images: often a little better, eight times "
            "slower; networks only"
        )
        self.to_zarr = QCheckBox("To a &Zarr folder, for an image larger than the memory")
        self.to_zarr.setToolTip(
            "Read and write tile by tile; the folder is an OME-Zarr label image"
        )
        self.start = button("&Segment", "Find the phases with this model, in a new Labels layer")
        model = QGroupBox("Model")
        column(
            model,
            row(self.models, self.browse, stretch=0),
            self.card,
            self.warning,
            self.augment,
            self.to_zarr,
        ).setContentsMargins(8, 8, 8, 8)
        column(self, model, self.start).addStretch(1)
        self._record: dict[str, Any] | None = None
        self._image_size: float | None = None
        self._has_image = False
        self.models.activated.connect(lambda _: self.model_chosen.emit(self.path))
        self.browse.clicked.connect(self._on_browse)
        self.start.clicked.connect(self._on_start)
        self.offer_recent()
        self.show_model(None)

    @property
    def path(self) -> str:
        """The chosen folder, '' for none."""
        return self.models.currentData() or ""

    def offer_recent(self, chosen: str = "") -> None:
        """List the models used before, and choose one of them or none."""
        self.models.clear()
        for path in recent(MODELS):
            self.models.addItem(Path(path).name, path)
            self.models.setItemData(self.models.count() - 1, path, Qt.ItemDataRole.ToolTipRole)
        self.models.setCurrentIndex(self.models.findData(chosen) if chosen else -1)

    def show_model(self, record: Mapping[str, Any] | None) -> None:
        """Show what a model's record says; None when none can be used."""
        self._record = None if record is None else dict(record)
        self.card.setText(
            "Choose a folder that 'Train', 'Save model…' or napari-qualify train has written."
            if record is None
            else _card(record)
        )
        kind = None if record is None else record.get("kind")
        self.augment.setVisible(kind == "network")
        self.to_zarr.setVisible(kind in ("network", "scribbles"))
        self._warn()

    def show_image(self, pixel_size_um: float | None, *, there: bool = True) -> None:
        """Tell the pixel size of the chosen image; None when it is not known."""
        self._image_size, self._has_image = pixel_size_um, there
        self._warn()

    def _warn(self) -> None:
        words = ""
        if self._record is not None and self._has_image:
            words = _scale_warning(self._record.get("pixel_size_um"), self._image_size)
        self.warning.setText(words)
        self.warning.setVisible(bool(words))
        self.start.setEnabled(self._record is not None and self._has_image)

    def _on_start(self) -> None:
        out = ""
        if not self.to_zarr.isHidden() and self.to_zarr.isChecked():
            out, _ = QFileDialog.getSaveFileName(
                self, "Folder for the phases", "phases.ome.zarr", "OME-Zarr (*.zarr)"
            )
            if not out:
                return
        self.segment_requested.emit(self.path, self.augment.isChecked(), out)

    def _on_browse(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Choose a model folder")
        if path:
            self.model_chosen.emit(path)


def _card(record: Mapping[str, Any]) -> str:
    """Kind, phases, pixel size, training and metrics in a few lines."""
    lines = [KINDS.get(str(record.get("kind")), str(record.get("kind")))]
    architecture = record.get("architecture")
    if record.get("kind") == "network" and isinstance(architecture, Mapping):
        lines[0] += f": {', '.join(str(v) for v in architecture.values())}"
    phases = record.get("phases", {})
    lines.append("Phases: " + ", ".join(f"{value} {name}" for value, name in phases.items()))
    size = record.get("pixel_size_um")
    lines.append(f"Pixel size: {size:.4g} µm" if size else "Pixel size: not known")
    images = record.get("training", {}).get("images", [])
    if images:
        groups = {image.get("group") for image in images} - {None, ""}
        lines.append(
            f"Trained on {len(images)} image{'s' * (len(images) != 1)}"
            + (f" of {len(groups)} specimen{'s' * (len(groups) != 1)}" if groups else "")
        )
    metrics = record.get("metrics", {})
    if metrics.get("mean_iou") is not None:
        each = ", ".join(f"{name} {iou:.2f}" for name, iou in metrics.get("iou", {}).items())
        lines.append(f"Validation: mean IoU {metrics['mean_iou']:.3f} ({each})")
    return "\n".join(lines)


def _scale_warning(model: float | None, image: float | None) -> str:
    if model is None:
        return ""
    if image is None:
        return (
            f"The image has no pixel size, the model expects {model:.4g} µm: it is used as if "
            "the image had that. Set the layer's scale and units if it has not."
        )
    if abs(image / model - 1) <= SAME:
        return ""
    return (
        f"The image has {image:.4g} µm per pixel, the model {model:.4g} µm: the image is "
        f"resampled by {image / model:.3g}. Beyond about 2 the texture may be another."
    )
