"""Results go to the standard output, progress and failures to the standard error."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from napari_qualify.commands.stopping import stoppable
from napari_qualify.files import Failure
from napari_qualify.progress import Progress

SHOWN = 10
"""Failures that are shown; all are in failures.csv."""

# Stages inside others: their bars would only flicker.
_INNER = frozenset({"encoding", "judging"})

STYLES = {"accept": "blue", "review": "yellow", "reject": "red"}


def out() -> Console:
    """Give the console for results."""
    return Console(highlight=False, soft_wrap=True)


def err() -> Console:
    """Give the console for progress and failures."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


@contextmanager
def progress_bars() -> Iterator[Progress]:
    """Show a bar per stage while the block runs, if a person watches the standard error.

    Ctrl-C stops at once, and at the next step where Python lost it.

    Yields
    ------
    callable
        As `napari_qualify.progress` describes.
    """
    console = err()
    bars = Bars(
        TextColumn("{task.description:<16}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    tasks = {}

    def report(stage: str, done: int, total: int) -> None:
        if stage in _INNER:
            return
        if stage not in tasks:
            tasks[stage] = bars.add_task(stage, total=total or None)
        bars.update(tasks[stage], completed=done, total=total or None)

    with bars, stoppable(report, at_once=True) as watched:
        yield watched


def show_failures(failures: Sequence[Failure], where: str = "") -> None:
    """Say which files failed, on the standard error.

    Parameters
    ----------
    failures : sequence of Failure
    where : str
        Where all of them are listed.
    """
    if not failures:
        return
    console = err()
    files = "1 file" if len(failures) == 1 else f"{len(failures)} files"
    console.print(Text(f"{files} could not be used:", style="bold"))
    for failure in failures[:SHOWN]:
        console.print(Text(f"  {failure.error}"))
    if len(failures) > SHOWN:
        rest = f"  and {len(failures) - SHOWN} more"
        console.print(Text(rest + (f", see {where}" if where else "")))


def table(*columns: str, numbers: Sequence[str] = ()) -> Table:
    """Give an empty table; the columns of `numbers` are aligned to the right."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, justify="right" if column in numbers else "left")
    return made


def word(verdict: str, mark: str = "") -> Text:
    """Give a verdict in its colour; the word says the same."""
    return Text(verdict + mark, style=STYLES.get(verdict, ""))


def plain(words: str) -> Text:
    """Give words as they are: brackets in them are no markup."""
    return Text(words)
