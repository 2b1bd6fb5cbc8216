"""Counts what the user paints into labels that a segmenter made."""

from typing import Any

from napari.layers import Labels

from napari_qualify.widgets.sources import KEY


class EditCounter:
    """Follows the Labels layers of a viewer and records edits by hand.

    ``made_by["edits"]`` of the layer's record becomes ``{"strokes": n,
    "pixels": m}``: brush strokes, fills and polygons, and the pixels that they
    changed. A pixel changed twice counts twice, and an edit that was undone
    stays counted: napari does not tell of an undo.
    """

    def watch(self, layers: Any) -> None:
        """Follow a viewer's layers; it is not kept alive by that."""
        layers.events.inserted.connect(self._on_inserted)
        for layer in layers:
            self._follow(layer)

    def _on_inserted(self, event: Any) -> None:
        self._follow(event.value)

    def _follow(self, layer: Any) -> None:
        if isinstance(layer, Labels):
            # napari holds bound methods weakly; a second connect of the same is one.
            layer.events.paint.connect(self._on_paint)

    def _on_paint(self, event: Any) -> None:
        layer = event.source
        record = layer.metadata.get(KEY, {})
        if "made_by" not in record:
            return
        made_by = dict(record["made_by"])
        before = made_by.get("edits", {"strokes": 0, "pixels": 0})
        changed = sum(_pixels(atom) for atom in event.value)
        made_by["edits"] = {
            "strokes": before["strokes"] + 1,
            "pixels": before["pixels"] + changed,
        }
        layer.metadata[KEY] = {**record, "made_by": made_by}


def _pixels(atom: Any) -> int:
    """Pixels that one step of napari's paint history changed."""
    mask = getattr(atom, "mask", None)
    if mask is not None:
        return int(mask.sum())
    if hasattr(atom, "slice_key"):  # the whole box
        return int(atom.old_values.size)
    return len(atom[0][0])  # (indices, old values, new value)
