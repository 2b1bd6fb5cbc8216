import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from napari_qualify.errors import SegmentationError
from napari_qualify.micrograph import read
from napari_qualify.segment.label_files import read_labels, stored_names, write_labels
from napari_qualify.segment.phases import Phases

LABELS = np.arange(30 * 20).reshape(30, 20) % 3 * 2
NAMES = {0: "matrix", 2: 'carbide <WC> & "co"', 4: "Kürze"}


@pytest.mark.parametrize("size", [None, 0.0123456789, 0.5, 12.5, 300.0])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_labels_names_and_pixel_size_survive_the_file(tmp_path, size, kind):
    factor = 1 if kind == np.uint8 else 200
    names = {value * factor: name for value, name in NAMES.items()}
    phases = Phases(LABELS * factor, names, size)
    path = write_labels(tmp_path / "a.tif", phases)
    assert [p.name for p in tmp_path.iterdir()] == ["a.tif"]
    found = read_labels(path)
    assert np.array_equal(found.labels, phases.labels) and found.labels.dtype == kind
    assert found.names == names and found.pixel_size_um == size
    assert found.image == "a.tif" and read_labels(path, image="b").image == "b"
    assert tifffile.imread(path).dtype == kind
    assert read(path).pixel_size_um == size  # for every other reader of the package


def test_the_resolution_tags_say_the_same(tmp_path):
    path = write_labels(tmp_path / "a.tif", Phases(LABELS, NAMES, 0.25))
    with tifffile.TiffFile(path) as tif:
        tags = tif.pages[0].tags
        (count, per), unit = tags["XResolution"].value, tags["ResolutionUnit"].value
    assert unit == 3 and 1e4 * per / count == pytest.approx(0.25)


def test_names_and_pixel_size_that_are_given_come_first(tmp_path):
    path = write_labels(tmp_path / "a.tif", Phases(LABELS, NAMES, 0.25))
    found = read_labels(path, {0: "a", 2: "b", 4: "c"}, pixel_size_um=2.0)
    assert found.names == {0: "a", 2: "b", 4: "c"} and found.pixel_size_um == 2.0
    with pytest.raises(SegmentationError, match=r"a.tif: .*no name for the label values 4"):
        read_labels(path, {0: "a", 2: "b"})


def test_files_of_others_get_names_from_their_values(tmp_path):
    Image.fromarray(LABELS.astype(np.uint8)).save(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "a.tif", LABELS.astype(np.int32), ome=True)
    zarr.save_array(tmp_path / "a.zarr", LABELS.astype(np.uint8))
    for name in ("a.png", "a.tif", "a.zarr"):
        assert stored_names(tmp_path / name) is None
        found = read_labels(tmp_path / name)
        assert found.names == {0: "phase 0", 2: "phase 2", 4: "phase 4"}
        assert np.array_equal(found.labels, LABELS)


@pytest.mark.parametrize(
    ("content", "message"),
    [(np.zeros((9, 9, 3), np.uint8), "shape"), (np.zeros((9, 9)), "float64"), (None, "no such")],
)
def test_what_is_no_label_image_is_named(tmp_path, content, message):
    if content is not None:
        tifffile.imwrite(tmp_path / "a.tif", content, photometric="rgb" if content.ndim == 3 else 1)
    for names in (None, {0: "matrix"}):
        with pytest.raises(SegmentationError, match=rf"a.tif: .*{message}"):
            read_labels(tmp_path / "a.tif", names)


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = write_labels(tmp_path / "a.tif", Phases(LABELS, NAMES, 0.25))
    phases = Phases(LABELS + 0, NAMES, 0.5)
    object.__setattr__(phases, "labels", LABELS.astype(object))
    with pytest.raises((TypeError, ValueError, KeyError)):
        write_labels(path, phases)
    assert [p.name for p in tmp_path.iterdir()] == ["a.tif"]
    assert read_labels(path).pixel_size_um == 0.25
