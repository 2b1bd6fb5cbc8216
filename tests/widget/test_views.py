"""The views by themselves: what they show and what they ask for."""

import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QDialogButtonBox

from napari_qualify.decide.explain import explain
from napari_qualify.decide.verdict import Assessment, Evidence, Neighbour, Verdict
from napari_qualify.library.store import open_library
from napari_qualify.widgets.criterion_dialog import CriterionDialog
from napari_qualify.widgets.evidence_view import EvidenceView
from napari_qualify.widgets.library_box import LibraryBox
from napari_qualify.widgets.library_tasks import write_criterion
from napari_qualify.widgets.parts import COLOURS, LayerBox, ProgressRow
from napari_qualify.widgets.recent import recent, remember
from napari_qualify.widgets.verdict_view import VerdictView

FIELDS = {
    "name": "carbide distribution",
    "accept": ("even", "no clusters"),
    "reject": ("clustered",),
    "view": "masked:carbide",
    "tile_um": 50.0,
    "risk_accept": 0.05,
    "risk_reject": 0.2,
    "rule": "net(pool=max)",
    "modality": "hybrid",
    "weight": 0.0,
    "split": True,
    "limit": "pore.area_fraction <= 0.01",
}


def test_criterion_goes_through_the_dialog_unchanged(qtbot):
    dialog = CriterionDialog(FIELDS)
    qtbot.addWidget(dialog)
    assert dialog.fields() == FIELDS
    assert dialog.name.isReadOnly()


@pytest.mark.parametrize("weight", [None, 0.0, 0.125, 1 / 3, 1.0])
@pytest.mark.parametrize("risk", [0.1, 0.025, 0.004])
@pytest.mark.parametrize("tile", [None, 12.3456, 50.0])
def test_numbers_go_through_the_dialog_unchanged(qtbot, weight, risk, tile):
    given = FIELDS | {"weight": weight, "risk_accept": risk, "tile_um": tile}
    dialog = CriterionDialog(given)
    qtbot.addWidget(dialog)
    assert dialog.fields() == given
    dialog.risk_accept.setValue(0.2)
    dialog.weight.setValue(0.4)
    changed = dialog.fields()
    assert (changed["risk_accept"], changed["weight"]) == (0.2, 0.4)


def test_new_criterion_needs_a_name(qtbot):
    dialog = CriterionDialog()
    qtbot.addWidget(dialog)
    ok = dialog.buttons.button(QDialogButtonBox.StandardButton.Ok)
    assert not ok.isEnabled()
    dialog.name.setText("porosity")
    assert ok.isEnabled()
    dialog.reject_text.setPlainText("\n many pores \n\n")
    fields = dialog.fields()
    assert fields["reject"] == ("many pores",)
    assert fields["tile_um"] is None
    assert fields["limit"] is None
    assert (fields["rule"], fields["split"]) == ("auto", False)
    assert (fields["modality"], fields["weight"]) == ("auto", None)


def test_editing_keeps_what_is_not_named(tmp_path):
    library = open_library(tmp_path / "lab", create=True)
    library.add_criterion("carbide distribution", modality="visual", weight=0.75)
    named = {key: FIELDS[key] for key in ("name", "rule", "split", "risk_reject")}
    write_criterion(library, named, replace=True)
    kept = library.criteria["carbide distribution"]
    assert (kept.modality, kept.weight) == ("visual", 0.75)
    assert (kept.rule, kept.split, kept.risk_reject) == ("net(pool=max)", True, 0.2)


def test_recent_libraries_latest_first_and_only_those_there(qtbot, tmp_path):
    for name in "abc":
        (tmp_path / name).mkdir()
        remember(str(tmp_path / name))
    remember(str(tmp_path / "a"))
    (tmp_path / "b").rmdir()
    assert recent() == [str(tmp_path / "a"), str(tmp_path / "c")]


def test_recent_libraries_can_be_asked_for(qtbot, tmp_path):
    remember(str(tmp_path))
    box = LibraryBox()
    qtbot.addWidget(box)
    box.menu.aboutToShow.emit()
    with qtbot.waitSignal(box.open_requested) as blocker:
        box.menu.actions()[0].trigger()
    assert blocker.args == [str(tmp_path)]


def test_names_are_never_taken_for_markup(qtbot):
    row = ProgressRow()
    qtbot.addWidget(row)
    row.say('Added <a href="x">field</a>')
    assert row.label.textFormat() == Qt.TextFormat.PlainText


def test_cancel_is_asked_once(qtbot):
    row = ProgressRow()
    qtbot.addWidget(row)
    row.start("Embed")
    with qtbot.waitSignal(row.cancel_requested):
        row.cancel.click()
    assert not row.cancel.isEnabled()
    row.start("Embed")
    assert row.cancel.isEnabled()


