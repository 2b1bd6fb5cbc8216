"""What the Segment widget's workers do: calls of the core, free of Qt and napari.

Every function takes ``progress`` and runs in a worker's thread, or in a test.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_qualify.errors import UsageError
from napari_qualify.progress import Progress
from napari_qualify.widgets.sources import LayerSource

if TYPE_CHECKING:
    from napari_qualify.segment.phases import Phases


@dataclass(frozen=True, eq=False)
class Segmented:
    """Phases with the area fraction of each.

    Attributes
    ----------
    phases : Phases
    fractions : tuple of dict
        Rows of `measure`: phase, value, low, high, n; NaN without an interval.
    note : str
        How the interval was found, or why there is none.
    """

    phases: "Phases"
    fractions: tuple[dict[str, Any], ...]
    note: str


def segment_source(
    source: LayerSource, settings: Mapping[str, Any], progress: Progress
) -> Segmented:
    """Segment a layer by thresholds and measure the area fractions."""
    from napari_qualify.micrograph import read
    from napari_qualify.segment.run import segment
    from napari_qualify.segment.threshold import ThresholdSegmenter

    progress("reading", 0, 1)
    segmenter = ThresholdSegmenter(**settings)
    micrograph = read(source)
    if segmenter.smoothing_um is not None and micrograph.pixel_size_um is None:
        raise UsageError(
            f"{source.name} has no pixel size, so micrometres mean nothing on it. "
            "Give the smoothing in pixels, or set the layer's scale and units."
        )
    return measured(segment(micrograph, segmenter, progress=progress), progress)


def measured(phases: "Phases", progress: Progress) -> Segmented:
    """Add the area fractions to phases."""
    from napari_qualify.measure.run import measure

    progress("measuring", 0, 1)
    table = measure(phases, ["area_fraction"])
    rows = tuple(table.to_dict("records"))
    methods = sorted({str(line["method"]) for line in rows})
    note = "Intervals: " + "; ".join(methods) + ". Segmentation error is not in them."
    return Segmented(phases, rows, note)


def model_card(folder: str) -> dict[str, Any]:
    """Return the record of a model folder, checked."""
    from napari_qualify.segment.model_folder import read_model

    return dict(read_model(Path(folder))[0])


def segment_with_model(
    source: LayerSource, folder: str, augment: bool, progress: Progress
) -> Segmented:
    """Segment a layer with a saved model; `augment` averages over turns and mirror images."""
    from napari_qualify.micrograph import read
    from napari_qualify.segment.run import segment

    segmenter = _load(folder, augment, progress)
    progress("reading", 0, 0)
    return measured(segment(read(source), segmenter, progress=progress), progress)


@dataclass(frozen=True, eq=False)
class Stored:
    """Phases on disk.

    Attributes
    ----------
    labels : zarr.Array
    names : dict of int to str
    record : dict
        As that of `Phases`; its `source` is empty, since hashing would read it all.
    """

    labels: Any
    names: dict[int, str]
    record: dict[str, Any]


def segment_to_zarr(
    source: LayerSource, folder: str, augment: bool, out: str, progress: Progress
) -> Stored:
    """Segment a layer of any size tile by tile into a Zarr folder, which appears when complete.

    Raises
    ------
    UsageError
        The model does not work in tiles.
    """
    from napari_qualify.segment.tiled import predict_tiled

    segmenter = _load(folder, augment, progress)
    if not hasattr(segmenter, "patch_probabilities"):
        raise UsageError("Thresholds do not work in tiles; take away the tick.")
    level = source.data[0] if source.multiscale else source.data
    size = pixel_size(source)
    found = predict_tiled(level, segmenter, pixel_size_um=size, out=out, progress=progress)
    record = {
        "names": {str(value): name for value, name in segmenter.names.items()},
        "pixel_size_um": size,
        "source": "",
        "made_by": segmenter.made_by(),
        "image": source.name,
    }
    return Stored(found.labels, segmenter.names, record)


def _load(folder: str, augment: bool, progress: Progress) -> Any:
    from napari_qualify.segment.model_folder import load_segmenter

    progress("loading the model", 0, 0)
    segmenter: Any = load_segmenter(Path(folder))
    if augment and hasattr(segmenter, "test_time_augmentation"):
        segmenter = replace(segmenter, test_time_augmentation=True)
    return segmenter


def pixel_size(source: LayerSource) -> float | None:
    """Micrometres per pixel that a layer's scale and units give; None for none."""
    from napari_qualify.calibration import micrometres

    units = [micrometres(unit) for unit in source.units[-2:]]
    if len(units) < 2 or units[0] is None:
        return None
    return abs(source.scale[-1]) * units[0]
