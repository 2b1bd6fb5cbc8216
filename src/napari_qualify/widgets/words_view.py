"""A verdict in plain language, folded away until it is asked for."""

from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_qualify.decide.explain import explain
from napari_qualify.decide.verdict import Verdict
from napari_qualify.widgets.parts import button, row, text


class WordsView(QWidget):
    """The paragraph of ``explain``, shown when its button is down."""

    def __init__(self) -> None:
        super().__init__()
        self.toggle = button("In words", "Show why the verdict is what it is, in one paragraph")
        self.toggle.setCheckable(True)
        self.copy = button("Copy", "Copy the paragraph")
        self.words = text()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        line = row(self.toggle, self.copy)
        line.addStretch(1)
        layout.addLayout(line)
        layout.addWidget(self.words)
        self.toggle.toggled.connect(self._unfold)
        self.copy.clicked.connect(self._copy)
        self._unfold(False)

    def show_verdict(self, verdict: Verdict) -> None:
        """Put the verdict in words; it stays folded or unfolded as it was."""
        self.words.setText(str(explain(verdict)))
        self.show()

    def _unfold(self, on: bool) -> None:
        self.words.setVisible(on)
        self.copy.setVisible(on)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.words.text())
