"""Losses for phases of which some are rare."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qualify.errors import UsageError

LOSSES = ("dice_ce", "focal")


def make_loss(name: str, shares: NDArray[np.float64]) -> Any:
    """Loss of logits (n, classes, h, w) against class indices (n, h, w), -1 for no truth.

    Parameters
    ----------
    name : {'dice_ce', 'focal'}
        ``dice_ce``: soft Dice over the batch (Milletari et al. 2016) plus cross
        entropy, whose classes weigh by the inverse square root of their share.
        ``focal``: focal loss (Lin et al. 2017), exponent 2.
    shares : ndarray of float, shape (classes,)
        Of each class among the labelled pixels.

    Raises
    ------
    UsageError
        For another name.
    """
    from napari_qualify.embed.torchvision_guard import ensure_torchvision

    ensure_torchvision()
    import segmentation_models_pytorch as smp
    import torch
    from torch.nn.functional import cross_entropy

    if name not in LOSSES:
        raise UsageError(f"no loss {name!r}; there are {', '.join(LOSSES)}")
    if name == "focal":
        return smp.losses.FocalLoss("multiclass", gamma=2.0, ignore_index=-1)
    weights = torch.tensor(class_weights(shares), dtype=torch.float32)
    dice = smp.losses.DiceLoss("multiclass", ignore_index=-1, smooth=1.0)

    def loss(logits: Any, truth: Any) -> Any:
        entropy = cross_entropy(logits, truth, weights.to(logits.device), ignore_index=-1)
        return entropy + dice(logits, truth)

    return loss


def class_weights(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weight per class by the inverse square root of its share; the mean pixel weighs 1."""
    there = np.maximum(shares, 1e-4)
    weights = 1 / np.sqrt(there)
    return np.asarray(weights / (there * weights).sum() * there.sum())
