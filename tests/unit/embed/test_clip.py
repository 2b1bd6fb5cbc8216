"""The encoder `clip`: open_clip's own vectors, and no others."""

import json
import shutil
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import napari_qualify as nq
from napari_qualify.embed import clip_source
from napari_qualify.embed.base import Encoder
from napari_qualify.embed.clip import ClipEncoder
from napari_qualify.embed.pipeline import embed_each
from napari_qualify.embed.settings import EmbedSettings, fingerprint
from napari_qualify.embed.torchvision_guard import ensure_torchvision
from napari_qualify.errors import EncoderError
from napari_qualify.micrograph import Micrograph

TEXTS = ["even carbides", "Coarse carbides, with cracks."]
FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}


@pytest.fixture
def folder(tmp_path, save_clip):
    return save_clip(tmp_path / "tiny")


@pytest.fixture(scope="module")
def shared(tmp_path_factory, save_clip):
    """One tiny encoder in fp32, for the tests that change nothing."""
    folder = save_clip(tmp_path_factory.mktemp("clip") / "tiny")
    return ClipEncoder(str(folder), device="cpu", precision="fp32")


def register(folder, name, path):
    """Let open_clip know an architecture by name, as its users do."""
    import open_clip

    config = json.loads((folder / "open_clip_config.json").read_text())["model_cfg"]
    file = path / f"{name}.json"
    file.write_text(json.dumps(config))
    open_clip.add_model_config(file)


def unit(features):
    return (features / features.norm(dim=-1, keepdim=True)).numpy()


def by_open_clip(model, preprocess, images, tokenizer=None):
    """Vectors of pictures of any size, and of the texts, by open_clip alone."""
    import torch

    with torch.inference_mode():
        visual = model.eval().encode_image(torch.stack([preprocess(one) for one in images]))
        texts = None if tokenizer is None else unit(model.encode_text(tokenizer(TEXTS)))
    return unit(visual), texts


def resampled(encoder, images):
    size = (encoder.side, encoder.side)
    return [np.asarray(one.resize(size, FILTERS[encoder.resampling])) for one in images]


def large(side=150, count=3, seed=5):
    rng = np.random.default_rng(seed)
    return [Image.fromarray(rng.integers(0, 256, (side, side, 3), np.uint8)) for _ in range(count)]


@pytest.mark.parametrize("form", ["local-dir:{}", "{}"])
def test_vectors_of_a_folder_are_open_clips_own(folder, form, pictures):
    ensure_torchvision()
    import open_clip

    encoder = ClipEncoder(form.format(folder), device="cpu", precision="fp32")
    model, preprocess = open_clip.create_model_from_pretrained(f"local-dir:{folder}")
    tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
    images = large()
    visual, texts = by_open_clip(model, preprocess, images, tokenizer)
    np.testing.assert_allclose(encoder.encode_images(resampled(encoder, images)), visual, atol=1e-5)
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), texts, atol=1e-5)
    assert isinstance(encoder, Encoder)
    assert (encoder.side, encoder.resampling, encoder.dim) == (64, "bilinear", 24)
    assert (encoder.context_length, encoder.precision, encoder.device) == (16, "fp32", "cpu")
    assert encoder.spec == f"clip:{form.format(folder)}"
    np.testing.assert_array_equal(encoder.to_text_space(visual), visual)
    json.dumps([encoder.identity, encoder.text_identity])


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".bin"])
def test_vectors_of_a_checkpoint_are_open_clips_own(folder, tmp_path, suffix):
    ensure_torchvision()
    import open_clip
    import torch
    from safetensors.torch import load_file

    register(folder, "tiny-by-file", tmp_path)
    path = tmp_path / f"weights{suffix}"
    if suffix == ".safetensors":
        shutil.copy(folder / "open_clip_model.safetensors", path)
    else:
        state = load_file(folder / "open_clip_model.safetensors")
        wrapped = {"state_dict": {f"module.{k}": v for k, v in state.items()}, "epoch": 3}
        torch.save(wrapped if suffix == ".pt" else state, path)
    encoder = ClipEncoder(f"tiny-by-file:{path}", device="cpu", precision="fp32")
    model, preprocess = open_clip.create_model_from_pretrained("tiny-by-file", str(path))
    images = large()
    tokenizer = open_clip.get_tokenizer("tiny-by-file")
    visual, texts = by_open_clip(model, preprocess, images, tokenizer)
    np.testing.assert_allclose(encoder.encode_images(resampled(encoder, images)), visual, atol=1e-5)
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), texts, atol=1e-5)
    assert encoder.resampling == "bicubic"  # open_clip's default, not the folder's


