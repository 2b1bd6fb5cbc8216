"""`blind export` and `blind import`, from micrographs to the experts' labels."""

import json
import shutil

import pandas as pd
import pytest

import napari_qualify as nq
from command_line import rows, run
from napari_qualify.library.store import open_library


@pytest.fixture
def lot(tmp_path):
    """Six rendered micrographs of the lot, and one file that is none."""
    (tmp_path / "lot").mkdir()
    for path in nq.sample_lot().judge[:6]:
        shutil.copy(path, tmp_path / "lot")
    return tmp_path / "lot"


def export(lot, *more, code=0):
    there = lot.parent
    out = ["--out", there / "study", "--key", there / "keys/key.json"]
    return run("blind", "export", lot, *out, *more, code=code)


def fill(form, key, words, expert="rater-sim-1"):
    names = {e["name"]: e["source"] for e in json.loads(key.read_text())["images"]}
    table = pd.read_csv(form, dtype=str, keep_default_na=False)
    table["verdict"] = [words(names[name]) for name in table["image"]]
    table["expert"] = expert
    table.to_csv(form, index=False)


def test_out_and_back(lot, tmp_path):
    said = export(lot, "--criterion", "porosity", "--criterion", "spread", "--repeat", "0.5")
    assert "9 images, 3 of them repeats, form.csv in" in said
    assert "Keep it from the experts" in said
    study, key = tmp_path / "study", tmp_path / "keys/key.json"
    fill(study / "form.csv", key, lambda s: "accept" if s[-5] in "135" else "reject")
    said = run("blind", "import", study, "--key", key, "--out", tmp_path / "out/labels.csv")
    assert "Repeats: the same verdict on 6 of 6." in said
    found = rows(tmp_path / "out/labels.csv")
    assert list(found[0]) == ["image", "criterion", "verdict", "expert", "group", "description"]
    assert [(line["image"], line["criterion"]) for line in found] == [
        (f"../lot/{path.name}", name)
        for path in sorted(lot.iterdir())
        for name in ("porosity", "spread")
    ]
    assert all((line["verdict"] == "accept") == (line["image"][-5] in "135") for line in found)
    assert len(rows(tmp_path / "out/labels.repeats.csv")) == 6


def test_forms_by_mail(lot, tmp_path):
    """The filled form alone comes back; what is open is counted, what is not checked is said."""
    export(lot, "--criterion", "porosity")
    key, form = tmp_path / "keys/key.json", tmp_path / "mail" / "form.csv"
    form.parent.mkdir()
    shutil.copy(tmp_path / "study/form.csv", form)
    fill(form, key, lambda s: {"1": "accept", "2": "unsure"}.get(s[-5], ""), expert="")
    out = tmp_path / "labels.csv"
    said = run("blind", "import", form, "--key", key, "--out", out, "--expert", "rater-sim-2")
    assert "6 of 6 images do not lie beside the form" in said
    assert said.splitlines()[1].split()[1:] == ["rater-sim-2", "1", "0", "1", "4"]
    assert [line["expert"] for line in rows(out)] == ["rater-sim-2"]
    fill(form, key, lambda s: "ok")
    said = run("blind", "import", form, "--key", key, "--out", out, code=2)
    assert "form.csv, row 2: verdict 'ok'" in said
    fill(form, key, lambda s: "")
    said = run("blind", "import", form, "--key", key, "--out", tmp_path / "none.csv", code=2)
    assert "no verdict" in said
    assert not (tmp_path / "none.csv").exists()


def test_criteria_of_a_library_and_several_experts(lot, tmp_path):
    library = open_library(tmp_path / "steel", create=True)
    library.add_criterion("porosity", accept=["few pores"], reject=["many pores"])
    assert "form-1.csv, form-2.csv" in export(
        lot, "--library", library.path, "--experts", 2, "--seed", 4
    )
    assert "accept: few pores" in (tmp_path / "study/README.txt").read_text()
    assert json.loads((tmp_path / "keys/key.json").read_text())["seed"] == 4


def test_a_file_that_fails_is_said(lot):
    (lot / "broken.tif").write_bytes(b"II*\0")
    said = export(lot, "--criterion", "porosity", code=1)
    assert "6 images" in said
    assert "1 file could not be used" in said
    assert "broken.tif" in said


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ((), "--criterion NAME"),
        (("--criterion", "c", "--repeat", "2"), "repeat 2.0"),
        (("--criterion", "c", "--key", "study/key.json"), "outside"),
    ],
    ids=["criterion", "repeat", "key"],
)
def test_wrong_use(lot, tmp_path, monkeypatch, more, words):
    monkeypatch.chdir(tmp_path)
    assert words in export(lot, *more, code=2)
    assert not (tmp_path / "study").exists()
