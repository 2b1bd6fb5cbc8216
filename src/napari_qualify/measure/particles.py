"""Particles: the connected regions of a phase, with the correction for the border."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label, regionprops_table

from napari_qualify.measure.interval import Blocks

Floats = NDArray[np.float64]
_PIXEL = 1 / 12  # second moment of a unit square about its centre


@dataclass(frozen=True, eq=False)
class Particles:
    """Regions of one phase, in pixels; those cut by the border are among them.

    Attributes
    ----------
    labels : ndarray of int, shape (Y, X)
        Number of the particle from 1 up; 0 elsewhere.
    top, left, bottom, right : ndarray of float, shape (n,)
        Bounding box; the last row and column are not in it.
    area, y, x : ndarray of float, shape (n,)
        Area in pixels and centroid.
    """

    labels: NDArray[np.integer]
    top: Floats
    left: Floats
    bottom: Floats
    right: Floats
    area: Floats
    y: Floats
    x: Floats

    def __len__(self) -> int:
        return len(self.area)

    @cached_property
    def inside(self) -> NDArray[np.bool_]:
        """Those that the border does not touch."""
        height, width = self.labels.shape
        free = (self.top > 0) & (self.left > 0) & (self.bottom < height) & (self.right < width)
        return np.asarray(free)

    @cached_property
    def weight(self) -> Floats:
        """Particles per square pixel that each stands for; 0 for those that are cut.

        The larger a region, the likelier the border cuts it: dropping the cut
        ones biases sizes and numbers low. The weight of Miles (1974) and
        Lantuejoul (1978), as given by Serra (1982, Image Analysis and
        Mathematical Morphology, VII.C.3), removes that bias: one over the area
        of positions at which the bounding box is inside the field.
        """
        height, width = self.labels.shape
        rows = height - 1 - (self.bottom - self.top)
        columns = width - 1 - (self.right - self.left)
        positions = np.where(self.inside, rows * columns, np.inf)
        return np.asarray(1.0 / positions)

    @cached_property
    def diameter(self) -> Floats:
        """Equivalent circle diameter, ``sqrt(4 A / pi)``."""
        return np.sqrt(4 * self.area / np.pi)

    @cached_property
    def aspect_ratio(self) -> Floats:
        """Major over minor axis of the ellipse with the same second moments.

        The axes of scikit-image, which take pixels as points: on average over
        positions those are the moments of the continuous shape. A particle one
        pixel wide would have no width, so there each pixel's own moment (1/12)
        is added: one pixel has the ratio 1, a straight line of k pixels k.
        """
        table = regionprops_table(  # type: ignore[no-untyped-call]
            self.labels, properties=("inertia_tensor_eigvals",)
        )
        major, minor = (table[f"inertia_tensor_eigvals-{i}"].astype(float) for i in range(2))
        own = np.where(minor < 1e-6, _PIXEL, 0.0)
        return np.asarray(np.sqrt((major + own) / (np.maximum(minor, 0) + own)))

    @cached_property
    def circularity(self) -> Floats:
        """``4 pi A / P^2``, P by Crofton's formula in four directions.

        1 for a disk. Under about 8 pixels of diameter it reads high (1 % at 8
        pixels, 4 % at 4), and single values pass 1.
        """
        table = regionprops_table(  # type: ignore[no-untyped-call]
            self.labels, properties=("perimeter_crofton",)
        )
        perimeter = table["perimeter_crofton"].astype(float)
        return np.asarray(4 * np.pi * self.area / perimeter**2)

    def exposure(self, blocks: Blocks) -> Floats:
        """Share of the positions counted by `weight` that lies in each block, flat.

        Blocks at the border hold fewer whole particles; by this share their
        lower number is no scatter. Sums to 1.
        """
        y = _shares(blocks.rows, self.top, self.bottom)
        x = _shares(blocks.columns, self.left, self.right)
        weight = self.weight / self.weight.sum()
        return np.asarray(np.einsum("i,ij,ik->jk", weight, y, x, optimize=True)).ravel()

    @property
    def middle(self) -> tuple[Floats, Floats]:
        """Centre of the bounding box, y and x: the point that `exposure` places."""
        return (self.top + self.bottom) / 2, (self.left + self.right) / 2


def _shares(borders: NDArray[np.intp], first: Floats, last: Floats) -> Floats:
    """Share of a box's free positions along one axis at which its centre is in a block."""
    half = (last - first)[:, None] / 2
    low, high = half + 0.5, borders[-1] - half - 0.5
    within = np.clip(borders[1:], low, high) - np.clip(borders[:-1], low, high)
    return np.asarray(within / np.maximum(high - low, 1e-9))


def find_particles(mask: NDArray[np.bool_]) -> Particles:
    """Find the 8-connected regions of a phase.

    Parameters
    ----------
    mask : ndarray of bool, shape (Y, X)

    Returns
    -------
    Particles
    """
    regions = label(mask, connectivity=2)  # type: ignore[no-untyped-call]
    wanted = ("bbox", "area", "centroid")
    table = regionprops_table(regions, properties=wanted)  # type: ignore[no-untyped-call]
    names = ("bbox-0", "bbox-1", "bbox-2", "bbox-3", "area", "centroid-0", "centroid-1")
    return Particles(regions, *(table[name].astype(np.float64) for name in names))
