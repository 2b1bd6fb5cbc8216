"""verify() finds what was changed behind the library's back, and says it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zarr

from napari_qualify.decide.verdict import Assessment
from napari_qualify.library.log import check_chain
from napari_qualify.library.manifest import KEY
from napari_qualify.library.store import Library, open_library
from napari_qualify.micrograph import Micrograph
from napari_qualify.segment.phases import Phases


@pytest.fixture
def full(library: Library, folder: Path) -> Library:
    rng = np.random.default_rng(0)
    micrograph = Micrograph(rng.integers(0, 255, (40, 30), dtype=np.uint8), 1.0, name="layer")
    library.add_references("porosity", [folder / "a.png", micrograph], "accept", embed=False)
    library.store_vectors("fp", {}, ["a", "b"], rng.normal(size=(2, 5)))
    library.save_phases(micrograph, Phases(np.ones((40, 30)).astype(int), {1: "matrix"}, 1.0))
    library.add_assessments([Assessment("x", "s", "0" * 64, None, ())] * 2)
    assert library.verify() == []
    return library


def node(library: Library, image: str) -> Path:
    (reference,) = (r for r in library.references() if r.image == image)
    return next((library.path / "references").glob(f"{reference.id}-*"))


def edit(file: Path, change: Callable[[dict], None]) -> None:
    document = json.loads(file.read_bytes())
    change(document["attributes"])
    file.write_text(json.dumps(document))


def edit_manifest(library: Library, change: Callable[[dict], None]) -> None:
    edit(library.path / "zarr.json", lambda attributes: change(attributes[KEY]))


def edit_array(path: Path, row: int, value: object) -> None:
    array = zarr.open_array(path, mode="r+")
    array[row] = value


def forget_criterion(library: Library) -> None:
    edit_manifest(library, lambda m: m["criteria"].clear())


def forget_reference(library: Library) -> None:
    edit_manifest(library, lambda m: m["references"].popitem())


def verdict_turned(library: Library) -> None:
    file = node(library, "a.png") / "zarr.json"
    edit(file, lambda a: a["reference"].update(verdict="reject"))


def path_turned(library: Library) -> None:
    file = node(library, "a.png") / "zarr.json"
    edit(file, lambda a: a["reference"].update(path="b.png"))


def statement_changed(library: Library) -> None:
    edit(
        library.path / "criteria" / "000001" / "zarr.json",
        lambda a: a["criterion"].update(accept=["porous"]),
    )


def log_entry_changed(library: Library) -> None:
    path = library.path / "log" / "entries"
    text = str(zarr.open_array(path, mode="r")[2]).replace('"accept"', '"reject"')
    edit_array(path, 2, text)


def log_entry_garbled(library: Library) -> None:
    edit_array(library.path / "log" / "entries", 1, "{")


def log_cut(library: Library) -> None:
    edit_manifest(library, lambda m: m.update(log=m["log"] - 1))


def log_gone(library: Library) -> None:
    (library.path / "log" / "entries" / "c.0").unlink()


def assessment_changed(library: Library) -> None:
    edit_array(library.path / "assessments" / "records", 1, '{"image":"y"}')


def thumbnail_changed(library: Library) -> None:
    array = zarr.open_array(node(library, "a.png") / "thumbnail", mode="r+")
    array[0, 0, 0] = 255 - np.asarray(array[0, 0, 0])


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda lib: shutil.rmtree(node(lib, "a.png")), "missing or damaged"),
        (lambda lib: shutil.rmtree(node(lib, "a.png") / "thumbnail"), "image is damaged"),
        (lambda lib: shutil.rmtree(node(lib, "layer") / "pixels"), "image is damaged"),
        (lambda lib: (node(lib, "layer") / "pixels" / "c.0.0").unlink(), "not those of reference"),
        (thumbnail_changed, "thumbnail of reference"),
        (verdict_turned, "is not what was written"),
        (path_turned, "differs from what the log says"),
        (statement_changed, "Criterion 'porosity' is not what was written"),
        (forget_criterion, "belongs to the criterion 'porosity', which is missing"),
        (forget_reference, "by the log it was added and never removed"),
        (
            lambda lib: edit_manifest(lib, lambda m: m["embeddings"]["fp"].update(rows=3)),
            "2 rows of 3",
        ),
        (lambda lib: edit_manifest(lib, lambda m: m["embeddings"]["fp"].update(dim=4)), "not 4"),
        (lambda lib: edit_array(lib.path / "embeddings/fp/keys", 1, "a"), "a key occurs twice"),
        (lambda lib: edit_array(lib.path / "embeddings/fp/vectors", 0, np.inf), "not finite"),
        (lambda lib: shutil.rmtree(lib.path / "embeddings/fp/precision"), "damaged"),
        (lambda lib: shutil.rmtree(lib.path / "phases"), "phases are damaged"),
        (assessment_changed, "Assessments 0 to 1 are not what was written"),
        (lambda lib: edit_manifest(lib, lambda m: m.update(assessments=1)), "the library has 1"),
        (log_entry_changed, "Log entry 3 does not follow"),
        (log_entry_garbled, "Log entry 1 is not readable"),
        (log_cut, "last log entry is not the one"),
        (log_gone, "Log entry 0 is not readable"),
    ],
)
def test_damage_is_found(full: Library, damage: Callable[[Library], None], said: str) -> None:
    damage(full)
    problems = open_library(full.path).verify()
    assert any(said in problem for problem in problems), problems
    assert all(problem.endswith(".") for problem in problems)


def test_every_entry_names_the_hash_of_the_one_before(full: Library) -> None:
    entries = full.log
    assert [e["index"] for e in entries] == list(range(len(entries)))
    assert [e["action"] for e in entries] == [
        "create",
        "add_criterion",
        "add_references",
        "embed",
        "save_phases",
        "add_assessments",
    ]
    assert entries[0]["previous"] == "0" * 64
    assert all(e["time"].endswith("Z") and e["software"] for e in entries)
    assert len({e["previous"] for e in entries}) == len(entries)


def test_chain_of_nothing() -> None:
    assert check_chain([], "0" * 64) == []
    assert check_chain(["[]"], "0" * 64) == ["Log entry 0 is not readable (not an object)."]
