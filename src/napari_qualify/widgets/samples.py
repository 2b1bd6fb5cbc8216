"""File > Open Sample: the rendered Ni-WC lot as image layers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

LayerData = tuple[Any, dict[str, Any], str]


def judge() -> list[LayerData]:
    """Return the rendered micrographs that are to be judged."""
    from napari_qualify.synthetic.lot import sample_lot

    return layers(sample_lot().judge)


def references() -> list[LayerData]:
    """Return the rendered micrographs that the lot's expert has judged."""
    from napari_qualify.synthetic.lot import sample_lot

    return layers(sample_lot().references)


def layers(paths: Sequence[Path]) -> list[LayerData]:
    """Return calibrated image layers of micrographs; only the last is visible.

    They lie over one another, so one shows at a time.
    """
    from napari_qualify.micrograph import read

    found: list[LayerData] = []
    for path in paths:
        micrograph = read(path)
        keywords = {"name": Path(path).stem, "visible": path == paths[-1]}
        found.append((micrograph.pixels, keywords | space(micrograph), "image"))
    return found


def space(micrograph: Any) -> dict[str, Any]:
    """Return scale, units and colour of a micrograph as layer keywords."""
    size = micrograph.pixel_size_um
    return {
        "scale": (size or 1.0,) * 2,
        "units": ("um",) * 2 if size else ("pixel",) * 2,
        "axis_labels": ("y", "x"),
        "rgb": micrograph.is_rgb,
    }
