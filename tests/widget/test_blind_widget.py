"""Evaluate blind: one micrograph at a time, every verdict saved, the form as by hand."""

import gc
import shutil
import weakref

import numpy as np
import pandas as pd
import pytest
import tifffile

from napari_qualify.evaluate.blind import export
from napari_qualify.evaluate.blind_form import read_form
from napari_qualify.evaluate.blind_import import import_study, write_labels
from napari_qualify.evaluate.blind_key import read_key
from napari_qualify.library.store import open_library
from napari_qualify.widgets.blind import BlindWidget
from napari_qualify.widgets.sources import KEY


@pytest.fixture
def study(tmp_path, make_micrograph):
    """Six micrographs of 0.5 um a pixel, two criteria, one of them with statements."""
    (tmp_path / "lot").mkdir()
    for seed in range(6):
        tifffile.imwrite(
            tmp_path / "lot" / f"plate-{seed}.tif", make_micrograph(seed=seed, pores=seed),
            resolution=(20_000, 20_000), resolutionunit="CENTIMETER",
        )  # fmt: skip
    library = open_library(tmp_path / "steel", create=True)
    library.add_criterion("porosity", accept=["few pores"], reject=["many pores"])
    library.add_criterion("spread", accept=["even"], reject=["clusters"])
    return export(
        [tmp_path / "lot"], tmp_path / "study", tmp_path / "key.json", library=library, experts=2
    )


@pytest.fixture
def widget(viewer, qtbot, study):
    made = BlindWidget(viewer)
    qtbot.addWidget(made)
    made.open_folder(str(study.folder))
    return made


def press(widget, word):
    widget.view.answers[word].click()


def test_nothing_is_asked_before_a_study_is_open(viewer, qtbot):
    widget = BlindWidget(viewer)
    qtbot.addWidget(widget)
    assert widget.view.question.isHidden()
    press(widget, "accept")
    assert len(viewer.layers) == 0


def test_one_micrograph_with_its_scale_and_no_true_name(viewer, image, widget, study, qtbot):
    widget.open_folder(str(study.folder))
    (shown,) = [layer for layer in viewer.layers if layer.visible]
    assert shown.name == widget.sitting.question["image"].removesuffix(".tif")
    np.testing.assert_allclose(shown.scale, 0.5)
    assert [str(unit) for unit in shown.units] == ["micrometer"] * 2
    assert viewer.canvas.overlays.scale_bar.visible
    assert shown.source.path is None
    assert shown.metadata == {KEY: {"blind": shown.name}}
    words = " ".join(label.text() for label in widget.findChildren(type(widget.view.count)))
    assert "plate" not in words
    assert not image.visible  # other layers could tell
    assert "other layers first (1," in widget.view.warning.text()
    viewer.layers.remove(image)
    widget.view.skip.click()
    assert widget.view.warning.isHidden()


def test_name_comes_first(widget):
    view = widget.view
    assert not any(made.isEnabled() for made in view.answers.values())
    assert "name" in view.answers["accept"].toolTip()
    view.expert.setText("rater-sim-1")
    assert all(made.isEnabled() for made in view.answers.values())


def test_verdicts_are_saved_at_once_and_found_again(viewer, widget, study, qtbot):
    view = widget.view
    view.expert.setText("rater-sim-1")
    assert view.count.text() == "1 of 12"
    assert view.criterion.text() == "porosity"
    assert view.statements.text() == "✓ few pores\n✗ many pores"
    first = viewer.layers[-1]
    view.note.setText("one pore")
    press(widget, "accept")
    assert viewer.layers[-1] == first  # the second criterion of the same micrograph
    assert view.criterion.text() == "spread"
    assert view.note.text() == ""
    press(widget, "unsure")
    assert len(viewer.layers) == 1
    assert viewer.layers[-1].name != first.name
    form = read_form(study.folder / "form-1.csv")
    assert list(form["verdict"][:3]) == ["accept", "unsure", ""]
    assert list(form["note"][:1]) == ["one pore"]
    again = BlindWidget(viewer)
    qtbot.addWidget(again)
    again.open_folder(str(study.folder))
    assert again.view.count.text() == "3 of 12"
    assert again.view.bar.value() == 2
    assert again.view.expert.text() == "rater-sim-1"
    assert again.view.expert.isReadOnly()


def test_back_skip_and_undo(widget, study):
    view = widget.view
    view.expert.setText("rater-sim-1")
    assert not view.undo.isEnabled()
    press(widget, "accept")
    view.skip.click()
    assert view.count.text() == "3 of 12"
    view.back.click()
    view.back.click()
    assert view.count.text() == "1 of 12"
    assert view.before.text() == "You said: ✓ Accept"
    press(widget, "reject")
    assert list(read_form(study.folder / "form-1.csv")["verdict"][:2]) == ["reject", ""]
    view.undo.click()
    assert view.before.text() == "You said: ✓ Accept"
    view.undo.click()
    assert view.before.isHidden()
    assert set(read_form(study.folder / "form-1.csv")["verdict"]) == {""}


