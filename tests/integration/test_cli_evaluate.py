"""The commands `evaluate` and `agreement`: files in, tables and exit codes out."""

import shutil

import pytest

from command_line import rows, run, write
from napari_qualify.library.store import open_library

METRICS = "criterion,setting,metric,value,low,high,n,groups"


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Two simulated raters: grains of 4 px are rejected by the first, accepted by the second."""
    folder = tmp_path_factory.mktemp("lab")
    library = open_library(folder / "lab", create=True)
    library.add_criterion("grain")
    for rater, limit in ((1, 3), (2, 5)):
        for grain in (2, 4, 8):
            refs = [write(folder / "refs" / f"{rater}-{grain}-{i}.tif", rater * 50 + i, grain)
                    for i in range(3)]  # fmt: skip
            side = "accept" if grain < limit else "reject"
            library.add_references("grain", refs, side, expert=f"rater-sim-{rater}", embed=False)
    lines, single = ["image,criterion,verdict,expert"], ["image,criterion,verdict"]
    for i in range(6):
        grain = (2, 4, 8)[i % 3]
        write(folder / "day" / f"f{i}.tif", 200 + i, grain)
        for rater, limit in ((1, 3), (2, 5)):
            side = "accept" if grain < limit else "reject"
            lines.append(f"f{i}.tif,grain,{side},rater-sim-{rater}")
        if grain != 4:
            single.append(f"day/f{i}.tif,grain,{side}")
    (folder / "two.csv").write_text("\n".join(lines) + "\n")
    (folder / "labels.csv").write_text("\n".join(single) + "\n")
    return folder


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")


def test_evaluate_writes_tables_and_plots_and_shows_the_figures(lab, tmp_path):
    out = tmp_path / "out"
    shown = run("evaluate", lab / "lab", lab / "day", "--labels", lab / "labels.csv",
                "--out", out, "--draws", 100)  # fmt: skip
    assert shown.strip().endswith(str(out / "metrics.csv"))
    assert "balanced accuracy" in shown and "Not labelled, so not judged: 2 images" in shown
    header, *_ = (out / "metrics.csv").read_text("utf-8").splitlines()
    assert header == METRICS
    found = {row["metric"]: row for row in rows(out / "metrics.csv")}
    assert float(found["accuracy"]["value"]) == 1 and found["accuracy"]["n"] == "4"
    judged = rows(out / "judged.csv")
    assert [(r["image"], r["truth"], r["call"]) for r in judged] == [
        ("f0.tif", "accept", "accept"), ("f2.tif", "reject", "reject"),
        ("f3.tif", "accept", "accept"), ("f5.tif", "reject", "reject"),
    ]  # fmt: skip
    assert rows(out / "misjudged.csv") == [] and rows(out / "failures.csv") == []
    for name in ("metrics", "roc", "calibration"):
        assert (out / f"{name}.png").stat().st_size and (out / f"{name}.svg").stat().st_size
    assert open_library(lab / "lab").assessments() == []


def test_evaluate_twice_writes_the_same_bytes(lab, tmp_path):
    for name in ("a", "b"):
        run("evaluate", lab / "lab", lab / "day", "--labels", lab / "labels.csv", "--out",
            tmp_path / name, "--draws", 50)  # fmt: skip
    for path in (tmp_path / "a").iterdir():
        if path.name != "evaluation.json":  # says when
            assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_a_file_that_fails_is_exit_code_1_and_a_row(lab, tmp_path):
    write(tmp_path / "day" / "good.tif", 900, 2)
    (tmp_path / "day" / "empty.tif").touch()
    lines = "image,criterion,verdict\nday/good.tif,grain,accept\nday/empty.tif,grain,reject\n"
    (tmp_path / "labels.csv").write_text(lines)
    shown = run("evaluate", lab / "lab", tmp_path / "day", "--labels", tmp_path / "labels.csv",
                "--out", tmp_path / "out", code=1)  # fmt: skip
    assert "1 file could not be used" in shown and "empty.tif: the file is empty" in shown
    assert "Labelled but not judged: 1 (empty.tif)" in shown
    assert [r["image"] for r in rows(tmp_path / "out" / "failures.csv")] == ["empty.tif"]
    assert [r["image"] for r in rows(tmp_path / "out" / "judged.csv")] == ["good.tif"]


def test_agreement_of_a_table_alone_needs_no_images(lab, tmp_path):
    (tmp_path / "t.csv").write_bytes((lab / "two.csv").read_bytes())
    shown = run("agreement", tmp_path / "t.csv", "--out", tmp_path / "out", "--draws", 100)
    assert "Krippendorff's alpha" in shown and "Images on which experts part: grain 2" in shown
    found = {(r["measure"], r["expert"]): r for r in rows(tmp_path / "out" / "agreement.csv")}
    assert float(found["percent", "*"]["value"]) == pytest.approx(4 / 6)
    assert float(found["cohen_kappa", "rater-sim-1"]["value"]) == pytest.approx(0.4)
    assert [r["image"] for r in rows(tmp_path / "out" / "disagreements.csv")] == [
        "f1.tif",
        "f4.tif",
    ]
    strict, lenient = (float(r["leniency"]) for r in rows(tmp_path / "out" / "leniency.csv"))
    assert strict == pytest.approx(-1 / 6) and lenient == pytest.approx(1 / 6)
    assert (tmp_path / "out" / "agreement.png").is_file()


def test_agreement_with_a_library_shows_where_the_references_part(lab, tmp_path):
    shown = run("agreement", lab / "two.csv", lab / "day", "--library", lab / "lab",
                "--out", tmp_path / "out", "--draws", 50)  # fmt: skip
    assert "rater-sim-1, (model of rater-sim-1)" in shown
    assert "Under the references of rater-sim-1 and rater-sim-2: grain, 33% of 6 calls" in shown
    found = rows(tmp_path / "out" / "verdicts.csv")
    assert len(found) == 6 * 3 and {r["expert"] for r in found} == {
        "*",
        "rater-sim-1",
        "rater-sim-2",
    }
    assert float(rows(tmp_path / "out" / "parting.csv")[0]["calls"]) == pytest.approx(1 / 3)
    own = [r for r in rows(tmp_path / "out" / "agreement.csv") if "model of" in r["other"]]
    assert {float(r["value"]) for r in own} == {1.0}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate", "{lab}/lab", "{lab}/day", "--labels", "{lab}/labels.csv"], "--out"),
        (["evaluate", "{lab}/lab", "{lab}/day", "--out", "{out}"], "--labels"),
        (
            ["evaluate", "{lab}/lab", "{lab}/day", "--labels", "{lab}/no.csv", "--out", "{out}"],
            "cannot be read",
        ),
        (
            ["evaluate", "{lab}/lab", "{lab}/refs", "--labels", "{lab}/two.csv", "--out", "{out}"],
            "is none of the images",
        ),
        (
            ["evaluate", "{lab}/lab", "{lab}/day", "--labels", "{lab}/labels.csv", "--out",
             "{out}", "--criterion", "no"],
            "no criterion 'no'",
        ),
        (
            ["evaluate", "{lab}/lab", "{lab}/day", "--labels", "{lab}/labels.csv", "--out",
             "{lab}/labels.csv"],
            "choose another --out",
        ),
        (
            ["evaluate", "{lab}/lab", "{lab}/day", "--labels", "{lab}/labels.csv", "--out",
             "{out}", "--population", "crowd"],
            "'crowd'",
        ),
        (["agreement", "{lab}/labels.csv"], "no expert"),
        (["agreement", "{lab}/two.csv", "{lab}/day"], "--library LIB"),
        (["agreement", "{lab}/two.csv", "--draws", "0"], "--draws"),
    ],
)  # fmt: skip
def test_wrong_use_is_exit_code_2_and_one_clear_message(arguments, message, lab, tmp_path):
    places = {"lab": lab, "out": tmp_path / "out"}
    assert message in run(*(a.format(**places) for a in arguments), code=2)


def test_references_are_checked_and_the_next_ones_named(lab, tmp_path):
    shown = run("refs", "check", lab / "lab", "--csv", tmp_path / "r.csv")
    assert str(tmp_path / "r.csv") in shown
    listed = rows(tmp_path / "r.csv")
    assert all(row["image"] in shown and row["finding"] in shown for row in listed)
    shown = run("refs", "next", lab / "lab", lab / "day", "--criterion", "grain", "--count", 2,
                "--csv", tmp_path / "n.csv")  # fmt: skip
    assert len(rows(tmp_path / "n.csv")) == 2 and "cosine" in shown
    assert all(row["image"] in shown for row in rows(tmp_path / "n.csv"))
    assert open_library(lab / "lab").assessments() == []
    (tmp_path / "day").mkdir()
    (tmp_path / "day" / "empty.tif").touch()
    shown = run("refs", "next", lab / "lab", tmp_path / "day", "--criterion", "grain", code=1)
    assert "empty.tif: the file is empty" in shown
    shown = run("refs", "check", lab / "lab", "--csv", tmp_path, code=2)
    assert "is a folder; name the table" in shown


def test_agreement_says_which_criteria_have_no_references(lab, tmp_path):
    copy = tmp_path / "lab"
    shutil.copytree(lab, copy)
    open_library(copy / "lab").add_criterion("pores", limit="pore.area_fraction <= 0.01")
    with (copy / "two.csv").open("a", encoding="utf-8") as table:
        table.write("f0.tif,pores,accept,rater-sim-1\nf0.tif,pores,reject,rater-sim-2\n")
    shown = run("agreement", copy / "two.csv", copy / "day", "--library", copy / "lab",
                "--draws", 20)  # fmt: skip
    assert "pores: judged by a limit, without references; compared among experts alone" in shown
