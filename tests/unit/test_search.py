"""Search: exact rankings, each micrograph once, nothing written, nothing opened outside."""

import math
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

import napari_qualify as nq
from napari_qualify.batch import embed_files
from napari_qualify.catalogue import (
    Catalogue,
    Entry,
    Stored,
    catalogue,
    open_entry,
    percentile_key,
    picture,
    stored_embeddings,
)
from napari_qualify.decide.verdict import Assessment, Verdict
from napari_qualify.embed.settings import EmbedSettings
from napari_qualify.errors import EncoderError, LibraryError, UsageError
from napari_qualify.library.store import open_library
from napari_qualify.micrograph import Intensity
from napari_qualify.search import COLUMNS, rank_by_vector

GREY = Path(__file__).parents[1] / "grey_encoder"


@pytest.fixture(autouse=True)
def grey_encoder(monkeypatch):
    """Two encoders that are registered as those of a third party are."""
    monkeypatch.syspath_prepend(str(GREY))


def field(level, grain=2, seed=0, side=48):
    rng = np.random.default_rng(seed)
    small = rng.integers(level - 30, level + 31, (side // grain + 1,) * 2)
    return np.kron(small, np.ones((grain, grain)))[:side, :side].astype(np.uint8)


LEVELS = {"dark.tif": 40, "dim.tif": 90, "mid.tif": 128, "light.tif": 170, "bright.tif": 220}


@pytest.fixture
def folder(tmp_path):
    for seed, (name, level) in enumerate(LEVELS.items()):
        tifffile.imwrite(tmp_path / name, field(level, seed=seed))
    return tmp_path


@pytest.fixture
def library(folder):
    """`dark` and `bright` are references, of two criteria and of one; the others embedded."""
    made = open_library(folder / "lab", create=True, encoder="grey")
    for name in ("exposure", "porosity"):
        made.add_criterion(name)
    made.add_references("exposure", folder / "dark.tif", "reject", group="s1", embed=False)
    made.add_references("porosity", folder / "dark.tif", "accept", group="s1", embed=False)
    made.add_references("exposure", folder / "bright.tif", "accept", group="s2", embed=False)
    assert embed_files([folder], made).new == len(LEVELS)
    return made


def entries(library):
    (stored,) = stored_embeddings(library)
    return {entry.name: entry for entry in catalogue(library, stored).entries}


# --- ranking ----------------------------------------------------------------


def made_up(count=300, dim=17):
    rng = np.random.default_rng(5)
    vectors = rng.normal(size=(count, dim))
    vectors[7] = vectors[200]  # a tie
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    listed = tuple(Entry(f"k{i}", f"m{i}.tif") for i in range(count))
    return Catalogue(Stored("f", "grey", EmbedSettings(), count), listed, vectors)


@pytest.mark.parametrize("most", [True, False])
def test_ranking_is_that_of_the_exact_cosines(most):
    found, sign = made_up(), 1 if most else -1
    query = found.vectors[7]
    exact = [math.fsum(float(a) * float(b) for a, b in zip(v, query, strict=True))
             for v in found.vectors]  # fmt: skip
    # Of equal ones the first stays first.
    order = sorted(range(300), key=lambda i: (-sign * np.float32(exact[i]), i))
    ranking = rank_by_vector(found, query, most=most, limit=40)
    assert [e.key for e in ranking.entries] == [f"k{i}" for i in order[:40]]
    np.testing.assert_allclose(ranking.similarities, [exact[i] for i in order[:40]], atol=1e-7)
    assert ranking.compared == 300
    if most:
        assert [e.key for e in ranking.entries[:2]] == ["k7", "k200"]


def test_most_and_least_like_a_text(library):
    most = nq.search(library, text="bright")
    assert list(most.columns) == list(COLUMNS)
    assert list(most["image"]) == list(LEVELS)[::-1]
    assert list(most["rank"]) == [1, 2, 3, 4, 5]
    assert most["similarity"].is_monotonic_decreasing and most["similarity"].between(-1, 1).all()
    least = nq.search(library, text="bright", most=False, limit=2)
    assert list(least["image"]) == ["dark.tif", "dim.tif"]


def test_a_long_text_is_searched_whole_and_the_result_says_so(library):
    words = "bright " * 7 + ". coarse " * 7
    found = nq.search(library, text=words)
    assert len(found.attrs["notes"]) == 1
    plain = nq.search(library, text="bright")
    assert plain.attrs["notes"] == []
    assert not np.allclose(found["similarity"], plain["similarity"])


def test_like_an_image_of_the_library_and_like_another_one(library, tmp_path):
    found = nq.search(library, image=tmp_path / "mid.tif")
    assert found["image"][0] == "mid.tif"
    assert found["similarity"][0] == pytest.approx(1, abs=1e-6)
    other = tmp_path / "elsewhere"
    other.mkdir()
    tifffile.imwrite(other / "new.tif", field(60, seed=9))
    assert set(nq.search(library, image=other / "new.tif")["image"][:2]) == {"dark.tif", "dim.tif"}


def test_a_search_writes_nothing(library, tmp_path):
    def state():
        return {p: p.stat().st_mtime_ns for p in library.path.rglob("*")}

    before = state()
    tifffile.imwrite(tmp_path / "new.tif", field(60, seed=9))
    nq.search(library, image=tmp_path / "new.tif")
    nq.search(library, text="dark")
    assert state() == before


# --- what is listed -----------------------------------------------------------


def test_each_micrograph_once_with_its_verdicts_joined(library):
    found = nq.search(library, text="dark").set_index("image")
    assert list(found.index) == list(LEVELS)
    dark = found.loc["dark.tif"]
    assert (dark["kind"], dark["group"]) == ("reference", "s1")
    assert (dark["criterion"], dark["verdict"]) == ("exposure; porosity", "reject; accept")
    assert entries(library)["dark.tif"].verdict == "reject"
    mid = found.loc["mid.tif"]
    assert (mid["kind"], mid["verdict"], mid["group"]) == ("embedded", "", "")


def test_an_embedded_one_has_the_verdict_of_its_last_assessment(library, folder):
    micrograph = nq.read(folder / "mid.tif")
    for verdict in ("accept", "review"):
        one = Verdict("exposure", verdict)
        library.add_assessments(
            [Assessment("mid.tif", "mid", micrograph.content_hash, None, (one,))]
        )
    assert dict(entries(library)["mid.tif"].verdicts) == {"exposure": "review"}
    assert dict(entries(library)["dark.tif"].verdicts)["exposure"] == "reject"


@pytest.mark.parametrize("size", [None, 0.5, 1 / 3])
def test_the_key_of_an_assessment_is_that_of_its_micrograph(folder, size):
    micrograph = nq.read(folder / "mid.tif", pixel_size_um=size)
    assert percentile_key(micrograph.content_hash, size) == micrograph.key
    fixed = replace(micrograph, intensity=Intensity("fixed", 0, 100))
    assert percentile_key(fixed.content_hash, size) != fixed.key


def test_references_without_a_vector_are_named(library, tmp_path):
    tifffile.imwrite(tmp_path / "late.tif", field(60, seed=9))
    library.add_references("exposure", tmp_path / "late.tif", "accept", embed=False)
    found = nq.search(library, text="dark")
    assert found.attrs["notes"][0].startswith("1 reference has no vector")
    assert "late.tif" not in set(found["image"])


def test_of_several_label_images_the_last_one_counts(library):
    stored = Stored("masked", "grey", EmbedSettings("overlay"), 3)
    key = entries(library)["dark.tif"].key
    library.store_vectors("masked", {"view": "overlay"}, [f"{key}-a", "other-a"], np.eye(2, 3))
    library.store_vectors("masked", {"view": "overlay"}, [f"{key}-b"], np.eye(3)[2:])
    found = catalogue(library, stored)
    assert [e.key for e in found.entries] == [f"{key}-b", "other-a"]
    assert found.entries[0].kind == "reference"
    np.testing.assert_array_equal(found.vectors[0], [0, 0, 1])


# --- which vectors ------------------------------------------------------------


def test_the_fullest_vectors_are_searched_unless_others_are_named(library, folder):
    other = EmbedSettings(overlap=0.5)
    embed_files([folder / "mid.tif"], library, settings=other)
    assert [s.count for s in stored_embeddings(library)] == [len(LEVELS), 1]
    assert len(nq.search(library, text="dark")) == len(LEVELS)
    assert list(nq.search(library, text="dark", settings=other)["image"]) == ["mid.tif"]
    with pytest.raises(UsageError, match="tile 50 µm; it has raw, whole field"):
        nq.search(library, text="dark", settings=EmbedSettings(tile_um=50))


def test_vectors_of_other_weights_are_not_searched(library):
    key = entries(library)["mid.tif"].key
    library.store_vectors("older", {"encoder": "grey", "view": "raw"}, [key] + [
        f"k{i}" for i in range(9)], np.ones((10, 3)))  # fmt: skip
    assert stored_embeddings(library)[0].fingerprint == "older"
    assert len(nq.search(library, text="dark")) == len(LEVELS)


@pytest.mark.parametrize(
    "query", [{}, {"text": "a", "image": "b.tif"}, {"text": "  "}, {"text": "dark", "limit": 0}]
)
def test_a_wrong_query_is_refused(library, query):
    with pytest.raises(UsageError):
        nq.search(library, **query)


def test_an_empty_library_says_what_to_do(tmp_path):
    library = open_library(tmp_path / "empty", create=True, encoder="grey")
    with pytest.raises(UsageError, match="napari-qualify embed"):
        nq.search(library, text="dark")


def test_an_encoder_without_text_says_so(folder):
    library = open_library(folder / "images", create=True, encoder="grey-images")
    embed_files([folder], library)
    with pytest.raises(EncoderError, match="image-only"):
        nq.search(library, text="dark")
    assert len(nq.search(library, image=folder / "mid.tif")) == len(LEVELS)


# --- opening ------------------------------------------------------------------


def test_a_row_opens_with_its_pixels_and_picture(library, folder):
    for name, entry in entries(library).items():
        found = open_entry(library, entry)
        np.testing.assert_array_equal(found.pixels, tifffile.imread(folder / name))
        assert picture(library, entry).shape == (48, 48, 3)


def test_a_pixel_size_given_on_embedding_does_not_hide_the_file(folder):
    library = open_library(folder / "sized", create=True, encoder="grey")
    library.add_criterion("exposure")
    reference = nq.read(folder / "dark.tif", pixel_size_um=0.7)
    library.add_references("exposure", reference, "accept", embed=False)
    embed_files([folder], library, pixel_size_um=0.7)
    assert open_entry(library, entries(library)["mid.tif"]).pixel_size_um == 0.7


def test_a_changed_or_missing_file_is_not_opened(library, folder):
    entry = entries(library)["mid.tif"]
    tifffile.imwrite(folder / "mid.tif", field(99))
    with pytest.raises(LibraryError, match="has changed"):
        open_entry(library, entry)
    (folder / "mid.tif").unlink()
    with pytest.raises(LibraryError, match="no such file"):
        picture(library, entry)


@pytest.mark.parametrize("stored", ["../out.tif", "/etc/hostname", "link.tif", "C:/out.tif"])
def test_nothing_outside_the_library_s_folder_is_opened(tmp_path, stored):
    inside = tmp_path / "inside"
    inside.mkdir()
    tifffile.imwrite(tmp_path / "out.tif", field(128))
    os.symlink(tmp_path / "out.tif", inside / "link.tif")
    key = nq.read(tmp_path / "out.tif").key
    library = open_library(inside / "lab", create=True, encoder="grey")
    library.store_vectors("f", {"view": "raw"}, [key], np.ones((1, 3)), images=[stored])
    (entry,) = entries(library).values()
    with pytest.raises(LibraryError, match="not opened|no such file"):
        open_entry(library, entry)


# --- the command --------------------------------------------------------------


def test_the_command_lists_and_writes_a_table(library, tmp_path):
    import pandas as pd

    from napari_qualify.cli import app

    target = tmp_path / "found" / "list.csv"
    words = ["search", str(library.path), "--text", "dark", "--limit", "2", "--csv", str(target)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "exposure: reject, porosity: accept" in done.output
    assert list(pd.read_csv(target)["image"]) == ["dark.tif", "dim.tif"]
    done = CliRunner().invoke(app, ["search", str(library.path), "--text", "dark", "--least"])
    assert done.output.index("bright.tif") < done.output.index("dark.tif")


@pytest.mark.parametrize(
    "words", [[], ["--text", "a", "--image", "b.tif"], ["--text", "dark", "--view", "x"],
              ["--text", "dark", "--limit", "0"]],
)  # fmt: skip
def test_wrong_use_of_the_command(library, words):
    from napari_qualify.cli import app

    done = CliRunner().invoke(app, ["search", str(library.path), *words])
    assert done.exit_code == 2
