"""Training a network on layers or folders; free of Qt and napari.

Runs in a worker's thread, or in a test.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_qualify.errors import MicrographError, UsageError
from napari_qualify.progress import Progress
from napari_qualify.widgets.sources import LayerSource

WAIT = 0.05
"""Seconds between two looks for a cancel, while a stopped training ends its step."""


@dataclass(frozen=True)
class TrainOrder:
    """What to train on, and how.

    Attributes
    ----------
    layers : tuple of (LayerSource, LayerSource, str)
        Image, labels, specimen; empty for folders.
    images, masks, split : str
        Paths of folders, and of a CSV or ''.
    names : str
        ``0=matrix,1=carbide``; '' takes those of the layers.
    settings : dict
        Keywords of `TrainSettings`.
    """

    layers: tuple[tuple[LayerSource, LayerSource, str], ...] = ()
    images: str = ""
    masks: str = ""
    split: str = ""
    names: str = ""
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Glance:
    """How far a training is.

    Attributes
    ----------
    points : tuple of TrainPoint
    preview : (image, labels, truth) or None
        Part of a validation image, uint8 and label values, shape (Y, X).
    names : dict of int to str
    """

    points: tuple[Any, ...]
    preview: tuple[Any, Any, Any] | None
    names: dict[int, str]


class TrainSession:
    """One training that can be stopped and gone on with; its best network is kept.

    Parameters
    ----------
    order : TrainOrder
    """

    def __init__(self, order: TrainOrder) -> None:
        self.order = order
        self.training: Any = None
        self.ended = False
        # A training that was let go ends its step before another takes it up.
        self._running = threading.Lock()

    @property
    def best(self) -> Any | None:
        """The best network so far, None before the first validation."""
        return None if self.training is None else self.training.best

    def run(self, progress: Progress, on_glance: Callable[[Glance], None]) -> "TrainSession":
        """Train, or go on after a stop.

        Parameters
        ----------
        progress : Progress
        on_glance : callable
            Called with a `Glance` at every validation, in the working thread.
        """
        while not self._running.acquire(timeout=WAIT):
            progress("waiting for the last step to end", 0, 0)
        try:
            if self.training is None:
                self.training = self._make(progress)
            training = self.training
            training.run(
                progress,
                lambda _: on_glance(
                    Glance(tuple(training.points), training.preview(), training.names)
                ),
            )
            self.ended = True
        finally:
            self._running.release()
        return self

    @property
    def can_resume(self) -> bool:
        """Whether it was stopped before its end."""
        return self.training is not None and not self.ended

    def save(self, folder: str, progress: Progress) -> Path:
        """Write the best network as a model folder; one that is there is replaced."""
        progress("writing", 0, 0)
        best = self.best
        if best is None:
            raise UsageError("There is no network yet: it is first judged after some steps.")
        target = Path(folder)
        return Path(best.save(target, overwrite=target.exists()))

    def _make(self, progress: Progress) -> Any:
        from napari_qualify.segment.examples import split_by_group
        from napari_qualify.segment.train_settings import TrainSettings
        from napari_qualify.segment.training import Training

        settings = TrainSettings(**self.order.settings)
        progress("reading", 0, 0)
        examples, names = read_order(self.order, progress)
        train = [one for one in examples if one.split == "train"]
        validation = [one for one in examples if one.split == "validation"]
        if not validation and len({one.group for one in train}) > 1:
            train, validation = split_by_group(train, seed=settings.seed)
        progress("preparing", 0, 0)
        return Training(train, names, settings, validation=validation or None)


def read_order(order: TrainOrder, progress: Progress) -> tuple[list[Any], dict[int, str]]:
    """Examples and the names of their phases.

    Raises
    ------
    UsageError
        Nothing was chosen, or the phases have no names.
    MicrographError
        Labels do not fit their image.
    """
    from napari_qualify.segment.examples import derived_names, parse_phases, read_examples

    names = parse_phases(order.names) if order.names.strip() else None
    if order.layers:
        return _layer_examples(order, names, progress)
    if not (order.images and order.masks):
        raise UsageError("Choose a folder of images and one of masks, or pairs of layers.")
    examples = read_examples(
        order.images, order.masks, names=names, split=order.split or None, progress=progress
    )
    return examples, names or derived_names(examples)


def _layer_examples(
    order: TrainOrder, names: dict[int, str] | None, progress: Progress
) -> tuple[list[Any], dict[int, str]]:
    from napari_qualify.micrograph import read
    from napari_qualify.segment.examples import Example
    from napari_qualify.segment.label_images import phases_from_layer

    examples: list[Any] = []
    known: dict[int, str] = {}
    for done, (image, labels, group) in enumerate(order.layers):
        progress("reading", done, len(order.layers))
        micrograph = read(image)
        phases = phases_from_layer(labels, names)
        if phases.shape != micrograph.shape:
            raise MicrographError(
                f"{labels.name} has {phases.shape} pixels, {image.name} has {micrograph.shape}: "
                "the labels must be those of the image."
            )
        known |= phases.names
        examples.append(Example(micrograph, phases.labels, group or image.name, "train"))
    return examples, names or known
