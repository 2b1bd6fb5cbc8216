"""Every malformed thing at once, through the command line: each has its stated result."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from typer.testing import CliRunner

from napari_qualify.cli import app
from napari_qualify.library.store import open_library

RNG = np.random.default_rng(1)
GREY = RNG.integers(0, 256, (48, 56), dtype=np.uint8)
RGB = RNG.integers(0, 256, (48, 56, 3), dtype=np.uint8)
LINUX = sys.platform == "linux"


def tiff(array, **options):
    out = io.BytesIO()
    tifffile.imwrite(out, array, **options)
    return out.getvalue()


def png(array):
    out = io.BytesIO()
    Image.fromarray(array).save(out, "png")
    return out.getvalue()


def zero_size():
    """A TIFF whose tags say 0 x 0 pixels."""
    data = bytearray(tiff(GREY, metadata=None))
    with tifffile.TiffFile(io.BytesIO(data)) as tif:
        for code in (256, 257):
            tag = tif.pages.first.tags[code]
            size = 2 if tag.dtype == 3 else 4
            data[tag.valueoffset : tag.valueoffset + size] = bytes(size)
    return bytes(data)


def with_alpha(alpha):
    return np.dstack([RGB, np.broadcast_to(np.asarray(alpha, np.uint8), GREY.shape)])


# name -> content, and words of the error
BAD = {
    "empty.tif": (b"", "the file is empty"),
    "truncated.tif": (tiff(GREY)[:-900], "truncated"),
    "stack.tif": (
        tiff(RNG.integers(0, 256, (5, 48, 56), dtype=np.uint8), photometric="minisblack"),
        "stack",
    ),
    "zero size.tif": (zero_size(), "zero size.tif: "),
    "all nan.tif": (tiff(np.full((48, 56), np.nan, "f4")), "every value is NaN"),
    "constant.tif": (tiff(np.full((48, 56), 7, "u1")), "every value is 7"),
    "half transparent.png": (png(with_alpha(GREY)), "partly transparent"),
    "one pixel.png": (png(GREY[:1, :1]), "1 x 1 pixels are too few"),
    "text.tif": (b"not an image\n" * 40, "not a TIFF"),
    "<b>html</b> & 'co'.tif": (b"", "the file is empty"),
}
# name -> content, and words of a note or None
GOOD = {
    "png inside.tif": (png(GREY), "its content is PNG"),
    "16-bit.tif": (tiff(GREY.astype("u2") * 257), None),
    "signed.tif": (tiff(GREY.astype("i2") - 128), None),
    "float.tif": (tiff(GREY.astype("f4") * 1e6 - 5e5), None),
    "opaque.png": (png(with_alpha(255)), "alpha channel was dropped"),
    "a/same name.tif": (tiff(GREY), None),
    "b/same name.tif": (tiff(255 - GREY), None),
    'grüße, "π".tif': (tiff(GREY), None),
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    library = open_library(folder / "lab", create=True)
    library.add_criterion("grain", accept="fine", reject="coarse", risk=0.4)
    for verdict, grain in (("accept", 1), ("reject", 8)):
        for i in range(2):
            small = RNG.integers(0, 256, (64 // grain,) * 2, dtype=np.uint8)
            path = folder / f"{verdict} {i}.tif"
            tifffile.imwrite(path, np.kron(small, np.ones((grain, grain), np.uint8)))
            library.add_references("grain", path, verdict)
    return library.path


@pytest.fixture
def folder(tmp_path):
    """All of it; returns the folder and the names that must fail, with words."""
    return fill(tmp_path / "in")


def fill(root):
    for name, (data, _) in (BAD | GOOD).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    (root / "notes.txt").write_text("no image")
    (root / ".hidden.tif").write_bytes(b"")
    failing = {name: words for name, (_, words) in BAD.items()}
    (root / "x.tif").mkdir()
    failing["x.tif"] = "a folder with the name of an image"
    if os.name != "nt":
        (root / "dangling.tif").symlink_to("nowhere.tif")
        os.mkfifo(root / "pipe.tif")
        failing |= {"dangling.tif": "a link that points nowhere", "pipe.tif": "not a regular file"}
    if LINUX:
        (root / "disk error.tif").symlink_to("/proc/self/mem")
        failing["disk error.tif"] = "cannot be read"
    return root, failing


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def verify(out, failing):
    """Check that the failures have their reasons and the others their verdicts."""
    failures = {row["image"]: row["error"] for row in rows(out / "failures.csv")}
    assert set(failures) == set(failing)
    for name, words in failing.items():
        assert words in failures[name] and failures[name].startswith(name), failures[name]
    verdicts = rows(out / "verdicts.csv")
    assert sorted(row["image"] for row in verdicts) == sorted(GOOD)
    assert all(np.isfinite(float(row["score"])) for row in verdicts)
    document = json.loads((out / "assessments.json").read_text("utf-8"))
    notes = {a["image"]: " ".join(a["notes"]) for a in document["assessments"]}
    for name, (_, words) in GOOD.items():
        assert words is None or words in notes[name], notes[name]
    page = (out / "report.html").read_text("utf-8")
    assert "<b>html</b>" not in page and "&lt;b&gt;html&lt;/b&gt;" in page


def test_the_command_in_this_process(folder, lab, tmp_path):
    root, failing = folder
    start = time.perf_counter()
    done = CliRunner().invoke(app, ["classify", str(lab), str(root), "--out", str(tmp_path / "o")])
    seconds = time.perf_counter() - start
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 1, done.output
    verify(tmp_path / "o", failing)
    assert seconds < 5 * len(failing)


RESTRICTED = """
import os, sys
from napari_qualify.cli import app, main

