"""What a rendering with a known answer is, for `measurement.py`."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from napari_qualify.segment.phases import Phases

Render = Callable[[np.random.Generator, float], Phases]


@dataclass(frozen=True)
class Case:
    """A random geometry of which a measure's true value is known.

    A module `measurement_<topic>.py` offers its own as ``CASES: list[Case]`` and
    is named in ``measurement.py``.

    Attributes
    ----------
    name : str
        The geometry, such as 'random disks'; cases with the same name and
        `render` share their renderings.
    measure, phase : str
        The row of the table of `napari_qualify.measure` that is compared.
    render : callable
        ``render(rng, resolution) -> Phases``: one field, drawn anew from `rng`.
        The geometry is continuous and in micrometres and depends on `rng` alone;
        `resolution` only says how finely it is rasterised: 1 is the case's own
        pixel size, 0.5 pixels twice as large over the same field. The Phases
        carry their `pixel_size_um`.
    truth : float or callable
        What the interval is for, in the unit of the table: the value of the
        process that draws the fields, not of the field drawn. A callable is
        called once, without arguments.
    bias : float
        Relative bias that is allowed: 0.02; 0.05 for grain size and clustering.
    change : float
        Relative change of the result at half the resolution that is allowed.
    absolute : float or None
        For measures on a scale whose zero means nothing (a grain size number):
        errors are divided by this instead of by the truth.
    """

    name: str
    measure: str
    phase: str
    render: Render
    truth: float | Callable[[], float]
    bias: float = 0.02
    change: float = 0.03
    absolute: float | None = None
