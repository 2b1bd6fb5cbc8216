"""Phases from a few strokes: a linear classifier on frozen features, trained while one paints."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_qualify.errors import SegmentationError, UsageError
from napari_qualify.progress import Progress, silent
from napari_qualify.segment import linear_model
from napari_qualify.segment.levels import Levels
from napari_qualify.segment.pixel_features import DIMENSIONS, FeatureStore
from napari_qualify.segment.prepared import nearest, pixel_size_of
from napari_qualify.segment.resample import SAME, resampled
from napari_qualify.segment.scribble_model import BoundScribbles, ScribbleSegmenter, scene_of

if TYPE_CHECKING:
    from napari_qualify.micrograph import Micrograph

__all__ = ["FeatureStore", "ScribbleSegmenter", "train_scribbles"]

MOST_PIXELS = 16_000
"""Painted pixels that are learned from, drawn evenly over the phases when there are more."""

_AROUND = 2_000  # pixels of each painted patch from which the phases' shares are estimated


def train_scribbles(
    pairs: "Sequence[tuple[Micrograph, NDArray[Any]]]",
    names: Mapping[int, str],
    *,
    store: FeatureStore | None = None,
    pixel_size_um: float | None = None,
    progress: Progress = silent,
) -> ScribbleSegmenter:
    """Train a classifier of pixels from strokes.

    Every phase weighs the same, however little of it was painted.

    Parameters
    ----------
    pairs : sequence of (Micrograph, ndarray of int, shape (Y, X))
        Micrographs with their strokes: label values, 0 where nothing was painted.
    names : mapping of int to str
        Name of each label value, from 1 up.
    store : FeatureStore, optional
        Keeps features from one call to the next.
    pixel_size_um : float, optional
        To which images are resampled; by default the median of the painted ones.
    progress : Progress, optional
        Raise Cancelled in it to stop.

    Returns
    -------
    ScribbleSegmenter

    Raises
    ------
    UsageError
        For fewer than two phases, or a name for 0.
    SegmentationError
        When a phase has no stroke, or strokes have another shape than their image.
    """
    if len(names) < 2 or min(names) < 1:
        raise UsageError("strokes need two or more named phases with values from 1 up")
    names = dict(sorted(names.items()))
    for micrograph, strokes in pairs:
        if strokes.shape != tuple(micrograph.shape):
            raise SegmentationError(
                f"{micrograph.name}: strokes of shape {strokes.shape} on an image of "
                f"{tuple(micrograph.shape)}; they must cover the image."
            )
    size = pixel_size_of([micrograph for micrograph, _ in pairs], pixel_size_um)
    classes = len(names)
    blank = ScribbleSegmenter(
        np.zeros((classes, DIMENSIONS), np.float32), np.zeros(classes, np.float32), names, size
    )
    store = FeatureStore() if store is None else store
    painted = [_painted(*pair, blank, names) for pair in pairs]
    chosen = _choose([found for _, found in painted], names)
    parts = [
        part
        for (micrograph, found), pick in zip(painted, chosen, strict=True)
        for part in _gathered(micrograph, found[pick], blank, store, progress)
    ]
    x, truth, around = (np.concatenate([part[i] for part in parts]) for i in range(3))
    weights, bias = linear_model.fit(x, truth, classes, progress)
    shares = linear_model.shares(_softmax(around @ weights.T + bias))
    bias = bias + np.float32(linear_model.SHARE_POWER) * np.log(shares).astype(np.float32)
    training = {
        "images": [
            {"name": m.name, "sha256": m.content_hash, "painted_px": int(np.count_nonzero(s))}
            for m, s in pairs
        ],
        "pixels": {name: int(np.sum(truth == i)) for i, name in enumerate(names.values())},
        "estimated_shares": dict(zip(names.values(), map(float, shares), strict=True)),
    }
    return replace(blank, weights=weights, bias=bias, record={"training": training, "metrics": {}})


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    from scipy.special import softmax

    return np.asarray(softmax(logits.astype(np.float64), axis=1))


def _painted(
    micrograph: "Micrograph",
    strokes: NDArray[Any],
    blank: ScribbleSegmenter,
    names: Mapping[int, str],
) -> tuple["Micrograph", NDArray[np.int64]]:
    """Image at the model's pixel size, and its painted pixels as (row, column, class)."""
    size, own = blank.pixel_size_um, micrograph.pixel_size_um
    if size is not None and own is not None and abs(own / size - 1) > SAME:
        pixels = resampled(micrograph.to_uint8(), size / own)
        micrograph = replace(micrograph, pixels=pixels, pixel_size_um=size, path=None)
        strokes = nearest(strokes, size / own)
    found = []
    for number, value in enumerate(names):
        where = np.argwhere(strokes == value)
        found.append(np.column_stack([where, np.full(len(where), number)]))
    return micrograph, np.concatenate(found).astype(np.int64)


def _choose(painted: list[NDArray[np.int64]], names: Mapping[int, str]) -> list[NDArray[np.intp]]:
    """Which painted pixels of each image are learned from; evenly over the phases."""
    numbers = np.concatenate([found[:, 2] for found in painted]) if painted else np.zeros(0, int)
    counts = np.bincount(numbers, minlength=len(names))
    missing = [name for name, n in zip(names.values(), counts, strict=True) if n == 0]
    if missing:
        raise SegmentationError(f"no stroke of {', '.join(missing)}; paint some, or remove it.")
    rng = np.random.default_rng(0)
    most = MOST_PIXELS // len(names)
    keep = np.zeros(len(numbers), bool)
    for number in range(len(names)):
        places = np.flatnonzero(numbers == number)
        if len(places) > most:
            places = rng.choice(places, most, replace=False)
        keep[places] = True
    ends = np.cumsum([len(found) for found in painted])[:-1]
    return [np.flatnonzero(part) for part in np.split(keep, ends)]


def _gathered(
    micrograph: "Micrograph",
    painted: NDArray[np.int64],
    blank: ScribbleSegmenter,
    store: FeatureStore,
    progress: Progress,
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]]:
    """Features and classes of painted pixels, and features of any, by the patches of prediction."""
    from napari_qualify.segment.tile_grid import lay
    from napari_qualify.segment.tile_patches import PatchReader
    from napari_qualify.segment.tile_source import Source

    source = Source(micrograph)
    bound = BoundScribbles(blank, Levels.of(micrograph.to_uint8()), scene_of(micrograph), store)
    rows, columns = (lay(side, 1.0, blank.tile, blank.overlap) for side in micrograph.shape)
    reader = PatchReader(source, (rows, columns))
    row = np.searchsorted(rows.seams, painted[:, 0], side="right")
    column = np.searchsorted(columns.seams, painted[:, 1], side="right")
    owner = row * len(columns.origins) + column
    for patch in np.unique(owner):
        progress("features", 0, 0)
        k, m = divmod(int(patch), len(columns.origins))
        place = (rows.origins[k], columns.origins[m])
        found = bound.features(reader.read([(k, m)])[0], place)
        here = painted[owner == patch]
        x = found.at(here[:, 0] - place[0], here[:, 1] - place[1])
        # A patch may reach past the border, where the image is mirrored: that does no harm.
        some = np.random.default_rng(int(patch)).integers(0, rows.side, _AROUND)
        other = np.random.default_rng(int(patch) + 1).integers(0, columns.side, _AROUND)
        yield x, here[:, 2], found.at(some, other)
