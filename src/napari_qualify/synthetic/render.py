"""Rendered Ni-WC metal matrix composite micrographs with known phases.

Nickel with tungsten carbides, as a laser-deposited or plasma-transferred-arc
overlay looks in back-scattered electrons: bright carbides, some cast and
round, some crushed and angular, in a grey cellular matrix.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from napari_qualify.synthetic import defects, imaging
from napari_qualify.synthetic.canvas import Canvas, FloatImage
from napari_qualify.synthetic.captions import caption
from napari_qualify.synthetic.carbides import Carbide, distances, place_carbides
from napari_qualify.synthetic.dissolution import dissolve, eutectic, nearest_grey
from napari_qualify.synthetic.parameters import Parameters, Side

PHASE_NAMES: Mapping[int, str] = MappingProxyType(
    {0: "matrix", 1: "carbide", 2: "dissolved carbide", 3: "pore", 4: "crack"}
)
MATRIX, CARBIDE, DISSOLVED, PORE = 0.42, 0.86, 0.62, 0.05  # grey of each, 0 to 1


@dataclass(frozen=True, eq=False)
class Rendered:
    """A rendered micrograph.

    Attributes
    ----------
    image : ndarray of uint8, shape (Y, X)
    phases : ndarray of uint8, shape (Y, X)
        Keys of `names`.
    names : mapping of int to str
    pixel_size_um : float
        Micrometres per pixel.
    parameters : Parameters
    caption : str
        What an expert might write below it.
    verdicts : mapping of criterion to {'accept', 'reject'}
        Each a threshold on one of the parameters.
    """

    image: NDArray[np.uint8]
    phases: NDArray[np.uint8]
    names: Mapping[int, str]
    pixel_size_um: float
    parameters: Parameters
    caption: str
    verdicts: Mapping[str, Side]


def _carbide_grey(
    carbides: list[Carbide], owner: NDArray[np.int32], canvas: Canvas, rng: np.random.Generator
) -> FloatImage:
    """Grey of the carbides: each its own, the cast ones finely feathered."""
    greys = (CARBIDE + 0.025 * rng.standard_normal(len(carbides))).astype(np.float32)
    cast = np.array([0.03 if c.spherical else 0.008 for c in carbides], np.float32)
    feather = np.sin(3.0 * canvas.field(5.0, rng) + 4.0 * canvas.field(2.0, rng))
    amount = nearest_grey(owner, cast, 0.0)
    return nearest_grey(owner, greys, CARBIDE) + amount * feather


def _blend(under: FloatImage, over: FloatImage | float, share: FloatImage) -> FloatImage:
    return (under + (over - under) * share).astype(np.float32)


def render(parameters: Parameters, seed: int) -> Rendered:
    """Render one micrograph.

    Parameters
    ----------
    parameters : Parameters
    seed : int
        Not negative. Each part draws from its own stream of it, so that the
        same seed with other light or noise shows the same objects.

    Returns
    -------
    Rendered
    """
    p = parameters
    canvas = Canvas(p.shape, p.pixel_size_um)
    place, eat, hole, split, metal, polish, camera = (
        np.random.default_rng([seed, part]) for part in range(7)
    )
    carbides = place_carbides(p, canvas, place)
    distance, owner = distances(carbides, canvas)
    layers = dissolve(distance, p.dissolved_fraction, canvas, eat)
    pore = defects.pores(p.pore_fraction, canvas, 0.05 + 0.95 * (1 - layers.carbide), hole)
    crack = defects.cracks(p.cracks, canvas, split)

    network = imaging.dendrites(p.cell_um, canvas, metal)
    surface = MATRIX + np.float32(p.matrix_contrast) * network + 0.008 * canvas.field(15.0, metal)
    rim = DISSOLVED + 0.045 * eutectic(distance, canvas, metal)
    surface = _blend(surface, rim, layers.dissolved)
    surface = _blend(surface, _carbide_grey(carbides, owner, canvas, metal), layers.carbide)
    surface = _blend(surface, PORE + 0.03, canvas.coverage(crack))
    # The edge of a pore emits more electrons; its floor is darkest where deepest.
    surface = surface + 0.16 * np.exp(-((pore + 0.4) ** 2)) * (pore < 0)
    floor = PORE + 0.12 * np.exp(-np.maximum(pore, 0) / 1.5)
    surface = _blend(surface, floor.astype(np.float32), canvas.coverage(pore))
    surface = surface + defects.scratches(p.scratches, canvas, polish)

    phases = np.zeros(canvas.shape, np.uint8)
    for label, shown in enumerate((layers.dissolved, layers.carbide), start=1):
        phases[shown > 0.5] = 3 - label  # dissolved first, intact carbide over it
    phases[crack > 0] = 4
    phases[pore > 0] = 3
    return Rendered(
        image=imaging.expose(surface, p, canvas, camera),
        phases=phases,
        names=PHASE_NAMES,
        pixel_size_um=p.pixel_size_um,
        parameters=p,
        caption=caption(p, seed),
        verdicts=p.verdicts,
    )
