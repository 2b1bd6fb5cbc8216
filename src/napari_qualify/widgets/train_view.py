"""The tab that trains a network: what to learn from, how, and how it goes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QGroupBox,
    QLineEdit,
    QStackedWidget,
    QWidget,
)

from napari_qualify.segment.phases import phase_colour
from napari_qualify.widgets.curve import Curve
from napari_qualify.widgets.network_form import NetworkForm
from napari_qualify.widgets.pairs_table import PairsTable
from napari_qualify.widgets.panel import column
from napari_qualify.widgets.parts import Pictures, ProgressRow, button, form, row, text

TINT = 0.45
SIDE = 110


class FolderBox(QWidget):
    """Paths of images, masks and a split."""

    def __init__(self) -> None:
        super().__init__()
        self.images = QLineEdit()
        self.masks = QLineEdit()
        self.split = QLineEdit()
        self.split.setPlaceholderText("none: some specimens are held back")
        fields = form()
        for label, line, tip in (
            ("Images", self.images, "Folder of micrographs"),
            ("Masks", self.masks, "Folder of integer images with the same stems"),
            ("Split", self.split, "CSV with the columns image, split and perhaps group"),
        ):
            line.setToolTip(tip)
            browse = button("…", f"Choose: {tip}")
            browse.setFixedWidth(28)
            browse.clicked.connect(lambda _=False, x=line: self._on_browse(x))
            fields.addRow(label, row(line, browse, stretch=0))
        self.setLayout(fields)

    def _on_browse(self, line: QLineEdit) -> None:
        if line is self.split:
            path, _ = QFileDialog.getOpenFileName(self, "Choose a table", "", "CSV (*.csv)")
        else:
            path = QFileDialog.getExistingDirectory(self, "Choose a folder", line.text())
        if path:
            line.setText(path)


class TrainView(QWidget):
    """Form, curve and preview of a training.

    Signals
    -------
    train_requested, resume_requested
    save_requested : str
        Path of the model folder to write.
    """

    train_requested = Signal()
    resume_requested = Signal()
    save_requested = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.way = QComboBox()
        self.way.addItems(["Layers", "Folders"])
        self.way.setToolTip("Learn from layers of this viewer, or from folders of files")
        self.pairs = PairsTable()
        self.folders = FolderBox()
        self.stack = QStackedWidget()
        self.stack.addWidget(self.pairs)
        self.stack.addWidget(self.folders)
        self.names = QLineEdit()
        self.names.setPlaceholderText("as the layers say; else 0=matrix, 1=carbide")
        self.names.setToolTip(
            "Name of each label value, for example 0=matrix, 1=carbide; a value that is not "
            "named is left out of the training"
        )
        self.network = NetworkForm()
        self.train = button("&Train", "Train a network; it can be stopped at any time")
        self.resume = button("&Go on", "Take up the training that was stopped")
        self.save = button("Sa&ve best…", "Write the best network so far to a model folder")
        self.progress = ProgressRow()
        self.curve = Curve()
        self.words = text(small=True)
        self.preview = Pictures()
        self.preview.SIDE = SIDE
        self._build()
        self.way.currentIndexChanged.connect(self._on_way)
        self.train.clicked.connect(self.train_requested)
        self.resume.clicked.connect(self.resume_requested)
        self.save.clicked.connect(self._on_save)
        self.show_state(running=False, can_resume=False, best=False)
        self._on_way(0)

    def _build(self) -> None:
        source = QGroupBox("Examples")
        top = form()
        top.addRow("From", self.way)
        names = form()
        names.addRow("Phases", self.names)
        column(source, top, self.stack, names).setContentsMargins(8, 8, 8, 8)
        network = QGroupBox("Network")
        column(network, self.network).setContentsMargins(8, 8, 8, 8)
        self.form_boxes = (source, network)
        column(
            self, source, network, row(self.train, self.resume, self.save, stretch=0),
            self.progress, self.curve, self.words, self.preview,
        ).addStretch(1)  # fmt: skip

    def show_state(self, *, running: bool, can_resume: bool, best: bool) -> None:
        """Enable what can be done now."""
        for box in self.form_boxes:
            box.setEnabled(not running)
        self.train.setEnabled(not running)
        self.resume.setEnabled(can_resume and not running)
        self.save.setEnabled(best)

    def show_glance(
        self,
        points: Sequence[Any],
        preview: tuple[NDArray[Any], NDArray[Any], NDArray[Any]] | None,
        names: Mapping[int, str],
    ) -> None:
        """Show how far a training is."""
        self.curve.show_points(points)
        self.words.setText(_words(points))
        if preview is None:
            self.preview.show_all([])
            return
        image, found, truth = preview
        grey = np.repeat(np.asarray(image, np.uint8)[..., None], 3, axis=2)
        self.preview.show_all(
            [
                (grey, "validation", "image", "Part of an image held back from the training"),
                (_tinted(grey, found, names), "validation", "found", "Phases by the network"),
                (_tinted(grey, truth, names), "validation", "truth", "Phases of the labels"),
            ]
        )

    def _on_way(self, index: int) -> None:
        self.stack.setCurrentIndex(index)
        # The page that is hidden must not keep its height.
        for page in range(self.stack.count()):
            self.stack.widget(page).setVisible(page == index)
        self.stack.setFixedHeight(self.stack.widget(index).sizeHint().height())

    def _on_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, "Save the network as a folder", "network-model", "Model folder (*)"
        )
        if path:
            self.save_requested.emit(str(Path(path)))


def _words(points: Sequence[Any]) -> str:
    if not points:
        return ""
    last = points[-1]
    if last.mean_iou is None:
        return (
            f"Step {last.step}. No images are held back, so nothing judges the network: give "
            "pairs of at least two specimens."
        )
    best = max(points, key=lambda point: point.mean_iou or 0)
    each = ", ".join(f"{name} {iou:.2f}" for name, iou in best.iou.items())
    return f"Step {last.step}. Best at step {best.step}: mean IoU {best.mean_iou:.3f} ({each})"


def _tinted(
    grey: NDArray[np.uint8], labels: NDArray[Any], names: Mapping[int, str]
) -> NDArray[np.uint8]:
    """Grey image with its phases in their colours."""
    out = grey.astype(np.float32)
    for value, name in names.items():
        mask = labels == value
        out[mask] = (1 - TINT) * out[mask] + TINT * np.array(phase_colour(name), np.float32)
    return np.asarray(out + 0.5, np.uint8)
