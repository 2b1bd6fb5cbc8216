"""What is no micrograph has a stated result within 5 s, and the others go on."""

import io
import os
import platform
import struct
import subprocess
import sys
import textwrap
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from napari_qualify.errors import MicrographError
from napari_qualify.files import Failure, find_micrographs, read_all
from napari_qualify.micrograph import Micrograph, read

LIMIT_S = 5.0
RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (40, 50), dtype="u1")
RGB = RNG.integers(0, 256, (40, 50, 3), dtype="u1")


def tiff(array, **arguments):
    out = io.BytesIO()
    tifffile.imwrite(out, array, **arguments)
    return out.getvalue()


def png(array, mode=None, **arguments):
    out = io.BytesIO()
    image = Image.fromarray(array)
    (image.convert(mode) if mode else image).save(out, "png", **arguments)
    return out.getvalue()


def jpeg(array, mode=None, **arguments):
    out = io.BytesIO()
    image = Image.fromarray(array)
    (image.convert(mode) if mode else image).save(out, "jpeg", **arguments)
    return out.getvalue()


def with_alpha(alpha):
    return np.dstack([RGB, np.broadcast_to(np.asarray(alpha, "u1"), (40, 50))])


def pages(*arrays, **arguments):
    out = io.BytesIO()
    with tifffile.TiffWriter(out) as writer:
        for array in arrays:
            writer.write(array, photometric="minisblack", metadata=None, **arguments)
    return out.getvalue()


def beside_thumbnail():
    out = io.BytesIO()
    with tifffile.TiffWriter(out) as writer:
        writer.write(GREY, metadata=None)
        writer.write(GREY[::2, ::2], subfiletype=1, metadata=None)
    return out.getvalue()


def animated():
    out = io.BytesIO()
    Image.fromarray(GREY).save(
        out, "png", save_all=True, append_images=[Image.fromarray(255 - GREY)]
    )
    return out.getvalue()


