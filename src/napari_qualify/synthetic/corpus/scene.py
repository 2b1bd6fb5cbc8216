"""What a rendered structure is made of: a surface, and what an expert would say about it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from napari_qualify.synthetic.canvas import FloatImage
from napari_qualify.synthetic.corpus.patterns import Shape


class Material(NamedTuple):
    """A material in which a structure is common.

    Attributes
    ----------
    phrase : str
        As it stands in a sentence.
    keywords : str
        As in a catalogue, separated by commas.
    tint : str
        A key of `appearance.TINTS`: its colour in an optical microscope.
    """

    phrase: str
    keywords: str
    tint: str = "neutral"


@dataclass(frozen=True, eq=False)
class Scene:
    """One drawn structure.

    Attributes
    ----------
    surface : ndarray of float32, shape (Y, X) or (Y, X, 3)
        0 dark to 1 bright.
    says : tuple of str
        What its random attributes amount to, in an expert's words.
    """

    surface: FloatImage
    says: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kind:
    """A class of structures: one row of the corpus.

    Attributes
    ----------
    name : str
    draw : callable
        ``draw(rng, shape)`` gives a `Scene`.
    structures : tuple of str
        Names of what is shown.
    materials : tuple of Material
    methods : tuple of str
        Keys of `appearance.METHODS` by which it is commonly seen.
    remarks : tuple of str
        Sentences that an expert may add.
    """

    name: str
    draw: Callable[[np.random.Generator, Shape], Scene]
    structures: tuple[str, ...]
    materials: tuple[Material, ...]
    methods: tuple[str, ...]
    remarks: tuple[str, ...] = ()


def pick(value: float, *words: tuple[float, str], otherwise: str) -> str:
    """The word of the first bound that `value` is under."""
    return next((word for bound, word in words if value < bound), otherwise)
