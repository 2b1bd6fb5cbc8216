"""The tab that embeds: which images, what of them, and what came of it."""

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QDoubleSpinBox, QFileDialog, QGroupBox, QLabel, QWidget

from napari_qualify.widgets.panel import column
from napari_qualify.widgets.parts import Scope, button, form, row, text
from napari_qualify.widgets.table import Table
from napari_qualify.widgets.view_box import TileBox, ViewBox

WARNING = "color: #e69f00"


class EmbedScope(Scope):
    """Choice between the selected image layers, all of them, and a folder of files."""

    def __init__(self) -> None:
        super().__init__()
        self.addItem("A folder of files")
        self.setToolTip("Image layers, or the micrographs in a folder and its subfolders")

    @property
    def folder(self) -> bool:
        """Whether a folder is meant."""
        return self.currentIndex() == 2


class OverlapBox(QDoubleSpinBox):
    """Least share of a tile that its neighbour sees again, in per cent."""

    def __init__(self, overlap: float) -> None:
        super().__init__()
        self.setRange(0, 90)
        self.setSingleStep(5)
        self.setDecimals(0)
        self.setSuffix(" %")
        self.setValue(100 * overlap)
        self.setToolTip("How much of a tile its neighbour sees again, at least")

    def overlap(self) -> float:
        """Return the share."""
        return self.value() / 100


class EmbedView(QWidget):
    """Asks for an embedding and shows what came of it.

    Parameters
    ----------
    encoder : QWidget
        The choice of an encoder.
    overlap : float
        The usual one.

    Signals
    -------
    embed_requested
    """

    embed_requested = Signal()

    def __init__(self, encoder: QWidget, overlap: float) -> None:
        super().__init__()
        self.scope = EmbedScope()
        self.folder = QLabel()
        self.browse = button("&Browse…", "Choose a folder of micrographs")
        self.pixel = QDoubleSpinBox()
        self.pixel.setRange(0, 1e3)
        self.pixel.setDecimals(4)
        self.pixel.setSuffix(" µm")
        self.pixel.setSpecialValueText("as the files say")
        self.pixel.setToolTip("Micrometres per pixel of all files; else what each file says")
        self.view = ViewBox()
        self.tile = TileBox()
        self.overlap = OverlapBox(overlap)
        self.warning = text()
        self.warning.setStyleSheet(WARNING)
        self.start = button("&Embed", "Encode the images that the library does not have yet")
        self.result = text()
        self.failures = Table(("Image", "Not embedded because"))
        self._path, self._ready = "", False
        self._build(encoder)
        self.scope.currentIndexChanged.connect(self._on_scope)
        self.browse.clicked.connect(self._on_browse)
        self.start.clicked.connect(self.embed_requested)
        self.set_folder("")
        self._on_scope()

    def _build(self, encoder: QWidget) -> None:
        self._chosen = QWidget()
        self._chosen.setLayout(row(self.folder, self.browse, stretch=0))
        what = QGroupBox("Images")
        self._fields = form()
        self._fields.addRow("Which", self.scope)
        self._fields.addRow("Folder", self._chosen)
        self._fields.addRow("Pixel size", self.pixel)
        what.setLayout(self._fields)
        how = QGroupBox("Embedding")
        fields = form()
        fields.addRow("Encoder", encoder)
        fields.addRow("View", self.view)
        fields.addRow("Tile", self.tile)
        fields.addRow("Overlap", self.overlap)
        how.setLayout(fields)
        for layout in (self._fields, fields):
            layout.setContentsMargins(8, 8, 8, 8)
        column(self, what, how, self.warning, self.start, self.result, self.failures).addStretch(1)
        self.failures.widths(grow=1)
        self.failures.hide()
        self.warning.hide()

    @property
    def path(self) -> str:
        """The chosen folder, '' for none."""
        return self._path

    def set_folder(self, path: str) -> None:
        """Choose a folder."""
        self._path = path
        self.folder.setText(Path(path).name or path or "none chosen")
        self.folder.setToolTip(path)
        self._enable()

    def show_state(self, ready: bool, warning: str) -> None:
        """Show whether a library is open, and what stands against an embedding."""
        self._ready = ready and not warning
        self.warning.setText(warning)
        self.warning.setVisible(bool(warning))
        self._enable()

    def show_done(self, words: str, failures: tuple[tuple[str, str], ...]) -> None:
        """Show what came of it."""
        self.result.setText(words)
        self.failures.fill(failures)
        self.failures.setVisible(bool(failures))
        self.failures.widths(grow=1)
        self.failures.rows_tall(1, 5)

    def _enable(self) -> None:
        self.start.setEnabled(self._ready and (bool(self._path) or not self.scope.folder))

    def _on_scope(self, _: int = 0) -> None:
        for field in (self._chosen, self.pixel):
            self._fields.setRowVisible(field, self.scope.folder)
        self._enable()

    def _on_browse(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "A folder of micrographs")
        if path:
            self.set_folder(path)
