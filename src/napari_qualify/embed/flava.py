"""The encoder `flava`: the two single towers of FLAVA, by transformers."""

import json
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_qualify.embed import models
from napari_qualify.embed.torch_model import (
    Preprocessing,
    batch_size,
    files_sha256,
    first_lines,
    pick_device,
    torch_type,
)
from napari_qualify.embed.torchvision_guard import ensure_torchvision
from napari_qualify.embed.two_towers import TwoTowers
from napari_qualify.errors import EncoderError
from napari_qualify.precision import for_inference

DEFAULT = "facebook/flava-full"
DEFAULT_SIZE = "about 1.4 GB"
TEXT_BATCH = 32
CONFIG = "config.json"
PROCESSORS = ("preprocessor_config.json", "processor_config.json")
# In the order in which transformers prefers them.
WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
NEEDED = ((CONFIG,), PROCESSORS, models.VOCABULARIES, WEIGHTS)

# What the two towers do not use: a checkpoint may lack it.
_UNUSED = ("multimodal_model.", "image_to_mm_projection.", "text_to_mm_projection.", "logit_scale")
_FILTERS = {1: "lanczos", 2: "bilinear", 3: "bicubic"}  # Pillow's numbers


class FlavaEncoder(TwoTowers):
    """The image and the text tower of FLAVA, each projected into the common space.

    A vector is the first token of its tower's last hidden state, projected
    once and normalised: what the contrastive head of ``FlavaForPreTraining``
    multiplies. Statements are always encoded in fp32, so that a text vector
    does not depend on the machine.

    Parameters
    ----------
    argument : str
        ``organisation/name`` of a model that was fetched or lies in the cache
        of the Hugging Face hub, or a folder with ``config.json``, weights,
        tokenizer and ``preprocessor_config.json``.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    precision : {'auto', 'fp32', 'bf16', 'fp16'}
        Of the pictures; see `napari_qualify.precision.for_inference`.

    Raises
    ------
    EncoderError
        If the model is not on this computer (nothing is fetched here), or its
        files are damaged, incomplete, or of another architecture.
    """

    name = "flava"
    text_batch = TEXT_BATCH

    def __init__(
        self, argument: str = DEFAULT, *, device: str = "auto", precision: str = "auto"
    ) -> None:
        self.spec = "flava" if argument == DEFAULT else f"flava:{argument}"
        self.device = pick_device(device)
        self.precision: str = for_inference(precision, self.device)
        folder = locate(argument, self.spec)
        self.preprocessing = _preprocessing(folder, self.spec)
        self._model = load(folder, self.spec)
        self._tokenizer = _tokenizer(folder, self.spec)
        config = self._model.config
        self.dim = self.text_dim = int(config.projection_dim)
        self.side = self.preprocessing.side
        self.resampling = self.preprocessing.resampling
        self._check_side()
        self.batch = batch_size(self.device, self.side)
        # A tokenizer without a limit says 1e30.
        self.context_length: int | None = min(
            int(config.text_config.max_position_embeddings), int(self._tokenizer.model_max_length)
        )
        self._dtype = torch_type(self.precision)
        for part in (self._model.image_model, self._model.image_projection):
            part.to(device=self.device, dtype=self._dtype)
        written = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        weights = files_sha256(folder, [path.name for path in weight_files(folder)])
        common = {"encoder": self.name, "weights_sha256": weights, "dim": self.dim}
        self.identity: dict[str, Any] = common | {
            "architecture": written.get("image_config") or {},
            "preprocessing": self.preprocessing.as_json(),
            "features": "first token, projected once",
        }
        self.text_identity: dict[str, Any] = common | {
            "architecture": written.get("text_config") or {},
            "tokenizer": files_sha256(folder, models.TOKENIZER_FILES),
            "context_length": self.context_length,
        }

    def _check_side(self) -> None:
        size = self._model.config.image_config.image_size
        sides = {size} if isinstance(size, int) else set(size)
        if sides != {self.preprocessing.crop}:
            raise EncoderError(
                f"encoder {self.spec}: its preprocessing gives {self.preprocessing.crop} pixels a "
                f"side, its network takes {size}; the folder's files do not belong together"
            )

    def image_network(self) -> Any:
        """The image tower as a torch module: input (n, 3, crop, crop) to features (n, dim)."""
        import torch

        class Tower(torch.nn.Module):
            def __init__(self, model: Any) -> None:
                super().__init__()
                self.image_model = model.image_model
                self.image_projection = model.image_projection

            def forward(self, batch: Any) -> Any:
                hidden = self.image_model(pixel_values=batch).last_hidden_state
                # `get_image_features` projects all tokens, under a name that varies.
                return self.image_projection(hidden[:, 0])

        return Tower(self._model).eval()

    def _place_text(self) -> None:
        self._model.text_model.to(self.device)
        self._model.text_projection.to(self.device)

    def _text_features(self, texts: Sequence[str]) -> Any:
        tokens = self._tokenizer(list(texts), padding=True, return_tensors="pt")
        hidden = self._model.text_model(
            input_ids=tokens["input_ids"].to(self.device),
            attention_mask=tokens["attention_mask"].to(self.device),
        ).last_hidden_state
        return self._model.text_projection(hidden[:, 0])

    def count_tokens(self, text: str) -> int:
        """Tokens of a text before anything is cut off, the special ones included."""
        return len(self._tokenizer(text, verbose=False)["input_ids"])


