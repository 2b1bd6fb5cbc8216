"""One phase of one field with what its measures share."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from napari_qualify.measure.correlation import Correlation, correlation
from napari_qualify.measure.interval import Blocks, make_blocks
from napari_qualify.measure.particles import Particles, find_particles
from napari_qualify.measure.pattern import Pattern, find_pattern
from napari_qualify.segment.phases import Phases


class Field:
    """One micrograph's phases; each phase's share of the work is done once.

    Parameters
    ----------
    phases : Phases
    """

    def __init__(self, phases: Phases) -> None:
        self.phases = phases
        self._found: dict[str, PhaseField] = {}

    def phase(self, name: str) -> "PhaseField":
        """One phase by name."""
        if name not in self._found:
            self._found[name] = PhaseField(self, name)
        return self._found[name]

    @cached_property
    def coarsest(self) -> tuple[float, float]:
        """Largest correlation length of any phase along y and x, in pixels.

        The grain of the field, for phases that themselves show no extent. A
        phase correlated over the whole field makes it infinite: then nothing
        is known.
        """
        found = [self.phase(name) for name in self.phases.names.values()]
        lengths = [each.correlation.length for each in found if each.varies]
        return (
            max((y for y, _ in lengths), default=math.inf),
            max((x for _, x in lengths), default=math.inf),
        )


@dataclass(frozen=True, eq=False)
class PhaseField:
    """One phase of a field.

    Attributes
    ----------
    field : Field
    name : str
    """

    field: Field
    name: str

    @property
    def phases(self) -> Phases:
        """All phases of the field."""
        return self.field.phases

    @property
    def side(self) -> float:
        """Length of a pixel in `unit`."""
        return self.phases.pixel_size_um or 1.0

    @property
    def unit(self) -> str:
        """Unit of lengths: 'um' or 'px'."""
        return self.phases.unit

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """Pixels of the phase, shape (Y, X)."""
        return self.phases.mask(self.name)

    def forget_pixels(self) -> None:
        """Drop what is as large as the field; it is made again when it is wanted."""
        for name in ("mask", "particles"):
            self.__dict__.pop(name, None)

    @cached_property
    def varies(self) -> bool:
        """Whether some pixels are of the phase and some are not."""
        return bool(self.mask.any() and not self.mask.all())

    @cached_property
    def correlation(self) -> Correlation:
        """How the phase is correlated with itself."""
        return correlation(self.mask)

    @cached_property
    def blocks(self) -> Blocks:
        """Blocks above the correlation length."""
        return make_blocks(self.phases.shape, self.correlation.length)

    @cached_property
    def pattern(self) -> Pattern:
        """Whole particles as points; at least two."""
        particles, inside = self.particles, self.particles.inside
        extents = (
            (particles.bottom - particles.top)[inside],
            (particles.right - particles.left)[inside],
        )
        height, width = (
            side - float(np.average(extent, weights=particles.weight[inside]))
            for side, extent in zip(self.phases.shape, extents, strict=True)
        )
        y, x = (axis[inside] for axis in particles.middle)
        return find_pattern(y, x, (height, width))

    def blocks_for(self, pattern: Pattern) -> Blocks:
        """Blocks above the correlation length, and not small beside a pattern's reach."""
        y, x = self.correlation.length
        least = pattern.reach / 3
        return make_blocks(self.phases.shape, (max(y, least), max(x, least)))

    @cached_property
    def particles(self) -> Particles:
        """Connected regions of the phase."""
        return find_particles(self.mask)
