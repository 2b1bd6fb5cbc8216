"""Tiled prediction against the same predictor on the whole image."""

from dataclasses import dataclass, field, replace

import dask.array as da
import numpy as np
import pytest
import zarr
from scipy.ndimage import gaussian_filter

from napari_qualify.errors import Cancelled, SegmentationError, UsageError
from napari_qualify.intensity import Intensity
from napari_qualify.micrograph import Micrograph, read
from napari_qualify.segment.tile_grid import lay
from napari_qualify.segment.tiled import predict_phases, predict_tiled

LEVELS = (0.35, 0.5, 0.65)


@dataclass(frozen=True)
class Smoothed:
    """Classes by smoothed grey level; draws on pixels up to 8 away."""

    names: dict[int, str] = field(default_factory=lambda: {1: "pore", 4: "matrix", 7: "carbide"})
    pixel_size_um: float | None = None
    tile: int = 96
    overlap: int = 32
    batch: int = 3
    seen: list = field(default_factory=list)

    def patch_probabilities(self, patches, places):
        self.seen.extend(zip(places, patches, strict=True))
        grey = patches.astype(np.float32) / 255
        grey = grey @ np.array([0.2, 0.3, 0.5], np.float32) if grey.ndim == 4 else grey
        smooth = np.stack([gaussian_filter(each, 2, radius=8, mode="reflect") for each in grey])
        scores = np.stack([-60 * (smooth - level) ** 2 for level in LEVELS], 1)
        shares = np.exp(scores)
        return shares / shares.sum(1, keepdims=True)


WHOLE = Smoothed(tile=1024, overlap=64)


def texture(shape=(300, 211), seed=0):
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=shape), (3, 3, 0)[: len(shape)])
    return np.clip(noise * 600 + 128, 0, 255).astype(np.uint8)


def assert_same(tiled, whole):
    """Up to the rounding of the blending weights."""
    assert np.abs(tiled.probabilities.astype(np.float32) - whole.probabilities).max() < 1e-3
    top = np.sort(whole.probabilities.astype(np.float32), 0)
    clear = top[-1] - top[-2] > 2e-3
    assert clear.mean() > 0.98
    assert np.array_equal(np.asarray(tiled.labels)[clear], whole.labels[clear])


@pytest.mark.parametrize("shape", [(300, 211), (96, 500), (97, 96), (225, 257), (64, 64), (5, 7)])
def test_tiled_equals_whole(shape):
    image = texture(shape)
    assert_same(
        predict_tiled(image, Smoothed(), probabilities=True),
        predict_tiled(image, WHOLE, probabilities=True),
    )


def test_labels_are_values_and_probabilities_are_classes():
    found = predict_tiled(texture(), Smoothed(), probabilities=True)
    assert set(np.unique(found.labels)) == {1, 4, 7}
    assert found.labels.dtype == np.uint8 and found.probabilities.dtype == np.float16
    values = np.array([1, 4, 7])[found.probabilities.argmax(0)]
    assert np.mean(values == found.labels) > 0.999  # but for ties in half precision
    assert np.allclose(found.probabilities.sum(0, dtype=np.float32), 1, atol=2e-3)
    assert predict_tiled(texture(), Smoothed()).probabilities is None
    many = predict_tiled(texture(), Smoothed(names={0: "a", 300: "b", 2: "c"}))
    assert many.labels.dtype == np.uint16 and set(np.unique(many.labels)) == {0, 2, 300}


