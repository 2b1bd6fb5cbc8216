import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from napari_qualify.errors import MicrographError, SegmentationError, UsageError
from napari_qualify.micrograph import Micrograph
from napari_qualify.segment.examples import (
    Example,
    derived_names,
    parse_phases,
    read_examples,
    split_by_group,
)

RNG = np.random.default_rng(0)


def image(path, shape=(24, 20), size=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    kw = {} if size is None else {"resolution": (1e4 / size, 1e4 / size), "resolutionunit": 3}
    tifffile.imwrite(path, RNG.integers(0, 256, shape).astype(np.uint8), **kw)


def mask(path, values=(0, 1), shape=(24, 20), dtype=np.uint8, size=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    labels = RNG.choice(np.array(values), shape).astype(dtype)
    labels.flat[: len(values)] = values
    if path.suffix == ".png":
        Image.fromarray(labels).save(path)
    else:
        kw = {} if size is None else {"resolution": (1e4 / size, 1e4 / size), "resolutionunit": 3}
        tifffile.imwrite(path, labels, **kw)


@pytest.fixture
def data(tmp_path):
    for stem in ("a", "b", "c"):
        image(tmp_path / "images" / f"{stem}.tif", size=0.5)
        mask(tmp_path / "masks" / f"{stem}.png")
    return tmp_path


def test_masks_belong_to_images_of_the_same_stem(data):
    image(data / "images" / "unlabelled.tif")
    found = read_examples(data / "images", data / "masks")
    assert [e.micrograph.name for e in found] == ["a.tif", "b.tif", "c.tif"]
    assert [e.group for e in found] == ["a.tif", "b.tif", "c.tif"]
    assert {e.split for e in found} == {"train"}
    assert {e.micrograph.pixel_size_um for e in found} == {0.5}
    assert found[0].labels.shape == (24, 20) and found[0].labels.dtype == np.uint8
    assert derived_names(found) == {0: "phase 0", 1: "phase 1"}


def test_folders_alike_tell_equal_stems_apart(tmp_path):
    for i, folder in enumerate(("x", "y")):
        image(tmp_path / "images" / folder / "f.tif", (20, 20 + i))
        mask(tmp_path / "masks" / folder / "f.png", shape=(20, 20 + i))
    found = read_examples(tmp_path / "images", tmp_path / "masks")
    assert [(e.micrograph.name, e.labels.shape) for e in found] == [
        ("x/f.tif", (20, 20)),
        ("y/f.tif", (20, 21)),
    ]
    with pytest.raises(UsageError, match="fits 2 images"):
        read_examples(tmp_path / "images", tmp_path / "masks" / "x")


def test_a_mask_without_an_image_is_an_error(data):
    mask(data / "masks" / "typo.png")
    with pytest.raises(UsageError, match=r"typo.png has no image of the same name"):
        read_examples(data / "images", data / "masks")


def test_two_masks_of_one_image_are_an_error(data):
    mask(data / "masks" / "a.tif")
    with pytest.raises(UsageError, match=r"a.tif has two masks, a.png and a.tif"):
        read_examples(data / "images", data / "masks")


@pytest.mark.parametrize(
    ("values", "shape", "dtype", "message"),
    [
        ((0, 1), (24, 21), np.uint8, r"b.tif.*\(24, 21\).*\(24, 20\)"),
        ((0, 1), (24, 20, 3), np.uint8, r"mask b.tif.*shape"),
        ((0, 1), (24, 20), np.float32, r"mask b.tif.*float32"),
        ((-1, 1), (24, 20), np.int16, r"mask b.tif.*negative"),
    ],
)
def test_what_is_no_mask_is_an_error_that_names_it(data, values, shape, dtype, message):
    (data / "masks" / "b.png").unlink()
    mask(data / "masks" / "b.tif", values, shape, dtype)
    with pytest.raises(SegmentationError, match=message):
        read_examples(data / "images", data / "masks")


def test_values_need_names_when_names_are_given(data):
    mask(data / "masks" / "b.png", (0, 1, 2))
    read_examples(data / "images", data / "masks", names={1: "pore", 2: "crack"})
    with pytest.raises(SegmentationError, match=r"mask b.png: no name for the label values 2"):
        read_examples(data / "images", data / "masks", names="0=matrix,1=pore")


def test_a_file_that_cannot_be_read_is_named(data):
    (data / "images" / "b.tif").write_bytes(b"")
    with pytest.raises(MicrographError, match="b.tif: the file is empty"):
        read_examples(data / "images", data / "masks")
    with pytest.raises(MicrographError, match="masks: .*no such file"):
        read_examples(data / "images", data / "nowhere")
    (data / "bare").mkdir()
    with pytest.raises(UsageError, match="no images here"):
        read_examples(data / "bare", data / "masks")


@pytest.mark.parametrize(
    ("image_size", "mask_size", "given", "expected"),
    [
        (0.5, None, None, 0.5),
        (None, 0.25, None, 0.25),
        (0.5, 0.5, None, 0.5),
        (0.5, 0.25, 0.125, 0.125),
        (None, None, None, None),
    ],
)
def test_the_pixel_size_is_found_where_it_is_known(
    tmp_path, image_size, mask_size, given, expected
):
    image(tmp_path / "i.tif", size=image_size)
    mask(tmp_path / "m" / "i.tif", size=mask_size)
    found = read_examples(tmp_path / "i.tif", tmp_path / "m" / "i.tif", pixel_size_um=given)
    assert found[0].micrograph.pixel_size_um == pytest.approx(expected)


def test_pixel_sizes_that_contradict_each_other_are_an_error(tmp_path):
    image(tmp_path / "i.tif", size=0.5)
    mask(tmp_path / "m" / "i.tif", size=0.25)
    with pytest.raises(SegmentationError, match=r"i.tif.*0.5 um.*0.25 um"):
        read_examples(tmp_path / "i.tif", tmp_path / "m")


def test_a_table_says_split_and_specimen(data):
    table = data / "split.csv"
    table.write_text("image,split,group\nimages/b.tif,Validation,plate 2\nimages/a.tif,train,\n")
    found = read_examples(data / "images", data / "masks", split=table)
    assert [(e.micrograph.name, e.split, e.group) for e in found] == [
        ("a.tif", "train", "a.tif"),
        ("b.tif", "validation", "plate 2"),
    ]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a.tif,training,", "row 2: split 'training'"),
        ("a.tif,train,\na.tif,test,", "row 3: a.tif is named twice"),
        ("a.tif,train,p\nb.tif,test,p", "row 3: the specimen 'p' is for train above"),
        ("z.tif,train,", "row 2, column 'image': 'z.tif' is none of the images"),
    ],
)
def test_a_wrong_table_is_an_error_that_names_the_row(data, rows, message):
    table = data / "split.csv"
    table.write_text(f"image,split,group\n{rows}\n")
    with pytest.raises(UsageError, match=rf"split.csv.*{message}"):
        read_examples(data / "images", data / "masks", split=table)


