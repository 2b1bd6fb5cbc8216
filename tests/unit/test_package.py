"""What a plain `import napari_qualify` gives, each in an interpreter of its own."""

import doctest
import importlib
import json
import os
import subprocess
import sys
from importlib.metadata import entry_points, metadata, version
from importlib.resources import files
from inspect import signature
from pathlib import Path

import pytest

import napari_qualify as nq

HEAVY = (
    "torch",
    "torchvision",
    "open_clip",
    "timm",
    "transformers",
    "segmentation_models_pytorch",
    "matplotlib",
    "napari",
    "qtpy",
    "magicgui",
    "PyQt5",
    "PyQt6",
    "PySide2",
    "PySide6",
)


def run(code: str) -> str:
    """Standard output of `code` in a new interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def loaded_after(statements: str) -> set[str]:
    code = f"{statements}\nimport json, sys\nprint(json.dumps(list(sys.modules)))"
    return {name.partition(".")[0] for name in json.loads(run(code).splitlines()[-1])}


@pytest.mark.parametrize(
    "statements",
    [
        "import napari_qualify",
        "import napari_qualify; napari_qualify.__version__; dir(napari_qualify)",
        "import napari_qualify.cli",
        "from napari_qualify import embed, measure, qualify, read, report, segment",
        "from napari_qualify import Library, Micrograph, Phases, open_library, sample_lot",
    ],
)
def test_importing_loads_neither_qt_nor_torch(statements):
    assert loaded_after(statements) & set(HEAVY) == set()


def test_the_probe_sees_a_heavy_import():
    assert "napari" in loaded_after("import napari_qualify, napari")


def test_version_is_that_of_the_distribution():
    assert nq.__version__ == version("napari-qualify")


def test_public_names_exist_and_no_other_does():
    assert set(nq.__all__) == set(dir(nq))
    for name in nq.__all__:
        assert getattr(nq, name) is not None, name
    with pytest.raises(AttributeError, match="no_such_verb"):
        _ = nq.no_such_verb


@pytest.mark.parametrize(
    "first",
    ["napari_qualify.embed.views", "napari_qualify.report.run", "napari_qualify.segment.phases"],
)
def test_verbs_are_callable_whatever_was_imported_first(first):
    verbs = ("embed", "measure", "qualify", "report", "segment")
    code = (
        f"import {first}\nimport napari_qualify as nq\n"
        f"print([name for name in {verbs} if not callable(getattr(nq, name))])"
    )
    assert run(code).strip() == "[]"


@pytest.mark.parametrize(
    ("verb", "module"),
    [
        ("embed", "embed.pipeline"),
        ("measure", "measure.run"),
        ("qualify", "qualify"),
        ("report", "report.run"),
        ("segment", "segment.run"),
    ],
)
def test_a_verb_shows_the_signature_of_its_function(verb, module):
    function = getattr(importlib.import_module(f"napari_qualify.{module}"), verb)
    assert signature(getattr(nq, verb)) == signature(function)


def test_the_example_of_the_package_runs():
    done = doctest.testmod(nq, raise_on_error=False)
    assert done.attempted >= 3
    assert done.failed == 0


def test_entry_points_lead_to_the_manifest_and_the_command():
    (manifest,) = entry_points(group="napari.manifest", name="napari-qualify")
    package, _, name = manifest.value.partition(":")
    assert (files(package) / name).is_file()
    (command,) = entry_points(group="console_scripts", name="napari-qualify")
    assert callable(command.load())


@pytest.mark.skipif(os.name == "nt", reason="git on Windows may write links as text")
def test_links_at_the_root_lead_into_the_package():
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        pytest.skip("not a checkout: the sdist leaves the links out")
    for name in ("napari.yaml", "sample_data"):
        assert (root / name).resolve() == Path(str(files("napari_qualify"))) / name
        assert not (root / name).readlink().is_absolute()


def test_plain_install_brings_no_window():
    required = metadata("napari-qualify").get_all("Requires-Dist")
    plain = [line for line in required if "extra ==" not in line]
    assert plain
    assert not [line for line in plain if line.lower().startswith(("napari", "pyqt", "pyside"))]
