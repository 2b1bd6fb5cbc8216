"""Scores of references under rules that have not seen them, twice nested.

The fold that yields a calibration score takes no part in choosing, so every
choice inside a fold rests on scores with two folds left out. The model that
leaves out folds f and g serves both ways, so F folds cost F (F + 1) / 2 fits.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_qualify.decide.rules import Floats, Mask, Products, unit
from napari_qualify.decide.settings import Setting

MAX_FOLDS = 40
# Standardising divides by the references' deviation; features that hardly vary are damped.
_DEVIATION_FLOOR = 0.1


@dataclass(frozen=True, eq=False)
class Space:
    """How vectors are standardised on a set of references: mean and divisor, shape (d,)."""

    mean: Floats
    divisor: Floats

    def __call__(self, vectors: Floats) -> Floats:
        """Vectors (m, d) standardised, and of unit length again."""
        return unit((vectors - self.mean) / self.divisor)


def standardise(references: Floats) -> Space:
    """Feature-wise mean and deviation of references (n, d), small deviations damped.

    Two references do not tell spread within a side from the difference between
    the sides: with fewer than three the vectors stay as they are, so that every
    rule is the nearest reference at 1 + 1.
    """
    if len(references) < 3:
        return Space(np.zeros(references.shape[1]), np.ones(references.shape[1]))
    deviation = references.std(axis=0)
    typical = np.sqrt(np.mean(deviation**2))
    divisor = np.sqrt(deviation**2 + (_DEVIATION_FLOOR * typical) ** 2)
    return Space(references.mean(axis=0), np.where(divisor > 1e-12, divisor, 1.0))


def fold_of_groups(
    groups: Sequence[str], accepted: Mask, limit: int = MAX_FOLDS
) -> NDArray[np.intp]:
    """Fold number of every reference; a group is never split.

    Leave one group out up to `limit` groups; above it groups are dealt in turn,
    the accepted ones first, so that every fold holds both sides.

    Parameters
    ----------
    groups : sequence of str, length n
    accepted : ndarray of bool, shape (n,)

    Returns
    -------
    ndarray of int, shape (n,)
    """
    names = np.asarray(groups, dtype=object)
    sides = {name: bool(accepted[names == name].mean() > 0.5) for name in sorted(set(groups))}
    dealt = sorted(sides, key=lambda name: (not sides[name], name))
    number = {name: i % limit for i, name in enumerate(dealt)}
    return np.array([number[name] for name in groups], dtype=np.intp)


@dataclass(frozen=True, eq=False)
class NestedScores:
    """Scores of the references by models that left them out.

    Attributes
    ----------
    outer : ndarray of float, shape (settings, n)
        Reference i under the model without its own fold.
    inner : ndarray of float, shape (settings, folds, n)
        Reference i under the model without fold f and without its own fold;
        NaN for the references of fold f itself. Also NaN, in both, where
        leaving out would leave one side without references.
    """

    outer: Floats
    inner: Floats


def nested_scores(
    vectors: Floats,
    accepted: Mask,
    folds: NDArray[np.intp],
    settings: Sequence[Setting],
) -> NestedScores:
    """Score every reference with its fold, and each pair of folds, left out.

    Parameters
    ----------
    vectors : ndarray of float, shape (n, d)
        Unit vectors of the references.
    accepted : ndarray of bool, shape (n,)
    folds : ndarray of int, shape (n,)
        From `fold_of_groups`.
    settings : sequence of Setting
    """
    count = int(folds.max()) + 1
    outer = np.full((len(settings), len(folds)), np.nan)
    inner = np.full((len(settings), count, len(folds)), np.nan)
    gram = vectors @ vectors.T
    for f in range(count):
        for g in range(f, count):
            out = (folds == f) | (folds == g)
            kept = accepted[~out]
            if kept.all() or not kept.any():
                continue
            spaces = _products_without(vectors, gram, out, settings)
            in_f, in_g = folds[out] == f, folds[out] == g
            rows = np.flatnonzero(out)
            for s, setting in enumerate(settings):
                scores = setting.score(spaces[setting.standardised], kept)
                if f == g:
                    outer[s, rows] = scores
                else:
                    inner[s, f, rows[in_g]] = scores[in_g]
                    inner[s, g, rows[in_f]] = scores[in_f]
    return NestedScores(outer, inner)


def _products_without(
    vectors: Floats, gram: Floats, out: Mask, settings: Sequence[Setting]
) -> dict[bool, Products]:
    """Products of the left-out references with the kept ones, plain and standardised."""
    dim = vectors.shape[1]
    found: dict[bool, Products] = {}
    wanted = {setting.standardised for setting in settings}
    if False in wanted:
        found[False] = Products(
            gram[np.ix_(~out, ~out)], gram[np.ix_(out, ~out)], np.diag(gram)[out], dim
        )
    if True in wanted:
        space = standardise(vectors[~out])
        kept, left = space(vectors[~out]), space(vectors[out])
        found[True] = Products(kept @ kept.T, left @ kept.T, np.einsum("ij,ij->i", left, left), dim)
    return found
