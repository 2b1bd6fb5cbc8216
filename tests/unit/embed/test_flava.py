"""The encoder `flava`: the vectors of FLAVA's own contrastive head."""

import json
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from napari_qualify.embed.base import Encoder
from napari_qualify.embed.flava import FlavaEncoder
from napari_qualify.embed.settings import EmbedSettings, fingerprint
from napari_qualify.embed.torchvision_guard import ensure_torchvision
from napari_qualify.errors import EncoderError

TEXTS = ["even carbides", "coarse carbides, with cracks in the matrix.", "fine"]
TOWER = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
TOWER |= {"intermediate_size": 48}
PROCESSOR = {
    "image_processor_type": "FlavaImageProcessor",
    "do_resize": True,
    "size": {"height": 32, "width": 32},
    "resample": 3,
    "do_center_crop": True,
    "crop_size": {"height": 32, "width": 32},
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.48, 0.45, 0.4],
    "image_std": [0.26, 0.27, 0.28],
}


@pytest.fixture(scope="module")
def published(tmp_path_factory, bert_tokenizer):
    """Folder of a tiny FlavaForPreTraining with random weights, and the model."""
    ensure_torchvision()
    import torch
    from transformers import FlavaConfig, FlavaForPreTraining

    config = FlavaConfig(
        image_config=TOWER | {"image_size": 32, "patch_size": 8},
        text_config=TOWER | {"vocab_size": 80, "max_position_embeddings": 24},
        multimodal_config=TOWER,
        image_codebook_config={"hidden_size": 16, "num_blocks_per_group": 1},
        hidden_size=32,
        projection_dim=20,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = FlavaForPreTraining(config).eval()
        # As trained: biases and scales that are not all 0 and 1.
        for parameter in model.flava.parameters():
            parameter.data.add_(0.1 * torch.randn_like(parameter))
    folder = tmp_path_factory.mktemp("flava") / "tiny"
    model.save_pretrained(folder)
    for file in bert_tokenizer.iterdir():
        shutil.copy(file, folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))
    return folder, model


@pytest.fixture
def folder(published, tmp_path):
    return shutil.copytree(published[0], tmp_path / "tiny")


@pytest.fixture(scope="module")
def encoder(published):
    return FlavaEncoder(str(published[0]), device="cpu", precision="fp32")


def inputs(folder, images):
    """Inputs of pictures and texts by the folder's own processor."""
    from transformers import AutoTokenizer, FlavaImageProcessor

    tokens = AutoTokenizer.from_pretrained(folder)(TEXTS, padding=True, return_tensors="pt")
    pixels = FlavaImageProcessor.from_pretrained(folder)(images, return_tensors="pt")
    return dict(tokens), pixels["pixel_values"]


def random_images(side=32, count=4, seed=0):
    rng = np.random.default_rng(seed)
    return list(rng.integers(0, 256, (count, side, side, 3), dtype=np.uint8))


def unit(features):
    return (features / features.norm(dim=-1, keepdim=True)).numpy()


def test_products_are_the_contrastive_logits(published, encoder):
    import torch

    folder, model = published
    images = random_images(count=3)
    tokens, pixels = inputs(folder, images)
    with torch.inference_mode():
        # Without `return_loss` and masks: as unmasked as it gets.
        out = model(
            **tokens, pixel_values=pixels, input_ids_masked=tokens["input_ids"],
            skip_unmasked_multimodal_encoder=True, return_loss=False,
        )  # fmt: skip
        wanted = out.contrastive_logits_per_image / model.flava.logit_scale.exp()
    found = encoder.encode_images(images) @ encoder.encode_texts(TEXTS).T
    np.testing.assert_allclose(found, wanted.numpy(), atol=1e-5)
    assert np.ptp(found) > 1e-3  # not all the same


def test_a_vector_is_its_towers_first_token_projected_once(published, encoder):
    import torch

    folder, model = published
    images = random_images()
    tokens, pixels = inputs(folder, images)
    flava = model.flava
    with torch.inference_mode():
        first = flava.image_model(pixel_values=pixels).last_hidden_state[:, 0]
        once = flava.image_projection(first)
        of_texts = flava.text_model(**tokens).last_hidden_state[:, 0]
        np.testing.assert_allclose(encoder.encode_images(images), unit(once), atol=1e-5)
        np.testing.assert_allclose(
            encoder.encode_texts(TEXTS), unit(flava.text_projection(of_texts)), atol=1e-5
        )


def test_it_is_an_encoder_with_the_limits_of_its_tokenizer(published, encoder):
    assert isinstance(encoder, Encoder)
    assert (encoder.dim, encoder.text_dim, encoder.side) == (20, 20, 32)
    assert (encoder.resampling, encoder.context_length) == ("bicubic", 20)
    assert encoder.spec == f"flava:{published[0]}"
    assert encoder.count_tokens("even carbides") == 4
    assert encoder.count_tokens("even " * 30) == 32
    with pytest.raises(EncoderError, match=r"32 tokens.*limit is 20"):
        encoder.encode_texts(["even", "even " * 30])
    assert encoder.encode_texts(["even " * 18]).shape == (1, 20)
    json.dumps([encoder.identity, encoder.text_identity])


def test_the_position_embeddings_limit_a_tokenizer_without_a_limit(folder):
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text())
    del config["model_max_length"]
    path.write_text(json.dumps(config))
    encoder = FlavaEncoder(str(folder), device="cpu", precision="fp32")
    assert encoder.context_length == 24
    assert encoder.encode_texts(["even " * 22]).shape == (1, 20)


