"""Phases: one integer label image of a micrograph with a name per value."""

import colorsys
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_qualify.errors import SegmentationError

PHASE_COLOURS: dict[str, tuple[int, int, int]] = {
    "matrix": (86, 180, 233),
    "carbide": (230, 159, 0),
    "dissolved carbide": (240, 228, 66),
    "pore": (204, 51, 63),
    "crack": (204, 121, 167),
    "oxide": (0, 158, 115),
    "inclusion": (0, 114, 178),
    "grain": (170, 204, 136),
    "boundary": (40, 40, 40),
    "substrate": (150, 130, 110),
}
"""RGB per phase name. Fixed: a colour in a view or a report always means the same.

Mostly the palette of Okabe and Ito (2008), which colour-blind readers tell apart.
"""

METADATA_KEY = "napari-qualify"
"""Where a Labels layer keeps the record of its phases, in ``layer.metadata``."""


def phase_colour(name: str) -> tuple[int, int, int]:
    """Colour of a phase, from `PHASE_COLOURS` or derived from its name.

    Parameters
    ----------
    name : str
        Upper and lower case count as the same.

    Returns
    -------
    tuple of int
        Red, green, blue in 0..255; the same on every machine and run.
    """
    key = name.strip().casefold()
    if key in PHASE_COLOURS:
        return PHASE_COLOURS[key]
    digest = hashlib.sha256(key.encode()).digest()
    hue = int.from_bytes(digest[:2], "big") / 65536
    lightness = 0.45 + 0.2 * digest[2] / 255
    red, green, blue = colorsys.hls_to_rgb(hue, lightness, 0.65)
    return round(255 * red), round(255 * green), round(255 * blue)


