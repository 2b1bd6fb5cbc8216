"""Evaluate verdicts: metrics, plots, misjudged micrographs, and blind studies."""

import gc
import weakref

import numpy as np
import pandas as pd
import pytest

import napari_qualify as nq
from napari_qualify.evaluate.blind_key import read_key
from napari_qualify.library.store import open_library
from napari_qualify.widgets import evaluate_tasks
from napari_qualify.widgets.evaluate import EvaluateWidget
from napari_qualify.widgets.evaluate_tasks import layers_by_image
from napari_qualify.widgets.samples import judge
from napari_qualify.widgets.sources import KEY, LayerSource

CRITERION = "porosity"
SOME = 6
"""Micrographs that are judged."""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """The rendered lot's porosity, embedded once."""
    lot = nq.sample_lot()
    made = open_library(tmp_path_factory.mktemp("lot") / "lot", create=True)
    made.add_criterion(CRITERION, **lot.criteria[CRITERION])
    for image, verdict in lot.reference_verdicts(CRITERION).items():
        made.add_references(
            CRITERION, lot.folder / image, verdict, expert="rater-sim-1", embed=False
        )
    from napari_qualify.embed.pipeline import embed_references

    embed_references(made)
    return made


@pytest.fixture
def labels(tmp_path):
    """True verdicts on a few, the last one turned round; two experts who part on the first."""
    lot = nq.sample_lot()
    table = pd.read_csv(lot.labels_csv, dtype=str)
    table = table[table["criterion"] == CRITERION].head(SOME).copy()
    turn = {"accept": "reject", "reject": "accept"}
    table.loc[table.index[-1], "verdict"] = turn[table["verdict"].iloc[-1]]
    table["image"] = [str(lot.folder / name) for name in table["image"]]
    table["expert"] = "rater-sim-1"
    other = table.assign(expert="rater-sim-2")
    other.loc[other.index[0], "verdict"] = turn[other["verdict"].iloc[0]]
    path = tmp_path / "labels.csv"
    pd.concat([table, other]).to_csv(path, index=False)
    return path


@pytest.fixture
def widget(viewer, qtbot, library):
    made = EvaluateWidget(viewer)
    qtbot.addWidget(made)
    made.open_library(str(library.path))
    return made


@pytest.fixture
def evaluated(widget, labels, run):
    widget.form.labels.choose(str(labels))
    assert "compared" in run(widget, widget.form.start.click)
    return widget


def test_a_library_and_a_table_come_first(viewer, qtbot, library, labels):
    widget = EvaluateWidget(viewer)
    qtbot.addWidget(widget)
    assert not widget.form.start.isEnabled()
    widget.form.labels.choose(str(labels))
    assert not widget.form.start.isEnabled()
    widget.open_library(str(library.path))
    assert widget.form.start.isEnabled()
    widget.form.scope.setCurrentIndex(1)
    assert not widget.form.start.isEnabled()  # which folder?


def test_metrics_are_those_of_the_verb(evaluated, library, labels):
    expected = nq.evaluate(library, labels)
    rows = {row[1]: row for row in evaluated.metrics.table.as_text()}
    for metric in ("accuracy", "review rate"):
        (line,) = expected[expected["metric"] == metric.replace(" ", "_")].to_dict("records")
        assert rows[metric][2] == f"{line['value']:.3f}"
        assert rows[metric][4] == str(line["n"])
    assert "many experts accept as reject" in evaluated.metrics.notes.text()
    assert library.assessments() == []  # nothing is recorded


def test_plots_are_shown(evaluated, qtbot):
    plots = evaluated.plots
    names = [plots.name.itemData(i) for i in range(plots.name.count())]
    assert names == ["metrics", "roc", "calibration", "experts"]
    plots.resize(400, 500)
    seen = set()
    for index in range(plots.name.count()):
        plots.name.setCurrentIndex(index)
        picture = plots.picture.pixmap().toImage()
        assert picture.width() <= plots.area.viewport().width()
        seen.add(picture.bits().asstring(picture.sizeInBytes()))
    assert len(seen) == 4


def test_misjudged_opens_with_truth_and_evidence(viewer, evaluated, qtbot, run):
    rows = evaluated.misjudged.table.as_text()
    turned = nq.sample_lot().judge[SOME - 1]
    (row,) = [i for i, cells in enumerate(rows) if turned.stem in cells[0]]
    assert evaluated.results.tabText(2) == f"Misjudged ({len(rows)})"
    evaluated.results.setCurrentIndex(2)
    run(evaluated, lambda: evaluated.misjudged.table.selectRow(row))
    (shown,) = [layer for layer in viewer.layers if layer.visible]
    assert turned.stem in shown.name
    assert [str(unit) for unit in shown.units] == ["micrometer"] * 2
    np.testing.assert_array_equal(shown.data, nq.read(turned).pixels)
    assert shown.metadata[KEY]["assessment"]["image"] == shown.name
    said = evaluated.misjudged.truth.text()
    assert "rater-sim-1, rater-sim-2" in said
    assert said.startswith(("False", "Wrong call"))
    wrong = sum(not cells[3].endswith("Review") for cells in rows)
    assert f"Wrong verdicts: {wrong} of {SOME - 1}" in evaluated.misjudged.summary.text()
    assert not evaluated.evidence.isHidden()
    assert CRITERION in evaluated.evidence.title()


def test_experts_part(evaluated):
    rows = evaluated.experts.table.as_text()
    percent = next(row for row in rows if row[1] == "percent" and row[2] != "all")
    assert percent[2] == "rater-sim-1 – rater-sim-2"
    assert percent[3] == f"{(SOME - 1) / SOME:.3f}"
    assert evaluated.results.isTabVisible(3)


