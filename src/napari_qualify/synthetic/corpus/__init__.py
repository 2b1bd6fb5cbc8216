"""Rendered micrographs of many structures, with captions.

The corpus that the bridge of `lite` is fitted on; see docs/lite-bridge.md. No
part of a real image is in it: every picture is drawn from formulas and random
numbers, from one seed.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_qualify.synthetic.corpus import (
    composites_table,
    metals_table,
    surfaces_table,
    transformed,
)
from napari_qualify.synthetic.corpus.appearance import photograph
from napari_qualify.synthetic.corpus.overlay import KINDS as OVERLAY
from napari_qualify.synthetic.corpus.scene import Kind
from napari_qualify.synthetic.corpus.wording import captions

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        *metals_table.KINDS,
        *transformed.KINDS,
        *composites_table.KINDS,
        *surfaces_table.KINDS,
        *OVERLAY,
    )
}
"""Every class of structures by name."""


@dataclass(frozen=True, eq=False)
class Example:
    """A rendered micrograph with captions.

    Attributes
    ----------
    kind : str
    image : ndarray of uint8, shape (side, side, 3)
    captions : list of str
        A description, keywords, and the structure alone.
    """

    kind: str
    image: NDArray[np.uint8]
    captions: list[str]


def example(name: str, seed: int, side: int = 256) -> Example:
    """Render one micrograph of a kind.

    Parameters
    ----------
    name : str
        A key of `KINDS`.
    seed : int
        The same name, seed and side give the same example.
    side : int
        Of the square picture, in pixels.
    """
    kind = KINDS[name]
    rng = np.random.default_rng([seed, *name.encode()])
    scene = kind.draw(rng, (side, side))
    material = kind.materials[rng.integers(len(kind.materials))]
    method = str(rng.choice(kind.methods))
    image = photograph(scene.surface, method, material.tint, rng)
    return Example(name, image, captions(kind, scene, material, method, rng))
