"""Prediction patch by patch, for images of any size.

Patches overlap; smooth weights lead from one to the next. What is held in
memory is a batch of patches and a band of the overlap across the image.
"""

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_qualify.errors import SegmentationError, UsageError
from napari_qualify.progress import Progress, silent
from napari_qualify.segment import resample
from napari_qualify.segment.phases import Phases
from napari_qualify.segment.tile_blend import Blend
from napari_qualify.segment.tile_grid import ALIGN, Axis, lay
from napari_qualify.segment.tile_labels import (
    ArrayLabels,
    FolderLabels,
    MemoryLabels,
    label_type,
)
from napari_qualify.segment.tile_patches import PatchPredictor, predicted
from napari_qualify.segment.tile_source import Source

if TYPE_CHECKING:
    from napari_qualify.intensity import Intensity
    from napari_qualify.micrograph import Micrograph

__all__ = ["PatchPredictor", "Prediction", "predict_phases", "predict_tiled"]

MAX_RATIO = 16.0
"""Largest factor between the pixel sizes of an image and a model."""
_LARGEST = 4096  # side of a patch in source pixels: bounds the memory of resampling

Region = tuple[int, int, int, int]
"""First row and column, height and width."""


class Prediction(NamedTuple):
    """What was predicted.

    Attributes
    ----------
    labels : ndarray or zarr.Array of unsigned int, shape (Y, X)
        Label values; of the region's shape when one was asked for.
    probabilities : ndarray of float16, shape (classes, Y, X), or None
    """

    labels: Any
    probabilities: NDArray[np.float16] | None


def predict_tiled(
    source: Any,
    predictor: PatchPredictor,
    *,
    pixel_size_um: float | None = None,
    intensity: "Intensity | None" = None,
    region: Region | None = None,
    out: Any = None,
    probabilities: bool = False,
    progress: Progress = silent,
) -> Prediction:
    """Find the phases of an image of any size.

    Where the pixel sizes of image and model are known and differ by more than
    2 %, patches are resampled to the model's, and their probabilities back.

    Parameters
    ----------
    source : Micrograph, ndarray, dask or zarr array, shape (Y, X) or (Y, X, 3)
    predictor : PatchPredictor
    pixel_size_um : float, optional
        Of the source; by default the micrograph's.
    intensity : Intensity, optional
        See `napari_qualify.segment.tile_source.Source`.
    region : tuple of (y, x, height, width), optional
        In source pixels. Only the patches that it needs are computed; the
        result is that of the whole there, as long as the predictor gives a
        patch the same whatever else is in its batch.
    out : zarr.Array or path, optional
        Where the labels go instead of memory. A path becomes an OME-Zarr 0.5
        label image and appears when complete; an array of the right shape is
        filled from the top.
    probabilities : bool, optional
        Keep those of every class, in memory.
    progress : Progress, optional
        Called before every batch with the number of patches that are done.
        Raise Cancelled in it to stop: no folder is left behind, an array that
        was given stays partly filled.

    Returns
    -------
    Prediction

    Raises
    ------
    SegmentationError
        For a source that is no image, a region outside it, pixel sizes more
        than 16 fold apart, an `out` that exists or does not fit.
    UsageError
        When probabilities are to go to a Zarr array.
    """
    if out is not None and probabilities:
        raise UsageError("probabilities are kept in memory only; leave `out` away, or them")
    image = Source(source, intensity)
    if pixel_size_um is None:
        pixel_size_um = getattr(source, "pixel_size_um", None)
    ratio = _ratio(pixel_size_um, predictor.pixel_size_um, image.name)
    where = _checked_region(region, image)
    if hasattr(predictor, "for_image"):
        predictor = predictor.for_image(image.histogram())
    rows, columns = _lay(image.shape, ratio, predictor)
    shape = where[2:]
    kept = np.zeros((len(predictor.names), *shape), np.float16) if probabilities else None
    values = np.array(sorted(predictor.names), label_type(predictor.names))
    parts = (
        rows.touching(where[0], where[0] + where[2]),
        columns.touching(where[1], where[1] + where[3]),
    )
    patches = predicted(image, predictor, (rows, columns), parts, progress)
    with _target(out, shape, predictor, pixel_size_um) as target, closing(patches):
        blend = Blend(rows, columns, parts, len(values))
        for place, found in patches:
            y, x, piece = blend.add(place, found)
            _write(target, kept, values, where, (y, x), piece)
            if place[1] == parts[1][-1]:
                target.done(min(shape[0], max(0, blend.rows_done - where[0])))
    return Prediction(target.labels, kept)


