"""How long tasks report progress and learn that they should stop."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called as ``progress(stage, done, total)``, often, from the working thread.

To stop the task, raise :class:`napari_qualify.errors.Cancelled` from it: the
task leaves files and libraries whole and lets the exception pass.
"""


def silent(stage: str, done: int, total: int) -> None:
    """Report nothing."""
