"""Small rendered fields that a network or a few strokes can learn in seconds."""

import numpy as np
import pytest
from scipy import ndimage

from napari_qualify.micrograph import Micrograph
from napari_qualify.segment.examples import Example


def _field(seed, side=96, gain=1.0, offset=0.0, grain=4.0, pixel=None, third=False):
    """Bright islands (a third of the area) in a grey matrix, and dark ones on request."""
    rng = np.random.default_rng(seed)
    height = ndimage.gaussian_filter(rng.normal(size=(side, side)), grain, mode="wrap")
    labels = (height > np.quantile(height, 0.67)).astype(np.uint8)
    if third:
        labels[height < np.quantile(height, 0.1)] = 2
    grey = np.array([110.0, 190.0, 30.0])[labels] + rng.normal(0, 6, labels.shape)
    image = np.clip(gain * grey + offset, 0, 255).astype(np.uint8)
    return Micrograph(image, pixel, f"f{seed}.tif"), labels


@pytest.fixture(scope="session")
def field():
    """Function of a seed that returns a micrograph and its labels."""
    return _field


@pytest.fixture(scope="session")
def example():
    """Function of a seed that returns an `Example`, each of its own specimen."""

    def make(seed, group=None, **more):
        micrograph, labels = _field(seed, **more)
        return Example(micrograph, labels, group or f"plate {seed}")

    return make


@pytest.fixture(scope="session")
def stroke():
    """Function that paints some short strokes per phase: label + 1, else 0."""

    def paint(labels, seed=0, number=10, length=8):
        rng = np.random.default_rng(seed)
        strokes = np.zeros(labels.shape, np.uint8)
        for value in np.unique(labels):
            inside = labels == value
            starts = np.argwhere(ndimage.binary_erosion(inside))
            for y, x in starts[rng.integers(len(starts), size=number)]:
                part = np.s_[y : y + 2, x : x + length]
                strokes[part][inside[part]] = value + 1
        return strokes

    return paint
