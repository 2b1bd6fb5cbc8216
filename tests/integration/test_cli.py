"""The command line, from `init` to the report, and what it says when used wrongly."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from command_line import rows, run, write
from napari_qualify.library.store import open_library

FILES = {"report.html", "assessments.json", "verdicts.csv", "samples.csv", "failures.csv"}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A library made by commands alone, with its references beside it."""
    folder = tmp_path_factory.mktemp("lab")
    for i in range(2):
        write(folder / "good" / f"g{i}.tif", i, 2)
        write(folder / "bad" / f"b{i}.tif", 10 + i, 8)
    run("init", folder / "lab", "--encoder", "lite")
    run("criterion", "add", folder / "lab", "grain", "--accept", "fine", "--accept", "even",
        "--reject", "coarse", "--risk", "0.3", "--risk-reject", "0.4")  # fmt: skip
    named = ["--accept", folder / "good", "--reject", f"{folder}/bad/b*.tif"]
    shown = run("refs", "add", folder / "lab", "--criterion", "grain", *named, "--expert", "A. E.")
    assert "2 accepted and 2 rejected references added to lab.qualify.zarr" in shown
    return folder


@pytest.fixture
def day(tmp_path):
    for i in range(3):
        write(tmp_path / "day" / f"f{i}.tif", 100 + i, 8 if i == 2 else 2)
    return tmp_path / "day"


def test_what_the_commands_said_is_in_the_library(built):
    library = open_library(built / "lab")
    found = library.criteria["grain"]
    assert (found.accept, found.reject) == (("fine", "even"), ("coarse",))
    assert (found.risk_accept, found.risk_reject) == (0.3, 0.4)
    references = library.references("grain")
    assert [r.verdict for r in references] == ["accept"] * 2 + ["reject"] * 2
    assert {r.expert for r in references} == {"A. E."}
    assert len({r.group for r in references}) == 4
    assert library.verify() == []


def test_classify_writes_the_five_files(built, day, tmp_path):
    shown = run("classify", built / "lab", day, "--out", tmp_path / "out")
    assert {p.name for p in (tmp_path / "out").iterdir()} == FILES
    assert shown.strip().endswith(str(tmp_path / "out" / "report.html"))
    found = rows(tmp_path / "out" / "verdicts.csv")
    assert [(r["image"], r["call"]) for r in found] == [
        ("f0.tif", "accept"), ("f1.tif", "accept"), ("f2.tif", "reject"),
    ]  # fmt: skip
    document = json.loads((tmp_path / "out" / "assessments.json").read_text("utf-8"))
    scores = [a["verdicts"][0]["score"] for a in document["assessments"]]
    assert [float(r["score"]) for r in found] == scores
    assert len(open_library(built / "lab").assessments()) >= 3


def test_a_file_that_fails_is_exit_code_1_and_a_row(built, day, tmp_path):
    (day / "empty.tif").touch()
    shown = run("classify", built / "lab", day, "--out", tmp_path / "out", code=1)
    assert "1 file could not be used" in shown and "empty.tif: the file is empty" in shown
    assert [r["image"] for r in rows(tmp_path / "out" / "failures.csv")] == ["empty.tif"]
    assert len(rows(tmp_path / "out" / "verdicts.csv")) == 3


def test_when_all_files_fail_the_report_is_written_all_the_same(built, tmp_path):
    for i in range(12):
        (tmp_path / f"{i:02}.tif").touch()
    shown = run("classify", built / "lab", f"{tmp_path}/*.tif", "--out", tmp_path / "o", code=1)
    assert "No micrograph was judged" in shown and "and 2 more, see" in shown
    assert {p.name for p in (tmp_path / "o").iterdir()} == FILES
    assert len(rows(tmp_path / "o" / "failures.csv")) == 12
    assert rows(tmp_path / "o" / "verdicts.csv") == []


def test_samples_and_pixel_size(built, day, tmp_path):
    (day / "samples.csv").write_text("image,sample\nf0.tif,weld 1\nf1.tif,weld 1\n")
    run("classify", built / "lab", day, "--out", tmp_path / "out",
        "--samples", day / "samples.csv", "--pixel-size", "0.5")  # fmt: skip
    joined = [r for r in rows(tmp_path / "out" / "samples.csv") if r["sample"] == "weld 1"]
    assert [(r["criterion"], r["fields"]) for r in joined] == [("grain", "2"), ("*", "2")]
    document = json.loads((tmp_path / "out" / "assessments.json").read_text("utf-8"))
    assert {a["pixel_size_um"] for a in document["assessments"]} == {0.5}