library, one, first, *command = sys.argv[1:]
if os.geteuid() == 0:
    # Once as root, on a library of its own: then all that is imported late is loaded.
    app(["classify", library, one, "--out", first], standalone_mode=False)
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
sys.argv[1:] = command
main()
"""


@pytest.fixture
def open_place():
    """A folder that every user can reach; pytest keeps its own for its user."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.skipif(os.name == "nt", reason="needs users as Unix has them")
def test_the_command_by_another_user(lab, open_place):
    root, failing = fill(open_place / "in")
    (root / "shut.tif").write_bytes(tiff(GREY))
    (root / "shut.tif").chmod(0)
    failing["shut.tif"] = "this user may not read it"
    if LINUX:
        (root / "disk error.tif").unlink()  # memory is refused to another user
        del failing["disk error.tif"]
    out = open_place / "out"
    out.mkdir()
    own = open_place / "lab.qualify.zarr"
    shutil.copytree(lab, own)
    if os.geteuid() == 0:
        for path in (own, *own.rglob("*"), out):
            os.chown(path, 65534, 65534)
        open_place.chmod(0o777)  # the library's lock lies beside it
    done = subprocess.run(
        [
            *(sys.executable, "-c", RESTRICTED),
            *map(str, (lab, root / "float.tif", open_place / "first")),
            *map(str, ("classify", own, root, "--out", out)),
        ],
        capture_output=True,
        text=True,
        timeout=240,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout.rstrip().endswith("report.html")
    verify(out, failing)


def attempt(*arguments):
    start = time.perf_counter()
    done = CliRunner().invoke(app, [str(a) for a in arguments])
    assert time.perf_counter() - start < 5
    assert isinstance(done.exception, SystemExit | None), done.exception
    return done


def test_a_library_of_a_newer_format_is_refused(tmp_path):
    library = open_library(tmp_path / "new", create=True)
    changed = 0
    for path in [library.path / "zarr.json", *library.path.glob("*.json")]:
        text = path.read_text("utf-8")
        newer = text.replace('"format_version": 0', '"format_version": 99').replace(
            '"format_version":0', '"format_version":99'
        )
        changed += newer != text
        path.write_text(newer, "utf-8")
    assert changed
    (tmp_path / "a.tif").write_bytes(tiff(GREY))
    before = {p: p.read_bytes() for p in library.path.rglob("*") if p.is_file()}
    done = attempt("classify", library.path, tmp_path / "a.tif", "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert "format" in done.output and "99" in done.output
    assert {p: p.read_bytes() for p in library.path.rglob("*") if p.is_file()} == before


def test_a_library_of_an_encoder_that_is_not_here_is_refused(tmp_path):
    library = open_library(tmp_path / "new", create=True, encoder="elsewhere:model")
    library.add_criterion("grain")
    (tmp_path / "a.tif").write_bytes(tiff(GREY))
    done = attempt("classify", library.path, tmp_path / "a.tif", "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert "no encoder 'elsewhere:model'" in done.output


def test_vectors_of_another_encoder_are_never_used(lab, tmp_path):
    (tmp_path / "a.tif").write_bytes(tiff(GREY))
    command = ["classify", lab, tmp_path / "a.tif", "--out"]
    first = CliRunner().invoke(app, [str(a) for a in [*command, tmp_path / "first"]])
    assert first.exit_code == 0, first.output
    library = open_library(lab)
    keys = [reference.key for reference in library.references()]
    wrong = RNG.normal(size=(len(keys), 7))
    library.store_vectors("f" * 24, {"encoder": "another"}, keys, wrong)
    second = CliRunner().invoke(app, [str(a) for a in [*command, tmp_path / "second"]])
    assert second.exit_code == 0, second.output
    assert rows(tmp_path / "first" / "verdicts.csv") == rows(tmp_path / "second" / "verdicts.csv")
