"""Places on the axes, and numbers as they are spelled."""

from hypothesis import assume, given
from hypothesis import strategies as st

from napari_qualify.decide.verdict import Verdict
from napari_qualify.report.axis import INSET, WIDTH, axis_of, limit_of
from napari_qualify.report.words import number, score

values = st.lists(st.floats(-1e6, 1e6) | st.none() | st.just(float("nan")), max_size=8)


@given(values, values, st.floats(-1e7, 1e7), st.floats(-1e7, 1e7))
def test_places_keep_the_order_and_stay_inside(ticks, marks, a, b):
    axis = axis_of(ticks, marks)
    low, high = sorted((a, b))
    assert INSET <= axis.x(low) <= axis.x(high) <= WIDTH - INSET


@given(values)
def test_every_value_is_inside_the_ends(ticks):
    axis = axis_of(ticks, [])
    finite = [t for t in ticks if t is not None and t == t]
    assert all(axis.low < t < axis.high for t in finite)
    assert axis.strip.count("M") == len({axis.x(t) for t in finite})


def test_the_limit_is_in_the_unit_of_the_value():
    share = Verdict("c", "accept", limit="pore.area_fraction <= 1 %")
    assert limit_of(share) == (True, 0.01)
    length = Verdict("c", "accept", limit="pore.equivalent_diameter > 500 nm", unit="um")
    assert limit_of(length) == (False, 0.5)
    pixels = Verdict("c", "review", limit="pore.equivalent_diameter > 500 nm", unit="px")
    assert limit_of(pixels) is None
    assert limit_of(Verdict("c", "review", limit="of a later version")) is None


@given(st.floats(-1e9, 1e9))
def test_a_spelled_number_is_near_the_number(value):
    assume(value == 0 or abs(value) > 1e-9)
    spelled = float(number(value).replace("−", "-"))
    assert abs(spelled - value) <= max(0.06 * abs(value), 1e-12)


def test_numbers_for_reading():
    assert [number(v) for v in (None, float("nan"), 0.0, 2.8e-17, 0.1, 0.0909, 12.34)] == [
        "–", "–", "0", "0", "0.10", "0.091", "12.3",
    ]  # fmt: skip
    assert [score(v) for v in (None, 0.0, -0.001, 1.0, -2.346)] == [
        "–", "0.00", "0.00", "+1.00", "−2.35",
    ]  # fmt: skip