def huge_png(side):
    """A PNG of a few bytes that claims side x side pixels."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 10))
        + chunk(b"IEND", b"")
    )


def with_tags(data, values):
    """Change tags of a TIFF to other numbers of at most 32 bits."""
    data = bytearray(data)
    with tifffile.TiffFile(io.BytesIO(data)) as tif:
        for code, value in values.items():
            tag = tif.pages.first.tags[code]
            data[tag.offset + 2 : tag.offset + 4] = (4).to_bytes(2, "little")
            data[tag.valueoffset : tag.valueoffset + 4] = value.to_bytes(4, "little")
    return bytes(data)


def claiming(rows, columns):
    """A small TIFF that claims another size."""
    whole = tiff(GREY, metadata=None, compression="deflate")
    return with_tags(whole, {256: columns, 257: rows, 278: rows})


def sparse_tiff():
    """A TIFF of tiles, the first of which was never stored."""
    data = bytearray(tiff(GREY, tile=(16, 16), metadata=None))
    with tifffile.TiffFile(io.BytesIO(data)) as tif:
        for code in (324, 325):
            tag = tif.pages.first.tags[code]
            data[tag.valueoffset : tag.valueoffset + 2] = b"\0\0"
            if tag.dtype == 4:
                data[tag.valueoffset + 2 : tag.valueoffset + 4] = b"\0\0"
    return bytes(data)


nan = np.full((40, 50), np.nan, "f4")
some_nan = RNG.normal(size=(40, 50)).astype("f4")
some_nan[0, :3] = np.nan, np.inf, -np.inf

ERRORS = {
    "empty file": ("a.tif", b"", "the file is empty"),
    "one byte": ("a.tif", b"I", "not a TIFF"),
    "only a signature": ("a.tif", b"II*\0", "cannot be read"),
    "truncated TIFF": ("a.tif", tiff(GREY)[:-500], "truncated"),
    "truncated compressed TIFF": ("a.tif", tiff(GREY, compression="deflate")[:-500], "truncated"),
    "truncated PNG": ("a.png", png(GREY)[:-500], "cannot be read"),
    "truncated JPEG": ("a.jpg", jpeg(GREY)[:-500], "cannot be read"),
    "text named .tif": ("a.tif", b"not an image\n" * 50, "not a TIFF, PNG"),
    "a PDF named .png": ("a.png", b"%PDF-1.7\n" + bytes(500), "not a TIFF, PNG"),
    "random bytes": ("a.tif", RNG.bytes(5000), "not a TIFF"),
    "random bytes after a signature": ("a.tif", b"II*\0" + RNG.bytes(5000), "a.tif: "),
    "random bytes in a PNG": ("a.png", b"\x89PNG\r\n\x1a\n" + RNG.bytes(5000), "cannot be read"),
    "random bytes in a JPEG": ("a.jpg", b"\xff\xd8\xff\xe0" + RNG.bytes(5000), "cannot be read"),
    "3-D stack": (
        "a.tif",
        tiff(RNG.integers(0, 256, (5, 40, 50), dtype="u1"), photometric="minisblack"),
        r"a stack of shape \(5, 40, 50\)",
    ),
    "ImageJ stack": (
        "a.tif",
        tiff(RNG.integers(0, 256, (5, 40, 50), dtype="u1"), imagej=True),
        "a stack of shape",
    ),
    "several pages": ("a.tif", pages(GREY, GREY), "holds 2 images|a stack of shape"),
    "pages of two sizes": ("a.tif", pages(GREY, GREY[:30]), "holds 2 images"),
    "animated PNG": ("a.png", animated(), "holds 2 images"),
    "five channels": (
        "a.tif",
        tiff(
            RNG.integers(0, 256, (40, 50, 5), dtype="u1"),
            photometric="minisblack",
            planarconfig="contig",
            metadata=None,
        ),
        "a stack of shape",
    ),
    "CMYK JPEG": ("a.jpg", jpeg(RGB, "CMYK"), "CMYK"),
    "CMYK TIFF": ("a.tif", tiff(with_alpha(9), photometric="separated"), "CMYK"),
    "complex": ("a.tif", tiff(GREY.astype("c8")), "values of type complex64"),
    "all NaN": ("a.tif", tiff(nan), "every value is NaN"),
    "all infinite": ("a.tif", tiff(nan + np.inf), "every value is NaN or infinite"),
    "constant": ("a.tif", tiff(np.full((40, 50), 7, "u1")), "every value is 7"),
    "constant but for NaN": ("a.tif", tiff(np.where(some_nan > 0, 1, nan)), "every value is 1"),
    "constant colour of one level": ("a.png", png(RGB * 0 + 9), "every value is 9"),
    "partly transparent": ("a.png", png(with_alpha(GREY)), "partly transparent"),
    "wholly transparent": ("a.png", png(with_alpha(0)), "partly transparent"),
    "transparent grey": ("a.png", png(np.dstack([GREY, GREY])), "partly transparent"),
    "transparent TIFF": (
        "a.tif",
        tiff(with_alpha(GREY), photometric="rgb", extrasamples=["unassalpha"]),
        "partly transparent",
    ),
    "transparent palette": (
        "a.png",
        png(GREY, "P", transparency=int(GREY[0, 0])),
        "partly transparent",
    ),
    "transparent colour": (
        "a.png",
        png(RGB, transparency=tuple(map(int, RGB[3, 4]))),
        "partly transparent",
    ),
    "transparent 16-bit grey": (
        "a.png",
        png(GREY.astype("u2"), transparency=int(GREY[0, 0])),
        "partly transparent",
    ),
    "1 pixel": ("a.png", png(GREY[:1, :1]), "1 x 1 pixels are too few"),
    "a strip": ("a.png", png(GREY[:15]), "15 x 50 pixels are too few"),
    "a PNG of 90000 x 90000": ("a.png", huge_png(90000), "7.5 GiB"),
    "a TIFF of 90000 x 90000": ("a.tif", claiming(90000, 90000), "7.5 GiB"),
    "a TIFF of 60000 x 60000": ("a.tif", claiming(60000, 60000), "damaged; it claims pixels"),
    "a PNG of 60000 x 60000": ("a.png", huge_png(60000), "damaged; it claims pixels"),
    "rows beyond the strips": (
        "a.tif",
        with_tags(tiff(GREY, metadata=None, compression="lzw"), {257: 60}),
        "its tags contradict each other",
    ),
    "rows beyond the tiles": (
        "a.tif",
        with_tags(tiff(GREY, metadata=None, tile=(16, 16)), {257: 60}),
        "its tags contradict each other",
    ),
    "rows beyond the only strip": (
        "a.tif",
        with_tags(tiff(GREY, metadata=None, compression="lzw"), {257: 60, 278: 60}),
        "cannot be read",
    ),
    "rows beyond the file": ("a.tif", with_tags(tiff(GREY, metadata=None), {257: 60}), "cannot be"),
    "a page that is its own successor": (
        "a.tif",
        b"II*\0" + (8).to_bytes(4, "little") + b"\0\0" + (8).to_bytes(4, "little"),
        "a.tif: ",
    ),
}

RESULTS = {
    "PNG renamed .tif": ("a.tif", png(GREY), "u1", "named .tif, but its content is PNG"),
    "TIFF renamed .jpg": ("a.jpg", tiff(GREY), "u1", "named .jpg, but its content is TIFF"),
    "8-bit": ("a.tif", tiff(GREY), "u1", None),
    "16-bit": ("a.tif", tiff(GREY.astype("u2") * 257), "u2", None),
    "big-endian": ("a.tif", tiff(GREY.astype(">u2"), byteorder=">"), "u2", None),
    "tiles": ("a.tif", tiff(GREY, tile=(16, 32)), "u1", None),
    "strips": ("a.tif", tiff(GREY, rowsperstrip=7, compression="lzw"), "u1", None),
    "planes of strips": (
        "a.tif",
        tiff(
            RGB.transpose(2, 0, 1),
            photometric="rgb",
            planarconfig="separate",
            rowsperstrip=7,
            compression="deflate",
        ),
        "u1",
        None,
    ),
    "planes of tiles": (
        "a.tif",
        tiff(RGB.transpose(2, 0, 1), photometric="rgb", planarconfig="separate", tile=(16, 16)),
        "u1",
        None,
    ),
    "BigTIFF": ("a.tif", tiff(GREY, bigtiff=True), "u1", None),
    "signed": ("a.tif", tiff(GREY.astype("i2") - 128), "i2", None),
    "float beyond 0..1": ("a.tif", tiff(GREY.astype("f4") * 1e6 - 5e5), "f4", None),
    "half float": ("a.tif", tiff(GREY.astype("f2")), "f2", None),
    "some NaN": ("a.tif", tiff(some_nan), "f4", "3 values are NaN or infinite"),
    "bilevel": ("a.tif", tiff(GREY > 99), "u1", None),
    "opaque alpha": ("a.png", png(with_alpha(255)), "u1", "the opaque alpha channel was dropped"),
    "opaque grey": ("a.png", png(GREY, "LA"), "u1", "the opaque alpha channel was dropped"),
    "opaque 16-bit TIFF": (
        "a.tif",
        tiff(with_alpha(255).astype("u2") * 257, photometric="rgb", extrasamples=["unassalpha"]),
        "u2",
        "the opaque alpha channel was dropped",
    ),
    "an unused transparent colour": (
        "a.png",
        png(GREY | 1, transparency=0),
        "u1",
        "an unused transparent colour was ignored",
    ),
    "constant colour": ("a.png", png(RGB * 0 + np.array([1, 2, 3], "u1")), "u1", None),
    "a thumbnail beside it": ("a.tif", beside_thumbnail(), "u1", None),
    "a tile that was never stored": ("a.tif", sparse_tiff(), "u1", "1 of 12 pieces are not stored"),
    "white is 0": ("a.tif", tiff(GREY, photometric="miniswhite"), "u1", "stored with 0 as white"),
    "turned": (
        "a.tif",
        tiff(GREY, extratags=[(274, 3, 1, 6, True)]),
        "u1",
        "the orientation tag was ignored",
    ),
    "colour map": (
        "a.tif",
        tiff(GREY, photometric="palette", colormap=np.zeros((3, 256), "u2")),
        "u1",
        "the colour map was ignored",
    ),
    "16 pixels a side": ("a.png", png(GREY[:16, :16]), "u1", None),
}


@pytest.fixture
def in_time():
    start = time.perf_counter()
    yield
    assert time.perf_counter() - start < LIMIT_S


@pytest.mark.parametrize("case", ERRORS)
def test_error_names_the_file(case, tmp_path, in_time):
    name, data, message = ERRORS[case]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(MicrographError, match=message) as caught:
        read(tmp_path / name, name=name)
    assert str(caught.value).startswith(f"{name}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("case", RESULTS)
def test_stated_result(case, tmp_path, in_time):
    name, data, dtype, note = RESULTS[case]
    (tmp_path / name).write_bytes(data)
    micrograph = read(tmp_path / name)
    assert micrograph.pixels.dtype == np.dtype(dtype)
    assert not note or any(note in n for n in micrograph.notes)
    assert len(micrograph.notes) == bool(note) or case == "bilevel"
    shown = micrograph.to_rgb()
    assert shown.dtype == np.uint8
    assert shown.shape == (*micrograph.shape, 3)
    assert shown.max() > shown.min()


def zarr_array(folder, data, **arguments):
    group = zarr.open_group(str(folder), mode="w")
    group.create_array("0", data=data, chunks=(20, 25), **arguments)
    transforms = [{"type": "scale", "scale": [1.0, 1.0]}]
    group.attrs["ome"] = {
        "version": "0.5",
        "multiscales": [
            {
                "axes": [{"name": n, "type": "space"} for n in "yx"],
                "datasets": [{"path": "0", "coordinateTransformations": transforms}],
            }
        ],
    }
    return folder


class TestZarr:
    @pytest.fixture
    def folder(self, tmp_path, in_time):
        return zarr_array(tmp_path / "a.ome.zarr", GREY)

    def test_as_written(self, folder):
        assert np.array_equal(read(folder).pixels, GREY)
        assert read(folder).notes == ()

    def test_plain_array_is_read(self, tmp_path):
        zarr.create_array(str(tmp_path / "b.zarr"), data=GREY)
        assert np.array_equal(read(tmp_path / "b.zarr").pixels, GREY)

    def test_of_bioformats2raw(self, tmp_path):
        root = zarr.open_group(str(tmp_path / "b.zarr"), mode="w")
        root.create_group("OME")
        zarr_array(tmp_path / "b.zarr" / "0", GREY)
        assert np.array_equal(read(tmp_path / "b.zarr").pixels, GREY)
        zarr_array(tmp_path / "b.zarr" / "1", GREY)
        with pytest.raises(MicrographError, match="several images"):
            read(tmp_path / "b.zarr")

    def test_lost_chunk_is_noted(self, folder):
        (folder / "0" / "c" / "0" / "1").unlink()
        (note,) = read(folder).notes
        assert note == "1 of 4 chunks are not stored and were read as 0"

    def test_damaged_chunk(self, folder):
        (folder / "0" / "c" / "0" / "1").write_bytes(b"no chunk")
        with pytest.raises(MicrographError, match=r"a\.ome\.zarr: cannot be read"):
            read(folder)

    @pytest.mark.parametrize("codec", ["gzip", "zlib", "blosc", "zstd", "lz4"])
    @pytest.mark.parametrize("damage", ["truncated", "other bytes", "empty"])
    def test_damaged_chunk_of_version_2(self, codec, damage, tmp_path):
        numcodecs = pytest.importorskip("numcodecs")
        array = zarr.create_array(
            str(tmp_path / "b.zarr"),
            data=GREY,
            chunks=(20, 25),
            zarr_format=2,
            compressors=numcodecs.get_codec({"id": codec}),
        )
        assert np.array_equal(read(tmp_path / "b.zarr").pixels, array[:])
        chunk = tmp_path / "b.zarr" / "0.1"
        whole = chunk.read_bytes()
        damaged = {"truncated": whole[:-90], "other bytes": b"\x07" * len(whole), "empty": b""}
        chunk.write_bytes(damaged[damage])
        with pytest.raises(MicrographError, match=r"b\.zarr: cannot be read"):
            read(tmp_path / "b.zarr")

    @pytest.mark.parametrize("zarr_format", [2, 3])
    @pytest.mark.parametrize("kept", [0, 10, 16, 100, -1])
    def test_cut_blosc_chunk_gives_no_pixels(self, zarr_format, kept, tmp_path):
        numcodecs = pytest.importorskip("numcodecs")
        compressor = {2: numcodecs.Blosc(), 3: zarr.codecs.BloscCodec()}[zarr_format]
        array = zarr.create_array(
            str(tmp_path / "b.zarr"),
            data=GREY,
            chunks=(20, 25),
            zarr_format=zarr_format,
            compressors=compressor,
        )
        chunk = tmp_path / "b.zarr" / array.metadata.encode_chunk_key((1, 0))
        chunk.write_bytes(chunk.read_bytes()[:kept])
        with pytest.raises(MicrographError, match=r"b\.zarr: cannot be read"):
            read(tmp_path / "b.zarr")

    def test_zero_size(self, tmp_path):
        zarr_array(tmp_path / "b.zarr", np.zeros((0, 50), "u1"))
        with pytest.raises(MicrographError, match="holds no pixels"):
            read(tmp_path / "b.zarr")

    def test_empty_folder(self, tmp_path):
        (tmp_path / "b.zarr").mkdir()
        with pytest.raises(MicrographError, match="empty or damaged Zarr folder"):
            read(tmp_path / "b.zarr")

    def test_damaged_metadata(self, folder):
        (folder / "zarr.json").write_text("{")
        with pytest.raises(MicrographError, match="cannot be read"):
            read(folder)

    def test_array_that_is_not_there(self, folder):
        for file in sorted((folder / "0").rglob("*"), reverse=True):
            file.unlink() if file.is_file() else file.rmdir()
        with pytest.raises(MicrographError, match=r"a\.ome\.zarr: cannot be read"):
            read(folder)

    def test_group_without_image(self, tmp_path):
        zarr.open_group(str(tmp_path / "b.zarr"), mode="w")
        with pytest.raises(MicrographError, match="0 OME-Zarr images"):
            read(tmp_path / "b.zarr")

    def test_stack(self, tmp_path):
        zarr.create_array(str(tmp_path / "b.zarr"), data=np.stack([GREY, GREY]))
        with pytest.raises(MicrographError, match="a stack of shape"):
            read(tmp_path / "b.zarr")

    def test_text_is_no_image(self, tmp_path):
        zarr.create_array(str(tmp_path / "b.zarr"), shape=(20, 20), dtype="string")
        with pytest.raises(MicrographError, match=r"b\.zarr: "):
            read(tmp_path / "b.zarr")

    def test_beyond_memory(self, tmp_path):
        zarr.create_array(str(tmp_path / "b.zarr"), shape=(1 << 20, 1 << 20), dtype="u1")
        with pytest.raises(MicrographError, match="1024.0 GiB"):
            read(tmp_path / "b.zarr")

    def test_plain_folder_is_no_image(self, tmp_path):
        with pytest.raises(MicrographError, match="a folder, not an image"):
            read(tmp_path)


def test_other_files_that_an_ome_tiff_names_are_not_opened(tmp_path, in_time):
    planes = "".join(
        f'<TiffData IFD="0" FirstZ="{i}" PlaneCount="1">'
        f'<UUID FileName="{name}">urn:uuid:{i}</UUID></TiffData>'
        for i, name in enumerate(["a.ome.tif", "b.ome.tif"])
    )
    xml = (
        '<?xml version="1.0"?><OME UUID="urn:uuid:0" '
        'xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
        '<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="50" SizeY="40" '
        f'SizeZ="2" SizeC="1" SizeT="1">{planes}</Pixels></Image></OME>'
    )
    tifffile.imwrite(tmp_path / "a.ome.tif", GREY, description=xml, metadata=None)
    os.mkfifo(tmp_path / "b.ome.tif")
    assert np.array_equal(read(tmp_path / "a.ome.tif").pixels, GREY)


def test_missing_file_and_dangling_link(tmp_path):
    with pytest.raises(MicrographError, match="no such file"):
        read(tmp_path / "a.tif")
    (tmp_path / "b.tif").symlink_to(tmp_path / "gone.tif")
    with pytest.raises(MicrographError, match="the link points nowhere"):
        read(tmp_path / "b.tif")
    (tmp_path / "c.tif").symlink_to(tmp_path / "c.tif")
    with pytest.raises(MicrographError, match=r"c\.tif: "):
        read(tmp_path / "c.tif")


def test_fifo_is_not_waited_for(tmp_path, in_time):
    os.mkfifo(tmp_path / "a.tif")
    with pytest.raises(MicrographError, match="not a regular file"):
        read(tmp_path / "a.tif")


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs Linux")
def test_read_error_at_the_start(tmp_path, in_time):
    (tmp_path / "a.tif").symlink_to("/proc/self/mem")  # address 0: EIO
    with pytest.raises(MicrographError, match=r"a\.tif: cannot be read \(OSError: .*error"):
        read(tmp_path / "a.tif")


def in_child(script, *arguments):
    """Run a script beside this process: it gives up rights that it cannot get back."""
    code = textwrap.dedent(script)
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    if done.returncode == 77:
        pytest.skip(done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, done.stderr
    return done.stdout


READ_ERROR = """
import ctypes, errno, platform, struct, sys, time
from napari_qualify.errors import MicrographError
from napari_qualify.files import find_micrographs, read_all
from napari_qualify.micrograph import read

