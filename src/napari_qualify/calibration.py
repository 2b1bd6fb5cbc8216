"""Micrometres per pixel, from what files and layers say about themselves."""

import math
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

import tifffile

from napari_qualify.errors import MicrographError

MICROMETRES: dict[str, float] = {
    name: factor
    for factor, names in (
        (1e-6, "pm picometer picometre"),
        (1e-4, "\u00c5 angstrom angstroms"),
        (1e-3, "nm nanometer nanometre nanometers nanometres"),
        (1.0, "um \u03bcm micron microns micrometer micrometre micrometers micrometres"),
        (1e3, "mm millimeter millimetre millimeters millimetres"),
        (1e4, "cm centimeter centimetre"),
        (1e5, "dm decimeter decimetre"),
        (1e6, "m meter metre"),
        (25400.0, 'in inch inches "'),
        (304800.0, "ft foot feet"),
    )
    for name in names.split()
}
"""Micrometres per unit of length, by the names that file formats and pint use."""

MAX_PRINT_UM = 10.0
"""A resolution tag above this many micrometres per pixel speaks of paper."""

PixelSize = tuple[float, float]
"""Height and width of a pixel in micrometres."""


class NonSquareError(MicrographError):
    """Pixels are not square: lengths would depend on their direction."""


def micrometres(unit: object) -> float | None:
    """Micrometres per `unit`; None when it is not a known unit of length.

    Parameters
    ----------
    unit : object
        A name, or a pint unit, whose text is its name.
    """
    # NFKC writes the micro sign as mu and the angstrom sign as a letter.
    name = unicodedata.normalize("NFKC", str(unit).strip().replace("\\u00B5", "\u03bc"))
    found = MICROMETRES.get(name)
    return found if found is not None or len(name) < 4 else MICROMETRES.get(name.lower())


def square(size: PixelSize, label: str) -> float:
    """One side of a pixel in micrometres.

    Parameters
    ----------
    size : tuple of (float, float)
        Height and width in micrometres.
    label : str
        Names the micrograph in an error.

    Raises
    ------
    NonSquareError
        If height and width differ by more than 1 %.
    """
    height, width = size
    if height == width:
        return height
    if max(size) > 1.01 * min(size):
        raise NonSquareError(
            f"{label}: pixels are not square ({height:.6g} x {width:.6g} um, height x width); "
            "resample it to square pixels, or state the pixel size"
        )
    return math.sqrt(height * width)


def valid(size: PixelSize | None) -> PixelSize | None:
    """`size` when both numbers are finite and positive, else None."""
    return size if size and all(math.isfinite(s) and s > 0 for s in size) else None


def from_dpi(dpi: PixelSize | None) -> tuple[PixelSize | None, list[str]]:
    """Pixel size from dots per inch, (x, y), with notes; print resolutions are ignored."""
    if not dpi or not all(math.isfinite(d) and d > 0 for d in dpi):
        return None, []
    return _unless_print((25400.0 / float(dpi[1]), 25400.0 / float(dpi[0])))


def _unless_print(size: PixelSize) -> tuple[PixelSize | None, list[str]]:
    if min(size) <= MAX_PRINT_UM:
        return size, []
    return None, [f"resolution of {25400 / size[0]:.4g} dpi ignored: it describes a print"]


def from_tiff(tif: tifffile.TiffFile) -> tuple[PixelSize | None, list[str]]:
    """Pixel size of the first image of a TIFF, with notes.

    Looks at OME-XML, ImageJ, FEI/Thermo and Zeiss metadata and at the
    resolution tags, in that order.
    """
    page = tif.pages.first
    found = valid(_from_ome(tif.ome_metadata))
    if found is None and tif.is_imagej:
        found, notes = _from_imagej(tif.imagej_metadata or {}, page)
        if found or notes:
            return found, notes
    found = found or valid(_from_fei(tif.fei_metadata)) or valid(_from_zeiss(tif.sem_metadata))
    if found:
        return found, []
    unit = {2: 25400.0, 3: 10000.0}.get(_resolution_unit(page))
    size = _from_resolution(page, unit)
    return _unless_print(size) if size else (None, [])


