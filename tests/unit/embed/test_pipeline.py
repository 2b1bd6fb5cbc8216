"""From micrographs to vectors: settings, fingerprints, scale, the library as store."""

from dataclasses import replace

import numpy as np
import pytest
from napari.layers import Image
from PIL import Image as Picture
from scipy.ndimage import gaussian_filter
from tifffile import imwrite

import napari_qualify as nq
from napari_qualify.embed.pipeline import embed_each, embed_references
from napari_qualify.embed.registry import load_encoder
from napari_qualify.embed.settings import EmbedSettings, describe, fingerprint, tile_pixels
from napari_qualify.embed.tiles import tile_boxes
from napari_qualify.errors import Cancelled, MicrographError, SegmentationError
from napari_qualify.micrograph import Micrograph
from napari_qualify.segment.phases import Phases


def texture(seed=0, shape=(300, 320), blur=2.0):
    noise = np.random.default_rng(seed).normal(size=shape)
    smooth = gaussian_filter(noise, blur)
    return np.uint8(np.clip(128 + 40 * smooth / smooth.std(), 0, 255))


def micrograph(seed=0, pixel_size_um=0.5, **options):
    return Micrograph(texture(seed, **options), pixel_size_um, f"m{seed}.tif")


@pytest.fixture
def library(tmp_path):
    return nq.open_library(tmp_path / "lab", create=True)


class Counting:
    """The real encoder, counting the pictures that it is given."""

    def __init__(self):
        self._real = load_encoder("lite", "cpu")
        self.count = 0

    def __getattr__(self, name):
        return getattr(self._real, name)

    def encode_images(self, images, progress=None):
        self.count += len(images)
        return self._real.encode_images(images, progress)


def test_a_fingerprint_changes_with_anything_that_changes_a_vector():
    encoder = load_encoder("lite", "cpu")
    settings = [
        EmbedSettings(),
        EmbedSettings(tile_um=50),
        EmbedSettings(tile_um=51),
        EmbedSettings("overlay"),
        EmbedSettings("masked:carbide"),
        EmbedSettings(overlap=0.5),
    ]
    marks = [fingerprint(encoder, s) for s in settings]
    assert len(set(marks)) == len(settings)
    other = Counting()
    other.identity = {**encoder.identity, "weights_sha256": "0"}
    assert fingerprint(other, settings[0]) != marks[0]
    assert describe(encoder, settings[0])["view"] == "raw"


def test_embedding_the_same_pixels_twice_does_no_work_the_second_time(library):
    encoder, settings = Counting(), EmbedSettings(tile_um=60)
    items = [micrograph(i) for i in range(3)]
    first = list(embed_each(items, encoder, settings, library=library))
    worked = encoder.count
    assert worked > 3 and not any(e.stored for e in first)
    again = nq.open_library(library.path)
    copies = [replace(m, name="copy.tif") for m in items]
    second = list(embed_each(copies, encoder, settings, library=again))
    assert encoder.count == worked and all(e.stored for e in second)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.vector, b.vector)


def test_other_settings_never_take_a_stored_vector(library):
    encoder = Counting()
    list(embed_each([micrograph()], encoder, EmbedSettings(tile_um=60), library=library))
    worked = encoder.count
    other = list(embed_each([micrograph()], encoder, EmbedSettings(tile_um=70), library=library))
    assert encoder.count > worked and not other[0].stored


def test_another_pixel_size_is_another_embedding(library):
    encoder, settings = Counting(), EmbedSettings(tile_um=60)
    list(embed_each([micrograph()], encoder, settings, library=library))
    other = list(embed_each([micrograph(pixel_size_um=0.4)], encoder, settings, library=library))
    assert not other[0].stored


def test_twice_the_same_micrograph_in_one_call_is_encoded_once(library):
    encoder = Counting()
    found = list(embed_each([micrograph()] * 3, encoder, EmbedSettings(), library=library))
    assert encoder.count == 2  # 300 x 320: two squares of the short side
    np.testing.assert_array_equal(found[0].vector, found[2].vector)


def test_tiles_in_micrometres_compare_across_magnifications():
    """The same field at two pixel sizes: nearer with the scale known than without."""
    fine = texture(1, (512, 512), 6.0)
    coarse = np.asarray(Picture.fromarray(fine).resize((256, 256), Picture.Resampling.BOX))
    field = Micrograph(fine[:256, :256], 0.5, "fine"), Micrograph(coarse, 1.0, "coarse")
    known = nq.embed(field, tile_um=100)
    unknown = nq.embed([replace(m, pixel_size_um=None) for m in field])
    assert known[0] @ known[1] > unknown[0] @ unknown[1]


def test_what_the_tiles_could_not_respect_is_noted():
    side, notes = tile_pixels(micrograph(pixel_size_um=None), EmbedSettings(tile_um=60))
    assert side is None and "Not calibrated" in notes[0]
    side, notes = tile_pixels(micrograph(pixel_size_um=0.1), EmbedSettings(tile_um=60))
    assert side == pytest.approx(600) and "smaller than a tile" in notes[0]
    assert tile_pixels(micrograph(), EmbedSettings()) == (None, [])


