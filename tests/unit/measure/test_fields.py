import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from napari_qualify.errors import UsageError
from napari_qualify.measure.fields import measure_sample, pool_fields
from napari_qualify.measure.limit import Limit
from napari_qualify.measure.run import COLUMNS, measure
from napari_qualify.segment.phases import Phases

SHARE = ["area_fraction"]


def field(share: float, seed: int = 0, size: float | None = 0.5) -> Phases:
    """A field of noise of which exactly this share is pore."""
    values = np.random.default_rng(seed).permutation(10_000).reshape(100, 100)
    labels = np.where(values < share * 10_000, 2, 1)
    return Phases(labels, {1: "matrix", 2: "pore"}, size, image=f"{seed}.tif")


def row(table: pd.DataFrame, name: str = "area_fraction", phase: str = "pore") -> pd.Series:
    found = table[(table["phase"] == phase) & (table["measure"] == name)]
    assert len(found) == 1
    return found.iloc[0]


def made_up(values: list[float], name: str = "mean_free_path") -> list[pd.DataFrame]:
    rows = [("f", "pore", name, v, v - 1, v + 1, "um", 9, "within-field") for v in values]
    return [pd.DataFrame([each], columns=list(COLUMNS)) for each in rows]


def test_mean_and_interval_are_those_of_the_standard() -> None:
    # ASTM E562: mean, t s / sqrt(n) with t = 2.776 for 5 fields.
    shares = [0.10, 0.12, 0.09, 0.11, 0.13]
    fields = [field(s, i) for i, s in enumerate(shares)]
    table = measure_sample(fields, "bar A", ["area_fraction", "porosity"])
    assert tuple(table.columns) == COLUMNS
    found = row(table)
    half = 2.776 * np.std(shares, ddof=1) / math.sqrt(5)
    assert found["value"] == pytest.approx(0.11)
    assert (found["low"], found["high"]) == pytest.approx((0.11 - half, 0.11 + half), rel=1e-4)
    assert (found["image"], found["n"], found["unit"]) == ("bar A", 5, "")
    assert f"relative accuracy {100 * half / 0.11:.1f} %" in found["method"]
    assert "E562" in found["method"]
    assert not table.duplicated(["phase", "measure"]).any()


@given(st.lists(st.floats(5, 500), min_size=2, max_size=12, unique=True))
def test_the_interval_is_students(values: list[float]) -> None:
    found = row(pool_fields(made_up(values)), "mean_free_path")
    low, high = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
    assert found["value"] == pytest.approx(np.mean(values))
    assert (found["low"], found["high"]) == pytest.approx((max(low, 0), high), abs=1e-6)


def test_few_fields_and_a_coarse_result_are_warned_of() -> None:
    def method(values: list[float]) -> str:
        return str(row(pool_fields(made_up(values)), "mean_free_path")["method"])

    assert "warning" not in method([100, 101, 102])
    assert "warning: under 3 fields" in method([100.0, 100.1])
    assert "relative accuracy above" not in method([100.0, 100.1])
    assert "warning: relative accuracy above 10 %" in method([100, 150, 80])


def test_shares_stay_between_none_and_all() -> None:
    table = measure_sample([field(0.001), field(0.2)], measures=["area_fraction"])
    assert row(table)["low"] == 0
    other = row(table, phase="matrix")
    assert other["high"] == 1
    number = row(pool_fields(made_up([-1, 5], "grain_size_number")), "grain_size_number")
    assert number["low"] < -10  # a grain size number may be negative


def test_one_field_keeps_its_own_interval() -> None:
    alone, sample = row(measure(field(0.1), SHARE)), row(measure_sample([field(0.1)], "bar", SHARE))
    assert (sample["value"], sample["low"], sample["high"]) == tuple(
        alone[["value", "low", "high"]]
    )
    assert sample["method"].startswith("one field") and "within-field" in sample["method"]


def test_fields_without_a_value_are_left_out_and_named() -> None:
    found = row(pool_fields(made_up([10, 11, math.nan, 12])), "mean_free_path")
    assert (found["value"], found["n"]) == (11, 3)
    assert "not to be had in 1 of 4 fields" in found["method"]
    nothing = row(pool_fields(made_up([math.nan] * 3)), "mean_free_path")
    assert math.isnan(nothing["value"]) and nothing["n"] == 0


def test_a_phase_that_no_field_shows_is_bounded_by_all_blocks() -> None:
    fields = [
        Phases(field(0.2, i).labels, {1: "matrix", 2: "pore", 3: "crack"}, 0.5) for i in range(3)
    ]
    one, three = (
        row(table, phase="crack")
        for table in (measure(fields[0], SHARE), measure_sample(fields, "", SHARE))
    )
    assert (three["value"], three["low"], three["n"]) == (0, 0, 3)
    blocks = sum(row(measure(each, SHARE), phase="crack")["n"] for each in fields)
    assert three["high"] == pytest.approx(1 - 0.025 ** (1 / blocks))
    assert three["high"] < one["high"] / 2


def test_fields_that_do_not_vary_have_no_interval() -> None:
    found = row(pool_fields(made_up([7, 7, 7])), "mean_free_path")
    assert found["value"] == 7 and math.isnan(found["low"])
    assert "do not vary" in found["method"]


def test_a_limit_judges_a_sample() -> None:
    shares = [0.10, 0.12, 0.09, 0.11, 0.13]
    fields = [field(s, i) for i, s in enumerate(shares)]
    table = measure_sample(fields, "bar A", ["area_fraction", "porosity"])
    for text, verdict in (
        ("pore.area_fraction <= 20 %", "accept"),
        ("pore.porosity <= 5 %", "reject"),
        ("pore.area_fraction <= 0.12", "review"),
    ):
        found = Limit.parse(text).judge(table)
        assert found.verdict == verdict
        assert "relative accuracy" in found.messages[0]


def test_fields_must_agree_on_the_unit_and_exist() -> None:
    with pytest.raises(UsageError, match="1/px2 and 1/um2; give the pixel size"):
        measure_sample([field(0.1, size=None), field(0.1)], "bar", ["number_density"])
    with pytest.raises(UsageError, match="'bar' has no fields"):
        measure_sample([], "bar")


def test_grains_are_warned_of_once_and_by_the_sample() -> None:
    name = "mean_lineal_intercept"
    alone = made_up([7.0], name)[0].assign(
        method="within-field; WARNING: 1 field, ASTM E112 asks for 3", n=60
    )
    assert row(pool_fields([alone]), name)["method"].lower().count("warning") == 1
    few = [alone.assign(value=7 + k / 10, n=n) for k, n in enumerate((60, 49, 70, 12))]
    method = row(pool_fields(few), name)["method"]
    assert "ASTM E112 asks for 3" not in method and "within-field" not in method
    assert "under 50 counted in 2 of 4 fields" in method
    many = row(pool_fields([each.assign(n=50) for each in few]), name)["method"]
    assert "warning" not in many.lower()