def test_an_interior_without_enough_context_at_the_edges_still_equals_the_whole():
    @dataclass(frozen=True)
    class Wide(Smoothed):
        def patch_probabilities(self, patches, places):
            smooth = np.stack([gaussian_filter(p / 255.0, 6, radius=24) for p in patches])
            scores = np.stack([-60 * (smooth - level) ** 2 for level in LEVELS], 1)
            return (np.exp(scores) / np.exp(scores).sum(1, keepdims=True)).astype(np.float32)

    image = texture((300, 300))
    tiled = predict_tiled(image, Wide(tile=128), probabilities=True).probabilities
    whole = predict_tiled(image, Wide(tile=1024), probabilities=True).probabilities
    inner = (slice(None), slice(24, 72), slice(24, 72))  # of the first patch alone
    assert np.array_equal(tiled[inner], whole[inner])
    difference = np.abs(tiled.astype(np.float32) - whole)
    assert 1e-3 < difference.max() < 0.2  # in the overlaps alone, and smoothly
    assert np.abs(np.diff(difference, axis=2)).max() < 0.05


def weights(axis):
    """Weight of every patch in every pixel, shape (patches, pixels)."""
    found = np.zeros((len(axis.origins), axis.length), np.float32)
    for k in range(len(axis.origins)):
        found[k, axis.start(k) : axis.stop(k)] = 1
    for k in range(1, len(axis.origins)):
        fade = axis.fade_in(k)
        found[k, axis.start(k) : axis.stop(k - 1)] *= fade
        found[k - 1, axis.start(k) : axis.stop(k - 1)] *= 1 - fade
    return found


@pytest.mark.parametrize("ratio", [1.0, 0.5, 1.6])
def test_patches_that_contradict_each_other_are_blended_smoothly(ratio):
    class Constant(Smoothed):
        """A patch has the first class with a share that its place tells."""

        def patch_probabilities(self, patches, places):
            found = np.zeros((len(patches), 3, *patches.shape[1:3]), np.float32)
            for each, (y, x) in zip(found, places, strict=True):
                each[0] = (y * 7 + x * 3) % 320 / 320
                each[1] = 1 - each[0]
            return found

    rows, columns = (lay(side, ratio, 96, 32) for side in (300, 211))
    shares = [[(y * 7 + x * 3) % 320 / 320 for x in columns.origins] for y in rows.origins]
    expected = weights(rows).T @ np.array(shares) @ weights(columns)
    predictor = Constant(pixel_size_um=ratio)
    found = predict_tiled(texture(), predictor, pixel_size_um=1.0, probabilities=True)
    assert len(rows.origins) > 2 and np.ptp(shares) > 0.5
    assert np.abs(found.probabilities[0] - expected).max() < 1e-3
    for axis in (0, 1):
        assert np.abs(np.diff(expected, axis=axis)).max() < 0.25
    clear = np.abs(expected - 0.5) > 1e-3
    assert np.array_equal((found.labels == 1)[clear], (expected > 0.5)[clear])


@pytest.mark.parametrize("size", [None, 0.5, 1.7])
@pytest.mark.parametrize(
    "region", [(0, 0, 1, 1), (299, 210, 1, 1), (57, 13, 111, 120), (0, 100, 300, 2)]
)
def test_a_region_is_exactly_that_part_of_the_whole(size, region):
    image, predictor = texture(), Smoothed(pixel_size_um=size)
    whole = predict_tiled(image, predictor, pixel_size_um=1.0, probabilities=True)
    part = predict_tiled(image, predictor, pixel_size_um=1.0, probabilities=True, region=region)
    y, x, height, width = region
    assert np.array_equal(part.labels, whole.labels[y : y + height, x : x + width])
    inside = whole.probabilities[:, y : y + height, x : x + width]
    assert np.array_equal(part.probabilities, inside)


def test_a_region_computes_only_the_patches_that_it_needs():
    image = texture((700, 700))
    few, all_ = Smoothed(), Smoothed()
    predict_tiled(image, few, region=(300, 300, 10, 10))
    predict_tiled(image, all_)
    assert len(few.seen) <= 4 < 100 <= len(all_.seen)
    theirs = dict(all_.seen)
    assert all(np.array_equal(theirs[place], patch) for place, patch in few.seen)


