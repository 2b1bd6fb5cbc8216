"""The layer of a tile map, over the micrograph that it belongs to."""

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_qualify.report.tile_maps import HIGH, LOW, MOST_OPAQUE
from napari_qualify.widgets.sources import KEY
from napari_qualify.widgets.stroke_layers import spatial

if TYPE_CHECKING:
    from napari_qualify.decide.tile_map import TileMap

ENTRY = "tile_map_on"
"""Marks the layer as a map: the ``unique_id`` of its image follows."""


def show_tile_map(viewer: Any, image: Any, tile_map: "TileMap", criterion: str) -> Any:
    """Show a tile map over its image; a second one of the criterion takes its place.

    The range of colours is that of the references, so that maps of several
    images compare.

    Parameters
    ----------
    viewer : napari.viewer.Viewer or napari.components.ViewerModel
    image : napari.layers.Image
    tile_map : TileMap
    criterion : str

    Returns
    -------
    napari.layers.Image
    """
    place = spatial(image)
    scale = np.array(place["scale"]) * tile_map.scale
    translate = np.array(place["translate"]) + np.array(place["scale"]) * tile_map.translate
    entry = {ENTRY: str(image.unique_id), "criterion": criterion}
    for layer in viewer.layers:
        mine = layer.metadata.get(KEY, {})
        if all(mine.get(key) == value for key, value in entry.items()):
            layer.data, layer.scale, layer.translate = tile_map.values, scale, translate
            layer.contrast_limits = tile_map.limits
            layer.visible = True
            return layer
    active = viewer.layers.selection.active
    layer = viewer.add_image(
        tile_map.values, name=f"{image.name}: tile map, {criterion}", colormap=_colours(),
        contrast_limits=tile_map.limits, blending="translucent", interpolation2d="linear",
        metadata={KEY: entry},
        **{**place, "scale": scale, "translate": translate},
    )  # fmt: skip
    # napari makes a new layer the active one; what is judged next is the image.
    viewer.layers.selection.active = active
    return layer


def _colours() -> Any:
    """The colours of the report's maps: nothing at the lower end, red at the upper."""
    from napari.utils import Colormap

    ends = np.array([(*LOW, 0.0), (*HIGH, 255 * MOST_OPAQUE)]) / 255
    return Colormap(ends, name="tile map")
