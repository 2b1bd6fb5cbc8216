"""Scores of very many stored vectors under many criteria, in little memory.

For catalogues, maps and the choice of what to label next, where the score is
wanted and the p-values are not.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from napari_qualify.decide.judge import Judge
from napari_qualify.decide.linear import Linear, linear_scores
from napari_qualify.decide.nested import Space, standardise
from napari_qualify.decide.rules import Products
from napari_qualify.decide.settings import Setting

ROWS = 1024  # at a time and thread: the products with 200 references, 1 MB, stay in the cache
THREADS = 2

Rows = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class _Ready:
    """One judge's final model, made ready for float32 rows."""

    judge: Judge

    @cached_property
    def setting(self) -> Setting:
        return self.judge.settings[self.judge.choice.setting]

    @cached_property
    def linear(self) -> Linear | None:
        return self.judge.linear()

    @cached_property
    def space(self) -> Space | None:
        return standardise(self.judge.references.vectors) if self.setting.standardised else None

    @cached_property
    def order(self) -> NDArray[np.intp]:
        """The accepted references first, so that either side lies together."""
        return np.argsort(~self.judge.references.accepted, kind="stable")

    @cached_property
    def references(self) -> Rows:
        rows = self.judge.references.vectors[self.order]
        return (rows if self.space is None else self.space(rows)).astype(np.float32)

    @cached_property
    def among(self) -> NDArray[np.float64]:
        rows = self.references.astype(np.float64)
        return np.asarray(rows @ rows.T)

    def raw(self, rows: Rows) -> Rows:
        """Raw scores of unit rows (m, d), shape (m,)."""
        if self.space is not None:
            rows = rows - self.space.mean.astype(np.float32)
            rows /= self.space.divisor.astype(np.float32)
            rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.float32(1e-12))
        # The rules take float32 as they take float64: their error is that of float32.
        across: Any = rows @ self.references.T
        p = Products(
            self.among,
            across,
            np.einsum("ij,ij->i", rows, rows).astype(np.float64),
            rows.shape[1],
        )
        accepted = self.judge.references.accepted[self.order]
        return self.setting.score(p, accepted).astype(np.float32)


def rescore(vectors: NDArray[np.floating], judges: Sequence[Judge]) -> Rows:
    """Standardised visual scores of stored vectors under several judges.

    Parameters
    ----------
    vectors : ndarray of float, shape (m, d)
        Unit vectors, as libraries store them.
    judges : sequence of Judge
        ``case.judge`` of k criteria that share the encoder.

    Returns
    -------
    ndarray of float32, shape (m, k)
        ``z(v)``: compare with ``judge.choice.cut`` where images alone decide.

    Raises
    ------
    ValueError
        For a judge by nearest tiles, which needs the tiles of each micrograph.
    """
    if by_tiles := [i for i, judge in enumerate(judges) if judge.by_tiles]:
        raise ValueError(
            f"judge {by_tiles[0]} of {len(judges)} judges by nearest tiles: a micrograph's one "
            "vector does not give its score; leave it out and use `qualify`"
        )
    rows = np.asarray(vectors, dtype=np.float32)
    ready = [_Ready(judge) for judge in judges]
    linear = [i for i, one in enumerate(ready) if one.linear is not None]
    others = [i for i in range(len(ready)) if i not in linear]
    forms = [form for one in ready if (form := one.linear) is not None]
    found = np.empty((len(rows), len(ready)), dtype=np.float32)
    for i in others:  # computed once, before threads ask for them
        _ = ready[i].order, ready[i].references, ready[i].among

    def part(start: int) -> None:
        some = rows[start : start + ROWS]
        if forms:
            found[start : start + ROWS, linear] = linear_scores(some, forms)
        for i in others:
            found[start : start + ROWS, i] = ready[i].raw(some)

    # Pooling and products run side by side: one thread of the algebra library to each of ours.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(part, range(0, len(rows), ROWS)))
    for i, one in enumerate(ready):
        population = one.judge.choice.visual
        found[:, i] = population.z(found[:, i].astype(np.float64))
    return found
