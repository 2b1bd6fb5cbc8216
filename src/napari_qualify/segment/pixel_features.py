"""Features of every pixel: frozen EfficientNet-Lite0 maps at several strides, and local filters.

The maps stay at their own strides. What is linear in them, such as the logits
of a linear classifier, is computed there and enlarged afterwards: the same
numbers, since both steps are linear, for a fraction of the work.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_qualify.segment.levels import LUMINANCE, Levels
from napari_qualify.segment.network import GAIN

REVISION = 1  # of the features, for fingerprints
SIGMAS = (1.0, 2.0, 4.0, 8.0)
"""Deviations in pixels of the Gaussians behind the local filters."""

_LAST = 4  # stage with stride 16: the next is too coarse for pixels
_TAKEN = (0, 1, 2, 4)  # stages whose output is kept: strides 2, 4, 8, 16
_LOCAL = 3 + 5 * len(SIGMAS)
DIMENSIONS = 32 + 16 + 24 + 40 + 112 + _LOCAL
"""Features of a pixel."""

DESCRIPTION = (
    "EfficientNet-Lite0 maps of strides 2, 2, 4, 8, 16; grey level, two colour differences; "
    f"Gaussian, gradient, two curvatures and deviation at {', '.join(map(str, SIGMAS))} px"
)


@dataclass(frozen=True, eq=False)
class PatchFeatures:
    """Features of the pixels of a patch.

    Attributes
    ----------
    maps : list of Tensor, shape (1, channels, h, w)
        float16, from fine to coarse; the first has the patch's own size.
    """

    maps: list[Any]

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return sum(each.numel() * each.element_size() for each in self.maps)

    def at(self, rows: NDArray[Any], columns: NDArray[Any]) -> NDArray[np.float32]:
        """Features of some pixels, shape (n, `DIMENSIONS`)."""
        import torch
        from torch.nn.functional import grid_sample

        height, width = self.maps[0].shape[2:]
        places = np.stack([(2 * columns + 1) / width - 1, (2 * rows + 1) / height - 1], axis=-1)
        grid = torch.from_numpy(places.astype(np.float32))[None, None]
        found = [
            grid_sample(each.float(), grid, padding_mode="border", align_corners=False)[0, :, 0]
            for each in self.maps
        ]
        return np.asarray(torch.cat(found).T.contiguous().numpy())

    def linear(self, weights: Any, bias: Any) -> Any:
        """Logits of a linear classifier.

        Parameters
        ----------
        weights : Tensor of float32, shape (classes, `DIMENSIONS`)
        bias : Tensor of float32, shape (classes,)

        Returns
        -------
        Tensor of float32, shape (classes, H, W)
        """
        import torch
        from torch.nn.functional import interpolate

        size = self.maps[0].shape[2:]
        total = bias.view(1, -1, 1, 1).expand(1, len(bias), *size).clone()
        start = 0
        for each in self.maps:
            part = weights[:, start : start + each.shape[1]]
            start += each.shape[1]
            flat = part @ each[0].flatten(1).float()
            logits = flat.view(1, len(part), *each.shape[2:])
            if logits.shape[2:] != size:
                logits = interpolate(logits, size, mode="bilinear", align_corners=False)
            torch.add(total, logits, out=total)
        return total[0]


def patch_features(patch: NDArray[np.uint8], levels: Levels) -> PatchFeatures:
    """Features of a patch.

    Parameters
    ----------
    patch : ndarray of uint8, shape (H, W) or (H, W, 3)
        Sides in multiples of 32.
    levels : Levels
        Of the whole micrograph.
    """
    import torch

    from napari_qualify.embed.lite import network

    values = levels.apply(patch)
    local = torch.from_numpy(_local(values))[None].half()
    colours = values if values.ndim == 3 else np.repeat(values[..., None], 3, axis=2)
    batch = torch.from_numpy(np.ascontiguousarray(GAIN * colours)).permute(2, 0, 1)[None]
    model = network()
    maps = [local]
    with torch.inference_mode():
        x = model.bn1(model.conv_stem(batch))
        maps.append(x.half())
        for stage, block in enumerate(model.blocks[: _LAST + 1]):
            x = block(x)
            if stage in _TAKEN:
                maps.append(x.half())
    return PatchFeatures(maps)


def _local(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Grey level, colour differences and filters, shape (channels, H, W)."""
    if values.ndim == 2:
        grey, differences = values, np.zeros((2, *values.shape), np.float32)
    else:
        grey = np.asarray(values @ LUMINANCE, np.float32)
        differences = np.stack([values[..., 0] - grey, values[..., 2] - grey])
    out = [grey, *differences]
    square = grey * grey
    for sigma in SIGMAS:
        smooth = ndimage.gaussian_filter(grey, sigma, truncate=3)
        dy, dx = np.gradient(smooth * np.float32(sigma))
        dyy, dyx = np.gradient(dy * np.float32(sigma))
        dxx = np.gradient(dx * np.float32(sigma), axis=1)
        middle, half = (dxx + dyy) / 2, (dxx - dyy) / 2
        spread = np.sqrt(half * half + dyx * dyx)
        mean_square = ndimage.gaussian_filter(square, sigma, truncate=3)
        deviation = np.sqrt(np.maximum(mean_square - smooth * smooth, 0))
        out += [smooth, np.hypot(dy, dx), middle + spread, middle - spread, deviation]
    return np.stack(out).astype(np.float32, copy=False)


class FeatureStore:
    """Features that were computed before, the least used dropped first.

    Parameters
    ----------
    limit_bytes : int
        What is kept at most.
    """

    def __init__(self, limit_bytes: int = 1 << 30) -> None:
        self.limit_bytes = limit_bytes
        self._held: OrderedDict[Hashable, PatchFeatures] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: Hashable, compute: Callable[[], PatchFeatures]) -> PatchFeatures:
        """Features under a key, computed if they are not held."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
        found = compute()
        with self._lock:
            if key not in self._held:
                self._held[key] = found
                self._bytes += found.nbytes
            while self._bytes > self.limit_bytes and len(self._held) > 1:
                self._bytes -= self._held.popitem(last=False)[1].nbytes
        return found