@pytest.mark.parametrize(
    "change",
    [
        {"image_mean": [0.1, 0.5, 0.7], "image_std": [0.5, 0.25, 0.125]},
        {"size": {"height": 40, "width": 40}},
        {"size": {"height": 40, "width": 40}, "resample": 2},
        {"do_normalize": False},
        {"do_rescale": False},
        {"rescale_factor": 1 / 128},
        {"do_center_crop": False},
    ],
)
def test_the_folders_preprocessing_is_respected(folder, published, change):
    import torch

    before = FlavaEncoder(str(folder), device="cpu", precision="fp32")
    path = folder / "preprocessor_config.json"
    path.write_text(json.dumps(PROCESSOR | change))
    encoder = FlavaEncoder(str(folder), device="cpu", precision="fp32")
    images = random_images(encoder.side)
    _, pixels = inputs(folder, images)
    np.testing.assert_allclose(
        encoder.preprocessing.tensor(images, "cpu").numpy(), pixels.numpy(), atol=1e-4, rtol=1e-5
    )
    flava = published[1].flava
    with torch.inference_mode():
        first = flava.image_model(pixel_values=pixels).last_hidden_state[:, 0]
        wanted = unit(flava.image_projection(first))
    np.testing.assert_allclose(encoder.encode_images(images), wanted, atol=1e-5)
    same = "do_center_crop" in change  # it cuts nothing off here
    marks = [fingerprint(one, EmbedSettings()) for one in (before, encoder)]
    assert (marks[0] == marks[1]) is same
    filters = {2: Image.Resampling.BILINEAR, 3: Image.Resampling.BICUBIC}
    assert filters[change.get("resample", 3)].name.lower() == encoder.resampling


def test_bfloat16_agrees(folder, encoder):
    low = FlavaEncoder(str(folder), device="cpu", precision="bf16")
    images = random_images(count=40)
    cosines = (low.encode_images(images) * encoder.encode_images(images)).sum(axis=1)
    assert 0.999 <= cosines.min() < 1 - 1e-7
    np.testing.assert_array_equal(low.encode_texts(TEXTS), encoder.encode_texts(TEXTS))
    assert low.identity == encoder.identity


def test_incomplete_checkpoints_are_refused_never_filled_up(folder):
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    whole = load_file(path)
    for part in ("flava.image_projection.weight", "flava.text_model.layernorm.bias"):
        save_file({k: v for k, v in whole.items() if k != part}, path, {"format": "pt"})
        with pytest.raises(EncoderError, match=re.escape(part.removeprefix("flava."))):
            FlavaEncoder(str(folder), device="cpu")
    wrong = whole | {"flava.text_projection.weight": whole["flava.text_projection.weight"][:10]}
    save_file({k: v.contiguous() for k, v in wrong.items()}, path, {"format": "pt"})
    with pytest.raises(EncoderError, match="text_projection|shape|size"):
        FlavaEncoder(str(folder), device="cpu")
    # Heads, codebook and the multimodal tower are not used.
    used = ("flava.image_", "flava.text_")
    save_file({k: v for k, v in whole.items() if k.startswith(used)}, path, {"format": "pt"})
    FlavaEncoder(str(folder), device="cpu", precision="fp32").encode_texts(TEXTS)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(EncoderError, match="cannot be loaded"):
        FlavaEncoder(str(folder), device="cpu")


def test_folders_that_lack_a_file_or_hold_another_model_are_refused(folder):
    for name in ("preprocessor_config.json", "model.safetensors"):
        kept = (folder / name).read_bytes()
        (folder / name).unlink()
        with pytest.raises(EncoderError, match=f"has none of .*{name}"):
            FlavaEncoder(str(folder), device="cpu")
        (folder / name).write_bytes(kept)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "clip"}))
    with pytest.raises(EncoderError, match="kind 'clip', not 'flava'"):
        FlavaEncoder(str(folder), device="cpu")
    (folder / "config.json").write_text(json.dumps(config))
    other = PROCESSOR | {"crop_size": {"height": 24, "width": 24}}
    (folder / "preprocessor_config.json").write_text(json.dumps(other))
    with pytest.raises(EncoderError, match="gives 24 pixels a side, its network takes 32"):
        FlavaEncoder(str(folder), device="cpu")


def test_a_model_that_is_not_here_is_named_with_the_way_to_get_it(models_here):
    with pytest.raises(EncoderError, match=r"not on this computer.*1.4 GB.*fetch flava\b"):
        FlavaEncoder()
    with pytest.raises(EncoderError, match="there is no folder"):
        FlavaEncoder("/no/such/folder")
    assert not models_here.exists()


def test_a_model_in_the_hubs_cache_is_used(published, encoder, models_here, tmp_path):
    cache = tmp_path / "hub" / "models--facebook--flava-full"
    shutil.copytree(published[0], cache / "snapshots" / ("a" * 40))
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text("a" * 40)
    cached = FlavaEncoder(device="cpu", precision="fp32")
    assert cached.spec == "flava"
    images = random_images()
    np.testing.assert_array_equal(cached.encode_images(images), encoder.encode_images(images))
    assert cached.identity == encoder.identity


def test_its_image_network_gives_the_features(encoder):
    import torch

    images = random_images(count=3)
    with torch.inference_mode():
        features = encoder.image_network()(encoder.image_tensor(images))
    np.testing.assert_allclose(unit(features), encoder.encode_images(images), atol=1e-6)
