import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from napari_qualify.intensity import Intensity
from napari_qualify.segment.tile_source import Source


def lazy(image):
    return da.from_array(image, chunks=(7, 5))


@settings(max_examples=150, deadline=None)
@given(
    arrays(
        st.sampled_from(
            [np.int8, np.uint16, np.int16, np.float16, np.int32, np.uint32, np.float32]
            + [np.int64, np.uint64, np.float64]
        ),
        array_shapes(min_dims=2, max_dims=2, max_side=20),
    )
)
def test_limits_are_those_in_memory(image):
    if np.isfinite(image).any():
        with np.errstate(over="ignore", invalid="ignore"):  # of the largest floats
            expected = Intensity().limits(image)
            found = Source(lazy(image)).limits
        assert np.array_equal(found, expected, equal_nan=True)


def test_long_tails_and_nan():
    image = np.exp(np.random.default_rng(0).normal(0, 3, (400, 300))).astype(np.float32)
    image[:9] = np.nan
    image[10, 10] = np.inf
    image[20, 20] = 3e38
    assert Source(lazy(image)).limits == Intensity().limits(image)
    assert Source(lazy(image)).limits[1] < 1e6


@pytest.mark.parametrize(
    "image", [np.full((9, 9), 3.5), np.pad([[7.0]], 40), np.full((9, 9), 700, np.uint16)]
)
def test_few_values_differ(image):
    assert Source(lazy(image)).limits == Intensity().limits(image)


def test_booleans_are_black_and_white():
    image = np.eye(20, dtype=bool)
    assert np.array_equal(
        Source(lazy(image)).window(slice(3, 9), slice(2, 9)), 255 * image[3:9, 2:9]
    )
