"""Embed: what is new is encoded, what the library has is not; encoders and their state."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_qualify.embed.fetch import Plan
from napari_qualify.embed.registry import EncoderStatus, spec_status
from napari_qualify.embed.settings import EmbedSettings
from napari_qualify.library.store import open_library
from napari_qualify.widgets.embed import EmbedWidget
from napari_qualify.widgets.encoder_box import EncoderBox, folder_spec

GREY = Path(__file__).parents[1] / "grey_encoder"


@pytest.fixture(autouse=True)
def grey_encoder(monkeypatch):
    monkeypatch.syspath_prepend(str(GREY))


@pytest.fixture
def library(tmp_path):
    return open_library(tmp_path / "steel", create=True, encoder="grey")


@pytest.fixture
def widget(viewer, qtbot, library):
    made = EmbedWidget(viewer)
    qtbot.addWidget(made)
    made.open_library(str(library.path))
    return made


def test_second_time_comes_from_the_store(viewer, widget, run, library, make_micrograph):
    for seed in range(3):
        viewer.add_image(make_micrograph(seed=seed), name=f"field {seed}")
    view = widget.embedding
    view.scope.setCurrentIndex(1)
    run(widget, view.start.click)
    assert view.result.text().startswith("3 newly encoded, 0 from")
    (fingerprint,) = library.fingerprints()
    assert list(library.embedded(fingerprint)["image"]) == ["field 0", "field 1", "field 2"]
    viewer.add_image(make_micrograph(seed=3), name="field 3")
    run(widget, view.start.click)
    assert view.result.text().startswith("1 newly encoded, 3 from")
    assert list(library.fingerprints()) == [fingerprint]


def test_other_view_tile_or_overlap_is_another_fingerprint(
    viewer, widget, run, library, image, messages
):
    view = widget.embedding
    run(widget, view.start.click)
    view.view.set_value("masked:carbide")
    run(widget, view.start.click)
    assert "Segment" in messages()[-1]
    view.view.set_value("raw")
    view.tile.set_tile(20.0)
    run(widget, view.start.click)
    view.overlap.setValue(50)
    run(widget, view.start.click)
    found = sorted((d["tile_um"] or 0, d["overlap"]) for d in library.fingerprints().values())
    assert found == [(0, 0.25), (20.0, 0.25), (20.0, 0.5)]


def test_the_settings_of_the_criteria_are_offered(viewer, qtbot, tmp_path):
    library = open_library(tmp_path / "lab", create=True, encoder="grey")
    library.add_criterion("one", view="masked:pore", tile_um=50)
    library.add_criterion("two", tile_um=30)
    library.add_criterion("three", tile_um=30)
    library.add_criterion("limit", limit="pore.area_fraction <= 0.01", view="phases")
    made = EmbedWidget(viewer)
    qtbot.addWidget(made)
    made.open_library(str(library.path))
    assert made._settings() == EmbedSettings("raw", 30.0)


def test_tiles_without_a_calibration_are_noted(viewer, widget, run, make_micrograph):
    viewer.add_image(make_micrograph(), name="field")
    widget.embedding.tile.set_tile(20.0)
    run(widget, widget.embedding.start.click)
    assert "• field: Not calibrated" in widget.embedding.result.text()


def test_a_layer_that_is_no_micrograph_is_listed(viewer, widget, run, make_micrograph):
    viewer.add_image(np.full((40, 40), 7, np.uint8), name="empty")
    viewer.add_image(make_micrograph(), name="field")
    widget.embedding.scope.setCurrentIndex(1)
    run(widget, widget.embedding.start.click)
    assert widget.embedding.result.text().startswith("1 newly encoded")
    ((name, reason),) = widget.embedding.failures.as_text()
    assert name == "empty" and "nothing to see" in reason


def test_a_folder_with_a_bad_file(widget, run, library, tmp_path, make_micrograph):
    folder = tmp_path / "day" / "part"
    folder.mkdir(parents=True)
    for seed in range(3):
        tifffile.imwrite(folder / f"f{seed}.tif", make_micrograph(seed=seed))
    (folder / "bad.tif").write_bytes(b"no image")
    view = widget.embedding
    view.scope.setCurrentIndex(2)
    assert not view.start.isEnabled()
    view.set_folder(str(tmp_path / "day"))
    view.pixel.setValue(0.5)
    view.tile.set_tile(20.0)
    run(widget, view.start.click)
    assert view.result.text() == "3 newly encoded, 0 from the library's store. 1 failed."
    assert [row[0] for row in view.failures.as_text()] == ["part/bad.tif"]
    (description,) = library.fingerprints().values()
    assert description["tile_um"] == 20.0
    run(widget, view.start.click)
    assert view.result.text().startswith("0 newly encoded, 3 from")


def test_cancelled_in_the_middle_keeps_what_is_done(widget, run, library, tmp_path, qtbot):
    folder = tmp_path / "many"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(160):
        tifffile.imwrite(folder / f"{i:03}.tif", rng.integers(0, 255, (64, 64), np.uint8))
    view = widget.embedding
    view.scope.setCurrentIndex(2)
    view.set_folder(str(folder))
    widget.runner.progressed.connect(
        lambda stage, done, total: widget.runner.cancel() if done >= 5 else None
    )
    assert run(widget, view.start.click) == "Stopped."
    assert widget.body.isEnabled()
    done = [len(library.embedded(f)) for f in library.fingerprints()]
    assert 5 <= sum(done) < 160 and not library.verify()


def test_images_are_counted(viewer, widget, image):
    scope = widget.embedding.scope
    assert scope.itemText(0) == "Selected images (1)"
    viewer.layers.selection.clear()
    assert scope.itemText(0) == "Selected images (0)"
    assert scope.itemText(1) == "All images (1)"


def test_without_a_library_it_waits(viewer, qtbot):
    widget = EmbedWidget(viewer)
    qtbot.addWidget(widget)
    assert not widget.embedding.start.isEnabled()
    assert not widget.search.start.isEnabled()


# --- encoders -------------------------------------------------------------------


def test_another_encoder_than_the_library_s_is_refused_and_said(widget, image):
    view = widget.embedding
    assert widget.encoder.value() == "grey" and view.start.isEnabled()
    widget.encoder.choose("lite")
    assert not view.start.isEnabled()
    for words in ("steel belongs to the encoder grey", "New…", "lite"):
        assert words in view.warning.text()
    widget.encoder.choose("grey")
    assert view.start.isEnabled() and not view.warning.text()


def test_device_and_precision_are_shown_once_it_runs(widget, run, image):
    assert widget.encoder.running.isHidden()
    run(widget, widget.embedding.start.click)
    assert widget.encoder.running.text() == "grey runs on cpu in fp32."


@pytest.fixture
def box(qtbot):
    made = EncoderBox(
        [
            EncoderStatus("clip", False, "no weights found", "pip install weights"),
            EncoderStatus("lite", True, "offline"),
        ],
        spec_status,
    )
    qtbot.addWidget(made)
    return made


def test_the_state_of_an_encoder_is_said_with_the_remedy(box):
    assert box.value() == "lite"
    assert box.state.text() == "offline"
    box.choose("clip")
    assert box.value() == "clip"
    assert box.combo.currentText() == "clip (not available yet)"
    assert "no weights found" in box.state.text()
    assert "pip install weights" in box.state.text()


def test_any_specification_can_be_typed(box, qtbot):
    with qtbot.waitSignal(box.changed):
        box.combo.setEditText(" clip:no-such-folder:x ")
    assert box.value() == "clip:no-such-folder:x"
    qtbot.waitUntil(lambda: "Not available yet" in box.state.text(), timeout=60_000)
    assert "no-such-folder" in box.state.text()
    box.combo.setEditText("nonsense")
    qtbot.waitUntil(lambda: "no such encoder" in box.state.text(), timeout=20_000)
    assert box.state.text().startswith("Not available yet: nonsense")
    box.show_rows([EncoderStatus("lite", True, "offline")])
    assert box.value() == "nonsense"


def test_a_folder_names_its_encoder(tmp_path):
    assert folder_spec(str(tmp_path)) == f"clip:{tmp_path}"
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "flava"}))
    assert folder_spec(str(tmp_path)) == f"flava:{tmp_path}"
    (tmp_path / "config.json").write_text("[]")
    assert folder_spec(str(tmp_path)) == f"clip:{tmp_path}"


def test_fetching_what_needs_no_fetching_says_so(widget, run, messages, monkeypatch):
    monkeypatch.setenv("NAPARI_QUALIFY_OFFLINE", "0")
    widget.encoder.choose("lite")
    assert run(widget, widget.encoder.fetch.click) == "Not done: see the message."
    assert "nothing to fetch" in messages()[-1]


def test_fetching_while_offline_names_the_reason(widget, run, messages, monkeypatch):
    monkeypatch.setenv("NAPARI_QUALIFY_OFFLINE", "1")
    widget.encoder.choose("clip")
    run(widget, widget.encoder.fetch.click)
    assert "NAPARI_QUALIFY_OFFLINE forbids connections" in messages()[-1]


class _File:
    size = 605_000_000


class _Part:
    folder, files = Path("models"), (_File,)


def test_size_is_asked_about_before_anything_is_fetched(widget, monkeypatch):
    asked = []
    monkeypatch.setattr(widget, "confirm", lambda words: bool(asked.append(words)))
    widget._ask_fetch(Plan("clip", (_Part,)))
    assert asked == ["Fetch clip: 605 MB into models?"]
    assert not widget.runner.busy
    widget._ask_fetch(Plan("clip", ()))
    assert "already" in widget.progress.label.text() and len(asked) == 1
