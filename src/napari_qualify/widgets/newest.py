"""Runs only the newest of many requests: for what follows the user's hand."""

from collections.abc import Callable
from typing import Any

from napari.qt.threading import create_worker
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QObject, Signal

from napari_qualify.errors import Cancelled, QualifyError
from napari_qualify.widgets.workers import Task, Worker

Request = tuple[Callable[..., Any], Callable[[Any], None]]


class _Flag:
    """Stops the task that runs; knows nothing of who asked for it."""

    def __init__(self) -> None:
        self.task: Task | None = None

    def stop(self) -> None:
        """Ask it to stop."""
        if self.task is not None:
            self.task.stop.set()


class Newest(QObject):
    """One worker at a time; a new request stops the old one and takes its place.

    Signals
    -------
    settled : str
        Nothing runs and nothing waits: '' or why the last request failed.
    """

    settled = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._task: Task | None = None
        self._worker: Any = None
        self._done: Callable[[Any], None] | None = None
        self._next: Request | None = None
        self._error = ""
        # The work ends with the widget; one connection for all requests.
        flag = self._flag = _Flag()
        # A bound method: PyQt lets go of a lambda while `destroyed` still runs it.
        self.destroyed.connect(flag.stop)

    @property
    def busy(self) -> bool:
        """Whether anything runs or waits."""
        return self._task is not None

    def request(self, call: Callable[..., Any], done: Callable[[Any], None]) -> None:
        """Run ``call(progress=...)`` in a worker as soon as the old one has stopped.

        Parameters
        ----------
        call : callable
        done : callable
            Called with the result on the main thread, unless a newer request
            came meanwhile.
        """
        self._next = (call, done)
        if self._task is None:
            self._start()
        else:
            self._task.stop.set()

    def cancel(self) -> None:
        """Stop, and drop what waits; the result of what runs is dropped too."""
        self._next = self._done = None
        if self._task is not None:
            self._task.stop.set()

    def _start(self) -> None:
        assert self._next is not None
        (call, done), self._next = self._next, None
        flag = self._flag

        def held(**keywords: Any) -> Any:
            assert flag is not None  # Qt holds bound methods weakly: the work keeps the flag
            return call(**keywords)

        task = Task("Live prediction", held)
        flag.task = task
        worker = create_worker(task, _worker_class=Worker, _ignore_errors=True)
        worker.returned.connect(self._on_returned)
        worker.errored.connect(self._on_errored)
        worker.finished.connect(self._on_finished)
        self._task, self._done, self._worker, self._error = task, done, worker, ""
        worker.start()

    def _on_returned(self, result: Any) -> None:
        if self._done is not None and self._next is None:
            self._done(result)

    def _on_errored(self, error: Exception) -> None:
        if isinstance(error, Cancelled):
            return
        if isinstance(error, QualifyError):
            self._error = str(error)  # a line beside the strokes, not a message each
        else:
            notification_manager.receive_error(type(error), error, error.__traceback__)

    def _on_finished(self) -> None:
        self._task = self._worker = self._done = self._flag.task = None
        if self._next is not None:
            self._start()
        else:
            self.settled.emit(self._error)
