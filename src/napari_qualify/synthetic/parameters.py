"""What a rendered micrograph shows, and what an expert would call it.

Objects are defined in micrometres; the pixel size sets how large they appear.
A verdict is a threshold on one parameter (`CRITERIA`) and on nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

Side = Literal["accept", "reject"]


@dataclass(frozen=True)
class Deciding:
    """The parameter that decides a criterion.

    Attributes
    ----------
    parameter : str
        Field of `Parameters`.
    threshold : float
        Accepted up to and including this value, rejected above.
    low, high : float
        Range that `draw_parameters` draws from, evenly.
    """

    parameter: str
    threshold: float
    low: float
    high: float


CRITERIA: Mapping[str, Deciding] = MappingProxyType(
    {
        "carbide distribution": Deciding("clustering", 0.5, 0.0, 1.0),
        "carbide degradation": Deciding("dissolved_fraction", 0.25, 0.0, 0.5),
        "porosity": Deciding("pore_fraction", 0.02, 0.0, 0.07),
    }
)
NUISANCES: Mapping[str, tuple[int, int] | tuple[float, float]] = MappingProxyType(
    {
        "carbide_fraction": (0.17, 0.25),
        "carbide_um": (20.0, 25.0),
        "carbide_spread": (0.2, 0.32),
        "spherical_share": (0.1, 0.9),
        "cracks": (0, 2),
        "scratches": (0, 6),
        "cell_um": (9.0, 14.0),
        "matrix_contrast": (-0.06, 0.0),
        "brightness": (90.0, 145.0),
        "contrast": (34.0, 48.0),
        "uneven_light": (0.0, 0.25),
        "noise": (2.0, 4.5),
        "blur_px": (0.4, 0.8),
        "pixel_size_um": (0.8, 1.2),
    }
)
"""Range of each parameter that does not decide, drawn from evenly."""

NEAR = 0.1  # a borderline value lies within this share of its threshold
CLEAR = 0.25  # any other at least this far from it


@dataclass(frozen=True)
class Parameters:
    """Everything that, with a seed, determines a rendered micrograph.

    Attributes
    ----------
    clustering : float
        Share of the carbides that sit in clusters, 0 to 1; the others keep
        away from their neighbours.
    dissolved_fraction : float
        Area of dissolved carbide over the area of dissolved and intact carbide.
    pore_fraction : float
        Area of pores over the area of the micrograph.
    carbide_fraction : float
        Area of the carbides before dissolution over the area, on average.
    carbide_um, carbide_spread : float
        Median diameter of the carbides, and the deviation of its logarithm.
    spherical_share : float
        Share of spherical cast carbides; the others are angular blocks.
    cracks, scratches : int
        Number of cracks in the material, of scratches left by polishing.
    cell_um : float
        Spacing of the dendrite arms of the matrix.
    matrix_contrast : float
        Grey of the interdendritic phase relative to the matrix, of the full
        range of grey; negative is darker.
    brightness, contrast : float
        Mean and standard deviation of grey (0 to 255) to which the detector
        is set, before noise.
    uneven_light : float
        Largest change of light over the field, as a share of the mean.
    noise : float
        Standard deviation of the noise at grey 128.
    blur_px : float
        Standard deviation of the point spread, in pixels.
    pixel_size_um : float
        Micrometres per pixel.
    shape : (int, int)
        Pixels (Y, X).
    """

    clustering: float = 0.25
    dissolved_fraction: float = 0.08
    pore_fraction: float = 0.005
    carbide_fraction: float = 0.22
    carbide_um: float = 23.0
    carbide_spread: float = 0.3
    spherical_share: float = 0.4
    cracks: int = 0
    scratches: int = 2
    cell_um: float = 11.0
    matrix_contrast: float = -0.05
    brightness: float = 115.0
    contrast: float = 42.0
    uneven_light: float = 0.1
    noise: float = 4.0
    blur_px: float = 0.7
    pixel_size_um: float = 1.0
    shape: tuple[int, int] = (400, 400)

    @property
    def verdicts(self) -> dict[str, Side]:
        """Verdict per criterion: its parameter against its threshold."""
        return {
            name: "accept" if getattr(self, rule.parameter) <= rule.threshold else "reject"
            for name, rule in CRITERIA.items()
        }


def _deciding(rule: Deciding, side: Side, near: bool, share: float) -> float:
    """The value at `share` of the range on `side` of the threshold, borderline or clear."""
    t = rule.threshold
    if side == "accept":
        low, high = ((1 - NEAR) * t, t) if near else (rule.low, (1 - CLEAR) * t)
    else:  # never the threshold itself, which is accepted
        low, high = (1.001 * t, (1 + NEAR) * t) if near else ((1 + CLEAR) * t, rule.high)
    return low + (high - low) * share


def parameters_at(
    shares: Mapping[str, float],
    verdicts: Mapping[str, Side],
    near: frozenset[str] = frozenset(),
    shape: tuple[int, int] = (400, 400),
) -> Parameters:
    """Parameters at given places of their ranges.

    Parameters
    ----------
    shares : mapping of str to float
        For each parameter that decides and each of `NUISANCES` a number in
        [0, 1): where in its range it lies.
    verdicts : mapping of criterion to {'accept', 'reject'}
        One entry for each of `CRITERIA`.
    near : frozenset of str
        Criteria whose deciding parameter lies within 10 % of its threshold;
        that of the others lies at least 25 % away from it.
    shape : (int, int)
        Pixels (Y, X).
    """
    values: dict[str, Any] = {
        rule.parameter: _deciding(rule, verdicts[name], name in near, shares[rule.parameter])
        for name, rule in CRITERIA.items()
    }
    for name, (least, most) in NUISANCES.items():
        if isinstance(least, int):
            values[name] = least + int(shares[name] * (most - least + 1))
        else:
            values[name] = round(least + shares[name] * (most - least), 4)
    return Parameters(**values, shape=shape)


def draw_parameters(
    rng: np.random.Generator,
    verdicts: Mapping[str, Side],
    near: frozenset[str] = frozenset(),
    shape: tuple[int, int] = (400, 400),
) -> Parameters:
    """Draw a micrograph that has the stated verdicts, see `parameters_at`.

    All that does not decide is drawn without regard to `verdicts`.
    """
    names = [rule.parameter for rule in CRITERIA.values()] + list(NUISANCES)
    return parameters_at({name: rng.random() for name in names}, verdicts, near, shape)