def test_keys(widget, qtbot, study):
    from qtpy.QtCore import Qt

    widget.show()
    qtbot.waitExposed(widget)
    widget.activateWindow()
    view = widget.view
    view.expert.setFocus()
    qtbot.waitUntil(view.expert.hasFocus)
    qtbot.keyClicks(view.expert, "Aura")  # letters of a name are no verdicts
    assert view.bar.value() == 0
    qtbot.keyClick(view.expert, Qt.Key.Key_Return)
    for key in "aru":
        qtbot.keyClick(widget, key)
    assert list(read_form(study.folder / "form-1.csv")["verdict"][:4]) == [
        "accept", "reject", "unsure", "",
    ]  # fmt: skip
    qtbot.keyClick(widget, Qt.Key.Key_Backspace)
    assert view.bar.value() == 2


def test_all_answered(viewer, widget, study):
    widget.view.expert.setText("rater-sim-1")
    for _ in range(12):
        press(widget, "reject")
    view = widget.view
    assert view.criterion.text() == "All questions are answered"
    assert view.answers["accept"].isHidden()
    assert "form-1.csv back" in view.saved.text()
    assert len(viewer.layers) == 0
    view.undo.click()
    assert view.count.text() == "12 of 12"
    assert not view.answers["accept"].isHidden()


def test_form_of_another_expert(widget, study):
    view = widget.view
    view.expert.setText("rater-sim-1")
    press(widget, "accept")
    assert [view.forms.itemText(i) for i in range(2)] == ["form-1.csv", "form-2.csv"]
    widget.open_form(str(study.folder / "form-2.csv"))
    assert view.expert.text() == ""
    assert not view.expert.isReadOnly()
    view.expert.setText("rater-sim-2")
    press(widget, "reject")
    second = read_form(study.folder / "form-2.csv")
    assert second["expert"].tolist() == ["rater-sim-2", *[""] * 11]
    assert (read_form(study.folder / "form-1.csv")["verdict"] == "accept").sum() == 1


def test_wrong_folders_are_messages(widget, study, tmp_path, messages):
    widget.open_folder(str(tmp_path / "lot"))
    assert "not the folder of a blind study" in messages()[-1]
    assert widget.study.folder == study.folder  # what was open stays
    for form in study.folder.glob("form*"):
        form.unlink()
    widget.open_folder(str(study.folder))
    assert "no form" in messages()[-1]


def test_what_cannot_be_seen_is_not_judged(viewer, qtbot, study, messages):
    form = read_form(study.folder / "form-1.csv")
    (study.folder / form["image"].iloc[0]).unlink()
    widget = BlindWidget(viewer)
    qtbot.addWidget(widget)
    widget.open_folder(str(study.folder))
    widget.view.expert.setText("rater-sim-1")
    assert "no such file" in messages()[-1]
    assert not widget.view.answers["accept"].isEnabled()
    widget.view.skip.click()
    widget.view.skip.click()
    assert widget.view.answers["accept"].isEnabled()


def test_form_that_leads_elsewhere_is_refused(widget, study, messages):
    form = study.folder / "form-1.csv"
    form.write_text("image,criterion,verdict,expert,note\n../lot/plate-1.tif,porosity,,,\n")
    widget.open_form(str(form))
    assert "beside it alone" in messages()[-1]


def test_table_is_that_of_the_command_line(widget, study, tmp_path):
    """The same verdicts, in the widget and by hand in the CSV, give the same table."""
    by_hand = tmp_path / "by-hand"
    shutil.copytree(study.folder, by_hand)
    truth = {e.name: "accept" if e.source[-5] in "012" else "reject"
             for e in read_key(study.key).images}  # fmt: skip
    form = pd.read_csv(by_hand / "form-1.csv", dtype=str, keep_default_na=False)
    form["verdict"] = form["image"].map(truth)
    form["expert"], form["note"] = "rater-sim-1", "seen"
    form.to_csv(by_hand / "form-1.csv", index=False)
    widget.view.expert.setText("rater-sim-1")
    for _ in range(12):
        widget.view.note.setText("seen")
        press(widget, truth[widget.sitting.question["image"]])
    for folder, name in ((study.folder, "widget.csv"), (by_hand, "hand.csv")):
        write_labels(import_study(folder, study.key, relative_to=tmp_path), tmp_path / name)
    assert (tmp_path / "widget.csv").read_bytes() == (tmp_path / "hand.csv").read_bytes()
    assert (study.folder / "form-1.csv").read_bytes() == (by_hand / "form-1.csv").read_bytes()
    assert len(pd.read_csv(tmp_path / "widget.csv")) == 12


def test_viewer_does_not_keep_the_widget_alive(viewer, qtbot):
    widget = BlindWidget(viewer)
    ref = weakref.ref(widget)
    widget.deleteLater()
    qtbot.wait(10)
    del widget
    gc.collect()
    assert ref() is None
    viewer.add_points([[1, 1]])  # nobody listens any more
