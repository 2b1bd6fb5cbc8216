"""Grey levels that a trained segmenter sees: standardised per micrograph.

Brightness and contrast are set by the operator; detectors of one microscope on
one specimen differ by more than its phases do. Each micrograph's levels are
therefore shifted to mean 0 and scaled to deviation 1, of its luminance.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of red, green and blue (ITU-R BT.601)."""

POLICY = "mean 0 and deviation 1 of the micrograph's 8-bit luminance"
_FLATTEST = 1.0  # grey level: less is noise of a featureless image


@dataclass(frozen=True)
class Levels:
    """Mean and deviation of a micrograph's 8-bit luminance.

    Attributes
    ----------
    mean, deviation : float
    """

    mean: float
    deviation: float

    @classmethod
    def of_histogram(cls, counts: NDArray[np.integer]) -> "Levels":
        """Levels of a histogram of 8-bit luminance, shape (256,)."""
        weights = np.asarray(counts, np.float64) / max(1, int(np.sum(counts)))
        values = np.arange(256.0)
        mean = float(weights @ values)
        variance = float(weights @ (values - mean) ** 2)
        return cls(mean, max(_FLATTEST, variance**0.5))

    @classmethod
    def of(cls, image: NDArray[np.uint8]) -> "Levels":
        """Levels of an 8-bit image, shape (Y, X) or (Y, X, 3)."""
        return cls.of_histogram(luminance_histogram(image))

    def apply(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Standardise 8-bit values of any shape; colour channels alike."""
        table = (np.arange(256, dtype=np.float32) - np.float32(self.mean)) / np.float32(
            self.deviation
        )
        return np.asarray(table[image])


def luminance_histogram(image: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Histogram, shape (256,), of the 8-bit luminance of an image (Y, X) or (Y, X, 3)."""
    grey = image if image.ndim == 2 else np.rint(image @ LUMINANCE).astype(np.uint8)
    return np.bincount(grey.ravel(), minlength=256).astype(np.int64)