def test_a_tag_brings_its_preprocessing_and_its_activation(
    folder, tmp_path, models_here, monkeypatch
):
    """open_clip itself only warns of QuickGELU, and computes with GELU."""
    ensure_torchvision()
    import open_clip
    from open_clip.pretrained import _PRETRAINED

    path = folder / "open_clip_config.json"
    config = json.loads(path.read_text())
    del config["model_cfg"]["quick_gelu"]
    path.write_text(json.dumps(config))
    register(folder, "tiny-by-tag", tmp_path)
    own = {"mean": (0.5,) * 3, "std": (0.5,) * 3, "interpolation": "bilinear"}
    own |= {"resize_mode": "squash"}
    url = "https://example.invalid/tiny.safetensors"
    tag = own | {"url": url, "hf_hub": "", "quick_gelu": True}
    monkeypatch.setitem(_PRETRAINED, "tiny-by-tag", {"lab": tag})
    with pytest.raises(EncoderError, match="fetch clip:tiny-by-tag:lab"):
        ClipEncoder("tiny-by-tag:lab")
    (models_here / "addresses").mkdir(parents=True)
    weights = models_here / "addresses" / "tiny.safetensors"
    shutil.copy(folder / "open_clip_model.safetensors", weights)
    encoder = ClipEncoder("tiny-by-tag:lab", device="cpu", precision="fp32")
    images = large()
    found = encoder.encode_images(resampled(encoder, images))
    for quick, same in ((True, True), (False, False)):
        model = open_clip.create_model(
            "tiny-by-tag", str(weights), force_quick_gelu=quick, force_preprocess_cfg=own
        )
        transform = open_clip.transform.image_transform_v2(
            open_clip.transform.PreprocessCfg(**model.visual.preprocess_cfg), is_train=False
        )
        wanted, _ = by_open_clip(model, transform, images)
        assert np.allclose(found, wanted, atol=1e-5) is same
    assert encoder.resampling == "bilinear"


def test_a_tokenizer_of_transformers_is_taken_from_the_folder(tmp_path, save_clip, bert_tokenizer):
    ensure_torchvision()
    import open_clip

    text = {"context_length": 12, "vocab_size": 80, "width": 32, "heads": 2, "layers": 1}
    text |= {"hf_tokenizer_name": "nobody/nowhere", "no_causal_mask": True, "pool_type": "last"}
    text |= {"tokenizer_kwargs": {"clean": "canonicalize"}}
    vision = {"image_size": 160, "timm_model_name": "test_vit", "timm_proj": "linear"}
    config = {"embed_dim": 16, "custom_text": True, "vision_cfg": vision, "text_cfg": text}
    folder = save_clip(tmp_path / "siglip", config, {"mean": [0.5] * 3, "std": [0.5] * 3})
    with pytest.raises(EncoderError, match="the tokenizer of nobody/nowhere is not on this"):
        ClipEncoder(str(folder), device="cpu")
    shutil.copytree(bert_tokenizer, folder, dirs_exist_ok=True)
    encoder = ClipEncoder(str(folder), device="cpu", precision="fp32")
    model, preprocess = open_clip.create_model_from_pretrained(f"local-dir:{folder}")
    tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
    images = large()
    visual, texts = by_open_clip(model, preprocess, images, tokenizer)
    np.testing.assert_allclose(encoder.encode_images(resampled(encoder, images)), visual, atol=1e-5)
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), texts, atol=1e-5)
    # [CLS] and [SEP] around; the comma is cleaned away.
    assert encoder.count_tokens("even, coarse carbides") == 5
    assert encoder.count_tokens("even " * 30) == 32
    with pytest.raises(EncoderError, match=r"32 tokens.*limit is 12"):
        encoder.encode_texts(["even " * 30])


