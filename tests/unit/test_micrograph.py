import hashlib
import math

import dask.array as da
import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from napari.components import ViewerModel
from napari.layers import Image, Labels
from napari.plugins import _initialize_plugins
from PIL import Image as PilImage

from napari_qualify.errors import MicrographError, UsageError
from napari_qualify.intensity import Intensity, percentiles, to_uint8
from napari_qualify.micrograph import Micrograph, read


def textured(dtype, shape=(40, 50), seed=0):
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return rng.normal(0, 100, shape).astype(dtype)
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, shape, dtype=dtype, endpoint=True)


@pytest.fixture(scope="module")
def open_in_napari():
    """Open a file as napari does, with its own reader, without a window."""
    _initialize_plugins()

    def opened(path):
        (layer,) = ViewerModel().open([str(path)], plugin="napari")
        return layer

    return opened


def write_ome_zarr(folder, levels, *, scale, unit="nanometer", version="0.5", extra=None):
    """An OME-Zarr image as the specification has it; the last two axes are y, x."""
    zarr_format = 3 if version == "0.5" else 2
    group = zarr.open_group(str(folder), mode="w", zarr_format=zarr_format)
    names = "tczyx"[-levels[0].ndim :]
    kinds = {"t": "time", "c": "channel"}
    axes = [{"name": n, "type": kinds.get(n, "space")} for n in names]
    for axis in axes[-2:]:
        if unit:
            axis["unit"] = unit
    datasets = []
    for i, level in enumerate(levels):
        group.create_array(str(i), data=level, chunks=(*[1] * (level.ndim - 2), 16, 16))
        factors = [1.0] * (level.ndim - 2) + [s * 2**i for s in scale]
        datasets.append(
            {"path": str(i), "coordinateTransformations": [{"type": "scale", "scale": factors}]}
        )
    entry = {"axes": axes, "datasets": datasets, "name": "x", **(extra or {})}
    if version == "0.5":
        group.attrs["ome"] = {"version": version, "multiscales": [entry]}
    else:
        group.attrs["multiscales"] = [{**entry, "version": version}]
    return folder


WRITERS = {
    "8-bit.tif": lambda p: tifffile.imwrite(
        p, textured("u1"), resolution=(2e4, 2e4), resolutionunit="CENTIMETER"
    ),
    "16-bit.tif": lambda p: tifffile.imwrite(
        p, textured("u2").astype(">u2"), byteorder=">", imagej=True, metadata={"unit": "nm"}
    ),
    "signed.tif": lambda p: tifffile.imwrite(p, textured("i2"), compression="deflate"),
    "float.tif": lambda p: tifffile.imwrite(p, textured("f4"), predictor=True, compression="lzw"),
    "rgb.tif": lambda p: tifffile.imwrite(p, textured("u1", (40, 50, 3)), photometric="rgb"),
    "small rgb.tif": lambda p: tifffile.imwrite(
        p, textured("u1", (20, 25, 3)), photometric="rgb"
    ),
    "rgb 16-bit.tif": lambda p: tifffile.imwrite(
        p, textured("u2", (40, 50, 3)), photometric="rgb"
    ),
    "planar.tif": lambda p: tifffile.imwrite(
        p, textured("u1", (3, 40, 50)), photometric="rgb", planarconfig="separate"
    ),
    "opaque.tif": lambda p: tifffile.imwrite(
        p,
        np.dstack([textured("u1", (40, 50, 3)), np.full((40, 50), 255, "u1")]),
        photometric="rgb",
        extrasamples=["unassalpha"],
    ),
    "hyperstack of one.tif": lambda p: tifffile.imwrite(
        p, textured("u1", (1, 1, 40, 50)), imagej=True, metadata={"axes": "ZCYX"}
    ),
    "tiled.ome.tif": lambda p: tifffile.imwrite(
        p,
        textured("u2", (100, 90)),
        tile=(32, 32),
        metadata={
            "axes": "YX",
            **{f"PhysicalSize{a}": 12.5 for a in "XY"},
            **{f"PhysicalSize{a}Unit": "nm" for a in "XY"},
        },
    ),
    "bilevel.tif": lambda p: tifffile.imwrite(p, textured("u1") > 127),
    "8-bit.png": lambda p: PilImage.fromarray(textured("u1")).save(p, dpi=(25400, 25400)),
    "16-bit.png": lambda p: PilImage.fromarray(textured("u2")).save(p),
    "rgb.png": lambda p: PilImage.fromarray(textured("u1", (40, 50, 3))).save(p),
    "palette.png": lambda p: PilImage.fromarray(textured("u1")).convert("P").save(p),
    "bilevel.png": lambda p: PilImage.fromarray(textured("u1")).convert("1").save(p),
    "opaque grey.png": lambda p: PilImage.fromarray(textured("u1")).convert("LA").save(p),
    "grey.jpg": lambda p: PilImage.fromarray(textured("u1")).save(p),
    "rotated.jpg": lambda p: PilImage.fromarray(textured("u1", (40, 50, 3))).save(p, exif=turned()),
    "v2.ome.zarr": lambda p: write_ome_zarr(
        p, [textured("u2", (1, 1, 64, 48)), textured("u2", (1, 1, 32, 24))],
        scale=(5.0, 5.0), version="0.4",
    ),
    "v3.ome.zarr": lambda p: write_ome_zarr(
        p, [textured("u1", (64, 48)), textured("u1", (32, 24))],
        scale=(0.25, 0.25), unit="micrometer",
    ),
}  # fmt: skip


