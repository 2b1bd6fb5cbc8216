"""How well an int8 export agrees with its network in fp32, and how well it must."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAST_COSINE = 0.98
"""Of the int8 and the fp32 vector of any picture of the comparison."""

LEAST_RHO = 0.99
"""Spearman's rho of the similarities of all pairs of those pictures."""


@dataclass(frozen=True)
class Agreement:
    """How well an int8 export agrees with its network in fp32.

    Attributes
    ----------
    smallest_cosine : float
        Of the two vectors of a picture.
    spearman : float
        Rho of the similarities of all pairs of pictures.
    pictures : int
    onnx_sha256 : str
        Of the export; empty when it was refused and not kept.
    onnx_bytes : int
    """

    smallest_cosine: float
    spearman: float
    pictures: int
    onnx_sha256: str
    onnx_bytes: int

    @property
    def enough(self) -> bool:
        """Whether the export may be used."""
        return self.smallest_cosine >= LEAST_COSINE and self.spearman >= LEAST_RHO


def agreement(exact: NDArray[Any], found: NDArray[Any]) -> tuple[float, float]:
    """Smallest cosine, and Spearman's rho of the similarities of all pairs.

    Parameters
    ----------
    exact, found : ndarray, shape (n, dim)
        Unit vectors of the same pictures.

    Returns
    -------
    (float, float)
        Rho is NaN when all similarities of one of the two are equal.
    """
    from scipy.stats import spearmanr

    one, other = (np.asarray(v, np.float64) for v in (exact, found))
    pairs = np.triu_indices(len(one), 1)
    rho = spearmanr((one @ one.T)[pairs], (other @ other.T)[pairs]).statistic
    return float((one * other).sum(1).min()), float(rho)
