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

    def predict(
        self,
        micrograph: "Micrograph",
        progress: Progress = silent,
        *,
        probabilities: bool = False,
    ) -> Phases:
        """Find the phases of a micrograph, with class probabilities if they are wanted."""
        ...

    def save(self, folder: str | Path, *, overwrite: bool = False) -> Path:
        """Write a folder that `napari_qualify.segment.model_folder.load_segmenter` reads."""
        ...


def segment(
    micrograph: "Micrograph | str | Path | Any",
    segmenter: Segmenter | str | Path | None = None,
    *,
    probabilities: bool = False,
    progress: Progress = silent,
) -> Phases:
    """Find the phases of a micrograph.

    Parameters
    ----------
    micrograph : Micrograph, path or napari Image layer
        What is not yet a micrograph is read first.
    segmenter : Segmenter or path of a model folder, optional
        By default multi-Otsu thresholds into pore, matrix and carbide.
    probabilities : bool, optional
        Keep the class probabilities, where the segmenter has any.
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
        When the phases cannot be found, or the folder holds no model.
    """
    from napari_qualify.micrograph import Micrograph, read

    if not isinstance(micrograph, Micrograph):
        micrograph = read(micrograph)
    if isinstance(segmenter, str | Path):
        from napari_qualify.segment.model_folder import load_segmenter

        segmenter = load_segmenter(segmenter)
    phases = (segmenter or ThresholdSegmenter()).predict(
        micrograph, progress, probabilities=probabilities
    )
    if phases.shape != tuple(micrograph.shape):
        raise SegmentationError(
            f"{micrograph.name}: the segmenter returned phases of shape {phases.shape} for "
            f"a micrograph of {tuple(micrograph.shape)}; it must keep the shape."
        )
    return phases
