"""Labels of experts, and the table in which they stand beside the verdicts."""

import numpy as np
import pandas as pd
import pytest

from napari_qualify.decide.verdict import Assessment, Verdict
from napari_qualify.errors import UsageError
from napari_qualify.evaluate.table import (
    JUDGED_COLUMNS,
    LABEL_COLUMNS,
    judged_table,
    read_labels,
    truths,
)
from napari_qualify.evaluate.writing import KINDS, csv_of, misjudged
from napari_qualify.library.store import open_library
from napari_qualify.micrograph import Micrograph


@pytest.fixture
def folder(tmp_path):
    for name in ("a.tif", "sub/b.tif", "sub/c.tif", "other/c.tif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def images(folder):
    return [(p, p.relative_to(folder).as_posix()) for p in sorted(folder.rglob("*.tif"))]


def write(folder, text, name="labels.csv"):
    (folder / name).write_text(text)
    return folder / name


def test_images_are_matched_by_path_else_by_unique_name(folder):
    path = write(
        folder / "sub",
        "image,criterion,verdict,expert\nc.tif,pores,accept,A\na.tif,pores,reject,A\n"
        "..\\other\\c.tif,pores,reject,B\n",
    )
    found = read_labels(path, images(folder))
    assert list(found.columns) == list(LABEL_COLUMNS)
    assert list(found["image"]) == ["sub/c.tif", "a.tif", "other/c.tif"]
    assert set(found["description"]) == {""}
    assert list(read_labels(path)["image"]) == ["c.tif", "a.tif", "../other/c.tif"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,criterion,verdict\nno.tif,p,accept\n", "row 2.*'no.tif' is none of the images"),
        ("image,criterion,verdict\nx/c.tif,p,accept\n", "the name of several images"),
        ("image,criterion,verdict\na.tif,p,maybe\n", "row 2: verdict 'maybe'; use accept or"),
        ("image,criterion\na.tif,p\n", "no column 'verdict'"),
        ("image,criterion,verdict\na.tif,,accept\n", "'criterion' is empty"),
        ("image,criterion,verdict\n", "no row below"),
        (
            "image,criterion,verdict,expert\na.tif,p,accept,A\na.tif,p,reject,A\n",
            "row 3: the verdict of A on a.tif, 'p', contradicts",
        ),
        ("image,criterion,verdict\na.tif,p,accept\na.tif,p,reject\n", "no expert is named"),
        (
            "image,criterion,verdict,group\na.tif,p,accept,g\na.tif,q,accept,h\n",
            "a.tif is of group 'h' here and of 'g' above",
        ),
    ],
)
def test_a_wrong_table_is_refused_with_the_row(folder, text, message):
    with pytest.raises(UsageError, match=message):
        read_labels(write(folder, text), images(folder))


def test_the_same_said_twice_counts_once_and_a_group_holds_for_the_image(folder):
    text = "image,criterion,verdict,group\na.tif,p,accept,g\na.tif,p,accept,\na.tif,q,reject,\n"
    found = read_labels(write(folder, text), images(folder))
    assert len(found) == 2 and set(found["group"]) == {"g"}


def test_labels_from_a_script():
    table = pd.DataFrame(
        {"image": ["x", "y"], "criterion": "p", "verdict": ["accept", "reject"],
         "expert": ["A", None], "mood": 3}
    )  # fmt: skip
    found = read_labels(table)
    assert list(found.columns) == list(LABEL_COLUMNS) and list(found["expert"]) == ["A", ""]
    with pytest.raises(UsageError, match="no column 'verdict'"):
        read_labels(table.drop(columns="verdict"))
    with pytest.raises(UsageError, match="row 1: the column 'image' is empty"):
        read_labels(table.assign(image=["x", np.nan]))


def labels(*rows):
    return read_labels(
        pd.DataFrame(rows, columns=["image", "criterion", "verdict", "expert", "group"])
    )


def test_the_truth_is_the_majority_and_a_tie_is_left_out():
    found, notes = truths(
        labels(
            ("x", "p", "accept", "B", "g"),
            ("x", "p", "accept", "A", "g"),
            ("x", "p", "reject", "C", "g"),
            ("y", "p", "accept", "A", ""),
            ("y", "p", "reject", "B", ""),
        )
    )
    assert list(found) == [("x", "p")]
    assert (found["x", "p"].verdict, found["x", "p"].expert) == ("accept", "A, B, C")
    assert found["x", "p"].group == "g"
    assert notes == ["Left out, as many experts accept as reject: 1 (y (p))."]


