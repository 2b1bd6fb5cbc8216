"""Large Zarr and dask images: never whole in memory, and the same micrograph all the same."""

import dask.array as da
import numpy as np
import pytest
import zarr
from napari.layers import Image
from scipy.ndimage import gaussian_filter

import napari_qualify as nq
from napari_qualify import lazy
from napari_qualify.errors import MicrographError
from napari_qualify.lazy import LazyPixels
from napari_qualify.micrograph import Micrograph
from napari_qualify.segment.threshold import ThresholdSegmenter


@pytest.fixture(autouse=True)
def small_images_are_large(monkeypatch):
    monkeypatch.setattr(lazy, "LAZY_BYTES", 1000)
    monkeypatch.setattr(lazy, "_BAND", 20_000)


def pixels(kind):
    noise = gaussian_filter(np.random.default_rng(0).normal(size=(301, 230)), 3)
    grey = np.uint8(np.clip(128 + 60 * noise / noise.std(), 0, 255))
    if kind == "rgb":
        return np.stack([grey, grey[::-1], grey[:, ::-1]], axis=-1)
    if kind == "float":
        values = grey.astype(np.float32) * 1.5 - 7
        values[3, 4] = np.nan
        return values
    return {"8-bit": grey, "16-bit": np.uint16(grey) * 201 + 9, "bool": grey > 128}[kind]


KINDS = ("8-bit", "16-bit", "rgb", "float", "bool")


@pytest.mark.parametrize("kind", KINDS)
def test_a_dask_layer_is_the_same_micrograph_as_its_pixels(kind):
    array = pixels(kind)
    chunks = (64, 50, *array.shape[2:])
    lazily = nq.read(Image(da.from_array(array, chunks=chunks), rgb=kind == "rgb"), name="field")
    memory = nq.read(Image(array, rgb=kind == "rgb"), name="field")
    assert isinstance(lazily.pixels, LazyPixels) and isinstance(memory.pixels, np.ndarray)
    assert lazily.content_hash == memory.content_hash and lazily.key == memory.key
    assert lazily.display_limits() == memory.display_limits() and lazily.notes == memory.notes
    assert lazily.shape == memory.shape and lazily.is_rgb == memory.is_rgb
    np.testing.assert_array_equal(lazily.to_uint8(), memory.to_uint8())
    np.testing.assert_array_equal(
        lazily.crop(10, 20, 100, 50).to_uint8(), memory.crop(10, 20, 100, 50).to_uint8()
    )
    small, wanted = lazily.thumbnail(40), memory.thumbnail(40)
    assert small.shape == wanted.shape
    assert np.abs(small.astype(float) - wanted).mean() < 6


def test_vectors_and_phases_are_those_of_the_pixels_in_memory():
    array = pixels("16-bit")
    lazily = nq.read(Image(da.from_array(array, chunks=(90, 64))), pixel_size_um=0.5)
    memory = Micrograph(array, 0.5, lazily.name)
    for tile_um in (None, 40.0, 200.0):
        np.testing.assert_array_equal(
            nq.embed(lazily, tile_um=tile_um), nq.embed(memory, tile_um=tile_um)
        )
    found = [nq.segment(m, ThresholdSegmenter()) for m in (lazily, memory)]
    np.testing.assert_array_equal(found[0].labels, found[1].labels)
    assert found[0].source == found[1].source


def test_tiles_are_read_one_at_a_time():
    array, largest = pixels("8-bit"), []

    class Watched:
        shape, dtype, chunks = array.shape, array.dtype, (64, 64)

        def __getitem__(self, place):
            part = array[place]
            largest.append(part.size)
            return part

    micrograph = Micrograph(LazyPixels(Watched()), 1.0, "watched")
    key = micrograph.key  # goes through all of it, in bands
    assert len(key) == 64 and max(largest) <= 20_000
    largest.clear()
    nq.embed(micrograph, tile_um=64)
    assert 0 < max(largest) <= 20_000


def test_an_ome_zarr_above_the_limit_is_left_on_disk(tmp_path):
    array = pixels("8-bit")
    folder = tmp_path / "plain.zarr"
    zarr.create_array(folder, shape=array.shape, dtype="uint8", chunks=(64, 64))[...] = array
    micrograph = nq.read(folder)
    assert isinstance(micrograph.pixels, LazyPixels)
    assert micrograph.content_hash == Micrograph(array, None, "memory").content_hash
    library = nq.open_library(tmp_path / "lab", create=True)
    library.add_criterion("even")
    added = library.add_references("even", folder, "accept")
    assert not added[0].stored  # the folder holds the pixels
    assert library.micrograph(added[0]).content_hash == micrograph.content_hash
    layer = Image(da.from_array(array[::-1], chunks=(64, 64)), name="turned")
    kept = library.add_references("even", layer, "reject")
    assert kept[0].stored
    np.testing.assert_array_equal(library.micrograph(kept[0]).pixels, array[::-1])


def test_what_cannot_be_judged_is_refused():
    for value, message in ((7, "every value is 7"), (np.nan, "NaN")):
        array = da.full((300, 300), value, chunks=(100, 100))
        with pytest.raises(MicrographError, match=message):
            nq.read(Image(array, name="flat"))