def test_layer_choice_stays_with_its_layer(qtbot):
    box = LayerBox()
    qtbot.addWidget(box)
    box.offer([("1", "a"), ("2", "b")])
    box.setCurrentIndex(0)
    box.offer([("3", "c"), ("2", "b"), ("1", "renamed")])
    assert (box.currentData(), box.currentText()) == ("1", "renamed")
    box.offer([("3", "c")])
    assert box.currentData() == "3"


def assessment(**keywords):
    verdict = Verdict(**{"criterion": "porosity", "verdict": "review", **keywords})
    return Assessment("a.tif", "a", "0" * 64, 0.5, (verdict,), notes=("no calibration",))


def test_table_says_in_words_and_colours(qtbot):
    view = VerdictView()
    qtbot.addWidget(view)
    items = [assessment(verdict=word) for word in ("accept", "review", "reject")]
    view.show_verdicts(items, [("b.tif", "it is empty")])
    rows = view.table.as_text()
    assert [row[1] for row in rows] == ["✓ Accept", "? Review", "✗ Reject", ""]
    for r, word in enumerate(("accept", "review", "reject")):
        assert view.table.item(r, 1).background().color().name() == COLOURS[word]
    assert rows[3] == ["b.tif", "", "Failed"]
    assert view.table.item(3, 0).toolTip() == "it is empty"


def test_a_failed_row_asks_for_nothing(qtbot):
    view = VerdictView()
    qtbot.addWidget(view)
    view.show_verdicts([assessment()], [("b.tif", "it is empty")])
    with qtbot.assertNotEmitted(view.chosen), qtbot.assertNotEmitted(view.show_requested):
        view.table.setCurrentCell(1, 1)
        view.table.cellActivated.emit(1, 1)


@pytest.mark.parametrize(
    ("keywords", "shown"),
    [
        ({"verdict": "accept", "score": 1.0, "cut": 0.2, "p_accept": 0.7, "p_reject": 0.05},
         ["ruled out", "possible", "risk"]),
        ({"reason": "too_few_references", "score": -0.1, "cut": 0.0, "messages": ("2 missing",)},
         ["too few", "2 missing"]),
        ({"verdict": "reject", "limit": "pore.area_fraction <= 0.01", "modality": "measure",
          "value": 0.03, "value_low": 0.02, "value_high": 0.04},
         ["0.030", "0.020 to 0.040", "pore.area_fraction"]),
        ({"reason": "no_phases", "limit": "pore.area_fraction <= 0.01", "modality": "measure"},
         ["phases"]),
    ],
)  # fmt: skip
def test_evidence_of_every_kind(qtbot, keywords, shown):
    view = EvidenceView()
    qtbot.addWidget(view)
    judged = assessment(**keywords)
    view.show_verdict(judged, judged.verdicts[0], {})
    words = " ".join(
        label.text() for label in (view.reason, view.numbers, view.messages, view.how)
    ).lower()
    for word in [*shown, "no calibration"]:
        assert word.lower() in words


def test_neighbours_are_pictures_with_their_cosine(qtbot):
    import numpy as np

    near = Neighbour("r1", "ref.tif", "accept", 0.912, expert="Ann", group="plate 7")
    judged = assessment(evidence=Evidence(accepted=(near,)))
    view = EvidenceView()
    qtbot.addWidget(view)
    view.show_verdict(judged, judged.verdicts[0], {"r1": np.zeros((30, 40, 3), np.uint8)})
    holder = view.accepted.layout().itemAt(0).widget()
    assert "Ann" in holder.toolTip() and "plate 7" in holder.toolTip()
    picture, words = holder.layout().itemAt(0).widget(), holder.layout().itemAt(1).widget()
    assert words.text() == "ref.tif\n0.912"
    assert picture.pixmap().width() == view.accepted.SIDE
    assert not view.rejected.isVisibleTo(view)


def test_evidence_says_in_words_when_asked_and_copies(qtbot):
    view = EvidenceView()
    qtbot.addWidget(view)
    shown = assessment(score=-0.1, cut=0.0, evidence=Evidence(to_accept=0.4))
    view.show_verdict(shown, shown.verdicts[0], {})
    assert not view.words.words.isVisible()
    view.words.toggle.click()
    assert view.words.words.isVisible()
    assert "if the score rose by 0.40" in view.words.words.text()
    view.words.copy.click()
    assert QGuiApplication.clipboard().text() == str(explain(shown.verdicts[0]))
    view.show_overall(shown)
    assert not view.words.isVisible()
