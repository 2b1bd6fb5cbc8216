"""Blind studies: nothing in the export tells the truth, the key alone brings it back."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

from napari_qualify.errors import Cancelled, MicrographError, UsageError
from napari_qualify.evaluate.blind import TIME, _shuffled, export
from napari_qualify.evaluate.blind_form import Sitting, open_study, read_form
from napari_qualify.evaluate.blind_import import import_study, write_labels
from napari_qualify.evaluate.blind_key import read_key
from napari_qualify.evaluate.table import LABEL_COLUMNS, read_labels
from napari_qualify.files import Item, find_micrographs
from napari_qualify.library.store import open_library
from napari_qualify.micrograph import read

COUNT = 12  # of each side


def picture(seed, side=64, dtype=np.uint8):
    scale = 255 if dtype == np.uint8 else 60_000
    return np.random.default_rng(seed).integers(0, scale, (side, side)).astype(dtype)


@pytest.fixture
def lot(tmp_path):
    """Accepted ones first, as PNG with a text; rejected ones last, as TIFF with tags and a date."""
    folder = tmp_path / "lot"
    folder.mkdir()
    for number in range(COUNT):
        path = folder / f"accepted-plate-{number:02}.png"
        Image.fromarray(picture(number)).save(path, dpi=(50_800, 50_800), compress_level=9)
        os.utime(path, (1e9 + number, 1e9 + number))
        path = folder / f"rejected-plate-{number:02}.tif"
        tifffile.imwrite(
            path, picture(100 + number) // 4, description="plate of the bad batch",
            resolution=(20_000, 20_000), resolutionunit="CENTIMETER", software="SEM 5",
            datetime="2026:03:04 05:06:07", compression="deflate",
            extratags=[(315, "s", 0, "Ann", True)],
        )  # fmt: skip
    return folder


@pytest.fixture
def study(lot, tmp_path):
    return export([lot], tmp_path / "study", tmp_path / "key.json", criteria=["porosity"])


def images(folder):
    return sorted(folder.glob("*.tif"))


def answer(path, words, expert="A. Expert"):
    """Fill a form: `words` maps an image's name to a verdict, others stay open."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table["verdict"] = [words.get(name, "") for name in table["image"]]
    table["expert"] = expert
    table.to_csv(path, index=False)


def truth_of(key):
    """Verdicts by exported name, as the sources' names tell them."""
    return {e.name: "accept" if "accepted" in e.source else "reject" for e in read_key(key).images}


# --- nothing tells the truth ------------------------------------------------------


def test_files_are_the_same_but_for_their_pixels(study):
    found = images(study.folder)
    assert len(found) == 2 * COUNT
    frames = set()
    for path in found:
        bare = bytearray(path.read_bytes())
        with tifffile.TiffFile(path) as tif:
            page = tif.pages.first
            assert {tag.name for tag in page.tags} == {
                "ImageWidth", "ImageLength", "BitsPerSample", "Compression",
                "PhotometricInterpretation", "StripOffsets", "SamplesPerPixel", "RowsPerStrip",
                "StripByteCounts", "XResolution", "YResolution", "ResolutionUnit",
            }  # fmt: skip
            start, length = page.dataoffsets[0], sum(page.databytecounts)
        bare[start : start + length] = b""
        frames.add(bytes(bare))
    assert len(frames) == 1  # size, tags, everything
    assert len({path.stat().st_size for path in found}) == 1


def test_no_time_tells_when_a_file_was_taken_or_written(study):
    times = {p.stat().st_mtime_ns for p in (study.folder, *study.folder.iterdir())}
    assert times == {TIME * 10**9}


def test_no_word_of_the_sources_is_in_the_export(study):
    for path in study.folder.iterdir():
        held = path.read_bytes()
        for word in (b"accepted", b"plate", b"lot", b"Ann", b"SEM", b"batch", b"Exif", b"2026"):
            if path.suffix == ".tif":
                start = held.find(word)
                assert start == -1 or len(word) < 4  # three letters may come up in pixels
            else:
                assert not re.search(rb"\b" + word, held)
    names = "".join(path.name for path in study.folder.iterdir())
    assert re.fullmatch(r"((m-[0-9a-f]{6}-\d{4}\.tif)|README\.txt|form\.csv|study\.json)+", names)


def test_names_do_not_follow_the_order_of_the_sources():
    items = [Item(f"{i}", f"{i}") for i in range(24)]
    truth = np.arange(24) < 12
    found = []
    for seed in range(400):
        order = [int(item.name) for item, _ in _shuffled(items, 0, random.Random(seed))]
        assert sorted(order) == list(range(24))
        found.append(np.corrcoef(np.arange(24), truth[order])[0, 1])
    # Of random orders: mean 0 with a deviation of 0.0104, each with one of 0.21.
    assert abs(np.mean(found)) < 0.04
    assert 0.15 < np.std(found) < 0.27


