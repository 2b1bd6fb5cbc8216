"""The rules: how accepted and rejected references score a micrograph.

Each rule is one function and one row of `RULES`. All work on inner products
alone (the dual form), because references are few and vectors long: a rule sees
the Gram matrix of the references and the products of the judged vectors with
them, so that leaving references out costs no pass over the vectors. A linear
rule gives its coefficients (`Dual`), and many vectors are then scored at once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

_TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Products:
    """Inner products of references and of judged vectors.

    Attributes
    ----------
    among : ndarray of float, shape (n, n)
        Gram matrix of the references.
    across : ndarray of float, shape (m, n)
        Products of the judged vectors with the references.
    squares : ndarray of float, shape (m,)
        Squared lengths of the judged vectors.
    dim : int
        Length of a vector.
    """

    among: Floats
    across: Floats
    squares: Floats
    dim: int


def unit(vectors: NDArray[Any]) -> Floats:
    """Scale rows to length 1; a zero row stays zero.

    Parameters
    ----------
    vectors : ndarray of float, shape (n, d)
    """
    rows = np.asarray(vectors, dtype=np.float64)
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(rows / np.where(lengths > _TINY, lengths, 1.0))


def products(references: NDArray[Any], judged: NDArray[Any]) -> Products:
    """Inner products of reference vectors (n, d) and judged vectors (m, d)."""
    refs = np.asarray(references, dtype=np.float64)
    rows = np.asarray(judged, dtype=np.float64)
    return Products(refs @ refs.T, rows @ refs.T, np.einsum("ij,ij->i", rows, rows), refs.shape[1])


def _centred(p: Products, accepted: Mask) -> Floats:
    """Cosines after the references' mean (of the two class means) is taken off."""
    share = np.where(accepted, 0.5 / max(accepted.sum(), 1), 0.5 / max((~accepted).sum(), 1))
    with_mean = p.among @ share
    mean_square = share @ with_mean
    references = np.diag(p.among) - 2 * with_mean + mean_square
    judged_with_mean = p.across @ share
    judged = p.squares - 2 * judged_with_mean + mean_square
    cross = p.across - judged_with_mean[:, None] - with_mean[None, :] + mean_square
    lengths = np.sqrt(np.clip(judged, _TINY, None))[:, None]
    return np.asarray(cross / lengths / np.sqrt(np.clip(references, _TINY, None))[None, :])


def pool_similarity(similarities: Floats, pool: str, sharpness: float = 5.0) -> Floats:
    """Pool the similarities to one side's references.

    Parameters
    ----------
    similarities : ndarray of float, shape (m, n)
    pool : {'mean', 'max', 'soft'}
        Mean (the paper's), largest, or soft maximum
        ``log(mean(exp(b s))) / b``, which lies between the two.
    sharpness : float
        b of the soft maximum.

    Returns
    -------
    ndarray of float, shape (m,)
    """
    if pool == "mean":
        return np.asarray(similarities.mean(axis=1))
    if pool == "max":
        return np.asarray(similarities.max(axis=1))
    if pool == "soft":
        top = similarities.max(axis=1)
        powers = similarities - top[:, None]
        powers *= sharpness
        np.exp(powers, out=powers)
        return np.asarray(top + np.log(powers.mean(axis=1)) / sharpness)
    raise ValueError(f"pool is 'mean', 'max' or 'soft', not {pool!r}")


def net(
    p: Products,
    accepted: Mask,
    *,
    pool: str = "mean",
    sharpness: float = 5.0,
    centred: bool = False,
) -> Floats:
    """Net similarity: pooled similarity to accepted minus that to rejected references.

    Source: the net similarity of Safdar et al. 2025 (arXiv 2508.20243), as
    reconstructed from its abstract; `max`, `soft` and centring are additions.
    """
    similarities = _centred(p, accepted) if centred else p.across
    return pool_similarity(_of(similarities, accepted), pool, sharpness) - pool_similarity(
        _of(similarities, ~accepted), pool, sharpness
    )


def _of(similarities: Floats, side: Mask) -> Floats:
    """Columns of a side, without a copy where they lie together."""
    first, count = int(np.argmax(side)), int(side.sum())
    if side[first : first + count].all():
        return similarities[:, first : first + count]
    return similarities[:, side]


