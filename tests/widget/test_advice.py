"""Advice on references: labels that their scores contradict, and what to label next."""

import pytest

from napari_qualify.library.store import open_library
from napari_qualify.micrograph import Micrograph
from napari_qualify.widgets.qualify import QualifyWidget


@pytest.fixture
def widget(viewer, qtbot, tmp_path, make_micrograph):
    """Three references a side, one accepted one of which has many pores; three images more."""
    made = open_library(tmp_path / "steel", create=True)
    made.add_criterion("porosity")
    made.add_criterion("pores", limit="pore.area_fraction <= 0.01")

    def field(seed, pores):
        return Micrograph(make_micrograph(seed=seed, pores=pores), 0.5, f"{pores}-{seed}.tif")

    few, many = ([field(s, n) for s in range(3)] for n in (1, 12))
    wrong = field(9, 12)
    made.add_references("porosity", [*few, wrong], "accept", expert="rater-sim-1", embed=False)
    made.add_references("porosity", many, "reject", embed=False)
    for seed, pores in ((0, 1), (20, 1), (21, 12)):
        pixels = make_micrograph(seed=seed, pores=pores)
        space = {"scale": (0.5, 0.5), "units": ("um", "um")}
        viewer.add_image(pixels, name=f"day {seed}", **space)
    found = QualifyWidget(viewer)
    qtbot.addWidget(found)
    found.open_library(str(made.path))
    return found


def test_suspects_are_listed_opened_and_removed(widget, viewer, run, monkeypatch):
    advice = widget.advice
    assert advice.table.isHidden() and advice.remove.isHidden()
    run(widget, advice.check.click)
    assert "deserve a second look" in advice.words.text()
    image, finding, why = advice.table.as_text()[0]
    assert finding.startswith("accept: label contradicted") and "below the cut" in why
    assert "rater-sim-1" in why
    before = len(viewer.layers)
    run(widget, advice.show_image.click)
    run(widget, advice.show_image.click)
    assert len(viewer.layers) == before + 1 and viewer.layers[-1].name.startswith(image)
    asked = []
    monkeypatch.setattr(widget, "confirm", lambda words: asked.append(words))
    advice.remove.click()
    assert len(asked) == 1 and image in asked[0]
    assert len(widget.library.handle.references("porosity")) == 7
    monkeypatch.setattr(widget, "confirm", lambda words: True)
    gone = advice.chosen.reference
    advice.remove.click()
    left = widget.library.handle.references("porosity")
    assert len(left) == 6 and gone not in {one.id for one in left}
    assert advice.table.isHidden()


def test_the_next_to_label_are_images_that_are_no_references(widget, viewer, run):
    advice = widget.advice
    run(widget, advice.following.click)
    listed = advice.table.as_text()
    assert {row[0] for row in listed} == {"day 20", "day 21"} and listed[0][1] == "1"
    assert "cosine" in listed[0][2] and advice.remove.isHidden()
    advice.table.selectRow(len(listed) - 1)
    advice.show_image.click()
    shown = [layer.name for layer in viewer.layers if layer.visible]
    assert shown == [listed[-1][0]]


def test_a_criterion_with_a_limit_asks_for_no_references(widget):
    widget.criteria.table.selectRow(1)
    assert not widget.advice.check.isEnabled() and not widget.advice.following.isEnabled()
    widget.criteria.table.selectRow(0)
    assert widget.advice.check.isEnabled() and widget.advice.following.isEnabled()