@pytest.mark.parametrize("size", [0.4, 0.5, 0.97, 1.3, 2.0, 5.0])
def test_rescaling_per_tile_equals_rescaling_the_whole(size):
    image = texture((331, 290))
    predictor = Smoothed(pixel_size_um=size)
    whole = predict_tiled(
        image, replace(WHOLE, pixel_size_um=size), pixel_size_um=1.0, probabilities=True
    )
    tiled = predict_tiled(image, predictor, pixel_size_um=1.0, probabilities=True)
    assert tiled.labels.shape == image.shape
    assert_same(tiled, whole)


def test_patches_have_the_scale_of_the_model():
    """A wave of 24 source pixels is one of 12 model pixels, and stays in its place."""
    x = np.arange(400)
    image = np.broadcast_to(128 + 100 * np.sin(2 * np.pi * (x + 0.5) / 24), (64, 400))
    predictor = Smoothed(pixel_size_um=2.0, tile=256, overlap=64)
    found = predict_tiled(np.rint(image).astype(np.uint8), predictor, pixel_size_um=1.0)
    (place, patch), *_ = predictor.seen
    assert place == (0, 0)
    expected = 128 + 100 * np.sin(2 * np.pi * (np.arange(5, 190) + 0.5) / 12)
    assert np.abs(patch[8, 5:190] - expected).max() < 6
    bright = found.labels[32] == 7
    rising = np.flatnonzero(np.diff(bright.astype(int)) == 1)[1:-1]
    assert np.all(np.diff(rising) == 24)
    falling = np.flatnonzero(np.diff(bright.astype(int)) == -1)
    centres = (rising + falling[np.searchsorted(falling, rising)] + 1) / 2
    assert np.abs((centres + 0.5) % 24 - 6).max() < 1  # where the sine is 1


def test_what_is_finer_than_the_model_sees_leaves_no_alias():
    checks = (np.indices((256, 256)).sum(0) % 2 * 255).astype(np.uint8)
    predictor = Smoothed(pixel_size_um=3.0)
    predict_tiled(checks, predictor, pixel_size_um=1.0)
    inner = predictor.seen[0][1][4:60, 4:60].astype(int)
    assert np.abs(inner - 127.5).max() < 10


@pytest.mark.parametrize(("size", "resampled"), [(1.015, False), (1.03, True)])
def test_pixel_sizes_within_two_percent_are_the_same(size, resampled):
    image, predictor = texture((64, 64)), Smoothed(pixel_size_um=size)
    predict_tiled(image, predictor, pixel_size_um=1.0)
    assert np.array_equal(predictor.seen[0][1], image) != resampled


def test_without_both_pixel_sizes_pixels_are_taken_as_they_are():
    image = texture((64, 64))
    for model, source in ((None, 1.0), (2.0, None)):
        predictor = Smoothed(pixel_size_um=model)
        predict_tiled(image, predictor, pixel_size_um=source)
        assert np.array_equal(predictor.seen[0][1], image)


def test_beyond_the_border_the_image_is_mirrored():
    predictor = Smoothed()
    image = texture((70, 41))
    predict_tiled(image, predictor)
    ((_, patch),) = predictor.seen
    assert np.array_equal(patch, np.pad(image, ((0, 26), (0, 23)), mode="reflect"))


def test_colour():
    image = texture((150, 130, 3))
    tiled = predict_tiled(image, Smoothed(), probabilities=True)
    assert_same(tiled, predict_tiled(image, WHOLE, probabilities=True))
    scaled = Smoothed(pixel_size_um=2.0)
    predict_tiled(image, scaled, pixel_size_um=1.0)
    assert scaled.seen[0][1].shape == (96, 96, 3)