def test_embed_ahead_of_time(built, tmp_path):
    day = tmp_path / "day"
    for i in range(3):
        write(day / f"{i}.tif", 500 + i)
    assert "3 embedded, 0 were in" in run("embed", built / "lab", day)
    (day / "empty.tif").touch()
    assert "0 embedded, 3 were in" in run("embed", built / "lab", day, code=1)


def test_references_from_a_table(built, tmp_path):
    run("init", tmp_path / "new")
    for name in ("grain", "other"):
        run("criterion", "add", tmp_path / "new", name)
    write(tmp_path / "refs" / "deep" / "c.tif", 3)
    write(tmp_path / "refs" / "a.tif", 1)
    write(tmp_path / "refs" / "b.tif", 2, 8)
    table = tmp_path / "refs" / "table.csv"
    table.write_text(
        "image,criterion,verdict,expert,group,description\n"
        "a.tif,grain,accept,E,plate 1,fine grains\n"
        "c.tif,grain,accept,E,plate 1,fine grains\n"
        "b.tif,grain,reject,E,plate 2,\n"
        "b.tif,other,accept,F,,\n"
    )
    shown = run("refs", "add", tmp_path / "new", "--table", table)
    assert "3 accepted and 1 rejected references added" in shown
    found = open_library(tmp_path / "new").references()
    assert [(r.image, r.criterion, r.verdict, r.expert, r.description) for r in found] == [
        ("a.tif", "grain", "accept", "E", "fine grains"),
        ("c.tif", "grain", "accept", "E", "fine grains"),
        ("b.tif", "grain", "reject", "E", ""),
        ("b.tif", "other", "accept", "F", ""),
    ]
    assert [r.group for r in found][:3] == ["plate 1", "plate 1", "plate 2"]
    assert "left as it is" in run("refs", "add", tmp_path / "new", "--table", table)


def test_references_that_cannot_be_read_stop_before_anything_is_added(built, tmp_path):
    run("init", tmp_path / "new")
    run("criterion", "add", tmp_path / "new", "grain")
    write(tmp_path / "a.tif", 1)
    (tmp_path / "empty.tif").touch()
    (tmp_path / "text.tif").write_text("no image")
    shown = run("refs", "add", tmp_path / "new", "--criterion", "grain", "--accept",
                tmp_path / "a.tif", "--reject", tmp_path / "empty.tif", "--reject",
                tmp_path / "text.tif", code=1)  # fmt: skip
    assert "nothing was added" in shown
    assert "empty.tif: the file is empty" in shown and "text.tif: not a TIFF" in shown
    assert open_library(tmp_path / "new").references() == []


def test_check_of_a_library_says_what_limits_it(built):
    shown = run("check", built / "lab")
    assert "4 of 4 references have no group" in shown
    assert "2 groups of accepted references; a risk of 0.4 needs 2" not in shown
    assert "2 groups of rejected references; a risk of 0.3 needs 3" in shown


