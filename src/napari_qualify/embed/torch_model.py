"""What the encoders on torch share: device, batches, pictures to tensors, unit vectors."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qualify.embed.base import Vectors
from napari_qualify.errors import EncoderError
from napari_qualify.progress import Progress, silent

BATCH = 32
"""Pictures at a time on a processor: more is not faster."""

LARGEST_BATCH = 256
_SHARE = 0.5  # of the graphics card's free memory
_PICTURE = 64 * 2**20  # bytes that a picture of 224 px may take while it is encoded, large models


@dataclass(frozen=True)
class Preprocessing:
    """How a picture becomes the input of a network.

    Attributes
    ----------
    side : int
        Pixels of the square to which pictures are resampled.
    resampling : {'lanczos', 'bicubic', 'bilinear'}
    mean, std : tuple of three floats
        Of the channels, after `scale`.
    scale : float
        Factor of the grey values 0 to 255.
    crop : int
        Side of the middle square that the network sees.
    """

    side: int
    resampling: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    scale: float
    crop: int

    def as_json(self) -> dict[str, Any]:
        """All of it, as plain JSON types."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    def tensor(self, pictures: Sequence[NDArray[np.uint8]], device: str) -> Any:
        """Float32 tensor (n, 3, crop, crop) of uint8 pictures (side, side, 3).

        Raises
        ------
        EncoderError
            If the pictures are of another shape or type.
        """
        import torch

        wanted = (self.side, self.side, 3)
        for one in pictures:
            if one.shape != wanted or one.dtype != np.uint8:
                raise EncoderError(
                    f"a picture is {one.dtype} of shape {one.shape}; this encoder takes uint8 of "
                    f"shape {wanted}"
                )
        margin = (self.side - self.crop) // 2
        middle = slice(margin, margin + self.crop)
        stacked = np.stack([one[middle, middle] for one in pictures])
        batch = torch.from_numpy(stacked).to(device).permute(0, 3, 1, 2).float()
        mean, std = (
            torch.tensor(v, dtype=torch.float32, device=device).view(1, 3, 1, 1)
            for v in (self.mean, self.std)
        )
        return batch.mul_(self.scale / std).sub_(mean / std)


def pick_device(device: str = "auto") -> str:
    """The torch device that `device` stands for on this machine.

    Raises
    ------
    EncoderError
        If the device is unknown, or not there.
    """
    import torch

    found = {"cpu": True, "cuda": torch.cuda.is_available()}
    found["mps"] = torch.backends.mps.is_available()
    if device == "auto":
        return next((name for name in ("cuda", "mps") if found[name]), "cpu")
    if not found.get(device.partition(":")[0], False):
        there = ", ".join(name for name, present in found.items() if present)
        raise EncoderError(f"device {device!r} is not on this machine; it has {there}. Use 'auto'.")
    return device


def batch_size(device: str, side: int) -> int:
    """Pictures at a time that suit a device.

    32 on a processor and on Apple's; on an NVIDIA card as many as half of its
    free memory holds at 64 MiB for a picture of 224 px, from 8 to 256.

    Parameters
    ----------
    device : str
        Torch device.
    side : int
        Pixels of a picture's side.
    """
    if not device.startswith("cuda"):
        return BATCH
    import torch

    free, _ = torch.cuda.mem_get_info(torch.device(device))
    fit = int(free * _SHARE / (_PICTURE * (side / 224) ** 2))
    return min(max(fit // 8 * 8, 8), LARGEST_BATCH)


def torch_type(precision: str) -> Any:
    """The torch type of a precision."""
    import torch

    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]


def encode_in_batches(
    items: Sequence[Any],
    size: int,
    dim: int,
    encode: Callable[[Sequence[Any]], Any],
    where: str,
    progress: Progress | None = None,
) -> Vectors:
    """Unit vectors of items, a batch at a time.

    Parameters
    ----------
    items : sequence
    size : int
        Items at a time.
    dim : int
    encode : callable
        Takes a batch, gives its features: a tensor (n, dim) of any precision.
    where : str
        The encoder, for the message when a feature is not a number.
    progress : callable, optional

    Returns
    -------
    ndarray of float32, shape (n, dim)

    Raises
    ------
    EncoderError
        When features are infinite, not numbers, or all zero.
    """
    import torch

    report = progress or silent
    found = np.empty((len(items), dim), dtype=np.float32)
    for start in range(0, len(items), size):
        report("encoding", start, len(items))
        with torch.inference_mode():
            features = encode(items[start : start + size]).float()
            lengths = features.norm(dim=1, keepdim=True)
            if not bool((torch.isfinite(lengths) & (lengths > 0)).all()):
                raise EncoderError(
                    f"{where}: gives features that are not numbers; load it with precision='fp32'"
                )
            found[start : start + size] = (features / lengths).cpu().numpy()
    report("encoding", len(items), len(items))
    return found


def refuse_long(texts: Sequence[str], count: Callable[[str], int], limit: int, where: str) -> None:
    """Raise EncoderError for a text of more tokens than the encoder reads."""
    for text in texts:
        if (tokens := count(text)) > limit:
            raise EncoderError(
                f"{where}: {text[:60]!r} ... has {tokens} tokens, its special ones included; the "
                f"limit is {limit}. Split it, or shorten it."
            )


def first_lines(error: Exception) -> str:
    """Start of a message that may list every weight."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(line[:200] for line in lines[:3])


def file_sha256(path: Path) -> str:
    """Sha256 of a file, computed once while path, size and time stay as they are."""
    stat = path.stat()
    return _sha256(str(path.resolve()), stat.st_size, stat.st_mtime_ns)


@cache
def _sha256(path: str, size: int, changed: int) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def files_sha256(folder: Path, names: Sequence[str]) -> str:
    """One sha256 of those of the named files that a folder has, names included."""
    digest = hashlib.sha256()
    for name in sorted(names):
        if (folder / name).is_file():
            digest.update(f"{name} {file_sha256(folder / name)}\n".encode())
    return digest.hexdigest()
