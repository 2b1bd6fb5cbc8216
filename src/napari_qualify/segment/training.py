"""Training of a segmentation network, which can be watched, stopped and taken up again."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_qualify.errors import SegmentationError, UsageError
from napari_qualify.precision import resolve
from napari_qualify.progress import Progress, silent
from napari_qualify.segment.model_folder import read_model, write_model
from napari_qualify.segment.network import NetworkSegmenter
from napari_qualify.segment.prepared import prepare
from napari_qualify.segment.train_settings import TrainPoint, TrainSettings
from napari_qualify.segment.training_state import TrainingState, under
from napari_qualify.segment.validation import validate

if TYPE_CHECKING:
    from napari_qualify.segment.examples import Example


class Training:
    """A training of a network on examples.

    Parameters
    ----------
    examples : sequence of Example
        Micrographs with their label images.
    names : mapping of int to str
        Name of each label value; a value that is not named has no truth.
    settings : TrainSettings, optional
    validation : sequence of Example, optional
        Of other specimens; without them it neither stops early nor chooses,
        and the last state is the result.

    Raises
    ------
    UsageError, SegmentationError
        For no examples, fewer than two phases, or a specimen on both sides.

    Attributes
    ----------
    best : NetworkSegmenter or None
        The best so far; may be read at any time, from any thread.
    points : list of TrainPoint
        One per validation.
    """

    def __init__(
        self,
        examples: "Sequence[Example]",
        names: Mapping[int, str],
        settings: TrainSettings | None = None,
        *,
        validation: "Sequence[Example] | None" = None,
    ) -> None:
        self.settings = settings or TrainSettings()
        self.names = dict(sorted(names.items()))
        self.best: NetworkSegmenter | None = None
        self.points: list[TrainPoint] = []
        self.data = prepare(examples, validation or (), self.names, self.settings)
        self._state: TrainingState | None = None
        self._preview: tuple[NDArray[np.uint8], NDArray[Any], NDArray[Any]] | None = None

    def run(
        self,
        progress: Progress = silent,
        on_point: Callable[[TrainPoint], None] | None = None,
    ) -> NetworkSegmenter:
        """Train until the end, or until stopped.

        Parameters
        ----------
        progress : Progress, optional
            Called at every step, with the share of the time or steps that is
            done in thousandths. Raise Cancelled in it to stop: `best` stays,
            and `run` goes on from there.
        on_point : callable, optional
            Called with each `TrainPoint`, in the working thread.

        Returns
        -------
        NetworkSegmenter
        """
        settings = self.settings
        if self._state is None:
            self._state = TrainingState(len(self.names), settings, self.data, progress)
        state = self._state
        losses: list[float] = []
        try:
            while (share := state.share()) < 1:
                progress("training", round(1000 * share), 1000)
                losses.append(state.advance(share))
                if state.step % settings.every == 0:
                    self._point(losses, on_point)
                    losses = []
                    if self._exhausted():
                        break
        finally:
            state.pause()
        if losses or self.best is None:
            self._point(losses, on_point)
        assert self.best is not None
        self.best.record["training"]["ended"] = "early" if self._exhausted() else "complete"
        return self.best

    def save_state(self, folder: str | Path) -> Path:
        """Write all that `resume` needs to go on from here, in place of an earlier state.

        Raises
        ------
        UsageError
            Before the first step.
        SegmentationError
            When the folder holds anything but a model or a state.
        """
        if self._state is None:
            raise UsageError("the training has not begun: there is nothing to keep yet")
        tensors = self._state.tensors()
        record: dict[str, Any] = {
            "kind": "training",
            "phases": {str(value): name for value, name in self.names.items()},
            "state": self._state.record(),
            "points": [point.record() for point in self.points],
            "training": self._training_record(self._state),
        }
        if self.best is not None:
            record["best"] = {k: self.best.record[k] for k in ("training", "metrics")}
            tensors |= {f"best.{k}": v for k, v in self.best.tensors().items()}
        folder = Path(folder)
        return write_model(folder, record, tensors, overwrite=folder.exists())

    @classmethod
    def resume(
        cls,
        folder: str | Path,
        examples: "Sequence[Example]",
        *,
        validation: "Sequence[Example] | None" = None,
        minutes: float | None = None,
        progress: Progress = silent,
    ) -> "Training":
        """Take up a training that was written by `save_state`.

        Parameters
        ----------
        folder : str or Path
        examples, validation
            The same as before.
        minutes : float, optional
            New length of the whole training; by default as before.
        progress : Progress, optional

        Raises
        ------
        SegmentationError
            When the folder holds no state, or the examples are others.
        """
        record, tensors = read_model(folder)
        if record.get("kind") != "training":
            raise SegmentationError(f"{folder}: holds a {record.get('kind')}, not a training")
        names = {int(value): str(name) for value, name in record["phases"].items()}
        settings = TrainSettings.from_record(record["training"]["settings"])
        if minutes is not None:
            settings = replace(settings, minutes=minutes)
        made = cls(examples, names, settings, validation=validation)
        for side, known in (
            ("images", made.data.images),
            ("validation", made.data.validation_images),
        ):
            if _hashes(record["training"][side]) != _hashes(known):
                raise SegmentationError(
                    f"{folder}: was trained on other images or labels; give the same ones in the "
                    "same order, or begin a new training"
                )
        # All weights come from the folder: those that it once started from need not be there.
        state = TrainingState(len(names), replace(settings, start="none"), made.data, progress)
        state.restore(tensors, record["state"])
        made._state = state
        made.points = [TrainPoint.from_record(point) for point in record["points"]]
        if "best" in record:
            best = made._segmenter(state)
            best.load_tensors(under(tensors, "best."))
            best.record.update(record["best"])
            made.best = best
        return made

    def preview(self) -> tuple[NDArray[np.uint8], NDArray[Any], NDArray[Any]] | None:
        """Part of a validation image, its labels by the latest state, and the truth.

        Returns
        -------
        tuple of ndarray, shape (h, w), or None
            None without validation images, or before the first validation.
        """
        return self._preview

    def _point(self, losses: list[float], on_point: Callable[[TrainPoint], None] | None) -> None:
        """Validate the averaged weights and keep them when they are the best."""
        assert self._state is not None
        state = self._state
        segmenter = self._segmenter(state)
        mean_iou: float | None = None
        iou: dict[str, float] = {}
        if self.data.validation:
            mean_iou, iou, self._preview = validate(segmenter, self.data.validation)
        loss = float(np.mean(losses)) if losses else math.nan
        point = TrainPoint(state.step, state.seconds, loss, mean_iou, iou)
        before = [p.mean_iou for p in self.points if p.mean_iou is not None]
        self.points.append(point)
        if mean_iou is None or not before or mean_iou > max(before):
            segmenter.record["metrics"] = {"step": state.step, "mean_iou": mean_iou, "iou": iou}
            self.best = segmenter
        if on_point is not None:
            on_point(point)

    def _exhausted(self) -> bool:
        """Whether no validation among the last `patience` ones was the best."""
        scores = [p.mean_iou for p in self.points if p.mean_iou is not None]
        return bool(scores) and len(scores) - 1 - int(np.argmax(scores)) >= self.settings.patience

    def _segmenter(self, state: TrainingState) -> NetworkSegmenter:
        record = {"training": self._training_record(state), "metrics": {}}
        return NetworkSegmenter(
            model=state.network(),
            names=self.names,
            pixel_size_um=self.data.pixel_size_um,
            architecture={
                "architecture": self.settings.architecture,
                "encoder": self.settings.encoder,
            },
            record=record,
            device=self.settings.device,
        )

    def _training_record(self, state: TrainingState) -> dict[str, Any]:
        settings = json.loads(json.dumps(vars(self.settings), default=vars))
        return {
            "images": self.data.images,
            "validation": self.data.validation_images,
            "start": state.start,
            "turn": state.crops.augmentation.turn,
            "settings": settings,
            "steps": state.step,
            "seconds": round(state.seconds, 1),
            "precision": resolve(self.settings.precision, self.settings.device),
            "ended": "running",
        }


def _hashes(images: Sequence[Mapping[str, str]]) -> list[tuple[str, str]]:
    return [(each["sha256"], each["labels_sha256"]) for each in images]
