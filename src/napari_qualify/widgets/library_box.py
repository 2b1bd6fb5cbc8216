"""View that chooses or creates a library; it opens nothing itself."""

from pathlib import Path

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QLabel,
    QMenu,
    QVBoxLayout,
    QWidget,
)

from napari_qualify.widgets.encoder_box import EncoderBox
from napari_qualify.widgets.library_tasks import LibraryView
from napari_qualify.widgets.parts import button, form, row, text
from napari_qualify.widgets.recent import recent

SUFFIX = ".qualify.zarr"


class NewLibraryDialog(QDialog):
    """Asks for the encoder of a library that is to be made."""

    def __init__(self, path: str, encoders: EncoderBox, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("New library")
        self.encoders = encoders
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        fields = form()
        fields.addRow("Library", QLabel(Path(path).name))
        fields.addRow("Encoder", encoders)
        layout = QVBoxLayout(self)
        layout.addLayout(fields)
        layout.addWidget(text("A library keeps one encoder: its vectors compare with no other's."))
        layout.addWidget(buttons)
        self.setMinimumWidth(360)


class LibraryBox(QWidget):
    """Shows the open library; asks for another.

    Signals
    -------
    open_requested : str
        Path of a library.
    create_requested : str, str
        Path and encoder.
    lot_requested : str, str
        Path and encoder of a library of the rendered lot.
    """

    open_requested = Signal(str)
    create_requested = Signal(str, str)
    lot_requested = Signal(str, str)

    def __init__(self) -> None:
        super().__init__()
        self.name = QLabel()
        self.name.setTextFormat(Qt.TextFormat.PlainText)
        self.info = text(small=True)
        self.open = button("&Open…", "Open a library: a folder that ends in .qualify.zarr")
        self.new = button("&New…", "Make an empty library beside your micrographs")
        self.more = button("&Recent", "Libraries opened before, and the rendered example")
        self.menu = QMenu(self.more)
        self.more.setMenu(self.menu)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row(self.name, self.open, self.new, self.more, stretch=0))
        layout.addWidget(self.info)
        self.open.clicked.connect(self._on_open)
        self.new.clicked.connect(lambda: self._on_new(lot=False))
        self.menu.aboutToShow.connect(self._fill_menu)
        self.show_library(None)

    def show_library(self, library: LibraryView | None) -> None:
        """Show what is open."""
        if library is None:
            self.name.setText("No library is open")
            self.info.setText(
                "Open one, make a new one beside your micrographs, or try the rendered Ni-WC lot "
                "in the list of recent ones."
            )
            return
        name = Path(library.path).name
        self.name.setText(name.removesuffix(SUFFIX))
        self.name.setToolTip(library.path)
        counts = (_count(len(library.criteria), "criterion", "criteria"),
                  _count(library.references, "reference", "references"))  # fmt: skip
        self.info.setText(f"Encoder {library.encoder} · {counts[0]} · {counts[1]}")

    def _fill_menu(self) -> None:
        self.menu.clear()
        self.menu.setToolTipsVisible(True)
        for path in recent():
            action = self.menu.addAction(Path(path).name.removesuffix(SUFFIX))
            action.setToolTip(path)
            action.triggered.connect(lambda _=False, p=path: self.open_requested.emit(p))
        self.menu.addSeparator()
        lot = self.menu.addAction("New from the rendered Ni-WC lot…")
        lot.setToolTip("An example: three criteria with 20 rendered references")
        lot.triggered.connect(lambda: self._on_new(lot=True))

    def _on_open(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Open a library (a folder *.qualify.zarr)")
        if path:
            self.open_requested.emit(path)

    def _on_new(self, *, lot: bool) -> None:
        start = "ni-wc" + SUFFIX if lot else "library" + SUFFIX
        path, _ = QFileDialog.getSaveFileName(self, "New library", start, f"Library (*{SUFFIX})")
        if not path:
            return
        from napari_qualify.embed.registry import encoder_status

        dialog = NewLibraryDialog(path, EncoderBox(encoder_status()), self)
        if dialog.exec():
            signal = self.lot_requested if lot else self.create_requested
            signal.emit(path, dialog.encoders.value())


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
