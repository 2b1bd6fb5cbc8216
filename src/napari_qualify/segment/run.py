"""The verb ``segment``, and what it asks of a segmenter."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from napari_qualify.errors import SegmentationError
from napari_qualify.progress import Progress, silent
from napari_qualify.segment.phases import Phases
from napari_qualify.segment.threshold import ThresholdSegmenter

if TYPE_CHECKING:
    from napari_qualify.micrograph import Micrograph


@runtime_checkable
class Segmenter(Protocol):
    """Finds phases in a micrograph."""

    @property
    def names(self) -> dict[int, str]:
        """Name of each label value."""
        ...

    @property
    def pixel_size_um(self) -> float | None:
        """Micrometres per pixel that it expects; None when any will do."""
        ...

    @property
    def fingerprint(self) -> str:
        """Hex digest that changes with anything that changes the result."""
        ...

    def predict(self, micrograph: "Micrograph", progress: Progress = silent) -> Phases:
        """Find the phases of a micrograph."""
        ...


def segment(
    micrograph: "Micrograph | str | Path | Any",
    segmenter: Segmenter | None = None,
    *,
    progress: Progress = silent,
) -> Phases:
    """Find the phases of a micrograph.

    Parameters
    ----------
    micrograph : Micrograph, path or napari Image layer
        What is not yet a micrograph is read first.
    segmenter : Segmenter, optional
        By default multi-Otsu thresholds into pore, matrix and carbide.
    progress : Progress, optional
        Called between steps; raise Cancelled in it to stop.

    Returns
    -------
    Phases
        Of the micrograph's shape.

    Raises
    ------
    MicrographError
        When the file or layer is not a micrograph.
    SegmentationError
        When the phases cannot be found.
    """
    from napari_qualify.micrograph import Micrograph, read

    if not isinstance(micrograph, Micrograph):
        micrograph = read(micrograph)
    phases = (segmenter or ThresholdSegmenter()).predict(micrograph, progress)
    if phases.shape != tuple(micrograph.shape):
        raise SegmentationError(
            f"{micrograph.name}: the segmenter returned phases of shape {phases.shape} for "
            f"a micrograph of {tuple(micrograph.shape)}; it must keep the shape."
        )
    return phases