def test_check_of_this_machine_ends_well():
    assert run("check").strip().endswith("Usable: the default encoder runs, offline.")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["classify", "{lab}", "{day}"], "--out"),
        (["classify", "{lab}", "--out", "{out}"], "PATH"),
        (["classify", "{lab}", "{day}", "--out", "{out}", "--colour"], "--colour"),
        (["classify", "{out}/none", "{day}", "--out", "{out}"], "there is no library"),
        (["classify", "{lab}", "{day}/f0.tif", "--out", "{day}/f0.tif"], "choose another --out"),
        (["classify", "{lab}", "{day}", "--out", "{out}", "--pixel-size", "0"], "above 0"),
        (["classify", "{lab}", "{day}", "--out", "{out}", "--pixel-size", "x"], "--pixel-size"),
        (
            ["classify", "{lab}", "{day}", "--out", "{out}", "--samples", "{day}/none.csv"],
            "cannot be read",
        ),
        (["classify", "{day}/f0.tif", "{day}", "--out", "{out}"], "f0.tif"),
        (["init", "{lab}"], "exists already"),
        (["init", "{out}", "--encoder", "hal"], "no encoder 'hal'"),
        (["criterion", "add", "{lab}", "grain"], "exists already"),
        (["criterion", "add", "{lab}", "new", "--view", "heat"], "'heat'"),
        (["criterion", "add", "{lab}", "new", "--risk", "2"], "risk_accept"),
        (["criterion", "add", "{lab}", "new", "--limit", "pores < 1"], "not understood"),
        (["refs", "add", "{lab}", "--criterion", "no", "--accept", "{day}"], "no criterion 'no'"),
        (["refs", "add", "{lab}", "--criterion", "grain"], "--accept or --reject"),
        (["refs", "add", "{lab}", "--accept", "{day}"], "--criterion"),
        (
            ["refs", "add", "{lab}", "--criterion", "grain", "--accept", "{day}", "--reject",
             "{day}/f0.tif"],
            "as accepted and as rejected",
        ),
        (["refs", "add", "{lab}", "--table", "{day}/t.csv", "--expert", "E"], "leave"),
        (["refs", "add", "{lab}", "--table", "{day}/t.csv"], "verdict 'maybe'"),
        (["check", "{out}"], "there is no library"),
        (["nonsense"], "nonsense"),
    ],
)  # fmt: skip
def test_wrong_use_is_exit_code_2_and_one_clear_message(arguments, message, built, day, tmp_path):
    (day / "t.csv").write_text("image,criterion,verdict\nf0.tif,grain,maybe\n")
    before = (open_library(built / "lab").version, len(open_library(built / "lab").assessments()))
    places = {"lab": built / "lab", "day": day, "out": tmp_path / "out"}
    shown = run(*(a.format(**places) for a in arguments), code=2)
    assert message in shown
    after = open_library(built / "lab")
    assert (after.version, len(after.assessments())) == before


def command(*arguments, **options):
    code = "from napari_qualify.cli import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


@pytest.mark.parametrize("arguments", [[], ["classify"], ["refs", "add"]])
def test_help_answers_at_once_and_loads_nothing_heavy(arguments):
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        child = command(*arguments, "--help")
        shown, _ = child.communicate(timeout=60)
        seconds.append(time.perf_counter() - start)
        assert child.returncode == 0 and "Usage" in shown
    assert min(seconds) < 0.5
    code = (
        "import sys; from napari_qualify.cli import app\n"
        f"try: app({[*arguments, '--help']!r})\n"
        "except SystemExit: pass\n"
        "print({m.partition('.')[0] for m in sys.modules}"
        " & {'numpy', 'pandas', 'torch', 'rich', 'zarr', 'jinja2', 'scipy', 'PIL'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "set()", done.stdout


def test_help_names_the_commands_and_the_exit_codes():
    shown = run("--help")
    for name in ("demo", "check", "init", "criterion", "refs", "embed", "classify"):
        assert f"\n  {name} " in shown
    assert "Exit code 0, 1 when a file failed, 2 for wrong use" in run("classify", "--help")


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="sends signals as Unix has them")
@pytest.mark.timeout(900)
def test_demo_stopped_halfway_then_whole_then_quick(tmp_path):
    environment = {**os.environ, "COLUMNS": "100", "PYTHONIOENCODING": "ascii"}
    child = command("demo", cwd=tmp_path, env=environment)
    building = tmp_path / "demo-out" / ".ni-wc.building.qualify.zarr"
    start = time.monotonic()
    while not (building / "zarr.json").exists() and time.monotonic() - start < 120:
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=120)
    assert child.returncode == 130 and "stopped" in said and "Traceback" not in said
    assert not (tmp_path / "demo-out" / "report.html").exists()

    for _ in range(2):
        child = command("demo", cwd=tmp_path, env=environment)
        shown, said = child.communicate(timeout=600)
        assert child.returncode == 0, said
        assert "field-20.tif" in shown and "carbide degradation" in shown
        report = tmp_path / "demo-out" / "report.html"
        assert shown.rstrip().endswith(str(report)) and report.is_file()
        assert not building.exists()
    out = tmp_path / "demo-out"
    assert {p.name for p in out.iterdir()} == FILES | {"ni-wc.qualify.zarr"}
    assert len(rows(out / "verdicts.csv")) == 60
    assert rows(out / "failures.csv") == []
    library = open_library(out / "ni-wc")
    assert library.verify() == []
    # The second run embedded nothing: all 40 micrographs are there once.
    (mark,) = library.fingerprints()
    keys = [r.key for r in library.references()]
    assert len(library.vectors(mark, keys)) == 20
    assert len(library.assessments()) == 40

    library.remove_criterion("porosity", with_references=True)
    shown = run("demo", "--out", out, code=2)
    assert "is not the library of this version's demo" in shown
