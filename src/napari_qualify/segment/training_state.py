"""The moving parts of a training: network, its running average, optimiser, random crops."""

import math
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_qualify.precision import resolve
from napari_qualify.progress import Progress
from napari_qualify.segment.augment import Crops
from napari_qualify.segment.loss import class_weights, make_loss
from napari_qualify.segment.network import GAIN
from napari_qualify.segment.start import start_network

if TYPE_CHECKING:
    from napari_qualify.segment.prepared import Prepared
    from napari_qualify.segment.train_settings import TrainSettings

_AVERAGE = 0.98  # of the running mean of the weights, per step
_GRACE = 0.25  # of the time, before which a training with a number of steps goes by them alone
_WARM = 0.05  # share of the training in which the learning rate rises
_DECAY = 1e-2  # of the weights, per unit of learning rate


class TrainingState:
    """Network under training.

    Parameters
    ----------
    classes : int
    settings : TrainSettings
    data : Prepared
    progress : Progress

    Attributes
    ----------
    averaged : torch.nn.Module
        Running mean of the weights: steadier than the last ones.
    step : int
    seconds : float
        Spent training, pauses left out.
    start : dict
        Record of the weights that it started from.
    """

    def __init__(
        self, classes: int, settings: "TrainSettings", data: "Prepared", progress: Progress
    ) -> None:
        import torch

        self.settings, self.data = settings, data
        with torch.random.fork_rng():
            torch.manual_seed(settings.seed)
            self.model, self.start = start_network(
                settings.architecture, settings.encoder, classes, settings.start, progress
            )
        self.model = self.model.to(device=settings.device, memory_format=torch.channels_last)
        self.averaged = deepcopy(self.model)
        if settings.device == "cpu":
            _depthwise_in_fp32(self.model)
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(),
            lr=settings.learning_rate,
            weight_decay=_DECAY,
            fused=True,
        )
        self.loss = make_loss(settings.loss, data.shares)
        self.crops = Crops(
            [image for image, _ in data.training],
            [labels for _, labels in data.training],
            classes,
            settings.patch,
            settings.augmentation,
            settings.seed,
        )
        self._drawing = ThreadPoolExecutor(1, "crops")
        self._ahead: tuple[int, Future[tuple[NDArray[np.float32], NDArray[np.int64]]]] | None = None
        self.step = 0
        self._spent = 0.0
        self._since: float | None = None

    @property
    def seconds(self) -> float:
        """Time spent training."""
        return self._spent + (time.monotonic() - self._since if self._since is not None else 0.0)

    def pause(self) -> None:
        """Stop the clock."""
        self._spent, self._since = self.seconds, None

    def share(self) -> float:
        """Share of the training that is done, 0 to 1."""
        if self._since is None:
            self._since = time.monotonic()
        spent = self.seconds / (60 * self.settings.minutes)
        if self.settings.steps is not None:
            done = self.step / self.settings.steps
            # The clock never reads the same twice: it decides only where the steps will not fit.
            if spent <= max(done, _GRACE):
                return min(1.0, done)
        return min(1.0, spent)

    def advance(self, share: float) -> float:
        """Take one step, `share` through the training; returns its loss."""
        import torch

        settings = self.settings
        device = torch.device(settings.device)
        for group in self.optimiser.param_groups:
            group["lr"] = settings.learning_rate * rate(share)
        values, labels = self._next_crops()
        images = torch.from_numpy(GAIN * values).to(device).permute(0, 3, 1, 2)
        truth = torch.from_numpy(labels).to(device)
        self.model.train()
        low = resolve(settings.precision, settings.device) == "bf16"
        with torch.autocast(device.type, torch.bfloat16, enabled=low):
            logits = self.model(images)
        loss = self.loss(logits.float(), truth)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimiser.step()
        self.step += 1
        self._average()
        return float(loss.detach())

    def _next_crops(self) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Crops of this step; those of the next are drawn meanwhile."""
        if self._ahead is None or self._ahead[0] != self.step:
            self._ahead = (self.step, self._draw(self.step))
        crops = self._ahead[1].result()
        self._ahead = (self.step + 1, self._draw(self.step + 1))
        return crops

    def _draw(self, step: int) -> "Future[tuple[NDArray[np.float32], NDArray[np.int64]]]":
        return self._drawing.submit(self.crops.batch, self.settings.batch, step)

    def _average(self) -> None:
        import torch

        keep = min(_AVERAGE, (1 + self.step) / (10 + self.step))  # starts quickly
        new = self.model.state_dict()
        old = self.averaged.state_dict()
        moving = [key for key, value in old.items() if value.is_floating_point()]
        with torch.no_grad():
            # One call for all: hundreds of small ones cost more than the sums.
            torch._foreach_lerp_([old[k] for k in moving], [new[k] for k in moving], 1 - keep)
            for key in old.keys() - set(moving):
                old[key].copy_(new[key])

    def network(self) -> Any:
        """Copy of the averaged network, in evaluation mode, to predict with.

        Cross entropy with weights w teaches probabilities in proportion to
        w p: the logarithm of the weights is taken from the logits, so that what
        is found is the likelier phase. Without it rare phases come out too large.
        """
        import torch

        network = deepcopy(self.averaged).eval()
        if self.settings.loss == "dice_ce":
            weights = torch.from_numpy(class_weights(self.data.shares))
            last = [m for m in network.segmentation_head.modules() if hasattr(m, "out_channels")]
            with torch.no_grad():
                last[-1].bias -= weights.log().to(last[-1].bias)
        return network

    def tensors(self) -> dict[str, NDArray[Any]]:
        """All that a later run needs to go on, as arrays."""
        out = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        out |= {f"averaged.{k}": v for k, v in self.averaged.state_dict().items()}
        for number, values in self.optimiser.state_dict()["state"].items():
            out |= {f"optimiser.{number}.{k}": v for k, v in values.items()}
        return {key: value.cpu().numpy() for key, value in out.items()}

    def record(self) -> dict[str, Any]:
        """The rest of it, as plain types for JSON."""
        return {
            "step": self.step,
            "seconds": self.seconds,
            "start": self.start,
        }

    def restore(self, tensors: Mapping[str, NDArray[Any]], record: Mapping[str, Any]) -> None:
        """Take up where `tensors` and `record` were made."""
        import torch

        parameters = [weights.detach() for weights in self.model.parameters()]
        self.model.load_state_dict(_as_tensors(under(tensors, "model.")))
        self.averaged.load_state_dict(_as_tensors(under(tensors, "averaged.")))
        moments: dict[int, dict[str, Any]] = {}
        for key, value in _as_tensors(under(tensors, "optimiser.")).items():
            number, _, name = key.partition(".")
            weights = parameters[int(number)]
            if value.shape == weights.shape:
                # In the order in which the weights lie in memory: the fused optimiser goes
                # through both by address, and would take the moments of other weights.
                value = torch.empty_like(weights).copy_(value)
            moments.setdefault(int(number), {})[name] = value
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": moments, "param_groups": groups})
        self.step, self._spent = int(record["step"]), float(record["seconds"])
        self.start = dict(record["start"])


def under(tensors: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    """Those whose names begin with a prefix, without it."""
    return {key[len(prefix) :]: v for key, v in tensors.items() if key.startswith(prefix)}


def _as_tensors(arrays: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    import torch

    return {key: torch.from_numpy(np.array(value)) for key, value in arrays.items()}


def _depthwise_in_fp32(model: Any) -> None:
    """Leave depthwise convolutions out of autocast.

    Their gradients take four to five times as long in bfloat16 on the CPU, half
    of a training step (PyTorch 2.13 with oneDNN; the other way round forward).
    """
    import torch

    entered: list[Any] = []

    def enter(module: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        entered.append(torch.autocast("cpu", enabled=False))
        entered[-1].__enter__()
        return tuple(each.float() for each in inputs)

    def leave(module: Any, inputs: tuple[Any, ...], output: Any) -> None:
        entered.pop().__exit__(None, None, None)

    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d) and 1 < module.groups == module.in_channels:
            module.register_forward_pre_hook(enter)
            module.register_forward_hook(leave, always_call=True)


def rate(share: float) -> float:
    """Factor of the learning rate: a linear rise, then half a cosine."""
    if share < _WARM:
        return (share + 0.002) / (_WARM + 0.002)
    return max(0.01, 0.5 * (1 + math.cos(math.pi * (share - _WARM) / (1 - _WARM))))
