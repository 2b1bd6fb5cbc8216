"""What one set of references teaches about tiles: what is usual, and what defects look like."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qualify.decide.rules import Floats, Mask
from napari_qualify.decide.tile_space import (
    Rows,
    TileSpace,
    aloneness,
    centred,
    nearest,
    tile_space,
)

MOST = 20_000
"""Most tiles of accepted references in the memory; above it every k-th is kept."""
NEIGHBOURS = 3
RARE = 0.99
"""A tile of a rejected reference shows the defect when it is stranger than this share of sound
tiles; the strangest of each reference always does."""
LIMITS = (0.5, 0.999)
"""Quantiles of the accepted references' tiles at the ends of a map's colour range."""
_TINY = 1e-9

Folds = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Scale:
    """Centre and spread of the accepted references' tiles."""

    centre: float
    spread: float

    def __call__(self, values: Floats) -> Floats:
        """Values in spreads from the centre."""
        return np.asarray((values - self.centre) / self.spread)


def _scale(values: Floats) -> Scale:
    return Scale(float(values.mean()), max(float(values.std()), _TINY))


@dataclass(frozen=True, eq=False)
class TileModel:
    """A memory of accepted tiles, with the direction in which defects lie.

    Attributes
    ----------
    space : TileSpace
    memory : ndarray of float32, shape (k, r)
        Tiles of accepted references in the space.
    novelty : Scale
        Of the distance of accepted tiles to the nearest ones of other folds, with
        their `aloneness` in their own micrograph.
    defect : ndarray of float32, shape (r,), or None
        Mean of what rejected references show that accepted ones do not; None without any.
    likeness : Scale
        Of the accepted tiles along `defect`.
    limits : (float, float)
        Colour range of maps.
    of_references : ndarray of float, shape (n,)
        Score of each reference without its own fold; NaN for one that is left out.
    """

    space: TileSpace
    memory: Rows
    novelty: Scale
    defect: Rows | None
    likeness: Scale
    limits: tuple[float, float]
    of_references: Floats

    def strangeness(self, tiles: NDArray[Any]) -> Floats:
        """Strangeness of one micrograph's tiles (t, d), shape (t,); higher is stranger."""
        rows = self.space(centred(tiles))
        novel = self.novelty(nearest(rows, self.memory, NEIGHBOURS) + aloneness(rows))
        if self.defect is None:
            return novel
        return _joined(novel, self.likeness((rows @ self.defect).astype(float)))

    def scores(self, judged: Sequence[NDArray[Any]]) -> Floats:
        """Scores of micrographs from their tiles, (t, d) each; higher is more acceptable."""
        return np.array([score(self.strangeness(tiles)) for tiles in judged])


def score(strangeness: Floats) -> float:
    """Score of a micrograph from the strangeness (t,) of its tiles: minus that of the highest."""
    return -float(strangeness.max())


def _joined(novel: Floats, like: Floats) -> Floats:
    """Novelty and likeness to defects as one strangeness."""
    return np.asarray((novel + like) / np.sqrt(2))


def fit_model(
    rows: Rows, counts: NDArray[np.intp], accepted: Mask, folds: Folds, kept: Mask
) -> TileModel:
    """Fit on the references that `kept` names.

    Parameters
    ----------
    rows : ndarray of float32, shape (N, d)
        Tiles of all references, `centred`, one reference after the other.
    counts : ndarray of int, shape (n,)
        Tiles of each reference.
    accepted, kept : ndarray of bool, shape (n,)
    folds : ndarray of int, shape (n,)
        The kept accepted references are of two folds or more.
    """
    owner = np.repeat(np.arange(len(counts)), counts)
    sound, used = (accepted & kept)[owner], kept[owner]
    space = tile_space(rows[sound])
    own, fold = space(rows[used]), folds[owner[used]]
    in_memory = np.flatnonzero(sound[used])
    in_memory = in_memory[:: -(-len(in_memory) // MOST)]
    memory = own[in_memory]
    ends = np.cumsum(counts[kept])[:-1]
    far = nearest(own, memory, NEIGHBOURS, fold, fold[in_memory])
    far += np.concatenate([aloneness(tiles) for tiles in np.split(own, ends)])
    is_sound = sound[used]
    novelty = _scale(far[is_sound])
    strange = novelty(far)
    likeness, defect = Scale(0.0, 1.0), None
    if not is_sound.all():
        shown = _defects(own, strange, owner[used], is_sound)
        like, defect = _leaning(own, fold, shown, folds)
        likeness = _scale(like[is_sound])
        strange = _joined(strange, likeness(like))
    low, high = (float(q) for q in np.quantile(strange[is_sound], LIMITS))
    of_references = np.full(len(counts), np.nan)
    for i in np.flatnonzero(kept):
        of_references[i] = score(strange[owner[used] == i])
    return TileModel(space, memory, novelty, defect, likeness, (low, high), of_references)


def _defects(own: Rows, strange: Floats, owner: NDArray[np.intp], sound: Mask) -> dict[int, Rows]:
    """Mean of the tiles that show the defect, of every rejected reference.

    Only a few tiles of a rejected micrograph do; the others are as sound as
    any (multiple-instance learning).
    """
    rare = float(np.quantile(strange[sound], RARE))
    found = {}
    for reference in np.unique(owner[~sound]):
        mine = np.flatnonzero(owner == reference)
        shows = mine[strange[mine] > rare]
        if not len(shows):
            shows = mine[[int(np.argmax(strange[mine]))]]
        found[int(reference)] = own[shows].mean(axis=0)
    return found


def _leaning(own: Rows, fold: Folds, shown: dict[int, Rows], folds: Folds) -> tuple[Floats, Rows]:
    """Place of every tile along the mean of the defects of other folds, and that of all."""
    means = np.stack(list(shown.values()))
    of = folds[list(shown)]
    total = _unit(means.mean(axis=0))
    like = (own @ total).astype(float)
    for f in np.unique(of):
        rest = means[of != f]
        mine = fold == f
        like[mine] = own[mine] @ _unit(rest.mean(axis=0)) if len(rest) else 0.0
    return like, total


def _unit(vector: Rows) -> Rows:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), _TINY), dtype=np.float32)
