"""The command `fetch`: an encoder's model, once, with its size and progress."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from rich.filesize import decimal
from rich.progress import (
    BarColumn,
    DownloadColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import Progress as Bars

from napari_qualify.commands import console
from napari_qualify.commands.stopping import stoppable
from napari_qualify.embed.download import hub
from napari_qualify.embed.fetch import Plan, carry_out, plan
from napari_qualify.progress import Progress


def run_fetch(encoder: str) -> None:
    """Say how much there is to fetch and from where, then fetch it.

    Raises
    ------
    UsageError, EncoderError
        See `napari_qualify.embed.fetch.fetch`.
    """
    planned = plan(encoder)
    to = console.out()
    if not any(part.files for part in planned.parts):
        to.print(f"{encoder}: is here already")
    else:
        hosts = ", ".join(sorted(_hosts(planned)))
        to.print(f"{encoder}: {decimal(planned.size)} from {hosts}", markup=False)
        with _bar() as bar, stoppable(bar) as progress:
            carry_out(planned, progress)
    for folder in planned.folders:
        to.print(str(folder), markup=False)


def _hosts(planned: Plan) -> set[str]:
    files = [file for part in planned.parts for file in part.files]
    return {urlsplit(file.url).hostname or hub() for file in files}


@contextmanager
def _bar() -> Iterator[Progress]:
    """Show one bar of bytes, if a person watches the standard error."""
    to = console.err()
    bars = Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=to,
        transient=True,
        disable=not to.is_terminal,
    )
    task = bars.add_task("fetching", total=None)

    def report(stage: str, done: int, total: int) -> None:
        bars.update(task, description=stage, completed=done, total=total or None)

    with bars:
        yield report
