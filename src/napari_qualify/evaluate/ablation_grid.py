"""What an ablation tries: the grid of settings, and its default."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from napari_qualify.decide.assess import MODALITIES, POPULATIONS
from napari_qualify.decide.settings import PAPER, candidates
from napari_qualify.embed.registry import split_spec
from napari_qualify.embed.views import parse_view
from napari_qualify.errors import UsageError
from napari_qualify.qualify import as_library

if TYPE_CHECKING:
    from pathlib import Path

    from napari_qualify.library.store import Library

AXES = ("encoder", "view", "modality", "population", "rule")


class Tried(NamedTuple):
    """One setting of an ablation."""

    encoder: str
    view: str
    modality: str
    population: str
    rule: str

    def __str__(self) -> str:
        return ", ".join(self)


@dataclass(frozen=True)
class Grid:
    """What is tried; the first of each is the default that the others are compared with.

    Attributes
    ----------
    encoders : tuple of str
        As `napari_qualify.embed.registry.load_encoder` takes them.
    views, modalities, populations, rules : tuple of str
        As a criterion spells them. The rule ``paper`` brings its own population
        and is tried once, over the batch.
    """

    encoders: tuple[str, ...]
    views: tuple[str, ...] = ("raw",)
    modalities: tuple[str, ...] = ("auto", "visual", "cross")
    populations: tuple[str, ...] = POPULATIONS
    rules: tuple[str, ...] = ("auto", "net(pool=mean)", PAPER)

    def __post_init__(self) -> None:
        for name in ("encoders", "views", "modalities", "populations", "rules"):
            values = tuple(dict.fromkeys(getattr(self, name)))
            if not values:
                raise UsageError(f"an ablation needs one of its {name} at least")
            object.__setattr__(self, name, values)
        for encoder in self.encoders:
            split_spec(encoder)
        for view in self.views:
            parse_view(view)
        for rule in self.rules:
            candidates(rule)
        for given, known in ((self.modalities, MODALITIES), (self.populations, POPULATIONS)):
            for wrong in (one for one in given if one not in known):
                raise UsageError(f"{wrong!r} cannot be tried; use {', '.join(known)}")

    def settings(self) -> list[Tried]:
        """All combinations, the default first."""
        found = []
        for encoder, view, modality, rule in product(
            self.encoders, self.views, self.modalities, self.rules
        ):
            for population in ("batch",) if rule == PAPER else self.populations:
                found.append(Tried(encoder, view, modality, population, rule))
        return found


def default_grid(library: "Library | str | Path", encoders: Sequence[str] = ()) -> Grid:
    """Our defaults first, then what they can be compared with.

    Parameters
    ----------
    library : Library or path
        Gives the encoder, and the views that its criteria ask for.
    encoders : sequence of str
        Others to try, after the library's.
    """
    kept = as_library(library)
    own = [criterion.view for criterion in kept.criteria.values() if not criterion.limit]
    views = tuple(dict.fromkeys([*own, "raw", "overlay", "phases"]))
    return Grid((kept.encoder, *encoders), views)
