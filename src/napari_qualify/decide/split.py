"""Split conformal: half of the groups of each side teach, the other half calibrate.

The calibrating half takes no part in the judge at all, so that the p-values
are exact under exchangeability (Papadopoulos et al., ECML 2002; Vovk, Gammerman
and Shafer, Algorithmic Learning in a Random World, 2005), at the price of half
of the references.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from napari_qualify.decide.choosing import Choice
from napari_qualify.decide.judge import Judge, Scores, Tiles
from napari_qualify.decide.population import group_means
from napari_qualify.decide.references import References
from napari_qualify.decide.rules import Floats, Mask
from napari_qualify.decide.settings import Setting


@dataclass(frozen=True, eq=False)
class SplitJudge:
    """A `Judge` of the teaching half, calibrated on the other half.

    Parameters
    ----------
    teacher : Judge
        Of the references that `teaching` keeps.
    references : References
        All of them.
    held : ndarray of bool, shape (n,)
        The calibrating half.
    in_text_space : ndarray of float, shape (n, t), or None
        All references in the text space.
    """

    teacher: Judge
    references: References
    held: Mask
    in_text_space: Floats | None = None

    @property
    def settings(self) -> tuple[Setting, ...]:
        """Settings of the teacher."""
        return self.teacher.settings

    @property
    def used_modality(self) -> str:
        """Modality of the teacher."""
        return self.teacher.used_modality

    @property
    def choice(self) -> Choice:
        """Chosen on the teaching half."""
        return self.teacher.choice

    def _margins(
        self, vectors: Floats, in_text_space: Floats | None, tiles: Tiles | None
    ) -> tuple[Scores, Floats]:
        raw = self.teacher.scores(vectors, in_text_space, tiles)
        return raw, self.choice.blend(raw.visual, raw.cross) - self.choice.cut

    @cached_property
    def calibration(self) -> tuple[Floats, Mask, NDArray[np.intp]]:
        """Margin of every calibrating group, its side, and 0: there is one judge."""
        held = self.references.part(self.held)
        text = None if self.in_text_space is None else self.in_text_space[self.held]
        tiles = held.tiles() if self.teacher.by_tiles and held.tiles else None
        _, margins = self._margins(held.vectors, text, tiles)
        values, sides, _ = group_means(margins, held.accepted, held.groups)
        return values, sides, np.zeros(len(values), dtype=np.intp)

    def scores(
        self, vectors: Floats, in_text_space: Floats | None = None, tiles: Tiles | None = None
    ) -> Scores:
        """As `Judge.scores`; the margins have one column."""
        raw, margins = self._margins(vectors, in_text_space, tiles)
        return Scores(raw.visual, raw.cross, margins[:, None], raw.tiles)


def held_back(groups: Sequence[str], accepted: Mask) -> Mask:
    """Which references calibrate: every second group of each side, shape (n,).

    The order is that of a hash of the names, so that it is the same whenever
    the references are, and follows neither time nor alphabet. A group with
    references on both sides is dealt with the accepted ones.
    """
    names = np.asarray(groups, dtype=object)
    found = np.zeros(len(names), dtype=bool)
    dealt: set[str] = set()
    for side in (True, False):
        own = set(names[accepted == side]) - dealt
        dealt |= own
        order = sorted(own, key=lambda name: sha256(str(name).encode()).hexdigest())
        found |= np.isin(names, order[1::2])
    return found
