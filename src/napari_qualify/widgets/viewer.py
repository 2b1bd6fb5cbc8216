"""The one place that reads and writes the viewer.

The views emit what the user wants; the widgets call this link on the main
thread. Nothing is changed that the user did not ask for: layers are added,
the plugin's own metadata is written, the rest is left alone.
"""

from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from napari.layers import Image, Labels, Shapes
from psygnal import Signal as PsygnalSignal
from qtpy.QtCore import QObject, Signal

from napari_qualify.errors import UsageError
from napari_qualify.widgets import map_layer
from napari_qualify.widgets.edits import EditCounter
from napari_qualify.widgets.samples import space
from napari_qualify.widgets.sources import KEY, LayerSource, take
from napari_qualify.widgets.stroke_layers import StrokeLayers, label_colours, spatial

REGION_LAYER = "Reference region"
DERIVED = ("uncertainty_on", map_layer.ENTRY)
"""Entries that mark an Image layer as no micrograph; each holds the image's ``unique_id``."""


class Session:
    """What the widgets of one viewer share: the library that is open, the count of edits."""

    library_changed = PsygnalSignal(object)

    def __init__(self) -> None:
        self._library: Any = None
        self.edits = EditCounter()

    @property
    def library(self) -> Any:
        """The open `Library`, None when there is none."""
        return self._library

    @library.setter
    def library(self, library: Any) -> None:
        if library is not self._library:
            self._library = library
            self.library_changed.emit(library)


_SESSIONS: WeakKeyDictionary[Any, Session] = WeakKeyDictionary()


def session(viewer: Any) -> Session:
    """Return the shared state of a viewer, whatever proxy it comes in."""
    # Keyed on the proxy that napari hands to a plugin, it would vanish with
    # the first widget.
    bare = getattr(viewer, "__wrapped__", viewer)
    if bare not in _SESSIONS:
        _SESSIONS[bare] = Session()
        _SESSIONS[bare].edits.watch(bare.layers)
    return _SESSIONS[bare]


