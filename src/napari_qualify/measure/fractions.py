"""Area fraction and porosity: counted over all pixels of the field."""

import math
from dataclasses import replace

from napari_qualify.measure.interval import MIN_BLOCKS, block_interval, none_found
from napari_qualify.measure.phase_field import PhaseField
from napari_qualify.measure.row import Row


def area_fraction(field: PhaseField) -> list[Row]:
    """Share of the field's area (ASTM E562 and E1245, by pixels instead of points).

    Particles at the border count. The interval is a block bootstrap, widened by
    what straddles the blocks' borders (`Correlation.widening`). A phase of which
    the field shows nothing, or nothing else, gets the bound of Clopper and
    Pearson over blocks of the coarsest other phase's correlation length.
    """
    value = float(field.mask.mean())
    if field.varies:
        blocks = field.blocks
        low, high, method = block_interval(
            blocks,
            [blocks.sums(field.mask), blocks.areas],
            widening=field.correlation.widening(blocks),
        )
        return [Row("area_fraction", value, low, high, "", len(blocks), method)]
    sides = zip(field.phases.shape, field.field.coarsest, strict=True)
    n = math.prod(int(side // each) for side, each in sides)
    low = high = math.nan
    method = "within-field; no interval: the field shows no length to set blocks by"
    if n >= MIN_BLOCKS:
        bound = none_found(n)
        low, high = (0.0, bound) if value == 0 else (1 - bound, 1.0)
        method = f"within-field; Clopper-Pearson, 0 of {n} blocks"
    return [Row("area_fraction", value, low, high, "", n, method)]


def porosity(field: PhaseField) -> list[Row]:
    """Area fraction of pores: the same number under the name that standards give it.

    Share of pores by area on a section (ASTM E2109 for thermal spray coatings,
    by pixels), which equals the share by volume when the section is random.
    """
    return [replace(row, measure="porosity") for row in area_fraction(field)]
