"""Micrographs on disk and a library beside them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_qualify.library.store import Library, open_library

Writer = Callable[[Path, int], Path]


def write(path: Path, seed: int, side: int = 32) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (side, side + 8), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture(scope="session")
def write_png() -> Writer:
    """Writes a picture of random grey that the seed decides."""
    return write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a.png, b.png, c.png and sub/a.png, all different."""
    folder = tmp_path / "lot"
    for seed, name in enumerate(("a.png", "b.png", "c.png", "sub/a.png")):
        write(folder / name, seed)
    return folder


@pytest.fixture
def library(folder: Path) -> Library:
    """A library in that folder with the criterion 'porosity'."""
    library = open_library(folder / "ni-wc", create=True)
    library.add_criterion("porosity", accept="dense", reject=["porous", "holes"])
    return library
