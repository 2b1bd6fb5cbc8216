"""How far experts agree, beyond what chance would give.

Every figure is ``1 - (disagreement seen) / (disagreement by chance)`` but for
the percent agreement, which is the former alone.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_qualify.errors import UsageError
from napari_qualify.evaluate.bootstrap import Floats, Resamples, Statistic, exact_share
from napari_qualify.evaluate.table import SIDES, notes_of

AGREEMENT_COLUMNS = (
    "criterion",
    "measure",
    "expert",
    "other",
    "value",
    "low",
    "high",
    "n",
    "groups",
)
EVERYONE = "*"
"""As `expert` and `other` of a figure over all experts."""

MEASURES = ("percent", "cohen_kappa", "fleiss_kappa", "krippendorff_alpha")
Ratings = NDArray[np.int_]
"""Categories 0, 1 ... of (n images, r experts); -1 where there is no verdict."""


def ratings_of(labels: pd.DataFrame) -> tuple[Ratings, list[str], list[str]]:
    """Verdicts on one criterion as an array.

    Parameters
    ----------
    labels : DataFrame
        Columns image, verdict, expert; one criterion.

    Returns
    -------
    ndarray of int, shape (n, r)
        0 for accept, 1 for reject, -1 for none.
    images, experts : list of str
        Of the rows and the columns, in the order in which they come.
    """
    images, experts = (list(dict.fromkeys(labels[name])) for name in ("image", "expert"))
    found = np.full((len(images), len(experts)), -1)
    at = ({name: i for i, name in enumerate(names)} for names in (images, experts))
    rows, columns = (
        labels[name].map(places) for name, places in zip(("image", "expert"), at, strict=True)
    )
    if len(labels):
        found[rows.to_numpy(int), columns.to_numpy(int)] = labels["verdict"].map(SIDES.index)
    return found, images, experts


def _counts(ratings: Ratings) -> Floats:
    """How many experts chose each category: shape (n, categories)."""
    ratings = np.asarray(ratings)
    categories = max(int(ratings.max(initial=0)) + 1, 2)
    return np.stack([(ratings == c).sum(axis=1) for c in range(categories)], axis=1).astype(float)


def _beyond_chance(seen: Floats, expected: Floats) -> Floats:
    """``1 - seen / expected``; NaN where chance knows no disagreement."""
    possible = expected > 1e-12
    return np.where(possible, 1 - seen / np.where(possible, expected, 1.0), np.nan)


def _pairs(counts: Floats) -> tuple[Floats, Floats]:
    """Share of the pairs of experts that part, and whether there is a pair, per image."""
    m = counts.sum(axis=1)
    several = m >= 2
    parting = m**2 - (counts**2).sum(axis=1)
    return np.divide(parting, m * (m - 1), out=np.zeros_like(m), where=several), several


def percent_statistic(ratings: Ratings) -> Statistic:
    """Give the percent agreement as a function of weights (b, n)."""
    parting, several = _pairs(_counts(ratings))

    def statistic(weights: Floats) -> Floats:
        with np.errstate(invalid="ignore"):
            return np.asarray(1 - weights @ parting / (weights @ several.astype(float)))

    return statistic


def cohen_statistic(ratings: Ratings) -> Statistic:
    """Give Cohen's kappa of two experts as a function of weights (b, n)."""
    ratings = np.asarray(ratings)
    both = (ratings >= 0).all(axis=1).astype(float)
    differ = both * (ratings[:, 0] != ratings[:, 1])
    categories = range(int(ratings.max(initial=0)) + 1)
    marks = [np.stack([both * (r == c) for c in categories], axis=1) for r in ratings.T]

    def statistic(weights: Floats) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            total = weights @ both
            first, second = (weights @ mark / total[:, None] for mark in marks)
            chance = 1 - (first * second).sum(axis=1)
            return _beyond_chance(weights @ differ / total, chance)

    return statistic


def fleiss_statistic(ratings: Ratings) -> Statistic:
    """Give Fleiss' kappa of images that all judged as a function of weights (b, n)."""
    counts = _counts(ratings)
    whole = counts.sum(axis=1) == np.asarray(ratings).shape[1]
    counts = counts * whole[:, None]
    parting = _pairs(counts)[0] * whole

    def statistic(weights: Floats) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            share = weights @ counts
            share = share / share.sum(axis=1, keepdims=True)
            seen = weights @ parting / (weights @ whole.astype(float))
            return _beyond_chance(seen, 1 - (share**2).sum(axis=1))

    return statistic


