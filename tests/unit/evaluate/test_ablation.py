import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import napari_qualify as nq
from napari_qualify.cli_ablate import app
from napari_qualify.embed.pipeline import embed_each
from napari_qualify.errors import Cancelled, EncoderError, UsageError
from napari_qualify.evaluate import ablation as module
from napari_qualify.evaluate.ablation import (
    DIFFERENCE_COLUMNS,
    TABLE_COLUMNS,
    ablate,
    one_change,
)
from napari_qualify.evaluate.ablation_grid import AXES, Grid, default_grid
from napari_qualify.evaluate.metrics import metrics
from napari_qualify.evaluate.table import judged_table, read_labels

NAMED = ["porosity"]


@pytest.fixture(scope="module")
def lot():
    return nq.sample_lot()


@pytest.fixture(scope="module")
def library(lot, tmp_path_factory):
    """References of one criterion, their phases kept, on the lot's own pixels."""
    library = nq.open_library(tmp_path_factory.mktemp("ablation") / "lot", create=True)
    texts = lot.criteria["porosity"]
    library.add_criterion("porosity", accept=texts["accept"], reject=texts["reject"])
    verdicts = lot.reference_verdicts("porosity")
    for name in list(verdicts)[:10]:
        path = lot.folder / name
        library.add_references("porosity", path, verdicts[name], expert="rater-sim-1", embed=False)
        library.save_phases(nq.read(path), lot.phases_of(path))
    return library


@pytest.fixture(scope="module")
def labels(lot):
    table = read_labels(lot.labels_csv)
    table = table[table["criterion"].isin(NAMED)]
    return table.assign(image=table["image"].str.replace("judge/", "")).reset_index(drop=True)


@pytest.fixture(scope="module")
def judged(lot):
    return lot.judge[:10]


@pytest.fixture(scope="module")
def found(library, labels, judged):
    grid = Grid(("lite", "flava:/no/folder"), ("raw", "phases"), ("auto", "visual", "cross"))
    return ablate(library, labels[labels["image"].isin([p.name for p in judged])], judged, grid,
                  draws=50)  # fmt: skip


def rows(table, **values):
    for axis, value in values.items():
        table = table[table[axis] == value]
    return table


def test_default_setting_is_what_qualify_says(found, library, labels, judged):
    assert found.default == ("lite", "raw", "auto", "library", "auto")
    assessments = nq.qualify(judged, library, record=False)
    named = labels[labels["image"].isin([p.name for p in judged])]
    expected = metrics(judged_table(assessments, named, library=library), draws=50)
    mine = rows(found.table, **found.default._asdict())
    assert list(mine["metric"]) == list(expected["metric"])
    np.testing.assert_allclose(mine["value"], expected["value"])
    np.testing.assert_allclose(mine["low"], expected["low"])


def test_table_is_tidy_and_paper_is_tried_once(found):
    assert tuple(found.table.columns) == TABLE_COLUMNS
    tried = found.table[found.table["encoder"] == "lite"].drop_duplicates(list(AXES))
    # 2 views, 3 modalities, 2 rules over 3 populations and the paper's over the batch
    assert len(tried) == 2 * 3 * (2 * 3 + 1)
    assert set(rows(found.table, rule="paper")["population"]) == {"batch"}
    keys = [*AXES, "criterion", "metric"]
    assert not found.table.duplicated(keys).any()


def test_what_cannot_be_had_says_why(found, library, labels, judged):
    lacking = rows(found.table, encoder="flava:/no/folder")
    assert lacking["note"].str.contains("no folder").all()
    assert lacking["value"].isna().all() and (lacking["metric"] == "").all()
    assert (rows(found.table, view="phases", encoder="lite")["note"].str.contains("phases")).all()
    assert not rows(found.table, view="raw", encoder="lite")["note"].any()


def test_ranking_is_the_same_with_and_without_z(found):
    raw = rows(found.table, encoder="lite", view="raw", modality="visual", rule="auto",
               metric="auroc")  # fmt: skip
    assert set(raw["population"]) == {"library", "batch", "none"}
    assert raw["value"].nunique() == 1


def test_differences_are_to_the_default(found):
    assert tuple(found.differences.columns) == DIFFERENCE_COLUMNS
    first = rows(found.table, **found.default._asdict(), metric="balanced_accuracy")["value"].item()
    for row in rows(found.differences, metric="balanced_accuracy").to_dict("records"):
        same = {axis: row[axis] for axis in AXES}
        value = rows(found.table, **same, metric="balanced_accuracy")["value"].item()
        assert row["difference"] == pytest.approx(value - first)
    changes = one_change(found)
    assert list(dict.fromkeys(changes["change"])) == [
        "z over the batch",
        "no z",
        "rule net(pool=mean)",
        "rule paper",
        "modality visual",
        "modality cross",
    ]


