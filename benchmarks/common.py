"""Small helpers that several benchmarks share."""

import numpy as np
from scipy.stats import t


def mean_interval(values: np.ndarray, confidence: float = 0.95) -> tuple[float, float]:
    """Mean and half width of its Student interval; 0 for a single value."""
    if len(values) < 2:
        return float(values.mean()), 0.0
    half = t.ppf(0.5 + confidence / 2, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
    return float(values.mean()), float(half)
