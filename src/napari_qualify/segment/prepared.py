"""Examples made ready for a training: checked, at one pixel size, as class indices."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_qualify.errors import SegmentationError, UsageError
from napari_qualify.segment.resample import SAME, resampled

if TYPE_CHECKING:
    from napari_qualify.micrograph import Micrograph
    from napari_qualify.segment.examples import Example
    from napari_qualify.segment.train_settings import TrainSettings

Pair = tuple[NDArray[np.uint8], NDArray[np.int16]]


@dataclass(frozen=True, eq=False)
class Prepared:
    """What a training works on.

    Attributes
    ----------
    training, validation : list of (image, labels)
        8-bit images (Y, X) or (Y, X, 3); class indices (Y, X), -1 for no truth.
    shares : ndarray of float, shape (classes,)
        Of the labelled training pixels.
    pixel_size_um : float or None
    images, validation_images : list of dict
        Name, hash and specimen of each micrograph, and the hash of its labels.
    """

    training: list[Pair]
    validation: list[Pair]
    shares: NDArray[np.float64]
    pixel_size_um: float | None
    images: list[dict[str, str]]
    validation_images: list[dict[str, str]]


def prepare(
    examples: "Sequence[Example]",
    validation: "Sequence[Example]",
    names: Mapping[int, str],
    settings: "TrainSettings",
) -> Prepared:
    """Check examples and bring them to one pixel size.

    Raises
    ------
    UsageError
        For fewer than two phases, or no examples.
    SegmentationError
        When a specimen is on both sides, a phase has no pixel, or some
        examples are calibrated and others not.
    """
    if len(names) < 2:
        raise UsageError("a network needs at least two named phases, for example 0=matrix,1=pore")
    if not examples:
        raise UsageError("no examples to train on; give micrographs with their label images")
    both = {e.group for e in examples} & {e.group for e in validation}
    if both:
        raise SegmentationError(
            f"the specimen {sorted(both)[0]} is among the training and the validation images; "
            "a validation on it would flatter. Keep each specimen on one side."
        )
    micrographs = [each.micrograph for each in (*examples, *validation)]
    size = pixel_size_of(micrographs, settings.pixel_size_um)
    values = sorted(names)
    training = [_pair(each, values, size) for each in examples]
    counts = sum(np.bincount(p[1][p[1] >= 0], minlength=len(values)) for p in training)
    counts = np.asarray(counts, np.float64)
    missing = [names[values[i]] for i in np.flatnonzero(counts == 0)]
    if missing:
        raise SegmentationError(
            f"no training image shows {', '.join(missing)}; label some, or leave the phase out"
        )
    return Prepared(
        training=training,
        validation=[_pair(each, values, size) for each in validation],
        shares=counts / counts.sum(),
        pixel_size_um=size,
        images=[_identity(each) for each in examples],
        validation_images=[_identity(each) for each in validation],
    )


def _identity(example: "Example") -> dict[str, str]:
    micrograph = example.micrograph
    return {
        "name": micrograph.name,
        "sha256": micrograph.content_hash,
        "labels_sha256": hashlib.sha256(np.ascontiguousarray(example.labels).data).hexdigest(),
        "group": example.group,
    }


def pixel_size_of(micrographs: "Sequence[Micrograph]", wanted: float | None) -> float | None:
    """Pixel size to train at: the one that is asked for, else the median of the images.

    Raises
    ------
    SegmentationError
        When only some are calibrated, or none and a size is asked for.
    """
    sizes = [each.pixel_size_um for each in micrographs]
    known = [size for size in sizes if size is not None]
    if not known:
        if wanted is not None:
            raise SegmentationError(
                f"a pixel size of {wanted} um is asked for, but no image is calibrated; "
                "give the images' pixel size"
            )
        return None
    if len(known) < len(sizes):
        name = micrographs[sizes.index(None)].name
        raise SegmentationError(
            f"{name} has no pixel size, other images have one; give it, or train without"
        )
    return float(wanted or np.median(known))


def _pair(example: "Example", values: list[int], size: float | None) -> Pair:
    """Image and class indices of an example, resampled when its pixel size is another."""
    image = example.micrograph.to_uint8()
    table = np.full(max(int(example.labels.max()), values[-1]) + 1, -1, np.int16)
    table[values] = np.arange(len(values))
    labels = table[example.labels]
    own = example.micrograph.pixel_size_um
    if size is None or own is None or abs(own / size - 1) <= SAME:
        return image, labels
    return resampled(image, size / own), nearest(labels, size / own)


def nearest(labels: NDArray[Any], ratio: float) -> NDArray[Any]:
    """Labels on the grid of `resample.resampled`, each pixel the nearest one's value."""
    rows, columns = (
        np.minimum(
            ((np.arange(max(1, math.ceil(n / ratio - 1e-6))) + 0.5) * ratio).astype(np.intp), n - 1
        )
        for n in labels.shape
    )
    return labels[np.ix_(rows, columns)]
