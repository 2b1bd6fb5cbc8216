"""Refitting a bridge with the descriptions of a library's references.

Ridge regression towards the base: of all weights that explain the descriptions
those that change the base least,

    min  sum_i w_i |z_i W + b - y_i|^2 + penalty |W - share W_0|^2 ,

with w_i one over the number of micrographs of i's specimen, so that a specimen with
many fields does not count more. It is solved in its dual form, since references are
few. Penalty and share are those whose scores of micrographs, when their specimen
was left out, agree best with those of their descriptions, over the terms of the trade.
What leaving out gives follows in closed form from the same inverse (as for Gaussian
processes: Rasmussen and Williams 2006, section 5.4.2, by blocks).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qualify.embed.base import unit_rows
from napari_qualify.embed.bridge import Bridge, Floats, bridge_of, standardisation
from napari_qualify.errors import UsageError

LEAST_GROUPS = 8
PENALTIES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
SHARES = (0.0, 0.25, 0.5, 1.0)
_FREE = 100.0  # variance of the offset over that of the weights: as good as not penalised


@dataclass(frozen=True)
class Refit:
    """What a refit gave.

    Attributes
    ----------
    bridge : Bridge
    groups, references : int
        Specimens and micrographs with a description.
    agreement : float
        Mean over the terms of the correlation between the scores of micrographs
        that were left out with their specimen, and those of their descriptions.
    matching : float
        How well micrographs of a specimen that was left out are told by its
        description from the others: mean area under the ROC curve, 0.5 is chance.
    matching_base : float
        The same with the base alone.
    """

    bridge: Bridge
    groups: int
    references: int
    agreement: float
    matching: float
    matching_base: float


def check_groups(groups: Sequence[str]) -> None:
    """Raise UsageError for fewer than 8 specimens."""
    count = len(set(groups))
    if count < LEAST_GROUPS:
        raise UsageError(
            f"{count} specimens have a description; a refit of the bridge needs at least "
            f"{LEAST_GROUPS}. Describe more references, or keep the base bridge."
        )


def refit(
    base: Bridge,
    visual: NDArray[Any],
    texts: NDArray[Any],
    groups: Sequence[str],
    blocks: Sequence[int],
    terms: NDArray[Any],
) -> Refit:
    """Refit a bridge.

    Parameters
    ----------
    base : Bridge
    visual : ndarray, shape (n, d)
        Of the references that have a description.
    texts : ndarray, shape (n, t)
        Text vectors of their descriptions.
    groups : sequence of str
        Specimen of each.
    blocks : sequence of int
        See `bridge.standardisation`.
    terms : ndarray, shape (k, t)
        Text vectors of what may be asked for.

    Raises
    ------
    UsageError
        For fewer than 8 specimens.
    """
    check_groups(groups)
    names, group = np.unique(np.asarray(groups), return_inverse=True)
    x: Floats = np.asarray(visual, np.float64)
    y: Floats = np.asarray(texts, np.float64)
    mean, scale = standardisation(x, blocks)
    z = (x - mean) / scale
    prior: Floats = np.asarray(base.weights, np.float64) * (scale / base.scale)[:, None]
    kernel = z @ z.T
    kernel /= np.trace(kernel) / len(kernel)
    size = np.trace(z @ z.T) / len(z)
    known: Floats = z @ prior
    often = np.bincount(group)[group].astype(float)
    noise = often / often.mean()
    best: tuple[float, float, float, float] | None = None
    for penalty in sorted(PENALTIES, reverse=True):
        ridge = kernel + _FREE + penalty * np.diag(noise)
        inverse = np.linalg.inv(ridge).astype(np.float64)
        for share in sorted(SHARES, reverse=True):
            left_out = y - _left_out(inverse, y - share * known, group)
            found = agreement(left_out, y, terms, 1 / often)
            if best is None or found > best[0] + 1e-9:  # a tie goes to the nearer to the base
                best = (found, penalty, share, matching(left_out, y, group))
    assert best is not None
    quality, penalty, share, told = best
    dual = np.linalg.solve(kernel + _FREE + penalty * np.diag(noise), y - share * known)
    weights = share * prior + z.T @ dual / size
    record = {
        "name": "refitted",
        "base_sha256": base.sha256,
        "groups": len(names),
        "references": len(x),
        "penalty": penalty,
        "share_of_base": share,
        "agreement": round(quality, 4),
        "matching": round(told, 4),
    }
    bridge = bridge_of(mean, scale, weights, _FREE * dual.sum(axis=0), record)
    of_base = matching(np.asarray(base.apply(x), np.float64), y, group)
    return Refit(bridge, len(names), len(x), quality, told, of_base)


def _left_out(inverse: Floats, target: Floats, group: NDArray[np.intp]) -> Floats:
    """Target minus its prediction by the other groups, for every row."""
    dual = inverse @ target
    residual = np.empty_like(target)
    for g in range(int(group.max()) + 1):
        rows = np.flatnonzero(group == g)
        residual[rows] = np.linalg.solve(inverse[np.ix_(rows, rows)], dual[rows])
    return residual


def agreement(predicted: Floats, texts: Floats, terms: NDArray[Any], weights: Floats) -> float:
    """Mean correlation of scores on terms, of micrographs and of their descriptions.

    Parameters
    ----------
    predicted, texts : ndarray, shape (n, t)
        Micrographs in the text space, and their descriptions.
    terms : ndarray, shape (k, t)
    weights : ndarray, shape (n,)
    """
    share = weights / weights.sum()
    a, b = unit_rows(predicted) @ terms.T, unit_rows(texts) @ terms.T
    a, b = a - share @ a, b - share @ b
    spread = np.sqrt((share @ a**2) * (share @ b**2))
    return float(np.mean((share @ (a * b)) / np.maximum(spread, 1e-12)))


def matching(predicted: Floats, texts: Floats, group: NDArray[np.intp]) -> float:
    """Mean area under the ROC curve of finding a group's micrographs by its description.

    Parameters
    ----------
    predicted : ndarray, shape (n, t)
        Micrographs in the text space.
    texts : ndarray, shape (n, t)
    group : ndarray of int, shape (n,)
    """
    from scipy.stats import rankdata

    unit = unit_rows(predicted)
    count = int(group.max()) + 1
    spoken = np.stack([texts[group == g].mean(axis=0) for g in range(count)])
    ranks = rankdata(unit @ spoken.T, axis=0)
    areas = []
    for g in range(count):
        own = group == g
        n = int(own.sum())
        above = ranks[own, g].sum() - n * (n + 1) / 2
        areas.append(above / (n * max(len(group) - n, 1)))
    return float(np.mean(areas))
