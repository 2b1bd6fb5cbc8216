"""The verb ``measure``: numbers with units and intervals from phases."""

import math
from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_qualify.measure.interval import (
    MIN_BLOCKS,
    Blocks,
    Correlation,
    bootstrap_ratio,
    correlation,
    make_blocks,
    none_found,
)
from napari_qualify.measure.particles import Particles, find_particles
from napari_qualify.measure.row import Row
from napari_qualify.segment.phases import Phases

COLUMNS = ("image", "phase", "measure", "value", "low", "high", "unit", "n", "method")
MEASURES: dict[str, str] = {
    "area_fraction": "share of the field's area, 0 to 1 (ASTM E562, E1245 by pixels)",
    "count": "connected regions in the field, cut ones included",
    "number_density": "particles per area (ASTM E1245), corrected for the border",
    "equivalent_diameter": "mean equivalent circle diameter, corrected for the border",
}
"""What is measured of every phase, and what it means."""

_MIN_PARTICLES = 10  # fewer say nothing of the scatter of a mean


def measure(phases: Phases | Iterable[Phases]) -> pd.DataFrame:
    """Measure every phase of one or more micrographs.

    Area fraction is the share of all pixels of the field. Its interval, and
    that of density and diameter, is a block bootstrap within the field with
    blocks above the correlation length; under 9 such blocks there is none. A
    phase of which the field shows nothing (or nothing else) gets the bound of
    Clopper and Pearson over blocks of the coarsest other phase's correlation
    length. Lengths are in micrometres when calibrated, else in pixels.

    Parameters
    ----------
    phases : Phases or iterable of Phases

    Returns
    -------
    DataFrame
        One row per image, phase and measure; columns image, phase, measure,
        value, low, high (95 % interval, NaN for none), unit ('' for a share or
        a count), n (blocks for fraction and density, particles for count and
        diameter), method. Values that do not exist, such as the diameter of
        no particles, are NaN.
    """
    fields = [phases] if isinstance(phases, Phases) else list(phases)
    rows: list[dict[str, object]] = []
    for each in fields:
        for name, found in _measure_field(each).items():
            rows += [{"image": each.image, "phase": name, **vars(row)} for row in found]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.astype({"value": float, "low": float, "high": float, "n": int})


def _measure_field(phases: Phases) -> dict[str, list[Row]]:
    masks = {name: phases.mask(name) for name in phases.names.values()}
    found = {name: correlation(mask) for name, mask in masks.items()}
    # The grain of the field, for phases that themselves show no extent. A phase
    # correlated over the whole field makes it infinite: then nothing is known.
    varying = [found[name].length for name, mask in masks.items() if mask.any() and not mask.all()]
    coarsest = (
        max((y for y, _ in varying), default=math.inf),
        max((x for _, x in varying), default=math.inf),
    )
    table = {}
    for name, mask in masks.items():
        blocks = make_blocks(phases.shape, found[name].length)
        particles = find_particles(mask)
        table[name] = [
            _area_fraction(mask, blocks, found[name], coarsest),
            _count(particles),
            _number_density(particles, blocks, phases),
            _equivalent_diameter(particles, blocks, phases),
        ]
    return table


def _interval(
    over: NDArray[np.float64],
    under: NDArray[np.float64],
    blocks: Blocks,
    extra: str = "",
    widening: float = 1.0,
) -> tuple[float, float, str]:
    """Low, high and how they were found."""
    if len(blocks) < MIN_BLOCKS:
        return (
            math.nan,
            math.nan,
            (
                f"within-field{extra}; no interval: {blocks} above the correlation length, "
                f"{MIN_BLOCKS} are needed"
            ),
        )
    low, high = bootstrap_ratio(over, under, widening)
    return low, high, f"within-field{extra}; bootstrap of {blocks}"


def _area_fraction(
    mask: NDArray[np.bool_],
    blocks: Blocks,
    itself: Correlation,
    coarsest: tuple[float, float],
) -> Row:
    value = float(np.mean(mask))
    if 0 < value < 1:
        low, high, method = _interval(
            blocks.sums(mask), blocks.areas, blocks, widening=itself.widening(blocks)
        )
        return Row("area_fraction", value, low, high, "", len(blocks), method)
    n = math.prod(int(side // each) for side, each in zip(mask.shape, coarsest, strict=True))
    low = high = math.nan
    method = "within-field; no interval: the field shows no length to set blocks by"
    if n >= MIN_BLOCKS:
        bound = none_found(n)
        low, high = (0.0, bound) if value == 0 else (1 - bound, 1.0)
        method = f"within-field; Clopper-Pearson, 0 of {n} blocks"
    return Row("area_fraction", value, low, high, "", n, method)


def _count(particles: Particles) -> Row:
    method = "within-field; 8-connected regions; no interval"
    count = float(particles.count)
    return Row("count", count, math.nan, math.nan, "", particles.count, method)


def _number_density(particles: Particles, blocks: Blocks, phases: Phases) -> Row:
    side = phases.pixel_size_um or 1.0
    value = float(particles.weight.sum()) / side**2
    low = high = math.nan
    method = "within-field; Miles-Lantuejoul; no interval: too few particles inside the field"
    if len(particles) >= _MIN_PARTICLES:
        # Scaled so that the sum over blocks is the density: blocks at the border
        # hold fewer centroids, which the weights make up for in the sum only.
        over = blocks.sums_at(particles.y, particles.x, particles.weight) / side**2
        share = blocks.areas / blocks.areas.sum()
        low, high, method = _interval(over, share, blocks, "; Miles-Lantuejoul")
    unit = f"1/{phases.unit}2"
    return Row("number_density", value, low, high, unit, len(blocks), method)


def _equivalent_diameter(particles: Particles, blocks: Blocks, phases: Phases) -> Row:
    side = phases.pixel_size_um or 1.0
    n = len(particles)
    value = low = high = math.nan
    method = "within-field; Miles-Lantuejoul; no interval: too few particles inside the field"
    if n:
        value = float(np.average(particles.diameter, weights=particles.weight)) * side
    if n >= _MIN_PARTICLES:
        weighted = particles.weight * particles.diameter * side
        low, high, method = _interval(
            blocks.sums_at(particles.y, particles.x, weighted),
            blocks.sums_at(particles.y, particles.x, particles.weight),
            blocks,
            "; Miles-Lantuejoul",
        )
    return Row("equivalent_diameter", value, low, high, phases.unit, n, method)
