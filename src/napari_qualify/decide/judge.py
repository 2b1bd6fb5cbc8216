"""A judge: what the references and statements of one criterion have taught.

Fitted once per criterion and library version, it scores any number of
micrographs. Every choice (rule, pool, centring, standardising, weight, cut)
is made on references only and made again inside each fold, see `nested`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_qualify.decide.choosing import Choice, Chooser
from napari_qualify.decide.linear import Linear, linear_scores
from napari_qualify.decide.nested import (
    NestedScores,
    Space,
    fold_of_groups,
    nested_scores,
    standardise,
)
from napari_qualify.decide.population import group_means
from napari_qualify.decide.references import References
from napari_qualify.decide.rules import Floats, Mask, products, unit
from napari_qualify.decide.settings import DEFAULT, NAMED, TILES_SETTING, Setting, candidates
from napari_qualify.decide.text import Texts, nested_cross
from napari_qualify.decide.tile_memory import TileScores

Tiles = Sequence[NDArray[Any]]

# With fewer groups on a side, choosing among rules costs more accuracy than it gains.
GROUPS_TO_CHOOSE_RULE = 20
GROUPS_TO_CHOOSE_STRENGTH = 5  # of one named rule


@dataclass(frozen=True, eq=False)
class Scores:
    """Raw and standardised scores of m judged micrographs.

    Attributes
    ----------
    visual, cross : ndarray of float, shape (m,), or None
        Raw scores under the judge of all references.
    margins : ndarray of float, shape (m, folds)
        Score minus cut under the judge without each fold.
    tiles : TileScores or None
        Where nearest tiles judge: the strangeness of every tile.
    """

    visual: Floats | None
    cross: Floats | None
    margins: Floats
    tiles: TileScores | None = None


class Judging(Protocol):
    """What `Judge` and `split.SplitJudge` have in common."""

    @property
    def references(self) -> References: ...  # noqa: D102

    @property
    def settings(self) -> tuple[Setting, ...]: ...  # noqa: D102

    @property
    def used_modality(self) -> str: ...  # noqa: D102

    @property
    def choice(self) -> Choice: ...  # noqa: D102

    @property
    def calibration(self) -> tuple[Floats, Mask, NDArray[np.intp]]: ...  # noqa: D102

    def scores(  # noqa: D102
        self, vectors: Floats, in_text_space: Floats | None = None, tiles: Tiles | None = None
    ) -> Scores: ...


@dataclass(frozen=True, eq=False)
class Judge:
    """Both sides have references: scores, cut and calibration of a criterion.

    Parameters
    ----------
    references : References
    rule : str
        See `settings.candidates`.
    modality : {'auto', 'visual', 'cross', 'hybrid'}
    texts : Texts or None
        Statements and descriptions, when the encoder has text.
    weight : float or None
        Fixed share of the visual score in the hybrid; None chooses it.
    standardised : bool
        False: raw scores, with the cut at 0.
    """

    references: References
    rule: str = "auto"
    modality: str = "auto"
    texts: Texts | None = None
    weight: float | None = None
    standardised: bool = True
    settings: tuple[Setting, ...] = field(init=False)
    folds: NDArray[np.intp] = field(init=False)

    def __post_init__(self) -> None:
        refs = self.references
        object.__setattr__(self, "settings", _allowed(self.rule, refs.fewest))
        object.__setattr__(self, "folds", fold_of_groups(refs.groups, refs.accepted))

    @property
    def used_modality(self) -> str:
        """The modality that `auto` stands for here."""
        if self.modality != "auto":
            return self.modality
        return "visual" if self.texts is None else "hybrid"

    @property
    def by_tiles(self) -> bool:
        """Whether nearest tiles judge, instead of a micrograph's one vector."""
        return self.settings == (TILES_SETTING,)

    @cached_property
    def _nested(self) -> NestedScores:
        if self.by_tiles:
            return self.references.memory.nested
        return nested_scores(
            self.references.vectors, self.references.accepted, self.folds, self.settings
        )

    @cached_property
    def _cross(self) -> tuple[Floats, Floats] | None:
        """Cross scores of the references: own fold out, and two folds out."""
        if self.texts is None:
            return None
        return nested_cross(self.texts, self.references.accepted, self.folds)

    @cached_property
    def _chooser(self) -> Chooser:
        return Chooser(self.references, self.used_modality, self.weight, self.standardised)

    @cached_property
    def choice(self) -> Choice:
        """Chosen on all references, from their leave-one-group-out scores."""
        cross = None if self._cross is None else self._cross[0]
        return self._chooser.choose(self._nested.outer, cross)

    @cached_property
    def fold_choices(self) -> tuple[Choice, ...]:
        """Chosen again without each fold."""
        return tuple(
            self._chooser.choose(
                self._nested.inner[:, f], None if self._cross is None else self._cross[1][f]
            )
            for f in range(int(self.folds.max()) + 1)
        )

    @cached_property
    def left_out(self) -> Floats:
        """Margin of every reference under the judge without its fold, shape (n,)."""
        margins = np.empty(len(self.references))
        for f, choice in enumerate(self.fold_choices):
            own = self.folds == f
            cross = None if self._cross is None else self._cross[0][own]
            visual = self._nested.outer[choice.setting, own]
            margins[own] = choice.blend(visual, cross) - choice.cut
        return margins

    @cached_property
    def calibration(self) -> tuple[Floats, Mask, NDArray[np.intp]]:
        """Margin of every group under the judge without it, its side and its fold."""
        values, sides, first = group_means(
            self.left_out, self.references.accepted, self.references.groups
        )
        return values, sides, self.folds[first]

    def scores(
        self, vectors: Floats, in_text_space: Floats | None = None, tiles: Tiles | None = None
    ) -> Scores:
        """Score judged micrographs.

        Parameters
        ----------
        vectors : ndarray of float, shape (m, d)
            Their visual vectors.
        in_text_space : ndarray of float, shape (m, t), optional
            The same taken into the text space, when the encoder has text.
        tiles : sequence of ndarray of float, shape (t_j, d), optional
            Vectors of the tiles of each; the rule of nearest tiles needs them.
        """
        rows = unit(vectors)
        kept = [self.folds != f for f in range(len(self.fold_choices))]
        kept.append(np.ones(len(self.references), dtype=bool))
        choices = [*self.fold_choices, self.choice]
        found: TileScores | None = None
        if self.by_tiles:
            found = self.references.memory.judge(_given(tiles, len(rows)))
            visual = np.column_stack([found.without, found.scores])
        else:
            visual = self._visual(rows, kept, [self.settings[c.setting] for c in choices])
        cross = [self._cross_of(in_text_space, each) for each in kept]
        margins = np.empty((len(rows), len(self.fold_choices)))
        for f, choice in enumerate(self.fold_choices):
            margins[:, f] = choice.blend(visual[:, f], cross[f]) - choice.cut
        return Scores(visual[:, -1], cross[-1], margins, found)

    def linear(self) -> Linear | None:
        """The judge of all references as a linear one; None where its rule is not."""
        everything = np.ones(len(self.references), dtype=bool)
        return self._linear(everything, self.settings[self.choice.setting])

    def _visual(self, rows: Floats, kept: Sequence[Mask], settings: Sequence[Setting]) -> Floats:
        """Raw visual scores (m, k) under k judges; NaN where a side has no reference left."""
        found = np.full((len(rows), len(kept)), np.nan)
        linear: dict[int, Linear] = {}
        for i, (mask, setting) in enumerate(zip(kept, settings, strict=True)):
            accepted = self.references.accepted[mask]
            if accepted.all() or not accepted.any():
                # Only where a side has a single group: its own calibration is void (NaN) too.
                continue
            one = self._linear(mask, setting)
            if one is not None:
                linear[i] = one
                continue
            vectors, judged = self.references.vectors[mask], rows
            if setting.standardised:
                space: Space = standardise(vectors)
                vectors, judged = space(vectors), space(rows)
            found[:, i] = setting.score(products(vectors, judged), accepted)
        if linear:
            found[:, list(linear)] = linear_scores(rows, list(linear.values()))
        return found

    def _linear(self, mask: Mask, setting: Setting) -> Linear | None:
        vectors, accepted = self.references.vectors[mask], self.references.accepted[mask]
        space = standardise(vectors) if setting.standardised else None
        seen = vectors if space is None else space(vectors)
        dual = setting.dual(products(seen, seen[:0]), accepted)
        if dual is None:
            return None
        return Linear(dual.coefficients @ seen, dual.offset, space)

    def _cross_of(self, in_text_space: Floats | None, kept: Mask) -> Floats | None:
        if self.texts is None or in_text_space is None:
            return None
        return unit(in_text_space) @ self.texts.direction(self.references.accepted, kept)


def _given(tiles: Tiles | None, count: int) -> Tiles:
    """The tiles, as many as there are micrographs."""
    if tiles is None or len(tiles) != count:
        given = "none" if tiles is None else len(tiles)
        raise ValueError(f"nearest tiles judge {count} micrographs by their tiles, and got {given}")
    return tiles


def _allowed(rule: str, fewest: int) -> tuple[Setting, ...]:
    """Settings to choose among, given the groups on the side that has fewer."""
    allowed = candidates(rule)
    enough = GROUPS_TO_CHOOSE_STRENGTH if rule in NAMED else GROUPS_TO_CHOOSE_RULE
    if fewest < enough:
        return (DEFAULT if DEFAULT in allowed else allowed[0],)
    return allowed