def krippendorff_statistic(ratings: Ratings) -> Statistic:
    """Give Krippendorff's alpha for nominal data as a function of weights (b, n)."""
    counts = _counts(ratings)
    parting, several = _pairs(counts)
    counts = counts * several[:, None]
    disagreeing = parting * counts.sum(axis=1)  # each verdict counts once

    def statistic(weights: Floats) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            each = weights @ counts
            total = each.sum(axis=1)
            chance = (total**2 - (each**2).sum(axis=1)) / (total * (total - 1))
            return _beyond_chance(weights @ disagreeing / total, chance)

    return statistic


_STATISTICS = dict(
    zip(
        MEASURES,
        (percent_statistic, cohen_statistic, fleiss_statistic, krippendorff_statistic),
        strict=True,
    )
)


def _of(measure: str, ratings: Any) -> float:
    ratings = np.asarray(ratings)
    if ratings.ndim != 2:
        raise UsageError(f"ratings are images by experts; got an array of shape {ratings.shape}")
    return float(_STATISTICS[measure](ratings)(np.ones((1, len(ratings))))[0])


def percent_agreement(ratings: Any) -> float:
    """Share of the pairs of experts that agree, averaged over the images.

    Parameters
    ----------
    ratings : array of int, shape (n, r)
        Category of each image by each expert; -1 for none. Images with one
        verdict do not count.
    """
    return _of("percent", ratings)


def cohen_kappa(ratings: Any) -> float:
    """Cohen's kappa of two experts (Educ. Psychol. Meas. 20 (1960) 37).

    Parameters
    ----------
    ratings : array of int, shape (n, 2)
        As `percent_agreement` takes them. NaN where both use a single category.
    """
    if np.shape(ratings)[1:] != (2,):
        raise UsageError(f"Cohen's kappa is of two experts; got {np.shape(ratings)[1:]}")
    return _of("cohen_kappa", ratings)


def fleiss_kappa(ratings: Any) -> float:
    """Fleiss' kappa (Psychol. Bull. 76 (1971) 378), over the images that all judged.

    Parameters
    ----------
    ratings : array of int, shape (n, r)
        As `percent_agreement` takes them. NaN where all use a single category.
    """
    return _of("fleiss_kappa", ratings)


def krippendorff_alpha(ratings: Any) -> float:
    """Krippendorff's alpha for nominal data; takes in images that some did not judge.

    Source: Krippendorff, Content Analysis, 4th ed. (2019), chapter 12.

    Parameters
    ----------
    ratings : array of int, shape (n, r)
        As `percent_agreement` takes them. NaN where all use a single category.
    """
    return _of("krippendorff_alpha", ratings)


