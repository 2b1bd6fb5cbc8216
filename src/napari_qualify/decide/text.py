"""Cross scores: a micrograph against the statements and the experts' descriptions."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_qualify.decide.rules import Floats, Mask, unit


@dataclass(frozen=True, eq=False)
class Texts:
    """Text vectors of one criterion, and its references in the text space.

    Attributes
    ----------
    accept, reject : ndarray of float, shape (a, t) and (b, t)
        Statements that describe acceptance and rejection; either may be empty.
    descriptions : ndarray of float, shape (n, t)
        Experts' words on each reference; a row of zeros where there are none.
    references : ndarray of float, shape (n, t)
        Visual vectors of the references, taken into the text space.
    """

    accept: Floats
    reject: Floats
    descriptions: Floats
    references: Floats

    def __post_init__(self) -> None:
        for name in ("accept", "reject", "descriptions", "references"):
            object.__setattr__(self, name, unit(getattr(self, name)))

    def has_both_sides(self, accepted: Mask) -> bool:
        """Whether either side has a statement or a description."""
        described = self.descriptions.any(axis=1)
        return bool(
            (len(self.accept) or (described & accepted).any())
            and (len(self.reject) or (described & ~accepted).any())
        )

    def part(self, kept: Mask) -> "Texts":
        """All statements, with those references and descriptions that a mask keeps."""
        return Texts(self.accept, self.reject, self.descriptions[kept], self.references[kept])

    def direction(self, accepted: Mask, kept: Mask) -> Floats:
        """``mean(T+) - mean(T-)`` with the descriptions of the kept references.

        A micrograph's cross score c is the product of its unit vector in the
        text space with it. NaN where leaving out leaves a side without text.
        """
        described = self.descriptions.any(axis=1) & kept
        positive = np.vstack([self.accept, self.descriptions[described & accepted]])
        negative = np.vstack([self.reject, self.descriptions[described & ~accepted]])
        if not len(positive) or not len(negative):
            return np.full(self.descriptions.shape[1], np.nan)
        return np.asarray(positive.mean(axis=0) - negative.mean(axis=0))


def nested_cross(texts: Texts, accepted: Mask, folds: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """Cross scores of the references whose descriptions were left out.

    Returns
    -------
    outer : ndarray of float, shape (n,)
        With the descriptions of the own fold left out.
    inner : ndarray of float, shape (folds, n)
        With those of fold f left out too; NaN for fold f itself.
    """
    count = int(folds.max()) + 1
    outer = np.full(len(folds), np.nan)
    inner = np.full((count, len(folds)), np.nan)
    for f in range(count):
        for g in range(f, count):
            direction = texts.direction(accepted, (folds != f) & (folds != g))
            for own, other in ((f, g), (g, f)):
                rows = folds == own
                scores = texts.references[rows] @ direction
                if f == g:
                    outer[rows] = scores
                else:
                    inner[other, rows] = scores
    return outer, inner
