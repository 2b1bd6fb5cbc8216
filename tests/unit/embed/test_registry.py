"""Encoders by name: specs, caches, states, third parties."""

import importlib.util
import re
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

from napari_qualify import check, precision
from napari_qualify.embed import registry
from napari_qualify.embed.base import Encoder
from napari_qualify.embed.registry import encoder_names, load_encoder, spec_status, split_spec
from napari_qualify.embed.torch_model import batch_size
from napari_qualify.embed.torchvision_guard import ensure_torchvision
from napari_qualify.errors import EncoderError
from napari_qualify.library.store import open_library

PAGE = Path(__file__).parents[3] / "docs" / "encoders-add-your-own.md"


@pytest.mark.parametrize(
    ("spec", "parts"),
    [
        ("lite", ("lite", False, "")),
        ("clip:ViT-B-16:laion2b_s34b_b88k", ("clip", False, "ViT-B-16:laion2b_s34b_b88k")),
        ("clip+int8:hf-hub:org/name", ("clip", True, "hf-hub:org/name")),
        ("lite+int8", ("lite", True, "")),
        (r"flava:C:\models\flava", ("flava", False, r"C:\models\flava")),
    ],
)
def test_a_spec_has_a_name_a_form_and_an_argument(spec, parts):
    assert split_spec(spec) == parts


@pytest.mark.parametrize("spec", ["dino", "", "clip+int4", "lite:large", "clip:"])
def test_wrong_specs_are_refused(spec):
    with pytest.raises(EncoderError, match="no encoder|takes no argument"):
        load_encoder(spec)


def test_an_encoder_is_loaded_once_until_its_folder_changes(tmp_path, save_clip):
    folder = save_clip(tmp_path / "tiny")
    first = load_encoder(f"clip:{folder}", "cpu", "fp32")
    assert load_encoder(f"clip:{folder}", "cpu", "fp32") is first
    assert load_encoder(f"clip:{folder}", "cpu", "bf16") is not first
    path = folder / "open_clip_config.json"
    path.write_text(path.read_text().replace("0.25", "0.125"))
    second = load_encoder(f"clip:{folder}", "cpu", "fp32")
    assert second is not first and second.identity != first.identity


def test_states_are_known_without_torch(models_here):
    code = (
        "import sys; from napari_qualify.embed.registry import encoder_status; "
        "rows = {row.name: row for row in encoder_status()}; "
        "assert rows['lite'].available; "
        "assert 'napari-qualify fetch clip' in rows['clip'].remedy, rows; "
        "assert 'napari-qualify fetch flava' in rows['flava'].remedy, rows; "
        "assert not {'torch', 'transformers', 'open_clip'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=200)


def test_the_state_of_a_librarys_encoder_follows_its_argument(tmp_path, save_clip, models_here):
    folder = save_clip(tmp_path / "tiny")
    assert spec_status(f"clip:{folder}").available
    assert not spec_status("clip").available
    library = open_library(tmp_path / "lab", create=True, encoder=f"clip:{folder}")
    rows = {row.name: row for row in check.check_library(library.path)}
    assert rows["encoder"].state == "ok"
    (folder / "open_clip_model.safetensors").unlink()
    rows = {row.name: row for row in check.check_library(library.path)}
    assert rows["encoder"].state == "fault" and "has no weights" in rows["encoder"].detail


def test_precision_follows_the_device_and_the_request(monkeypatch):
    for native, wanted in ((True, "bf16"), (False, "fp32")):
        monkeypatch.setattr(precision, "has_bfloat16", lambda device, native=native: native)
        assert precision.for_inference("auto", "cpu") == wanted
        assert precision.for_inference("auto", "cuda") == "fp16"
        assert precision.for_inference("auto", "mps") == "fp16"
    assert precision.for_inference("fp32", "cuda") == "fp32"
    assert precision.for_inference("bf16", "cpu") == "bf16"
    with pytest.raises(EncoderError, match="for graphics cards"):
        precision.for_inference("fp16", "cpu")
    with pytest.raises(EncoderError, match="unknown"):
        precision.for_inference("fp8", "cpu")


def test_batches_are_sized_to_the_memory(monkeypatch):
    import torch

    assert batch_size("cpu", 224) == 32 == batch_size("mps", 224)
    for gigabytes, side, wanted in ((80, 224, 256), (8, 224, 64), (8, 448, 16), (0.1, 448, 8)):
        free = (int(gigabytes * 2**30), 0)
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device, free=free: free)
        assert batch_size("cuda", side) == wanted


@pytest.fixture
def dino(tmp_path, monkeypatch):
    """The example of the documentation, installed as a third party's package would be."""
    (code,) = re.findall(r"```python\n(import hashlib.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    (tmp_path / "dino_encoder.py").write_text(code, "utf-8")
    spec = importlib.util.spec_from_file_location("dino_encoder", tmp_path / "dino_encoder.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(sys.modules, "dino_encoder", module)
    (value,) = re.findall(r'^dino = "(.*)"$', PAGE.read_text("utf-8"), re.MULTILINE)
    entry = EntryPoint("dino", value, registry.GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [entry] * (group == registry.GROUP))


def test_the_documented_example_is_an_encoder(dino, tmp_path, pictures):
    ensure_torchvision()
    import timm
    import torch
    from safetensors.torch import save_file

    model = timm.create_model("vit_small_patch16_224.dino", pretrained=False, num_classes=0).eval()
    save_file(model.state_dict(), tmp_path / "dino.safetensors")
    assert encoder_names()[-1] == "dino"
    encoder = load_encoder(f"dino:{tmp_path / 'dino.safetensors'}", "cpu", "fp32")
    assert isinstance(encoder, Encoder)
    assert (encoder.dim, encoder.side, encoder.has_text) == (384, 224, False)
    images = pictures(2, 224)
    config = timm.data.resolve_data_config(model=model)
    normalise = timm.data.create_transform(**config).transforms[-1]
    batch = torch.stack([normalise(torch.from_numpy(i).permute(2, 0, 1) / 255) for i in images])
    with torch.inference_mode():
        wanted = torch.nn.functional.normalize(model(batch), dim=1).numpy()
    np.testing.assert_allclose(encoder.encode_images(images), wanted, atol=1e-5)
    with pytest.raises(EncoderError, match="image-only"):
        encoder.encode_texts(["even"])
    (tmp_path / "dino.safetensors").write_bytes(b"no")
    with pytest.raises(EncoderError, match="encoder dino: .*dino.safetensors"):
        load_encoder(f"dino:{tmp_path / 'dino.safetensors'}", "cpu", "fp32")


def test_a_factory_may_leave_out_device_and_precision(monkeypatch):
    module = type(sys)("plain_encoder")
    module.made = lambda argument="none": argument
    monkeypatch.setitem(sys.modules, "plain_encoder", module)
    entry = EntryPoint("plain", "plain_encoder:made", registry.GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [entry])
    assert load_encoder("plain", "cpu") == "none"
    assert load_encoder("plain:x", "cpu") == "x"
