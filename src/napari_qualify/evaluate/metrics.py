"""Figures of a judged table, with bootstrap intervals that resample groups."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_qualify.errors import UsageError
from napari_qualify.evaluate.bootstrap import Floats, Resamples, Statistic, exact_share
from napari_qualify.evaluate.ranking import auroc_statistic, exact_auroc, precision_statistic
from napari_qualify.evaluate.table import notes_of

METRIC_COLUMNS = ("criterion", "setting", "metric", "value", "low", "high", "n", "groups")
Mask = NDArray[np.bool_]
FEW_GROUPS = 10  # below, intervals are of little worth: our convention, and the notes say so


@dataclass(frozen=True, eq=False)
class Judged:
    """The columns of a judged table of one criterion and setting, as arrays of length n.

    Attributes
    ----------
    truth : ndarray of bool
        Accepted by the experts.
    called, call : ndarray of bool
        Whether there is a call, and whether it is to accept.
    accepted, rejected : ndarray of bool
        By the verdict; neither for a review.
    score : ndarray of float
        NaN where there is none, as for a measured limit.
    groups : ndarray of str
    """

    truth: Mask
    called: Mask
    call: Mask
    accepted: Mask
    rejected: Mask
    score: Floats
    groups: NDArray[Any]

    @classmethod
    def of(cls, table: pd.DataFrame) -> "Judged":
        """Read the columns of a table."""

        def is_(column: str, value: str) -> Mask:
            return np.asarray(table[column] == value, dtype=bool)

        call = is_("call", "accept")
        return cls(
            is_("truth", "accept"),
            call | is_("call", "reject"),
            call,
            is_("verdict", "accept"),
            is_("verdict", "reject"),
            np.asarray(table["score"], dtype=float),
            np.asarray(table["group"], dtype=str),
        )


@dataclass(frozen=True, eq=False)
class Figure:
    """One metric of one criterion: how it is computed, and on which images.

    Attributes
    ----------
    statistic : callable
        Of weights (b, n), see `napari_qualify.evaluate.bootstrap`.
    counted : ndarray of bool, shape (n,)
        The images that it rests on.
    exact : callable
        Its value to an interval, for resamples that know no doubt.
    """

    statistic: Statistic
    counted: Mask
    exact: Callable[[float], tuple[float, float]]


def _ratio(over: Floats, under: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(over / under)


def _count(groups: NDArray[Any], counted: Mask) -> int:
    return len(set(groups[counted]))


def _share(j: Judged, hits: Mask, counted: Mask) -> Figure:
    """Share of hits among the counted images."""
    both = (hits & counted).astype(float)
    trials = _count(j.groups, counted)
    return Figure(
        lambda w: _ratio(w @ both, w @ counted.astype(float)),
        counted,
        lambda value: exact_share(value * trials, trials),
    )


def _accuracy(j: Judged, k: int) -> Figure:
    return _share(j, j.call == j.truth, j.called)


def _balanced_accuracy(j: Judged, k: int) -> Figure:
    sides = [_share(j, j.call == j.truth, j.called & side) for side in (j.truth, ~j.truth)]

    def exact(value: float) -> tuple[float, float]:
        ones = np.ones((1, len(j.truth)))
        bounds = [side.exact(float(side.statistic(ones)[0])) for side in sides]
        return (bounds[0][0] + bounds[1][0]) / 2, (bounds[0][1] + bounds[1][1]) / 2

    return Figure(lambda w: (sides[0].statistic(w) + sides[1].statistic(w)) / 2, j.called, exact)


def _f1(j: Judged, k: int) -> Figure:
    """F1 is 2 J / (1 + J), J the share of accepted by both among accepted by either."""
    both = _share(j, j.call & j.truth, j.called & (j.call | j.truth))

    def of(jaccard: Any) -> Any:
        return 2 * jaccard / (1 + jaccard)

    def exact(value: float) -> tuple[float, float]:
        low, high = both.exact(value / (2 - value))
        return of(low), of(high)

    return Figure(lambda w: np.asarray(of(both.statistic(w))), j.called, exact)


def _auroc(j: Judged, k: int) -> Figure:
    scored = np.isfinite(j.score)
    sides = [_count(j.groups, scored & side) for side in (j.truth, ~j.truth)]
    ranked = auroc_statistic(j.truth[scored], j.score[scored])
    return Figure(lambda w: ranked(w[:, scored]), scored, lambda v: exact_auroc(v, *sides))


def _precision_at_k(j: Judged, k: int) -> Figure:
    scored = np.isfinite(j.score)
    ranked = precision_statistic(j.truth[scored], j.score[scored], k)
    highest = scored.copy()
    if scored.sum() > k:
        highest &= j.score >= np.sort(j.score[scored])[-k]
    trials = min(_count(j.groups, highest), k)
    return Figure(lambda w: ranked(w[:, scored]), scored, lambda v: exact_share(v * trials, trials))


def _coverage(j: Judged, k: int) -> Figure:
    return _share(j, j.accepted | j.rejected, np.ones(len(j.truth), dtype=bool))


def _review_rate(j: Judged, k: int) -> Figure:
    return _share(j, ~(j.accepted | j.rejected), np.ones(len(j.truth), dtype=bool))


def _error_decided(j: Judged, k: int) -> Figure:
    return _share(j, j.accepted != j.truth, j.accepted | j.rejected)


def _false_accept_rate(j: Judged, k: int) -> Figure:
    return _share(j, j.accepted, ~j.truth)


def _false_reject_rate(j: Judged, k: int) -> Figure:
    return _share(j, j.rejected, j.truth)


PRECISION = "precision_at_k"
METRICS: dict[str, Callable[[Judged, int], Figure]] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "f1": _f1,
    "auroc": _auroc,
    PRECISION: _precision_at_k,
    "coverage": _coverage,
    "review_rate": _review_rate,
    "error_decided": _error_decided,
    "false_accept_rate": _false_accept_rate,
    "false_reject_rate": _false_reject_rate,
}
"""The figures; in tables ``precision_at_k`` bears its k, as in ``precision_at_5``."""


def figure(metric: str, judged: Judged, k: int = 5) -> Figure:
    """Give a metric of one criterion.

    Parameters
    ----------
    metric : str
        A key of `METRICS`, or ``precision_at_`` with a number.
    judged : Judged
    k : int
        For ``precision_at_k``.

    Raises
    ------
    UsageError
        When there is no such metric.
    """
    start, _, number = metric.rpartition("_")
    if start == "precision_at" and number.isdecimal() and int(number):
        return _precision_at_k(judged, int(number))
    if metric not in METRICS:
        raise UsageError(f"no metric {metric!r}; there are {', '.join(METRICS)}")
    return METRICS[metric](judged, k)


def metrics(table: pd.DataFrame, draws: int = 1000, seed: int = 0, k: int = 5) -> pd.DataFrame:
    """Figures of every criterion and setting of a judged table.

    *accuracy*, *balanced_accuracy*, *f1* (accepted is positive) and *auroc* are
    of call and score; *precision_at_k* is our reading of the paper's "top-5":
    the share of accepted ones among the k highest scores, equal scores in all
    orders. The others are of the verdict: *coverage* is the share decided,
    *review_rate* the rest, *error_decided* the share of wrong ones among the
    decided, *false_accept_rate* the share of truly rejected ones that are
    accepted, *false_reject_rate* the reverse.

    Parameters
    ----------
    table : DataFrame
        See `napari_qualify.evaluate.table`.
    draws : int
        Resamples of the groups.
    seed : int
    k : int
        How many of the highest scores *precision_at_k* looks at.

    Returns
    -------
    DataFrame
        Columns `METRIC_COLUMNS`. `low` and `high` are the 95 % interval: BCa
        over groups; where all resamples are equal, as with a share of 0 or 1,
        an exact one with the groups as trials. `n` and `groups` count what a
        figure rests on. What does not exist is NaN, and ``attrs["notes"]`` says
        why.

    Raises
    ------
    UsageError
        When `draws` or `k` is under 1.
    """
    if draws < 1 or k < 1:
        raise UsageError(f"draws {draws} and k {k}; both are at least 1")
    rows: list[list[Any]] = []
    notes = notes_of(table)
    for (criterion, setting), part in table.groupby(["criterion", "setting"], sort=False):
        judged = Judged.of(part)
        resamples = Resamples(judged.groups, draws, seed)
        notes += [f"{criterion}: {note}" for note in _notes(judged, k)]
        for name in METRICS:
            shown = name.replace("_k", f"_{k}") if name == PRECISION else name
            found = figure(name, judged, k)
            interval = resamples.interval(found.statistic, found.exact)
            count = (int(found.counted.sum()), _count(judged.groups, found.counted))
            rows.append([criterion, setting, shown, *interval, *count])
    result = pd.DataFrame(rows, columns=list(METRIC_COLUMNS))
    result = result.astype({"value": float, "low": float, "high": float, "n": int, "groups": int})
    result.attrs["notes"] = list(dict.fromkeys(notes))
    return result


def _notes(j: Judged, k: int) -> Iterator[str]:
    """What limits the figures of one criterion."""
    groups = _count(j.groups, np.ones(len(j.truth), dtype=bool))
    if groups < FEW_GROUPS:
        count = "1 group" if groups == 1 else f"{groups} groups"
        yield f"{count}; an interval says little under {FEW_GROUPS}, and there is none with 1."
    if j.truth.all() or not j.truth.any():
        side = "accepted" if j.truth.all() else "rejected"
        yield f"the experts only {side}: no AUROC, no balanced accuracy."
    scored = int(np.isfinite(j.score).sum())
    if not scored:
        yield "no score, as for a measured limit: no AUROC, no precision at k."
    elif scored < k:
        yield f"{scored} scores: no precision at {k}."
    if not (j.accepted | j.rejected).any():
        yield "every verdict is a review: no error among the decided."


def f1(truth: Mask, call: Mask) -> float:
    """F1 of calls, accepted being positive; NaN where neither accepts anything.

    Parameters
    ----------
    truth, call : ndarray of bool, shape (n,)
    """
    return _of_calls(_f1, truth, call)


def balanced_accuracy(truth: Mask, call: Mask) -> float:
    """Mean of the shares of right calls among accepted and rejected ones.

    Parameters
    ----------
    truth, call : ndarray of bool, shape (n,)
        NaN where `truth` has one side only.
    """
    return _of_calls(_balanced_accuracy, truth, call)


def _of_calls(metric: Callable[[Judged, int], Figure], truth: Mask, call: Mask) -> float:
    truth, call = np.asarray(truth, dtype=bool), np.asarray(call, dtype=bool)
    n = len(truth)
    everything = np.ones(n, dtype=bool)
    judged = Judged(truth, everything, call, call, ~call, np.full(n, np.nan), np.arange(n))
    return float(metric(judged, 1).statistic(np.ones((1, n)))[0])