def test_phases_from_text():
    assert parse_phases(" 1=dissolved carbide, 0=matrix,") == {0: "matrix", 1: "dissolved carbide"}
    for wrong in ("", "matrix", "1=", "x=pore", "-1=pore", "0=a,0=b", "0=a,1=a", "²=a"):
        with pytest.raises(UsageError):
            parse_phases(wrong)


def some(groups):
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    labels = np.zeros((16, 16), np.uint8)
    return [
        Example(Micrograph(pixels, None, f"{i}"), labels, group) for i, group in enumerate(groups)
    ]


@given(
    st.lists(st.sampled_from("abcdef"), min_size=1, max_size=12),
    st.floats(0.05, 0.95),
    st.integers(0, 99),
)
def test_groups_stay_whole(groups, share, seed):
    examples = some(groups)
    training, validation = split_by_group(examples, share, seed)
    assert not {e.group for e in training} & {e.group for e in validation}
    assert sorted(map(id, training + validation)) == sorted(map(id, examples))
    assert training
    assert bool(validation) == (len(set(groups)) > 1)
    again = split_by_group(examples, share, seed)
    assert [e.group for e in again[1]] == [e.group for e in validation]


def test_the_share_is_met_as_nearly_as_groups_allow():
    examples = some("aabbccddeeffgghhiijj")
    assert len(split_by_group(examples, 0.2)[1]) == 4
    drawn = {tuple(e.group for e in split_by_group(examples, 0.2, seed)[1]) for seed in range(9)}
    assert len(drawn) > 3
    with pytest.raises(UsageError, match="share"):
        split_by_group(examples, 1.0)
