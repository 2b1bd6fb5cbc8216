"""Interval of the mean of a series along one direction, such as a layer's thickness."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import fft, signal, stats

from napari_qualify.measure.correlation import CORRELATED

MIN_LENGTHS = 6
"""Correlation lengths in the series below which there is no interval."""

_LEVEL = 0.95
_WAVES = 0.3  # cosines per correlation length: longer waves than the correlation alone
_FEWEST, _MOST = 3, 12


def correlation_length(series: NDArray[np.float64]) -> float:
    """Lag at which a series' autocorrelation first falls under `CORRELATED`.

    Parameters
    ----------
    series : ndarray of float, shape (n,)

    Returns
    -------
    float
        At least 1; 1 for a constant series, infinite beyond half of its length.
    """
    n = len(series)
    centred = series - series.mean()
    if np.ptp(series) <= 1e-9 * np.abs(series).max():
        return 1.0
    summed = signal.correlate(centred, centred, method="fft")[n - 1 :]
    covariance = summed / (n - np.arange(n))
    beyond = np.flatnonzero(covariance < CORRELATED * covariance[0])
    return float(beyond[0]) if len(beyond) and beyond[0] <= n // 2 else math.inf


def mean_interval(series: NDArray[np.float64]) -> tuple[float, float, int]:
    """95 % interval of the mean of a correlated series.

    The variance of the mean from the series' longest cosines, whose number gives
    the degrees of freedom of Student's t (Lazarus, Lewis, Stock and Watson 2018,
    "HAR inference: recommendations for practice", Journal of Business and Economic
    Statistics 36, 541-559; after Mueller 2004). The cosines are longer than the
    correlation: 0.3 per correlation length in the series, 3 to 12. On series as
    short as six correlation lengths it covers the truth more often than a
    bootstrap of blocks, which needs many blocks, each several lengths wide.

    Parameters
    ----------
    series : ndarray of float, shape (n,)
        Values at equal distances.

    Returns
    -------
    tuple
        Low, high (NaN below `MIN_LENGTHS`) and the correlation lengths in the series.
    """
    n = len(series)
    lengths = int(n / correlation_length(series))
    if lengths < MIN_LENGTHS:
        return math.nan, math.nan, lengths
    waves = int(np.clip(_WAVES * lengths, _FEWEST, _MOST))
    mean = float(series.mean())
    cosines = fft.dct(series - mean, type=2, norm="ortho")[1 : waves + 1]
    half = stats.t.ppf((1 + _LEVEL) / 2, waves) * math.sqrt(float(np.mean(cosines**2)) / n)
    return mean - half, mean + half, lengths