@pytest.mark.parametrize("kind", ["8-bit", "16-bit", "rgb", "multiscale"])
def test_a_layer_and_its_file_give_identical_vectors(tmp_path, kind):
    pixels = texture(2)
    if kind == "16-bit":
        pixels = pixels.astype(np.uint16) * 137 + 5
    elif kind == "rgb":
        pixels = np.stack([pixels, pixels[::-1], pixels[:, ::-1]], axis=-1)
    path = tmp_path / "field.tif"
    imwrite(path, pixels, photometric="rgb" if kind == "rgb" else "minisblack")
    data = [pixels, pixels[::2, ::2]] if kind == "multiscale" else pixels
    layer = Image(data, rgb=kind == "rgb", multiscale=kind == "multiscale")
    layer.contrast_limits = (3, 40)
    np.testing.assert_array_equal(nq.embed(layer), nq.embed(path))


def test_a_view_of_phases_needs_them_and_uses_them(library):
    m = micrograph()
    with pytest.raises(SegmentationError, match="m0.tif.*needs phases"):
        nq.embed(m, view="phases")
    labels = np.uint8(m.pixels > 128)
    phases = Phases(labels, {0: "matrix", 1: "carbide"}, 0.5, m.content_hash, {})
    given = nq.embed(m, view="masked:carbide", phases={m.content_hash: phases})
    library.save_phases(m, phases)
    stored = nq.embed(m, view="masked:carbide", library=library)
    np.testing.assert_allclose(given, stored, atol=1e-6)
    assert abs(float(given[0] @ nq.embed(m)[0])) < 0.999
    flipped = replace(phases, labels=1 - labels)
    other = nq.embed(m, view="masked:carbide", phases={m.content_hash: flipped}, library=library)
    assert abs(float(other[0] @ stored[0])) < 0.9999


def test_stopping_keeps_what_was_finished(library):
    encoder, settings = Counting(), EmbedSettings()
    encoder.batch = 4
    items = [micrograph(i) for i in range(6)]

    def stop(stage, done, total):
        if encoder.count >= 8:  # four micrographs of two tiles
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        list(embed_each(items, encoder, settings, library=library, progress=stop))
    found = list(embed_each(items, encoder, settings, library=nq.open_library(library.path)))
    assert [e.stored for e in found] == [True, True, True, True, False, False]


def test_what_else_is_in_a_batch_does_not_change_a_vector():
    items = [micrograph(i) for i in range(5)]
    encoder = Counting()
    alone = [nq.embed(m, encoder)[0] for m in items]
    for encoder.batch in (1, 3, 7, 16):
        np.testing.assert_allclose(nq.embed(items, encoder), alone, atol=1e-6)


def test_an_error_comes_after_the_vectors_before_it(library):
    encoder = Counting()
    encoder.batch = 2
    items = [micrograph(0), micrograph(1), "missing.tif", micrograph(2)]
    found = []
    with pytest.raises(MicrographError, match="missing.tif"):
        for one in embed_each(items, encoder, EmbedSettings(), library=library):
            found.append(one.image)
    assert found == ["m0.tif", "m1.tif"]
    table = library.embedded(fingerprint(encoder, EmbedSettings()))
    assert list(table["image"]) == found


def test_the_vectors_of_tiles_are_kept_and_pool_to_that_of_the_micrograph(library):
    encoder, settings = Counting(), EmbedSettings(tile_um=60)
    items = [micrograph(0), micrograph(1)]
    found = list(embed_each(items, encoder, settings, library=library))
    stored = library.tile_vectors(fingerprint(encoder, settings), [e.key for e in found])
    for one, m in zip(found, items, strict=True):
        tiles = stored[one.key]
        assert len(tiles) == len(tile_boxes(m.shape, *tile_pixels(m, settings)[:1]))
        pooled = tiles.mean(axis=0)
        np.testing.assert_allclose(pooled / np.linalg.norm(pooled), one.vector, atol=1e-6)
    table = library.embedded(fingerprint(encoder, settings))
    assert list(table["tiles"]) == [len(stored[e.key]) for e in found]
    assert [tuple(row) for row in table[["height", "width"]].to_numpy()] == [m.shape for m in items]
    assert library.verify() == []


def test_references_are_embedded_when_added_and_again_after_a_change_of_tiles(tmp_path, library):
    path = library.path.parent / "a.tif"
    imwrite(path, texture(3))
    library.add_criterion("spread", accept=["even"])
    library.add_references("spread", [path, micrograph(4)], "accept")
    assert embed_references(library) == 0
    library.add_criterion("spread", accept=["even"], tile_um=70, replace=True)
    assert embed_references(library, "spread") == 2
    assert embed_references(library) == 0
    assert len(library.fingerprints()) == 2
