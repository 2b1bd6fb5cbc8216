import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_qualify.errors import UsageError
from napari_qualify.measure.limit import Limit
from napari_qualify.measure.run import measure
from napari_qualify.segment.phases import Phases


def table(value: float, low: float, high: float, unit: str = "", name: str = "area_fraction"):
    row = ("a.tif", "pore", name, value, low, high, unit, 36, "within-field; made up")
    columns = ["image", "phase", "measure", "value", "low", "high", "unit", "n", "method"]
    return pd.DataFrame([row], columns=columns)


@pytest.mark.parametrize(
    ("text", "phase", "name", "op", "value", "unit"),
    [
        ("pore.area_fraction <= 0.01", "pore", "area_fraction", "<=", 0.01, ""),
        ("pore.area_fraction<1%", "pore", "area_fraction", "<", 0.01, ""),
        (" pore . area_fraction ≤ 1 % ", "pore", "area_fraction", "<=", 0.01, ""),
        ("pore.area_fraction >= 1e-2", "pore", "area_fraction", ">=", 0.01, ""),
        ("carbide (WC).count > .5", "carbide (WC)", "count", ">", 0.5, ""),
        ("dissolved carbide.equivalent_diameter < 30 um", "dissolved carbide",
         "equivalent_diameter", "<", 30, "um"),
        ("c.equivalent_diameter < 30", "c", "equivalent_diameter", "<", 30, "um"),
        ("c.equivalent_diameter < 30 µm", "c", "equivalent_diameter", "<", 30, "um"),
        ("c.equivalent_diameter < 30 nm", "c", "equivalent_diameter", "<", 0.03, "um"),
        ("c.equivalent_diameter < 30px", "c", "equivalent_diameter", "<", 30, "px"),
        ("c.number_density >= 200 /mm²", "c", "number_density", ">=", 2e-4, "1/um2"),
        ("c.number_density >= 2 1/um^2", "c", "number_density", ">=", 2, "1/um2"),
        ("a.b.count <= 3", "a.b", "count", "<=", 3, ""),
        ("pore.porosity <= 2 %", "pore", "porosity", "<=", 0.02, ""),
        ("c.equivalent_diameter_d90 < 5", "c", "equivalent_diameter_d90", "<", 5, "um"),
        ("c.clark_evans_ratio > 0.8", "c", "clark_evans_ratio", ">", 0.8, ""),
        ("crack.crack_length_density < 3 1/mm", "crack", "crack_length_density", "<", 3e-3,
         "1/um"),
        ("boundary.mean_grain_area < 0.01 mm²", "boundary", "mean_grain_area", "<", 1e4, "um2"),
        ("boundary.grain_size_number >= 8", "boundary", "grain_size_number", ">=", 8, ""),
    ],
)  # fmt: skip
def test_limits_read_as_written(text, phase, name, op, value, unit) -> None:
    limit = Limit.parse(text)
    assert (limit.phase, limit.measure, limit.op, limit.unit) == (phase, name, op, unit)
    assert limit.value == pytest.approx(value)
    assert str(limit) == text.strip()
    assert Limit.parse(str(limit)) == limit


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not understood"),
        ("pore", "is not understood"),
        ("pore.area_fraction", "is not understood"),
        ("pore.area_fraction == 1", "is not understood"),
        ("pore.area_fraction <= one", "is not understood"),
        ("pore.area_fraction <= nan", "is not understood"),
        ("pore.area_fraction <= 0.01 0.02", "is not understood"),
        (".area_fraction <= 1", "is not understood"),
        ("pore.area <= 1", "measures are area_fraction, porosity, count"),
        ("pore.area_fraction <= 1 um", "not measured in 'um'; use no unit, %"),
        ("pore.count <= 1 %", "not measured in '%'; use no unit"),
        ("pore.equivalent_diameter <= 1 %", "use um, px, nm, mm"),
        ("pore.area_fraction <= 1e999", "not finite"),
    ],
)
def test_wrong_limits_say_what_is_known(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Limit.parse(text)


@pytest.mark.parametrize(
    ("text", "low", "high", "verdict", "reason"),
    [
        ("pore.area_fraction <= 0.01", 0.002, 0.01, "accept", ""),
        ("pore.area_fraction < 0.01", 0.002, 0.01, "review", "interval_spans_limit"),
        ("pore.area_fraction <= 0.01", 0.01, 0.02, "review", "interval_spans_limit"),
        ("pore.area_fraction < 0.01", 0.01, 0.02, "reject", ""),
        ("pore.area_fraction <= 0.01", 0.011, 0.02, "reject", ""),
        ("pore.area_fraction <= 0.01", 0.005, 0.02, "review", "interval_spans_limit"),
        ("pore.area_fraction >= 0.01", 0.01, 0.02, "accept", ""),
        ("pore.area_fraction > 0.01", 0.01, 0.02, "review", "interval_spans_limit"),
        ("pore.area_fraction >= 0.01", 0.001, 0.009, "reject", ""),
        ("pore.area_fraction <= 0.01", math.nan, math.nan, "review", "no_interval"),
    ],
)
def test_the_verdict_follows_from_where_the_interval_lies(
    text: str, low: float, high: float, verdict: str, reason: str
) -> None:
    found = Limit.parse(text).judge(table(0.0101, low, high), "porosity")
    assert (found.verdict, found.reason) == (verdict, reason)
    assert (found.criterion, found.modality, found.rule) == ("porosity", "measure", "limit")
    assert (found.value, found.limit, found.unit) == (0.0101, text, "")
    assert found.value_low == (None if math.isnan(low) else low)
    assert found.call == ("accept" if ">" in text else "reject")
    assert "Segmentation error" in found.messages[-1]


FINITE = st.floats(0, 1)


@given(FINITE, FINITE, FINITE)
def test_an_opposite_limit_gives_the_opposite_verdict(bound: float, a: float, b: float) -> None:
    values = table((a + b) / 2, min(a, b), max(a, b))
    below = Limit.parse(f"pore.area_fraction <= {bound!r}").judge(values)
    above = Limit.parse(f"pore.area_fraction > {bound!r}").judge(values)
    opposite = {"accept": "reject", "reject": "accept", "review": "review"}
    assert above.verdict == opposite[below.verdict]
    assert above.call == opposite[below.call]
    if below.verdict != "review":
        assert below.call == below.verdict


def test_without_phases_or_that_phase_it_is_a_review() -> None:
    limit = Limit.parse("crack.count <= 0")
    for found in (limit.judge(None), limit.judge(measure([])), limit.judge(table(1, 1, 1))):
        assert (found.verdict, found.reason, found.call) == ("review", "no_phases", None)
        assert found.value is None
    assert "phases are pore" in limit.judge(table(1, 1, 1)).messages[0]


def test_units_that_do_not_meet_are_a_review_with_a_remedy() -> None:
    values = table(5, 4, 6, "px", "equivalent_diameter")
    found = Limit.parse("pore.equivalent_diameter <= 30 um").judge(values)
    assert (found.verdict, found.call, found.unit) == ("review", None, "px")
    assert "give the pixel size" in found.messages[0]
    values = table(5, 4, 6, "um", "equivalent_diameter")
    found = Limit.parse("pore.equivalent_diameter <= 30 px").judge(values)
    assert found.verdict == "review"
    assert "write it in um" in found.messages[0]
    assert Limit.parse("pore.equivalent_diameter <= 30 um").judge(values).verdict == "accept"


def test_a_measure_that_does_not_exist_is_a_review() -> None:
    values = table(math.nan, math.nan, math.nan, "um", "equivalent_diameter")
    found = Limit.parse("pore.equivalent_diameter <= 30 um").judge(values)
    assert (found.verdict, found.reason, found.call, found.value) == (
        "review", "no_interval", None, None)  # fmt: skip
    assert "Nothing to measure" in found.messages[0]


def test_one_micrograph_at_a_time() -> None:
    both = pd.concat([table(1, 1, 1), table(2, 2, 2)])
    with pytest.raises(UsageError, match="one at a time"):
        Limit.parse("pore.area_fraction <= 1").judge(both)


def test_from_pixels_to_a_verdict() -> None:
    rng = np.random.default_rng(0)
    labels = np.where(rng.random((200, 200)) < 0.05, 1, 2)
    values = measure(Phases(labels, {1: "pore", 2: "matrix"}))
    for text, verdict in (
        ("pore.area_fraction <= 1 %", "reject"),
        ("pore.area_fraction <= 10 %", "accept"),
        ("pore.area_fraction <= 0.05", "review"),
    ):
        assert Limit.parse(text).judge(values).verdict == verdict