paths = sys.argv[1:]
for path in paths:
    read(path)  # whole; also imports all that reading needs

# From here on the kernel answers EIO to every read above 200 kB: headers can
# be read, the bulk of the pixels cannot, as on a failing disk.
calls = {"x86_64": (0, 17), "aarch64": (63, 67)}[platform.machine()]  # read, pread64
ALLOW, EIO = 0x7FFF0000, 0x00050000 | errno.EIO
program = [
    (0x20, 0, 0, 0),  # load the number of the call
    (0x15, 1, 0, calls[0]),
    (0x15, 0, 2, calls[1]),
    (0x20, 0, 0, 32),  # load the low word of its third argument, the count
    (0x25, 1, 0, 200_000),
    (0x06, 0, 0, ALLOW),
    (0x06, 0, 0, EIO),
]
code = b"".join(struct.pack("HBBI", *line) for line in program)
buffer = ctypes.create_string_buffer(code)


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(38, 1, 0, 0, 0)
if libc.prctl(22, 2, ctypes.byref(Program(len(program), ctypes.addressof(buffer)))):
    sys.stderr.write("this kernel filters no system calls")
    sys.exit(77)
start = time.perf_counter()
for outcome in read_all(find_micrographs(paths)):
    print(outcome)
assert time.perf_counter() - start < 5
"""


@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"),
    reason="makes reads fail by a filter of Linux",
)
def test_read_error_in_the_middle(tmp_path):
    big = RNG.integers(0, 256, (1000, 1000), dtype="u1")
    tifffile.imwrite(tmp_path / "a.tif", big)
    tifffile.imwrite(tmp_path / "b.tif", big, compression="deflate", rowsperstrip=1000)
    tifffile.imwrite(tmp_path / "ok.tif", GREY)
    out = in_child(READ_ERROR, tmp_path / "a.tif", tmp_path / "b.tif", tmp_path / "ok.tif")
    assert "Failure(image='a.tif', error='a.tif: cannot be read (OSError: " in out
    assert "Failure(image='b.tif', error='b.tif: cannot be read (OSError: " in out
    assert "name='ok.tif'" in out


LITTLE_MEMORY = """
import resource, sys
from napari_qualify.files import find_micrographs, read_all
from napari_qualify.micrograph import read

