"""Several fields of one sample: the interval between fields of ASTM E562 and E1245."""

import math
from collections.abc import Collection, Iterable, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from napari_qualify.errors import UsageError
from napari_qualify.measure.interval import none_found
from napari_qualify.measure.run import COLUMNS, measure
from napari_qualify.measure.table import MEASURES
from napari_qualify.segment.phases import Phases

FEW_FIELDS = 3
"""Fewer fields than this get a warning."""
COARSE = 10.0
"""Relative accuracy in per cent above which there is a warning."""

_LEVEL = 0.95


def measure_sample(
    fields: Iterable[Phases], sample: str = "", measures: Collection[str] | None = None
) -> pd.DataFrame:
    """Measure several fields of one sample and pool them.

    Parameters
    ----------
    fields : iterable of Phases
        Fields chosen without regard to what they show, of about one size.
    sample : str
        Goes into the column image.
    measures : collection of str, optional
        See `napari_qualify.measure`.

    Returns
    -------
    DataFrame
        See `pool_fields`.

    Raises
    ------
    UsageError
        Without fields, or when only some of them are calibrated.
    """
    return pool_fields([measure(each, measures) for each in fields], sample)


def pool_fields(tables: Sequence[pd.DataFrame], sample: str = "") -> pd.DataFrame:
    """Pool tables of `napari_qualify.measure`, one per field of a sample.

    The value is the mean over fields, each weighing the same, and the interval
    the mean ± t s / sqrt(n) at 95 % (ASTM E562, E1245), not beyond what the
    quantity can be. The method gives the % relative accuracy, 100 t s / (mean
    sqrt(n)), and warns above 10 %, under 3 fields and of fields with under 50
    grains or intercepts (ASTM E112). Fields in which the measure does not exist
    are left out, and the method says so. Of one field the within-field interval
    stays. When the fields do not vary there is no interval; a phase that none
    shows gets the bound of Clopper and Pearson over the blocks of all.

    Parameters
    ----------
    tables : sequence of DataFrame
    sample : str
        Goes into the column image.

    Returns
    -------
    DataFrame
        One row per phase and measure, columns as of `napari_qualify.measure`; n
        is the number of fields.

    Raises
    ------
    UsageError
        Without tables, or when units differ between fields.
    """
    if not tables:
        raise UsageError(f"Sample {sample!r} has no fields to measure.")
    together = pd.concat(tables, ignore_index=True)
    rows = []
    for (phase, name), found in together.groupby(["phase", "measure"], sort=False):
        units = found["unit"].unique()
        if len(units) > 1:
            raise UsageError(
                f"Sample {sample!r}: {phase}.{name} is in {' and '.join(units)}; give the pixel "
                "size of all of its fields, or of none."
            )
        pooled = _pooled(str(name), found, len(tables))
        rows.append({"image": sample, "phase": phase, "measure": name, "unit": units[0], **pooled})
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.astype({"value": float, "low": float, "high": float, "n": int})


def _pooled(name: str, found: pd.DataFrame, fields: int) -> dict[str, object]:
    """Value, low, high, n and method over the fields of one measure."""
    values = found["value"].to_numpy(float)
    values = values[np.isfinite(values)]
    n = len(values)
    missing = f"; not to be had in {fields - n} of {fields} fields" if n < fields else ""
    if n == 0:
        return _row(math.nan, math.nan, math.nan, 0, f"between fields{missing}")
    if n == 1:
        one = found[np.isfinite(found["value"])].iloc[0]
        few = "" if MEASURES[name].fewest else f"; warning: under {FEW_FIELDS} fields"
        method = f"one field{missing}; {one['method']}{few}"  # of grains it already warns
        return _row(one["value"], one["low"], one["high"], 1, method)
    mean, scatter = float(values.mean()), float(values.std(ddof=1))
    if scatter == 0:
        return _without_scatter(name, found, mean, n, missing)
    half = float(stats.t.ppf((1 + _LEVEL) / 2, n - 1)) * scatter / math.sqrt(n)
    accuracy = 100 * half / abs(mean) if mean else math.inf
    warnings = ""
    if n < FEW_FIELDS:
        warnings += f"; warning: under {FEW_FIELDS} fields"
    fewest = MEASURES[name].fewest
    short = int((found["n"] < fewest).sum())
    if short:
        warnings += f"; warning: under {fewest} counted in {short} of {fields} fields"
    if accuracy > COARSE:
        warnings += f"; warning: relative accuracy above {COARSE:.0f} %"
    method = (
        f"between fields; mean of {n}, t s / sqrt(n) (ASTM E562, E1245); "
        f"relative accuracy {accuracy:.1f} %{missing}{warnings}"
    )
    least, most = _bounds(name)
    return _row(mean, max(mean - half, least), min(mean + half, most), n, method)


def _without_scatter(
    name: str, found: pd.DataFrame, mean: float, n: int, missing: str
) -> dict[str, object]:
    method = f"between fields; mean of {n}{missing}; no interval: the fields do not vary"
    blocks = int(found["n"].sum())
    known = found["high"].notna().all() and found["low"].notna().all()
    if MEASURES[name].quantity == "share" and mean in (0.0, 1.0) and known:
        bound = none_found(blocks)
        method = f"between fields; Clopper-Pearson, 0 of {blocks} blocks of {n} fields{missing}"
        return _row(mean, *((0.0, bound) if mean == 0 else (1 - bound, 1.0)), n, method)
    return _row(mean, math.nan, math.nan, n, method)


def _bounds(name: str) -> tuple[float, float]:
    """What the quantity cannot be beyond."""
    match MEASURES[name].quantity:
        case "share":
            return 0.0, 1.0
        case "index":
            return -math.inf, math.inf
        case _:
            return 0.0, math.inf


def _row(value: float, low: float, high: float, n: int, method: str) -> dict[str, object]:
    return {"value": value, "low": low, "high": high, "n": n, "method": method}
