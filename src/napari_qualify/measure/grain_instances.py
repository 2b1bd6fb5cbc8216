"""Grains as instances: what a boundary phase encloses, with gaps in it closed."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label
from skimage.morphology import local_maxima
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
    convex grain has one maximum and is not cut. All maxima are flooded, and basins
    then merged in the order of their saddles (dynamics, Grimaud 1992, SPIE 1769,
    292-305), which gives the same grains as flooding from the h-maxima. Regions in
    which no pixel has its four neighbours are given to the boundary: most are
    what the pixels leave of the sharp corner of a larger grain.

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
    height[boundary] = math.log(_ROUNDING) - 1
    tops = local_maxima(height, connectivity=1) & rest  # type: ignore[no-untyped-call]
    markers = label(tops, connectivity=1)  # type: ignore[no-untyped-call]
    basins = watershed(-height, markers, mask=rest, connectivity=1)  # type: ignore[no-untyped-call]
    peaks = np.zeros(int(markers.max()) + 1, np.float32)
    peaks[markers[tops]] = height[tops]
    grains = _merged(peaks, *_saddles(basins, height))[basins]
    return _without_dust(grains, distance)


def _without_dust(grains: NDArray[np.int32], distance: NDArray[np.float32]) -> NDArray[np.int32]:
    """Grains from 1 without those in which no pixel has its four neighbours."""
    kept = np.zeros(int(grains.max()) + 1, bool)
    kept[grains[distance > 1]] = True
    kept[0] = False
    numbers = np.where(kept, np.cumsum(kept), 0).astype(np.int32)
    return np.asarray(numbers[grains])


def _saddles(
    basins: NDArray[np.int32], height: NDArray[np.float32]
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Pairs of basins (n, 2) that touch, and the highest pass between them, highest first."""
    ones, others, passes = [], [], []
    for here, there in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        a, b = basins[here], basins[there]
        meet = (a != b) & (a > 0) & (b > 0)
        ones.append(a[meet])
        others.append(b[meet])
        passes.append(np.minimum(height[here][meet], height[there][meet]))
    pairs = np.sort(np.stack([np.concatenate(ones), np.concatenate(others)], axis=1), axis=1)
    level = np.concatenate(passes)
    order = np.argsort(-level, kind="stable")
    _, first = np.unique(pairs[order], axis=0, return_index=True)
    highest = order[np.sort(first)]
    return pairs[highest].astype(np.intp), level[highest]


def _merged(
    peaks: NDArray[np.float32], pairs: NDArray[np.intp], level: NDArray[np.float32]
) -> NDArray[np.int32]:
    """Number of each basin's grain from 1, 0 for basin 0.

    A part whose peak is not above the pass to a higher part by more than -ln(`NECK`)
    is no grain of its own: it goes to the basin across that pass.
    """
    h = -math.log(NECK)
    part, grain = np.arange(len(peaks)), np.arange(len(peaks))  # forests, a root is its own
    top = peaks.copy()
    for (a, b), saddle in zip(pairs.tolist(), level.tolist(), strict=True):
        low, high = _root(part, a), _root(part, b)
        if low == high:
            continue
        if top[low] > top[high]:
            low, high = high, low
        if top[low] - saddle <= h:
            grain[_root(grain, a)] = _root(grain, b)
        part[low] = high
    roots = np.array([_root(grain, i) for i in range(len(grain))])
    return np.asarray(np.unique(roots, return_inverse=True)[1], np.int32)


def _root(forest: NDArray[np.intp], node: int) -> int:
    while forest[node] != node:
        forest[node] = forest[forest[node]]
        node = int(forest[node])
    return node


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