def turned():
    exif = PilImage.Exif()
    exif[274] = 6
    return exif


@pytest.mark.parametrize("name", WRITERS)
def test_layer_and_file_are_the_same_micrograph(name, tmp_path, open_in_napari):
    WRITERS[name](tmp_path / name)
    file = read(tmp_path / name)
    layer = read(open_in_napari(tmp_path / name))
    assert np.array_equal(file.pixels, layer.pixels)
    assert file.pixels.dtype == layer.pixels.dtype
    assert file.content_hash == layer.content_hash
    assert file.key == layer.key
    assert file.pixel_size_um == layer.pixel_size_um
    assert file.notes == layer.notes
    assert layer.path == file.path == tmp_path / name
    assert np.array_equal(file.to_rgb(), layer.to_rgb())


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "f4", "f8"])
def test_layers_of_any_backing_are_the_same(dtype):
    pixels = textured(dtype, (64, 48))
    plain = read(Image(pixels, name="x"))
    dask = read(Image(da.from_array(pixels, chunks=(10, 20)), name="x"))
    pyramid = read(Image([pixels, pixels[::2, ::2]], multiscale=True, name="x"))
    leading = read(Image(pixels[np.newaxis, np.newaxis], name="x"))
    assert plain.key == dask.key == pyramid.key == leading.key
    assert plain.pixels.dtype == np.dtype(dtype)


def test_contrast_limits_and_colour_map_have_no_say():
    pixels = textured("u2")
    layer = Image(pixels, contrast_limits=(0, 10), colormap="magma", gamma=0.5)
    assert np.array_equal(read(layer).to_uint8(), read(Image(pixels)).to_uint8())


def test_calibrated_layer_is_its_calibrated_file(tmp_path, open_in_napari):
    WRITERS["tiled.ome.tif"](tmp_path / "a.ome.tif")
    layer = open_in_napari(tmp_path / "a.ome.tif")
    layer.units = ("nm", "nm")
    layer.scale = (12.5, 12.5)
    assert read(layer).key == read(tmp_path / "a.ome.tif").key
    layer.scale = (25, 25)
    assert read(layer).pixel_size_um == pytest.approx(0.025)


def test_layer_with_changed_pixels_has_no_path_but_the_calibration(tmp_path, open_in_napari):
    WRITERS["8-bit.tif"](tmp_path / "a.tif")
    layer = open_in_napari(tmp_path / "a.tif")
    layer.data = 255 - layer.data
    changed = read(layer)
    assert changed.path is None
    assert changed.pixel_size_um == read(tmp_path / "a.tif").pixel_size_um == 0.5
    layer.data = layer.data[:30]
    assert read(layer).pixel_size_um is None


def test_layer_of_another_type_is_not_its_file(tmp_path, open_in_napari):
    WRITERS["8-bit.tif"](tmp_path / "a.tif")
    layer = open_in_napari(tmp_path / "a.tif")
    layer.data = layer.data.astype("u2")  # equal values, another display
    assert read(layer).path is None
    assert read(layer).pixel_size_um == 0.5


def test_mirrored_layer_keeps_its_scale():
    layer = Image(textured("u1"), scale=(-0.5, 0.5), units=("um", "um"))
    assert read(layer).pixel_size_um == 0.5


