"""Figures of a ranking by score, for many weightings of the images at once."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import norm

from napari_qualify.evaluate.bootstrap import CONFIDENCE, Floats, Statistic

Mask = NDArray[np.bool_]
Totals = Callable[[Floats], tuple[Floats, Floats]]


def _levels(truth: Mask, score: Floats) -> Totals:
    """Weights (b, n) to those of accepted and rejected ones per score, lowest first."""
    order = np.argsort(score, kind="stable")
    ranked = np.asarray(score, dtype=float)[order]
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
    accepted = np.asarray(truth, dtype=float)[order]

    def totals(weights: Floats) -> tuple[Floats, Floats]:
        if not len(ranked):
            nothing = np.zeros((len(weights), 0))
            return nothing, nothing
        sorted_ = weights[:, order]
        positive = np.add.reduceat(sorted_ * accepted, starts, axis=1)
        return positive, np.add.reduceat(sorted_, starts, axis=1) - positive

    return totals


def auroc_statistic(truth: Mask, score: Floats) -> Statistic:
    """Give the AUROC as a function of weights (b, n), see `auroc`."""
    totals = _levels(truth, score)

    def statistic(weights: Floats) -> Floats:
        positive, negative = totals(weights)
        below = np.cumsum(negative, axis=1) - negative
        pairs = positive.sum(axis=1) * negative.sum(axis=1)
        won = (positive * (below + negative / 2)).sum(axis=1)
        with np.errstate(invalid="ignore"):
            return np.asarray(won / pairs)

    return statistic


def precision_statistic(truth: Mask, score: Floats, k: int) -> Statistic:
    """Give the precision at k as a function of weights (b, n), see `precision_at_k`."""
    totals = _levels(truth, score)

    def statistic(weights: Floats) -> Floats:
        positive, negative = (side[:, ::-1] for side in totals(weights))
        all_ = positive + negative
        taken = np.clip(k - (np.cumsum(all_, axis=1) - all_), 0, all_)
        share = np.divide(positive, all_, out=np.zeros_like(all_), where=all_ > 0)
        found = (taken * share).sum(axis=1) / k
        return np.where(all_.sum(axis=1) >= k, found, np.nan)

    return statistic


def auroc(truth: Any, score: Any) -> float:
    """Area under the ROC curve: how often an accepted one has the higher score.

    Equal scores count half. NaN where `truth` has one side only.

    Parameters
    ----------
    truth : array of bool, shape (n,)
    score : array of float, shape (n,)

    Returns
    -------
    float
    """
    truth, score = np.asarray(truth, dtype=bool), np.asarray(score, dtype=float)
    return float(auroc_statistic(truth, score)(np.ones((1, len(truth))))[0])


def precision_at_k(truth: Any, score: Any, k: int) -> float:
    """Share of accepted ones among the k highest scores.

    Of equal scores on the border the expected share counts, as if their order
    were drawn. NaN with fewer than k scores.

    Parameters
    ----------
    truth : array of bool, shape (n,)
    score : array of float, shape (n,)
    k : int

    Returns
    -------
    float
    """
    truth, score = np.asarray(truth, dtype=bool), np.asarray(score, dtype=float)
    return float(precision_statistic(truth, score, k)(np.ones((1, len(truth))))[0])


def exact_auroc(value: float, accepted: int, rejected: int) -> tuple[float, float]:
    """95 % interval of an AUROC of 0 or 1, where resampling knows no doubt.

    Source: Newcombe, Stat. Med. 25 (2006) 559, method 5: the variance of Hanley
    and McNeil with both sides of mean size, at the bound and not at the value.

    Parameters
    ----------
    value : float
        0 or 1; another has no interval here.
    accepted, rejected : int
        Numbers of groups of both sides.

    Returns
    -------
    (float, float)
    """
    if value not in (0.0, 1.0) or not (accepted and rejected):
        return np.nan, np.nan
    squared = norm.ppf((1 + CONFIDENCE) / 2) ** 2
    size = (accepted + rejected) / 2

    def gap(area: float) -> float:
        spread = 2 * size - 1 - 3 * (size - 1) / ((2 - area) * (1 + area))
        return float((1 - area) - squared * area * spread / (accepted * rejected))

    bound = float(brentq(gap, 0.0, 1.0))
    return (bound, 1.0) if value == 1 else (0.0, 1 - bound)
