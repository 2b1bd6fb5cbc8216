"""References that deserve a second look: contradicted labels and fields that occur twice."""

import numpy as np
import pytest

from napari_qualify.errors import UsageError
from napari_qualify.evaluate.references import REFERENCE_COLUMNS, check_references
from napari_qualify.library.store import open_library
from napari_qualify.micrograph import Micrograph


def field(seed, grain, name=""):
    rng = np.random.default_rng(seed)
    small = rng.integers(40, 216, (96 // grain + 1,) * 2, dtype=np.uint8)
    pixels = np.kron(small, np.ones((grain, grain), np.uint8))[:96, :96]
    return Micrograph(pixels, 1.0, name or f"{grain}-{seed}.tif")


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Fine grains are accepted and coarse ones rejected, but for one label that is wrong."""
    made = open_library(tmp_path_factory.mktemp("lab") / "lab", create=True)
    for name in ("grain", "sides", "local"):
        made.add_criterion(name, rule="tiles" if name == "local" else "auto")
    made.add_criterion("pores", limit="pore.area_fraction <= 0.01")
    fine, coarse = ([field(seed, grain) for seed in range(5)] for grain in (2, 8))
    made.add_references("grain", fine, "accept", expert="rater-sim-1", embed=False)
    made.add_references("grain", coarse, "reject", embed=False)
    wrong = field(9, 8, "wrong.tif")
    made.add_references("grain", [wrong], "accept", expert="rater-sim-2", group="S9", embed=False)
    made.add_references("sides", fine, "accept", embed=False)
    brighter = Micrograph(np.uint8(fine[0].pixels * 0.9 + 20), 1.0, "brighter.tif")
    made.add_references("sides", [brighter], "accept", embed=False)
    return made


def test_a_label_that_its_score_contradicts_is_listed_with_who_gave_it(library):
    found = check_references(library, ["grain"])
    assert list(found.columns) == list(REFERENCE_COLUMNS) and not found.attrs["notes"]
    contradicted = found[found["finding"] == "label contradicted"]
    assert contradicted["margin"].abs().is_monotonic_decreasing
    row = contradicted.iloc[0]
    assert (row["image"], row["verdict"]) == ("wrong.tif", "accept") and row["margin"] < 0
    assert (row["expert"], row["group"]) == ("rater-sim-2", "S9")
    assert row["reference"] in {one.id for one in library.references("grain")}


def test_two_pictures_of_one_field_are_listed_as_a_pair(library):
    found = check_references(library, ["sides"])
    (row,) = found.to_dict("records")
    assert {row["image"], row["other"]} == {"2-0.tif", "brighter.tif"}
    assert row["finding"] == "same field" and np.isnan(row["margin"])
    assert found.attrs["notes"] == [
        "sides: labels not checked: that needs accepted and rejected references."
    ]


def test_one_field_with_two_verdicts_is_named_as_such(tmp_path):
    made = open_library(tmp_path / "lab", create=True)
    made.add_criterion("grain")
    first = field(1, 4)
    again = Micrograph(np.uint8(first.pixels * 0.9 + 20), 1.0, "again.tif")
    made.add_references("grain", [first, field(2, 4)], "accept", embed=False)
    made.add_references("grain", [again, field(3, 4)], "reject", embed=False)
    found = check_references(made)
    pair = found[found["finding"] == "same field, other verdict"]
    assert len(pair) == 1 and {*pair["image"], *pair["other"]} == {"4-1.tif", "again.tif"}


def test_all_criteria_with_references_are_checked_unless_named(library):
    found = check_references(library)
    assert list(dict.fromkeys(found["criterion"])) == ["grain", "sides"]
    assert [note.split(":")[0] for note in found.attrs["notes"]] == ["sides", "local"]
    limit = check_references(library, ["pores"])
    assert limit.empty and "judged by a limit" in limit.attrs["notes"][0]
    with pytest.raises(UsageError, match="no criterion 'none'; it has grain, sides, local, pores"):
        check_references(library, ["none"])