@dataclass(frozen=True, eq=False)
class Dual:
    """A linear rule: score ``x.(R^T coefficients) + offset`` for references R (n, d)."""

    coefficients: Floats
    offset: float = 0.0

    def score(self, p: Products) -> Floats:
        """Scores of the judged vectors, shape (m,)."""
        return np.asarray(p.across @ self.coefficients + self.offset)


def net_dual(
    p: Products, accepted: Mask, *, pool: str = "mean", centred: bool = False, **_: Any
) -> Dual | None:
    """`net` as a linear rule; None for pools and centring that are not linear."""
    if pool != "mean" or centred:
        return None
    return Dual(np.where(accepted, 1.0 / accepted.sum(), -1.0 / (~accepted).sum()))


def gaussian_dual(p: Products, accepted: Mask, *, shrinkage: float = 0.1) -> Dual:
    """Coefficients of `gaussian`."""
    n = len(accepted)
    positive, negative = accepted.sum(), (~accepted).sum()
    difference = np.where(accepted, 1.0 / positive, -1.0 / negative)
    average = np.abs(difference) / 2
    same = accepted[:, None] == accepted[None, :]
    centring = np.eye(n) - same * np.abs(difference)[None, :]
    within = centring @ p.among @ centring.T
    variance = np.trace(within) / n / p.dim
    coefficients = difference
    if variance > _TINY:
        ridge = shrinkage * variance
        scatter = (1 - shrinkage) / n
        if scatter > _TINY:
            system = within + np.eye(n) * (ridge / scatter)
            coefficients = difference - centring.T @ np.linalg.solve(
                system, centring @ p.among @ difference
            )
        coefficients = coefficients / ridge
    return Dual(coefficients, -float(average @ p.among @ coefficients))


def gaussian(p: Products, accepted: Mask, *, shrinkage: float = 0.1) -> Floats:
    """Log-odds of two Gaussians with a shared covariance, shrunk to its mean variance.

    ``x.w + b`` with ``w = S^-1 (mean P - mean N)`` and
    ``S = (1 - shrinkage) S_pooled + shrinkage nu I``, ``nu`` the mean variance;
    linear discriminant analysis with the shrinkage of Friedman, JASA 84 (1989)
    165, solved for the references' coefficients by the Woodbury identity. Where
    the references do not vary within their class (1 + 1), S is the unit matrix
    and the rule is the nearest mean.
    """
    return gaussian_dual(p, accepted, shrinkage=shrinkage).score(p)


def cache(p: Products, accepted: Mask, *, sharpness: float = 5.5) -> Floats:
    """Mean of ``exp(-b (1 - x.r))`` over accepted minus that over rejected references.

    The key-value cache of Tip-Adapter (Zhang et al., ECCV 2022, arXiv 2111.03930)
    for two classes, each side weighing the same; b is its sharpness.
    """
    affinity = np.exp(-sharpness * (1 - p.across))
    return np.asarray(affinity[:, accepted].mean(axis=1) - affinity[:, ~accepted].mean(axis=1))


def probe_dual(p: Products, accepted: Mask, *, c: float = 10.0) -> Dual:
    """Coefficients of `probe`."""
    from sklearn.linear_model import LogisticRegression

    # Logistic regression on the n coordinates that the references span is that on all d.
    values, axes = np.linalg.eigh(p.among)
    kept = values > _TINY * max(values[-1], 1.0)
    roots = np.sqrt(values[kept])
    model = LogisticRegression(C=c, class_weight="balanced", max_iter=1000)
    model.fit(axes[:, kept] * roots, accepted)
    return Dual(axes[:, kept] @ (model.coef_[0] / roots), float(model.intercept_[0]))


def probe(p: Products, accepted: Mask, *, c: float = 10.0) -> Floats:
    """Log-odds of a logistic regression with an L2 penalty, the classes weighing the same.

    The linear probe of Radford et al. 2021 (arXiv 2103.00020); c is the inverse
    strength of the penalty as in scikit-learn, which fits it.
    """
    return probe_dual(p, accepted, c=c).score(p)


RULES: dict[str, Callable[..., Floats]] = {
    "net": net,
    "gaussian": gaussian,
    "cache": cache,
    "probe": probe,
}
LINEAR: dict[str, Callable[..., Dual | None]] = {
    "net": net_dual,
    "gaussian": gaussian_dual,
    "probe": probe_dual,
}
