"""Two settings on the same images: how much one is better, and whether by chance."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from napari_qualify.errors import UsageError
from napari_qualify.evaluate.bootstrap import Floats, Resamples
from napari_qualify.evaluate.metrics import Judged, figure

_KEY = ["criterion", "image"]


class Difference(NamedTuple):
    """Metric of a first setting minus that of a second one, on the same images.

    Attributes
    ----------
    difference : float
        Mean over the criteria; NaN where the metric does not exist.
    low, high : float
        95 % interval, groups resampled for both settings alike.
    p : float
        Two-sided, of "there is no difference".
    """

    difference: float
    low: float
    high: float
    p: float


def paired_difference(
    table_a: pd.DataFrame,
    table_b: pd.DataFrame,
    metric: str = "accuracy",
    draws: int = 1000,
    seed: int = 0,
) -> Difference:
    """Compare two settings that judged the same images.

    For the accuracy with one image to a group, p is that of the exact McNemar
    test. Else it comes from the resamples: twice the smaller share of those in
    which the difference is 0 or has the other sign, with one added to numerator
    and denominator.

    Parameters
    ----------
    table_a, table_b : DataFrame
        Judged tables, each of one setting, of one or more criteria.
    metric : str
        See `napari_qualify.evaluate.metrics.METRICS`; ``precision_at_5`` with
        another number for another k.
    draws, seed : int
        Of the resampling.

    Returns
    -------
    Difference
        Positive where `table_a` has the larger value.

    Raises
    ------
    UsageError
        When the images, their truth or their groups differ, or there is no
        such metric.
    """
    a, b = _aligned(table_a, table_b)
    criteria = list(dict.fromkeys(a["criterion"]))
    if not criteria:
        return Difference(np.nan, np.nan, np.nan, np.nan)
    places = [np.flatnonzero(a["criterion"] == name) for name in criteria]
    pairs = [
        tuple(figure(metric, Judged.of(t.iloc[rows])).statistic for t in (a, b)) for rows in places
    ]

    def difference(weights: Floats) -> Floats:
        apart = [
            first(weights[:, rows]) - second(weights[:, rows])
            for rows, (first, second) in zip(places, pairs, strict=True)
        ]
        return np.asarray(np.mean(apart, axis=0))

    resamples = Resamples(a["group"].to_numpy(str), draws, seed)
    value, low, high = resamples.interval(difference)
    if not np.isfinite(value):
        return Difference(value, low, high, np.nan)
    own = len(a) == a["group"].nunique()
    p = mcnemar(a, b) if metric == "accuracy" and own else _p(resamples.values(difference))
    same = a[["call", "verdict"]].equals(b[["call", "verdict"]]) and a["score"].equals(b["score"])
    if same:  # no doubt about nothing
        return Difference(0.0, 0.0, 0.0, 1.0)
    return Difference(value, low, high, p)


def mcnemar(table_a: pd.DataFrame, table_b: pd.DataFrame) -> float:
    """Exact McNemar test of the calls of two settings.

    Source: McNemar, Psychometrika 12 (1947) 153, with the binomial distribution
    for the images of which one setting alone is right. It takes images for
    independent: with several images of a specimen it sees differences that are
    not there.

    Parameters
    ----------
    table_a, table_b : DataFrame
        Judged tables of the same images.

    Returns
    -------
    float
        Two-sided p; 1 where the settings are right on the same images.
    """
    a, b = _aligned(table_a, table_b)
    known = (a["call"] != "") & (b["call"] != "")
    right_a, right_b = a["call"] == a["truth"], b["call"] == b["truth"]
    only_a, only_b = (
        int((known & right_a & ~right_b).sum()),
        int((known & right_b & ~right_a).sum()),
    )
    if not only_a + only_b:
        return 1.0
    return float(binomtest(only_a, only_a + only_b).pvalue)


def _p(values: Floats) -> float:
    known = values[np.isfinite(values)]
    if not len(known):
        return np.nan
    fewer = min(int((known <= 0).sum()), int((known >= 0).sum()))
    return float(min(1.0, 2 * (1 + fewer) / (len(known) + 1)))


def _aligned(a: pd.DataFrame, b: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both tables in one order of the same images."""
    sorted_ = []
    for table in (a, b):
        if table["setting"].nunique() > 1 or table.duplicated(_KEY).any():
            raise UsageError(
                "a table to compare has one setting, and each image once per criterion; this one "
                f"has the settings {', '.join(map(str, table['setting'].unique()))}"
            )
        sorted_.append(table.sort_values(_KEY, kind="stable").reset_index(drop=True))
    a, b = sorted_
    for column in (*_KEY, "truth", "group"):
        if len(a) != len(b) or list(a[column]) != list(b[column]):
            raise UsageError(
                f"the tables to compare are not of the same images: their {column} differs; keep "
                "the rows that both have"
            )
    return a, b
