"""One row per particle: for ``layer.features``, histograms and CSV."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_qualify.measure.particles import Particles, find_particles
from napari_qualify.segment.phases import Phases


def measure_objects(phases: Phases, name: str) -> pd.DataFrame:
    """Measure each connected region of a phase.

    Parameters
    ----------
    phases : Phases
    name : str
        Of the phase.

    Returns
    -------
    DataFrame
        One row per 8-connected region, in the order of `label_objects`. The
        unit is the suffix: ``um`` when calibrated, else ``px``. Columns:

        label
            Number in `label_objects`, from 1.
        area_um2, equivalent_diameter_um
            The diameter of the circle of that area.
        aspect_ratio, circularity
            As in `napari_qualify.measure.particles.Particles`.
        centroid_y_um, centroid_x_um
            From the middle of the first pixel, as napari places a scaled layer.
        touches_border
            Cut by the field's border: its size and shape are not known.
        weight_per_um2
            Miles-Lantuejoul: particles per area that this one stands for; 0 for
            a cut one. Means and quantiles over particles want these weights.

    Raises
    ------
    SegmentationError
        When there is no such phase.
    """
    return _table(find_particles(phases.mask(name)), phases)


def label_objects(phases: Phases, name: str) -> NDArray[np.int32]:
    """Label image of the connected regions of a phase.

    Parameters
    ----------
    phases : Phases
    name : str
        Of the phase.

    Returns
    -------
    ndarray of int32, shape (Y, X)
        The ``label`` of `measure_objects`; 0 where the phase is not.

    Raises
    ------
    SegmentationError
        When there is no such phase.
    """
    return find_particles(phases.mask(name)).labels.astype(np.int32)


def labels_and_objects(phases: Phases, name: str) -> tuple[NDArray[np.int32], pd.DataFrame]:
    """Both `label_objects` and `measure_objects`, the regions found once."""
    found = find_particles(phases.mask(name))
    return found.labels.astype(np.int32), _table(found, phases)


def _table(found: Particles, phases: Phases) -> pd.DataFrame:
    side, unit = phases.pixel_size_um or 1.0, phases.unit
    return pd.DataFrame(
        {
            "label": np.arange(1, len(found) + 1),
            f"area_{unit}2": found.area * side**2,
            f"equivalent_diameter_{unit}": found.diameter * side,
            "aspect_ratio": found.aspect_ratio,
            "circularity": found.circularity,
            f"centroid_y_{unit}": found.y * side,
            f"centroid_x_{unit}": found.x * side,
            "touches_border": ~found.inside,
            f"weight_per_{unit}2": found.weight / side**2,
        }
    )