read(sys.argv[1] + "/ok.tif")
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, resource.RLIM_INFINITY))
for outcome in read_all(find_micrographs(sys.argv[1:])):
    print(outcome)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
def test_image_beyond_the_memory(tmp_path):
    tifffile.imwrite(tmp_path / "ok.tif", GREY)
    tifffile.memmap(tmp_path / "big.tif", shape=(30000, 30000), dtype="u1").flush()  # sparse
    out = in_child(LITTLE_MEMORY, tmp_path)
    assert "Failure(image='big.tif', error='big.tif: does not fit into memory" in out
    assert "name='ok.tif'" in out


OTHER_USER = """
import os, sys
from napari_qualify.files import find_micrographs, read_all
from napari_qualify.micrograph import read

read(sys.argv[1] + "/a.tif")  # as root; also imports all that reading needs
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
else:
    os.chmod(sys.argv[1] + "/a.tif", 0)
found = find_micrographs(sys.argv[1:])
print(found.failures)
for outcome in read_all(found):
    print(outcome)
"""


@pytest.mark.skipif(not hasattr(os, "setuid"), reason="needs users as Unix has them")
def test_file_that_this_user_may_not_read(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", GREY)
    tifffile.imwrite(tmp_path / "b.tif", GREY)
    (tmp_path / "shut").mkdir(mode=0o700)
    tifffile.imwrite(tmp_path / "shut" / "c.tif", GREY)
    (tmp_path / "a.tif").chmod(0o600)
    for folder in (tmp_path, *tmp_path.parents):  # pytest keeps its own for its user
        if folder.stat().st_uid == os.getuid() and not folder.stat().st_mode & 0o005:
            folder.chmod(folder.stat().st_mode | 0o005)
    out = in_child(OTHER_USER, tmp_path)
    assert "Failure(image='a.tif', error='a.tif: this user may not read it" in out
    assert "name='b.tif'" in out
    if os.geteuid() == 0:
        assert "Failure(image='shut', error='shut: the folder cannot be listed" in out


def test_the_rest_of_a_batch_goes_on(tmp_path, in_time):
    bad = {f"bad {i}/{name}": data for i, (name, data, _) in enumerate(ERRORS.values())}
    good = {f"good {i}/{case[0]}": case[1] for i, case in enumerate(RESULTS.values())}
    for name, data in (bad | good).items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(data)
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "x.tif").mkdir()
    (tmp_path / "y.tif").symlink_to("gone.tif")
    os.mkfifo(tmp_path / "z.tif")
    found = find_micrographs([tmp_path])
    outcomes = list(read_all(found))
    failures = [o for o in outcomes if isinstance(o, Failure)]
    micrographs = [o for o in outcomes if isinstance(o, Micrograph)]
    assert found.skipped == 1
    assert [f.image for f in found.failures] == ["x.tif", "y.tif", "z.tif"]
    assert {f.image for f in failures} == set(bad)
    assert {m.name for m in micrographs} == set(good)
    assert all(f.error.startswith(f"{f.image}: ") for f in failures + found.failures)