@pytest.mark.parametrize("kind", ["dask", "zarr"])
@pytest.mark.parametrize("values", ["uint8", "uint16", "int16", "int32", "float32", "rgb"])
def test_lazy_sources_equal_memory(tmp_path, kind, values):
    grey = texture((150, 130))
    image = {
        "uint8": grey,
        "uint16": grey.astype(np.uint16) * 100 + 7,
        "int16": grey.astype(np.int16) * 9 - 1000,
        "int32": grey.astype(np.int32) * 70000 - 5,
        "float32": grey.astype(np.float32) / 300 - 1,
        "rgb": np.stack([grey, grey[::-1], grey], -1),
    }[values]
    if kind == "dask":
        lazy = da.from_array(image, chunks=(64, 50, 3)[: image.ndim])
    else:
        lazy = zarr.create_array(tmp_path / "i.zarr", data=image, chunks=(64, 50, 3)[: image.ndim])
    expected = predict_tiled(Micrograph(image, None, "i"), Smoothed(), probabilities=True)
    found = predict_tiled(lazy, Smoothed(), probabilities=True)
    assert np.array_equal(found.labels, expected.labels)
    assert np.array_equal(found.probabilities, expected.probabilities)


def test_a_micrograph_keeps_its_intensity_policy():
    image = texture((64, 64)).astype(np.uint16) * 4
    policy = Intensity("fixed", 100, 900)
    first, second = Smoothed(), Smoothed()
    predict_tiled(Micrograph(image, None, "i", intensity=policy), first)
    predict_tiled(image, second, intensity=policy)
    shown = Micrograph(image, None, "i", intensity=policy).to_uint8()
    assert np.array_equal(first.seen[0][1], shown) and np.array_equal(second.seen[0][1], shown)


def test_the_predictor_may_ask_for_the_histogram_of_the_whole():
    @dataclass(frozen=True)
    class Asking(Smoothed):
        counts: list = field(default_factory=list)

        def for_image(self, histogram):
            self.counts.append(histogram)
            return self

    image = texture((200, 100))
    expected = np.bincount(image.ravel(), minlength=256)
    for source in (image, Micrograph(image, None, "i"), da.from_array(image, chunks=33)):
        asking = Asking()
        predict_tiled(source, asking, region=(0, 0, 9, 9))
        assert np.array_equal(asking.counts[0], expected)


def test_to_an_ome_zarr_folder(tmp_path):
    from ome_zarr_models.v05.image_label import ImageLabel

    image = texture((1100, 300))
    found = predict_tiled(image, Smoothed(), pixel_size_um=0.25, out=tmp_path / "deep" / "p.zarr")
    assert isinstance(found.labels, zarr.Array)
    assert (found.labels.dtype, found.labels.chunks) == (np.uint8, (1024, 300))
    assert np.array_equal(found.labels[...], predict_tiled(image, Smoothed()).labels)
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["p.zarr"]
    assert read(tmp_path / "deep" / "p.zarr").pixel_size_um == 0.25
    model = ImageLabel.from_zarr(zarr.open_group(tmp_path / "deep" / "p.zarr", mode="r"))
    properties = model.attributes.ome.image_label.properties
    assert [p.label_value for p in properties] == [1, 4, 7]


def test_to_an_array_of_the_caller(tmp_path):
    image = texture()
    out = zarr.create_array(tmp_path / "o.zarr", shape=(90, 211), chunks=(37, 64), dtype="uint16")
    predict_tiled(image, Smoothed(), out=out, region=(100, 0, 90, 211))
    assert np.array_equal(out[...], predict_tiled(image, Smoothed()).labels[100:190])
    for wrong in (
        zarr.create_array(tmp_path / "w.zarr", shape=(90, 210), dtype="uint8"),
        zarr.create_array(tmp_path / "v.zarr", shape=(300, 211), dtype="bool"),
    ):
        with pytest.raises(SegmentationError, match="do not fit"):
            predict_tiled(image, Smoothed(), out=wrong)


def stop_after(count):
    calls = []

    def progress(stage, done, total):
        calls.append((stage, done, total))
        if len(calls) > count:
            raise Cancelled

    return progress


