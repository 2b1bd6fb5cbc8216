import json
import math

import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from napari_qualify import calibration
from napari_qualify.errors import MicrographError
from napari_qualify.micrograph import read

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 50), dtype="u1")


def size_and_notes(path):
    micrograph = read(path)
    return micrograph.pixel_size_um, micrograph.notes


@pytest.mark.parametrize(
    "unit, expected",
    [
        ("um", 1),
        ("µm", 1),  # micro sign
        ("μm", 1),  # Greek mu
        ("\\u00B5m", 1),  # as ImageJ writes it
        ("micron", 1),
        ("Micron", 1),
        ("micrometer", 1),
        (" nm ", 1e-3),
        ("nanometre", 1e-3),
        ("Å", 1e-4),
        ("\u212b", 1e-4),  # the angstrom sign
        ("angstrom", 1e-4),
        ("pm", 1e-6),
        ("mm", 1e3),
        ("cm", 1e4),
        ("m", 1e6),
        ("inch", 25400),
        ("Mm", None),  # a megametre is no millimetre
        ("pixel", None),
        ("reference frame", None),
        ("second", None),
        ("", None),
        (None, None),
    ],
)
def test_units_of_length(unit, expected):
    assert calibration.micrometres(unit) == expected


def test_units_of_pint():
    pint = pytest.importorskip("pint")
    registry = pint.get_application_registry()
    for name in ("micrometer", "nanometer", "angstrom", "inch", "millimeter", "meter"):
        expected = (1 * registry.Unit(name)).to("micrometer").magnitude
        assert calibration.micrometres(registry.Unit(name)) == pytest.approx(expected)
    assert calibration.micrometres(registry.Unit("pixel")) is None


def test_resolution_tags(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PIXELS, resolution=(40000, 40000), resolutionunit="CENTIMETER")
    assert size_and_notes(path) == (0.25, ())
    tifffile.imwrite(path, PIXELS, resolution=(254000, 254000), resolutionunit="INCH")
    assert size_and_notes(path) == (pytest.approx(0.1), ())
    tifffile.imwrite(path, PIXELS, resolution=(4, 4), resolutionunit="NONE")
    assert size_and_notes(path) == (None, ())


