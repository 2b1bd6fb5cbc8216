"""Choice of an encoder: those that are known, any other by its name, a folder, a fetch."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QFileDialog, QSizePolicy, QWidget

from napari_qualify.widgets.newest import Newest
from napari_qualify.widgets.panel import column
from napari_qualify.widgets.parts import button, row, text

EXAMPLE = "clip:ViT-B-16:laion2b_s34b_b88k"


class EncoderBox(QWidget):
    """Lists encoders with their state; its value is the specification chosen or typed.

    Parameters
    ----------
    rows : sequence
        Objects with `name`, `available`, `detail` and `remedy`.
    status : callable, optional
        Gives such an object for a specification with an argument.
    fetch : bool
        Whether its owner fetches models.

    Signals
    -------
    changed : str
        The specification.
    fetch_requested : str
        The specification whose model is to be fetched.
    """

    changed = Signal(str)
    fetch_requested = Signal(str)

    def __init__(
        self,
        rows: Sequence[Any],
        status: Callable[[str], Any] | None = None,
        *,
        fetch: bool = False,
    ) -> None:
        super().__init__()
        self.combo = QComboBox()
        self.combo.setEditable(True)
        self.combo.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.combo.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.combo.setToolTip(
            "The network that turns a view of a micrograph into a vector. Choose one, or type "
            f"its full name, for example {EXAMPLE}"
        )
        self.combo.setAccessibleName("Encoder")
        self.folder = button(
            "Use a &folder…", "A folder with a CLIP or FLAVA model: nothing is fetched"
        )
        self.fetch = button(
            "Fetc&h…", "Fetch the weights of this encoder from the network, once; it can be stopped"
        )
        self.fetch.setVisible(fetch)
        self.state = text(small=True)
        self.running = text(small=True)
        self.running.hide()
        column(self, self.combo, row(self.folder, self.fetch), self.state, self.running)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._status = status
        self._asking = Newest(self)
        self._rows: dict[str, Any] = {}
        self.combo.currentTextChanged.connect(self._on_text)
        self.folder.clicked.connect(self._on_folder)
        self.fetch.clicked.connect(lambda: self.fetch_requested.emit(self.value()))
        self.show_rows(rows)

    def show_rows(self, rows: Sequence[Any]) -> None:
        """Show encoders and their state, keeping the choice."""
        kept = self.value()
        self._rows = {one.name: one for one in rows}
        self.combo.blockSignals(True)
        self.combo.clear()
        for one in rows:
            self.combo.addItem(_label(one), one.name)
            self.combo.setItemData(self.combo.count() - 1, _state(one), Qt.ItemDataRole.ToolTipRole)
        self.combo.blockSignals(False)
        self.choose(kept or next((one.name for one in rows if one.available), ""))

    def value(self) -> str:
        """Specification of the chosen encoder, '' for none."""
        words = self.combo.currentText().strip()
        index = self.combo.findText(words, Qt.MatchFlag.MatchExactly)
        return str(self.combo.itemData(index)) if index >= 0 else words

    def choose(self, spec: str) -> None:
        """Choose an encoder, listed or not."""
        index = self.combo.findData(spec)
        if index >= 0:
            self.combo.setCurrentIndex(index)
        else:
            self.combo.setEditText(spec)
        self._on_text(self.combo.currentText())

    def show_running(self, spec: str, device: str, precision: str) -> None:
        """Show on what an encoder runs, once it has been loaded; '' for none."""
        self.running.setText(f"{spec} runs on {device} in {precision}." if spec else "")
        self.running.setVisible(bool(spec))

    def _on_text(self, _: str) -> None:
        spec = self.value()
        one = self._rows.get(spec)
        words = "" if spec else "Choose an encoder."
        if one is not None:
            words = _state(one)
        elif spec and self._status is not None:
            words, status = f"Looking for {spec} …", self._status
            # Looking may load a library that takes seconds.
            self._asking.request(
                lambda progress: (spec, status(spec)), lambda found: self._show_state(*found)
            )
        self.state.setText(words)
        self.changed.emit(spec)

    def _show_state(self, spec: str, one: Any) -> None:
        if self.value() == spec:
            self.state.setText(_state(one))

    def _on_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Folder of a CLIP or FLAVA model")
        if path:
            self.choose(folder_spec(path))


def folder_spec(path: str) -> str:
    """Specification of the model in a folder: FLAVA if its config.json says so, else CLIP."""
    try:
        kind = json.loads((Path(path) / "config.json").read_text(encoding="utf-8"))["model_type"]
    except (OSError, ValueError, KeyError, TypeError):
        kind = ""  # open_clip's folders have another file, or it is none of either
    return f"{'flava' if kind == 'flava' else 'clip'}:{path}"


def _label(one: Any) -> str:
    return one.name if one.available else f"{one.name} (not available yet)"


def _state(one: Any) -> str:
    if one.available:
        return str(one.detail)
    return f"Not available yet: {one.detail}; {one.remedy}".removesuffix("; ")