def assessment(image, *verdicts, sample=None, content_hash="0" * 64):
    return Assessment(image, sample or image, content_hash, None, verdicts)


def verdict(criterion, said="review", score=0.2, **more):
    call = None if score is None else "accept" if score >= 0 else "reject"
    cut = None if score is None else 0.0
    return Verdict(criterion, said, call=call, score=score, cut=cut, **more)


def test_the_judged_table_has_a_row_per_image_and_criterion_with_a_truth():
    made = [
        assessment("x", verdict("p", "accept", 1.0, p_accept=0.5, p_reject=0.1), verdict("q")),
        assessment("y", verdict("p", "reject", None), sample="s"),
        assessment("z", verdict("p")),
    ]
    given = labels(
        ("x", "p", "accept", "A", "g"), ("y", "p", "reject", "A", ""), ("w", "p", "accept", "A", "")
    )
    found = judged_table(made, given, "mine")
    assert list(found.columns) == list(JUDGED_COLUMNS)
    first, second = found.to_dict("records")
    assert (first["group"], first["truth"], first["setting"], first["p_reject"]) == (
        "g", "accept", "mine", 0.1,
    )  # fmt: skip
    assert (second["group"], second["sample"], second["call"]) == ("s", "s", "")
    assert np.isnan(second["score"]) and np.isnan(second["p_accept"])
    notes = " ".join(found.attrs["notes"])
    assert "Labelled but not judged: 1 (w)" in notes
    assert "Judged but not labelled: 1 (z)" in notes


def test_an_image_that_is_a_reference_is_left_out_for_its_criterion(tmp_path):
    library = open_library(tmp_path / "lab", create=True)
    library.add_criterion("p")
    library.add_criterion("q")
    pixels = np.random.default_rng(0).integers(0, 255, (40, 40), dtype=np.uint8)
    known = Micrograph(pixels, 1.0, "ref.tif")
    library.add_references("p", known, "accept", group="plate 1", embed=False)
    made = [
        assessment("x", verdict("p"), verdict("q"), content_hash=known.content_hash),
        assessment("y", verdict("p"), content_hash="1" * 64),
    ]
    rows = [("x", "p", "accept", "", ""), ("x", "q", "accept", "", "")]
    given = labels(*rows, ("y", "p", "reject", "", "plate 1"))
    found = judged_table(made, given, library=library)
    assert list(zip(found["image"], found["criterion"], strict=True)) == [("x", "q"), ("y", "p")]
    notes = " ".join(found.attrs["notes"])
    assert "pixels are a reference of the criterion: 1 (x (p))" in notes
    assert "specimen that the references show too" in notes and "plate 1" in notes
    assert len(judged_table(made, given)) == 3


def test_two_images_of_one_name_are_refused():
    with pytest.raises(UsageError, match="two micrographs are named 'x'"):
        judged_table([assessment("x"), assessment("x")], labels(("x", "p", "accept", "", "")))


def test_misjudged_images_come_worst_first(make_table):
    truth = [True, False, False, True, True, False, False]
    score = [1.0, 0.5, 2.0, -3.0, -1.0, 1.5, -1.0]
    said = ["accept", "accept", "accept", "reject", "review", "review", "review"]
    found = misjudged(make_table(truth, score, verdict=said))
    assert list(zip(found["image"], found["kind"], strict=True)) == [
        ("002.tif", KINDS[0]),
        ("001.tif", KINDS[0]),
        ("003.tif", KINDS[1]),
        ("005.tif", KINDS[2]),
        ("004.tif", KINDS[2]),
    ]
    assert list(found["margin"]) == [2.0, 0.5, -3.0, 1.5, -1.0]


def test_csv_keeps_floats_exactly_and_leaves_nan_empty(make_table):
    table = make_table([True], [0.1 + 0.2])
    text = csv_of(table, ["image", "score", "p_accept"])
    assert text == "image,score,p_accept\n000.tif,0.30000000000000004,\n"