def test_layer_whose_file_is_gone_is_judged_without_calibration(tmp_path, open_in_napari):
    WRITERS["8-bit.tif"](tmp_path / "a.tif")
    layer = open_in_napari(tmp_path / "a.tif")
    (tmp_path / "a.tif").unlink()
    micrograph = read(layer)
    assert micrograph.pixel_size_um is None
    assert "a.tif: no such file" in micrograph.notes[0]


def test_scale_in_pixels_is_no_calibration():
    micrograph = read(Image(textured("u1"), scale=(0.5, 0.5)))
    assert micrograph.pixel_size_um is None
    assert micrograph.unit == "px"
    assert "not lengths" in micrograph.notes[0]


def test_non_square_layer_is_refused_unless_the_size_is_stated():
    layer = Image(textured("u1"), scale=(1, 1.5), units=("um", "um"), name="oblong")
    with pytest.raises(MicrographError, match="oblong: pixels are not square"):
        read(layer)
    assert read(layer, pixel_size_um=1.0).pixel_size_um == 1.0
    nearly = Image(textured("u1"), scale=(1, 1.002), units=("um", "um"))
    assert read(nearly).pixel_size_um == pytest.approx(1.001, abs=1e-5)


def test_stack_layer_is_refused_by_name():
    with pytest.raises(MicrographError, match=r"depth: a stack of shape \(5, 40, 50\)"):
        read(Image(textured("u1", (5, 40, 50)), name="depth"))


def test_layer_that_cannot_be_computed_is_refused_by_name():
    there = True

    def broken(block):
        if not there:
            raise OSError("disk gone")
        return block

    data = da.zeros((40, 50), dtype="u1", chunks=20).map_blocks(broken, dtype="u1")
    layer = Image(data, contrast_limits=(0, 255), name="remote")
    there = False
    with pytest.raises(MicrographError, match="remote: the layer's data cannot be computed"):
        read(layer)


def test_layer_changed_later_leaves_the_micrograph_alone():
    pixels = textured("u1")
    layer = Image(pixels)
    micrograph = read(layer)
    before = micrograph.pixels.copy()
    layer.data[:] = 0
    assert np.array_equal(micrograph.pixels, before)


@pytest.mark.parametrize("source", [Labels(np.ones((20, 20), int)), 3, None, b"x.tif"])
def test_other_sources_are_wrong_use(source):
    with pytest.raises(UsageError, match="a path or a napari Image layer"):
        read(source)


def test_byte_order_and_memory_layout_do_not_change_the_hash():
    pixels = textured("u2", (40, 60))
    one = Micrograph(pixels, None, "x")
    for same in (
        pixels.astype(">u2"),
        np.asfortranarray(pixels),
        np.repeat(pixels, 2, axis=1)[:, ::2],
    ):
        other = Micrograph(same, None, "y")
        assert other.content_hash == one.content_hash
        assert other.pixels.dtype.isnative
        assert other.pixels.flags.c_contiguous


def test_hash_is_the_documented_one():
    pixels = textured("u2")
    expected = hashlib.sha256(b"(40, 50)|uint16|" + pixels.astype("<u2").tobytes()).hexdigest()
    assert Micrograph(pixels.astype(">u2"), None, "x").content_hash == expected


def test_hash_tells_shape_type_and_values_apart():
    pixels = textured("u1", (40, 60))
    other = pixels.copy()
    other[39, 59] ^= 1
    arrays = [pixels, pixels.reshape(60, 40), pixels.view("i1"), other, pixels.view("u2")]
    assert len({Micrograph(a, None, "x").content_hash for a in arrays}) == len(arrays)


def test_key_tells_scale_and_set_limits_apart():
    pixels = textured("u2")
    micrographs = [
        Micrograph(pixels, None, "x"),
        Micrograph(pixels, 0.5, "x"),
        Micrograph(pixels, 0.5, "x", intensity=Intensity("fixed", 0, 100)),
        Micrograph(pixels, 0.5, "x", intensity=Intensity("fixed", 0, 101)),
        Micrograph(pixels, 0.5, "x", intensity=Intensity("range")),
    ]
    assert len({m.key for m in micrographs}) == len(micrographs)
    assert len({m.content_hash for m in micrographs}) == 1
    # Units leave rounding errors behind.
    assert 0.1 + 0.2 != 0.3
    assert Micrograph(pixels, 0.1 + 0.2, "x").key == Micrograph(pixels, 0.3, "x").key