def _resolution_unit(page: Any) -> int:
    tag = page.tags.get(296)
    return int(tag.value) if tag is not None and tag.value else 0


def _from_resolution(page: Any, unit_um: float | None) -> PixelSize | None:
    """Size of a pixel when the tags count pixels per unit of `unit_um` micrometres."""
    tags = page.tags.get(283), page.tags.get(282)  # y, x
    if unit_um is None or None in tags:
        return None
    sides = []
    for tag in tags:
        count, per = tag.value
        if not count or not per:
            return None
        sides.append(unit_um * per / count)
    return valid((sides[0], sides[1]))


def _from_imagej(metadata: Mapping[str, Any], page: Any) -> tuple[PixelSize | None, list[str]]:
    unit = metadata.get("unit")
    size = _from_resolution(page, micrometres(unit)) if unit else None
    # ImageJ turns a print resolution into inches or centimetres when it saves.
    if size and str(unit) in ("inch", "cm"):
        return _unless_print(size)
    return size, []


def _from_ome(xml: str | None) -> PixelSize | None:
    if not xml:
        return None
    try:
        pixels = ElementTree.fromstring(xml).find(".//{*}Pixels")
    except ElementTree.ParseError:
        return None
    if pixels is None:
        return None
    sides = []
    for axis in "YX":
        unit = micrometres(pixels.get(f"PhysicalSize{axis}Unit", "µm"))
        try:
            value = float(pixels.get(f"PhysicalSize{axis}", "nan"))
        except ValueError:
            return None
        if unit is None:
            return None
        sides.append(value * unit)
    return sides[0], sides[1]


def _from_fei(metadata: Mapping[str, Any] | None) -> PixelSize | None:
    scan = (metadata or {}).get("Scan") or (metadata or {}).get("EScan") or {}
    try:
        return float(scan["PixelHeight"]) * 1e6, float(scan["PixelWidth"]) * 1e6  # metres
    except (KeyError, TypeError, ValueError):
        return None


def _from_zeiss(metadata: Mapping[str, Any] | None) -> PixelSize | None:
    for key in ("ap_image_pixel_size", "ap_pixel_size"):
        entry = (metadata or {}).get(key)  # (label, value, unit)
        if isinstance(entry, tuple) and len(entry) == 3:
            unit = micrometres(entry[2])
            if unit is not None and isinstance(entry[1], int | float):
                return float(entry[1]) * unit, float(entry[1]) * unit
    return None


def from_multiscales(multiscale: Mapping[str, Any]) -> tuple[PixelSize | None, list[str]]:
    """Pixel size of level 0 of an OME-Zarr image (0.4 or 0.5), with notes.

    Parameters
    ----------
    multiscale : mapping
        One entry of ``multiscales``: the scales of its first data set and of
        the whole are multiplied, in the units of its axes.
    """
    axes = [a if isinstance(a, Mapping) else {"name": a} for a in multiscale.get("axes", [])]
    place = {str(axis.get("name", "")).lower(): i for i, axis in enumerate(axes)}
    if "y" not in place or "x" not in place:
        return None, []
    factors = [1.0] * len(axes)
    scaled = False
    for owner in (multiscale["datasets"][0], multiscale):
        for transform in owner.get("coordinateTransformations") or ():
            scale: Sequence[float] = transform.get("scale") or ()
            if transform.get("type") == "scale" and len(scale) == len(axes):
                factors = [f * float(s) for f, s in zip(factors, scale, strict=True)]
                scaled = True
    sides = []
    for name in "yx":
        unit = micrometres(axes[place[name]].get("unit", ""))
        if unit is None or not scaled:
            note = "scale without a unit of length ignored: set the unit of the axes"
            return None, [note] if any(f != 1 for f in factors) else []
        sides.append(factors[place[name]] * unit)
    return valid((sides[0], sides[1])), []