@dataclass(frozen=True, eq=False)
class Phases:
    """Which phase every pixel of a micrograph belongs to.

    Attributes
    ----------
    labels : ndarray of unsigned int, shape (Y, X)
        In the smallest type that holds the values; read-only.
    names : dict of int to str
        Name of each value. Every value but 0 needs a name; a 0 without a name
        is "no phase", and its pixels still count as area of the field.
    pixel_size_um : float or None
        Micrometres per pixel; None when the micrograph is not calibrated.
    source : str
        ``content_hash`` of the micrograph; empty when it is not known.
    made_by : dict
        Plain types for JSON: what found the phases, with its parameters.
    image : str
        Name of the micrograph, for tables.
    probabilities : ndarray of float16 or None, shape (classes, Y, X)
        Of each class, in the order of `names`, as the segmenter gave them;
        never stored, and no part of `content_hash`.

    Raises
    ------
    SegmentationError
        For another shape or type, a value without a name, a repeated name.
    """

    labels: NDArray[np.unsignedinteger[Any]]
    names: dict[int, str]
    pixel_size_um: float | None = None
    source: str = ""
    made_by: dict[str, Any] = field(default_factory=dict)
    image: str = ""
    probabilities: NDArray[np.float16] | None = None

    def __post_init__(self) -> None:
        where = f"Phases of {self.image!r}" if self.image else "Phases"
        labels = _as_labels(self.labels, where)
        names = _checked_names(self.names, where)
        size = self.pixel_size_um
        if size is not None and not (np.isfinite(size) and size > 0):
            raise SegmentationError(
                f"{where}: the pixel size is {size} um; give a positive number, or None "
                "when the micrograph is not calibrated."
            )
        unnamed = sorted(set(label_values(labels)) - set(names) - {0})
        if unnamed:
            shown = ", ".join(map(str, unnamed[:8])) + (" ..." if len(unnamed) > 8 else "")
            raise SegmentationError(
                f"{where}: no name for the label values {shown}. Name every value that "
                "occurs, for example 1=matrix, 2=carbide; only 0 may stay without a name."
            )
        found = self.probabilities
        if found is not None and found.shape != (len(names), *labels.shape):
            raise SegmentationError(
                f"{where}: probabilities of shape {found.shape} for {len(names)} classes and "
                f"labels of shape {labels.shape}; they must be (classes, Y, X)."
            )
        object.__setattr__(self, "labels", labels)
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "made_by", dict(self.made_by))

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = self.labels.shape
        return height, width

    @property
    def unit(self) -> str:
        """Unit of lengths: 'um' when calibrated, else 'px'."""
        return "px" if self.pixel_size_um is None else "um"

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 in hex of shape, label values and names.

        The type does not enter, since equal labels have equal types here, nor
        does the pixel size, which is the micrograph's.
        """
        head = json.dumps([self.shape, self.labels.dtype.str, sorted(self.names.items())])
        digest = hashlib.sha256(head.encode())
        digest.update(self.labels.data)
        return digest.hexdigest()

    def value(self, name: str) -> int:
        """Label value of a phase.

        Raises
        ------
        SegmentationError
            When no phase has this name; the message lists those that exist.
        """
        for value, known in self.names.items():
            if known == name:
                return value
        raise SegmentationError(
            f"No phase named {name!r}; the phases are {', '.join(self.names.values())}."
        )

    def mask(self, name: str) -> NDArray[np.bool_]:
        """Pixels of one phase: bool array of shape (Y, X)."""
        return np.asarray(self.labels == self.value(name))

    def uncertainty(self) -> NDArray[np.float32]:
        """How near the second class comes to the first, per pixel.

        Returns
        -------
        ndarray of float32, shape (Y, X)
            1 minus the margin between the two largest probabilities: 0 where
            one class is certain, 1 where two tie.

        Raises
        ------
        SegmentationError
            When there are no probabilities.
        """
        if self.probabilities is None:
            raise SegmentationError(
                "These phases hold no probabilities; segment with probabilities=True."
            )
        top = np.partition(self.probabilities, -2, axis=0)[-2:].astype(np.float32)
        return np.asarray(1 - (top[1] - top[0]))

    def colours(self) -> dict[int, tuple[int, int, int]]:
        """RGB per label value, for a view or a napari colormap."""
        return {value: phase_colour(name) for value, name in self.names.items()}

    def record(self) -> dict[str, Any]:
        """Everything but the pixels as plain types for JSON or layer metadata."""
        return {
            "names": {str(value): name for value, name in self.names.items()},
            "pixel_size_um": self.pixel_size_um,
            "source": self.source,
            "made_by": dict(self.made_by),
            "image": self.image,
        }

    @classmethod
    def from_record(cls, labels: ArrayLike, record: Mapping[str, Any]) -> "Phases":
        """Phases from a label image (Y, X) and what `record` returned."""
        return cls(
            labels=np.asarray(labels),
            names={int(value): str(name) for value, name in record["names"].items()},
            pixel_size_um=record.get("pixel_size_um"),
            source=record.get("source", ""),
            made_by=dict(record.get("made_by", {})),
            image=record.get("image", ""),
        )


def label_values(labels: NDArray[Any]) -> list[int]:
    """Values that occur in an unsigned label image, ascending."""
    if labels.dtype.itemsize <= 2:  # counting beats the sort of np.unique by far
        return [int(v) for v in np.flatnonzero(np.bincount(labels.ravel()))]
    return [int(v) for v in np.unique(labels)]


def _as_labels(labels: ArrayLike, where: str) -> NDArray[np.unsignedinteger[Any]]:
    array = np.asarray(labels)
    if array.ndim != 2 or 0 in array.shape:
        raise SegmentationError(
            f"{where}: the label image has shape {array.shape}; it must be (Y, X), one "
            "integer per pixel."
        )
    if array.dtype.kind not in "bui":
        raise SegmentationError(
            f"{where}: the label image has type {array.dtype}; it must hold integers, one "
            "value per phase."
        )
    if array.dtype.kind == "i" and array.min() < 0:
        raise SegmentationError(
            f"{where}: the label image has negative values; number the phases from 0 or 1."
        )
    smallest = np.min_scalar_type(int(array.max()))
    if array.dtype != smallest or not array.flags.c_contiguous or array.flags.writeable:
        array = array.astype(smallest, order="C")  # a copy: later edits stay outside
        array.flags.writeable = False
    return array


def _checked_names(names: Mapping[int, str], where: str) -> dict[int, str]:
    out = {int(value): str(name).strip() for value, name in names.items()}
    if not out:
        raise SegmentationError(f"{where}: no phase is named; give a name per label value.")
    if min(out) < 0 or not all(out.values()):
        raise SegmentationError(
            f"{where}: names must be non-empty and belong to values from 0 up, not {out}."
        )
    if len(set(out.values())) < len(out):
        raise SegmentationError(
            f"{where}: two values share a name in {out}; give each phase its own name."
        )
    return dict(sorted(out.items()))
