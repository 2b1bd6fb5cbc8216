"""The search tab: rankings in the table, rows that open, and what stands against a search."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from napari_qualify.batch import embed_files
from napari_qualify.library.store import open_library
from napari_qualify.widgets.embed import EmbedWidget
from napari_qualify.widgets.sources import KEY

GREY = Path(__file__).parents[1] / "grey_encoder"
LEVELS = {"dark.tif": 40, "mid.tif": 128, "bright.tif": 220}


@pytest.fixture(autouse=True)
def grey_encoder(monkeypatch):
    monkeypatch.syspath_prepend(str(GREY))


def field(level, seed=0, side=48):
    rng = np.random.default_rng(seed)
    return rng.integers(level - 30, level + 31, (side, side)).astype(np.uint8)


def build(folder, encoder="grey", levels=LEVELS):
    folder.mkdir()
    for seed, (name, level) in enumerate(levels.items()):
        tifffile.imwrite(folder / name, field(level, seed))
    library = open_library(folder / "lab", create=True, encoder=encoder)
    for name, verdict in (("exposure", "reject"), ("porosity", "accept")):
        library.add_criterion(name)
        library.add_references(name, folder / "dark.tif", verdict, group="s1", embed=False)
    embed_files([folder], library)
    return library


@pytest.fixture
def library(tmp_path):
    return build(tmp_path / "day")


@pytest.fixture
def widget(viewer, qtbot, library):
    made = EmbedWidget(viewer)
    qtbot.addWidget(made)
    made.open_library(str(library.path))
    made.tabs.setCurrentIndex(1)
    return made


def names(view):
    return [row[0].splitlines()[0] for row in view.table.as_text()]


def search_text(widget, run, words):
    widget.search.words.setText(words)
    run(widget, widget.search.start.click)


def test_most_like_this_text(widget, run):
    view = widget.search
    assert not view.start.isEnabled()
    search_text(widget, run, "bright")
    assert names(view) == ["bright.tif", "mid.tif", "dark.tif"]
    name, similarity, verdicts = view.table.as_text()[2]
    assert name == "dark.tif\ns1"
    assert verdicts == "✗ exposure\n✓ porosity"
    assert float(similarity) < 0
    assert "no probability" in view.note.text()
    assert view.table.as_text()[0][::2] == ["bright.tif\nembedded only", "–"]
    view.kind.setCurrentIndex(1)
    run(widget, view.start.click)
    assert names(view)[0] == "dark.tif"


def test_pictures_follow(widget, run, qtbot):
    search_text(widget, run, "bright")
    view = widget.search

    def grey():
        image = view.table.item(0, 0).icon().pixmap(20, 20).toImage()
        return image.pixelColor(image.width() // 2, image.height() // 2).lightness()

    qtbot.waitUntil(lambda: grey() > 170, timeout=20_000)


def test_most_and_least_like_a_layer(viewer, widget, run):
    viewer.add_image(field(60, 9), name="new")
    view = widget.search
    view.kind.setCurrentIndex(2)
    assert view.image.currentText() == "new"
    run(widget, view.start.click)
    assert names(view)[0] == "dark.tif"
    view.kind.setCurrentIndex(3)
    run(widget, view.start.click)
    assert names(view)[0] == "bright.tif"
    assert len(viewer.layers) == 1


def test_more_like_a_micrograph_of_the_library(widget, run):
    view = widget.search
    search_text(widget, run, "bright")
    assert not view.like.isEnabled()
    view.table.selectRow(1)
    run(widget, view.like.click)
    assert names(view)[0] == "mid.tif"
    assert view.table.as_text()[0][1] == "1.000"
    assert view.image.currentText() == "mid.tif (in the library)"
    view.kind.setCurrentIndex(3)
    run(widget, view.start.click)
    assert names(view)[-1] == "mid.tif"


def test_a_row_opens_as_one_layer(viewer, widget, run, library):
    viewer.add_image(field(10), name="mine")
    search_text(widget, run, "bright")
    run(widget, lambda: widget.search.table.cellActivated.emit(2, 0))
    assert [layer.name for layer in viewer.layers] == ["mine", "dark.tif"]
    layer = viewer.layers["dark.tif"]
    assert np.array_equal(layer.data, field(40, 0))
    assert layer.metadata[KEY]["library"] == str(library.path)
    assert viewer.layers["mine"].visible
    layer.visible = False
    widget.search.table.selectAll()
    run(widget, widget.search.open.click)
    assert len(viewer.layers) == 4 and layer.visible


def test_a_row_without_its_file_stays_with_a_note(widget, run, library, qtbot, messages):
    (library.path.parent / "mid.tif").unlink()
    search_text(widget, run, "bright")
    table = widget.search.table
    qtbot.waitUntil(lambda: "no file to open" in table.item(1, 0).text(), timeout=20_000)
    assert "no such file" in table.item(1, 0).toolTip()
    run(widget, lambda: table.cellActivated.emit(1, 0))
    assert "mid.tif" in messages()[-1]
    table.selectAll()
    said = run(widget, widget.search.open.click)
    assert "mid.tif" in said


def test_a_name_is_never_taken_for_markup(viewer, qtbot, run, tmp_path):
    library = build(tmp_path / "odd", levels={"dark.tif": 40, "<b>bright.tif": 220})
    made = EmbedWidget(viewer)
    qtbot.addWidget(made)
    made.open_library(str(library.path))
    search_text(made, run, "bright")
    assert "&lt;b&gt;" in made.search.table.item(0, 0).toolTip()


def test_without_text_the_reason_is_on_the_tab(viewer, qtbot, run, tmp_path):
    library = build(tmp_path / "images", "grey-images")
    made = EmbedWidget(viewer)
    qtbot.addWidget(made)
    made.open_library(str(library.path))
    search_text(made, run, "bright")
    assert "image-only" in made.search.note.text()
    assert "by an image" in made.search.note.text()
    assert made.search.table.rowCount() == 0


def test_vectors_of_other_weights_are_refused(widget, run, library, messages):
    library.store_vectors("older", {"encoder": "grey", "view": "raw"}, list("abcdef"), np.eye(6, 3))
    widget.reload()
    stored = widget.search.stored
    assert stored.count() == 2
    stored.setCurrentIndex([stored.itemData(i).fingerprint for i in range(2)].index("older"))
    search_text(widget, run, "bright")
    assert "Embed the micrographs again" in messages()[-1]


def test_the_list_can_be_saved(widget, run, tmp_path):
    search_text(widget, run, "bright")
    widget.search.save_requested.emit(str(tmp_path / "found"))
    assert list(pd.read_csv(tmp_path / "found.csv")["image"])[0] == "bright.tif"


def test_another_library_clears_the_list(widget, run, library, tmp_path):
    search_text(widget, run, "bright")
    copy = tmp_path / "copy" / "other.qualify.zarr"
    shutil.copytree(library.path, copy)
    widget.open_library(str(copy))
    assert widget.search.table.rowCount() == 0
    assert not widget.search.save.isEnabled()


def test_what_is_embedded_can_be_searched_at_once(viewer, qtbot, run, tmp_path, make_micrograph):
    library = open_library(tmp_path / "new", create=True, encoder="grey")
    made = EmbedWidget(viewer)
    qtbot.addWidget(made)
    made.open_library(str(library.path))
    made.search.words.setText("bright")
    assert not made.search.start.isEnabled()
    viewer.add_image(make_micrograph(), name="field")
    run(made, made.embedding.start.click)
    assert made.search.start.isEnabled()
    run(made, made.search.start.click)
    assert names(made.search) == ["field"]


def test_what_was_embedded_from_a_layer_is_found_in_it(viewer, qtbot, run, tmp_path):
    library = open_library(tmp_path / "new", create=True, encoder="grey")
    made = EmbedWidget(viewer)
    qtbot.addWidget(made)
    made.open_library(str(library.path))
    layer = viewer.add_image(field(128), name="field", visible=False)
    viewer.add_image(field(30), name="other")
    viewer.layers.selection = {layer}
    run(made, made.embedding.start.click)
    search_text(made, run, "bright")
    run(made, lambda: made.search.table.cellActivated.emit(0, 0))
    assert len(viewer.layers) == 2 and layer.visible
    assert viewer.layers.selection.active is layer
    qtbot.waitUntil(lambda: not made.pictures[id(made.search)].busy, timeout=20_000)
    assert "no file" not in made.search.table.item(0, 0).text()
    layer.data = field(200)
    run(made, lambda: made.search.table.cellActivated.emit(0, 0))
    assert len(viewer.layers) == 2  # another image of the same name is not taken for it