def test_coarse_resolution_tags_describe_a_print(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", PIXELS, resolution=(300, 300), resolutionunit="INCH")
    Image.fromarray(PIXELS).save(tmp_path / "a.png", dpi=(300, 300))
    Image.fromarray(PIXELS).save(tmp_path / "a.jpg", dpi=(300, 300))
    for name in ("a.tif", "a.png", "a.jpg"):
        size, notes = size_and_notes(tmp_path / name)
        assert size is None
        assert notes == ("resolution of 300 dpi ignored: it describes a print",)


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_resolution_of_png_and_jpeg(name, tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / name, dpi=(50800, 50800))
    assert size_and_notes(tmp_path / name) == (pytest.approx(0.5, rel=1e-6), ())


def test_jpeg_without_density_is_not_calibrated(tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / "a.jpg")
    assert size_and_notes(tmp_path / "a.jpg") == (None, ())


@pytest.mark.parametrize("unit", ["um", "micron", "\\u00B5m"])
def test_imagej(unit, tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PIXELS, imagej=True, resolution=(8, 8), metadata={"unit": unit})
    assert size_and_notes(path) == (0.125, ())


def test_imagej_pixels_and_prints_are_no_calibration(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PIXELS, imagej=True, resolution=(8, 8), metadata={"unit": "pixel"})
    assert size_and_notes(path)[0] is None
    # What ImageJ makes of a 72 dpi photograph.
    tifffile.imwrite(path, PIXELS, imagej=True, resolution=(72, 72), metadata={"unit": "inch"})
    size, notes = size_and_notes(path)
    assert size is None
    assert "72 dpi" in notes[0]
    # A low magnification in a unit that microscopists do use is meant.
    tifffile.imwrite(path, PIXELS, imagej=True, resolution=(20, 20), metadata={"unit": "mm"})
    assert size_and_notes(path) == (50.0, ())


@pytest.mark.parametrize(
    "value, unit, expected",
    [(12.5, "nm", 0.0125), (0.5, None, 0.5), (0.5, "µm", 0.5), (2, "Å", 2e-4), (1, "pixel", None)],
)
def test_ome_tiff(value, unit, expected, tmp_path):
    metadata = {"axes": "YX", "PhysicalSizeX": value, "PhysicalSizeY": value}
    if unit:
        metadata |= {"PhysicalSizeXUnit": unit, "PhysicalSizeYUnit": unit}
    tifffile.imwrite(tmp_path / "a.ome.tif", PIXELS, metadata=metadata)
    size, _ = size_and_notes(tmp_path / "a.ome.tif")
    assert size == (expected if expected is None else pytest.approx(expected))


def test_ome_tiff_pyramid(tmp_path):
    metadata = {"axes": "YX", "PhysicalSizeX": 0.25, "PhysicalSizeY": 0.25}
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as writer:
        writer.write(PIXELS, subifds=1, metadata=metadata)
        writer.write(PIXELS[::2, ::2], subfiletype=1)
    micrograph = read(tmp_path / "a.ome.tif")
    assert micrograph.shape == PIXELS.shape
    assert micrograph.pixel_size_um == 0.25


def test_damaged_ome_xml_leaves_the_resolution_tags(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.tif",
        PIXELS,
        description='<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image',
        metadata=None,
        resolution=(10000, 10000),
        resolutionunit="CENTIMETER",
    )
    assert size_and_notes(tmp_path / "a.tif")[0] == 1.0


def vendor_tag(code, text):
    data = text.encode()
    return [(code, 2, len(data) + 1, data.decode(), True)]


def test_thermo_fisher_fei(tmp_path):
    text = "[User]\r\nUser=lab\r\n[Scan]\r\nPixelWidth=3.25e-09\r\nPixelHeight=3.25e-09\r\n"
    tifffile.imwrite(tmp_path / "a.tif", PIXELS, extratags=vendor_tag(34682, text), metadata=None)
    assert size_and_notes(tmp_path / "a.tif") == (pytest.approx(0.00325), ())


def test_zeiss_sem(tmp_path):
    text = (
        "0\r\nAP_MAG\r\nMag =   5.00 K X\r\nAP_IMAGE_PIXEL_SIZE\r\nImage Pixel Size = 22.33 nm\r\n"
    )
    tifffile.imwrite(
        tmp_path / "a.tif",
        PIXELS,
        extratags=vendor_tag(34118, text),
        metadata=None,
        resolution=(96, 96),
        resolutionunit="INCH",
    )
    assert size_and_notes(tmp_path / "a.tif") == (pytest.approx(0.02233), ())


@pytest.mark.parametrize(
    "arguments",
    [
        {"resolution": (40000, 20000), "resolutionunit": "CENTIMETER"},
        {"imagej": True, "resolution": (4, 8), "metadata": {"unit": "um"}},
    ],
)
def test_non_square_pixels_are_refused_unless_stated(arguments, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", PIXELS, **arguments)
    with pytest.raises(MicrographError, match=r"a\.tif: pixels are not square"):
        read(tmp_path / "a.tif")
    assert read(tmp_path / "a.tif", pixel_size_um=0.3).pixel_size_um == 0.3


@given(st.floats(1e-4, 1e3), st.floats(0.5, 2))
def test_square(side, ratio):
    if max(ratio, 1 / ratio) > 1.0101:
        with pytest.raises(calibration.NonSquareError):
            calibration.square((side, side * ratio), "x")
    elif max(ratio, 1 / ratio) < 1.0099:
        found = calibration.square((side, side * ratio), "x")
        assert min(side, side * ratio) <= found * (1 + 1e-12)
        assert found <= max(side, side * ratio) * (1 + 1e-12)
    assert calibration.square((side, side), "x") == side


@pytest.mark.parametrize("bad", [(0, 0), (1, -1), (math.nan, 1), (math.inf, 1), None])
def test_sizes_that_are_no_lengths_are_no_calibration(bad):
    assert calibration.valid(bad) is None
    assert calibration.from_dpi(bad) == (None, [])


def multiscales(unit="nanometer", scale=(1, 1, 5.0, 5.0), extra=None):
    axes = [
        {"name": "c", "type": "channel"},
        {"name": "z", "type": "space", "unit": "micrometer"},
        {"name": "y", "type": "space"},
        {"name": "x", "type": "space"},
    ]
    for axis in axes[2:]:
        if unit:
            axis["unit"] = unit
    dataset = {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": list(scale)}]}
    return {"axes": axes, "datasets": [dataset], **(extra or {})}


@pytest.mark.parametrize(
    "entry, expected",
    [
        (multiscales(), 0.005),
        (multiscales("micrometer"), 5.0),
        (multiscales("angstrom"), 5e-4),
        (
            multiscales(
                extra={"coordinateTransformations": [{"type": "scale", "scale": [1, 1, 2, 2]}]}
            ),
            0.010,
        ),
        (multiscales(None), None),
        (multiscales("pixel"), None),
        (multiscales(scale=(1, 1, 0, 0)), None),
        ({**multiscales(), "axes": ["c", "z", "y", "x"]}, None),  # 0.3
        ({"datasets": [{"path": "0"}]}, None),  # 0.1
    ],
)
@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_ome_zarr(entry, expected, version, tmp_path):
    folder = tmp_path / "a.ome.zarr"
    group = zarr.open_group(str(folder), mode="w", zarr_format=3 if version == "0.5" else 2)
    group.create_array("0", data=PIXELS[np.newaxis, np.newaxis], chunks=(1, 1, 20, 25))
    entry = json.loads(json.dumps(entry))
    if version == "0.5":
        group.attrs["ome"] = {"version": "0.5", "multiscales": [entry]}
    else:
        group.attrs["multiscales"] = [{**entry, "version": "0.4"}]
    micrograph = read(folder)
    assert micrograph.pixel_size_um == (expected if expected is None else pytest.approx(expected))
    assert np.array_equal(micrograph.pixels, PIXELS)


def test_scale_without_unit_is_noted(tmp_path):
    _, notes = calibration.from_multiscales(multiscales(None))
    assert "without a unit" in notes[0]
