"""Intersection over union of a network on validation images."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_qualify.segment.levels import luminance_histogram

if TYPE_CHECKING:
    from napari_qualify.segment.network import NetworkSegmenter
    from napari_qualify.segment.prepared import Pair

_SIDE = 512  # of the middle of each image that is looked at


def confusion(truth: NDArray[Any], found: NDArray[Any], classes: int) -> NDArray[np.int64]:
    """Pixels per true class (rows) and found class (columns); a truth of -1 is left out."""
    there = truth >= 0
    pairs = truth[there].astype(np.int64) * classes + found[there]
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes).astype(np.int64)


def intersection_over_union(table: NDArray[np.int64]) -> NDArray[np.float64]:
    """Intersection over union (Jaccard index) per class; NaN for one that is nowhere.

    Parameters
    ----------
    table : ndarray of int, shape (classes, classes)
        As from `confusion`.
    """
    common = np.diag(table).astype(np.float64)
    either = table.sum(0) + table.sum(1) - common
    shares = np.full(len(table), np.nan)
    np.divide(common, either, out=shares, where=either > 0)
    return shares


def validate(
    segmenter: "NetworkSegmenter", pairs: "list[Pair]"
) -> tuple[float | None, dict[str, float], tuple[NDArray[np.uint8], NDArray[Any], NDArray[Any]]]:
    """Judge a network on the middle of each validation image.

    Returns
    -------
    mean_iou : float or None
        Over the phases that occur; None when no pixel has a truth.
    iou : dict of str to float
        By phase; a phase that is nowhere is left out.
    preview : tuple of ndarray, shape (h, w)
        Of the first image: grey levels, label values found, true label values.
    """
    names = list(segmenter.names.values())
    values = np.array(list(segmenter.names))
    table = np.zeros((len(names), len(names)), np.int64)
    preview = None
    for image, truth in pairs:
        part = tuple(_middle(side) for side in truth.shape)
        bound = segmenter.for_image(luminance_histogram(image))
        shown = image[part]
        found = bound.patch_probabilities(_padded(shown)[None])[0].argmax(0)
        found = found[: shown.shape[0], : shown.shape[1]]
        table += confusion(truth[part], found, len(names))
        if preview is None:
            grey = shown if shown.ndim == 2 else np.asarray(shown.mean(2), np.uint8)
            preview = (grey, values[found], np.where(truth[part] < 0, 0, values[truth[part]]))
    assert preview is not None
    iou = intersection_over_union(table)
    by_name = {name: float(v) for name, v in zip(names, iou, strict=True) if np.isfinite(v)}
    return float(np.nanmean(iou)) if by_name else None, by_name, preview


def _middle(side: int) -> slice:
    start = max(0, (side - _SIDE) // 2)
    return slice(start, start + min(side, _SIDE))


def _padded(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Image with sides in multiples of 32."""
    more = [(0, -side % 32) for side in image.shape[:2]]
    return np.pad(image, [*more, *([(0, 0)] * (image.ndim - 2))], mode="symmetric")
