"""Label images as TIFF files that carry pixel size and phase names."""

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import tifffile

from napari_qualify.segment.label_images import read_phases
from napari_qualify.segment.phases import Phases, label_values

NAMESPACE = "napari-qualify/phases"
"""Of the OME map annotation that holds the name of each label value."""


def write_labels(path: str | Path, phases: Phases) -> Path:
    """Write phases as an integer TIFF, whole or not at all; one that is there is replaced.

    Parameters
    ----------
    path : str or Path
    phases : Phases
        The integers of the file are its label values. Pixel size and names
        are in the OME metadata, the pixel size in the resolution tags too.

    Returns
    -------
    Path
        `path`.
    """
    path = Path(path)
    names = {str(value): name for value, name in phases.names.items()}
    metadata: dict[str, Any] = {
        "axes": "YX",
        "MapAnnotation": {"Namespace": NAMESPACE, "Value": names},
    }
    resolution: dict[str, Any] = {}
    size = phases.pixel_size_um
    if size is not None:
        for axis in "YX":
            metadata |= {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": "µm"}
        resolution = {"resolution": (1e4 / size, 1e4 / size), "resolutionunit": "CENTIMETER"}
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
    try:
        tifffile.imwrite(
            temporary,
            phases.labels,
            ome=True,
            photometric="minisblack",
            compression="deflate",
            metadata=metadata,
            **resolution,
        )
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def stored_names(path: str | Path) -> dict[int, str] | None:
    """Phase names that `write_labels` left in a file; None when there are none."""
    try:
        with tifffile.TiffFile(path) as tif:
            xml = tif.ome_metadata
        root = ElementTree.fromstring(xml) if xml else None
    except (tifffile.TiffFileError, OSError, ElementTree.ParseError):
        return None  # whoever reads its pixels says what is wrong
    if root is None:
        return None
    for annotation in root.iterfind(".//{*}MapAnnotation"):
        if annotation.get("Namespace") == NAMESPACE:
            pairs = annotation.iterfind("{*}Value/{*}M")
            return {int(each.get("K", "")): each.text or "" for each in pairs}
    return None


def read_labels(
    path: str | Path,
    names: Mapping[int, str] | None = None,
    *,
    pixel_size_um: float | None = None,
    image: str = "",
) -> Phases:
    """Phases from a label image.

    Parameters
    ----------
    path : str or Path
        TIFF, PNG or OME-Zarr.
    names : mapping of int to str, optional
        Name of each value; by default those in the file, else ``phase 1`` and
        so on.
    pixel_size_um : float, optional
        By default the file's own calibration.
    image : str, optional
        Name of the micrograph; by default the file's.

    Returns
    -------
    Phases

    Raises
    ------
    SegmentationError
        When the file cannot be read, is no label image, or has a value without
        a name; the message names it.
    """
    path = Path(path)
    known = names or stored_names(path)
    if known is None:
        # A label image of any values, to learn which there are.
        known = {value: f"phase {value}" for value in _values(path)}
    return read_phases(path, known, pixel_size_um=pixel_size_um, image=image)


def _values(path: Path) -> list[int]:
    from napari_qualify.errors import MicrographError, SegmentationError
    from napari_qualify.formats import load
    from napari_qualify.segment.examples import checked_labels

    try:
        return label_values(checked_labels(load(path, str(path)).array, str(path)))
    except MicrographError as error:
        raise SegmentationError(str(error)) from error
