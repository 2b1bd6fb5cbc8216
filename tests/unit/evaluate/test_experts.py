"""Verdicts under each expert's references, and where they part."""

import numpy as np
import pandas as pd
import pytest

from napari_qualify.errors import UsageError
from napari_qualify.evaluate.agreement import EVERYONE
from napari_qualify.evaluate.experts import (
    EXPERT_COLUMNS,
    MODEL,
    MODEL_OF,
    PARTING_COLUMNS,
    disagreements,
    expert_verdicts,
    model_agreement,
    parting,
)
from napari_qualify.library.store import open_library
from napari_qualify.micrograph import Micrograph
from napari_qualify.qualify import qualify


def texture(seed, grain, side=48):
    rng = np.random.default_rng(seed)
    small = rng.integers(40, 216, (side // grain + 1,) * 2, dtype=np.uint8)
    return np.kron(small, np.ones((grain, grain), np.uint8))[:side, :side]


def field(seed, grain):
    return Micrograph(texture(seed, grain), 1.0, f"{grain}-{seed}.tif")


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Grains of 2, 4 and 8 px: the strict rater rejects those of 4, the lenient one accepts."""
    made = open_library(tmp_path_factory.mktemp("lab") / "lab", create=True)
    made.add_criterion("grain")
    made.add_criterion("pores", limit="pore.area_fraction <= 0.01")
    for expert, limit, seed in (("rater-sim-1", 3, 0), ("rater-sim-2", 5, 50)):
        for grain in (2, 4, 8):
            side = "accept" if grain < limit else "reject"
            images = [field(seed + i, grain) for i in range(3)]
            made.add_references("grain", images, side, expert=expert, embed=False)
    return made


@pytest.fixture(scope="module")
def judged():
    return [field(200 + i, (2, 4, 8)[i % 3]) for i in range(9)]


@pytest.fixture(scope="module")
def table(library, judged):
    return expert_verdicts(library, judged)


def test_each_expert_and_all_of_them_judge_each_image(table, judged, library):
    assert list(table.columns) == list(EXPERT_COLUMNS)
    assert len(table) == 9 * 3 and set(table["criterion"]) == {"grain"}
    counts = table.groupby("expert")["references"].first().to_dict()
    assert counts == {EVERYONE: 18, "rater-sim-1": 9, "rater-sim-2": 9}
    everyone = table[table["expert"] == EVERYONE]
    known = qualify(judged, library, criteria=["grain"], record=False)
    assert list(everyone["image"]) == [a.image for a in known]
    assert list(everyone["score"]) == pytest.approx([a["grain"].score for a in known])
    for name in ("call", "verdict", "p_accept", "p_reject"):
        assert list(everyone[name]) == [getattr(a["grain"], name) for a in known]


def test_an_experts_verdicts_are_those_of_a_library_of_theirs_alone(tmp_path, table, judged):
    alone = open_library(tmp_path / "alone", create=True)
    alone.add_criterion("grain")
    for grain in (2, 4, 8):
        side = "accept" if grain < 3 else "reject"
        alone.add_references("grain", [field(i, grain) for i in range(3)], side)
    expected = [a["grain"].score for a in qualify(judged, alone, record=False)]
    mine = table[table["expert"] == "rater-sim-1"]
    assert list(mine["score"]) == pytest.approx(expected, rel=1e-4)


def test_they_part_on_the_grains_between_their_limits(table):
    calls = table.pivot(index="image", columns="expert", values="call")
    parted = calls.index[calls["rater-sim-1"] != calls["rater-sim-2"]]
    assert set(parted) == {f"4-{200 + i}.tif" for i in (1, 4, 7)}
    found = parting(table)
    assert list(found.columns) == list(PARTING_COLUMNS)
    (row,) = found.to_dict("records")
    assert (row["expert"], row["other"], row["n"]) == ("rater-sim-1", "rater-sim-2", 9)
    assert row["calls"] == pytest.approx(3 / 9)


def test_the_model_agrees_with_an_expert_under_their_references(table):
    rows = [
        (image, "grain", "accept" if int(image[0]) < limit else "reject", expert, "")
        for expert, limit in (("rater-sim-1", 3), ("rater-sim-2", 5))
        for image in table["image"].unique()
    ]
    labels = pd.DataFrame(rows, columns=["image", "criterion", "verdict", "expert", "group"])
    found = model_agreement(labels, table, draws=50)
    by = found[found["measure"] == "percent"].set_index(["expert", "other"])["value"]
    for expert in ("rater-sim-1", "rater-sim-2"):
        assert by[expert, MODEL_OF.format(expert)] == 1
    assert by["rater-sim-1", MODEL] + by["rater-sim-2", MODEL] < 2


def test_references_are_left_out_and_single_experts_are_named(library, tmp_path):
    known = field(0, 2)
    found = expert_verdicts(library, [known, field(300, 2)], ["grain"])
    assert set(found["image"]) == {"2-300.tif"}
    assert "grain: 1 images left out, since they are references of it." in found.attrs["notes"]
    single = open_library(tmp_path / "single", create=True)
    single.add_criterion("grain")
    single.add_references("grain", [field(i, 2) for i in range(2)], "accept", expert="A")
    noted = expert_verdicts(single, [field(300, 8)])
    assert set(noted["expert"]) == {EVERYONE, "A"}
    assert any("all references are of 1 named expert" in note for note in noted.attrs["notes"])
    assert parting(noted).empty


def test_nothing_to_judge_or_to_compare_with_is_no_crash(tmp_path):
    empty = open_library(tmp_path / "empty", create=True)
    empty.add_criterion("grain")
    found = expert_verdicts(empty, [field(1, 2)])
    assert found.loc[0, ["call", "verdict", "references"]].tolist() == ["", "review", 0]
    assert list(expert_verdicts(empty, []).columns) == list(EXPERT_COLUMNS)
    with pytest.raises(UsageError, match="no criterion 'other'"):
        expert_verdicts(empty, [], ["other"])


def test_two_micrographs_of_one_name_are_refused(library):
    with pytest.raises(UsageError, match="two micrographs are named '2-9.tif'"):
        expert_verdicts(library, [field(9, 2), field(9, 2)])


def test_disagreements_list_who_said_what():
    rows = [
        ("x", "p", "accept", "A"),
        ("x", "p", "reject", "B"),
        ("x", "p", "accept", "C"),
        ("y", "p", "accept", "A"),
        ("y", "p", "accept", "B"),
        ("a", "q", "reject", "A"),
        ("a", "q", "accept", "C"),
        ("z", "p", "review", "A"),
        ("z", "p", "accept", "B"),
    ]
    labels = pd.DataFrame(rows, columns=["image", "criterion", "verdict", "expert"])
    found = disagreements(labels)
    assert found.to_dict("records") == [
        {"image": "x", "criterion": "p", "A": "accept", "B": "reject", "C": "accept"},
        {"image": "a", "criterion": "q", "A": "reject", "B": "", "C": "accept"},
    ]
    none = disagreements(labels[labels["expert"] == "A"])
    assert none.empty and list(none.columns) == ["image", "criterion"]
