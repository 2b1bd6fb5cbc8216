"""A judge: what the references and statements of one criterion have taught.

Fitted once per criterion and library version, it scores any number of
micrographs. Every choice (rule, pool, centring, standardising, weight, cut)
is made on references only and made again inside each fold, see `nested`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from napari_qualify.decide.nested import (
    NestedScores,
    Space,
    fold_of_groups,
    nested_scores,
    standardise,
)
from napari_qualify.decide.population import (
    Population,
    best_cut,
    group_means,
    library_population,
    separation,
)
from napari_qualify.decide.rules import DEFAULT, Floats, Mask, Setting, candidates, products, unit
from napari_qualify.decide.text import Texts, nested_cross

# With fewer groups on a side, choosing among rules costs more accuracy than it gains.
GROUPS_TO_CHOOSE_RULE = 20
GROUPS_TO_CHOOSE_WEIGHT = 5
WEIGHTS = (1.0, 0.75, 0.5, 0.25, 0.0)  # of equal weights the first, all visual, is kept


@dataclass(frozen=True, eq=False)
class References:
    """The references of one criterion, as the decision sees them.

    Attributes
    ----------
    vectors : ndarray of float, shape (n, d)
        Visual vectors; scaled to unit length here.
    accepted : ndarray of bool, shape (n,)
    groups : sequence of str, length n
        Specimen of each; the unit of every estimate.
    """

    vectors: Floats
    accepted: Mask
    groups: Sequence[str]

    def __post_init__(self) -> None:
        object.__setattr__(self, "vectors", unit(self.vectors))

    def __len__(self) -> int:
        return len(self.accepted)

    def group_count(self, accepted: bool) -> int:
        """Number of groups on a side."""
        return len({g for g, a in zip(self.groups, self.accepted, strict=True) if a == accepted})


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
class Scores:
    """Raw and standardised scores of m judged micrographs.

    Attributes
    ----------
    visual, cross : ndarray of float, shape (m,), or None
        Raw scores under the judge of all references.
    margins : ndarray of float, shape (m, folds)
        Score minus cut under the judge without each fold.
    """

    visual: Floats | None
    cross: Floats | None
    margins: Floats


@dataclass(frozen=True, eq=False)
class Judge:
    """Both sides have references: scores, cut and calibration of a criterion.

    Parameters
    ----------
    references : References
    rule : str
        See `rules.candidates`.
    modality : {'auto', 'visual', 'cross', 'hybrid'}
    texts : Texts or None
        Statements and descriptions, when the encoder has text.
    """

    references: References
    rule: str = "auto"
    modality: str = "auto"
    texts: Texts | None = None
    settings: tuple[Setting, ...] = field(init=False)
    folds: NDArray[np.intp] = field(init=False)

    def __post_init__(self) -> None:
        refs = self.references
        allowed = candidates(self.rule)
        fewest = min(refs.group_count(True), refs.group_count(False))
        if fewest < GROUPS_TO_CHOOSE_RULE:
            allowed = (DEFAULT if DEFAULT in allowed else allowed[0],)
        object.__setattr__(self, "settings", allowed)
        object.__setattr__(self, "folds", fold_of_groups(refs.groups, refs.accepted))

    @property
    def used_modality(self) -> str:
        """The modality that `auto` stands for here."""
        if self.modality != "auto":
            return self.modality
        return "visual" if self.texts is None else "hybrid"

    @cached_property
    def _nested(self) -> NestedScores:
        return nested_scores(
            self.references.vectors, self.references.accepted, self.folds, self.settings
        )

    @cached_property
    def _cross(self) -> tuple[Floats, Floats] | None:
        """Cross scores of the references: own fold out, and two folds out."""
        if self.texts is None:
            return None
        return nested_cross(self.texts, self.references.accepted, self.folds)

    def _choose(self, visual: Floats, cross: Floats | None) -> Choice:
        """Choose on left-out scores: visual (settings, n), cross (n,)."""
        refs = self.references

        def means(scores: Floats) -> tuple[Floats, Mask]:
            values, sides, _ = group_means(scores, refs.accepted, refs.groups)
            return values, sides

        merit = [separation(*means(scores)) for scores in visual]
        best = int(np.argmax(merit))
        visual_population = library_population(*means(visual[best]))
        cross_population = Population() if cross is None else library_population(*means(cross))
        weight = self._weight(visual[best], cross, visual_population, cross_population)
        choice = Choice(best, visual_population, cross_population, weight, 0.0)
        cut = best_cut(*means(choice.blend(visual[best], cross)))
        return Choice(best, visual_population, cross_population, weight, cut)

    def _weight(
        self, visual: Floats, cross: Floats | None, of_visual: Population, of_cross: Population
    ) -> float:
        refs = self.references
        if cross is None or self.used_modality == "visual":
            return 1.0
        if self.used_modality == "cross":
            return 0.0
        if min(refs.group_count(True), refs.group_count(False)) < GROUPS_TO_CHOOSE_WEIGHT:
            return 1.0
        merit = []
        for weight in WEIGHTS:
            blend = Choice(0, of_visual, of_cross, weight, 0.0).blend(visual, cross)
            values, sides, _ = group_means(blend, refs.accepted, refs.groups)
            merit.append(round(separation(values, sides), 9))
        return WEIGHTS[int(np.argmax(merit))]

    @cached_property
    def choice(self) -> Choice:
        """Chosen on all references, from their leave-one-group-out scores."""
        return self._choose(self._nested.outer, None if self._cross is None else self._cross[0])

    @cached_property
    def fold_choices(self) -> tuple[Choice, ...]:
        """Chosen again without each fold."""
        return tuple(
            self._choose(
                self._nested.inner[:, f], None if self._cross is None else self._cross[1][f]
            )
            for f in range(int(self.folds.max()) + 1)
        )

    @cached_property
    def calibration(self) -> tuple[Floats, Mask, NDArray[np.intp]]:
        """Margin of every group under the judge without it, its side and its fold."""
        margins = np.empty(len(self.references))
        for f, choice in enumerate(self.fold_choices):
            own = self.folds == f
            cross = None if self._cross is None else self._cross[0][own]
            visual = self._nested.outer[choice.setting, own]
            margins[own] = choice.blend(visual, cross) - choice.cut
        values, sides, first = group_means(
            margins, self.references.accepted, self.references.groups
        )
        return values, sides, self.folds[first]

    def scores(self, vectors: Floats, in_text_space: Floats | None = None) -> Scores:
        """Score judged micrographs.

        Parameters
        ----------
        vectors : ndarray of float, shape (m, d)
            Their visual vectors.
        in_text_space : ndarray of float, shape (m, t), optional
            The same taken into the text space, when the encoder has text.
        """
        rows = unit(vectors)
        everything = np.ones(len(self.references), dtype=bool)
        cross = self._cross_of(in_text_space, everything)
        margins = np.empty((len(rows), len(self.fold_choices)))
        for f, choice in enumerate(self.fold_choices):
            kept = self.folds != f
            fold_cross = self._cross_of(in_text_space, kept)
            visual = self._visual(rows, kept, self.settings[choice.setting])
            margins[:, f] = choice.blend(visual, fold_cross) - choice.cut
        visual = self._visual(rows, everything, self.settings[self.choice.setting])
        return Scores(visual, cross, margins)

    def _visual(self, rows: Floats, kept: Mask, setting: Setting) -> Floats:
        """Raw visual scores (m,) under the kept references."""
        vectors, accepted = self.references.vectors[kept], self.references.accepted[kept]
        if accepted.all() or not accepted.any():
            # Only where a side has a single group: its own calibration is void (NaN) too.
            return np.full(len(rows), np.nan)
        if setting.standardised:
            space: Space = standardise(vectors)
            vectors, rows = space(vectors), space(rows)
        return setting.score(products(vectors, rows), accepted)

    def _cross_of(self, in_text_space: Floats | None, kept: Mask) -> Floats | None:
        if self.texts is None or in_text_space is None:
            return None
        return unit(in_text_space) @ self.texts.direction(self.references.accepted, kept)
