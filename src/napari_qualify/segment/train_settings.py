"""Settings of a training, and what it reports on the way."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from napari_qualify.errors import UsageError
from napari_qualify.precision import Precision
from napari_qualify.segment.augment import Augmentation
from napari_qualify.segment.loss import LOSSES
from napari_qualify.segment.start import LITE_ENCODER


@dataclass(frozen=True)
class TrainSettings:
    """How a network is trained.

    Attributes
    ----------
    architecture, encoder : str
        As segmentation_models_pytorch spells them.
    start : str
        ``lite``, ``imagenet``, ``none``, or a file or address of a checkpoint.
    loss : {'dice_ce', 'focal'}
    minutes : float
        The training ends after this time.
    steps : int or None
        Or after this many steps, whichever comes first. With steps alone
        deciding, the same seed gives the same network on the same machine.
    patch : int
        Side of the crops in pixels, a multiple of 32.
    batch : int
        Crops per step.
    learning_rate : float
        Largest; it rises over the first steps and falls along a cosine.
    seed : int
    patience : int
        Validations without a better one after which it stops early.
    every : int
        Steps between validations.
    pixel_size_um : float or None
        To which examples are resampled; by default their median.
    precision : {'auto', 'fp32', 'bf16'}
    device : str
        Torch device.
    augmentation : Augmentation

    Raises
    ------
    UsageError
        For a setting out of its bounds.
    """

    architecture: str = "Unet"
    encoder: str = LITE_ENCODER
    start: str = "lite"
    loss: str = "dice_ce"
    minutes: float = 10.0
    steps: int | None = None
    patch: int = 256
    batch: int = 8
    learning_rate: float = 2e-3
    seed: int = 0
    patience: int = 20
    every: int = 25
    pixel_size_um: float | None = None
    precision: Precision = "auto"
    device: str = "cpu"
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        if self.loss not in LOSSES:
            raise UsageError(f"no loss {self.loss!r}; there are {', '.join(LOSSES)}")
        if self.patch < 64 or self.patch % 32:
            raise UsageError(f"patch is {self.patch}; give a multiple of 32 from 64 up")
        positive = {"minutes": self.minutes, "batch": self.batch, "every": self.every}
        positive |= {"learning_rate": self.learning_rate, "patience": self.patience}
        for name, value in positive.items():
            if not (math.isfinite(value) and value > 0):
                raise UsageError(f"{name} is {value}; give a number above 0")
        if self.steps is not None and self.steps < 1:
            raise UsageError(f"steps is {self.steps}; give 1 or more, or none to go by minutes")

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "TrainSettings":
        """Settings of the plain types that a model's record holds."""
        return cls(**{**record, "augmentation": Augmentation(**record["augmentation"])})


@dataclass(frozen=True)
class TrainPoint:
    """State of a training at one validation.

    Attributes
    ----------
    step : int
    seconds : float
        Since the training began, pauses left out.
    loss : float
        Mean over the steps since the last point; NaN when there were none.
    mean_iou : float or None
        Mean intersection over union of the phases on the validation images;
        None without them.
    iou : dict of str to float
        Of each phase.
    """

    step: int
    seconds: float
    loss: float
    mean_iou: float | None = None
    iou: dict[str, float] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """Plain types for JSON."""
        return dict(vars(self))

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "TrainPoint":
        """Point of what `record` returned, read back from JSON, which has no NaN."""
        loss = record["loss"]
        return cls(**{**record, "loss": math.nan if loss is None else loss})
