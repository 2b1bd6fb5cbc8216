"""The Ni-WC overlay of `synthetic.render`, as a class of the corpus."""

import numpy as np

from napari_qualify.synthetic.captions import caption
from napari_qualify.synthetic.corpus.patterns import Rng, Shape
from napari_qualify.synthetic.corpus.scene import Kind, Material, Scene
from napari_qualify.synthetic.parameters import CRITERIA, Side, draw_parameters
from napari_qualify.synthetic.render import render


def ni_wc(rng: Rng, shape: Shape) -> Scene:
    """A laser-deposited overlay with carbides, pores and cracks."""
    sides: tuple[Side, Side] = ("accept", "reject")
    verdicts = {name: sides[int(rng.integers(2))] for name in CRITERIA}
    parameters = draw_parameters(rng, verdicts, shape=shape)
    seed = int(rng.integers(1 << 31))
    picture = render(parameters, seed).image
    # Its first sentence names the material, which the row below does as well.
    says = caption(parameters, seed).split(". ")[1:]
    return Scene(np.asarray(picture / 255, np.float32), (". ".join(says).rstrip("."),))


KINDS = (
    Kind(
        "carbide overlay",
        ni_wc,
        (
            "tungsten carbides in a nickel matrix",
            "a metal matrix composite with carbide particles",
            "hard carbides in a softer metal",
        ),
        (
            Material(
                "a laser-deposited Ni-WC overlay",
                "metal matrix composite, composite material, nickel, tungsten carbide, metal",
            ),
        ),
        ("sem", "optical"),
    ),
)