def predict_phases(
    micrograph: "Micrograph",
    predictor: PatchPredictor,
    *,
    made_by: dict[str, Any],
    region: Region | None = None,
    probabilities: bool = False,
    progress: Progress = silent,
) -> Phases:
    """Phases of a micrograph, or of a region of it.

    Parameters
    ----------
    micrograph, predictor, region, probabilities, progress
        As `predict_tiled` takes them.
    made_by : dict
        What the phases record of the predictor.

    Returns
    -------
    Phases
        `made_by` also has display limits, region, and the factor of
        resampling, or a note when a pixel size is missing for it. The source
        is the hash of the region's pixels when there is a region.
    """
    found = predict_tiled(
        micrograph, predictor, region=region, probabilities=probabilities, progress=progress
    )
    limits = micrograph.display_limits()
    record = {**made_by, "display_limits": None if limits is None else [float(v) for v in limits]}
    size, wanted = micrograph.pixel_size_um, predictor.pixel_size_um
    ratio = _ratio(size, wanted, micrograph.name)
    if ratio != 1:
        record["resampled_by"] = 1 / ratio
    if wanted is not None and size is None:
        note = f"no pixel size: taken as the model's {wanted:.6g} um"
        record["notes"] = [*record.get("notes", ()), note]
    part = micrograph
    if region is not None:
        y, x, height, width = record["region"] = list(map(int, region))
        part = replace(micrograph, pixels=micrograph.pixels[y : y + height, x : x + width])
    return Phases(
        labels=found.labels,
        names=predictor.names,
        pixel_size_um=size,
        source=part.content_hash,
        made_by=record,
        image=micrograph.name,
        probabilities=found.probabilities,
    )


def _ratio(size: float | None, wanted: float | None, name: str) -> float:
    """Source pixels per model pixel; 1 when they are taken as they are."""
    if size is None or wanted is None or abs(size / wanted - 1) <= resample.SAME:
        return 1.0
    ratio = wanted / size
    if not 1 / MAX_RATIO <= ratio <= MAX_RATIO:
        raise SegmentationError(
            f"{name}: pixels of {size:.6g} um for a model of {wanted:.6g} um; they may be "
            f"{MAX_RATIO:g} fold apart at most. Check the pixel size, or resample the image."
        )
    return ratio


def _checked_region(region: Region | None, image: Source) -> Region:
    height, width = image.shape
    if region is None:
        return 0, 0, height, width
    y, x, h, w = region
    if not (h > 0 and w > 0 and 0 <= y <= height - h and 0 <= x <= width - w):
        raise SegmentationError(
            f"{image.name}: the region [{y}:{x}:{h}:{w}] is not inside its {height} x {width} px."
        )
    return y, x, h, w


def _lay(shape: tuple[int, int], ratio: float, predictor: PatchPredictor) -> tuple[Axis, Axis]:
    tile = predictor.tile
    if tile * ratio > _LARGEST:  # but with the overlap that it needs
        tile = max(int(_LARGEST / ratio), 2 * predictor.overlap + ALIGN) // ALIGN * ALIGN
    return (
        lay(shape[0], ratio, tile, predictor.overlap),
        lay(shape[1], ratio, tile, predictor.overlap),
    )


def _target(
    out: Any, shape: tuple[int, int], predictor: PatchPredictor, size: float | None
) -> MemoryLabels | ArrayLabels:
    if out is None:
        return MemoryLabels(shape, label_type(predictor.names))
    if isinstance(out, str | Path):
        return FolderLabels(Path(out), shape, predictor.names, size)
    if tuple(out.shape) != tuple(shape) or not np.can_cast(label_type(predictor.names), out.dtype):
        raise SegmentationError(
            f"labels of shape {tuple(shape)} do not fit into the given array of shape "
            f"{tuple(out.shape)} and type {out.dtype}."
        )
    return ArrayLabels(out)


def _write(
    target: MemoryLabels | ArrayLabels,
    kept: NDArray[np.float16] | None,
    values: NDArray[Any],
    where: Region,
    place: tuple[int, int],
    piece: NDArray[np.float32],
) -> None:
    """Hand the part of a finished piece that lies in the region on."""
    cuts, starts = [], []
    for first, length, begin, size in zip(
        place, piece.shape[1:], where[:2], where[2:], strict=True
    ):
        low, high = max(first, begin), min(first + length, begin + size)
        if low >= high:
            return
        cuts.append(slice(low - first, high - first))
        starts.append(low - begin)
    piece = piece[:, cuts[0], cuts[1]]
    target.write(starts[0], starts[1], values[_largest(piece)])
    if kept is not None:
        y, x = starts
        kept[:, y : y + piece.shape[1], x : x + piece.shape[2]] = piece


def _largest(piece: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Class of the largest probability, the first among equals.

    Faster than numpy's argmax along the first axis.
    """
    best = piece[0].copy()
    found = np.zeros(best.shape, np.uint16)
    for number in range(1, len(piece)):
        more = piece[number] > best
        np.copyto(best, piece[number], where=more)
        found[more] = number
    return found
