"""The encoder `clip`: every model of open_clip, with its own preprocessing and tokenizer."""

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_qualify.embed import models
from napari_qualify.embed.clip_source import DEFAULT, Source, locate, text_config
from napari_qualify.embed.clip_tower import class_token_only
from napari_qualify.embed.torch_model import (
    Preprocessing,
    batch_size,
    file_sha256,
    files_sha256,
    first_lines,
    pick_device,
    torch_type,
)
from napari_qualify.embed.torchvision_guard import ensure_torchvision
from napari_qualify.embed.two_towers import TwoTowers
from napari_qualify.errors import EncoderError
from napari_qualify.precision import for_inference

TEXT_BATCH = 64
# What open_clip and torch raise for weights or a configuration that do not fit.
_MISFITS = (
    AssertionError,
    AttributeError,
    EOFError,
    KeyError,
    RuntimeError,
    TypeError,
    ValueError,
)


class ClipEncoder(TwoTowers):
    """A model of open_clip.

    Pictures are encoded in `precision`, all of the image tower (pure, no
    autocast). Statements are few and always encoded in fp32, so that a text
    vector does not depend on the machine.

    Parameters
    ----------
    argument : str
        ``MODEL:PRETRAINED`` as open_clip lists them; ``MODEL:/path/to/weights``
        (.safetensors, .bin, .pth, .pt); ``/path/to/folder`` or
        ``local-dir:/path`` with ``open_clip_config.json`` and weights; or
        ``hf-hub:organisation/name``.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    precision : {'auto', 'fp32', 'bf16', 'fp16'}
        See `napari_qualify.precision.for_inference`.

    Raises
    ------
    EncoderError
        If the model is not on this computer (nothing is fetched here), or its
        files are damaged, incomplete, or of another architecture.
    """

    name = "clip"
    text_batch = TEXT_BATCH

    def __init__(
        self, argument: str = DEFAULT, *, device: str = "auto", precision: str = "auto"
    ) -> None:
        self.spec = "clip" if argument == DEFAULT else f"clip:{argument}"
        self.device = pick_device(device)
        self.precision: str = for_inference(precision, self.device)
        source = locate(argument, self.spec)
        self._model = load(source)
        written = dict(self._model.visual.preprocess_cfg)
        self.preprocessing = _preprocessing(written, self.spec)
        self._tokenizer = _tokenizer(source)
        self.dim = self.text_dim = int(source.config["embed_dim"])
        self.side = self.preprocessing.side
        self.resampling = self.preprocessing.resampling
        self.batch = batch_size(self.device, self.side)
        self.context_length: int | None = int(self._tokenizer.context_length)
        self._dtype = torch_type(self.precision)
        class_token_only(self._model, self.preprocessing.crop)
        self._model.visual.to(device=self.device, dtype=self._dtype)
        sha256 = file_sha256(source.checkpoint)
        self.identity: dict[str, Any] = {
            "encoder": self.name,
            "architecture": _architecture(source.config),
            "weights_sha256": sha256,
            "preprocessing": self.preprocessing.as_json() | {"written": _plain(written)},
        }
        self.text_identity: dict[str, Any] = {
            "encoder": self.name,
            "architecture": _plain(source.config),
            "weights_sha256": sha256,
            "tokenizer": _tokenizer_identity(source),
            "context_length": self.context_length,
        }

    def image_network(self) -> Any:
        """The image tower as a torch module: input (n, 3, side, side) to features (n, dim)."""
        import torch

        class Tower(torch.nn.Module):
            def __init__(self, model: Any) -> None:
                super().__init__()
                self.visual = model.visual

            def forward(self, batch: Any) -> Any:
                features = self.visual(batch)
                return features[0] if isinstance(features, tuple) else features  # CoCa: tokens too

        return Tower(self._model).eval()

    def _place_text(self) -> None:
        self._model.to(self.device)

    def _text_features(self, texts: Sequence[str]) -> Any:
        return self._model.encode_text(self._tokenizer(list(texts)).to(self.device))

    def count_tokens(self, text: str) -> int:
        """Tokens of a text before anything is cut off, the special ones included."""
        inner = getattr(self._tokenizer, "tokenizer", None)
        if inner is None:  # open_clip's own: start and end
            return len(self._tokenizer.encode(text)) + 2
        clean = self._tokenizer.clean_fn(text)
        if getattr(self._tokenizer, "tokenizer_mode", "") == "clips":  # start, end and class token
            return len(inner(clean, add_special_tokens=False, verbose=False)["input_ids"]) + 3
        return len(inner(clean, verbose=False)["input_ids"])


