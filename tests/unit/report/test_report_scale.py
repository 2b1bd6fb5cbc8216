"""The scale bar beside a picture."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_qualify.report.pictures import scale_bar


@given(st.integers(16, 20_000), st.integers(16, 20_000), st.floats(1e-4, 1e3))
def test_a_bar_is_a_round_length_of_its_share_of_the_longest_side(height, width, pixel_size):
    bar = scale_bar((height, width), pixel_size)
    assert f"{bar.um:e}"[0] in "125"
    assert bar.share * max(height, width) * pixel_size == pytest.approx(bar.um)
    assert 0.4 * 0.4 * width <= bar.um / pixel_size <= 0.4 * width * 1.000001


@pytest.mark.parametrize(
    ("pixel_size", "label"), [(0.9, "100 µm"), (0.0005, "50 nm"), (20.0, "2 mm"), (0.01, "1 µm")]
)
def test_its_label_has_the_unit_that_people_use(pixel_size, label):
    assert scale_bar((400, 400), pixel_size).label == label


def test_without_calibration_there_is_no_bar():
    assert scale_bar((400, 400), None) is None
    assert scale_bar(None, 1.0) is None
