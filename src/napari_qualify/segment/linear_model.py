"""Multinomial logistic regression, fitted in a fraction of a second, for phases of unequal share.

It is fitted with balanced classes, since strokes say nothing of how much there
is of a phase. The shares are then estimated from unpainted pixels, and half of
their logarithm is added to the logits: in full, rare phases would vanish; not
at all, they would spread.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qualify.progress import Progress

PENALTY = 0.1
"""Weight of half the squared coefficients of standardised features, per mean loss.

It does not shrink with the number of pixels: those of a stroke are near copies.
"""
SHARE_POWER = 0.5
"""Exponent of the estimated shares as prior probabilities.

0 would take every phase for as common as any other, 1 is best for the share of
pixels that are right; the intersection over union of rare phases lies between.
"""
_SMALLEST = 2e-3  # share below which a phase is not thought to fall
_ITERATIONS = 100
_EPSILON = 1e-3  # least deviation of a feature that is taken for one


def fit(
    features: NDArray[np.float32],
    classes: NDArray[np.int64],
    count: int,
    progress: Progress,
    penalty: float = PENALTY,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Fit logits that are linear in the features; every class weighs the same.

    scikit-learn's solver takes several times as long on features like these,
    which matters while a user paints.

    Parameters
    ----------
    features : ndarray of float32, shape (n, d)
    classes : ndarray of int, shape (n,)
        0..count - 1, each present.
    count : int
    progress : Progress
        Called in every iteration.
    penalty : float, optional
        See `PENALTY`.

    Returns
    -------
    weights : ndarray of float32, shape (count, d)
    bias : ndarray of float32, shape (count,)
    """
    import torch
    from torch.nn.functional import cross_entropy

    mean = features.mean(0)
    deviation = np.maximum(features.std(0), _EPSILON)
    x = torch.from_numpy((features - mean) / deviation)
    y = torch.from_numpy(classes)
    share = np.bincount(classes, minlength=count) / len(classes)
    pixel = torch.from_numpy((1 / (count * share)).astype(np.float32))[y]
    weights = torch.zeros((count, features.shape[1]), requires_grad=True)
    bias = torch.zeros(count, requires_grad=True)
    solver = torch.optim.LBFGS(
        [weights, bias], max_iter=_ITERATIONS, line_search_fn="strong_wolfe", tolerance_change=1e-6
    )

    def closure() -> Any:
        progress("training", 0, 0)
        solver.zero_grad()
        loss = (cross_entropy(x @ weights.T + bias, y, reduction="none") * pixel).mean()
        loss = loss + 0.5 * penalty * (weights**2).sum()
        loss.backward()
        return loss

    solver.step(closure)
    scaled = weights.detach().numpy() / deviation
    return scaled, bias.detach().numpy() - scaled @ mean


def shares(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shares of the classes among unlabelled pixels, by expectation maximisation.

    Parameters
    ----------
    probabilities : ndarray of float, shape (n, classes)
        Of a classifier that was fitted with balanced classes.

    Returns
    -------
    ndarray of float, shape (classes,)
        Their sum is 1; none is below 0.002.

    Notes
    -----
    Saerens, Latinne and Decaestecker (2002), Neural Computation 14, 21-41.
    """
    found = np.full(probabilities.shape[1], 1 / probabilities.shape[1])
    for _ in range(_ITERATIONS):
        joint = probabilities * found
        found = np.maximum((joint / joint.sum(1, keepdims=True)).mean(0), _SMALLEST)
        found /= found.sum()
    return np.asarray(found)
