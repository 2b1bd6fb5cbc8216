"""The hand of `ViewerLink` for strokes and their live prediction.

Strokes belong to the user: they are read, and shown in the colours of their
phases, but their pixels are never written.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from napari.utils.colormaps import DirectLabelColormap

from napari_qualify.segment.phases import phase_colour
from napari_qualify.widgets.sources import KEY

SPATIAL = ("scale", "translate", "units", "axis_labels")
BRUSH = 7
"""Diameter of a new layer's brush in pixels."""

Region = tuple[int, int, int, int]


def spatial(layer: Any) -> dict[str, Any]:
    """Where a layer lies in space: the keywords of an output layer beside it."""
    return {name: getattr(layer, name)[-2:] for name in SPATIAL}


def label_colours(colours: Mapping[int, tuple[int, int, int]]) -> DirectLabelColormap:
    """Colours of label values; other values are transparent.

    Parameters
    ----------
    colours : mapping of int to (R, G, B)
        0 to 255.
    """
    table: dict[int | None, Any] = {None: (0, 0, 0, 0), 0: (0, 0, 0, 0)}
    table |= {value: np.divide((*rgb, 255), 255.0) for value, rgb in colours.items()}
    return DirectLabelColormap(color_dict=table)


class StrokeLayers:
    """Finds, adds and colours layers of strokes, and shows what is predicted from them.

    A layer of strokes is a Labels layer whose metadata name its image; so it
    stays one when it is renamed.

    Parameters
    ----------
    viewer : napari.viewer.Viewer or napari.components.ViewerModel
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer

    # --- reading ---------------------------------------------------------

    def pairs(self) -> list[tuple[Any, Any]]:
        """Layers of strokes whose image is open, as (image, strokes), bottom up."""
        images = {
            str(layer.unique_id): layer for layer in self._viewer.layers if isinstance(layer, Image)
        }
        return [
            (images[uid], layer)
            for layer in self._viewer.layers
            if (uid := self._entry(layer, "strokes_on")) in images
        ]

    def of(self, image: Any) -> Any | None:
        """Return the layer of strokes on an image, the upper of two; None for none."""
        found = [strokes for on, strokes in self.pairs() if on.unique_id == image.unique_id]
        return found[-1] if found else None

    def names(self) -> dict[int, str]:
        """Phases that the layers of strokes were last painted with; {} for none."""
        for _, strokes in reversed(self.pairs()):
            found = strokes.metadata[KEY].get("stroke_names", {})
            return {int(value): str(name) for value, name in found.items()}
        return {}

    def active(self) -> Any | None:
        """Return the layer of strokes that is active in the layer list, None for none."""
        layer = self._viewer.layers.selection.active
        return next((s for _, s in self.pairs() if layer is not None and s == layer), None)

    @staticmethod
    def visible(strokes: Any) -> Region | None:
        """Part of a layer that the canvas shows, in pixels; None before it was drawn.

        Returns
        -------
        (y, x, height, width) : tuple of int
            Inside the layer.
        """
        corners = np.asarray(strokes.corner_pixels)[:, -2:]
        low = np.clip(corners[0], 0, None)
        high = np.minimum(corners[1] + 1, strokes.data.shape[-2:])
        height, width = (int(side) for side in high - low)
        if min(height, width) <= 1:
            return None
        return int(low[0]), int(low[1]), height, width

    # --- writing ---------------------------------------------------------

    def begin(self, image: Any, names: Mapping[int, str], value: int) -> Any:
        """Let the user paint strokes on an image: its layer of strokes, in paint mode.

        Parameters
        ----------
        image : napari.layers.Image
        names : mapping of int to str
        value : int
            The phase to paint first.

        Returns
        -------
        napari.layers.Labels
        """
        strokes = self.of(image)
        if strokes is None:
            level = image.data[0] if image.multiscale else image.data
            shape = (level.shape[:-1] if image.rgb else level.shape)[-2:]
            strokes = self._viewer.add_labels(
                np.zeros(shape, np.uint8),
                name=f"Strokes of {image.name}",
                opacity=0.9,
                metadata={KEY: {"strokes_on": str(image.unique_id)}},
                **spatial(image),
            )
            strokes.brush_size = BRUSH
        strokes.visible = True
        self.colour(names)
        strokes.selected_label = value
        self._viewer.layers.selection.active = strokes
        strokes.mode = "paint"
        return strokes

    def colour(self, names: Mapping[int, str]) -> None:
        """Show every layer of strokes in the colours of these phases, and note their names."""
        colours = {value: phase_colour(name) for value, name in names.items()}
        for _, strokes in self.pairs():
            kept = {str(value): name for value, name in names.items()}
            if strokes.metadata[KEY].get("stroke_names") != kept:
                strokes.metadata[KEY] = {**strokes.metadata[KEY], "stroke_names": kept}
                strokes.colormap = label_colours(colours)

    def pick(self, value: int) -> None:
        """Paint with a phase from now on."""
        for _, strokes in self.pairs():
            if strokes.selected_label != value:
                strokes.selected_label = value

    def show_live(
        self,
        image: Any,
        region: Region,
        labels: np.ndarray,
        colours: Mapping[int, tuple[int, int, int]],
        record: Mapping[str, Any],
    ) -> Any:
        """Show the phases of a region under the strokes of an image.

        The layer is not offered as phases: it holds a part of the image only.

        Returns
        -------
        napari.layers.Labels
        """
        name = f"Phases of {image.name} (live)"
        layer = self._live(image, "live_on")
        if layer is None:
            layer = Labels(labels, name=name, opacity=0.4, **_at(image, region))
            self._insert(image, layer, {"live_on": str(image.unique_id)})
        else:
            _move(layer, labels, image, region)
        if layer.metadata[KEY].get("live", {}).get("names") != record["names"]:
            layer.colormap = label_colours(colours)
        layer.editable = False  # the next stroke would wipe out what is painted here
        layer.metadata[KEY] = {"live_on": str(image.unique_id), "live": dict(record)}
        return layer

    def show_uncertainty(self, image: Any, region: Region, uncertainty: np.ndarray) -> Any:
        """Show how sure the live phases are: 0 sure, 1 a tie.

        Returns
        -------
        napari.layers.Image
        """
        layer = self._live(image, "uncertainty_on")
        if layer is None:
            layer = Image(
                uncertainty, name=f"Uncertainty of {image.name} (live)", colormap="inferno",
                contrast_limits=(0, 1), opacity=0.6, **_at(image, region),
            )  # fmt: skip
            self._insert(image, layer, {"uncertainty_on": str(image.unique_id)})
        else:
            _move(layer, uncertainty, image, region)
        layer.visible = True
        return layer

    def hide_uncertainty(self) -> None:
        """Hide the uncertainty of every image."""
        for layer in self._viewer.layers:
            if self._entry(layer, "uncertainty_on"):
                layer.visible = False

    def hide_live(self, uid: str) -> None:
        """Hide the live layers of an image, given its ``unique_id``."""
        for layer in self._viewer.layers:
            if uid in (self._entry(layer, "live_on"), self._entry(layer, "uncertainty_on")):
                layer.visible = False

    def unhide_live(self, uid: str) -> None:
        """Show the live phases of an image again."""
        for layer in self._viewer.layers:
            if uid == self._entry(layer, "live_on"):
                layer.visible = True

    @staticmethod
    def _entry(layer: Any, key: str) -> str:
        return str(layer.metadata.get(KEY, {}).get(key, ""))

    def _live(self, image: Any, key: str) -> Any | None:
        uid = str(image.unique_id)
        return next((x for x in self._viewer.layers if self._entry(x, key) == uid), None)

    def _insert(self, image: Any, layer: Any, metadata: Mapping[str, Any]) -> None:
        layer.metadata[KEY] = dict(metadata)
        layers = self._viewer.layers
        strokes, active = self.of(image), layers.selection.active
        place = len(layers) if strokes is None else layers.index(strokes)
        layers.insert(place, layer)
        # napari makes a new layer the active one; the user was painting in another.
        if active is not None:
            layers.selection.active = active


def _at(image: Any, region: Region) -> dict[str, Any]:
    """Where a region of an image lies: the keywords of a layer of the region's shape."""
    place = spatial(image)
    start = np.array(place["translate"]) + np.array(place["scale"]) * region[:2]
    return {**place, "translate": start}


def _move(layer: Any, data: np.ndarray, image: Any, region: Region) -> None:
    layer.data = data
    place = _at(image, region)
    layer.scale, layer.translate = place["scale"], place["translate"]
