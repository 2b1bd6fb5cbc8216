"""Phases read from label images: napari layers and files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_qualify.calibration import square
from napari_qualify.errors import MicrographError, SegmentationError
from napari_qualify.formats import load
from napari_qualify.layer import load_layer
from napari_qualify.segment.phases import METADATA_KEY, Phases


def phases_from_layer(
    layer: Any, names: Mapping[int, str] | None = None, *, pixel_size_um: float | None = None
) -> Phases:
    """Phases from a napari Labels layer; napari itself is not imported.

    Parameters
    ----------
    layer : napari.layers.Labels
        Level 0 is used when it is multiscale; dask arrays are computed.
    names : mapping of int to str, optional
        Name of each value; by default those that the layer's metadata holds.
    pixel_size_um : float, optional
        Micrometres per pixel; by default from the layer's scale and units, its
        file, or its metadata, whichever knows first.

    Returns
    -------
    Phases
        With the source and maker that the layer's metadata hold, if any.

    Raises
    ------
    SegmentationError
        When the layer is not a 2-D label image, or its values have no names.
    """
    where = f"Layer {layer.name!r}"
    stored = dict(layer.metadata.get(METADATA_KEY, {}))
    if names is None and "names" not in stored:
        raise SegmentationError(
            f"{where}: its label values have no names; give them, for example 1=matrix, 2=carbide."
        )
    record = {"made_by": {"layer": str(layer.name)}, **stored}
    if names is not None:
        record["names"] = dict(names)
    try:
        raw, _ = load_layer(layer, where)
        found = pixel_size_um or (raw.pixel_size and square(raw.pixel_size, where))
        record["pixel_size_um"] = found or stored.get("pixel_size_um")
        return Phases.from_record(raw.array, record)
    except MicrographError as error:
        raise SegmentationError(str(error)) from error
    except SegmentationError as error:
        raise SegmentationError(f"{where}: {error}") from error


def read_phases(
    path: str | Path,
    names: Mapping[int, str],
    *,
    pixel_size_um: float | None = None,
    source: str = "",
    image: str = "",
) -> Phases:
    """Phases from an integer TIFF or PNG, one value per phase.

    Parameters
    ----------
    path : str or Path
        Grey, not palette or colour.
    names : mapping of int to str
        Name of each value.
    pixel_size_um : float, optional
        Micrometres per pixel; by default the file's own calibration.
    source, image : str
        ``content_hash`` and name of the micrograph; the name defaults to the
        file's.

    Returns
    -------
    Phases

    Raises
    ------
    SegmentationError
        When the file cannot be read or is not an integer label image; the
        message names the file.
    """
    path = Path(path)
    try:
        raw = load(path, str(path))
        record = {
            "names": dict(names),
            "pixel_size_um": pixel_size_um
            or (raw.pixel_size and square(raw.pixel_size, str(path))),
            "source": source,
            "made_by": {"file": path.name},
            "image": image or path.name,
        }
        return Phases.from_record(raw.array, record)
    except MicrographError as error:
        raise SegmentationError(str(error)) from error
    except SegmentationError as error:
        raise SegmentationError(f"{path}: {error}") from error
