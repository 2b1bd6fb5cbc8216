"""Vectors of qe_microstructure by `lite`, which several benchmarks share."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

import napari_qualify as nq

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "qe_microstructure"
SOUND = "Uniform"


class Vectors(NamedTuple):
    """Visual vectors (n, d), the kind of each micrograph, and whether it is accepted."""

    vectors: np.ndarray
    kinds: np.ndarray
    accepted: np.ndarray


def qe_vectors(data: Path, cache: Path | None = None) -> Vectors:
    """Embed the micrographs, or take the vectors from a file of an earlier run.

    Parameters
    ----------
    data : Path
        Folders of PNG named by kind and severity: Uniform, Band_high, ...
    cache : Path, optional
        ``.npz`` that is read when it is there and written when not.
    """
    paths = sorted(data.glob("*/*.png"))
    if not paths:
        raise SystemExit(
            f"no micrographs in {data}: name the folder of qe_microstructure with --data"
        )
    names = [path.relative_to(data).as_posix() for path in paths]
    if cache is not None and cache.exists():
        with np.load(cache) as held:
            if list(held["names"]) != names:
                raise SystemExit(f"{cache} is of other micrographs; remove it")
            vectors = held["vectors"]
    else:
        vectors = nq.embed(paths, "lite")
        if cache is not None:
            np.savez(cache, names=names, vectors=vectors)
    kinds = np.array([path.parent.name for path in paths])
    return Vectors(vectors, kinds, kinds == SOUND)
