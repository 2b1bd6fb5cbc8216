"""Measuring a Labels layer; free of Qt and napari.

Runs in a worker's thread, or in a test.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_qualify.progress import Progress
from napari_qualify.widgets.sources import LayerSource

if TYPE_CHECKING:
    import pandas as pd

    from napari_qualify.segment.phases import Phases

SHOWN: dict[str, tuple[float, str]] = {
    "um": (1.0, "µm"),
    "um2": (1.0, "µm²"),
    "1/um": (1e3, "1/mm"),
    "1/um2": (1e6, "1/mm²"),
    "px2": (1.0, "px²"),
    "1/px2": (1.0, "1/px²"),
}
"""Factor and unit in which a value is shown; the saved table keeps its own."""


@dataclass(frozen=True, eq=False)
class Measured:
    """What was measured of a layer.

    Attributes
    ----------
    source : LayerSource
        The Labels layer.
    phases : Phases
    table : DataFrame
        As `napari_qualify.measure` gives it.
    particles : dict of str to DataFrame
        A row per particle, by phase.
    """

    source: LayerSource
    phases: "Phases"
    table: "pd.DataFrame"
    particles: Mapping[str, "pd.DataFrame"]


def measure_layer(source: LayerSource, progress: Progress) -> Measured:
    """Measure every phase of a Labels layer, and every particle."""
    from napari_qualify.measure.objects import measure_objects
    from napari_qualify.measure.run import measure
    from napari_qualify.segment.label_images import phases_from_layer

    progress("reading", 0, 0)
    phases = phases_from_layer(source)
    names = list(phases.names.values())
    progress("measuring", 0, len(names) + 1)
    table = measure(phases)
    particles = {}
    for done, name in enumerate(names, start=1):
        progress(f"particles of {name}", done, len(names) + 1)
        particles[name] = measure_objects(phases, name)
    return Measured(source, phases, table, particles)


def particle_layer(
    found: Measured, name: str, progress: Progress
) -> tuple[NDArray[np.int32], "pd.DataFrame", dict[str, Any]]:
    """Particles of a phase as a label image, their features, and what made them.

    Returns
    -------
    labels : ndarray of int32, shape (Y, X)
        One value per particle.
    features : DataFrame
        napari matches the column ``index`` with the labels.
    metadata : dict
    """
    from napari_qualify.measure.objects import label_objects

    progress("particles", 0, 0)
    labels = label_objects(found.phases, name)
    features = found.particles[name].rename(columns={"label": "index"})
    made_by = {"measure": "particles", "phase": name, "labels": found.phases.content_hash}
    metadata = {
        "name": f"{name} particles of {found.source.name}",
        "source": found.phases.source,
        "particles_of": name,
        "made_by": {**made_by, "phases_made_by": found.phases.made_by},
    }
    return labels, features, metadata


def shown_rows(table: "pd.DataFrame", phase: str) -> tuple[list[list[str]], list[list[str]]]:
    """Rows to show of a table of measures, and their tooltips.

    Parameters
    ----------
    table : DataFrame
    phase : str
        Which phase; '' for all.

    Returns
    -------
    rows, tips : list of list of str
        Phase, measure, value, interval, unit; shares are given in per cent.
    """
    from napari_qualify.measure.table import MEASURES

    rows, tips = [], []
    for line in table.to_dict("records"):
        if phase and line["phase"] != phase:
            continue
        known = MEASURES.get(line["measure"])
        share = known is not None and known.quantity == "share"
        factor, unit = (100.0, "%") if share else SHOWN.get(line["unit"], (1.0, line["unit"]))
        low, high = line["low"] * factor, line["high"] * factor
        interval = "–" if math.isnan(low) else f"{number(low, 3)} to {number(high, 3)}"
        words = _words(line["measure"])
        rows.append([line["phase"], words, number(line["value"] * factor), interval, unit])
        meaning = known.meaning if known is not None else words
        method = f"{line['method']} (n = {line['n']})"
        tips.append([line["phase"], meaning, method, method, meaning])
    return rows, tips


def _words(measure: str) -> str:
    """Name of a measure, short enough for the table; its meaning is in the tooltip."""
    words = measure.replace("equivalent_diameter", "diameter").replace("clark_evans", "Clark-Evans")
    return words.replace("nearest_", "").replace("_", " ")


def number(value: float, digits: int = 4) -> str:
    """Write a number with a few digits that count, whole ones whole."""
    if math.isnan(value):
        return "–"
    if value == round(value) and abs(value) < 1e6:
        return f"{value:.0f}"
    return f"{value:.{digits}g}"


def save_csv(table: "pd.DataFrame", path: str) -> Path:
    """Write a table of measures."""
    target = Path(path)
    if target.suffix.casefold() != ".csv":
        target = target.with_name(target.name + ".csv")
    table.to_csv(target, index=False)
    return target
