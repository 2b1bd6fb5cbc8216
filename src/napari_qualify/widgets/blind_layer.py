"""The one layer of a blind study: a micrograph alone, without its name."""

from typing import Any

from napari_qualify.widgets.samples import space
from napari_qualify.widgets.sources import KEY


class BlindLayer:
    """Shows one micrograph of a study at a time and hides all other layers.

    Parameters
    ----------
    viewer : napari.viewer.Viewer or napari.components.ViewerModel
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._shown = ""

    def show_again(self, name: str) -> bool:
        """Show the micrograph of this name if it is the one that is there."""
        layer = self._own(name)
        if layer is not None:
            self._alone(layer)
        return layer is not None

    def show(self, micrograph: Any, name: str) -> None:
        """Show a micrograph under the name that it has in the study.

        Parameters
        ----------
        micrograph : Micrograph
        name : str
            All that the layer says of it.
        """
        self.clear()
        layer = self._viewer.add_image(
            micrograph.pixels, name=name, metadata={KEY: {"blind": name}}, **space(micrograph)
        )
        self._shown = str(layer.unique_id)
        self._viewer.fit_to_view(layers=[layer])
        # Judged by eye: without a scale a micrograph means nothing.
        self._viewer.canvas.overlays.scale_bar.visible = micrograph.pixel_size_um is not None
        self._alone(layer)

    def _alone(self, layer: Any) -> None:
        # A verdict of the model, or the micrograph under its own name, may lie in another layer.
        for other in self._viewer.layers:
            other.visible = str(other.unique_id) == self._shown
        self._viewer.layers.selection.active = layer

    @property
    def others(self) -> int:
        """How many other layers there are."""
        return len(self._viewer.layers) - (self._own() is not None)

    def clear(self) -> None:
        """Take the micrograph away."""
        layer = self._own()
        if layer is not None:
            self._viewer.layers.remove(layer)
        self._shown = ""

    def _own(self, name: str = "") -> Any | None:
        for layer in self._viewer.layers:
            mine = str(layer.unique_id) == self._shown
            if mine and (not name or layer.metadata.get(KEY, {}).get("blind") == name):
                return layer
        return None
