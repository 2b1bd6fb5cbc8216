import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_qualify.measure.phase_field import Field
from napari_qualify.measure.run import measure
from napari_qualify.measure.spacing import find_neighbours
from napari_qualify.segment.phases import Phases
from napari_qualify.synthetic.geometry import Process, rasterise

NAMES = {1: "matrix", 2: "particle"}


def found(mask: np.ndarray, name: str, size: float | None = None):
    table = measure(Phases(mask.astype(np.uint8) + 1, NAMES, size), [name])
    return table[table["phase"] == "particle"].iloc[0]


def lattice(rows: np.ndarray, columns: np.ndarray, side: int) -> np.ndarray:
    mask = np.zeros((side, side), bool)
    for y, x in zip(rows.ravel(), columns.ravel(), strict=True):
        mask[y - 1 : y + 2, x - 1 : x + 2] = True
    return mask


def square(step: int, side: int) -> np.ndarray:
    return lattice(*np.mgrid[step // 2 : side : step, step // 2 : side : step], side)


def hexagonal(step: int, side: int) -> np.ndarray:
    rows, columns = np.mgrid[2 : side - 2 : step * math.sqrt(0.75), 2 : side - 2 : step]
    columns += np.where(np.arange(len(rows))[:, None] % 2, step / 2, 0)
    inside = columns < side - 2
    return lattice(np.round(rows[inside]).astype(int), np.round(columns[inside]).astype(int), side)


def test_a_square_lattice_has_its_step_and_ratio_two() -> None:
    mask = square(20, 600)
    assert found(mask, "nearest_neighbour_distance")["value"] == pytest.approx(20)
    assert found(mask, "nearest_neighbour_distance", 0.25)["value"] == pytest.approx(5)
    assert found(mask, "clark_evans_ratio")["value"] == pytest.approx(2, rel=0.02)


def test_a_hexagonal_lattice_has_the_largest_ratio() -> None:
    # The density of a window of 1000 pixels is known to some per cent only.
    assert found(hexagonal(20, 1000), "clark_evans_ratio")["value"] == pytest.approx(
        2.149, rel=0.03
    )


def test_pairs_far_apart_are_clustered() -> None:
    rows, columns = np.mgrid[30:1000:60, 30:1000:60]
    mask = lattice(rows, columns, 1000) | lattice(rows, columns + 6, 1000)
    assert found(mask, "nearest_neighbour_distance")["value"] == pytest.approx(6)
    assert found(mask, "clark_evans_ratio")["value"] == pytest.approx(
        2 * 6 * math.sqrt(2) / 60, rel=0.05
    )


def test_particles_nearer_to_the_border_than_to_their_neighbour_are_left_out() -> None:
    mask = square(20, 200)
    field = Field(Phases(mask.astype(np.uint8) + 1, NAMES)).phase("particle")
    neighbours = find_neighbours(field)
    assert neighbours.window == (1, 1, 198, 198)  # particles of three pixels
    assert (neighbours.weight > 0).sum() == 8 * 8
    assert neighbours.weight.max() == pytest.approx(1 / (197 - 40) ** 2)


def test_without_the_correction_the_border_would_bias_the_distance() -> None:
    process = Process(0.0006, lambda rng, n: np.full(n, 4.0), lambda rng, n: np.ones(n), gap=2.0)
    truth = process.nearest(1024, draws=20)
    corrected, plain = [], []
    for seed in range(60):
        drawn = process.draw(np.random.default_rng(seed), 600)
        field = Field(rasterise(drawn, 200, 1.0)).phase("particle")
        neighbours = find_neighbours(field)
        corrected.append((neighbours.weight @ neighbours.distance, neighbours.weight.sum()))
        plain.append((neighbours.distance.sum(), len(neighbours.distance)))
    by_weight, by_number = np.sum(corrected, axis=0), np.sum(plain, axis=0)
    assert by_weight[0] / by_weight[1] == pytest.approx(truth, rel=0.025)
    assert by_number[0] / by_number[1] > 1.05 * truth


@given(st.integers(2, 8), st.integers(2, 12))
@settings(max_examples=20, deadline=None)
def test_mean_free_path_between_stripes_is_their_gap_along_two_axes(wide: int, gap: int) -> None:
    # Lines along the stripes cross nothing: over both directions the path doubles.
    mask = np.tile(np.arange(40 * (wide + gap)) % (wide + gap) < wide, (300, 1))
    value = found(mask, "mean_free_path")["value"]
    assert value == pytest.approx(2 * gap, rel=0.02)


def test_mean_free_path_of_squares() -> None:
    # N_L = 2 a / step^2 / 2 per direction: borders of squares of side a.
    mask = square(20, 600)
    value = found(mask, "mean_free_path", 0.5)["value"]
    assert value == pytest.approx(0.5 * (1 - 9 / 400) / (3 / 400), rel=0.01)


@pytest.mark.parametrize("fill", [False, True])
def test_a_phase_without_border_or_neighbour_has_no_spacing(fill: bool) -> None:
    mask = np.full((64, 64), fill)
    for name in ("mean_free_path", "nearest_neighbour_distance", "clark_evans_ratio"):
        row = found(mask, name)
        assert math.isnan(row["value"]) and math.isnan(row["low"])
        assert "within-field" in row["method"]


def test_two_particles_have_a_distance_and_no_interval() -> None:
    mask = np.zeros((100, 100), bool)
    mask[48:51, 40:43] = mask[48:51, 52:55] = True
    row = found(mask, "nearest_neighbour_distance", 2.0)
    assert (row["value"], row["unit"], row["n"]) == (pytest.approx(24), "um", 2)
    assert math.isnan(row["low"]) and "too few" in row["method"]


def test_one_huge_particle_leaves_a_window() -> None:
    mask = square(20, 400)
    mask[100:380, 100:380] = True
    field = Field(Phases(mask.astype(np.uint8) + 1, NAMES)).phase("particle")
    top, _, bottom, _ = find_neighbours(field).window
    assert bottom - top == pytest.approx(200)
