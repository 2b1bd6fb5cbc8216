"""What the tests of the command line share."""

import csv

import numpy as np
import tifffile
from typer.testing import CliRunner

from napari_qualify.cli import app


def texture(seed, grain, side=48):
    """Square grains of `grain` pixels."""
    rng = np.random.default_rng(seed)
    small = rng.integers(40, 216, (side // grain + 1,) * 2, dtype=np.uint8)
    return np.kron(small, np.ones((grain, grain), np.uint8))[:side, :side]


def write(path, seed, grain=2):
    """Write a texture as TIFF."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, texture(seed, grain))
    return path


def run(*arguments, code=0):
    """Run a command as a shell does; what it printed. Its exit code is `code`."""
    done = CliRunner().invoke(app, [str(a) for a in arguments])
    shown = done.output + (done.stderr or "")
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, shown
    assert "Traceback" not in shown
    return shown


def rows(path):
    """Rows of a CSV, as dictionaries of texts."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
