"""The command `check`."""

from rich.text import Text

from napari_qualify import check
from napari_qualify.commands import console

STYLES = {"ok": "green", "note": "yellow", "fault": "bold red"}


def run_check(library: str | None) -> int:
    """Show every check as soon as it is known; 1 when there is a fault."""
    to = console.out()

    def show(one: check.Check) -> None:
        line = Text(f"{one.state:<6}", style=STYLES[one.state])
        line.append(f"{one.name}: {one.detail}", style="default")
        to.print(line)
        if one.remedy:
            to.print(Text(f"      -> {one.remedy}"))

    fault = check.run(show, library)
    if library is None:
        to.print(
            "The default encoder cannot be used: see the faults above."
            if fault
            else "Usable: the default encoder runs, offline."
        )
    return fault