def test_pixels_cannot_change():
    pixels = textured("u1")
    micrograph = Micrograph(pixels, None, "x")
    pixels[:] = 0
    assert micrograph.pixels.any()
    with pytest.raises(ValueError, match="read-only"):
        micrograph.pixels[0, 0] = 1


def test_mapped_files_are_taken_into_memory(tmp_path):
    mapped = np.memmap(tmp_path / "raw", dtype="u1", mode="w+", shape=(40, 50))
    mapped[:] = textured("u1")
    mapped.flush()
    readonly = np.memmap(tmp_path / "raw", dtype="u1", mode="r", shape=(40, 50))
    micrograph = Micrograph(readonly, None, "x")
    mapped[:] = 0
    mapped.flush()
    assert micrograph.pixels.any()


@pytest.mark.parametrize("bad", [np.zeros(5), np.zeros((4, 4, 4)), np.zeros((4, 4), complex)])
def test_arrays_that_are_no_images_are_refused(bad):
    with pytest.raises(MicrographError, match="^bad: "):
        Micrograph(bad, None, "bad")


@pytest.mark.parametrize("size", [0, -1, math.nan, math.inf])
def test_pixel_size_must_be_a_length(size, tmp_path):
    WRITERS["8-bit.tif"](tmp_path / "a.tif")
    with pytest.raises(UsageError, match="pixel size"):
        read(tmp_path / "a.tif", pixel_size_um=size)


def test_crop_keeps_scale_and_limits_of_the_whole():
    pixels = textured("u2", (100, 120))
    pixels[:40] //= 100  # a dark part
    whole = Micrograph(pixels, 0.5, "lot/a.b.tif")
    part = whole.crop(10, 20, 30, 40)
    assert part.shape == (30, 40)
    assert part.name == "lot/a.b [10:20:30:40]"
    assert part.region == (10, 20, 30, 40)
    assert part.pixel_size_um == 0.5
    assert np.array_equal(part.to_uint8(), whole.to_uint8()[10:40, 20:60])
    inner = part.crop(1, 2, 16, 16)
    assert inner.region == (11, 22, 16, 16)
    assert np.array_equal(inner.pixels, whole.pixels[11:27, 22:38])


def test_crop_of_8_bit_shows_its_own_bytes():
    whole = Micrograph(textured("u1", (60, 60, 3)), None, "a.png")
    assert whole.crop(0, 0, 20, 20).display_limits() is None
    assert whole.crop(0, 0, 20, 20).key == Micrograph(whole.pixels[:20, :20], None, "b").key


@pytest.mark.parametrize("box", [(-1, 0, 20, 20), (0, 0, 41, 20), (30, 0, 20, 20), (0, 0, 15, 20)])
def test_crop_outside_or_too_small_is_refused(box):
    with pytest.raises(MicrographError, match=r"a \["):
        Micrograph(textured("u1"), None, "a.tif").crop(*box)


@pytest.mark.parametrize(
    "shape, expected",
    [((400, 200), (160, 80, 3)), ((200, 400, 3), (80, 160, 3)), ((20, 30), (20, 30, 3))],
)
def test_thumbnail_keeps_the_aspect(shape, expected):
    small = Micrograph(textured("u2", shape), None, "x").thumbnail()
    assert small.shape == expected
    assert small.dtype == np.uint8


def test_to_rgb_repeats_grey():
    micrograph = Micrograph(textured("u1"), None, "x")
    assert (micrograph.to_rgb() == micrograph.pixels[..., np.newaxis]).all()