@pytest.mark.parametrize("after", [0, 1, 4])
def test_cancel_leaves_nothing(tmp_path, after):
    with pytest.raises(Cancelled):
        predict_tiled(texture(), Smoothed(), out=tmp_path / "p.zarr", progress=stop_after(after))
    assert list(tmp_path.iterdir()) == []


def test_a_predictor_that_fails_leaves_nothing_either(tmp_path):
    class Wrong(Smoothed):
        def patch_probabilities(self, patches, places):
            return super().patch_probabilities(patches, places)[:, :2]

    with pytest.raises(SegmentationError, match=r"shape \(3, 2, 96, 96\).*need \(3, 3, 96, 96\)"):
        predict_tiled(texture(), Wrong(), out=tmp_path / "p.zarr")
    assert list(tmp_path.iterdir()) == []


def test_what_exists_is_not_replaced(tmp_path):
    (tmp_path / "p.zarr").mkdir()
    with pytest.raises(SegmentationError, match=r"p.zarr: exists already"):
        predict_tiled(texture(), Smoothed(), out=tmp_path / "p.zarr")
    assert [p.name for p in tmp_path.iterdir()] == ["p.zarr"]


def test_progress_counts_patches():
    calls = []
    predict_tiled(texture(), Smoothed(), progress=lambda *call: calls.append(call))
    total = calls[0][2]
    assert total > 9
    done = [*range(0, total, 3), total]
    assert calls == [("segment", each, total) for each in done]


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"region": (0, 0, 301, 10)}, r"region \[0:0:301:10\] is not inside its 300 x 211"),
        ({"region": (5, 5, 0, 10)}, "region"),
        ({"region": (-1, 5, 3, 10)}, "region"),
        ({"pixel_size_um": 0.01}, "0.01 um for a model of 1 um.*16 fold"),
        ({"pixel_size_um": 100.0}, "100 um for a model of 1 um"),
    ],
)
def test_wrong_use_is_a_clear_error(kwargs, message):
    with pytest.raises(SegmentationError, match=message):
        predict_tiled(texture(), Smoothed(pixel_size_um=1.0), **kwargs)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 30, 30), np.uint8), r"shape \(4, 30, 30\)"),
        (np.zeros((30, 30), complex), "complex128"),
        (np.full((30, 30), np.nan), "NaN or infinite"),
        (da.full((30, 30), np.nan), "NaN or infinite"),
    ],
)
def test_what_is_no_image_is_a_clear_error(image, message):
    with pytest.raises(SegmentationError, match=message):
        predict_tiled(image, Smoothed())


def test_probabilities_stay_in_memory(tmp_path):
    with pytest.raises(UsageError, match="memory only"):
        predict_tiled(texture(), Smoothed(), out=tmp_path / "p.zarr", probabilities=True)


def test_phases_of_a_micrograph():
    micrograph = Micrograph(texture(), 0.5, "a.tif")
    predictor = Smoothed(pixel_size_um=1.0)
    phases = predict_phases(micrograph, predictor, made_by={"segmenter": "s"})
    assert phases.pixel_size_um == 0.5 and phases.image == "a.tif"
    assert phases.source == micrograph.content_hash
    assert phases.made_by == {"segmenter": "s", "display_limits": None, "resampled_by": 0.5}
    part = predict_phases(
        micrograph, predictor, made_by={}, region=(10, 20, 40, 50), probabilities=True
    )
    assert np.array_equal(part.labels, phases.labels[10:50, 20:70])
    assert part.probabilities.shape == (3, 40, 50) and part.uncertainty().shape == (40, 50)
    assert part.source == micrograph.crop(10, 20, 40, 50).content_hash
    assert part.made_by["region"] == [10, 20, 40, 50]
    bare = predict_phases(Micrograph(texture(), None, "b"), predictor, made_by={})
    assert bare.made_by["notes"] == ["no pixel size: taken as the model's 1 um"]