def load(source: Source) -> Any:
    """The model in fp32 on the processor, in evaluation mode, every weight from the checkpoint.

    Raises
    ------
    EncoderError
        If the checkpoint is damaged, not plain weights, partial, or of another
        architecture.
    """
    ensure_torchvision()
    import open_clip
    from safetensors import SafetensorError

    overrides: dict[str, Any] = {"text_cfg": text_config(source)} if source.text_model else {}
    if source.config.get("quick_gelu") is not None:
        overrides["quick_gelu"] = source.config["quick_gelu"]
    where = f"encoder {source.spec}: {source.checkpoint}"
    try:
        model = open_clip.create_model(
            source.model,
            pretrained=source.pretrained,
            require_pretrained=True,
            weights_only=True,
            force_preprocess_cfg=source.preprocessing,
            pretrained_text=False,
            **overrides,
        )
        _check_positions(model, source.checkpoint, where)
    except pickle.UnpicklingError as error:
        raise EncoderError(
            f"{where}: is damaged, or holds more than plain weights (pickled code or TorchScript), "
            "which is not run. Use the model's .safetensors file"
        ) from error
    except SafetensorError as error:
        raise EncoderError(f"{where}: is damaged ({error}). Fetch or copy it anew") from error
    except EncoderError:
        raise
    except _MISFITS as error:
        raise EncoderError(
            f"{where}: does not fit the architecture, or is incomplete: {first_lines(error)}"
        ) from error
    return model.eval().requires_grad_(False)


def _check_positions(model: Any, checkpoint: Path, where: str) -> None:
    """Refuse a checkpoint for another picture or text length, which open_clip would stretch."""
    names = ("visual.positional_embedding", "positional_embedding", "text.positional_embedding")
    own = {k: tuple(v.shape) for k, v in model.named_parameters() if k in names}
    for name, shape in _shapes(checkpoint, names).items():
        # An old checkpoint's text tower lies at the top, without the name `text`.
        there = own.get(name) or own.get(f"text.{name}")
        if there is not None and there != shape:
            what = "pictures of another size" if "visual" in name else "texts of another length"
            raise EncoderError(
                f"{where}: does not fit the architecture: it is for {what} ({name} {shape}, "
                f"wanted {there})"
            )


def _shapes(checkpoint: Path, names: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Shapes of named tensors of a checkpoint, without reading the others."""
    if checkpoint.suffix == ".safetensors":
        from safetensors import safe_open

        with safe_open(checkpoint, framework="pt") as opened:
            there = set(opened.keys()) & set(names)
            return {name: tuple(opened.get_slice(name).get_shape()) for name in there}
    import torch

    state = torch.load(checkpoint, map_location="meta", weights_only=True)
    state = state.get("state_dict", state)
    plain = {key.removeprefix("module."): value for key, value in state.items()}
    return {name: tuple(plain[name].shape) for name in names if name in plain}


def _preprocessing(written: dict[str, Any], spec: str) -> Preprocessing:
    """Preprocessing as open_clip's own transform for a loaded model does it with a square."""
    size = written["size"]
    sides = (size, size) if isinstance(size, int) else tuple(size)
    if len(set(sides)) != 1:
        raise EncoderError(
            f"encoder {spec}: takes pictures of {sides[0]} x {sides[1]} pixels; only models for "
            "square pictures can be used"
        )
    three = {}
    for key in ("mean", "std"):
        value = written[key]
        values = tuple(value) if isinstance(value, (list, tuple)) else (value,) * 3
        three[key] = tuple(float(one) for one in values)
    filtered = "bilinear" if written["interpolation"] == "bilinear" else "bicubic"
    side = int(sides[0])
    mean, std = three["mean"], three["std"]
    if len(mean) != 3 or len(std) != 3 or not all(std):
        raise EncoderError(f"encoder {spec}: mean {mean} and deviation {std} are not of 3 channels")
    return Preprocessing(side, filtered, mean, std, 1 / 255, side)


def _tokenizer(source: Source) -> Any:
    import open_clip

    text = source.config["text_cfg"]
    length = int(text.get("context_length", 77))
    options = dict(text.get("tokenizer_kwargs") or {})
    if text.get("tokenizer_mode"):
        options["tokenizer_mode"] = text["tokenizer_mode"]
    if source.tokenizer is None:
        return open_clip.SimpleTokenizer(context_length=length, **options)
    return open_clip.tokenizer.HFTokenizer(
        str(source.tokenizer),
        context_length=length,
        local_files_only=True,
        **options,
    )


def _tokenizer_identity(source: Source) -> dict[str, Any]:
    options = dict(source.config["text_cfg"].get("tokenizer_kwargs") or {})
    if source.tokenizer is None:
        return {"kind": "open_clip", "options": _plain(options)}
    sha256 = files_sha256(source.tokenizer, models.TOKENIZER_FILES)
    return {"kind": "transformers", "options": _plain(options), "files_sha256": sha256}


def _architecture(config: dict[str, Any]) -> dict[str, Any]:
    """What of a configuration changes a visual vector."""
    keys = ("embed_dim", "vision_cfg", "quick_gelu", "custom_text")
    return {key: _plain(config[key]) for key in keys if key in config}


def _plain(value: Any) -> Any:
    """Lists for tuples, all through, so that it is what JSON gives back."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value