def test_tables_are_written(evaluated, run, tmp_path, library, labels):
    words = run(evaluated, lambda: evaluated.save_tables(str(tmp_path / "out")))
    assert str(tmp_path / "out") in words
    nq.evaluate(library, labels, out=tmp_path / "script")
    for path in (tmp_path / "script").iterdir():
        if path.suffix in (".csv", ".png", ".svg"):
            assert (tmp_path / "out" / path.name).read_bytes() == path.read_bytes(), path.name
    assert (tmp_path / "out" / "agreement.csv").is_file()


def test_layers_give_the_metrics_of_their_files(viewer, widget, labels, run, evaluated):
    before = evaluated.metrics.table.as_text()
    for data, keywords, _ in judge()[:SOME]:
        viewer.add_image(data, **keywords)
    widget.form.scope.setCurrentIndex(3)
    assert widget.form.scope.currentText() == f"All images ({SOME})"
    run(widget, widget.form.start.click)
    assert widget.metrics.table.as_text() == before
    row = next(
        i for i, cells in enumerate(widget.misjudged.table.as_text())
        if cells[0] == nq.sample_lot().judge[SOME - 1].stem
    )  # fmt: skip
    widget.misjudged.table.selectRow(row)
    assert len(viewer.layers) == SOME  # the layer itself, no other one
    (shown,) = [layer for layer in viewer.layers if layer.visible]
    assert shown.name == nq.sample_lot().judge[SOME - 1].stem


def test_wrong_table_is_a_message(widget, tmp_path, run, messages):
    path = tmp_path / "labels.csv"
    path.write_text("image,criterion,verdict\nnone.tif,porosity,accept\n")
    widget.form.labels.choose(str(path))
    assert run(widget, widget.form.start.click) == "Not done: see the message."
    assert "none.tif" in messages()[-1]
    widget.form.scope.setCurrentIndex(3)
    run(widget, widget.form.start.click)
    assert "no row speaks of" in messages()[-1]
    assert widget.results.isHidden()


def test_evaluation_can_be_stopped(widget, labels, qtbot):
    widget.form.labels.choose(str(labels))
    with qtbot.waitSignal(widget.runner.finished, timeout=60_000):
        widget.form.start.click()
        widget.progress.cancel.click()
    assert widget.progress.label.text() == "Stopped."
    assert widget.results.isHidden()


def test_layers_are_found_by_file_name_or_stem(tmp_path):
    def layer(name, path=None):
        from types import SimpleNamespace

        return LayerSource(name, name, None, (1, 1), (0, 0), (), (),
                           source=SimpleNamespace(path=path))  # fmt: skip

    sources = [layer("x", str(tmp_path / "a" / "one.tif")), layer("two.tif"), layer("three")]
    images = ["a/one.tif", "b/two.tif", "b\\three.tif", "four.tif", "b/one.tif"]
    found = layers_by_image(images, sources, tmp_path)
    assert {image: one.name for image, one in found.items()} == {
        "a/one.tif": "x", "b/two.tif": "two.tif", "b\\three.tif": "three",
    }  # fmt: skip


def test_blind_study_from_export_to_evaluation(widget, run, tmp_path, library):
    view, lot = widget.study, nq.sample_lot()
    widget.tabs.setCurrentIndex(1)
    assert not view.write.isEnabled()
    assert view.chosen == [CRITERION]
    view.folder.choose(str(lot.folder / "judge"))
    view.out.choose(str(tmp_path / "study"))
    view.key.choose(str(tmp_path / "key.json"))
    view.repeat.setValue(10)
    run(widget, view.write.click)
    assert "22 images and form.csv" in view.result.text()
    truth = pd.read_csv(lot.labels_csv, dtype=str).set_index(["image", "criterion"])["verdict"]
    form = pd.read_csv(tmp_path / "study" / "form.csv", dtype=str, keep_default_na=False)
    sources = {e.name: e.source.rpartition("/")[2] for e in read_key(tmp_path / "key.json").images}
    form["verdict"] = [truth[f"judge/{sources[name]}", CRITERION] for name in form["image"]]
    form.to_csv(tmp_path / "study" / "form.csv", index=False)
    view.expert.setText("rater-sim-1")
    view.labels.choose(str(tmp_path / "verdicts"))
    run(widget, view.take.click)
    assert "same verdict on 2 of 2" in view.result.text()
    assert widget.form.labels.path == str(tmp_path / "verdicts.csv")
    assert (tmp_path / "verdicts.repeats.csv").is_file()
    found = pd.read_csv(tmp_path / "verdicts.csv", dtype=str).set_index("image")["verdict"]
    for image, verdict in found.items():
        assert verdict == truth[f"judge/{image.rpartition('/')[2]}", CRITERION]
        assert (tmp_path / image).resolve() in [path.resolve() for path in lot.judge]
    table = evaluate_tasks.evaluate_files(
        library, widget.form.labels.path, None, lambda *_: None
    ).evaluation.table
    assert len(table) == len(lot.judge)


def test_export_into_a_full_folder_is_a_message(widget, run, tmp_path, messages):
    view = widget.study
    (tmp_path / "mine.txt").touch()
    view.folder.choose(str(nq.sample_lot().folder / "judge"))
    view.out.choose(str(tmp_path))
    view.key.choose(str(tmp_path.parent / "key.json"))
    run(widget, view.write.click)
    assert "not an empty folder" in messages()[-1]


def test_viewer_does_not_keep_the_widget_alive(viewer, qtbot):
    widget = EvaluateWidget(viewer)
    ref = weakref.ref(widget)
    widget.deleteLater()
    qtbot.wait(10)
    del widget
    gc.collect()
    assert ref() is None
    viewer.add_points([[1, 1]])  # nobody listens any more