def test_a_text_tower_of_transformers_is_configured_from_the_folder(
    tmp_path, save_clip, bert_tokenizer
):
    ensure_torchvision()
    import open_clip
    from transformers import BertConfig

    tower = tmp_path / "bert"
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    BertConfig(vocab_size=80, intermediate_size=32, **sizes).save_pretrained(tower)
    text = {"context_length": 12, "hf_model_name": str(tower), "hf_model_pretrained": False}
    text |= {"hf_tokenizer_name": "lab/bert", "hf_proj_type": "mlp"}
    text |= {"hf_pooler_type": "mean_pooler"}
    vision = {"image_size": 64, "layers": 1, "width": 32, "head_width": 32, "patch_size": 32}
    config = {"embed_dim": 16, "custom_text": True, "vision_cfg": vision, "text_cfg": text}
    folder = save_clip(tmp_path / "biomed", config, {})
    shutil.copytree(bert_tokenizer, folder, dirs_exist_ok=True)
    model, _ = open_clip.create_model_from_pretrained(f"local-dir:{folder}")
    _, wanted = by_open_clip(
        model, lambda one: open_clip.tokenize("")[0].new_zeros(3, 64, 64).float(), [0],
        open_clip.get_tokenizer(f"local-dir:{folder}"),
    )  # fmt: skip
    # As it is published: the tower by its name at a hub, here in a folder of that name.
    path = folder / "open_clip_config.json"
    path.write_text(path.read_text().replace(json.dumps(str(tower)), '"lab/bert"'))
    with pytest.raises(EncoderError, match="text tower's config.json of lab/bert"):
        ClipEncoder(str(folder), device="cpu")
    shutil.copytree(tower, folder / "lab" / "bert")
    encoder = ClipEncoder(str(folder), device="cpu", precision="bf16")
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), wanted, atol=1e-5)


def test_bfloat16_agrees_and_text_stays_in_fp32(folder, shared, pictures):
    low = ClipEncoder(str(folder), device="cpu", precision="bf16")
    full = shared
    images = pictures(40, 64) + [np.full((64, 64, 3), g, np.uint8) for g in (0, 128, 255)]
    cosines = (low.encode_images(images) * full.encode_images(images)).sum(axis=1)
    assert low.precision == "bf16" and cosines.min() >= 0.999
    assert cosines.min() < 1 - 1e-7  # it did compute in another precision
    np.testing.assert_array_equal(low.encode_texts(TEXTS), full.encode_texts(TEXTS))
    assert low.identity == full.identity  # one class of numbers: vectors are comparable


def test_damaged_checkpoints_are_refused_never_filled_up(folder):
    ensure_torchvision()
    import torch
    from safetensors.torch import load_file, save_file

    path = folder / "open_clip_model.safetensors"
    whole = load_file(path)

    def refused(match):
        with pytest.raises(EncoderError, match=match):
            ClipEncoder(str(folder), device="cpu")

    for key in ("visual.conv1.weight", "logit_scale", "transformer.resblocks.1.ln_1.bias"):
        save_file({k: v for k, v in whole.items() if k != key}, path)
        refused(f"incomplete.*{key}")
    save_file(whole | {"surplus": torch.zeros(3)}, path)
    refused("surplus")
    save_file(whole | {"visual.proj": torch.zeros(64, 20)}, path)
    refused("size mismatch")
    save_file(whole | {"visual.positional_embedding": torch.zeros(26, 64)}, path)
    refused("for pictures of another size")
    save_file(whole | {"positional_embedding": torch.zeros(20, 32)}, path)
    refused("for texts of another length")
    path.write_bytes(path.read_bytes()[:-1000])
    refused("is damaged")
    path.unlink()
    refused("has no weights")


class Trap:
    def __reduce__(self):
        return (sys.exit, ("the pickle ran",))


def test_pickled_code_is_not_run(folder):
    ensure_torchvision()
    import torch

    (folder / "open_clip_model.safetensors").unlink()
    torch.save({"state_dict": Trap()}, folder / "open_clip_pytorch_model.bin")
    with pytest.raises(EncoderError, match="which is not run"):
        ClipEncoder(str(folder), device="cpu")


@pytest.mark.parametrize(
    ("argument", "match"),
    [
        ("ViT-B-23:openai", "do you mean .*ViT-B-32"),
        ("ViT-B-32", "needs weights after a colon.*openai"),
        ("ViT-B-32:opnai", "openai.*there is no file"),
        ("local-dir:/no/such/folder", "there is no folder"),
        ("/no/such/folder", "neither a folder nor a model"),
        ("hf-hub:../../etc", "no model of a hub"),
        ("hf-hub:org/name", "fetch clip:hf-hub:org/name"),
        ("ViT-B-32:openai", r"not on this computer.*605 MB.*fetch clip\b"),
    ],
)
def test_what_is_not_here_is_named_with_the_way_to_get_it(argument, match, models_here):
    with pytest.raises(EncoderError, match=match):
        ClipEncoder(argument)
    assert not models_here.exists()


