"""The table of measures: one row and one function each.

A new measure is a function of one phase of one field that returns rows, and its
entry in `MEASURES`. Several entries may share a function, which is then called
once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from skimage.measure import label

from napari_qualify.measure import fractions, shapes, spacing
from napari_qualify.measure.cracks import crack_geometry
from napari_qualify.measure.grains import MIN_COUNT, grain_size
from napari_qualify.measure.layers import layer_thickness
from napari_qualify.measure.phase_field import PhaseField
from napari_qualify.measure.phase_names import CRACKS, GRAINS, LAYERS, PORES, is_named
from napari_qualify.measure.row import Row
from napari_qualify.segment.phases import Phases

Quantity = Literal["share", "number", "index", "length", "area", "per_area", "per_length"]
"""What a measure is of, which sets its units; an index, unlike a number, may be negative."""

Rows = Callable[[PhaseField], list[Row]]


@dataclass(frozen=True)
class Measure:
    """A measure and where it comes from.

    Attributes
    ----------
    meaning : str
        What it is, in a line.
    quantity : str
        One of `Quantity`.
    rows : callable
        From one phase of one field to rows, that of this measure among them.
    phases : tuple of str
        Words in a phase's name that call for it; empty for every phase.
    fewest : int
        Fields in which fewer are counted get a warning; 0 for none.
    """

    meaning: str
    quantity: Quantity
    rows: Rows
    phases: tuple[str, ...] = ()
    fewest: int = 0

    def suits(self, phase: str) -> bool:
        """Whether a phase of this name is measured so unless told otherwise."""
        return not self.phases or is_named(phase, self.phases)


def of_phases(function: Callable[[Phases, str], list[Row]]) -> Rows:
    """A function ``f(phases, name)`` as one of the table."""

    def rows(field: PhaseField) -> list[Row]:
        return function(field.phases, field.name)

    return rows


def _grain_size(phases: Phases, name: str) -> list[Row]:
    """Grains that the phase encloses, or its own regions when it is named for the grains."""
    if "boundary" in name.casefold() or "boundaries" in name.casefold():
        return grain_size(phases, name)
    regions = label(phases.mask(name), connectivity=1)  # type: ignore[no-untyped-call]
    return grain_size(phases, name, instances=regions)


_crack_rows, _layer_rows = of_phases(crack_geometry), of_phases(layer_thickness)
_grain_rows = of_phases(_grain_size)

MEASURES: dict[str, Measure] = {
    "area_fraction": Measure(
        "share of the field's area, 0 to 1 (ASTM E562, E1245 by pixels)",
        "share", fractions.area_fraction,
    ),
    "porosity": Measure(
        "area fraction of pores (ASTM E2109 by pixels)", "share", fractions.porosity, PORES
    ),
    "count": Measure("connected regions in the field, cut ones included", "number", shapes.count),
    "number_density": Measure(
        "particles per area (ASTM E1245), corrected for the border",
        "per_area", shapes.number_density,
    ),
    "equivalent_diameter": Measure(
        "mean equivalent circle diameter, corrected for the border",
        "length", shapes.equivalent_diameter,
    ),
    **{
        f"equivalent_diameter_d{p}": Measure(
            f"equivalent circle diameter that {p} % of the particles are below, by number",
            "length", shapes.diameter_quantiles,
        )
        for p in (10, 50, 90)
    },
    "aspect_ratio": Measure(
        "mean ratio of the axes of the equivalent ellipse", "number", shapes.aspect_ratio
    ),
    "circularity": Measure(
        "mean of 4 pi A / P^2, 1 for a disk", "number", shapes.circularity
    ),
    "nearest_neighbour_distance": Measure(
        "mean distance between centroids of nearest neighbours, corrected for the border",
        "length", spacing.nearest_neighbour_distance,
    ),
    "mean_free_path": Measure(
        "mean edge-to-edge distance along lines, (1 - V_V) / N_L (ASTM E1245)",
        "length", spacing.mean_free_path,
    ),
    "clark_evans_ratio": Measure(
        "nearest-neighbour distance over that of random points: below 1 clustered",
        "number", spacing.clark_evans_ratio,
    ),
    "crack_length": Measure("total length of cracks", "length", _crack_rows, CRACKS),
    "crack_length_density": Measure(
        "length of cracks per area", "per_length", _crack_rows, CRACKS
    ),
    "crack_opening": Measure("mean opening: area over length", "length", _crack_rows, CRACKS),
    "crack_opening_max": Measure(
        "diameter of the largest disk inside a crack", "length", _crack_rows, CRACKS
    ),
    "layer_thickness": Measure(
        "mean thickness along the image columns, the cracks in it included",
        "length", _layer_rows, LAYERS,
    ),
    "layer_thickness_max": Measure("largest thickness", "length", _layer_rows, LAYERS),
    "layer_thickness_min": Measure("smallest thickness", "length", _layer_rows, LAYERS),
    "grain_size_number": Measure(
        "G of ASTM E112, planimetric procedure", "index", _grain_rows, GRAINS, MIN_COUNT
    ),
    "grain_size_number_intercept": Measure(
        "G of ASTM E112, intercept procedure", "index", _grain_rows, GRAINS, MIN_COUNT
    ),
    "mean_lineal_intercept": Measure(
        "mean length of a test line in a grain (ASTM E112)",
        "length", _grain_rows, GRAINS, MIN_COUNT,
    ),
    "grain_count_per_area": Measure(
        "grains per area (ASTM E112)", "per_area", _grain_rows, GRAINS, MIN_COUNT
    ),
    "mean_grain_area": Measure(
        "area per grain (ASTM E112)", "area", _grain_rows, GRAINS, MIN_COUNT
    ),
}  # fmt: skip
"""What can be measured, in the order of the result."""
