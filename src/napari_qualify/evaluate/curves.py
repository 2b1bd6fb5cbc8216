"""Curves of a judged table: score against truth, risk against wrong verdicts."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_qualify.decide.conformal import decide
from napari_qualify.errors import UsageError
from napari_qualify.evaluate.bootstrap import Floats, exact_share

CALIBRATION_COLUMNS = (
    "criterion",
    "setting",
    "score",
    "score_low",
    "score_high",
    "accepted",
    "fitted",
    "low",
    "high",
    "n",
    "groups",
)
RISK_COLUMNS = (
    "criterion",
    "setting",
    "truth",
    "risk",
    "p_at_most",
    "wrong",
    "low",
    "high",
    "decided",
    "n",
    "groups",
)
RISKS = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4)


def calibration_curve(table: pd.DataFrame, bins: int = 10) -> pd.DataFrame:
    """Share that experts accept, against the score.

    A score is no probability. This says what it has been worth on these images:
    of those with a score like this one, how many did the experts accept?

    Parameters
    ----------
    table : DataFrame
        See `napari_qualify.evaluate.table`.
    bins : int
        At most so many, of nearly the same number of images each; equal scores
        stay together.

    Returns
    -------
    DataFrame
        Columns `CALIBRATION_COLUMNS`, a row per criterion, setting and bin:
        mean, least and largest score, share accepted with its exact 95 %
        interval (groups as trials), and `fitted`, the mean of the isotonic fit
        to all of its images, which never falls with the score. No rows without
        scores.

    Raises
    ------
    UsageError
        When `bins` is under 1.
    """
    from sklearn.isotonic import IsotonicRegression

    if bins < 1:
        raise UsageError(f"{bins} bins; there is at least 1")
    rows: list[list[Any]] = []
    for (criterion, setting), part in table.groupby(["criterion", "setting"], sort=False):
        known = part[np.isfinite(part["score"].to_numpy(float))].sort_values("score")
        if known.empty:
            continue
        score = known["score"].to_numpy(float)
        truth = (known["truth"] == "accept").to_numpy(float)
        fitted = IsotonicRegression(y_min=0, y_max=1).fit_transform(score, truth)
        for rows_of in _bins(score, bins):
            groups = known["group"].iloc[rows_of].nunique()
            share, held = float(truth[rows_of].mean()), score[rows_of]
            bounds = exact_share(share * groups, groups)
            place = (float(held.mean()), float(held[0]), float(held[-1]))
            mean = float(np.mean(fitted[rows_of]))
            rows.append([criterion, setting, *place, share, mean, *bounds, len(held), groups])
    return pd.DataFrame(rows, columns=list(CALIBRATION_COLUMNS))


def _bins(ordered: Floats, bins: int) -> list[NDArray[np.intp]]:
    """Places of the bins of an ascending array; equal values are never parted."""
    first = np.searchsorted(ordered, ordered)  # where the run of equals begins
    bin_of = first * bins // len(ordered)
    return [np.flatnonzero(bin_of == b) for b in np.unique(bin_of)]


def risk_curve(table: pd.DataFrame, risks: Sequence[float] = RISKS) -> pd.DataFrame:
    """Wrong verdicts of each true class against the stated risk.

    The verdicts are made again from the stored p-values, with both risks set to
    the same value. A p-value keeps its promise where `p_at_most` is near the
    risk or below: that is the share of a class whose p-value of this very class
    is at most the risk. `wrong` is the share that gets the other verdict.

    Parameters
    ----------
    table : DataFrame
        See `napari_qualify.evaluate.table`.
    risks : sequence of float
        Each in (0, 1).

    Returns
    -------
    DataFrame
        Columns `RISK_COLUMNS`, a row per criterion, setting, true class and
        risk; `low` and `high` are the exact 95 % interval of `wrong`, with the
        groups as trials; `decided` is the share without review. No rows where
        there are no p-values, as for a measured limit.

    Raises
    ------
    UsageError
        For a risk that is not in (0, 1).
    """
    for risk in risks:
        if not 0 < risk < 1:
            raise UsageError(f"risk {risk:g}; it lies between 0 and 1")
    rows: list[list[Any]] = []
    for (criterion, setting), part in table.groupby(["criterion", "setting"], sort=False):
        known = part[part[["p_accept", "p_reject"]].notna().any(axis=1)]
        for truth, side in known.groupby("truth"):
            groups = side["group"].nunique()
            own = side[f"p_{truth}"].to_numpy(float)
            for risk in risks:
                verdicts = _decided(side, risk)
                wrong = np.mean((verdicts != "review") & (verdicts != truth))
                promised = np.mean(own <= risk) if np.isfinite(own).all() else np.nan
                shares = (float(promised), float(wrong), *exact_share(wrong * groups, groups))
                decided = float(np.mean(verdicts != "review"))
                rows.append([criterion, setting, truth, risk, *shares, decided, len(side), groups])
    return pd.DataFrame(rows, columns=list(RISK_COLUMNS))


def _decided(table: pd.DataFrame, risk: float) -> NDArray[Any]:
    """Verdicts at one risk for both sides."""

    def p(value: float) -> float | None:
        return None if np.isnan(value) else value

    pairs = zip(table["p_accept"].astype(float), table["p_reject"].astype(float), strict=True)
    return np.array([decide(p(a), p(r), risk, risk) for a, r in pairs], dtype=object)
