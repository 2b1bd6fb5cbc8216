"""The manifest holds, and every name in it leads somewhere."""

import inspect
from importlib.resources import files

import pytest
from npe2 import PluginManifest
from npe2.manifest.utils import import_python_name
from qtpy.QtWidgets import QWidget

MANIFEST = PluginManifest.from_file(str(files("napari_qualify") / "napari.yaml"))
COMMANDS = {command.id: command for command in MANIFEST.contributions.commands}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=list(COMMANDS))
def test_every_python_name_resolves(command):
    assert callable(import_python_name(command.python_name))


def test_names():
    assert MANIFEST.name == "napari-qualify"
    assert MANIFEST.display_name == "napari-qualify: micrograph qualification"
    assert [w.display_name for w in MANIFEST.contributions.widgets] == [
        "Segment phases",
        "Embed micrographs",
        "Qualify micrographs",
        "Evaluate verdicts",
        "Evaluate blind",
    ]


def test_menus_are_those_that_napari_lets_plugins_use():
    from napari._app_model.constants._menus import is_menu_contributable

    menus = MANIFEST.contributions.menus
    assert set(menus) == {"napari/layers/segment", "napari/layers/classify"}
    assert all(is_menu_contributable(menu) for menu in menus)
    items = [item.command for group in menus.values() for item in group]
    assert sorted(items) == sorted(w.command for w in MANIFEST.contributions.widgets)


def test_widgets_take_the_viewer_by_the_name_that_napari_injects():
    for contribution in MANIFEST.contributions.widgets:
        widget = import_python_name(COMMANDS[contribution.command].python_name)
        assert issubclass(widget, QWidget)
        assert list(inspect.signature(widget).parameters) == ["napari_viewer"]


def test_link_at_the_root_is_the_manifest(pytestconfig):
    link = pytestconfig.rootpath / "napari.yaml"
    assert link.resolve() == (files("napari_qualify") / "napari.yaml").resolve()