def test_order_on_disk_and_in_the_form_is_that_of_the_names(study, lot):
    form = [line.split(",")[0] for line in (study.folder / "form.csv").read_text().split()[1:]]
    assert form == [path.name for path in images(study.folder)]
    sources = [entry.source for entry in read_key(study.key).images]
    assert sources != sorted(sources)
    assert sorted(sources) == [f"lot/{path.name}" for path in sorted(lot.iterdir())]


def test_without_a_seed_every_export_is_another(lot, tmp_path):
    made = [
        export([lot], tmp_path / f"s{i}", tmp_path / f"{i}.json", criteria=["c"]) for i in range(2)
    ]
    first, second = (read_key(one.key) for one in made)
    assert first.seed != second.seed
    assert [e.source for e in first.images] != [e.source for e in second.images]
    assert not {e.name for e in first.images} & {e.name for e in second.images}


def test_a_seed_gives_the_same_order_but_not_the_same_names(lot, tmp_path):
    made = [
        export([lot], tmp_path / f"s{i}", tmp_path / f"{i}.json", criteria=["c"], seed=3)
        for i in range(2)
    ]
    first, second = (read_key(one.key) for one in made)
    assert [e.source for e in first.images] == [e.source for e in second.images]
    assert not {e.name for e in first.images} & {e.name for e in second.images}


def test_what_differs_is_said(lot, tmp_path):
    tifffile.imwrite(lot / "wide.tif", np.hstack([picture(7), picture(8)]))
    shutil.copy(lot / "accepted-plate-03.png", lot / "twin.png")
    made = export([lot], tmp_path / "s", tmp_path / "key.json", criteria=["c"])
    assert any("same width, height" in note for note in made.notes)
    assert any("have the same pixels" in note for note in made.notes)


# --- pixels and scale stay ----------------------------------------------------------


@pytest.mark.parametrize(
    "pixels",
    [
        picture(1),
        picture(2, dtype=np.uint16),
        picture(3).astype(np.float32) / 7,
        np.stack([picture(s) for s in range(3)], axis=-1),
    ],
    ids=["8-bit", "16-bit", "float", "colour"],
)
def test_pixels_and_scale_are_kept(tmp_path, pixels):
    tifffile.imwrite(
        tmp_path / "a.tif", pixels, resolution=(1e4 / 0.37, 1e4 / 0.37), resolutionunit=3
    )
    made = export([tmp_path / "a.tif"], tmp_path / "s", tmp_path / "key.json", criteria=["c"])
    (path,) = images(made.folder)
    found, source = read(path), read(tmp_path / "a.tif")
    assert found.content_hash == source.content_hash == read_key(made.key).images[0].content_hash
    assert found.pixel_size_um == pytest.approx(source.pixel_size_um, rel=1e-8)


