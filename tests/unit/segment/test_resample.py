import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from napari_qualify.segment.resample import combine, resampled, taps

RNG = np.random.default_rng(0)


@given(
    st.integers(0, 300), st.integers(1, 60), st.floats(1 / 16, 16), st.integers(1, 500),
    st.booleans(),
)  # fmt: skip
def test_weights_sum_to_one_inside_the_image(first, count, step, length, smooth):
    indices, weights = taps(first, first + count, step, (0, length), smooth=smooth)
    assert indices.shape == weights.shape and indices.shape[1] == count
    assert indices.min() >= 0 and indices.max() < length
    assert np.allclose(weights.sum(0), 1, atol=1e-5)
    assert smooth or weights.min() >= 0


@given(st.integers(0, 150), st.integers(1, 50), st.floats(0.2, 4))
def test_a_part_equals_the_whole_to_the_last_bit(first, count, step):
    line = RNG.integers(0, 256, 900).astype(np.uint8)
    whole = combine(line, taps(0, 220, step, (0, 900)), 0, 0)
    along = taps(first, first + count, step, (0, 900))
    low = int(along[0].min())
    part = combine(line[low : int(along[0].max()) + 1], along, low, 0)
    assert np.array_equal(part, whole[first : first + count])


@pytest.mark.parametrize("factor", [0.5, 2, 4])
@pytest.mark.parametrize("colour", [False, True])
def test_the_kernel_is_that_of_pillow(factor, colour):
    # Middling values: Pillow clips between its two passes.
    image = RNG.integers(90, 166, (96, 128, 3) if colour else (96, 128)).astype(np.uint8)
    found = resampled(image, factor)
    size = int(128 / factor), int(96 / factor)
    theirs = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))
    edge = 10 if factor < 1 else 3  # where the two treat the border differently
    inside = (slice(edge, -edge), slice(edge, -edge))
    assert found.shape == theirs.shape
    assert np.abs(found[inside].astype(int) - theirs[inside]).max() <= 2


def test_a_flat_image_stays_flat_and_sides_are_rounded_up():
    found = resampled(np.full((33, 50), 77, np.uint8), 1.9)
    assert found.shape == (18, 27) and set(np.unique(found)) == {77}
