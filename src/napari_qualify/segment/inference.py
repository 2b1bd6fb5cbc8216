"""A trained network made ready to compute with: batch norm folded, bfloat16 where it suffices."""

from copy import deepcopy
from typing import Any

from napari_qualify.folding import folded

_SIDE = 64  # of the noise on which a folded network is compared with its original
_RARE = 0.002  # share of a patch under which a phase is rare
_NEARLY = 0.45  # probability that rounding may lift to a finding


class Inference:
    """A trained network to compute with: the same function, faster.

    Batch norms that follow a convolution are folded into its weights, unless
    the result differs. In bfloat16 the stem and the first stage stay in fp32
    where the encoder has them by the names that timm gives: they cost little,
    and much of the rounding that reaches the labels comes from there. What is
    left matters to phases of few pixels: a patch in which a phase occurs, or
    nearly does, and covers less than 0.2 % is computed again in fp32.

    Parameters
    ----------
    model : torch.nn.Module
        Of segmentation_models_pytorch, with three channels; it stays as it is.
    precision : {'fp32', 'bf16'}
    device : str
        Torch device.
    """

    def __init__(self, model: Any, precision: str, device: str) -> None:
        import torch

        noise = torch.randn(1, 3, _SIDE, _SIDE, generator=torch.Generator().manual_seed(0))
        self.full = folded(deepcopy(model).eval().cpu(), noise)
        self.full = self.full.to(device=device, memory_format=torch.channels_last)
        self.fast: Any = None
        if precision == "bf16":
            self.fast = deepcopy(self.full)
            _to_bfloat16(self.fast)

    def __call__(self, batch: Any) -> Any:
        """Class probabilities, float32 (n, classes, H, W), of a float32 batch (n, 3, H, W)."""
        if self.fast is None:
            return self.full(batch).softmax(1)
        found = self.fast(batch).float().softmax(1)
        again = _with_rare_phases(found)
        if again.any():
            found[again] = self.full(batch[again]).softmax(1)
        return found


def _with_rare_phases(probabilities: Any) -> Any:
    """Which patches show a phase, or nearly do, that covers less than 0.2 % of them, shape (n,)."""
    seen = probabilities.amax((2, 3)) > _NEARLY
    rare = (probabilities > 0.5).float().mean((2, 3)) < _RARE
    return (seen & rare).any(1)


def _to_bfloat16(model: Any) -> None:
    import torch

    low, full = torch.bfloat16, torch.float32
    model.to(low)
    backbone: Any = getattr(model.encoder, "model", None)
    if all(hasattr(backbone, name) for name in ("conv_stem", "bn1", "blocks")):
        first: list[Any] = [backbone.conv_stem, backbone.bn1, backbone.blocks[0]]
        for part in first:
            part.to(full)
        first[-1].register_forward_hook(lambda module, inputs, output: output.to(low))
    else:
        model.encoder.register_forward_pre_hook(
            lambda module, inputs: tuple(each.to(low) for each in inputs)
        )
    model.encoder.register_forward_hook(
        lambda module, inputs, output: [each.to(low) for each in output]
    )
