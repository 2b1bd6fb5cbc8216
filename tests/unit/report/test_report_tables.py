"""Tables and JSON of a report: columns, numbers that come back exactly, odd names."""

import csv
import io
import json
import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_qualify.decide.verdict import Assessment, Assessments, Verdict
from napari_qualify.report import tables
from napari_qualify.report.plain import plain, text, to_json

VERDICTS = (
    "image,sample,criterion,verdict,score,cut,call,p_accept,p_reject,risk_accept,risk_reject,"
    "modality,rule,value,value_low,value_high,limit,unit,reason"
)
floats = st.floats(allow_nan=False, allow_infinity=False)
names = st.text(
    st.characters(exclude_categories=()), min_size=1
)  # line breaks and lone surrogates too


def one(image="a.tif", **fields):
    verdict = Verdict(**({"criterion": "c", "verdict": "accept"} | fields))
    return Assessments((Assessment(image, image, "0" * 64, None, (verdict,)),))


def read_back(rows, columns):
    return list(csv.DictReader(io.StringIO(tables.to_csv(rows, columns), newline="")))


def test_the_columns_are_those_of_the_design(hand_made):
    found = hand_made(3, per_sample=3)
    assert ",".join(tables.verdicts_table(found).columns) == VERDICTS
    assert ",".join(tables.samples_table(found).columns) == (
        "sample,criterion,fields,verdict,score,reason"
    )
    assert list(tables.failures_table([]).columns) == ["image", "error"]
    assert len(tables.verdicts_table(found)) == 9
    overall = tables.samples_table(found).query("criterion == '*'")
    assert list(overall["fields"]) == [3]


def test_without_rows_there_is_still_a_header():
    assert tables.to_csv(tables.verdict_rows(Assessments(())), tables.VERDICT_COLUMNS) == (
        VERDICTS + "\n"
    )
    assert tables.to_csv([], tables.FAILURE_COLUMNS) == "image,error\n"


@given(floats, floats, floats)
def test_numbers_come_back_as_the_same_float(score, value, p):
    rows = tables.verdict_rows(one(score=score, value=value, p_accept=p))
    (row,) = read_back(rows, tables.VERDICT_COLUMNS)
    assert (float(row["score"]), float(row["value"]), float(row["p_accept"])) == (score, value, p)


def test_a_float32_is_written_as_its_own_value():
    score = np.float32(0.1)
    (row,) = read_back(tables.verdict_rows(one(score=score)), tables.VERDICT_COLUMNS)
    assert float(row["score"]) == float(score) != 0.1


def test_what_is_no_number_is_an_empty_cell():
    rows = tables.verdict_rows(one(score=math.nan, value=math.inf, cut=None))
    (row,) = read_back(rows, tables.VERDICT_COLUMNS)
    assert row["score"] == row["value"] == row["cut"] == row["call"] == ""


@given(names, names)
def test_any_file_name_and_message_come_back(image, error):
    (row,) = read_back(tables.failure_rows([(image, error)]), tables.FAILURE_COLUMNS)
    assert (row["image"], row["error"]) == (text(image), text(error))


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | names,
        lambda inner: st.lists(inner) | st.dictionaries(names, inner) | st.tuples(inner),
        max_leaves=12,
    )
)
def test_json_is_strict_and_holds_any_value(value):
    written = to_json(value)
    written.encode("utf-8")
    found = json.loads(written, parse_constant=lambda name: 1 / 0)
    assert found == plain(value)


def test_json_takes_what_numpy_and_paths_bring(tmp_path):
    value = {"a": np.float32(1.5), "b": np.arange(2), "c": tmp_path, "d": {3, 1}, "e": np.nan}
    assert json.loads(to_json(value)) == {
        "a": 1.5,
        "b": [0, 1],
        "c": str(tmp_path),
        "d": [1, 3],
        "e": None,
    }
