import json

import numpy as np
import pytest

from napari_qualify.errors import SegmentationError
from napari_qualify.micrograph import Micrograph
from napari_qualify.segment.model_folder import (
    RECORD,
    TENSORS,
    check_target,
    load_segmenter,
    read_model,
    write_model,
)
from napari_qualify.segment.run import Segmenter, segment
from napari_qualify.segment.threshold import ThresholdSegmenter

WEIGHTS = {"a.weight": np.arange(6, dtype=np.float32).reshape(2, 3).T, "n": np.array(3)}
ONE = {"kind": "threshold", "phases": {0: "matrix", 1: "pore"}, "metrics": {"iou": float("nan")}}


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_is_written_is_read_again(tmp_path):
    folder = write_model(tmp_path / "deep" / "model", ONE, WEIGHTS)
    record, tensors = read_model(str(folder))
    assert names(folder) == [RECORD, TENSORS] and names(folder.parent) == ["model"]
    assert record["phases"] == {"0": "matrix", "1": "pore"}
    assert record["metrics"] == {"iou": None}
    assert (record["format"], record["format_version"]) == ("napari-qualify-model", 1)
    assert {"napari-qualify", "torch", "numpy", "python"} <= set(record["versions"])
    assert {k: v.tolist() for k, v in tensors.items()} == {
        "a.weight": [[0, 3], [1, 4], [2, 5]],
        "n": 3,
    }


def test_an_empty_folder_is_filled_and_another_one_is_left_alone(tmp_path):
    (tmp_path / "empty").mkdir()
    write_model(tmp_path / "empty", ONE, {})
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("words")
    (tmp_path / "file").write_text("words")
    for target in ("mine", "file"):
        with pytest.raises(SegmentationError, match=rf"{target}: exists and is no model folder"):
            write_model(tmp_path / target, ONE, {}, overwrite=True)
        with pytest.raises(SegmentationError):
            check_target(tmp_path / target)
    assert names(tmp_path / "mine") == ["thesis.txt"]


def test_a_model_is_replaced_on_purpose_only(tmp_path):
    folder = write_model(tmp_path / "m", ONE, WEIGHTS)
    with pytest.raises(SegmentationError, match="a model is here already"):
        write_model(folder, ONE, {})
    assert len(read_model(folder)[1]) == 2
    write_model(folder, ONE, {}, overwrite=True)
    assert read_model(folder)[1] == {}
    assert names(tmp_path) == ["m"]


def test_a_write_that_fails_leaves_the_old_model_and_nothing_else(tmp_path):
    folder = write_model(tmp_path / "m", ONE, WEIGHTS)
    with pytest.raises(TypeError, match="cannot be stored"):
        write_model(folder, {"kind": object()}, {}, overwrite=True)
    assert names(tmp_path) == ["m"]
    assert len(read_model(folder)[1]) == 2


def damage_weights(folder):
    data = bytearray((folder / TENSORS).read_bytes())
    data[-1] ^= 1
    (folder / TENSORS).write_bytes(data)


def change(**values):
    def edit(folder):
        record = json.loads((folder / RECORD).read_text("utf-8")) | values
        (folder / RECORD).write_text(json.dumps(record), encoding="utf-8")

    return edit


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_weights, "its sha256 differs"),
        (lambda f: (f / TENSORS).unlink(), "model.safetensors cannot be read"),
        (lambda f: (f / RECORD).unlink(), "not a model folder"),
        (lambda f: (f / RECORD).write_text("{"), "damaged"),
        (lambda f: (f / RECORD).write_bytes(b"\xff"), "damaged"),
        (lambda f: (f / RECORD).write_text("[]"), "not the record"),
        (change(format="other"), "not the record"),
        (change(format_version=2), "of format 2; this version reads format 1"),
        (change(kind="forest"), "kind 'forest'.*newer"),
        (change(parameters={"phases": ["a"]}), "not a whole model.*2 to 5"),
        (change(parameters={"colour": 1}), "not a whole model.*colour"),
        (change(parameters=None), "not a whole model"),
    ],
)
def test_a_damaged_folder_is_an_error_that_names_it(tmp_path, damage, message):
    folder = ThresholdSegmenter().save(tmp_path / "m")
    damage(folder)
    with pytest.raises(SegmentationError, match=rf"{tmp_path}.m.*{message}"):
        load_segmenter(folder)


def test_missing_parameters_are_named(tmp_path):
    folder = write_model(tmp_path / "m", ONE, {})
    with pytest.raises(SegmentationError, match="lacks 'parameters'"):
        load_segmenter(folder)


@pytest.mark.parametrize("thresholds", [None, (60.0, 160.5)])
def test_thresholds_survive_their_folder(tmp_path, thresholds):
    mine = ThresholdSegmenter(("dark", "grey", "light"), smoothing_um=2.0, thresholds=thresholds)
    folder = mine.save(tmp_path / "m")
    loaded = load_segmenter(folder)
    assert isinstance(loaded, Segmenter)
    assert loaded == mine and loaded.fingerprint == mine.fingerprint
    record, _ = read_model(folder)
    keys = {"kind", "architecture", "phases", "pixel_size_um", "intensity", "training", "metrics"}
    assert keys <= set(record)
    assert record["fingerprint"] == mine.fingerprint
    grey = np.random.default_rng(0).integers(0, 256, (40, 40)).astype(np.uint8)
    micrograph = Micrograph(grey, 0.5, "a.tif")
    by_path = segment(micrograph, str(folder), probabilities=True)
    assert np.array_equal(by_path.labels, mine.predict(micrograph).labels)
    assert by_path.pixel_size_um == 0.5 and by_path.probabilities is None
