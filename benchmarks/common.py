"""Small helpers that several benchmarks share."""

from pathlib import Path

import numpy as np
from scipy.stats import t


def mean_interval(values: np.ndarray, confidence: float = 0.95) -> tuple[float, float]:
    """Mean and half width of its Student interval; 0 for a single value."""
    if len(values) < 2:
        return float(values.mean()), 0.0
    half = t.ppf(0.5 + confidence / 2, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
    return float(values.mean()), float(half)


def peak_mb() -> float:
    """Peak memory of this process; `ru_maxrss` would begin with that of its parent."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return float("nan")
