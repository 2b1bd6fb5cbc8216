"""What a segmentation network starts from: offline weights, ImageNet, a checkpoint, nothing."""

import hashlib
from pathlib import Path
from typing import Any

from napari_qualify.errors import SegmentationError, UsageError
from napari_qualify.progress import Progress, silent

LITE_ENCODER = "tu-tf_efficientnet_lite0"
STARTS = ("lite", "imagenet", "none")


def build(architecture: str, encoder: str, classes: int, weights: str | None = None) -> Any:
    """Network of segmentation_models_pytorch for three channels.

    Parameters
    ----------
    architecture : str
        As segmentation_models_pytorch spells it, for example ``Unet``.
    encoder : str
        For example ``resnet34`` or ``tu-tf_efficientnet_lite0``.
    classes : int
    weights : str, optional
        ``imagenet`` fetches weights from the encoder's address; none unless given.

    Raises
    ------
    UsageError
        For an unknown architecture or encoder; the message lists near names.
    """
    from napari_qualify.embed.torchvision_guard import ensure_torchvision

    ensure_torchvision()
    import segmentation_models_pytorch as smp

    try:
        return smp.create_model(
            architecture, encoder_name=encoder, encoder_weights=weights, classes=classes
        )
    except (KeyError, RuntimeError, ValueError) as error:
        raise UsageError(
            f"no network {architecture!r} with encoder {encoder!r}: {error}. Architectures and "
            "encoders are those of segmentation_models_pytorch, for example Unet with resnet34"
        ) from error


def start_network(
    architecture: str, encoder: str, classes: int, start: str, progress: Progress = silent
) -> tuple[Any, dict[str, Any]]:
    """Network ready to be trained, and the record of its start.

    Parameters
    ----------
    architecture, encoder : str
        As in `build`.
    classes : int
    start : str
        ``lite``: the offline weights of EfficientNet-Lite0, for the encoder of
        that name only. ``imagenet``: fetched. ``none``: random. Anything else
        is a file or an https address of a checkpoint for the encoder, such as
        one of NASA's MicroNet; nothing is known of its hash beforehand, so it
        is recorded at first use.
    progress : Progress, optional

    Raises
    ------
    UsageError, SegmentationError
        When the start does not exist or does not fit the encoder.
    """
    progress("loading the network", 0, 0)
    if start == "imagenet":
        try:
            return build(architecture, encoder, classes, "imagenet"), {"start": start}
        except OSError as error:
            raise SegmentationError(
                f"ImageNet weights of {encoder} could not be fetched ({error}). Start from lite, "
                "which needs no network, or from a checkpoint file."
            ) from error
    model = build(architecture, encoder, classes)
    if start == "none":
        return model, {"start": start}
    if start == "lite":
        return model, {"start": start, "sha256": _load_lite(model, encoder)}
    path, record = _checkpoint(start, progress)
    _load_checkpoint(model, path, start)
    return model, record


def _load_lite(model: Any, encoder: str) -> str:
    if encoder != LITE_ENCODER:
        raise UsageError(
            f"the start lite is for the encoder {LITE_ENCODER}, not {encoder}; choose that "
            "encoder, or start from imagenet, a checkpoint or none"
        )
    from napari_qualify.embed.lite import SHA256, network

    # The classifier and the layers before it have no place in a segmentation encoder.
    wanted = model.encoder.model.state_dict()
    found = network().state_dict()
    model.encoder.model.load_state_dict({key: found[key] for key in wanted}, strict=True)
    return SHA256


def _checkpoint(start: str, progress: Progress) -> tuple[Path, dict[str, Any]]:
    """File of a checkpoint, fetched when it is an address, and its record."""
    if start.startswith("https://"):
        path = _fetch(start, progress)
    elif "://" in start:
        raise UsageError(f"{start}: only https addresses are fetched")
    else:
        path = Path(start)
        if not path.is_file():
            raise UsageError(
                f"no start {start!r}: it is none of {', '.join(STARTS)}, and no file of that name"
            )
    return path, {"start": start, "sha256": _sha256(path)}


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _fetch(address: str, progress: Progress) -> Path:
    """Fetch a checkpoint into the user's cache; kept there under its address's hash.

    Its own hash is written beside it at first use, and checked after.
    """
    import os
    from urllib.error import URLError
    from urllib.request import urlopen

    from platformdirs import user_cache_path

    folder = user_cache_path("napari-qualify") / "checkpoints"
    folder.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(address.encode()).hexdigest()[:16]
    path = folder / f"{name}{Path(address.split('?')[0]).suffix}"
    known = path.with_name(f"{name}.sha256")
    if path.is_file() and known.is_file():
        if _sha256(path) != known.read_text(encoding="ascii"):
            raise SegmentationError(
                f"{address}: the copy {path} is not the one that was fetched; remove it"
            )
        return path
    partial = path.with_suffix(f".{os.getpid()}.partial")
    try:
        with urlopen(address, timeout=30) as answer, partial.open("wb") as file:  # noqa: S310
            total = int(answer.headers.get("Content-Length") or 0)
            done = 0
            while chunk := answer.read(1 << 20):
                done += file.write(chunk)
                progress("fetching the checkpoint", done >> 20, total >> 20)
            if total and done != total:
                raise SegmentationError(f"{address}: {done} of {total} bytes came; try again")
        known.write_text(_sha256(partial), encoding="ascii")
        partial.replace(path)
    except (URLError, TimeoutError, OSError) as error:
        raise SegmentationError(
            f"{address}: could not be fetched ({error}). Fetch it elsewhere and name the file."
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return path


def _load_checkpoint(model: Any, path: Path, name: str) -> None:
    import torch

    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            found = load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds on what is no checkpoint
        raise SegmentationError(
            f"{name}: not a checkpoint that can be read safely (weights only): {error}"
        ) from error
    state = _plain_state(found, name)
    wanted = model.encoder.state_dict()
    best = max(
        ({key[len(p) :]: v for key, v in state.items() if key.startswith(p)} for p in _PREFIXES),
        key=lambda each: len(wanted.keys() & each.keys()),
    )
    missing = [
        key
        for key, value in wanted.items()
        if key not in best or best[key].shape != value.shape
        if not key.endswith("num_batches_tracked")
    ]
    if missing:
        raise SegmentationError(
            f"{name}: {len(missing)} of {len(wanted)} weights of the encoder are missing or of "
            f"another shape, for example {missing[0]}; is it of another encoder?"
        )
    model.encoder.load_state_dict({k: best[k] for k in wanted if k in best}, strict=False)


_PREFIXES = ("", "module.", "encoder.", "module.encoder.", "model.")


def _plain_state(found: Any, name: str) -> dict[str, Any]:
    """State dictionary of a checkpoint, alone or inside the usual wrappings."""
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(found, dict) and isinstance(found.get(key), dict):
            found = found[key]
    if not isinstance(found, dict) or not all(hasattr(v, "shape") for v in found.values()):
        raise SegmentationError(f"{name}: holds no state dictionary of weights")
    return found
