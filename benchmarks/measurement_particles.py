"""Disks and ellipses for `measurement.py`: sizes, shapes, spacing, clustering."""

import math
from collections.abc import Callable
from functools import cache

import numpy as np

from measurement_cases import Case
from napari_qualify.segment.phases import Phases
from napari_qualify.synthetic.geometry import Ellipses, Process, rasterise

FIELD = 512.0  # micrometres
TORUS = 2048.0  # 16 times the field: a fixed number there hardly ties the number in the field
PIXEL = 0.5

Draw = Callable[[np.random.Generator, int], np.ndarray]


def uniform(low: float, high: float) -> Draw:
    return lambda rng, n: rng.uniform(low, high, n)


def lognormal(median: float, spread: float, low: float, high: float) -> Draw:
    return lambda rng, n: np.clip(median * np.exp(rng.normal(0, math.log(spread), n)), low, high)


def same(value: float) -> Draw:
    return lambda rng, n: np.full(n, value)


# Sizes: a gap of two micrometres is two pixels at half the resolution.
DISKS = Process(0.0008, lognormal(16, 1.35, 8, 34), same(1.0), gap=2.0)
ELLIPSES = Process(0.0006, uniform(12, 24), uniform(1.2, 2.5), gap=2.0)
RANDOM = Process(0.0008, same(6.0), same(1.0), gap=2.0)
REGULAR = Process(0.0008, same(8.0), same(1.0), gap=2.0, apart=22.0)
CLUSTERED = Process(0.0008, same(6.0), same(1.0), gap=2.0, cluster=(45.0, 6.0))

GEOMETRIES = {
    "disks": (
        DISKS,
        "area_fraction porosity number_density equivalent_diameter equivalent_diameter_d10 "
        "equivalent_diameter_d50 equivalent_diameter_d90 nearest_neighbour_distance "
        "mean_free_path",
    ),
    "ellipses": (
        ELLIPSES,
        "area_fraction number_density equivalent_diameter aspect_ratio circularity mean_free_path",
    ),
    "random": (RANDOM, "nearest_neighbour_distance clark_evans_ratio"),
    "regular": (REGULAR, "nearest_neighbour_distance clark_evans_ratio"),
    "clustered": (
        CLUSTERED,
        "area_fraction number_density equivalent_diameter mean_free_path "
        "nearest_neighbour_distance clark_evans_ratio",
    ),
}


def render_of(process: Process) -> Callable[[np.random.Generator, float], Phases]:
    last: dict[str, Ellipses] = {}  # both resolutions of a rendering follow each other

    def render(rng: np.random.Generator, resolution: float) -> Phases:
        start = str(rng.bit_generator.state)
        if start not in last:
            last.clear()
            last[start] = process.draw(rng, TORUS)
        return rasterise(last[start], FIELD, PIXEL / resolution)

    return render


@cache
def nearest(process: Process) -> float:
    return process.nearest(TORUS, draws=30)


def truth(process: Process, measure: str) -> Callable[[], float]:
    def known() -> float:
        if measure == "nearest_neighbour_distance":
            return nearest(process)
        if measure == "clark_evans_ratio":
            return 2 * nearest(process) * math.sqrt(process.density)
        return process.means()["area_fraction" if measure == "porosity" else measure]

    return known


def _cases() -> list[Case]:
    found = []
    for name, (process, measures) in GEOMETRIES.items():
        render = render_of(process)
        for measure in measures.split():
            allowed = 0.05 if measure == "clark_evans_ratio" else 0.02
            found.append(
                Case(name, measure, "particle", render, truth(process, measure), bias=allowed)
            )
    return found


CASES = _cases()
