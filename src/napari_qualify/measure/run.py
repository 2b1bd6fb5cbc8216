"""The verb ``measure``: numbers with units and intervals from phases."""

from collections.abc import Collection, Iterable

import pandas as pd

from napari_qualify.errors import UsageError
from napari_qualify.measure.phase_field import Field, PhaseField
from napari_qualify.measure.row import Row
from napari_qualify.measure.table import MEASURES, Rows
from napari_qualify.segment.phases import Phases

COLUMNS = ("image", "phase", "measure", "value", "low", "high", "unit", "n", "method")


def measure(
    phases: Phases | Iterable[Phases], measures: Collection[str] | None = None
) -> pd.DataFrame:
    """Measure every phase of one or more micrographs.

    Intervals are block bootstraps within the field with blocks above the
    correlation length; under 9 such blocks there is none. Lengths are in
    micrometres when calibrated, else in pixels.

    Parameters
    ----------
    phases : Phases or iterable of Phases
    measures : collection of str, optional
        Keys of `napari_qualify.measure.table.MEASURES`, for all phases. By
        default those that suit each phase: some are for every phase, others go
        by its name, such as porosity for a phase named pore.

    Returns
    -------
    DataFrame
        One row per image, phase and measure; columns image, phase, measure,
        value, low, high (95 % interval, NaN for none), unit ('' for a share, a
        ratio or a count), n (what was counted: blocks, particles, intercepts),
        method. Values that do not exist, such as the diameter of no particles,
        are NaN.

    Raises
    ------
    UsageError
        When there is no measure of a given name.
    """
    fields = [phases] if isinstance(phases, Phases) else list(phases)
    wanted = None if measures is None else _checked(measures)
    found: list[dict[str, object]] = []
    for each in fields:
        field = Field(each)
        for name in each.names.values():
            rows = measure_phase(field.phase(name), wanted)
            found += [{"image": each.image, "phase": name, **vars(row)} for row in rows]
            field.phase(name).forget_pixels()
    table = pd.DataFrame(found, columns=list(COLUMNS))
    return table.astype({"value": float, "low": float, "high": float, "n": int})


def measure_phase(field: PhaseField, measures: Collection[str] | None = None) -> list[Row]:
    """Rows of one phase of one field, in the order of `MEASURES`.

    Parameters
    ----------
    field : PhaseField
    measures : collection of str, optional
        By default those that suit the phase.

    Returns
    -------
    list of Row
    """
    if measures is None:
        measures = [name for name, each in MEASURES.items() if each.suits(field.name)]
    done: dict[Rows, dict[str, Row]] = {}
    rows = []
    for name, each in MEASURES.items():
        if name not in measures:
            continue
        if each.rows not in done:
            done[each.rows] = {row.measure: row for row in each.rows(field)}
        rows.append(done[each.rows][name])
    return rows


def _checked(measures: Collection[str]) -> frozenset[str]:
    names = [measures] if isinstance(measures, str) else list(measures)
    unknown = [name for name in names if name not in MEASURES]
    if unknown:
        raise UsageError(
            f"There is no measure {unknown[0]!r}; the measures are {', '.join(MEASURES)}."
        )
    return frozenset(names)