def locate(argument: str, spec: str) -> Path:
    """Folder of a model on this computer.

    Raises
    ------
    EncoderError
        If it is not here, or lacks a file.
    """
    folder = Path(argument).expanduser()
    if not folder.is_dir():
        if argument.count("/") != 1 or argument.startswith((".", "~", "/")):
            raise EncoderError(f"encoder {spec}: there is no folder {folder}")
        found = models.find(argument, *NEEDED)
        if found is None:
            raise models.not_here(spec, DEFAULT_SIZE if argument == DEFAULT else "")
        return found
    for names in NEEDED:
        if models.first_of(folder, names) is None:
            raise EncoderError(f"encoder {spec}: {folder} has none of {', '.join(names)}")
    return folder


def weight_files(folder: Path) -> list[Path]:
    """The files of the weights that transformers reads from a folder."""
    first = models.first_of(folder, WEIGHTS)
    assert first is not None
    if first.suffix != ".json":
        return [first]
    index = json.loads(first.read_text(encoding="utf-8"))
    return sorted({folder / name for name in index["weight_map"].values()})


def load(folder: Path, spec: str) -> Any:
    """Both towers in fp32 on the processor, every weight of them from the checkpoint.

    Raises
    ------
    EncoderError
        If the checkpoint is damaged, not plain weights, partial, or of another
        architecture.
    """
    ensure_torchvision()
    from safetensors import SafetensorError
    from transformers import FlavaModel

    where = f"encoder {spec}: {folder}"
    _check_kind(folder, where)
    pretrained: Any = FlavaModel.from_pretrained
    try:
        model, report = pretrained(folder, local_files_only=True, output_loading_info=True)
    except pickle.UnpicklingError as error:
        raise EncoderError(
            f"{where}: the weights are damaged, or hold more than plain weights (pickled code), "
            "which is not run"
        ) from error
    except (SafetensorError, OSError, RuntimeError, ValueError, TypeError, KeyError) as error:
        raise EncoderError(f"{where}: cannot be loaded: {first_lines(error)}") from error
    # transformers only warns of these, and fills them with random numbers.
    missing = sorted(
        key
        for key in report["missing_keys"]
        if not key.removeprefix("flava.").startswith(_UNUSED) and ".pooler." not in key
    )
    wrong = [str(each) for each in report.get("mismatched_keys") or ()]
    if missing or wrong:
        shown = ", ".join((missing + wrong)[:3])
        raise EncoderError(
            f"{where}: {len(missing) + len(wrong)} weights are missing or of another shape, such "
            f"as {shown}. Fetch or copy the model anew"
        )
    model.multimodal_model = None  # not used: its memory is given back
    return model.float().eval().requires_grad_(False)


def _check_kind(folder: Path, where: str) -> None:
    try:
        kind = json.loads((folder / CONFIG).read_text(encoding="utf-8")).get("model_type")
    except (ValueError, AttributeError) as error:
        raise EncoderError(f"{where}: {CONFIG} is damaged: {error}") from error
    if kind != "flava":
        raise EncoderError(f"{where}: is a model of the kind {kind!r}, not 'flava'")


def _tokenizer(folder: Path, spec: str) -> Any:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EncoderError(
            f"encoder {spec}: {folder}: its tokenizer cannot be loaded: {first_lines(error)}"
        ) from error


def _preprocessing(folder: Path, spec: str) -> Preprocessing:
    """Preprocessing as the image processor of a folder does it with a square.

    Raises
    ------
    EncoderError
        For what is not a square, or a filter that this package does not have.
    """
    path = models.first_of(folder, PROCESSORS)
    assert path is not None
    where = f"encoder {spec}: {path}"
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
        written = written.get("image_processor", written)
        resized = written.get("do_resize", True)
        cropped = written.get("do_center_crop", True)
        crop = _square(written.get("crop_size", 224), where)
        side = _square(written.get("size", 224), where) if resized else crop
        crop = crop if cropped else side
        scale = float(written.get("rescale_factor", 1 / 255))
        mean, std = (
            tuple(float(v) for v in written[key]) if written.get("do_normalize", True) else plain
            for key, plain in (("image_mean", (0.0,) * 3), ("image_std", (1.0,) * 3))
        )
        filtered = _FILTERS.get(int(written.get("resample", 3)), "")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EncoderError(f"{where}: is not an image processor's settings: {error!r}") from error
    if not filtered:
        raise EncoderError(f"{where}: resample {written['resample']} is none of 1, 2, 3")
    if crop > side or len(mean) != 3 or len(std) != 3 or not all(std):
        raise EncoderError(f"{where}: side {side}, crop {crop}, mean {mean}, std {std} do not fit")
    return Preprocessing(
        side, filtered, mean, std, scale if written.get("do_rescale", True) else 1.0, crop
    )


def _square(size: Any, where: str) -> int:
    """Side of a size as transformers writes it."""
    sides = set(size.values()) if isinstance(size, dict) else {size}
    sides.discard(None)
    if len(sides) != 1:
        raise EncoderError(f"{where}: {size} is no square; only square pictures can be used")
    return int(sides.pop())