class TestIntensity:
    def test_8_bit_stays_as_it_is(self):
        pixels = np.full((20, 20), 100, "u1")
        pixels[0, 0] = 101
        assert np.array_equal(Micrograph(pixels, None, "x").to_uint8(), pixels)

    @pytest.mark.parametrize("dtype", ["u2", "i1", "i2", "i4", "u8", "f2", "f4", "f8"])
    def test_others_go_from_percentile_to_percentile(self, dtype):
        pixels = textured(dtype, (80, 80))
        low, high = np.percentile(pixels.astype("f8"), [0.1, 99.9])
        micrograph = Micrograph(pixels, None, "x")
        assert micrograph.display_limits() == pytest.approx((low, high), rel=1e-12)
        expected = np.clip((pixels.astype("f8") - low) / (high - low), 0, 1) * 255
        assert np.abs(micrograph.to_uint8() - expected).max() <= 0.5 + 1e-6

    def test_colour_shares_its_limits(self):
        pixels = textured("u2", (40, 40, 3))
        pixels[..., 1] //= 4
        shown = Micrograph(pixels, None, "x").to_uint8()
        assert shown[..., 1].max() < 70 < shown[..., 0].max()

    def test_float_beyond_0_to_1(self):
        pixels = np.linspace(-500, 900, 64 * 64).reshape(64, 64)
        shown = Micrograph(pixels, None, "x").to_uint8()
        assert (shown.min(), shown.max()) == (0, 255)
        assert 120 < shown.mean() < 135

    def test_nan_and_infinity_are_black_and_do_not_count(self):
        pixels = textured("f4")
        clean = Micrograph(pixels, None, "x").display_limits()
        dirty = np.concatenate([pixels, np.full((3, 50), np.nan, "f4")])
        dirty[-1] = np.inf
        dirty[-2] = -np.inf
        micrograph = Micrograph(dirty, None, "x")
        assert micrograph.display_limits() == clean
        assert (micrograph.to_uint8()[-3:] == 0).all()

    def test_a_few_pixels_off_a_constant_are_seen(self):
        pixels = np.full((100, 100), 7, "u2")
        pixels[5, 5] = 9
        shown = Micrograph(pixels, None, "x").to_uint8()
        assert (shown[5, 5], shown[0, 0]) == (255, 0)

    def test_range_and_fixed(self):
        pixels = textured("u2")
        assert Intensity("range").limits(pixels) == (0, 65535)
        assert Intensity("range").limits(pixels.astype("f4")) == (0, 1)
        assert Intensity("range").limits(pixels.astype("u1")) is None
        shown = to_uint8(np.array([[0, 10, 15, 20, 99]], "u2"), (10, 20))
        assert shown.tolist() == [[0, 0, 128, 255, 255]]

    @pytest.mark.parametrize(
        "arguments",
        [("fixed",), ("fixed", 1), ("fixed", 2, 1), ("fixed", 0, math.nan), ("best",)]
        + [("percentile", 0, 1)],
    )
    def test_wrong_policies_are_refused(self, arguments):
        with pytest.raises(UsageError):
            Intensity(*arguments)

    def test_whole_range_of_the_type_does_not_overflow(self):
        for dtype in ("i8", "u8", "f8", "f4"):
            pixels = textured("u1").astype(dtype)
            top = np.finfo(dtype).max if dtype[0] == "f" else np.iinfo(dtype).max
            pixels[0, :10] = top
            pixels[1, :10] = -top if dtype[0] in "if" else 0
            shown = Micrograph(pixels, None, "x").to_uint8()
            assert shown[0, 0] == 255
            assert shown[1, 0] == 0

    @given(
        hnp.arrays(
            st.sampled_from(["u1", "i1", "u2", "i2", "i4", "f4"]),
            hnp.array_shapes(min_dims=2, max_dims=2, max_side=30),
        )
    )
    @settings(deadline=None, max_examples=60)
    def test_percentiles_are_those_of_numpy(self, pixels):
        finite = pixels[np.isfinite(pixels)].astype("f8")
        if finite.size == 0:
            with pytest.raises(ValueError, match="no finite value"):
                percentiles(pixels, (1, 99))
            return
        expected = np.percentile(finite, [1, 99])
        assert percentiles(pixels, (1, 99)) == pytest.approx(expected, rel=1e-12, abs=1e-300)

    @pytest.mark.parametrize("order", ["random", "sorted", "misleading"])
    def test_large_images_are_not_guessed_from_a_sample(self, order):
        pixels = textured("f4", (2100, 2100))
        if order == "sorted":
            pixels = np.sort(pixels.ravel()).reshape(pixels.shape)
        elif order == "misleading":  # all sampled values are the lowest
            pixels.ravel()[:: pixels.size // 2**16] = -1e6
        ordered = np.sort(pixels.ravel()).astype("f8")
        places = np.arange(pixels.size)
        for q in ((0.1, 99.9), (0, 100), (49.99, 50.01)):
            expected = np.interp(np.array(q) / 100 * (pixels.size - 1), places, ordered)
            assert percentiles(pixels, q) == pytest.approx(expected)

    @given(st.permutations(range(6)))
    @settings(deadline=None, max_examples=10)
    def test_percentiles_do_not_depend_on_order(self, order):
        pixels = textured("f4", (60, 50))
        blocks = np.split(pixels, 6)
        shuffled = np.concatenate([blocks[i] for i in order])
        assert percentiles(pixels, (0.1, 99.9)) == percentiles(shuffled, (0.1, 99.9))
