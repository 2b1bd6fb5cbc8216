"""What the modules of the command line share: arguments, and how errors become exit codes."""

from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

import typer

from napari_qualify.errors import Cancelled, MicrographError, QualifyError

Paths = Annotated[
    list[str], typer.Argument(metavar="PATH", help="Files, folders or quoted patterns.")
]
LibraryPath = Annotated[
    str, typer.Argument(metavar="LIB", help="Library; .qualify.zarr is added when missing.")
]
PixelSize = Annotated[
    float | None,
    typer.Option(metavar="UM", help="Micrometres per pixel; overrides what the files say."),
]


def reported(command: Callable[..., int | None]) -> Callable[..., None]:
    """Turn what a command returns or raises into an exit code with one clear message."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            code = command(*args, **kwargs) or 0
        except (KeyboardInterrupt, Cancelled):
            _fail("stopped; what was finished before is kept", 130)
        except MicrographError as error:
            _fail(str(error), 1)
        except QualifyError as error:
            _fail(str(error), 2)
        except OSError as error:  # a full disk, a folder that may not be written
            where = f"{error.filename}: " if error.filename else ""
            _fail(f"{where}{error.strerror or error}", 2)
        else:
            raise typer.Exit(code)

    return run


def _fail(message: str, code: int) -> None:
    typer.echo(f"Error: {message}", err=True)
    raise typer.Exit(code)
