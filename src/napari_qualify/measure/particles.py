"""Particles: the connected regions of a phase, with the correction for the border."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label, regionprops_table


@dataclass(frozen=True, eq=False)
class Particles:
    """Regions of one phase, in pixels.

    Attributes
    ----------
    count : int
        All regions, those cut by the border included.
    diameter : ndarray of float, shape (n,)
        Equivalent circle diameter, ``sqrt(4 A / pi)``, of those inside.
    y, x : ndarray of float, shape (n,)
        Centroids of those inside.
    weight : ndarray of float, shape (n,)
        Particles per square pixel that each one inside stands for: one over
        the area of positions at which its bounding box is inside the field.
    """

    count: int
    diameter: NDArray[np.float64]
    y: NDArray[np.float64]
    x: NDArray[np.float64]
    weight: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.diameter)


def find_particles(mask: NDArray[np.bool_]) -> Particles:
    """Find the 8-connected regions of a phase.

    Regions that touch the border are cut, and the larger a region the likelier
    it is cut: dropping them biases sizes and numbers low. The weight of Miles
    (1974) and Lantuejoul (1978), as given by Serra (1982, Image Analysis and
    Mathematical Morphology, VII.C.3), removes that bias.

    Parameters
    ----------
    mask : ndarray of bool, shape (Y, X)

    Returns
    -------
    Particles
    """
    regions = label(mask, connectivity=2)  # type: ignore[no-untyped-call]
    wanted = ("bbox", "equivalent_diameter_area", "centroid")
    table = regionprops_table(regions, properties=wanted)  # type: ignore[no-untyped-call]
    top, left, bottom, right = (table[f"bbox-{i}"] for i in range(4))
    height, width = mask.shape
    inside = (top > 0) & (left > 0) & (bottom < height) & (right < width)
    positions = (height - 1 - (bottom - top)) * (width - 1 - (right - left))
    return Particles(
        count=len(top),
        diameter=table["equivalent_diameter_area"][inside].astype(np.float64),
        y=table["centroid-0"][inside].astype(np.float64),
        x=table["centroid-1"][inside].astype(np.float64),
        weight=1.0 / positions[inside].astype(np.float64),
    )
