"""The commands `train`, `segment` and `measure`, from micrographs to a table in micrometres."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tifffile

from command_line import rows, run
from napari_qualify.library.store import open_library
from napari_qualify.micrograph import read
from napari_qualify.segment.label_files import read_labels
from napari_qualify.segment.model_folder import load_segmenter, read_model
from napari_qualify.segment.threshold import ThresholdSegmenter

PIXEL = 0.25


def names(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def micrograph(path, seed=0, side=96, size=PIXEL):
    """Bright disks on a dark matrix; returns where the disks are."""
    rng = np.random.default_rng(seed)
    y, x = np.indices((side, side))
    truth = np.zeros((side, side), np.uint8)
    for cy, cx in rng.integers(0, side, (8, 2)):
        truth[(y - cy) ** 2 + (x - cx) ** 2 < 64] = 1
    grey = np.clip(60 + 120 * truth + rng.normal(0, 8, truth.shape), 0, 255).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, grey, resolution=(1e4 / size, 1e4 / size), resolutionunit=3)
    return truth


@pytest.fixture
def model(tmp_path):
    return ThresholdSegmenter(("matrix", "carbide")).save(tmp_path / "model")


def test_segment_and_measure_keep_the_pixel_size(model, tmp_path):
    truths = [micrograph(tmp_path / "day" / f"f{i}.tif", i) for i in range(2)]
    shown = run("segment", model, tmp_path / "day", "--out", tmp_path / "labels")
    assert "2 label images of 1=matrix,2=carbide in" in shown
    assert names(tmp_path / "labels") == ["f0.tif", "f1.tif", "failures.csv"]
    assert rows(tmp_path / "labels" / "failures.csv") == []
    for i, truth in enumerate(truths):
        found = tifffile.imread(tmp_path / "labels" / f"f{i}.tif")
        assert found.dtype == np.uint8 and np.mean(found == truth + 1) > 0.98
    table = tmp_path / "deep" / "measures.csv"
    run("measure", tmp_path / "labels", "--out", table)
    found = rows(table)
    header = ["image", "phase", "measure", "value", "low", "high", "unit", "n", "method"]
    assert list(found[0]) == header
    assert {(r["image"], r["phase"]) for r in found} == {
        (f"f{i}.tif", name) for i in range(2) for name in ("matrix", "carbide")
    }
    cell = {(r["image"], r["phase"], r["measure"]): r for r in found}
    labels = tifffile.imread(tmp_path / "labels" / "f1.tif")
    fraction = cell["f1.tif", "carbide", "area_fraction"]
    assert float(fraction["value"]) == pytest.approx(np.mean(labels == 2)) and not fraction["unit"]
    diameter = cell["f1.tif", "carbide", "equivalent_diameter"]
    assert diameter["unit"] == "um" and 2 < float(diameter["value"]) < 9
    run("measure", tmp_path / "labels", "--out", table, "--pixel-size", "0.5",
        "--phases", "1=ferrite,2=pearlite")  # fmt: skip
    doubled = {(r["image"], r["phase"], r["measure"]): r for r in rows(table)}
    twice = doubled["f1.tif", "pearlite", "equivalent_diameter"]["value"]
    assert float(twice) == pytest.approx(2 * float(diameter["value"]))


def test_what_segment_finds_is_in_the_library(model, tmp_path):
    micrograph(tmp_path / "a.tif")
    run("init", tmp_path / "lab", "--encoder", "lite")
    run("segment", model, tmp_path / "a.tif", "--out", tmp_path / "o", "--library",
        tmp_path / "lab", "--pixel-size", "2")  # fmt: skip
    kept = open_library(tmp_path / "lab").load_phases(read(tmp_path / "a.tif").content_hash)
    written = read_labels(tmp_path / "o" / "a.tif")
    assert np.array_equal(kept.labels, written.labels) and kept.names == written.names
    assert kept.pixel_size_um == written.pixel_size_um == 2.0
    assert kept.made_by["fingerprint"] == load_segmenter(model).fingerprint


def test_equal_stems_do_not_replace_each_other(model, tmp_path):
    for path in ("x/a.tif", "y/a.tif", "y/A.TIFF", "y/b.tif", "c.tif", "z/a.tif"):
        micrograph(tmp_path / "in" / path)
    run("segment", model, tmp_path / "in", "--out", tmp_path / "out")
    assert names(tmp_path / "out") == sorted(
        ["x/a.tif", "y/a.tif.tif", "y/A.TIFF.tif", "b.tif", "c.tif", "z/a.tif"] + ["failures.csv"]
    )


def test_a_micrograph_is_never_replaced_by_its_labels(model, tmp_path):
    micrograph(tmp_path / "a.tif")
    before = (tmp_path / "a.tif").read_bytes()
    shown = run("segment", model, tmp_path / "a.tif", "--out", tmp_path, code=2)
    assert "choose another --out" in shown
    assert (tmp_path / "a.tif").read_bytes() == before


def test_files_that_fail_are_listed_and_the_others_done(model, tmp_path):
    micrograph(tmp_path / "in" / "good.tif")
    (tmp_path / "in" / "empty.tif").touch()
    tifffile.imwrite(tmp_path / "in" / "flat.tif", np.eye(32, dtype=np.uint8) * 0 + 7)
    shown = run("segment", model, tmp_path / "in", "--out", tmp_path / "o", code=1)
    assert "2 files could not be used" in shown and "1 label image of" in shown
    assert names(tmp_path / "o") == ["failures.csv", "good.tif"]
    failed = {r["image"]: r["error"] for r in rows(tmp_path / "o" / "failures.csv")}
    assert set(failed) == {"empty.tif", "flat.tif"}
    assert failed["empty.tif"].startswith("empty.tif: the file is empty")


def test_measure_lists_what_fails_beside_the_table(tmp_path):
    (tmp_path / "in").mkdir()
    tifffile.imwrite(tmp_path / "in" / "a.tif", np.eye(32, dtype=np.uint8))
    tifffile.imwrite(tmp_path / "in" / "grey.tif", np.random.default_rng(0).random((32, 32)))
    shown = run("measure", tmp_path / "in", "--out", tmp_path / "t.csv", code=1)
    assert "rows of 1 image in" in shown and "grey.tif" in shown
    failed = rows(tmp_path / "t.failures.csv")
    assert [r["image"] for r in failed] == ["grey.tif"] and "float64" in failed[0]["error"]
    assert {r["phase"] for r in rows(tmp_path / "t.csv")} == {"phase 0", "phase 1"}
    assert {r["unit"] for r in rows(tmp_path / "t.csv") if r["measure"] == "number_density"} == {
        "1/px2"
    }
    (tmp_path / "in" / "grey.tif").unlink()
    run("measure", tmp_path / "in", "--out", tmp_path / "t.csv")
    assert names(tmp_path) == ["in/a.tif", "t.csv"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["segment", "nowhere", "a.tif", "--out", "o"], "nowhere: not a model folder"),
        (["segment", "model", "a.tif", "--out", "o", "--augment"], "only a network"),
        (["segment", "model", "a.tif", "--out", "o", "--library", "lab"], "lab"),
        (["segment", "model", "empty", "--out", "o"], "no images here"),
        (["measure", "empty", "--out", "t.csv"], "no images here"),
        (["measure", "a.tif", "--out", "empty"], "is a folder"),
        (["measure", "a.tif", "--out", "t.csv", "--phases", "matrix"], "VALUE=NAME"),
        (["measure", "a.tif", "--out", "t.csv", "--pixel-size", "0"], "must be above 0"),
        (["train", "in", "in", "--out", "model"], "a model is here already"),
        (["train", "in", "in", "--out", "empty", "--resume"], "no stopped training"),
        (["train", "empty", "in", "--out", "m"], "no images here"),
        (["train", "in", "in", "--out", "m", "--phases", "1"], "VALUE=NAME"),
    ],
)
def test_wrong_use_is_exit_code_2(model, tmp_path, monkeypatch, arguments, message):
    micrograph(tmp_path / "a.tif")
    micrograph(tmp_path / "in" / "a.tif")
    (tmp_path / "empty").mkdir()
    before = names(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert message in run(*arguments, code=2)
    assert names(tmp_path) == before


@pytest.fixture
def lot(tmp_path):
    lines = ["image,split,group"]
    for i, side in enumerate(["train", "train", "validation", "test"]):
        truth = micrograph(tmp_path / "images" / f"f{i}.tif", i)
        (tmp_path / "masks").mkdir(exist_ok=True)
        tifffile.imwrite(tmp_path / "masks" / f"f{i}.tif", truth)
        lines.append(f"images/f{i}.tif,{side},plate {i}")
    (tmp_path / "split.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def train(lot, *more, code=0):
    return run("train", lot / "images", lot / "masks", "--out", lot / "net", "--phases",
               "0=matrix,1=carbide", *more, code=code)  # fmt: skip


def test_train_then_segment(lot):
    shown = train(lot, "--split", lot / "split.csv", "--steps", "6", "--seed", "3")
    assert "2 for train, 1 for validation, 1 for test; 0=matrix,1=carbide; 0.25 um/px" in shown
    assert "mean IoU" in shown and "test" in shown
    record, _ = read_model(lot / "net")
    assert record["phases"] == {"0": "matrix", "1": "carbide"}
    assert record["pixel_size_um"] == pytest.approx(PIXEL)
    images = record["training"]["images"]
    assert [each["name"] for each in images] == ["f0.tif", "f1.tif"]
    assert images[0]["sha256"] == read(lot / "images" / "f0.tif").content_hash
    assert set(record["metrics"]["test_iou"]) == {"matrix", "carbide"}
    run("segment", lot / "net", lot / "images" / "f3.tif", "--out", lot / "labels", "--augment")
    found = read_labels(lot / "labels" / "f3.tif")
    assert found.names == {0: "matrix", 1: "carbide"} and found.pixel_size_um == PIXEL


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="sends a POSIX signal")
def test_a_training_that_is_stopped_keeps_the_best_and_can_go_on(lot):
    code = "from napari_qualify.cli import main; main()"
    arguments = [lot / "images", lot / "masks", "--out", lot / "net", "--split", lot / "split.csv"]
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", code, "train", *map(str, arguments), "--steps", "45"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stdout:
        if line.startswith("step"):
            break
    process.send_signal(signal.SIGINT)
    started = time.monotonic()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert time.monotonic() - started < 30
    assert "stopped; the best network so far is in" in errors and "Traceback" not in errors
    first = load_segmenter(lot / "net")
    steps = read_model(lot / "net")[0]["training"]["steps"]
    assert 0 < steps < 45 and first.names == {0: "phase 0", 1: "phase 1"}
    assert (lot / "net.training").is_dir()
    run("train", *arguments, "--resume")
    assert read_model(lot / "net")[0]["training"]["settings"]["steps"] == 45
    assert not (lot / "net.training").exists()
