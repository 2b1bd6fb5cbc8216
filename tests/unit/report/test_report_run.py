"""Writing the report: five files, each whole."""

import json
import os
import stat

import pytest

import napari_qualify as nq
from napari_qualify.errors import UsageError
from napari_qualify.files import Failure
from napari_qualify.report.run import report

FILES = {"report.html", "assessments.json", "verdicts.csv", "samples.csv", "failures.csv"}


@pytest.mark.parametrize("count", [0, 1, 5])
def test_five_files_are_written(count, hand_made, tmp_path):
    path = report(hand_made(count), tmp_path / "new" / "folder")
    assert path == tmp_path / "new" / "folder" / "report.html"
    assert {p.name for p in path.parent.iterdir()} == FILES
    document = json.loads((path.parent / "assessments.json").read_text("utf-8"))
    assert len(document["assessments"]) == count
    assert (path.parent / "failures.csv").read_text("utf-8") == "image,error\n"


def test_the_verb_is_the_function(hand_made, tmp_path):
    assert nq.report(hand_made(1), tmp_path).is_file()


def test_json_holds_scores_evidence_and_overall_verdict(hand_made, tmp_path):
    found = hand_made(2)
    report(found, tmp_path)
    first = json.loads((tmp_path / "assessments.json").read_text("utf-8"))["assessments"][0]
    verdict = first["verdicts"][0]
    assert first["verdict"] == found[0].verdict
    assert verdict["score"] == found[0].verdicts[0].score
    assert set(verdict["scores"]) == {"visual", "cross", "hybrid"}
    assert verdict["evidence"]["accepted"][0]["similarity"] == 0.97


@pytest.mark.parametrize("failure", [("a.tif", "a.tif: empty"), Failure("a.tif", "a.tif: empty")])
def test_failures_are_in_the_table_and_the_page(failure, hand_made, tmp_path):
    report(hand_made(1), tmp_path, failures=(f for f in [failure]))
    assert (tmp_path / "failures.csv").read_text("utf-8") == "image,error\na.tif,a.tif: empty\n"
    assert "a.tif: empty" in (tmp_path / "report.html").read_text("utf-8")
    document = json.loads((tmp_path / "assessments.json").read_text("utf-8"))
    assert document["failures"] == [{"image": "a.tif", "error": "a.tif: empty"}]


def test_an_earlier_report_is_replaced(hand_made, tmp_path):
    report(hand_made(5), tmp_path, failures=[("x", "y")])
    (tmp_path / "mine.txt").write_text("kept")
    report(hand_made(1), tmp_path)
    assert (tmp_path / "verdicts.csv").read_text("utf-8").count("\n") == 1 + 3
    assert (tmp_path / "failures.csv").read_text("utf-8") == "image,error\n"
    assert {p.name for p in tmp_path.iterdir()} == FILES | {"mine.txt"}


def test_a_stopped_write_leaves_the_earlier_file(hand_made, tmp_path, monkeypatch):
    path = report(hand_made(1), tmp_path)
    before = path.read_bytes()

    def stop(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        report(hand_made(2), tmp_path)
    assert path.read_bytes() == before
    assert {p.name for p in tmp_path.iterdir()} == FILES


@pytest.mark.skipif(os.name == "nt", reason="permissions as Unix has them")
def test_others_may_read_it_as_the_mask_says(hand_made, tmp_path):
    earlier = os.umask(0o027)
    try:
        path = report(hand_made(0), tmp_path)
    finally:
        os.umask(earlier)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_file_in_the_way_is_named(hand_made, tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(UsageError, match=r"out: the report cannot be written here.*another folder"):
        report(hand_made(1), tmp_path / "out")
