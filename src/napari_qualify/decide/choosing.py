"""What is chosen on references: setting, populations, weight and cut."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_qualify.decide.population import (
    Population,
    best_cut,
    group_means,
    library_population,
    separation,
    separations_without,
)
from napari_qualify.decide.references import References
from napari_qualify.decide.rules import Floats, Mask

# With fewer groups on a side, choosing costs more accuracy than it gains.
GROUPS_TO_CHOOSE_WEIGHT = 5
WEIGHTS = (1.0, 0.75, 0.5, 0.25, 0.0)  # of equal weights the first, all visual, is kept
# One-sided 95 %: statements have a say where they help beyond the noise of few references.
_BEYOND_NOISE = 1.645


@dataclass(frozen=True, eq=False)
class Choice:
    """What was chosen on one set of references: setting, populations, weight, cut."""

    setting: int
    visual: Population
    cross: Population
    weight: float
    cut: float

    def blend(self, visual: Floats | None, cross: Floats | None) -> Floats:
        """Hybrid ``w z(v) + (1 - w) z(c)`` of raw scores."""
        parts = []
        if visual is not None and self.weight > 0:
            parts.append(self.weight * self.visual.z(visual))
        if cross is not None and self.weight < 1:
            parts.append((1 - self.weight) * self.cross.z(cross))
        return np.asarray(sum(parts[1:], parts[0]))


@dataclass(frozen=True, eq=False)
class Chooser:
    """Chooses on scores of references by models that left them out.

    Parameters
    ----------
    references : References
    modality : {'visual', 'cross', 'hybrid'}
    weight : float or None
        Fixed share w of the visual score in the hybrid; None chooses it.
    standardised : bool
        False leaves scores as they are, with the cut at 0 (z off).
    """

    references: References
    modality: str
    weight: float | None = None
    standardised: bool = True

    def choose(self, visual: Floats, cross: Floats | None) -> Choice:
        """Choose on left-out scores: visual (settings, n), cross (n,)."""
        merit = [separation(*self._means(scores)) for scores in visual]
        best = int(np.argmax(merit))
        of_visual, of_cross = Population(), Population()
        if self.standardised:
            of_visual = library_population(*self._means(visual[best]))
            of_cross = Population() if cross is None else library_population(*self._means(cross))
        weight = self._weight(visual[best], cross, of_visual, of_cross)
        choice = Choice(best, of_visual, of_cross, weight, 0.0)
        if not self.standardised:
            return choice
        cut = best_cut(*self._means(choice.blend(visual[best], cross)))
        return Choice(best, of_visual, of_cross, weight, cut)

    def _means(self, scores: Floats) -> tuple[Floats, Mask]:
        values, sides, _ = group_means(scores, self.references.accepted, self.references.groups)
        return values, sides

    def _weight(
        self, visual: Floats, cross: Floats | None, of_visual: Population, of_cross: Population
    ) -> float:
        if cross is None or self.modality == "visual":
            return 1.0
        if self.modality == "cross":
            return 0.0
        if self.weight is not None:
            return self.weight
        if self.references.fewest < GROUPS_TO_CHOOSE_WEIGHT:
            return 1.0
        blends = [
            self._means(Choice(0, of_visual, of_cross, w, 0.0).blend(visual, cross))
            for w in WEIGHTS
        ]
        return WEIGHTS[_clear_winner(blends)]


def _clear_winner(blends: Sequence[tuple[Floats, Mask]]) -> int:
    """The blend that separates best, if it beats the first beyond noise; else the first.

    The gain in d' is held against its jackknife standard error over groups.
    """
    merit = np.array([round(separation(*blend), 9) for blend in blends])
    best = int(np.argmax(merit))
    if best == 0 or not np.isfinite(merit[best]):
        return 0
    (own, sides), (first, _) = blends[best], blends[0]
    gains = separations_without(own, sides) - separations_without(first, sides)
    variance = 0.0
    for side in (True, False):
        known = gains[(sides == side) & np.isfinite(gains)]
        if len(known) < 2:
            return 0
        variance += (len(known) - 1) / len(known) * float(((known - known.mean()) ** 2).sum())
    return best if merit[best] - merit[0] > _BEYOND_NOISE * np.sqrt(variance) else 0
