"""How lenient each expert is: the share accepted, and the value at which they turn."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from napari_qualify.errors import UsageError
from napari_qualify.evaluate.agreement import check_experts, ratings_of
from napari_qualify.evaluate.bootstrap import Floats, Resamples, Statistic

LENIENCY_COLUMNS = ("criterion", "expert", "accepted", "leniency", "low", "high", "n", "groups")
TURN_COLUMNS = ("criterion", "expert", "turn", "shift", "low", "high", "n", "groups")


def leniency(labels: pd.DataFrame, draws: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Share that each expert accepts, against the mean of all on the same images.

    Parameters
    ----------
    labels : DataFrame
        See `napari_qualify.evaluate.table.read_labels`.
    draws, seed : int
        Of the resampling.

    Returns
    -------
    DataFrame
        Columns `LENIENCY_COLUMNS`, over the images that all experts judged:
        share accepted, and that minus the mean over the experts (`leniency`,
        above 0 is lenient) with its 95 % interval over groups.

    Raises
    ------
    UsageError
        When there are fewer than two experts.
    """
    check_experts(labels)
    rows: list[list[Any]] = []
    for criterion, part in labels.groupby("criterion", sort=False):
        ratings, groups, experts, _ = _whole(part)
        accepted = (ratings == 0).astype(float)
        apart = accepted - accepted.mean(axis=1, keepdims=True)
        resamples = Resamples(groups, draws, seed)
        for i, expert in enumerate(experts):
            interval = resamples.interval(_mean(apart[:, i]))
            share = float(accepted[:, i].mean()) if len(accepted) else np.nan
            rows.append([criterion, expert, share, *interval, len(ratings), resamples.count])
    return pd.DataFrame(rows, columns=list(LENIENCY_COLUMNS))


def _mean(values: Floats) -> Statistic:
    return lambda weights: np.asarray(weights @ values / weights.sum(axis=1))


def turns(
    labels: pd.DataFrame, values: Mapping[str, float], draws: int = 500, seed: int = 0
) -> pd.DataFrame:
    """The value at which each expert turns from accepting to rejecting.

    With a measured value of each image, such as the area fraction of pores, or
    the model's score, this tells lenient experts from strict ones in its unit.
    Fitted is one logistic curve for all experts, each with a place of their own
    where accepting and rejecting are equally likely.

    Parameters
    ----------
    labels : DataFrame
        See `napari_qualify.evaluate.table.read_labels`; one criterion.
    values : mapping of image to float
        Images without one do not count.
    draws, seed : int
        Of the resampling.

    Returns
    -------
    DataFrame
        Columns `TURN_COLUMNS`, over the images that all experts judged: the
        `turn` in the unit of the values, and its `shift` from the mean over the
        experts with the 95 % interval over groups.

    Raises
    ------
    UsageError
        For several criteria, fewer than two experts, or an expert who only
        accepts or only rejects.
    """
    check_experts(labels)
    criteria = list(dict.fromkeys(labels["criterion"]))
    if len(criteria) > 1:
        raise UsageError(f"turns are of one criterion at a time; there are {', '.join(criteria)}")
    known = labels[labels["image"].map(lambda image: np.isfinite(values.get(image, np.nan)))]
    ratings, groups, experts, images = _whole(known)
    x = np.array([values[image] for image in images])
    accepted = (ratings == 0).astype(float)
    for i, expert in enumerate(experts):
        if not 0 < accepted[:, i].sum() < len(accepted):
            raise UsageError(
                f"{expert!r} does not both accept and reject among the {len(x)} images that all "
                "judged: there is no value to turn at"
            )
    size = float(x.std()) or 1.0
    z = (x - x.mean()) / size
    fit = _Fit(z, accepted)
    best = fit(np.ones((1, len(z))))[0] * size + x.mean()
    resamples = Resamples(groups, draws, seed)
    rows = []
    for i, expert in enumerate(experts):
        bounds = resamples.interval(fit.shift(i))
        shift = [b * size for b in bounds]
        rows.append([criteria[0], expert, best[i], *shift, len(x), resamples.count])
    return pd.DataFrame(rows, columns=list(TURN_COLUMNS))


class _Fit:
    """Logistic curves of one slope and a place per expert, for many weightings at once.

    A little ridge keeps the slope finite where experts have one exact limit.
    """

    RIDGE = 1e-4
    STEPS = 40
    LONGEST = 3.0  # of a Newton step, which may overshoot

    def __init__(self, z: Floats, accepted: Floats) -> None:
        self.z, self.accepted = z, accepted

    def __call__(self, weights: Floats) -> Floats:
        """Turns (b, r) in units of z, by Newton's method."""
        b, experts = len(weights), self.accepted.shape[1]
        share = weights / (weights.sum(axis=1, keepdims=True) * experts)
        found = np.zeros((b, experts + 1))
        for _ in range(self.STEPS):
            gradient, curvature = self._bend(found, share)
            step = np.linalg.solve(curvature, gradient[..., None])[..., 0]
            length = np.linalg.norm(step, axis=1, keepdims=True)
            found -= step * np.minimum(1.0, self.LONGEST / np.maximum(length, 1e-12))
            if length.max() < 1e-8:
                break
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(-found[:, :-1] / found[:, -1:])

    def shift(self, expert: int) -> Statistic:
        """Turn of one expert minus the mean of all."""

        def statistic(weights: Floats) -> Floats:
            found = self(weights)
            return np.asarray(found[:, expert] - found.mean(axis=1))

        return statistic

    def _bend(self, parameters: Floats, share: Floats) -> tuple[Floats, Floats]:
        """Gradient (b, r + 1) and curvature (b, r + 1, r + 1) of the mean log loss."""
        logit = parameters[:, None, :-1] + (parameters[:, -1:] * self.z)[:, :, None]
        chance = expit(logit)
        residual = share[:, :, None] * (chance - self.accepted)
        weight = share[:, :, None] * chance * (1 - chance)
        last = (residual * self.z[:, None]).sum(axis=(1, 2))
        gradient = np.c_[residual.sum(axis=1), last] + self.RIDGE * parameters
        size = parameters.shape[1]
        curvature = np.tile(self.RIDGE * np.eye(size), (len(share), 1, 1))
        places = np.arange(size - 1)
        curvature[:, places, places] += weight.sum(axis=1)
        mixed = (weight * self.z[:, None]).sum(axis=1)
        curvature[:, places, -1] = curvature[:, -1, places] = mixed
        curvature[:, -1, -1] += (weight * self.z[:, None] ** 2).sum(axis=(1, 2))
        return gradient, curvature


def _whole(part: pd.DataFrame) -> tuple[NDArray[np.int_], NDArray[Any], list[str], list[str]]:
    """Ratings, groups, experts and images, of images that all judged."""
    ratings, images, experts = ratings_of(part)
    named = dict(zip(part["image"], part["group"], strict=True)) if "group" in part else {}
    groups = np.array([named.get(image) or image for image in images], dtype=str)
    whole = np.asarray((ratings >= 0).all(axis=1))
    kept = [image for image, keep in zip(images, whole, strict=True) if keep]
    return ratings[whole], groups[whole], experts, kept
