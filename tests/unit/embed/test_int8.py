"""Int8: real exports of tiny models and of `lite`, run by the real ONNX Runtime."""

import json
import subprocess
import sys

import numpy as np
import pytest
from scipy.stats import spearmanr

from napari_qualify.commands.quantize import run_quantize
from napari_qualify.embed import int8, int8_agreement, int8_export
from napari_qualify.embed.base import Encoder, ImageOnly
from napari_qualify.embed.clip import ClipEncoder
from napari_qualify.embed.registry import load_encoder
from napari_qualify.embed.settings import EmbedSettings, describe, fingerprint
from napari_qualify.errors import EncoderError

for package in int8.PACKAGES:
    pytest.importorskip(package)

COUNT = 24


@pytest.fixture(scope="module")
def folder(tmp_path_factory, save_clip):
    return save_clip(tmp_path_factory.mktemp("clip") / "tiny")


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Cache that the tests of this module share: an export takes seconds."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def cache(kept, monkeypatch):
    monkeypatch.setattr(int8, "cache_folder", lambda: kept)
    monkeypatch.setattr(int8, "PICTURES", COUNT)
    return kept


def exact(folder):
    return ClipEncoder(f"local-dir:{folder}", device="cpu", precision="fp32")


def test_agreement_is_that_of_the_vectors(folder, capfd):
    float_one = exact(folder)
    made = int8.quantized(float_one)
    shown = int8_export.micrographs(made, COUNT, int8.AGREEMENT_SEED)
    one, other = float_one.encode_images(shown), made.encode_images(shown)
    assert made.agreement.pictures == len(shown) == COUNT
    assert made.agreement.smallest_cosine == pytest.approx((one * other).sum(1).min(), abs=1e-6)
    pairs = np.triu_indices(COUNT, 1)
    rho = spearmanr((one @ one.T)[pairs], (other @ other.T)[pairs]).statistic
    assert made.agreement.spearman == pytest.approx(rho, abs=1e-3)
    assert 0.98 < made.agreement.smallest_cosine < 1 - 1e-7  # close, and truly quantised
    assert np.abs(np.linalg.norm(other, axis=1) - 1).max() < 1e-6
    assert capfd.readouterr() == ("", "")


def test_is_an_encoder_of_its_own_class(folder):
    float_one = exact(folder)
    made = int8.quantized(float_one)
    assert isinstance(made, Encoder)
    assert (made.precision, made.device) == ("int8", "cpu")
    assert made.spec == f"clip+int8:local-dir:{folder}"
    settings = EmbedSettings()
    assert describe(made, settings)["numeric_class"] == "int8"
    assert fingerprint(made, settings) != fingerprint(float_one, settings)
    scheme = {key: made.identity[key] for key in made.identity.keys() - float_one.identity.keys()}
    assert scheme["int8"]["rendered"] == {"pictures": COUNT, "seed": int8.CALIBRATION_SEED}
    assert {**float_one.identity, **scheme} == made.identity
    # As JSON gives it back, else a stored fingerprint would not be found again.
    assert json.loads(json.dumps(made.identity)) == made.identity


def test_text_side_is_the_float_one(folder):
    float_one = exact(folder)
    made = int8.quantized(float_one)
    texts = ["even carbides", "cracks"]
    assert np.array_equal(made.encode_texts(texts), float_one.encode_texts(texts))
    assert made.text_identity == float_one.text_identity
    assert made.count_tokens(texts[0]) == float_one.count_tokens(texts[0])
    visual = np.eye(2, made.dim, dtype=np.float32)
    assert np.array_equal(made.to_text_space(visual), visual)


def test_vector_does_not_depend_on_its_neighbours(folder, pictures):
    made = int8.quantized(exact(folder))
    some = [*pictures(5, made.side), np.full((made.side, made.side, 3), 255, np.uint8)]
    together = made.encode_images(some)
    alone = np.concatenate([made.encode_images([one]) for one in some])
    assert np.abs(together - alone).max() < 1e-6


def test_registry_loads_it_and_the_cache_is_reused(folder):
    first = int8.quantized(exact(folder))
    written = first.model.stat().st_mtime_ns
    again = load_encoder(f"clip+int8:local-dir:{folder}")
    assert again is not first
    assert again.model == first.model
    assert again.model.stat().st_mtime_ns == written
    assert again.agreement == first.agreement


