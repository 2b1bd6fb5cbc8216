"""A trained network made ready to compute with: batch norm folded, bfloat16 but for the start."""

from copy import deepcopy
from typing import Any

from napari_qualify.folding import folded

_SIDE = 64  # of the noise on which a folded network is compared with its original


def prepare_network(model: Any, precision: str, device: str) -> Any:
    """Copy of a network that computes the same, faster.

    Batch norms that follow a convolution are folded into its weights, unless
    the result differs. In bfloat16 the stem and the first stage stay in fp32
    where the encoder has them by the names that timm gives: they cost little,
    and most of the rounding that reaches the labels comes from there.

    Parameters
    ----------
    model : torch.nn.Module
        Of segmentation_models_pytorch, with three channels; it stays as it is.
    precision : {'fp32', 'bf16'}
    device : str
        Torch device.

    Returns
    -------
    torch.nn.Module
        In evaluation mode; takes a float32 batch (n, 3, H, W).
    """
    import torch

    noise = torch.randn(1, 3, _SIDE, _SIDE, generator=torch.Generator().manual_seed(0))
    ready = folded(deepcopy(model).eval().cpu(), noise)
    ready = ready.to(device=device, memory_format=torch.channels_last)
    if precision == "bf16":
        _to_bfloat16(ready)
    return ready


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