def agreement(labels: pd.DataFrame, draws: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Agreement among the experts of a table, of each pair and of all.

    Parameters
    ----------
    labels : DataFrame
        See `napari_qualify.evaluate.table.read_labels`.
    draws, seed : int
        Of the resampling.

    Returns
    -------
    DataFrame
        Columns `AGREEMENT_COLUMNS`: *percent* for all and each pair,
        *cohen_kappa* for each pair, *fleiss_kappa* and *krippendorff_alpha* for
        all (`EVERYONE`). `low` and `high` are the 95 % interval over groups, or
        images where no group is named; in full agreement the disagreement is
        put at its exact upper bound. `n` counts the images that count. What
        does not exist is NaN, and ``attrs["notes"]`` says why.

    Raises
    ------
    UsageError
        When there are fewer than two experts.
    """
    check_experts(labels)
    rows: list[list[Any]] = []
    notes = notes_of(labels)
    for criterion, part in labels.groupby("criterion", sort=False):
        ratings, images, experts = ratings_of(part)
        named = dict(zip(part["image"], part["group"], strict=True)) if "group" in part else {}
        groups = np.array([named.get(image) or image for image in images], dtype=str)
        notes += [f"{criterion}: {note}" for note in _notes(ratings, experts)]
        if len(experts) < 2:
            continue
        for measure in MEASURES:
            if measure != "cohen_kappa":
                row = _row(measure, ratings, groups, draws, seed)
                rows.append([criterion, measure, EVERYONE, EVERYONE, *row])
        for i, j in combinations(range(len(experts)), 2):
            for measure in ("percent", "cohen_kappa"):
                row = _row(measure, ratings[:, [i, j]], groups, draws, seed)
                rows.append([criterion, measure, experts[i], experts[j], *row])
    found = pd.DataFrame(rows, columns=list(AGREEMENT_COLUMNS))
    found = found.astype({"value": float, "low": float, "high": float, "n": int, "groups": int})
    found.attrs["notes"] = list(dict.fromkeys(notes))
    return found


def check_experts(labels: pd.DataFrame) -> list[str]:
    """Experts of a table, in order.

    Raises
    ------
    UsageError
        When there are fewer than two.
    """
    experts = list(dict.fromkeys(labels["expert"]))
    if len(experts) < 2:
        who = f"one expert, {experts[0]!r}" if experts and experts[0] else "no expert"
        raise UsageError(
            f"the labels name {who}; agreement is between two or more, named in the column 'expert'"
        )
    if "" in experts:
        raise UsageError("the labels have rows without an expert; name who judged in each row")
    return experts


def _row(
    measure: str, ratings: Ratings, groups: NDArray[Any], draws: int, seed: int
) -> tuple[float, float, float, int, int]:
    """Value, low, high, n and groups of one figure."""
    known = (ratings >= 0).sum(axis=1) >= (2 if measure in _PARTIAL else ratings.shape[1])
    counted, its_groups = ratings[known], groups[known]
    trials = len(set(its_groups))
    if not len(counted):
        return np.nan, np.nan, np.nan, 0, 0
    statistic = _STATISTICS[measure](counted)

    def exact(value: float) -> tuple[float, float]:
        """In full agreement, or in none: disagreement at its bounds, chance as it is."""
        seen = 1 - percent_agreement(counted)
        low, high = exact_share(seen * trials, trials)
        if measure == "percent":
            return 1 - high, 1 - low
        if seen > 0:  # without the disagreement there is no telling what chance gives
            return np.nan, np.nan
        shares = _counts(counted).sum(axis=0) / _counts(counted).sum()
        return float(1 - high / (1 - (shares**2).sum())), 1.0

    interval = Resamples(its_groups, draws, seed).interval(statistic, exact)
    return (*interval, len(counted), trials)


_PARTIAL = ("percent", "krippendorff_alpha")  # take images that two or more judged


def _notes(ratings: Ratings, experts: Sequence[str]) -> list[str]:
    found = []
    judged = (ratings >= 0).sum(axis=1)
    if len(experts) < 2:
        return [f"judged by {experts[0]} alone: no agreement."]
    if (judged < 2).any():
        found.append(
            f"{int((judged < 2).sum())} images were judged by one expert; they say nothing."
        )
    if (part := int(((judged >= 2) & (judged < len(experts))).sum())) > 0:
        found.append(f"{part} images were not judged by all; Fleiss' kappa leaves them out.")
    if len(np.unique(ratings[ratings >= 0])) < 2:
        found.append("all verdicts are the same: chance-corrected figures do not exist.")
    return found


def matrix(table: pd.DataFrame, measure: str = "cohen_kappa") -> pd.DataFrame:
    """Agreement of every pair as a square table, averaged over the criteria.

    Parameters
    ----------
    table : DataFrame
        As `agreement` gives it.
    measure : {'cohen_kappa', 'percent'}

    Returns
    -------
    DataFrame
        Experts as index and columns, 1 on the diagonal, NaN for pairs without
        a value; ``attrs["measure"]`` names the figure.
    """
    pairs = table[(table["measure"] == measure) & (table["expert"] != EVERYONE)]
    means = pairs.groupby(["expert", "other"], sort=False)["value"].mean()
    experts = list(dict.fromkeys([*pairs["expert"], *pairs["other"]]))
    found = pd.DataFrame(np.eye(len(experts)), index=experts, columns=experts)
    found = found.where(found == 1)
    for (a, b), value in means.items():
        found.loc[a, b] = found.loc[b, a] = value
    names = {"cohen_kappa": "Cohen's kappa", "percent": "share of the same verdicts"}
    found.attrs["measure"] = names[measure]
    return found