def test_command_shows_agreement_and_speed(folder, capsys):
    run_quantize(f"clip:local-dir:{folder}")
    said = capsys.readouterr().out
    made = load_encoder(f"clip+int8:local-dir:{folder}")
    assert f"on {COUNT} rendered micrographs" in said
    assert f"smallest cosine {made.agreement.smallest_cosine:.5f}" in said
    rates = {line.split()[0]: float(line.split()[1]) for line in said.splitlines()[-2:]}
    assert rates.keys() <= {"fp32", "bf16", "int8"} and "int8" in rates
    assert min(rates.values()) > 0


@pytest.mark.parametrize("damage", ["model", "no model", "figures"])
def test_damaged_export_is_made_anew(folder, damage):
    first = int8.quantized(exact(folder))
    whole, figures = first.model.read_bytes(), first.model.with_name(int8.FIGURES)
    if damage == "model":
        first.model.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    elif damage == "no model":
        first.model.unlink()
    else:
        figures.write_text(figures.read_text()[:40])
    again = int8.quantized(exact(folder))
    assert again.agreement.onnx_sha256 == int8.file_sha256(again.model)
    assert json.loads(figures.read_text())["onnx_bytes"] == again.model.stat().st_size
    assert again.agreement.smallest_cosine == pytest.approx(
        first.agreement.smallest_cosine, abs=1e-3
    )
    assert sorted(p.name for p in figures.parent.iterdir()) == [int8.FIGURES, "lock", int8.MODEL]


def test_disagreeing_export_is_refused_and_not_kept(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(int8, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(int8_agreement, "LEAST_COSINE", 1.1)
    with pytest.raises(
        EncoderError, match=r"smallest cosine .* is 0\.\d{4} \(at least 1\.1"
    ) as one:
        int8.quantized(exact(folder))
    assert not list(tmp_path.glob("*/*.onnx"))
    # The second time at once: exporting again would fail.
    monkeypatch.setattr(int8_export, "export", None)
    with pytest.raises(EncoderError) as other:
        int8.quantized(exact(folder))
    assert str(other.value) == str(one.value)


WORKER = """
import sys
from pathlib import Path
from napari_qualify.embed import int8
from napari_qualify.embed.clip import ClipEncoder

cache, folder, count = sys.argv[1:]
int8.cache_folder, int8.PICTURES = lambda: Path(cache), int(count)
made = int8.quantized(ClipEncoder(folder, device="cpu", precision="fp32"))
print(made.agreement, made.model.stat().st_mtime_ns)
"""


@pytest.mark.slow
def test_two_processes_make_one_export(folder, tmp_path):
    line = [sys.executable, "-c", WORKER, str(tmp_path), str(folder), str(COUNT)]
    both = [subprocess.Popen(line, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [one.communicate(timeout=250)[0] for one in both]
    assert [one.returncode for one in both] == [0, 0]
    assert said[0] == said[1] != ""


@pytest.mark.slow
def test_lite_with_its_real_weights_agrees():
    float_one = load_encoder("lite", "cpu", "fp32")
    made = load_encoder("lite+int8")
    assert made.agreement.smallest_cosine > 0.985
    assert made.agreement.spearman > 0.995
    shown = int8_export.micrographs(made, 8, 7)
    cosines = (float_one.encode_images(shown) * made.encode_images(shown)).sum(1)
    assert cosines.min() > 0.985 and cosines.max() < 1 - 1e-6


def test_encoder_without_a_shown_network_has_no_int8_form():
    class Other(ImageOnly):
        name = spec = "other"
        device, precision = "cpu", "fp32"

    with pytest.raises(EncoderError, match="other has no int8 form"):
        int8.quantized(Other())


def test_missing_package_names_the_extra(folder, monkeypatch):
    monkeypatch.setattr(int8, "PACKAGES", ("onnx", "no_such_package"))
    with pytest.raises(
        EncoderError, match=r'needs no_such_package.*pip install "napari-qualify\[int8\]"'
    ):
        int8.quantized(exact(folder))


def test_only_fp32_on_the_processor_is_quantised(folder):
    with pytest.raises(EncoderError, match="not from bf16 on cpu"):
        int8.quantized(ClipEncoder(f"local-dir:{folder}", device="cpu", precision="bf16"))
