"""Run work in a thread, with progress and cancel, one task at a time.

The work is a function of the core that takes ``progress``. It sees neither the
widget nor the viewer: its progress goes through a signal of a relay object
that nobody else owns, so that closing the window in the middle is safe.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

from napari.qt.threading import FunctionWorker, create_worker
from napari.utils.notifications import notification_manager, show_error, show_info
from qtpy.QtCore import QObject, QTimer, Signal

from napari_qualify.errors import Cancelled, QualifyError

PATIENCE = 1.5
"""Seconds that a cancelled task has to stop before nobody waits for it."""

PROGRESS_EVERY = 0.05
"""Least seconds between two progress signals; every call looks for a cancel."""


class _Relay(QObject):
    """Carries progress from the worker's thread; lives as long as the task."""

    progressed = Signal(str, int, int)


class Task:
    """A call of the core, with its cancel flag.

    napari keeps every function that a worker ever ran; this one lets go of its
    arguments (images, a library) when it has run.

    Parameters
    ----------
    title : str
        What is done, for the progress bar and napari's closing dialog.
    call : callable
        Called as ``call(progress=...)`` in the worker's thread.
    """

    def __init__(self, title: str, call: Callable[..., Any]) -> None:
        self.title = title
        self.relay = _Relay()
        self.stop = threading.Event()
        self._call: Callable[..., Any] | None = call
        self._last = ("", 0.0)

    def __str__(self) -> str:
        return self.title

    def __call__(self) -> Any:
        """Run the work; in the worker's thread."""
        call, self._call = self._call, None
        assert call is not None
        self._check()
        return call(progress=self._progress)

    def _check(self) -> None:
        if self.stop.is_set():
            raise Cancelled(f"{self.title}: stopped on request.")

    def _progress(self, stage: str, done: int, total: int) -> None:
        self._check()
        last_stage, when = self._last
        now = time.monotonic()
        if stage != last_stage or done >= total or now - when > PROGRESS_EVERY:
            self._last = (stage, now)
            self.relay.progressed.emit(stage, int(done), int(total))


class Worker(FunctionWorker):
    """A worker whose ``quit``, napari's own way to stop it, stops the task."""

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self._stop = task.stop

    def quit(self) -> None:
        """Ask the task to stop."""
        super().quit()
        self._stop.set()


class Runner(QObject):
    """Runs the tasks of one widget in napari's workers.

    Signals
    -------
    started : str
        Title of the task.
    progressed : str, int, int
        Stage, done, total.
    finished : str
        What to show when the task has ended: '' or why it did not complete.
    """

    started = Signal(str)
    progressed = Signal(str, int, int)
    finished = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._task: Task | None = None
        self._done: Callable[[Any], None] | None = None
        self._outcome = ""
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(int(1000 * PATIENCE))
        self._patience.timeout.connect(self._let_go)
        self._worker: Any = None

    @property
    def busy(self) -> bool:
        """Whether a task is running."""
        return self._task is not None

    def run(self, title: str, call: Callable[..., Any], done: Callable[[Any], None]) -> None:
        """Start a task.

        Parameters
        ----------
        title : str
            What is done, in words.
        call : callable
            Called as ``call(progress=...)`` in another thread.
        done : callable
            Called with the result, on the main thread, only on success.
        """
        if self._task is not None:
            raise RuntimeError(f"{self._task.title!r} is still running")
        task = Task(title, call)
        # The work ends with the widget; the flag knows nothing of either.
        self.destroyed.connect(task.stop.set)
        task.relay.progressed.connect(self.progressed)
        # Errors are shown here: napari would raise a second notification.
        worker = create_worker(task, _worker_class=Worker, _ignore_errors=True)
        worker.returned.connect(self._on_returned)
        worker.errored.connect(self._on_errored)
        worker.finished.connect(self._on_finished)
        self._task, self._done, self._outcome, self._worker = task, done, "", worker
        self.started.emit(title)
        worker.start()

    def cancel(self) -> None:
        """Ask the task to stop; it does at its next progress call.

        Loading torch cannot be interrupted: what has not stopped after
        `PATIENCE` is let go, to end by itself at its next progress call, and
        its result is dropped.
        """
        if self._task is not None:
            self._task.stop.set()
            self._patience.start()

    def _on_returned(self, result: Any) -> None:
        if self._done is not None:
            self._done(result)

    def _on_errored(self, error: Exception) -> None:
        if isinstance(error, Cancelled):
            self._outcome = "Stopped."
            show_info(str(error))
        elif isinstance(error, QualifyError):
            self._outcome = "Not done: see the message."
            show_error(str(error))
        else:
            self._outcome = "Not done: an unexpected error."
            notification_manager.receive_error(type(error), error, error.__traceback__)

    def _let_go(self) -> None:
        task, worker = self._task, self._worker
        if task is None:
            return
        worker.returned.disconnect(self._on_returned)
        worker.errored.disconnect(self._on_errored)
        worker.finished.disconnect(self._on_finished)
        task.relay.progressed.disconnect(self.progressed)
        self._outcome = "Stopped."
        self._on_finished()

    def _on_finished(self) -> None:
        self._patience.stop()
        self._task = self._done = self._worker = None
        self.finished.emit(self._outcome)
