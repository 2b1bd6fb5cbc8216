import math

import numpy as np
import pytest
from scipy import ndimage

from napari_qualify.measure.series import MIN_LENGTHS, correlation_length, mean_interval


def curve(rng: np.random.Generator, n: int, sigma: float) -> np.ndarray:
    """Stationary Gaussian heights of mean 0, their autocorrelation exp(-lag^2 / 4 sigma^2)."""
    margin = math.ceil(5 * sigma)
    return ndimage.gaussian_filter1d(rng.normal(size=n + 2 * margin), sigma)[margin:-margin]


@pytest.mark.parametrize("sigma", [3.0, 10.0])
def test_the_length_is_where_the_autocorrelation_falls_below_a_tenth(sigma: float) -> None:
    found = correlation_length(curve(np.random.default_rng(0), 20_000, sigma))
    assert found == pytest.approx(2 * sigma * math.sqrt(math.log(10)), rel=0.15)


def test_a_constant_series_has_its_value_as_interval() -> None:
    assert correlation_length(np.full(60, 7.0)) == 1
    assert mean_interval(np.full(60, 7.0)) == (7.0, 7.0, 60)


def test_a_slope_is_correlated_over_the_field_and_has_no_interval() -> None:
    low, high, lengths = mean_interval(np.arange(200.0))
    assert math.isnan(low)
    assert math.isnan(high)
    assert lengths < MIN_LENGTHS


def test_the_interval_moves_and_scales_with_the_series() -> None:
    series = curve(np.random.default_rng(1), 500, 5)
    low, high, lengths = mean_interval(series)
    assert low < series.mean() < high
    assert mean_interval(3 * series + 7) == (
        pytest.approx(3 * low + 7), pytest.approx(3 * high + 7), lengths,
    )  # fmt: skip


@pytest.mark.parametrize("sigma", [4.0, 15.0])
def test_the_interval_covers_the_mean_of_the_process(sigma: float) -> None:
    rng = np.random.default_rng(5)
    found = [mean_interval(curve(rng, 1024, sigma)) for _ in range(400)]
    known = [low <= 0 <= high for low, high, _ in found if not math.isnan(low)]
    assert len(known) > 360
    # 95 % nominal, within three standard errors of 400 trials.
    assert 0.915 <= np.mean(known) <= 0.985
