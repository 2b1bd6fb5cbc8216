"""Grains as instances: what a boundary phase encloses, with gaps in it closed."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label
from skimage.morphology import local_maxima, reconstruction
from skimage.segmentation import watershed

NECK = 0.6
"""Narrower than this share of the smaller grain's inscribed disk is a gap, not a grain."""

_ROUNDING = 1.0  # pixel, added to distances: the grid's steps alone then make no maxima


def enclosed_grains(boundary: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Label the regions that a boundary encloses; gaps in it are closed.

    The grains are the 4-connected regions of the rest (the boundary may be a
    diagonal line of pixels), cut at their necks by a watershed (Beucher and
    Lantuejoul 1979) of the distance to the boundary. Its markers are the h-maxima
    of the logarithm of that distance (plus a pixel), with h = -ln(`NECK`): two
    parts of a region are two grains when the neck between them is narrower than
    `NECK` times the largest disk in the smaller one, at any magnification. A
    convex grain has one maximum and is not cut.

    Parameters
    ----------
    boundary : ndarray of bool, shape (Y, X)

    Returns
    -------
    ndarray of int32, shape (Y, X)
        0 on the boundary, grains from 1.
    """
    rest = ~boundary
    if not boundary.any():
        return np.ones(boundary.shape, np.int32)
    distance = ndimage.distance_transform_edt(rest).astype(np.float32)
    height = np.log(distance + np.float32(_ROUNDING))
    h = np.float32(-math.log(NECK))
    low = np.float32(math.log(_ROUNDING)) - 2 * h
    height[boundary] = low
    seed = np.where(rest, height - h, low)
    cross = ndimage.generate_binary_structure(2, 1)
    flat = reconstruction(seed, height, footprint=cross)  # type: ignore[no-untyped-call]
    tops = local_maxima(flat.astype(np.float32), connectivity=1) & rest  # type: ignore[no-untyped-call]
    markers = label(tops, connectivity=1)  # type: ignore[no-untyped-call]
    found = watershed(-height, markers, mask=rest, connectivity=1)  # type: ignore[no-untyped-call]
    return np.asarray(found, np.int32)


def without_boundary(grains: NDArray[np.int32]) -> NDArray[np.int32]:
    """Let the grains grow over the boundary until they meet in its middle.

    Parameters
    ----------
    grains : ndarray of int32, shape (Y, X)
        0 on the boundary.

    Returns
    -------
    ndarray of int32, shape (Y, X)
        Without zeros, unless there is no grain at all.
    """
    boundary = grains == 0
    if not boundary.any() or boundary.all():
        return grains
    nearest = ndimage.distance_transform_edt(boundary, return_distances=False, return_indices=True)
    return np.asarray(grains[tuple(nearest)])
