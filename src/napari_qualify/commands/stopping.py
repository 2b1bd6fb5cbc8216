"""Ctrl-C as a request that a task meets at its next step."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from napari_qualify.errors import Cancelled
from napari_qualify.progress import Progress


@contextmanager
def stoppable(progress: Progress, *, at_once: bool = False) -> Iterator[Progress]:
    """Let Ctrl-C raise Cancelled from the progress callback; a second one stops at once.

    A KeyboardInterrupt may fall between any two instructions and leave a
    network half changed; this does not.

    Parameters
    ----------
    progress : callable
        Called as before.
    at_once : bool
        Raise KeyboardInterrupt where the program is, as Python does. Raised within
        a callback or a finaliser it is lost there: the progress callback then
        raises Cancelled all the same.

    Yields
    ------
    callable
        To use in place of `progress`.
    """
    asked = threading.Event()

    def ask(number: int, frame: Any) -> None:
        again = asked.is_set()
        asked.set()
        if again or at_once:
            raise KeyboardInterrupt

    def report(stage: str, done: int, total: int) -> None:
        if asked.is_set():
            raise Cancelled("stopped")
        progress(stage, done, total)

    if threading.current_thread() is not threading.main_thread():
        yield report  # handlers belong to the main thread
        return
    before = signal.signal(signal.SIGINT, ask)
    try:
        yield report
    finally:
        signal.signal(signal.SIGINT, before)
