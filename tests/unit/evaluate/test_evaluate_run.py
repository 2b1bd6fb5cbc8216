"""The verb evaluate: micrographs, labels and a library in, figures out."""

import json

import numpy as np
import pandas as pd
import pytest
import tifffile

from napari_qualify import evaluate as package
from napari_qualify.errors import UsageError
from napari_qualify.evaluate.metrics import METRIC_COLUMNS
from napari_qualify.evaluate.run import evaluate, evaluated
from napari_qualify.library.store import open_library
from napari_qualify.micrograph import read
from napari_qualify.segment.phases import Phases

FILES = {"metrics.csv", "judged.csv", "misjudged.csv", "calibration.csv", "risk.csv"}
FILES |= {"failures.csv", "evaluation.json"}
FILES |= {f"{n}.{s}" for n in ("metrics", "roc", "calibration") for s in ("png", "svg")}


def texture(seed, grain, side=48):
    rng = np.random.default_rng(seed)
    small = rng.integers(40, 216, (side // grain + 1,) * 2, dtype=np.uint8)
    return np.kron(small, np.ones((grain, grain), np.uint8))[:side, :side]


def write(path, seed, grain):
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, texture(seed, grain))
    return path


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A library, micrographs to judge, their labels; fine grains are accepted."""
    folder = tmp_path_factory.mktemp("lab")
    library = open_library(folder / "lab", create=True)
    library.add_criterion("grain")
    library.add_criterion("pores", limit="pore.area_fraction <= 0.01")
    for side, grain in (("accept", 2), ("reject", 8)):
        refs = [write(folder / "refs" / f"{grain}-{i}.tif", i, grain) for i in range(4)]
        library.add_references("grain", refs, side)
    lines = ["image,criterion,verdict,expert,group"]
    for i in range(8):
        grain = 2 if i % 2 else 8
        write(folder / "day" / f"f{i}.tif", 100 + i, grain)
        lines.append(f"day/f{i}.tif,grain,{'accept' if i % 2 else 'reject'},E,bar {i // 2}")
        lines.append(f"day/f{i}.tif,pores,accept,E,bar {i // 2}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_figures_of_a_library_on_files_and_what_is_written(lab, tmp_path):
    library = open_library(lab / "lab")
    found = evaluate(library, lab / "labels.csv", [lab / "day"], out=tmp_path / "out", draws=100)
    assert list(found.columns) == list(METRIC_COLUMNS)
    by = found.set_index(["criterion", "metric"])
    assert by.loc[("grain", "accuracy"), ["value", "n", "groups"]].tolist() == [1, 8, 4]
    assert by.loc[("grain", "auroc"), "value"] == 1
    assert by.loc[("pores", "review_rate"), "value"] == 1
    assert by.loc[("pores", "auroc"), "n"] == 0
    assert {p.name for p in (tmp_path / "out").iterdir()} == FILES
    written = pd.read_csv(tmp_path / "out" / "metrics.csv")
    pd.testing.assert_frame_equal(written, found, check_dtype=False, check_names=False)
    judged = pd.read_csv(tmp_path / "out" / "judged.csv")
    assert len(judged) == 16 and set(judged["sample"]) == {f"bar {i}" for i in range(4)}
    document = json.loads((tmp_path / "out" / "evaluation.json").read_text("utf-8"))
    assert document["notes"] == found.attrs["notes"]
    assert document["provenance"]["library_version"] == library.version
    assert library.assessments() == []


def test_by_default_the_files_that_the_labels_name_are_judged(lab):
    named = evaluate(lab / "lab", lab / "labels.csv", draws=50)
    given = evaluate(lab / "lab", lab / "labels.csv", [lab / "day"], draws=50)
    pd.testing.assert_frame_equal(named, given)


def test_micrographs_at_hand_are_matched_by_name(lab):
    made = [read(lab / "day" / f"f{i}.tif") for i in range(8)]
    rows = [(m.name, "grain", "reject" if i % 2 else "accept") for i, m in enumerate(made)]
    labels = pd.DataFrame(rows, columns=["image", "criterion", "verdict"])
    found = evaluate(lab / "lab", labels, made, draws=50).set_index("metric")["value"]
    assert found["accuracy"] == 0 and found["auroc"] == 0


def test_one_criterion_and_files_without_a_label(lab, tmp_path):
    for i in range(3):
        write(tmp_path / f"f{i}.tif", 100 + i, 8)
    rows = [
        ("f0.tif", "grain", "reject"),
        ("f1.tif", "grain", "reject"),
        ("f1.tif", "pores", "accept"),
    ]
    labels = pd.DataFrame(rows, columns=["image", "criterion", "verdict"])
    labels.to_csv(tmp_path / "labels.csv", index=False)
    found = evaluated(lab / "lab", tmp_path / "labels.csv", tmp_path, criteria=["grain"], draws=20)
    assert list(found.table["image"]) == ["f0.tif", "f1.tif"]
    assert [a.image for a in found.assessments] == ["f0.tif", "f1.tif"]
    assert "Not labelled, so not judged: 1 images." in found.notes
    assert found.paths["f1.tif"] == tmp_path / "f1.tif"


def test_a_file_that_fails_is_listed_and_the_rest_is_judged(lab, tmp_path):
    write(tmp_path / "a.tif", 1001, 2)
    (tmp_path / "b.tif").touch()
    (tmp_path / "gone.tif").symlink_to("nowhere.tif")
    lines = [f"{name}.tif,grain,accept" for name in ("a", "b", "gone")]
    (tmp_path / "l.csv").write_text("\n".join(["image,criterion,verdict", *lines]) + "\n")
    found = evaluate(lab / "lab", tmp_path / "l.csv", tmp_path, draws=20)
    assert [name for name, _ in found.attrs["failures"]] == ["b.tif", "gone.tif"]
    assert set(found["n"]) <= {0, 1} and found.set_index("metric").loc["accuracy", "n"] == 1
    assert "Labelled but not judged: 2 (b.tif, gone.tif)." in found.attrs["notes"]


def test_references_are_left_out(lab):
    lines = "image,criterion,verdict\nrefs/2-0.tif,grain,accept\nday/f1.tif,grain,accept\n"
    (lab / "mixed.csv").write_text(lines)
    found = evaluated(lab / "lab", lab / "mixed.csv", draws=20)
    assert list(found.table["image"]) == ["day/f1.tif"]
    assert any("pixels are a reference" in note for note in found.notes)


@pytest.mark.parametrize(
    ("line", "micrographs", "message"),
    [
        ("day/f1.tif,other,accept", None, "no criterion 'other'; it has grain, pores"),
        ("day/no.tif,grain,accept", None, "labels-2.csv: row 2.*is no file"),
        ("refs/2-0.tif,grain,accept", "day", "labels-2.csv: row 2.*is none of the images"),
    ],
)
def test_labels_that_do_not_fit_are_refused(lab, line, micrographs, message):
    (lab / "labels-2.csv").write_text(f"image,criterion,verdict\n{line}\n")
    with pytest.raises(UsageError, match=message):
        evaluate(lab / "lab", lab / "labels-2.csv", micrographs and lab / micrographs)


def test_labels_in_memory_need_micrographs_and_a_criterion_must_be_spoken_of(lab):
    labels = pd.DataFrame(
        [("f1.tif", "grain", "accept")], columns=["image", "criterion", "verdict"]
    )
    with pytest.raises(UsageError, match="give the micrographs too"):
        evaluate(lab / "lab", labels)
    with pytest.raises(UsageError, match="no label speaks of 'pores'"):
        evaluate(lab / "lab", labels, lab / "day", criteria=["pores"])


def test_the_package_is_the_verb(lab):
    found = package(lab / "lab", lab / "labels.csv", criteria=["grain"], draws=20)
    assert set(found["criterion"]) == {"grain"}


def test_phases_of_micrographs_in_memory_are_measured(lab):
    micrograph = read(lab / "day" / "f1.tif")
    labels = pd.DataFrame(
        [(micrograph.name, "pores", "accept")], columns=["image", "criterion", "verdict"]
    )
    mask = np.zeros(micrograph.shape, np.uint8)
    mask[::12, ::12] = 1
    phases = Phases(mask, {0: "matrix", 1: "pore"}, 1.0, source=micrograph.content_hash)
    for known, reason in (({}, "no_phases"), ({phases.source: phases}, "")):
        found = evaluated(lab / "lab", labels, [micrograph], phases=known, draws=20)
        (verdict,) = found.assessments[0].verdicts
        assert (verdict.value is None) == (reason == "no_phases")
