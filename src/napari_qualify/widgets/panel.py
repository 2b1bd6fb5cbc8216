"""What the widgets have in common: a body, a progress row, one task at a time."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari.utils.notifications import show_error
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QLayout, QMessageBox, QSizePolicy, QVBoxLayout, QWidget

from napari_qualify.errors import QualifyError
from napari_qualify.widgets.parts import ProgressRow
from napari_qualify.widgets.viewer import Session, ViewerLink, session
from napari_qualify.widgets.workers import Runner


class Panel(QWidget):
    """Base of the docked widgets.

    Parameters
    ----------
    viewer : napari.viewer.Viewer

    Attributes
    ----------
    link : ViewerLink
        The way to the viewer.
    runner : Runner
        Runs the work; while it does, `body` is disabled.
    body : QWidget
        What a subclass fills.
    """

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self.link = ViewerLink(viewer, self)
        self.session: Session = session(viewer)
        self.runner = Runner(self)
        self.progress = ProgressRow()
        self.body = QWidget()
        # Otherwise napari adds a stretch below, and the body gets half the height.
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 6, 6, 6)
        column.addWidget(self.body, 1)
        column.addWidget(self.progress)
        self.runner.started.connect(self._on_started)
        self.runner.progressed.connect(self.progress.update_to)
        self.runner.finished.connect(self._on_finished)
        self.progress.cancel_requested.connect(self.runner.cancel)

    def run(self, title: str, call: Callable[..., Any], done: Callable[[Any], None]) -> None:
        """Run ``call(progress=...)`` in a worker, then ``done(result)`` here."""
        self.runner.run(title, call, done)

    def attempt(self, action: Callable[[], Any]) -> Any | None:
        """Do something quick now; an error of the core becomes a notification."""
        try:
            return action()
        except QualifyError as error:
            show_error(str(error))
            return None

    def confirm(self, words: str) -> bool:
        """Ask the user."""
        answer = QMessageBox.question(self, self.question_title, words)
        return answer == QMessageBox.StandardButton.Yes

    def set_busy(self, busy: bool) -> None:
        """Lock what must not be pressed while a task runs."""
        self.body.setEnabled(not busy)

    def stop_work(self) -> None:
        """Stop whatever runs: the dock has let go of the widget."""
        self.runner.cancel()

    def _on_started(self, title: str) -> None:
        self.set_busy(True)
        self.progress.start(title)

    def _on_finished(self, message: str) -> None:
        self.set_busy(False)
        self.progress.stop(message or self.progress_message, self.progress_link)
        self.progress_message, self.progress_link = "", None

    question_title = ""
    """Title of what `confirm` asks."""

    progress_message = ""
    """What `done` wants to be read when the task has ended."""

    progress_link: Path | None = None
    """A file that `done` offers to open."""

    def event(self, event: QEvent) -> bool:
        """Stop the work when the dock lets go of the widget."""
        # napari unparents the widget of a dock that is closed, and forgets it.
        gone = event.type() == QEvent.Type.ParentChange and self.parent() is None
        if gone and isinstance(getattr(self, "runner", None), QObject):
            self.stop_work()
        return super().event(event)


def column(body: QWidget, *parts: QWidget | QLayout, stretch: int | None = None) -> QVBoxLayout:
    """Fill a widget from top to bottom; `stretch` is the index of what grows."""
    layout = QVBoxLayout(body)
    layout.setContentsMargins(0, 0, 0, 0)
    for index, part in enumerate(parts):
        grow = 1 if index == stretch else 0
        if isinstance(part, QLayout):
            layout.addLayout(part, grow)
        else:
            layout.addWidget(part, grow)
    return layout