def test_the_default_is_what_open_clip_lists():
    ensure_torchvision()
    import open_clip

    model, _, tag = clip_source.DEFAULT.partition(":")
    repository, names = clip_source.hub_place(open_clip.get_pretrained_cfg(model, tag))
    assert repository == clip_source.DEFAULT_REPOSITORY
    assert names == clip_source.WEIGHTS
    assert open_clip.get_pretrained_cfg(model, tag)["quick_gelu"]


@pytest.mark.parametrize(
    ("key", "value"),
    [("mean", [0.4, 0.5, 0.5]), ("interpolation", "bicubic"), ("resize_mode", "longest")],
)
def test_other_preprocessing_is_another_fingerprint_and_old_vectors_are_not_used(
    folder, tmp_path, key, value
):
    library = nq.open_library(tmp_path / "lab", create=True)
    noise = np.random.default_rng(0).integers(0, 256, (80, 90), dtype=np.uint8)
    micrograph = Micrograph(noise, 0.5, "m.tif")

    def embedded():
        encoder = ClipEncoder(str(folder), device="cpu", precision="fp32")
        (one,) = embed_each([micrograph], encoder, EmbedSettings(), library=library)
        return fingerprint(encoder, EmbedSettings()), one

    before, first = embedded()
    assert embedded()[1].stored and embedded()[0] == before
    path = folder / "open_clip_config.json"
    config = json.loads(path.read_text())
    config["preprocess_cfg"][key] = value
    path.write_text(json.dumps(config))
    after, second = embedded()
    assert after != before and not second.stored
    if key == "mean":
        assert not np.allclose(first.vector, second.vector, atol=1e-4)


def test_other_weights_are_another_identity(folder, tmp_path, save_clip):
    other = save_clip(tmp_path / "other", seed=1)
    first, second = (ClipEncoder(str(f), device="cpu", precision="fp32") for f in (folder, other))
    assert first.identity["weights_sha256"] != second.identity["weights_sha256"]
    assert first.text_identity != second.text_identity
    moved = shutil.copytree(folder, tmp_path / "moved")
    again = ClipEncoder(str(moved), device="cpu", precision="fp32")
    assert (again.identity, again.text_identity) == (first.identity, first.text_identity)


def test_statements_beyond_the_limit_are_refused_with_the_limit(shared):
    encoder = shared
    long = " ".join(["even"] * 15)
    assert encoder.count_tokens(long) == 17
    with pytest.raises(EncoderError, match=r"17 tokens.*limit is 16"):
        encoder.encode_texts(["even", long])
    assert encoder.encode_texts([" ".join(["even"] * 14)]).shape == (1, 24)


def test_pictures_of_another_form_are_refused(shared):
    encoder = shared
    for wrong in (
        np.zeros((64, 60, 3), np.uint8),
        np.zeros((64, 64), np.uint8),
        np.zeros((64, 64, 3), np.float32),
    ):
        with pytest.raises(EncoderError, match=r"takes uint8 of shape \(64, 64, 3\)"):
            encoder.encode_images([wrong])


def test_models_for_pictures_that_are_not_square_are_refused(folder):
    from napari_qualify.embed.clip import _preprocessing

    written = ClipEncoder(str(folder), device="cpu", precision="fp32")._model.visual.preprocess_cfg
    with pytest.raises(EncoderError, match="64 x 32 pixels; only models for square"):
        _preprocessing(written | {"size": (64, 32)}, "clip:tiny")


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 5), grey=st.booleans())
def test_a_vector_has_unit_length_and_does_not_depend_on_its_neighbours(shared, seed, count, grey):
    encoder = shared
    rng = np.random.default_rng(seed)
    images = list(rng.integers(0, 256, (count, 64, 64, 3), np.uint8))
    if grey:
        images[0] = np.full((64, 64, 3), seed % 256, np.uint8)
    together = encoder.encode_images(images)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(encoder.encode_images(images[-1:])[0], together[-1], atol=1e-5)


def test_progress_can_stop(shared, pictures):
    seen = []
    shared.encode_images(pictures(33, 64), lambda *step: seen.append(step))
    assert seen == [("encoding", 0, 33), ("encoding", 32, 33), ("encoding", 33, 33)]


def test_the_number_of_threads_is_left_alone(folder):
    import torch

    before = torch.get_num_threads()
    ClipEncoder(str(folder), device="cpu")
    assert torch.get_num_threads() == before


def test_its_image_network_gives_the_features(shared, pictures):
    import torch

    images = pictures(3, 64)
    with torch.inference_mode():
        features = shared.image_network()(shared.image_tensor(images))
    np.testing.assert_allclose(unit(features), shared.encode_images(images), atol=1e-6)
