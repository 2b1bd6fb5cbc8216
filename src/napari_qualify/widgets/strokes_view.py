"""The tab in which phases are learned from painted strokes."""

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QFileDialog, QGroupBox, QWidget

from napari_qualify.widgets.panel import column
from napari_qualify.widgets.parts import button, row, text
from napari_qualify.widgets.phase_list import PhaseList


class StrokesView(QWidget):
    """Phases to paint, and what to do with the strokes.

    Signals
    -------
    paint_requested
    live_changed : bool
        Whether to predict while the user paints.
    uncertainty_changed : bool
        Whether to show it.
    whole_requested
        Segment the whole image.
    save_requested : str
        Path of the model folder to write.
    """

    paint_requested = Signal()
    live_changed = Signal(bool)
    uncertainty_changed = Signal(bool)
    whole_requested = Signal()
    save_requested = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.phases = PhaseList()
        self.paint = button(
            "&Paint strokes", "Paint the chosen phase on the image, in a Labels layer of its own"
        )
        self.live = QCheckBox("&Live prediction")
        self.live.setChecked(True)
        self.live.setToolTip("Show the phases of what is in view after each stroke")
        self.uncertainty = QCheckBox("Show &uncertainty")
        self.uncertainty.setToolTip("Bright where two phases are nearly as likely: paint there")
        self.status = text(small=True)
        self.whole = button(
            "Segment &whole image", "Find the phases of all of the image in a new Labels layer"
        )
        self.save = button(
            "Sa&ve model…", "Write what was learned to a folder, to use it on other images"
        )
        phases = QGroupBox("Phases")
        column(phases, self.phases, self.paint).setContentsMargins(8, 8, 8, 8)
        column(
            self,
            phases,
            row(self.live, self.uncertainty),
            self.status,
            row(self.whole, self.save, stretch=0),
        ).addStretch(1)
        self.paint.clicked.connect(self.paint_requested)
        self.live.toggled.connect(self.live_changed)
        self.uncertainty.toggled.connect(self.uncertainty_changed)
        self.whole.clicked.connect(self.whole_requested)
        self.save.clicked.connect(self._on_save)
        self.say("")

    def say(self, words: str) -> None:
        """Show how the live prediction stands; '' shows what to do first."""
        self.status.setText(
            words
            or "Choose a phase, press 'Paint strokes' and draw a few lines over each of two or "
            "more phases. Ctrl+Z takes a stroke back."
        )

    def _on_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, "Save the model as a folder", "strokes-model", "Model folder (*)"
        )
        if path:
            self.save_requested.emit(str(Path(path)))
