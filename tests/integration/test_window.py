"""The real window: sample, segment, embed, references, verdicts, as a person does it."""

import shutil
import threading

import pytest

import napari_qualify as nq
from napari_qualify.widgets.sources import KEY

PLUGIN = "napari-qualify"


@pytest.fixture(autouse=True)
def own_settings(tmp_path):
    from qtpy.QtCore import QSettings

    QSettings.setPath(
        QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(tmp_path / "settings")
    )


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer(show=True)


@pytest.fixture
def dock(viewer):
    """Dock a widget as the menu does; napari hands it its proxy of the viewer."""

    def add(name):
        return viewer.window.add_plugin_dock_widget(PLUGIN, name)[1]

    return add


@pytest.fixture
def run(qtbot):
    def wait(widget, press):
        with qtbot.waitSignal(widget.runner.finished, timeout=120_000):
            press()
        return widget.progress.label.text()

    return wait


def select(viewer, names):
    viewer.layers.selection = {viewer.layers[name] for name in names}


@pytest.mark.slow
def test_from_the_sample_to_the_verdicts(viewer, dock, run, tmp_path):
    # Open the sample: what the expert has judged, and what is to be judged.
    lot = nq.sample_lot()
    viewer.open_sample(PLUGIN, "lot_references")
    viewer.open_sample(PLUGIN, "lot")
    assert len(viewer.layers) == len(lot.references) + len(lot.judge)
    assert {str(unit) for layer in viewer.layers for unit in layer.units} == {"micrometer"}
    assert sum(layer.visible for layer in viewer.layers) == 2

    # Segment one.
    segment = dock("Segment phases")
    target = lot.judge[0].stem
    segment.image.setCurrentText(target)
    run(segment, segment.threshold.start.click)
    phases = viewer.layers[f"{target} phases"]
    assert phases.units == viewer.layers[target].units
    assert len(segment.table.as_text()) == 3

    # Embed what is to be judged, into a new library.
    embed = dock("Embed micrographs")
    embed.create_library(str(tmp_path / "lot"), "lite")
    judged = [path.stem for path in lot.judge[:4]]
    select(viewer, judged)
    run(embed, embed.embedding.start.click)
    assert embed.embedding.result.text().startswith("4 newly encoded, 0 from")

    # Add references of one criterion, as the lot's expert said.
    qualify = dock("Qualify micrographs")
    assert qualify.library_box.name.text() == "lot"
    qualify.write_criterion({"name": "carbide distribution"}, replace=False)
    table = _verdicts(lot.references_csv)
    for verdict, add in (
        ("accept", qualify.references.accepted),
        ("reject", qualify.references.rejected),
    ):
        select(viewer, [stem for stem, said in table.items() if said == verdict])
        qualify.references.expert.setText("the lot's expert")
        run(qualify, add.click)
    assert qualify.criteria.table.as_text() == [["carbide distribution", "10", "10", "none"]]

    # Classify, and read the table.
    select(viewer, judged)
    run(qualify, qualify.classify.click)
    rows = qualify.verdicts.table.as_text()
    assert [row[0] for row in rows] == judged
    assert {row[1] for row in rows} <= {"✓ Accept", "? Review", "✗ Reject"}
    assert KEY in viewer.layers[judged[0]].metadata
    assert qualify.evidence.isVisible()


def _verdicts(csv):
    import pandas as pd

    table = pd.read_csv(csv, dtype=str, keep_default_na=False)
    table = table[table["criterion"] == "carbide distribution"]
    return {name.rpartition("/")[2].rpartition(".")[0]: said
            for name, said in zip(table["image"], table["verdict"], strict=True)}  # fmt: skip


def test_menus_hold_the_widgets(viewer):
    from napari._app_model import get_app_model

    menus = get_app_model().menus
    for menu, commands in {
        "napari/layers/segment": ["napari-qualify.segment"],
        "napari/layers/classify": ["napari-qualify.embed", "napari-qualify.qualify"],
    }.items():
        found = {item.command.id for item in menus.get_menu(menu) if hasattr(item, "command")}
        assert set(commands) <= found


@pytest.mark.parametrize("name", ["Segment phases", "Embed micrographs", "Qualify micrographs"])
def test_widgets_fit_a_small_screen(viewer, dock, qtbot, name):
    window = viewer.window._qt_window
    widget = dock(name)
    window.resize(1400, 1000)
    qtbot.wait(50)
    assert window.minimumSizeHint().height() <= 1000
    assert window.width() <= 1400
    assert widget.height() <= 1000


def test_library_opens_as_layers(viewer, tmp_path):
    library = nq.open_library(tmp_path / "lot", create=True)
    library.add_criterion("porosity")
    # Beside the library, where its references may be opened.
    file = shutil.copy(nq.sample_lot().references[0], tmp_path)
    library.add_references("porosity", file, "accept", embed=False)
    viewer.open(str(library.path), plugin=PLUGIN)
    layer = viewer.layers[0]
    assert layer.metadata[KEY]["references"][0]["criterion"] == "porosity"
    assert {str(unit) for unit in layer.units} == {"micrometer"}


@pytest.mark.parametrize("how", ["close the dock", "close the viewer"])
def test_closing_while_it_works_is_safe(viewer, dock, qtbot, how):
    ended = threading.Event()
    done = []

    def call(progress):
        try:
            for number in range(1000):
                progress("working", number, 1000)
                threading.Event().wait(0.01)
        finally:
            ended.set()

    widget = dock("Segment phases")
    widget.run("Work", call, done.append)
    _until_busy(qtbot, widget)
    if how == "close the dock":
        viewer.window.remove_dock_widget(widget)
    else:
        viewer.close()
    del widget
    qtbot.waitUntil(ended.is_set, timeout=2000)
    assert not done


def _until_busy(qtbot, widget):
    qtbot.waitUntil(lambda: widget.progress.bar.value() > 2)
