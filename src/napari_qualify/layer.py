"""napari Image layers as micrographs; napari itself is never imported."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qualify import calibration, formats
from napari_qualify.errors import MicrographError
from napari_qualify.lazy import MAX_LAZY_BYTES, lazy


def load_layer(layer: Any, label: str) -> tuple[formats.Raw, Path | None]:
    """Pixels and scale of an Image layer, and the file that holds the same pixels.

    Contrast limits, colour map and the displayed slice have no say. The pixel
    size is the layer's when its units are lengths, else that of its source
    file when this has the same shape.

    Parameters
    ----------
    layer : napari.layers.Image
        In memory, dask- or Zarr-backed; level 0 when multiscale.
    label : str
        Names the micrograph in errors.

    Returns
    -------
    raw : Raw
    path : Path or None
        The source file, when its pixels are those of the layer.

    Raises
    ------
    MicrographError
        If the data cannot be computed.
    """
    data = layer.data[0] if layer.multiscale else layer.data
    size, notes = _from_units(layer)
    large = lazy(data)
    if large is not None:
        formats.check_size(large.shape, large.dtype.itemsize, label, most=MAX_LAZY_BYTES)
        # Its file, if it has one, is not read beside it: only the layer's own units count.
        return formats.Raw(large, size, notes), None
    array = _in_memory(data, label)
    path, file, more = _source(layer)
    if file is None:
        return formats.Raw(array, size, notes + more), None
    given = _plain(array)
    theirs = _plain(file.array)
    if given.ndim == 3 and np.array_equal(np.moveaxis(given, 0, -1), theirs):
        given = theirs  # colour planes, which napari shows as a stack
    if size is None and given.shape[:2] == theirs.shape[:2]:
        size, notes = file.pixel_size, notes + [n for n in file.notes if "resolution" in n]
    same = given.dtype == theirs.dtype and np.array_equal(
        given, theirs, equal_nan=given.dtype.kind == "f"
    )
    return formats.Raw(given, size, file.notes if same else notes), path if same else None


def _plain(array: NDArray[Any]) -> NDArray[Any]:
    while array.ndim > 2 and array.shape[0] == 1:
        array = array[0]
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _in_memory(data: Any, label: str) -> NDArray[Any]:
    formats.check_size(tuple(data.shape), np.dtype(data.dtype).itemsize, label)
    try:
        return np.array(data)  # a copy: the viewer may go on to change its own
    except formats.DECODE_ERRORS as error:
        raise MicrographError(
            f"{label}: the layer's data cannot be computed ({type(error).__name__}: {error}); "
            "check the file behind it"
        ) from error


def _from_units(layer: Any) -> tuple[calibration.PixelSize | None, list[str]]:
    scale = [abs(float(s)) for s in layer.scale[-2:]]  # negative: shown mirrored
    units = [calibration.micrometres(u) for u in (getattr(layer, "units", None) or ())[-2:]]
    if len(units) == 2 and units[0] is not None and units[1] is not None:
        return calibration.valid((scale[0] * units[0], scale[1] * units[1])), []
    if scale != [1.0, 1.0]:
        return None, [f"layer scale {scale} ignored: its units are not lengths"]
    return None, []


def _source(layer: Any) -> tuple[Path | None, formats.Raw | None, list[str]]:
    path = getattr(getattr(layer, "source", None), "path", None)
    if not isinstance(path, str | Path):
        return None, None, []
    try:
        return Path(path), formats.load(Path(path), Path(path).name), []
    except MicrographError as error:
        return None, None, [f"no pixel size from the layer's file ({error})"]
