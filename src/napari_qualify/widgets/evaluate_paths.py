"""A file or folder to choose, in one line."""

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QLabel, QSizePolicy, QWidget

from napari_qualify.widgets.parts import button, row

OPEN, FOLDER, SAVE = "open", "folder", "save"


class PathRow(QWidget):
    """Shows the name of a path, with a button that asks for another.

    Parameters
    ----------
    kind : {'open', 'folder', 'save'}
        A file or folder that is there, or one to be made.
    title : str
        Of the dialog.
    name : str
        Proposed for one to be made.
    files : str
        Filter of the dialog.

    Signals
    -------
    changed
    """

    changed = Signal()

    def __init__(self, kind: str, title: str, name: str = "", files: str = "") -> None:
        super().__init__()
        self._kind, self._title, self._name, self._files = kind, title, name, files
        self.path = ""
        self.label = QLabel()
        self.label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.browse = button("Browse…", title)
        self.browse.clicked.connect(self._on_browse)
        line = row(self.label, self.browse, stretch=0)
        self.setLayout(line)
        self.choose("")

    def choose(self, path: str) -> None:
        """Show another path, '' for none."""
        self.path = path
        self.label.setText(Path(path).name or path or "none chosen")
        self.label.setToolTip(path)
        self.label.setEnabled(bool(path))
        self.changed.emit()

    def _on_browse(self) -> None:
        start = self.path
        if self._kind == FOLDER:
            path = QFileDialog.getExistingDirectory(self, self._title, start)
        elif self._kind == OPEN:
            path, _ = QFileDialog.getOpenFileName(self, self._title, start, self._files)
        else:
            path, _ = QFileDialog.getSaveFileName(
                self, self._title, start or self._name, self._files
            )
        if path:
            self.choose(path)