def test_a_scale_that_a_tiff_cannot_carry_is_said(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", picture(1))
    made = export(
        [tmp_path / "a.tif"], tmp_path / "s", tmp_path / "k", criteria=["c"], pixel_size_um=25
    )
    assert read(images(made.folder)[0]).pixel_size_um is None
    assert "25 um" in made.notes[0]


def test_repeats_are_mirrored(lot, tmp_path):
    made = export([lot], tmp_path / "s", tmp_path / "key.json", criteria=["c"], repeat=0.25)
    assert (made.images, made.repeats) == (30, 6)
    entries = read_key(made.key).images
    assert len({e.sha256 for e in entries}) == 30
    once = {e.source: e for e in entries if not e.mirrored}
    for entry in entries:
        if entry.mirrored:
            first = read(made.folder / once[entry.source].name).pixels
            again = read(made.folder / entry.name).pixels
            np.testing.assert_array_equal(again, first[:, ::-1])


# --- places ---------------------------------------------------------------------------


def test_key_never_goes_into_the_folder(lot, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "s")
    for key in (tmp_path / "s/key.json", tmp_path / "s/deep/key", tmp_path / "link/key.json"):
        with pytest.raises(UsageError, match="outside"):
            export([lot], tmp_path / "s", key, criteria=["c"])
    assert not (tmp_path / "s").exists()


def test_nothing_is_replaced(lot, tmp_path):
    key, folder = tmp_path / "key.json", tmp_path / "s"
    key.write_text("{}")
    with pytest.raises(UsageError, match="only key"):
        export([lot], folder, key, criteria=["c"])
    folder.mkdir()
    (folder / "mine.txt").touch()
    with pytest.raises(UsageError, match="empty folder"):
        export([lot], folder, tmp_path / "other.json", criteria=["c"])
    (folder / "mine.txt").unlink()
    export([lot], folder, tmp_path / "other.json", criteria=["c"])  # an empty one is filled
    assert key.read_text() == "{}"


def test_a_stopped_export_leaves_nothing(lot, tmp_path):
    def stop(stage, done, total):
        if done == 5:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        export([lot], tmp_path / "s", tmp_path / "key.json", criteria=["c"], progress=stop)
    assert [path.name for path in tmp_path.iterdir()] == ["lot"]


def test_a_file_that_cannot_be_read_is_listed(lot, tmp_path):
    (lot / "broken.tif").write_bytes(b"II*\0nothing")
    made = export([lot], tmp_path / "s", tmp_path / "key.json", criteria=["c"], repeat=1)
    assert [failure.image for failure in made.failures] == ["broken.tif"]
    assert made.images == 4 * COUNT
    with pytest.raises(MicrographError, match="broken"):
        export([lot / "broken.tif"], tmp_path / "t", tmp_path / "k", criteria=["c"])
    (tmp_path / "bare").mkdir()
    with pytest.raises(UsageError, match="no micrographs"):
        export([tmp_path / "bare"], tmp_path / "t", tmp_path / "k", criteria=["c"])


@pytest.mark.parametrize(
    "wrong",
    [{"criteria": []}, {"criteria": ["a", "a"]}, {"repeat": 1.5}, {"experts": 0}, {"seed": -1},
     {"pixel_size_um": 0.0}],
    ids=str,
)  # fmt: skip
def test_wrong_arguments(lot, tmp_path, wrong):
    with pytest.raises(UsageError):
        export([lot], tmp_path / "s", tmp_path / "key.json", **{"criteria": ["c"], **wrong})
    assert not (tmp_path / "s").exists()


def test_criteria_of_a_library_come_with_their_statements(lot, tmp_path):
    library = open_library(tmp_path / "steel", create=True)
    library.add_criterion("porosity", accept=["few pores"], reject=["many pores"])
    library.add_criterion("cracks", accept=["sound"])
    made = export([lot], tmp_path / "s", tmp_path / "key.json", library=library)
    found = open_study(made.folder)
    assert [(q.name, q.accept, q.reject) for q in found.questions] == [
        ("porosity", ("few pores",), ("many pores",)),
        ("cracks", ("sound",), ()),
    ]
    assert "reject: many pores" in (made.folder / "README.txt").read_text()
    assert len(read_form(made.folder / "form.csv")) == 4 * COUNT
    with pytest.raises(UsageError, match="no criterion 'pores'"):
        export([lot], tmp_path / "t", tmp_path / "k", library=library, criteria=["pores"])


# --- import ---------------------------------------------------------------------------


def test_true_names_come_back_by_the_key(study, lot, tmp_path):
    truth = truth_of(study.key)
    answer(study.folder / "form.csv", truth)
    imported = import_study(study.folder, study.key)
    assert imported.checked == imported.images == 2 * COUNT
    labels = imported.labels
    assert list(labels) == list(LABEL_COLUMNS)
    assert list(labels["image"]) == [f"lot/{path.name}" for path in sorted(lot.iterdir())]
    for line in labels.itertuples():
        assert line.verdict == ("accept" if "accepted" in line.image else "reject")
    assert set(labels["expert"]) == {"A. Expert"}
    # What is written leads to the micrographs from where it lies.
    out = tmp_path / "tables" / "labels.csv"
    write_labels(import_study(study.folder, study.key, relative_to=out.parent), out)
    items = find_micrographs([lot]).items
    again = read_labels(out, items)
    assert list(again["image"]) == [item.name for item in items]


def test_key_of_another_study_is_refused(study, lot, tmp_path):
    other = export([lot], tmp_path / "s", tmp_path / "other.json", criteria=["porosity"])
    answer(study.folder / "form.csv", truth_of(study.key))
    with pytest.raises(UsageError, match="is no image of this key"):
        import_study(study.folder / "form.csv", other.key)
    with pytest.raises(UsageError, match="gone"):
        import_study(study.folder, other.key)
    with pytest.raises(UsageError, match="not the key"):
        import_study(study.folder, study.folder / "study.json")
    with pytest.raises(UsageError, match="cannot be read"):
        import_study(study.folder, tmp_path / "none.json")


def test_changed_and_missing_images(study):
    first, second = images(study.folder)[:2]
    held = bytearray(first.read_bytes())
    held[-1] ^= 1
    first.write_bytes(bytes(held))
    for source in (study.folder, study.folder / "form.csv"):
        with pytest.raises(UsageError, match=f"{first.name} has changed"):
            import_study(source, study.key)
    first.unlink()
    with pytest.raises(UsageError, match=f"{first.name} has gone"):
        import_study(study.folder, study.key)
    assert import_study(study.folder / "form.csv", study.key).checked == 2 * COUNT - 1


def test_partial_forms_are_counted(study):
    truth = truth_of(study.key)
    some = dict(list(truth.items())[:5]) | {list(truth)[5]: "Unsure ", list(truth)[6]: "ACCEPT"}
    answer(study.folder / "form.csv", some)
    imported = import_study(study.folder, study.key)
    (count,) = imported.counts
    assert (count.unsure, count.open) == (1, 2 * COUNT - 7)
    assert count.accept + count.reject == len(imported.labels) == 6


def test_wrong_word_names_row_and_value(study):
    names = [path.name for path in images(study.folder)]
    answer(study.folder / "form.csv", {names[2]: "perhaps"})
    with pytest.raises(UsageError, match=r"form\.csv, row 4: verdict 'perhaps'"):
        import_study(study.folder, study.key)


def test_wrong_rows_are_named(study):
    form = study.folder / "form.csv"
    held = form.read_text()
    first = images(study.folder)[0].name
    for extra, message in (
        (f"{first},porosity,accept,A,\n", r"row 26.*above too"),
        ("m-1.tif,porosity,accept,A,\n", r"row 26: image 'm-1.tif' is no image"),
        (f"{first},pores,accept,A,\n", r"row 26: criterion 'pores' is none of porosity"),
    ):
        form.write_text(held + extra)
        with pytest.raises(UsageError, match=message):
            import_study(study.folder, study.key)


def test_form_from_a_spreadsheet_with_semicolons(study):
    form = study.folder / "form.csv"
    truth = truth_of(study.key)
    answer(form, truth)
    table = pd.read_csv(form, dtype=str, keep_default_na=False)
    table.to_csv(form, index=False, sep=";", encoding="utf-8-sig")
    assert len(import_study(form, study.key).labels) == 2 * COUNT


def test_several_experts(lot, tmp_path):
    made = export([lot], tmp_path / "s", tmp_path / "key.json", criteria=["c"], experts=3)
    assert made.forms == ("form-1.csv", "form-2.csv", "form-3.csv")
    orders = [list(read_form(made.folder / name)["image"]) for name in made.forms]
    assert orders[0] != orders[1] != orders[2]
    assert sorted(orders[0]) == sorted(orders[1]) == sorted(orders[2])
    truth = truth_of(made.key)
    answer(made.folder / "form-1.csv", truth, "rater-sim-1")
    answer(made.folder / "form-2.csv", dict(list(truth.items())[:4]), "")
    imported = import_study(made.folder, made.key)
    assert imported.labels["expert"].value_counts().to_dict() == {
        "rater-sim-1": 2 * COUNT,
        "form-2": 4,
    }
    assert [count.open for count in imported.counts] == [0, 2 * COUNT - 4, 2 * COUNT]
    answer(made.folder / "form-2.csv", truth, "rater-sim-1")
    with pytest.raises(UsageError, match=r"form-2\.csv, row 2: rater-sim-1 has answered"):
        import_study(made.folder, made.key)


def test_expert_of_the_call_is_for_rows_without_one(study):
    truth = truth_of(study.key)
    answer(study.folder / "form.csv", truth, "")
    assert set(import_study(study.folder, study.key, expert="B").labels["expert"]) == {"B"}
    answer(study.folder / "form.csv", truth, "A")
    assert set(import_study(study.folder, study.key, expert="B").labels["expert"]) == {"A"}


def test_repeats_tell_how_steady_an_expert_is(lot, tmp_path):
    made = export([lot], tmp_path / "s", tmp_path / "key.json", criteria=["c"], repeat=0.5, seed=1)
    truth = truth_of(made.key)
    again = [e.name for e in read_key(made.key).images if e.mirrored]
    turned = {"accept": "reject", "reject": "accept"}[truth[again[0]]]
    answer(made.folder / "form.csv", truth | {again[0]: turned, again[1]: ""})
    imported = import_study(made.folder, made.key)
    assert len(imported.labels) == 2 * COUNT  # each micrograph once
    assert len(imported.repeats) == len(again) - 1
    assert imported.same == len(again) - 2
    out = tmp_path / "labels.csv"
    assert [path.name for path in write_labels(imported, out)] == [
        "labels.csv", "labels.repeats.csv",
    ]  # fmt: skip


def test_groups_are_kept_in_the_key(lot, tmp_path):
    table = tmp_path / "groups.csv"
    rows = [f"lot/{p.name},specimen {p.stem[-1]}" for p in lot.iterdir()]
    table.write_text("\n".join(["image,group", *rows]))
    made = export(
        [lot], tmp_path / "s", tmp_path / "key.json", criteria=["c"], groups_csv=table
    )  # fmt: skip
    assert "specimen" not in "".join(p.read_text("latin-1") for p in made.folder.iterdir())
    answer(made.folder / "form.csv", truth_of(made.key))
    for line in import_study(made.folder, made.key).labels.itertuples():
        assert line.group == f"specimen {line.image[-5]}"
    table.write_text("\n".join(["image,group", *rows, f"lot/{next(lot.iterdir()).name},other"]))
    with pytest.raises(UsageError, match="row 26"):
        export([lot], tmp_path / "t", tmp_path / "k", criteria=["c"], groups_csv=table)


# --- an expert before the form -------------------------------------------------------


def test_sitting_goes_from_question_to_question(study):
    form = study.folder / "form.csv"
    sitting = Sitting(form)
    assert (sitting.done, len(sitting), sitting.at) == (0, 2 * COUNT, 0)
    first = sitting.question["image"]
    sitting.give("accept", " A.  Expert ", "one\tpore")
    sitting.forward()
    sitting.give("unsure", "A. Expert")
    on_disk = read_form(form)
    assert on_disk.iloc[0].tolist() == [first, "porosity", "accept", "A. Expert", "one pore"]
    assert list(on_disk["verdict"][:4]) == ["accept", "", "unsure", ""]
    again = Sitting(form)
    assert (again.done, again.at, again.expert) == (2, 1, "A. Expert")
    assert not again.can_undo


def test_sitting_takes_back_and_changes(study):
    sitting = Sitting(study.folder / "form.csv")
    sitting.give("accept", "A")
    sitting.back()
    sitting.give("reject", "A")
    assert (sitting.done, sitting.at) == (1, 1)
    sitting.undo()
    assert (sitting.question["verdict"], sitting.at) == ("accept", 0)
    sitting.undo()
    assert sitting.done == 0
    assert set(read_form(sitting.path)["verdict"]) == {""}
    sitting.undo()  # nothing more
    for _ in range(len(sitting)):
        sitting.give("reject", "A")
    assert sitting.finished
    with pytest.raises(IndexError):
        _ = sitting.question
    sitting.back()
    assert sitting.at == len(sitting) - 1


def test_sitting_refuses(study, tmp_path):
    sitting = Sitting(study.folder / "form.csv")
    with pytest.raises(UsageError, match="name"):
        sitting.give("accept", "  ")
    with pytest.raises(UsageError, match="maybe"):
        sitting.give("maybe", "A")
    sitting.give("accept", "A")
    with pytest.raises(UsageError, match="verdicts of 'A'"):
        sitting.give("accept", "B")
    shutil.rmtree(study.folder)
    with pytest.raises(UsageError, match="not saved"):
        sitting.give("accept", "A")
    assert sitting.done == 1  # it says what is so
    with pytest.raises(UsageError, match="not the folder"):
        open_study(tmp_path)


def test_a_form_is_replaced_whole(study, tmp_path):
    form = study.folder / "form.csv"
    before = form.read_bytes()
    os.link(form, tmp_path / "held")
    Sitting(form).give("accept", "A")
    assert (tmp_path / "held").read_bytes() == before  # never written into
    assert form.read_bytes() != before
    assert not list(study.folder.glob("*.partial"))


def test_a_killed_sitting_loses_nothing(study):
    form = study.folder / "form.csv"
    code = (
        "import sys\n"
        "from napari_qualify.evaluate.blind_form import Sitting\n"
        "sitting = Sitting(sys.argv[1])\n"
        "while True:\n"
        "    sitting.at = sitting.done % len(sitting) if sitting.done < len(sitting) else 0\n"
        "    sitting.give('accept', 'A', 'x' * 2000)\n"
        "    print(sitting.done, flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, form], stdout=subprocess.PIPE) as process:
        for _ in range(7):
            said = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        said = max([said, *map(int, process.stdout.read().split())])
    assert Sitting(form).done in (said, said + 1)
    assert len(read_form(form)) == 2 * COUNT


def test_key_is_plain_json(study):
    document = json.loads(study.key.read_text())
    assert document["format"] == "napari-qualify blind key"
    assert {"name", "sha256", "source", "content_hash", "mirrored", "group"} == set(
        document["images"][0]
    )