WHOLE = {
    "tif": tiff(GREY, resolution=(1e4, 1e4), resolutionunit="CENTIMETER"),
    "deflate.tif": tiff(GREY, compression="deflate", tile=(16, 16)),
    "lzw.tif": tiff(RGB, compression="lzw", predictor=True, photometric="rgb"),
    "jpeg.tif": tiff(GREY, compression="jpeg"),
    "imagej.tif": tiff(GREY.astype(">u2"), imagej=True, metadata={"unit": "um"}),
    "ome.tif": tiff(GREY, ome=True, metadata={"axes": "YX", "PhysicalSizeX": 1}),
    "png": png(GREY, dpi=(25400, 25400)),
    "rgb.png": png(with_alpha(255)),
    "palette.png": png(RGB, "P"),
    "jpg": jpeg(RGB, dpi=(25400, 25400)),
}

fuzz = settings(
    deadline=LIMIT_S * 1000,
    max_examples=40,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.mark.filterwarnings("ignore")  # decoders may warn before they fail
@pytest.mark.parametrize("kind", WHOLE)
class TestDamage:
    def outcome(self, folder, kind, data):
        path = folder / f"a.{kind}"
        path.write_bytes(data)
        try:
            micrograph = read(path)
            assert micrograph.to_rgb().shape == (*micrograph.shape, 3)
            return micrograph
        except MicrographError as error:
            assert f"a.{kind}: " in str(error)
            return None

    @fuzz
    @given(share=st.floats(0, 1, exclude_max=True))
    def test_truncated_anywhere(self, tmp_path, kind, share):
        data = WHOLE[kind]
        self.outcome(tmp_path, kind, data[: int(len(data) * share)])

    @fuzz
    @given(damage=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1))
    def test_bytes_changed_anywhere(self, tmp_path, kind, damage):
        data = bytearray(WHOLE[kind])
        for share, value in damage:
            data[int((len(data) - 1) * share)] = value
        self.outcome(tmp_path, kind, bytes(data))

    @fuzz
    @given(damage=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1))
    def test_bytes_of_the_header_changed(self, tmp_path, kind, damage):
        data = bytearray(WHOLE[kind])
        for at, value in damage:
            data[at] = value
        self.outcome(tmp_path, kind, bytes(data))


@pytest.mark.parametrize("kind", ["tif", "deflate.tif", "lzw.tif"])
def test_no_truncated_tiff_passes_for_whole(kind, tmp_path):
    """Where pixels are missing there is an error, never an image with a blank part."""
    data = WHOLE[kind]
    whole = {}
    for cut in range(0, len(data), 13):
        (tmp_path / "a.tif").write_bytes(data[:cut])
        try:
            whole[cut] = read(tmp_path / "a.tif").pixels
        except MicrographError:
            continue
    reference = TestDamage().outcome(tmp_path, kind, data).pixels
    assert all(np.array_equal(pixels, reference) for pixels in whole.values())


@given(st.binary(max_size=300))
@fuzz
def test_garbage_is_an_error(tmp_path, data):
    (tmp_path / "a.tif").write_bytes(data)
    with pytest.raises(MicrographError, match=r"a\.tif: "):
        read(tmp_path / "a.tif")
