import numpy as np
import pytest

from napari_qualify.segment.levels import LUMINANCE, Levels, luminance_histogram


def image(seed=0, shape=(40, 50)):
    return np.random.default_rng(seed).integers(20, 200, shape).astype(np.uint8)


def test_histogram_and_image_agree():
    grey = image()
    levels = Levels.of(grey)
    assert levels.mean == pytest.approx(grey.mean()) and levels.deviation == pytest.approx(
        grey.std()
    )
    assert Levels.of_histogram(np.bincount(grey.ravel(), minlength=256)) == levels


def test_apply_standardises_and_undoes_the_operator():
    grey = image(1) // 2
    values = Levels.of(grey).apply(grey)
    assert values.dtype == np.float32
    assert abs(values.mean()) < 1e-4 and values.std() == pytest.approx(1, abs=1e-4)
    brighter = grey * 2 + 30
    assert np.allclose(values, Levels.of(brighter).apply(brighter), atol=1e-5)


def test_a_flat_image_stays_flat():
    flat = np.full((20, 20), 90, np.uint8)
    levels = Levels.of(flat)
    assert levels == Levels(90.0, 1.0)
    assert np.array_equal(levels.apply(flat), np.zeros((20, 20), np.float32))


def test_colours_are_judged_by_their_luminance():
    grey = image(2)
    assert np.array_equal(
        luminance_histogram(np.repeat(grey[..., None], 3, axis=2)), luminance_histogram(grey)
    )
    colour = image(3, (40, 50, 3))
    levels = Levels.of(colour)
    assert levels.mean == pytest.approx((colour @ LUMINANCE).mean(), abs=0.05)
    expected = (colour.astype(float) - levels.mean) / levels.deviation
    assert np.allclose(levels.apply(colour), expected, atol=1e-5)
