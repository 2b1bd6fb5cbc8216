"""Number, size and shape of particles.

Means and quantiles are by number, over particles that the border does not touch,
each with its Miles-Lantuejoul weight (`Particles.weight`). Intervals are block
bootstraps within the field.
"""

import math

import numpy as np

from napari_qualify.measure.interval import block_interval
from napari_qualify.measure.particles import Floats
from napari_qualify.measure.phase_field import PhaseField
from napari_qualify.measure.row import Row

MIN_PARTICLES = 10  # fewer say nothing of the scatter of a mean
QUANTILES = (0.1, 0.5, 0.9)
_FEW = "within-field; Miles-Lantuejoul; no interval: too few particles inside the field"
_NOTE = "; Miles-Lantuejoul"


def count(field: PhaseField) -> list[Row]:
    """8-connected regions in the field, cut ones included; no interval."""
    n = len(field.particles)
    method = "within-field; 8-connected regions; no interval"
    return [Row("count", float(n), math.nan, math.nan, "", n, method)]


def number_density(field: PhaseField) -> list[Row]:
    """Particles per area, N_A of ASTM E1245: the sum of the Miles-Lantuejoul weights.

    The interval compares each block's sum with the share of whole particles that
    would fall in it if they were spread evenly (`Particles.exposure`).
    """
    particles = field.particles
    weight = particles.weight[particles.inside]
    value = float(weight.sum()) / field.side**2
    n, low, high, method = len(weight), math.nan, math.nan, _FEW
    if n >= MIN_PARTICLES:
        blocks = field.blocks_for(field.pattern)
        over = blocks.sums_at(*particles.middle, particles.weight) / field.side**2
        sums = [over, particles.exposure(blocks)]
        widening = field.pattern.widening(weight / weight.mean(), blocks)
        low, high, method = block_interval(blocks, sums, _NOTE, widening)
    return [Row("number_density", value, low, high, f"1/{field.unit}2", n, method)]


def equivalent_diameter(field: PhaseField) -> list[Row]:
    """Mean diameter of the circle of a particle's area (ISO 9276-6, ASTM E1245)."""
    values = field.particles.diameter * field.side
    return [_mean("equivalent_diameter", field, values, field.unit)]


def aspect_ratio(field: PhaseField) -> list[Row]:
    """Mean ratio of the axes of the equivalent ellipse (ISO 9276-6), at least 1.

    One pixel has the ratio 1, see `Particles.aspect_ratio`. Raster noise makes
    round particles read high: 3 % at 10 pixels of diameter, 1 % at 24.
    """
    return [_mean("aspect_ratio", field, field.particles.aspect_ratio, "")]


def circularity(field: PhaseField) -> list[Row]:
    """Mean of ``4 pi A / P^2`` (ISO 9276-6 has its square root); 1 for a disk.

    The perimeter is Crofton's, see `Particles.circularity` for its bias on small
    particles.
    """
    return [_mean("circularity", field, field.particles.circularity, "")]


def diameter_quantiles(field: PhaseField) -> list[Row]:
    """Equivalent diameters under which 10, 50 and 90 % of the particles are, by number.

    The interval of Woodruff (1952, Journal of the American Statistical
    Association 47, 635-646): that of the share of particles up to the quantile,
    by block bootstrap, read back through the distribution.
    """
    particles = field.particles
    inside = particles.inside
    diameter, weight = particles.diameter[inside] * field.side, particles.weight[inside]
    rows = []
    for share in QUANTILES:
        value, low, high, method = math.nan, math.nan, math.nan, _FEW
        if len(diameter):
            value = _quantile(diameter, weight, share)
        if len(diameter) >= MIN_PARTICLES:
            below = np.where(particles.diameter * field.side <= value, 1.0, 0.0)
            centre = float(np.average(below, weights=particles.weight))
            at_low, at_high, method = _interval(field, below, centre, _NOTE + ", Woodruff")
            if not math.isnan(at_low):
                low = _quantile(diameter, weight, share + at_low - centre)
                high = _quantile(diameter, weight, share + at_high - centre)
        name = f"equivalent_diameter_d{round(100 * share)}"
        rows.append(Row(name, value, low, high, field.unit, len(diameter), method))
    return rows


def _quantile(values: Floats, weight: Floats, share: float) -> float:
    """Value at a share of the weight, linear between the middles of the steps."""
    order = np.argsort(values, kind="stable")
    weight = weight[order]
    steps = (np.cumsum(weight) - weight / 2) / weight.sum()
    return float(np.interp(share, steps, values[order]))


def _mean(name: str, field: PhaseField, values: Floats, unit: str) -> Row:
    particles = field.particles
    n = int(particles.inside.sum())
    value, low, high, method = math.nan, math.nan, math.nan, _FEW
    if n:
        value = float(np.average(values, weights=particles.weight))
    if n >= MIN_PARTICLES:
        low, high, method = _interval(field, values, value, _NOTE)
    return Row(name, value, low, high, unit, n, method)


def _interval(
    field: PhaseField, values: Floats, mean: float, note: str
) -> tuple[float, float, str]:
    """Interval of a weighted mean over particles."""
    particles, pattern = field.particles, field.pattern
    blocks = field.blocks_for(pattern)
    y, x = particles.middle
    over = blocks.sums_at(y, x, particles.weight * values)
    under = blocks.sums_at(y, x, particles.weight)
    away = (particles.weight * (values - mean))[particles.inside]
    widening = max(1.0, pattern.widening(away, blocks))  # less is noise: sizes do not repel
    return block_interval(blocks, [over, under], note, widening)
