"""Nearest tiles: a memory of the references' tiles, for small local defects.

A defect of one per cent of the field hardly moves the mean of a field's tiles.
Here every tile is compared with the tiles of accepted references, and the
strangest of a micrograph decides.

Source: PatchCore (Roth et al., CVPR 2022, arXiv 2106.08265) for the memory and
the nearest neighbour, AnomalyDINO (Damm et al., arXiv 2405.14529) for few
references. Ours are the space of comparison, the part of the rejected
references, and that everything is fitted again without each fold.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qualify.decide.nested import NestedScores, fold_of_groups
from napari_qualify.decide.rules import Floats, Mask
from napari_qualify.decide.tile_model import TileModel, fit_model, score
from napari_qualify.decide.tile_space import Rows, centred
from napari_qualify.errors import UsageError

LEAST_TILES = 9
"""Fewest tiles of a micrograph: each is compared with the median of its own."""


def check_tiles(tiles: Sequence[NDArray[Any]]) -> None:
    """Raise UsageError when a micrograph has fewer than `LEAST_TILES` tiles."""
    fewest = min((len(each) for each in tiles), default=LEAST_TILES)
    if fewest < LEAST_TILES:
        raise UsageError(
            f"the rule of nearest tiles needs {LEAST_TILES} tiles or more of every micrograph; one "
            f"has {fewest}. Give the criterion a smaller tile_um."
        )


@dataclass(frozen=True, eq=False)
class TileScores:
    """What a memory says of m judged micrographs.

    Attributes
    ----------
    scores : ndarray of float, shape (m,)
        Raw; higher is more acceptable.
    without : ndarray of float, shape (m, folds)
        The same under the model without each fold; NaN where there is none.
    strangeness : list of ndarray of float, shape (t_j,)
        Of the tiles of each, in deviations of the accepted references' tiles,
        each compared without its own group; 0 is usual, higher is stranger.
    limits : (float, float)
        Strangeness of a usual accepted tile, and of the strangest in a thousand.
    """

    scores: Floats
    without: Floats
    strangeness: list[Floats]
    limits: tuple[float, float]


@dataclass(frozen=True, eq=False)
class TileMemory:
    """The tiles of one criterion's references, and how they score others.

    Parameters
    ----------
    tiles : sequence of ndarray of float, shape (t_i, d)
        Unit vectors of the tiles of every reference.
    accepted : ndarray of bool, shape (n,)
        The accepted ones are of two groups or more; rejected ones may be missing.
    groups : sequence of str, length n
        Specimen of each reference.

    Raises
    ------
    ValueError
        If there are not as many tiles, verdicts and groups, or fewer than two
        accepted groups.
    UsageError
        If one has fewer than `LEAST_TILES` tiles.
    """

    tiles: Sequence[NDArray[Any]]
    accepted: Mask
    groups: Sequence[str]
    folds: NDArray[np.intp] = field(init=False)

    def __post_init__(self) -> None:
        if not len(self.tiles) == len(self.accepted) == len(self.groups):
            raise ValueError(
                f"{len(self.tiles)} references with tiles, {len(self.accepted)} verdicts, "
                f"{len(self.groups)} groups; there must be one of each"
            )
        folds = fold_of_groups(self.groups, self.accepted)
        if len(set(folds[self.accepted])) < 2:
            raise ValueError("nearest tiles need accepted references of two groups or more")
        check_tiles(self.tiles)
        object.__setattr__(self, "folds", folds)

    @cached_property
    def _rows(self) -> Rows:
        """All tiles of all references, centred, one after the other, shape (N, d)."""
        return np.concatenate([centred(tiles) for tiles in self.tiles])

    @cached_property
    def _whole(self) -> TileModel:
        """Model of all references."""
        return self._model(np.ones(len(self.tiles), dtype=bool))

    @cached_property
    def _without(self) -> tuple[TileModel | None, ...]:
        """Model without each fold; None where one accepted fold or none remains."""
        found = []
        for f in range(int(self.folds.max()) + 1):
            kept = self.folds != f
            enough = len(set(self.folds[kept & self.accepted])) > 1
            found.append(self._model(kept) if enough else None)
        return tuple(found)

    def _model(self, kept: Mask) -> TileModel:
        return fit_model(self._rows, self.counts, self.accepted, self.folds, kept)

    @property
    def counts(self) -> NDArray[np.intp]:
        """Tiles of every reference, shape (n,)."""
        return np.array([len(t) for t in self.tiles], dtype=np.intp)

    def judge(self, judged: Iterable[NDArray[Any]]) -> TileScores:
        """Scores of judged micrographs, read once each.

        Parameters
        ----------
        judged : iterable of ndarray of float, shape (t_j, d)
            Unit vectors of the tiles of each.

        Raises
        ------
        UsageError
            If one has fewer than `LEAST_TILES` tiles.
        """
        without: list[list[float]] = []
        strangeness: list[Floats] = []
        for tiles in judged:
            check_tiles([tiles])
            strangeness.append(self._whole.strangeness(tiles))
            without.append(
                [
                    np.nan if model is None else score(model.strangeness(tiles))
                    for model in self._without
                ]
            )
        return TileScores(
            np.array([score(each) for each in strangeness], dtype=float),
            np.array(without, dtype=float).reshape(-1, len(self._without)),
            strangeness,
            self.limits,
        )

    @cached_property
    def nested(self) -> NestedScores:
        """Scores of the references with their fold, and each pair of folds, left out.

        The model without fold f is fitted on the other references alone: outer
        scores come from a model that never saw them. Within it the inner ones
        leave a second fold out of the memory, while the space of comparison
        keeps it.
        """
        n, folds = len(self.tiles), len(self._without)
        outer, inner = np.full((1, n), np.nan), np.full((1, folds, n), np.nan)
        for f, model in enumerate(self._without):
            if model is None:
                continue
            own = np.flatnonzero(self.folds == f)
            outer[0, own] = model.scores([self.tiles[int(i)] for i in own])
            inner[0, f] = model.of_references
        return NestedScores(outer, inner)

    def leave_group_out(self) -> Floats:
        """Score of every reference under the model without its group's fold, shape (n,)."""
        return np.asarray(self.nested.outer[0])

    @property
    def limits(self) -> tuple[float, float]:
        """Colour range of maps: usual for an accepted tile, and as strange as the worst of them."""
        return self._whole.limits
