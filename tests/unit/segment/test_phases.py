from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from napari_qualify.errors import SegmentationError
from napari_qualify.segment.label_images import phases_from_layer, read_phases
from napari_qualify.segment.phases import (
    METADATA_KEY,
    PHASE_COLOURS,
    Phases,
    phase_colour,
)

NAMES = {1: "pore", 2: "matrix", 3: "carbide"}


def some_labels(shape: tuple[int, int] = (24, 30)) -> np.ndarray:
    return np.random.default_rng(3).integers(1, 4, shape).astype(np.uint8)


def test_labels_are_frozen_and_apart_from_the_callers_array() -> None:
    labels = some_labels()
    phases = Phases(labels, NAMES)
    before = phases.content_hash
    labels[:] = 1
    assert Phases(phases.labels, NAMES).content_hash == before
    with pytest.raises(ValueError, match="read-only"):
        phases.labels[0, 0] = 2


def test_hash_follows_values_and_names_not_the_type() -> None:
    labels = some_labels()
    base = Phases(labels, NAMES).content_hash
    assert Phases(labels.astype(np.int64), NAMES, 0.5).content_hash == base
    assert Phases(np.asfortranarray(labels), NAMES).content_hash == base
    assert Phases(labels, {**NAMES, 3: "oxide"}).content_hash != base
    assert Phases(labels[:, ::-1], NAMES).content_hash != base
    assert Phases(labels.reshape(30, 24), NAMES).content_hash != base


@given(hnp.arrays(np.int32, st.tuples(st.integers(1, 9), st.integers(1, 9)),
                  elements=st.integers(0, 70000)))  # fmt: skip
def test_masks_partition_the_field_for_any_integers(labels: np.ndarray) -> None:
    names = {int(v): f"p{v}" for v in np.unique(labels)}
    phases = Phases(labels, names)
    assert phases.labels.dtype.kind == "u"
    assert np.array_equal(phases.labels, labels)
    assert np.array_equal(sum(phases.mask(n).astype(int) for n in names.values()),
                          np.ones(labels.shape, int))  # fmt: skip


def test_zero_may_stay_unnamed_but_no_other_value() -> None:
    labels = some_labels()
    labels[:5] = 0
    assert Phases(labels, NAMES).mask("pore").sum() == (labels == 1).sum()
    labels[0, 0] = 9
    with pytest.raises(SegmentationError, match=r"no name for the label values 9"):
        Phases(labels, NAMES)


@pytest.mark.parametrize(
    ("labels", "names", "message"),
    [
        (np.zeros((4, 4, 3), np.uint8), NAMES, r"shape \(4, 4, 3\)"),
        (np.zeros((0, 4), np.uint8), NAMES, r"shape \(0, 4\)"),
        (np.zeros((4, 4)), NAMES, "float64"),
        (np.full((4, 4), -1), NAMES, "negative"),
        (np.ones((4, 4), int), {}, "no phase is named"),
        (np.ones((4, 4), int), {1: "a", 2: "a "}, "share a name"),
        (np.ones((4, 4), int), {1: " "}, "non-empty"),
    ],
)
def test_wrong_phases_say_what_is_wrong(labels, names, message: str) -> None:
    with pytest.raises(SegmentationError, match=message):
        Phases(labels, names)


@pytest.mark.parametrize("size", [0.0, -1.0, float("nan"), float("inf")])
def test_pixel_size_must_be_a_length(size: float) -> None:
    with pytest.raises(SegmentationError, match="pixel size"):
        Phases(some_labels(), NAMES, size)


def test_unknown_phase_lists_those_that_exist() -> None:
    with pytest.raises(SegmentationError, match="pore, matrix, carbide"):
        Phases(some_labels(), NAMES).mask("oxide")


def test_colours_are_fixed_and_apart() -> None:
    assert phase_colour("Pore ") == PHASE_COLOURS["pore"]
    assert len(set(PHASE_COLOURS.values())) == len(PHASE_COLOURS)
    # Written down: a colour that changed would change every stored embedding of a view.
    assert phase_colour("eutectic") == phase_colour("EUTECTIC") == (44, 206, 131)


def test_record_brings_everything_back() -> None:
    phases = Phases(some_labels(), NAMES, 0.25, "abc", {"segmenter": "x"}, "a/b.tif")
    again = Phases.from_record(phases.labels, phases.record())
    assert again.record() == phases.record()
    assert again.content_hash == phases.content_hash


def test_files_keep_their_integers_and_calibration(tmp_path: Path) -> None:
    labels = some_labels()
    tifffile.imwrite(tmp_path / "a.tif", labels.astype(np.uint16), imagej=True,
                     resolution=(4.0, 4.0), metadata={"unit": "um"})  # fmt: skip
    Image.fromarray(labels).save(tmp_path / "a.png")
    from_tiff = read_phases(tmp_path / "a.tif", NAMES)
    from_png = read_phases(tmp_path / "a.png", NAMES, pixel_size_um=2.0, source="s", image="i")
    assert from_tiff.content_hash == from_png.content_hash == Phases(labels, NAMES).content_hash
    assert from_tiff.pixel_size_um == pytest.approx(0.25)
    assert (from_png.pixel_size_um, from_png.source, from_png.image) == (2.0, "s", "i")


@pytest.mark.parametrize("kind", ["missing", "empty", "text", "colour", "float", "truncated"])
def test_files_that_are_no_label_images_are_named(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"{kind}.tif"
    if kind == "empty":
        path.touch()
    elif kind == "text":
        path.write_text("no image")
    elif kind == "colour":
        tifffile.imwrite(path, np.ones((20, 20, 3), np.uint8), photometric="rgb")
    elif kind == "float":
        tifffile.imwrite(path, np.ones((20, 20), np.float32))
    elif kind == "truncated":
        tifffile.imwrite(path, some_labels((200, 200)))
        path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(SegmentationError, match=kind):
        read_phases(path, NAMES)


def test_layers_give_their_labels_and_scale() -> None:
    from napari.layers import Labels

    labels = some_labels()
    layer = Labels(labels.astype(np.int32), scale=(500, 500), units=("nm", "nm"), name="x")
    assert phases_from_layer(layer, NAMES).pixel_size_um == pytest.approx(0.5)
    assert phases_from_layer(layer, NAMES, pixel_size_um=2.0).pixel_size_um == 2.0
    assert phases_from_layer(Labels(labels.astype(int)), NAMES).pixel_size_um is None
    with pytest.raises(SegmentationError, match="'x'.*no names"):
        phases_from_layer(layer)
    with pytest.raises(SegmentationError, match="not square"):
        phases_from_layer(Labels(labels.astype(int), scale=(1, 2), units=("um", "um")), NAMES)
    with pytest.raises(SegmentationError, match="'z'.*shape"):
        phases_from_layer(Labels(np.ones((3, 4, 5), int), name="z"), NAMES)


def test_a_layer_with_the_record_needs_no_names() -> None:
    import dask.array as da
    from napari.layers import Labels

    phases = Phases(some_labels((64, 64)), NAMES, 0.5, "hash", {"segmenter": "t"}, "m.tif")
    levels = [da.from_array(phases.labels), da.from_array(phases.labels[::2, ::2])]
    layer = Labels(levels, multiscale=True, metadata={METADATA_KEY: phases.record()})
    again = phases_from_layer(layer)
    assert again.record() == phases.record()
    assert np.array_equal(again.labels, phases.labels)
