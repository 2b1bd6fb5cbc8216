"""OME-Zarr metadata of a label image of phases."""

from collections.abc import Mapping
from typing import Any

from napari_qualify.segment.phases import phase_colour

ARRAY = "0"
"""Name of the array with the label values inside the group."""


def image_label_attributes(names: Mapping[int, str], pixel_size_um: float | None) -> dict[str, Any]:
    """OME-Zarr 0.5 image-label attributes, https://ngff.openmicroscopy.org/0.5/#labels-md.

    Parameters
    ----------
    names : mapping of int to str
        Name of each label value.
    pixel_size_um : float or None
        Micrometres per pixel; None without calibration, then the scale is 1
        and has no unit.
    """
    axes: list[dict[str, str]] = [{"name": name, "type": "space"} for name in ("y", "x")]
    if pixel_size_um is not None:
        axes = [axis | {"unit": "micrometer"} for axis in axes]
    scale = {"type": "scale", "scale": [pixel_size_um or 1.0] * 2}
    return {
        "ome": {
            "version": "0.5",
            "multiscales": [
                {
                    "name": "phases",
                    "axes": axes,
                    "datasets": [{"path": ARRAY, "coordinateTransformations": [scale]}],
                }
            ],
            "image-label": {
                "colors": [
                    {"label-value": value, "rgba": [*phase_colour(name), 255]}
                    for value, name in names.items()
                ],
                "properties": [
                    {"label-value": value, "name": name} for value, name in names.items()
                ],
            },
        }
    }
