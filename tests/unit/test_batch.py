"""Folders of micrographs: one that fails does not stop the others."""

import gc

import numpy as np
import pytest
import tifffile

from napari_qualify.batch import classify, embed_files, write_batch
from napari_qualify.errors import Cancelled, LibraryError, UsageError
from napari_qualify.library.store import open_library
from napari_qualify.micrograph import Micrograph
from napari_qualify.qualify import CHUNK


def texture(seed, grain, side=48):
    """Noise of one grain size: fine is accepted here, coarse rejected."""
    rng = np.random.default_rng(seed)
    small = rng.integers(40, 216, (side // grain + 1,) * 2, dtype=np.uint8)
    return np.kron(small, np.ones((grain, grain), np.uint8))[:side, :side]


def write(path, seed, grain=2):
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, texture(seed, grain))
    return path


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A library with references, in a folder of its own."""
    folder = tmp_path_factory.mktemp("built")
    library = open_library(folder / "lab", create=True)
    library.add_criterion("grain")
    for verdict, grain in (("accept", 2), ("reject", 8)):
        paths = [write(folder / verdict / f"{i}.tif", i, grain) for i in range(3)]
        library.add_references("grain", paths, verdict)
    return library


@pytest.fixture
def lab(built):
    """The library, as it was opened anew."""
    return open_library(built.path)


@pytest.fixture
def day(tmp_path):
    folder = tmp_path / "day"
    for i in range(4):
        write(folder / f"part {i % 2}" / f"f{i}.tif", 100 + i, 2 if i < 2 else 8)
    return folder


def names(batch):
    return [a.image for a in batch.assessments]


def test_micrographs_are_named_relative_to_the_folder(day, lab):
    batch = classify([day], lab)
    assert names(batch) == ["part 0/f0.tif", "part 0/f2.tif", "part 1/f1.tif", "part 1/f3.tif"]
    calls = {a.image: a["grain"].call for a in batch.assessments}
    assert calls["part 0/f0.tif"] == "accept"
    assert calls["part 1/f3.tif"] == "reject"
    assert batch.failures == () and batch.skipped == 0


def test_what_fails_is_listed_and_the_rest_is_judged(day, lab, tmp_path):
    alone = {a.image: a["grain"].score for a in classify([day], lab).assessments}
    (day / "empty.tif").touch()
    (day / "notes.txt").write_text("no image")
    (day / "gone.tif").symlink_to("nowhere.tif")
    batch = classify([day, tmp_path / "no such"], lab)
    assert [f.image for f in batch.failures] == ["day/empty.tif", "day/gone.tif", "no such"]
    assert batch.skipped == 1
    assert {a.image.removeprefix("day/"): a["grain"].score for a in batch.assessments} == alone


def test_the_report_has_the_failures(day, lab, tmp_path):
    (day / "empty.tif").touch()
    path = write_batch(classify([day], lab), tmp_path / "out")
    assert "empty.tif: the file is empty" in path.read_text("utf-8")
    assert (tmp_path / "out" / "failures.csv").read_text("utf-8").startswith("image,error\nempty")


def test_when_everything_fails_there_is_still_a_batch(lab, tmp_path):
    (tmp_path / "a.tif").touch()
    batch = classify([tmp_path], lab)
    assert len(batch.assessments) == 0
    assert [f.image for f in batch.failures] == ["a.tif"]
    assert write_batch(batch, tmp_path / "out").is_file()


def test_fields_of_a_sample_are_joined(day, lab):
    table = day / "samples.csv"
    table.write_text("image,sample\npart 0/f0.tif,weld 7\nf2.tif,weld 7\n")
    batch = classify([day], lab, samples_csv=table)
    assert [a.sample for a in batch.assessments] == [
        "weld 7", "weld 7", "part 1/f1.tif", "part 1/f3.tif",
    ]  # fmt: skip
    fields = {s.sample: s.fields for s in batch.assessments.samples}
    assert fields == {"weld 7": 2, "part 1/f1.tif": 1, "part 1/f3.tif": 1}
    scores = [a["grain"].score for a in batch.assessments][:2]
    (joined,) = (s for s in batch.assessments.samples if s.sample == "weld 7" and s.score)
    assert joined.score == pytest.approx(sum(scores) / 2)


def test_a_file_that_fails_may_have_a_sample(day, lab):
    (day / "gone.tif").symlink_to("nowhere.tif")
    (day / "samples.csv").write_text("image,sample\ngone.tif,weld 1\n")
    batch = classify([day], lab, samples_csv=day / "samples.csv")
    assert [f.image for f in batch.failures] == ["gone.tif"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("image,sample\nf0.tif,a\nf9.tif,b\n", r"samples\.csv: row 3, column 'image': 'f9\.tif'"),
        ("image,sample\nf0.tif,a\nf0.tif,b\n", r"row 3: part 0/f0\.tif is of sample 'b' here"),
        ("image,specimen\nf0.tif,a\n", "no column 'sample'"),
        ("image,sample\nf0.tif,\n", "'sample' is empty"),
    ],
)
def test_a_wrong_table_of_samples_is_refused(table, message, day, lab):
    (day / "samples.csv").write_text(table)
    with pytest.raises(UsageError, match=message):
        classify([day], lab, samples_csv=day / "samples.csv")


@pytest.mark.parametrize("size", [0, -1, float("nan"), float("inf")])
def test_a_wrong_pixel_size_is_refused(size, day, lab):
    with pytest.raises(UsageError, match="pixel size"):
        classify([day], lab, pixel_size_um=size)


def test_the_pixel_size_of_the_call_is_used(day, lab):
    batch = classify([day], lab, pixel_size_um=0.25)
    assert {a.pixel_size_um for a in batch.assessments} == {0.25}


def test_a_folder_without_micrographs_is_wrong_use(lab, tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UsageError, match="no micrographs here; 1 other files"):
        classify([tmp_path], lab)
    with pytest.raises(LibraryError, match="there is no library"):
        classify([tmp_path], tmp_path / "none")


def test_a_view_without_phases_is_a_failure_of_the_file(day, tmp_path):
    library = open_library(tmp_path / "lab", create=True)
    library.add_criterion("shape", view="phases", accept="round", reject="sharp")
    batch = classify([day], library)
    assert len(batch.failures) == 4
    assert all("needs phases" in f.error and f.image in f.error for f in batch.failures)


@pytest.mark.parametrize("tile_um", [0.001, 1e7])
def test_tiles_that_do_not_fit_are_a_failure_of_the_file(tile_um, day, tmp_path):
    library = open_library(tmp_path / "lab", create=True)
    library.add_criterion("grain", tile_um=tile_um, accept="fine", reject="coarse")
    tifffile.imwrite(day / "bare.tif", texture(7, 2), metadata=None)
    batch = classify([day / "part 0"], library, pixel_size_um=0.5)
    assert [f.image for f in batch.failures] == ["f0.tif", "f2.tif"]
    batch = classify([day / "part 0", day / "bare.tif"], library)  # no scale: whole fields
    assert batch.failures == ()


def test_memory_does_not_grow_with_the_folder(lab, tmp_path):
    for i in range(90):
        tifffile.imwrite(tmp_path / f"{i:03}.tif", texture(i, 2, 20))
    alive = []

    def watch(stage, done, total):
        if stage == "reading" and done % 11 == 10:
            alive.append(sum(type(o) is Micrograph for o in gc.get_objects()))

    assert len(classify([tmp_path], lab, progress=watch).assessments) == 90
    assert len(alive) == 8
    assert max(alive) <= 2 * CHUNK + 2 < 88  # a chunk at work, the next being read


def test_progress_counts_the_files(day, lab):
    seen = []
    classify([day], lab, progress=lambda *step: seen.append(step))
    reading = [(done, total) for stage, done, total in seen if stage == "reading"]
    assert reading == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]


def test_stopping_leaves_the_library_whole(day, lab):
    before = len(lab.assessments())

    def stop(stage, done, total):
        if stage == "reading" and done == 2:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        classify([day], lab, progress=stop)
    again = open_library(lab.path)
    assert again.verify() == []
    assert len(again.assessments()) == before


def test_embedding_twice_does_no_work(built, tmp_path):
    library = open_library(tmp_path / "lab", create=True)
    library.add_criterion("grain")
    for i in range(3):
        write(tmp_path / "day" / f"{i}.tif", 50 + i)
    (tmp_path / "day" / "empty.tif").touch()
    first = embed_files([tmp_path / "day"], library)
    second = embed_files([tmp_path / "day"], library)
    assert (first.new, first.stored, len(first.failures)) == (3, 0, 1)
    assert (second.new, second.stored, len(second.failures)) == (0, 3, 1)


def test_each_failure_of_embedding_is_said_once(tmp_path):
    library = open_library(tmp_path / "lab", create=True)
    library.add_criterion("coarse", tile_um=50)
    library.add_criterion("fine", tile_um=10)
    write(tmp_path / "day" / "a.tif", 1)
    (tmp_path / "day" / "empty.tif").touch()
    done = embed_files([tmp_path / "day"], library, pixel_size_um=1)
    assert (done.new, len(done.failures)) == (2, 1)