class ViewerLink(QObject):
    """Reads the layers, follows them, and is the only writer to the viewer.

    Parameters
    ----------
    viewer : napari.viewer.Viewer or napari.components.ViewerModel
    parent : QObject, optional

    Attributes
    ----------
    strokes : StrokeLayers
        Its hand for strokes and their live prediction.

    Signals
    -------
    layers_changed
        A layer came, went, moved or was renamed, or the selection changed.
    view_changed
        The camera moved.
    """

    layers_changed = Signal()
    view_changed = Signal()

    def __init__(self, viewer: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self.strokes = StrokeLayers(viewer)
        events = viewer.layers.events
        # napari holds bound methods weakly: the link can go at any time.
        for name in ("inserted", "removed", "reordered", "renamed"):
            if hasattr(events, name):
                getattr(events, name).connect(self._on_layers)
        viewer.layers.selection.events.changed.connect(self._on_layers)
        camera = viewer.scene.camera
        camera.events.center.connect(self._on_view)
        camera.events.zoom.connect(self._on_view)

    def _on_layers(self, event: Any = None) -> None:
        self.layers_changed.emit()

    def _on_view(self, event: Any = None) -> None:
        self.view_changed.emit()

    # --- reading ---------------------------------------------------------

    def images(self, *, selected: bool = False) -> list[Any]:
        """Image layers from the bottom of the list up, all or the selected.

        Without those that the plugin made of another one: an uncertainty, a tile map.
        """
        return [layer for layer in self._of(Image, selected) if not _is_ours(layer, *DERIVED)]

    def masks(self) -> list[Any]:
        """Labels layers but strokes, live phases and particles: label images of a whole."""
        ours = ("strokes_on", "live_on", "particles_of")
        return [layer for layer in self.label_layers() if not _is_ours(layer, *ours)]

    def label_layers(self) -> list[Any]:
        """Labels layers, from the bottom of the list up."""
        return self._of(Labels, False)

    def _of(self, kind: type, selected: bool) -> list[Any]:
        chosen = {layer.unique_id for layer in self._viewer.layers.selection}
        return [
            layer
            for layer in self._viewer.layers
            if isinstance(layer, kind) and (not selected or layer.unique_id in chosen)
        ]

    def find(self, uid: str) -> Any | None:
        """Return the layer with this ``unique_id``, None when it has gone."""
        for layer in self._viewer.layers:
            if str(layer.unique_id) == uid:
                return layer
        return None

    def sources(self, *, selected: bool) -> list[LayerSource]:
        """What a worker needs of the image layers, all or the selected."""
        return [take(layer) for layer in self.images(selected=selected)]

    def phases(self) -> list[LayerSource]:
        """The Labels layers whose phases the plugin knows by name."""
        layers = [take(layer) for layer in self.label_layers()]
        return [layer for layer in layers if "names" in layer.metadata[KEY]]

    def region(self, image: Any) -> tuple[int, int, int, int]:
        """Return the drawn rectangle in pixels of an image layer.

        The selected rectangle of a Shapes layer, else the one drawn last.

        Parameters
        ----------
        image : napari.layers.Image

        Returns
        -------
        (y, x, height, width) : tuple of int
            Inside the image.

        Raises
        ------
        UsageError
            There is no rectangle, or it lies outside the image.
        """
        layer, index = self._rectangle()
        corners = np.asarray(layer.data[index], dtype=float)
        # Shapes may have more axes than the image, or another scale.
        world = np.array([layer.data_to_world(corner) for corner in corners])
        pixels = np.array([image.world_to_data(c[-image.ndim :]) for c in world])[:, -2:]
        low = np.round(pixels.min(axis=0)).astype(int)
        high = np.round(pixels.max(axis=0)).astype(int)
        level = image.data[0] if image.multiscale else image.data
        shape = np.array(level.shape[:-1] if image.rgb else level.shape)[-2:]
        low, high = np.clip(low, 0, shape), np.clip(high, 0, shape)
        height, width = (high - low).tolist()
        if height < 1 or width < 1:
            raise UsageError(
                f"The rectangle in {layer.name!r} lies outside {image.name!r}. "
                "Draw it on the image, or select another image."
            )
        return int(low[0]), int(low[1]), height, width

    def _rectangle(self) -> tuple[Any, int]:
        chosen = {layer.unique_id for layer in self._viewer.layers.selection}
        layers = [layer for layer in self._viewer.layers if isinstance(layer, Shapes)]
        # A selected Shapes layer first, then the one on top of the list.
        for layer in sorted(layers[::-1], key=lambda item: item.unique_id not in chosen):
            marked = sorted(layer.selected_data) or list(range(layer.nshapes))
            found = [i for i in marked if layer.shape_type[i] == "rectangle"]
            if found:
                return layer, found[-1]
        raise UsageError(
            "There is no rectangle to take as a region. "
            "Press 'Draw region' and drag a rectangle on the image."
        )

    # --- writing ---------------------------------------------------------

    def add_region_layer(self, image: Any) -> None:
        """Let the user draw a rectangle on an image: a Shapes layer in that mode."""
        for layer in self._viewer.layers:
            if isinstance(layer, Shapes) and layer.name == REGION_LAYER:
                break
        else:
            layer = self._viewer.add_shapes(
                ndim=2, name=REGION_LAYER, face_color="transparent", edge_color="yellow",
                edge_width=2, **spatial(image),
            )  # fmt: skip
        self._viewer.layers.selection.active = layer
        layer.mode = "add_rectangle"

    def add_phases(
        self,
        source: LayerSource,
        labels: np.ndarray,
        colours: Mapping[int, tuple[int, int, int]],
        metadata: Mapping[str, Any],
    ) -> Any:
        """Add the phases of an image as a Labels layer over it.

        Scale, translation, units and axis labels are those of the image, so
        that the extent of the viewer keeps its units.

        Parameters
        ----------
        source : LayerSource
            The image that was segmented.
        labels : ndarray of int, shape (Y, X)
        colours : mapping of int to (R, G, B)
            0 to 255; other labels are transparent.
        metadata : mapping
            Goes into ``layer.metadata['napari-qualify']``.

        Returns
        -------
        napari.layers.Labels
        """
        return self._viewer.add_labels(
            labels,
            name=f"{source.name} phases",
            colormap=label_colours(colours),
            opacity=0.5,
            metadata={KEY: dict(metadata)},
            scale=source.scale[-2:],
            translate=source.translate[-2:],
            units=source.units[-2:],
            axis_labels=source.axis_labels[-2:],
        )

    def add_objects(
        self, source: LayerSource, labels: np.ndarray, features: Any, metadata: Mapping[str, Any]
    ) -> Any:
        """Add particles of a phase as a Labels layer with a row of features each.

        Parameters
        ----------
        source : LayerSource
            The Labels layer of the phases.
        labels : ndarray of int, shape (Y, X)
            One value per particle, 0 for none.
        features : DataFrame
            With a column ``index``: the label of the row.
        metadata : mapping
            Its `name` names the layer; the rest goes into
            ``layer.metadata['napari-qualify']``.

        Returns
        -------
        napari.layers.Labels
        """
        rest = {key: value for key, value in metadata.items() if key != "name"}
        return self._viewer.add_labels(
            labels,
            name=metadata["name"],
            features=features,
            metadata={KEY: rest},
            scale=source.scale[-2:],
            translate=source.translate[-2:],
            units=source.units[-2:],
            axis_labels=source.axis_labels[-2:],
        )

    def add_micrograph(self, micrograph: Any, metadata: Mapping[str, Any], uid: str = "") -> Any:
        """Add a micrograph of a library as an Image layer, or show the one that is there.

        Parameters
        ----------
        micrograph : Micrograph
        metadata : mapping
            Goes into ``layer.metadata['napari-qualify']``; its `key` tells
            whether the micrograph is open.
        uid : str
            Of a layer that is known to show it.

        Returns
        -------
        napari.layers.Image
        """
        for layer in self.images():
            opened = layer.metadata.get(KEY, {}).get("key") == metadata["key"]
            if opened or str(layer.unique_id) == uid:
                break
        else:
            layer = self._viewer.add_image(
                micrograph.pixels, name=micrograph.name, metadata={KEY: dict(metadata)},
                **space(micrograph),
            )  # fmt: skip
        layer.visible = True
        self._viewer.layers.selection.active = layer
        return layer

    def note(self, uid: str, entries: Mapping[str, Any]) -> None:
        """Write into ``layer.metadata['napari-qualify']``; a gone layer is skipped."""
        layer = self.find(uid)
        if layer is not None:
            layer.metadata[KEY] = {**layer.metadata.get(KEY, {}), **entries}

    def show_alone(self, uid: str) -> None:
        """Show one image layer and hide the other images; the user asked for it."""
        if self.find(uid) is not None:
            for layer in self._of(Image, False):
                entries = layer.metadata.get(KEY, {})
                if not _is_ours(layer, *DERIVED):
                    layer.visible = str(layer.unique_id) == uid
                elif uid not in (entries.get(key) for key in DERIVED):
                    layer.visible = False

    def show_tile_map(self, uid: str, tile_map: Any, criterion: str) -> None:
        """Show a tile map over its image, alone; a gone image is skipped."""
        image = self.find(uid)
        if image is not None:
            self.show_alone(uid)
            map_layer.show_tile_map(self._viewer, image, tile_map, criterion)


def _is_ours(layer: Any, *keys: str) -> bool:
    return any(key in layer.metadata.get(KEY, {}) for key in keys)