def test_every_view_is_embedded_once(library, labels, judged, lot, monkeypatch):
    asked = []

    def counting(micrographs, encoder, settings, **rest):
        asked.append(settings)
        return embed_each(micrographs, encoder, settings, **rest)

    monkeypatch.setattr(module, "embed_each", counting)
    phases = {nq.read(p).content_hash: lot.phases_of(p) for p in judged[:4]}
    grid = Grid(("lite",), ("raw", "overlay"))
    done = ablate(library, labels, judged[:4], grid, phases=phases, draws=10)
    assert [s.view for s in asked] == ["raw", "overlay"]
    assert rows(done.table, view="overlay")["value"].notna().any()


def test_references_among_the_labelled_are_left_out(library, labels, lot, judged):
    name = next(iter(lot.reference_verdicts("porosity")))
    path = lot.folder / name
    more = pd.concat([labels, labels.iloc[:1].assign(image=path.name)], ignore_index=True)
    done = ablate(library, more, [*judged[:4], path], Grid(("lite",), rules=("auto",)), draws=10)
    assert any("are a reference" in note for note in done.notes)
    assert (rows(done.table, metric="accuracy")["n"] == 4).all()


def test_it_can_be_stopped(library, labels, judged):
    def stop(stage, done, total):
        if stage == "settings" and done == 2:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        ablate(library, labels, judged[:4], Grid(("lite",)), draws=10, progress=stop)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"encoders": ("vgg",)}, EncoderError),
        ({"views": ("upside-down",)}, UsageError),
        ({"modalities": ("taste",)}, UsageError),
        ({"populations": ("everyone",)}, UsageError),
        ({"rules": ("coin",)}, UsageError),
        ({"rules": ()}, UsageError),
    ],
)
def test_unknown_names_are_refused_at_once(wrong, error):
    with pytest.raises(error):
        Grid(**{"encoders": ("lite",), **wrong})


def test_default_grid_begins_with_what_the_library_does(library):
    grid = default_grid(library, ["clip"])
    assert grid.encoders == ("lite", "clip")
    assert grid.settings()[0] == ("lite", "raw", "auto", "library", "auto")


def test_command_writes_tables_and_plots(library, lot, judged, tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    for path in judged[:6]:
        (images / path.name).write_bytes(path.read_bytes())
    (images / "broken.tif").write_bytes(b"no image")
    rows_ = [f"{p.name},porosity,{v}" for p, v in zip(judged[:6], ["accept", "reject"] * 3,
                                                      strict=True)]  # fmt: skip
    csv = images / "labels.csv"
    csv.write_text("\n".join(["image,criterion,verdict", *rows_]) + "\n")
    out = tmp_path / "out"
    options = ["--view", "raw", "--modality", "visual", "--rule", "auto", "--rule", "paper"]
    result = CliRunner().invoke(
        app,
        [str(library.path), str(images), "--labels", str(csv), "--out", str(out), *options,
         "--draws", "20"],
    )  # fmt: skip
    assert result.exit_code == 1, result.output  # a file failed; the others were judged
    assert "broken.tif" in result.output and "rule paper" in result.output
    table = pd.read_csv(out / "ablation.csv", keep_default_na=False)
    assert set(table["population"]) == {"library", "batch", "none"}
    names = ["ablation.csv", "ablation.png", "ablation.svg"]
    names += ["differences.csv", "differences.png", "differences.svg"]
    assert sorted(p.name for p in out.iterdir()) == names


@pytest.mark.slow
def test_command_on_rendered_micrographs(lot, tmp_path):
    options = ["--view", "raw", "--view", "phases", "--modality", "visual", "--rule", "paper"]
    result = CliRunner().invoke(
        app,
        ["--rendered", "--out", str(tmp_path), "--count", "4", "--draws", "20", *options,
         "--encoder", "clip:/no/folder"],
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    table = pd.read_csv(tmp_path / "ablation.csv", keep_default_na=False)
    lite = table[table["encoder"] == "lite"]
    assert set(lite["view"]) == {"raw", "phases"} and not (lite["note"] != "").any()
    assert set(lite["criterion"]) == set(lot.criteria)
    assert (table[table["encoder"] == "clip:/no/folder"]["note"] != "").all()


def test_command_refuses_what_does_not_go_together(tmp_path):
    for options in (["lib", "--rendered"], [], ["lib", "images"]):
        result = CliRunner().invoke(app, [*options, "--out", str(tmp_path)])
        assert result.exit_code == 2
