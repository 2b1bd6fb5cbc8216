"""What of a layer a worker needs, taken on the main thread.

A worker must not reach into the viewer. `LayerSource` is a plain copy of the
attributes that :func:`napari_qualify.read` looks at; the pixels themselves are
shared, not copied, and a dask layer is computed only in the worker.
"""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

KEY = "napari-qualify"
"""Key of ``layer.metadata`` under which the plugin keeps what it found."""


@dataclass(frozen=True, eq=False)
class LayerSource:
    """An Image or Labels layer as :func:`napari_qualify.read` sees it.

    Attributes
    ----------
    uid : str
        ``layer.unique_id``; finds the layer again when the work is done.
    name : str
    data : array, or list of array for a multiscale layer
    scale, translate : tuple of float
    units, axis_labels : tuple
    rgb, multiscale : bool
    source : object with a `path`
    metadata : dict
        Only what the plugin stored in ``layer.metadata``, under `KEY`.
    """

    uid: str
    name: str
    data: Any
    scale: tuple[float, ...]
    translate: tuple[float, ...]
    units: tuple[Any, ...]
    axis_labels: tuple[str, ...]
    rgb: bool = False
    multiscale: bool = False
    source: Any = field(default_factory=lambda: SimpleNamespace(path=None))
    metadata: dict[str, Any] = field(default_factory=dict)


def take(layer: Any) -> LayerSource:
    """Copy what a worker needs from a layer; call it on the main thread.

    Parameters
    ----------
    layer : napari.layers.Image or napari.layers.Labels
        Or napari's public proxy of one.

    Returns
    -------
    LayerSource
    """
    multiscale = bool(layer.multiscale)
    return LayerSource(
        uid=str(layer.unique_id),
        name=str(layer.name),
        data=[level for level in layer.data] if multiscale else layer.data,
        scale=tuple(float(s) for s in layer.scale),
        translate=tuple(float(t) for t in layer.translate),
        units=tuple(layer.units),
        axis_labels=tuple(layer.axis_labels),
        rgb=bool(getattr(layer, "rgb", False)),
        multiscale=multiscale,
        source=SimpleNamespace(path=getattr(layer.source, "path", None)),
        metadata={KEY: dict(layer.metadata.get(KEY, {}))},
    )
