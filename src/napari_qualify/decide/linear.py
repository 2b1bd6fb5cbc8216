"""Many linear judges at once: one pass over the vectors for all of them.

A linear rule is a direction in the space of its standardising. The length of
a standardised vector, which the rule divides by, is a quadratic form, so that
k judges cost three products with (d, k) matrices and no copy of the vectors.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_qualify.decide.nested import Space
from napari_qualify.decide.rules import Floats

_TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Linear:
    """One linear judge: ``space(x).direction + offset``; without a space, ``x.direction``."""

    direction: Floats
    offset: float
    space: Space | None = None


def linear_scores(rows: NDArray[np.floating], judges: Sequence[Linear]) -> NDArray[np.floating]:
    """Scores of unit vectors (m, d) under k linear judges, shape (m, k), of the rows' dtype."""
    dtype = rows.dtype
    spaces = [judge.space for judge in judges]
    weights = np.stack(
        [j.direction if j.space is None else j.direction / j.space.divisor for j in judges], axis=1
    )
    found = rows @ weights.astype(dtype)
    lie = [i for i, space in enumerate(spaces) if space is not None]
    if lie:
        inverse = np.stack([1 / spaces[i].divisor ** 2 for i in lie], axis=1)  # type: ignore[union-attr]
        mean = np.stack([spaces[i].mean for i in lie], axis=1)  # type: ignore[union-attr]
        length = (rows * rows) @ inverse.astype(dtype)
        length -= rows @ (2 * mean * inverse).astype(dtype)
        length += (mean**2 * inverse).sum(axis=0).astype(dtype)
        np.sqrt(np.maximum(length, _TINY**2), out=length)
        found[:, lie] -= (mean * weights[:, lie]).sum(axis=0).astype(dtype)
        found[:, lie] /= length
    found += np.array([judge.offset for judge in judges], dtype=dtype)
    return np.asarray(found)
