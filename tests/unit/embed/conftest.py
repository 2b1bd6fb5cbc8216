"""Tiny models with random weights, saved in the true formats; nobody reaches a network."""

import json
import socket

import numpy as np
import pytest

from napari_qualify.embed.registry import forget_loaded
from napari_qualify.embed.torchvision_guard import ensure_torchvision

WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] even coarse fine carbides with cracks . , a in the matrix"

CLIP = {
    "embed_dim": 24,
    "quick_gelu": True,
    "vision_cfg": {
        "image_size": 64,
        "layers": 2,
        "width": 64,
        "head_width": 32,
        "patch_size": 16,
    },
    "text_cfg": {
        "context_length": 16,
        "vocab_size": 49408,
        "width": 32,
        "heads": 2,
        "layers": 2,
    },
}
PREPROCESSING = {
    "size": 64,
    "mean": [0.5, 0.5, 0.5],
    "std": [0.25, 0.3, 0.35],
    "interpolation": "bilinear",
    "resize_mode": "squash",
}


@pytest.fixture(autouse=True)
def only_this_computer(monkeypatch):
    """An encoder that opens a connection to another computer fails its test."""
    connect = socket.socket.connect

    def guarded(self, address):
        if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a connection to {address}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture
def models_here(tmp_path, monkeypatch):
    """Folder of fetched models, empty; the hub's cache is elsewhere and empty too."""
    folder = tmp_path / "models"
    monkeypatch.setenv("NAPARI_QUALIFY_MODELS", str(folder))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    forget_loaded()
    for name in ("NAPARI_QUALIFY_OFFLINE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def pictures():
    """Make random pictures with structure: uint8 (side, side, 3)."""

    def make(count, side, seed=0):
        rng = np.random.default_rng(seed)
        coarse = rng.integers(0, 256, (count, side // 8, side // 8, 3), dtype=np.uint8)
        return list(coarse.repeat(8, 1).repeat(8, 2))

    return make


@pytest.fixture(scope="session")
def save_clip():
    """Save a model of open_clip with random weights as a folder in open_clip's form."""

    def save(folder, config=CLIP, preprocessing=PREPROCESSING, seed=0):
        ensure_torchvision()
        import torch
        from open_clip.model import CLIP as Plain
        from open_clip.model import CustomTextCLIP
        from safetensors.torch import save_file

        folder.mkdir(parents=True)
        config = json.loads(json.dumps(config))
        written = json.dumps({"model_cfg": config, "preprocess_cfg": preprocessing})
        (folder / "open_clip_config.json").write_text(written)
        kind = CustomTextCLIP if config.pop("custom_text", False) else Plain
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            state = kind(**config).state_dict()
        state = {key: value.contiguous() for key, value in state.items()}
        save_file(state, folder / "open_clip_model.safetensors")
        return folder

    return save


@pytest.fixture(scope="session")
def bert_tokenizer(tmp_path_factory):
    """Folder with the files of a small BERT tokenizer."""
    from transformers import BertTokenizerFast

    folder = tmp_path_factory.mktemp("tokenizer")
    letters = [*"abcdefghijklmnopqrstuvwxyz", *(f"##{c}" for c in "abcdefghijklmnopqrstuvwxyz")]
    (folder / "vocab.txt").write_text("\n".join([*WORDS.split(), *letters]) + "\n")
    made = BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=20)
    made.save_pretrained(folder)
    return folder
