"""Connected regions of a label image."""

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label
from skimage.segmentation import watershed


def merge_small(labels: NDArray[np.uint8], min_area: float) -> NDArray[np.uint8]:
    """Give connected regions under an area to the larger regions around them.

    Parameters
    ----------
    labels : ndarray of uint8, shape (Y, X)
        Phases numbered from 1.
    min_area : float
        In pixels; regions are 4-connected pixels of one phase. When all are
        smaller, the largest stays.

    Returns
    -------
    ndarray of uint8, shape (Y, X)
    """
    if min_area <= 1:
        return labels
    regions = label(labels, connectivity=1)  # type: ignore[no-untyped-call]
    areas = np.bincount(regions.ravel())
    small = areas < min(min_area, float(areas.max()))
    small = small[regions]
    if not small.any():
        return labels
    # A flood of a flat image: regions grow connectedly, so that no new small one appears,
    # as nearest pixels would make.
    kept = np.where(small, 0, labels)
    flat = np.zeros(labels.shape, np.uint8)
    return np.asarray(watershed(flat, kept, connectivity=1), np.uint8)  # type: ignore[no-untyped-call]
