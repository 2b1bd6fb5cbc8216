"""A pair of encoders: pictures by the one, statements by the other."""

import numpy as np
import pytest

import napari_qualify as nq
from napari_qualify.embed.base import Encoder, ImageOnly
from napari_qualify.embed.fetch import plan
from napari_qualify.embed.pair import PairEncoder
from napari_qualify.embed.pipeline import embed_each
from napari_qualify.embed.registry import load_encoder, spec_status, split_pair, split_spec
from napari_qualify.embed.settings import EmbedSettings, fingerprint
from napari_qualify.errors import EncoderError, UsageError

from .conftest import CLIP

SMALL = CLIP | {"embed_dim": 20, "vision_cfg": CLIP["vision_cfg"] | {"image_size": 32}}
SETTINGS = EmbedSettings(tile_um=60.0)


@pytest.fixture(scope="module")
def specs(tmp_path_factory, save_clip):
    """Two models of other sizes; a folder's name may hold a comma."""
    folder = tmp_path_factory.mktemp("models")
    return (
        f"clip:{save_clip(folder / 'large, old')}",
        f"clip:{save_clip(folder / 'small', config=SMALL, seed=1)}",
    )


@pytest.fixture(scope="module")
def pair(specs):
    return load_encoder(f"pair:{specs[0]},{specs[1]}", "cpu", "fp32")


def field(seed, faulty=False):
    rng = np.random.default_rng(seed)
    pixels = rng.normal(120, 20, (120, 150))
    pixels[::6] += 60 * faulty
    return nq.Micrograph(np.clip(pixels, 0, 255).astype(np.uint8), 1.0, name=f"field {seed}")


def test_each_encoder_sees_what_it_sees_alone(pair, specs):
    micrographs = [field(i, i % 2 == 1) for i in range(3)]
    together = list(embed_each(micrographs, pair, SETTINGS))
    assert isinstance(pair, Encoder)
    vectors = np.stack([one.vector for one in together])
    assert vectors.shape == (3, pair.dim) == (3, 44)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    first, second = (load_encoder(spec, "cpu", "fp32") for spec in specs)
    assert {part.side for part in pair.parts} == {64, 32}
    alone = np.stack([one.vector for one in embed_each(micrographs, first, SETTINGS)])
    np.testing.assert_allclose(pair.visual_part(vectors), alone, atol=1e-6)
    alone = np.stack([one.vector for one in embed_each(micrographs, second, SETTINGS)])
    np.testing.assert_allclose(pair.to_text_space(vectors), second.to_text_space(alone), atol=1e-6)
    texts = ["even carbides", "cracks"]
    np.testing.assert_array_equal(pair.encode_texts(texts), second.encode_texts(texts))
    assert pair.count_tokens(texts[0]) == second.count_tokens(texts[0])


def test_the_order_makes_another_fingerprint(pair, specs):
    turned = load_encoder(f"pair:{specs[1]},{specs[0]}", "cpu", "fp32")
    marks = {fingerprint(one, SETTINGS) for one in (pair, turned, *pair.parts)}
    assert len(marks) == 4
    again = load_encoder(pair.spec, "cpu", "fp32")
    assert fingerprint(again, SETTINGS) == fingerprint(pair, SETTINGS)


class Pictures(ImageOnly):
    """An encoder of pictures alone."""

    spec, identity, resampling, precision = "pictures", {"a": 1}, "bicubic", "fp32"


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("pair", "two of"),
        ("pair:", "two of"),
        ("pair:lite", "two of"),
        ("pair:lite,nobody", "two of"),
        ("pair:pair:lite,clip,flava", "two of"),
        ("pair:lite:argument,clip", "no argument"),
        ("pair+int8:lite,clip", "of the pair"),
    ],
)
def test_what_is_no_pair_is_refused(spec, says):
    with pytest.raises(EncoderError, match=says):
        split_spec(spec)


def test_a_pair_is_fetched_one_after_the_other():
    with pytest.raises(UsageError, match="fetch clip and flava"):
        plan("pair:clip,flava")


def test_two_that_cannot_be_a_pair_are_refused(pair):
    first, _ = pair.parts
    with pytest.raises(EncoderError, match="both are the same"):
        PairEncoder(first, first)
    with pytest.raises(EncoderError, match="has no text"):
        PairEncoder(first, Pictures())


def test_its_state_is_that_of_both(specs):
    assert split_pair(f"{specs[0]},{specs[1]}") == specs
    assert spec_status(f"pair:{specs[0]},{specs[1]}").available
    missing = spec_status(f"pair:{specs[0]},flava:/no/folder")
    assert not missing.available and "/no/folder" in missing.detail and missing.remedy


def test_verdicts_are_those_of_the_encoder_that_a_criterion_compares_by(tmp_path, specs):
    found = {}
    for name, spec in (
        ("pair", f"pair:{specs[0]},{specs[1]}"),
        ("vision", specs[0]),
        ("text", specs[1]),
    ):
        library = nq.open_library(tmp_path / name, create=True, encoder=spec)
        for modality in ("visual", "cross"):
            library.add_criterion(
                modality, accept=["even"], reject=["cracks"], modality=modality, tile_um=60.0
            )
            for faulty in (False, True):
                some = [field(10 * faulty + i, faulty) for i in range(4)]
                verdict = "reject" if faulty else "accept"
                library.add_references(modality, some, verdict, expert="made")
        judged = [field(50 + i, i % 2 == 1) for i in range(4)]
        found[name] = nq.qualify(judged, library, record=False)
    for one, vision, text in zip(found["pair"], found["vision"], found["text"], strict=True):
        assert one["visual"].score == pytest.approx(vision["visual"].score, abs=1e-3)
        assert one["cross"].score == pytest.approx(text["cross"].score, abs=1e-3)
        for mine, theirs in (("visual", vision), ("cross", text)):
            assert one[mine].verdict == theirs[mine].verdict
        nearest = [n.image for n in one["visual"].evidence.accepted]
        assert nearest == [n.image for n in vision["visual"].evidence.accepted]
        assert abs(one["visual"].score - text["visual"].score) > 1e-3  # not of the other one


def test_nearest_tiles_are_those_of_the_first(tmp_path, specs):
    found = []
    for name, spec in (("pair", f"pair:{specs[0]},{specs[1]}"), ("vision", specs[0])):
        library = nq.open_library(tmp_path / name, create=True, encoder=spec)
        library.add_criterion("local", rule="tiles", tile_um=40.0)
        library.add_references("local", [field(i) for i in range(3)], "accept", expert="made")
        found.append(nq.qualify(field(9), library, record=False)[0]["local"].score)
    assert found[0] == pytest.approx(found[1], abs=1e-3)


def test_the_next_to_label_are_those_that_pictures_choose(tmp_path, specs):
    from napari_qualify.evaluate.active import next_references

    chosen = []
    for name, spec in (("pair", f"pair:{specs[0]},{specs[1]}"), ("vision", specs[0])):
        library = nq.open_library(tmp_path / name, create=True, encoder=spec)
        library.add_criterion("local")
        library.add_references("local", [field(0), field(1)], "accept", expert="made")
        some = [field(20 + i, i % 2 == 1) for i in range(6)]
        chosen.append(list(next_references(library, "local", some, 3)["image"]))
    assert chosen[0] == chosen[1]
