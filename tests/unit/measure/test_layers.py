import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.io import imread

from napari_qualify.errors import SegmentationError, UsageError
from napari_qualify.measure.layers import along_columns, along_normal, layer_thickness
from napari_qualify.measure.row import Row
from napari_qualify.segment.phases import Phases

EBC = Path(__file__).resolve().parents[4] / "shared" / "data" / "nasa_ebc_super"


def band(angle: float, thickness: float, side: int = 300) -> np.ndarray:
    """A straight layer through the middle, its direction turned by an angle."""
    y, x = np.mgrid[:side, :side] - side / 2 + 0.37
    return np.abs(y * math.cos(angle) - x * math.sin(angle)) <= thickness / 2


def rough(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    top, bottom = (np.convolve(rng.normal(size=408), np.ones(9) / 3, "valid") for _ in range(2))
    y = np.arange(150)[:, None]
    return (y >= 60 + top) & (y < 90 + bottom)


def phases(mask: np.ndarray, size: float | None = None) -> Phases:
    return Phases(mask.astype(np.uint8) + 1, {1: "matrix", 2: "oxide"}, size)


def by_name(rows: list[Row]) -> dict[str, Row]:
    return {row.measure: row for row in rows}


def test_columns_are_counted_pixel_by_pixel() -> None:
    labels = np.array([[1, 1, 1, 1], [2, 2, 1, 1], [2, 3, 2, 1], [1, 2, 1, 1]])
    found = Phases(labels, {1: "matrix", 2: "oxide", 3: "crack"})
    rows = by_name(layer_thickness(found, "oxide", also=("crack",)))
    assert rows["layer_thickness"].value == (2 + 3 + 1 + 0) / 4
    assert rows["layer_thickness_max"].value == 3
    assert rows["layer_thickness_min"].value == 0
    assert "oxide with the crack touching it" in rows["layer_thickness"].method
    alone = by_name(layer_thickness(found, "oxide", also=()))
    assert alone["layer_thickness"].value == (2 + 2 + 1 + 0) / 4


def test_cracks_count_as_layer_where_they_touch_it() -> None:
    labels = np.ones((40, 60), int)
    labels[15:25] = 2
    labels[12:18, 10:14] = 3  # its mouth is outside
    labels[25:30, 30] = 4  # leaves the layer, and goes on as another
    labels[30:32, 31] = 3
    labels[35:38] = 3  # another's
    names = {1: "matrix", 2: "oxide", 3: "Cracks", 4: "fine crack"}
    rows = by_name(layer_thickness(Phases(labels, names), "oxide"))
    assert rows["layer_thickness"].value == 10 + (4 * 3 + 5 + 2) / 60
    assert rows["layer_thickness_max"].value == 15
    assert "oxide with the Cracks, fine crack touching it" in rows["layer_thickness"].method
    renamed = Phases(labels, {1: "matrix", 2: "oxide", 3: "carbide", 4: "pore"})
    assert by_name(layer_thickness(renamed, "oxide"))["layer_thickness"].value == 588 / 60


@pytest.mark.parametrize("angle", [0, 10, 35, 44, 60, 90, 120])
def test_the_thickness_across_a_tilted_layer_is_its_own(angle: int) -> None:
    found = along_normal(band(math.radians(angle), 41.0))
    assert found.mean() == pytest.approx(41.0, abs=0.15)
    assert np.ptp(found) < 2.5


def test_along_columns_a_tilted_layer_is_thicker() -> None:
    mask = band(math.radians(30), 41.0)
    middle = along_columns(mask)[100:200]
    assert middle.mean() == pytest.approx(41.0 / math.cos(math.radians(30)), rel=0.01)


@given(st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_across_its_direction_a_turned_layer_is_as_thick(seed: int) -> None:
    mask = rough(seed)
    whole = np.sort(along_normal(mask))
    for turned in (np.rot90(mask), np.rot90(mask, 2), mask[:, ::-1]):
        found = np.sort(along_normal(turned))
        assert found.mean() == pytest.approx(whole.mean(), abs=0.05)
    assert whole.mean() == pytest.approx(along_columns(mask).mean(), rel=0.02)


@given(st.integers(0, 10**6), st.floats(0.01, 100))
@settings(max_examples=15, deadline=None)
def test_thickness_scales_with_the_pixel_size(seed: int, size: float) -> None:
    mask = rough(seed)
    for px, um in zip(
        layer_thickness(phases(mask), "oxide"),
        layer_thickness(phases(mask, size), "oxide"),
        strict=True,
    ):
        assert (px.unit, um.unit) == ("px", "um")
        for one, other in ((px.value, um.value), (px.low, um.low), (px.high, um.high)):
            assert other == pytest.approx(one * size, nan_ok=True)


def test_the_mean_has_an_interval_and_the_extremes_none() -> None:
    rows = by_name(layer_thickness(phases(rough(0)), "oxide"))
    mean = rows["layer_thickness"]
    assert mean.low < 30 < mean.high
    assert mean.high - mean.low < 3
    assert mean.method.startswith("within-field")
    for name in ("layer_thickness_max", "layer_thickness_min"):
        assert math.isnan(rows[name].low)
        assert "no interval" in rows[name].method
    assert rows["layer_thickness_min"].value < mean.value < rows["layer_thickness_max"].value


def test_what_cannot_be_measured_says_why() -> None:
    empty = layer_thickness(phases(np.zeros((40, 40), bool)), "oxide")
    assert all(math.isnan(row.value) for row in empty)
    assert "not there" in empty[0].method
    cut = np.zeros((40, 40), bool)
    cut[:10] = True
    assert "WARNING" in layer_thickness(phases(cut), "oxide")[0].method
    lines = layer_thickness(phases(cut), "oxide", across="normal")
    assert all(math.isnan(row.value) for row in lines)
    assert "no line across" in lines[0].method
    slope = np.arange(200) + 20 * np.arange(60)[:, None] // 60 > 150
    assert "correlation lengths along it" in layer_thickness(phases(slope), "oxide")[0].method


def test_unknown_names_are_refused() -> None:
    with pytest.raises(SegmentationError, match="No phase named 'film'"):
        layer_thickness(phases(rough(0)), "film")
    with pytest.raises(UsageError, match="across"):
        layer_thickness(phases(rough(0)), "oxide", across="rows")  # type: ignore[arg-type]


@pytest.mark.skipif(not EBC.is_dir(), reason="the NASA masks are not here")
def test_the_oxide_of_the_nasa_masks_agrees_with_their_table() -> None:
    table = pd.read_csv(EBC / "ground_truth_measures.csv")
    for _, row in table[table["family"] == "ebc"].iterrows():
        labels = imread(EBC / "ebc" / "masks" / row["file"])
        found = Phases(labels, {0: "background", 1: "oxide", 2: "crack"})
        rows = by_name(layer_thickness(found, "oxide", also=("crack",)))
        mean, largest = rows["layer_thickness"].value, rows["layer_thickness_max"].value
        assert mean == pytest.approx(row["ebc_mean_oxide_thickness_px"], rel=0.01)
        assert largest == pytest.approx(row["ebc_max_oxide_thickness_px"], rel=0.01)
        oxide, crack = (found.mask(name).sum() for name in ("oxide", "crack"))
        share = row["ebc_crack_area_over_oxide"]
        assert crack / (oxide + crack) == pytest.approx(share, rel=0.01)
