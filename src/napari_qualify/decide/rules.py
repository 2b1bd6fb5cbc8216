"""The rules: how accepted and rejected references score a micrograph.

Each rule is one function and one row of `RULES`. All work on inner products
alone (the dual form), because references are few and vectors long: a rule sees
the Gram matrix of the references and the products of the judged vectors with
them, so that leaving references out costs no pass over the vectors.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qualify.errors import UsageError

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
        total = np.logaddexp.reduce(sharpness * similarities, axis=1)
        return np.asarray((total - np.log(similarities.shape[1])) / sharpness)
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
    return pool_similarity(similarities[:, accepted], pool, sharpness) - pool_similarity(
        similarities[:, ~accepted], pool, sharpness
    )


def gaussian(p: Products, accepted: Mask, *, shrinkage: float = 0.1) -> Floats:
    """Log-odds of two Gaussians with a shared covariance, shrunk to its mean variance.

    ``x.w + b`` with ``w = S^-1 (mean P - mean N)`` and
    ``S = (1 - shrinkage) S_pooled + shrinkage nu I``, ``nu`` the mean variance;
    linear discriminant analysis with the shrinkage of Friedman, JASA 84 (1989)
    165, solved for the references' coefficients by the Woodbury identity. Where
    the references do not vary within their class (1 + 1), S is the unit matrix
    and the rule is the nearest mean.
    """
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
    return np.asarray((p.across - (average @ p.among)[None, :]) @ coefficients)


@dataclass(frozen=True)
class Setting:
    """A rule with its settings; what `auto` chooses among.

    Attributes
    ----------
    rule : str
        Key of `RULES`.
    options : mapping
        Keyword arguments of the rule.
    standardised : bool
        Vectors are standardised feature by feature on the references, and
        scaled to unit length again, before the rule sees them.
    """

    rule: str
    options: Mapping[str, Any] = field(default_factory=dict)
    standardised: bool = False

    def __str__(self) -> str:
        parts = [f"{key}={value}" for key, value in self.options.items()]
        if self.standardised:
            parts.append("standardised=True")
        return f"{self.rule}({', '.join(parts)})"

    def score(self, p: Products, accepted: Mask) -> Floats:
        """Scores of the judged vectors, shape (m,); higher is more acceptable."""
        return RULES[self.rule](p, accepted, **self.options)


RULES: dict[str, Callable[..., Floats]] = {"net": net, "gaussian": gaussian}

# Of equal candidates `auto` keeps the first, so a tie goes to `net`.
CANDIDATES: tuple[Setting, ...] = (
    Setting("net", {"pool": "soft", "sharpness": 5.0, "centred": True}, standardised=True),
    Setting("net", {"pool": "soft", "sharpness": 5.0, "centred": True}),
    Setting("net", {"pool": "mean"}),
    Setting("net", {"pool": "max"}),
    Setting("gaussian", {"shrinkage": 0.1}, standardised=True),
    Setting("gaussian", {"shrinkage": 0.1}),
)


# Taken where the references are too few to choose on: on few references of real and of rendered
# micrographs it ranks best or as well as any (benchmarks/qe_microstructure.py).
DEFAULT = Setting("gaussian", {"shrinkage": 0.1}, standardised=True)


def candidates(rule: str) -> tuple[Setting, ...]:
    """Settings that a criterion's rule allows.

    Parameters
    ----------
    rule : str
        ``auto``; a rule's name, for all its settings; or one setting written
        out as `Setting` prints it, for example ``net(pool=max)``.

    Raises
    ------
    UsageError
        If there is no such rule or option.
    """
    if rule == "auto":
        return CANDIDATES
    if rule in RULES:
        return tuple(setting for setting in CANDIDATES if setting.rule == rule)
    return (parse_setting(rule),)


def parse_setting(text: str) -> Setting:
    """Read back what ``str(Setting(...))`` writes, checking names and values.

    Raises
    ------
    UsageError
        If there is no such rule or option, or a value is out of range.
    """
    name, _, inside = text.strip().partition("(")
    parts = [part.partition("=") for part in inside.rstrip(")").split(",") if part.strip()]
    try:
        options = {key.strip(): _OPTIONS[key.strip()](value.strip()) for key, _, value in parts}
        standardised = options.pop("standardised", False)
        fits = set(options) <= _ALLOWED[name]
    except (KeyError, ValueError):
        fits = False
    if not fits or not 0 < options.get("shrinkage", 0.1) <= 1 or options.get("sharpness", 1) <= 0:
        raise UsageError(
            f"no rule {text!r}: use auto, net, gaussian, or one with its settings such as "
            "'net(pool=mean)', 'net(pool=soft, sharpness=5, centred=True, standardised=True)' or "
            "'gaussian(shrinkage=0.1)' (shrinkage above 0, at most 1; sharpness above 0)"
        )
    return Setting(name, options, standardised)


def _word(*allowed: str) -> Callable[[str], str]:
    """A parser that lets only the allowed words pass."""

    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError(text)
        return text

    return parse


def _truth(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


_OPTIONS: dict[str, Callable[[str], Any]] = {
    "pool": _word("mean", "max", "soft"),
    "sharpness": float,
    "shrinkage": float,
    "centred": _truth,
    "standardised": _truth,
}
_ALLOWED = {"net": {"pool", "sharpness", "centred"}, "gaussian": {"shrinkage"}}
