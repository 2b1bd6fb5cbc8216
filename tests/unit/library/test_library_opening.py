"""Creating and opening: what is no library is refused in words, and left alone."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import zarr

from napari_qualify.errors import LibraryError, LibraryFormatError
from napari_qualify.library.manifest import KEY
from napari_qualify.library.store import Library, open_library


def snapshot(path: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(p): (p.lstat().st_mtime_ns, p.read_bytes() if p.is_file() else b"")
        for p in sorted([path, *path.rglob("*")])
    }


def edit_manifest(library: Library, **fields: object) -> None:
    file = library.path / "zarr.json"
    document = json.loads(file.read_bytes())
    document["attributes"][KEY].update(fields)
    file.write_text(json.dumps(document))


def test_suffix_is_added_and_the_library_is_found_by_either_name(tmp_path: Path) -> None:
    created = open_library(tmp_path / "deep" / "lot", create=True)
    assert created.path == tmp_path / "deep" / "lot.qualify.zarr"
    assert created.encoder == "lite"
    for name in ("lot", "lot.qualify.zarr"):
        assert open_library(tmp_path / "deep" / name).path == created.path


def test_library_beside_a_folder_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "lot").mkdir()
    assert open_library(tmp_path / "lot", create=True).path.name == "lot.qualify.zarr"


def test_create_opens_what_exists(library: Library) -> None:
    again = open_library(library.path, create=True)
    assert list(again.criteria) == ["porosity"]


def test_missing_library_says_how_to_create_one(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match="there is no library here.*create=True"):
        open_library(tmp_path / "nothing")
    assert list(tmp_path.iterdir()) == []


def test_another_encoder_is_refused(tmp_path: Path) -> None:
    open_library(tmp_path / "lot", create=True, encoder="clip")
    assert open_library(tmp_path / "lot").encoder == "clip"
    with pytest.raises(LibraryError, match="'clip', not 'lite'"):
        open_library(tmp_path / "lot", encoder="lite")


def test_newer_format_is_refused(library: Library) -> None:
    edit_manifest(library, format_version=7, software="napari-qualify 9.1")
    before = snapshot(library.path)
    with pytest.raises(LibraryFormatError, match=r"format 7.*napari-qualify 9\.1"):
        open_library(library.path)
    with pytest.raises(LibraryFormatError):
        library.add_criterion("more")
    assert {k: v for k, v in snapshot(library.path).items() if k in before} == before


@pytest.mark.parametrize(
    "fields",
    [
        {"format_version": "0"},
        {"format_version": True},
        {"format_version": -1},
        {"encoder": 3},
        {"criteria": {"x": {"node": "../../etc", "sha256": "0" * 64}}},
        {"phases": {"0" * 64: "/etc"}},
        {"log": -1},
        {"references": []},
    ],
)
def test_damaged_manifest_is_refused(library: Library, fields: dict[str, object]) -> None:
    edit_manifest(library, **fields)
    with pytest.raises(LibraryError, match=r"damaged zarr\.json"):
        open_library(library.path)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"zarr_format": 3}', "[" * 100_000, "9" * 6000, "\xff\x00"]
)
def test_damaged_json_is_refused(library: Library, text: str) -> None:
    (library.path / "zarr.json").write_bytes(text.encode("latin-1"))
    before = snapshot(library.path)
    with pytest.raises(LibraryError, match=str(library.path)):
        open_library(library.path)
    assert snapshot(library.path) == before


def test_other_things_are_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_text("notes")
    (tmp_path / "folder.qualify.zarr").mkdir()
    zarr.create_group(tmp_path / "group.zarr", attributes={"mine": 1})
    zarr.create_array(tmp_path / "array.zarr", data=np.zeros(3))
    zarr.create_group(tmp_path / "old.qualify.zarr", zarr_format=2)
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "pipe.qualify.zarr").mkdir()
    os.mkfifo(tmp_path / "pipe.qualify.zarr" / "zarr.json")
    (tmp_path / "link.qualify.zarr").symlink_to(tmp_path / "nowhere")
    names = sorted(p.name for p in tmp_path.iterdir())
    for create in (False, True):
        for name in names:
            if create and name == "link.qualify.zarr":
                continue
            start = time.monotonic()
            with pytest.raises(LibraryError, match=name):
                open_library(tmp_path / name, create=create)
            assert time.monotonic() - start < 5
    assert sorted(p.name for p in tmp_path.iterdir()) == names


@pytest.mark.parametrize("name", ["/", "x\0y", "x" * 400])
def test_names_that_cannot_be(name: str) -> None:
    with pytest.raises(LibraryError):
        open_library(name, create=True)


def test_zarr_lists_it_without_a_warning(library: Library, folder: Path) -> None:
    library.add_references("porosity", folder / "a.png", "accept", embed=False)
    library.store_vectors("fp", {}, ["k"], np.ones((1, 3)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        members = dict(zarr.open_group(library.path, mode="r").members(max_depth=None))
    assert {"criteria", "references", "embeddings/fp/vectors", "log/entries"} <= set(members)
    for node in members.values():
        assert node.metadata.zarr_format == 3
        if isinstance(node, zarr.Array):
            assert node.metadata.data_type.to_json(zarr_format=3) in ("string", "float32", "uint8")


READER = """
import os, sys
import numpy as np
from napari_qualify.library.store import open_library
from napari_qualify.errors import LibraryError

def use(path):
    library = open_library(path)
    first = library.references()[0]
    print(library.verify(), library.micrograph(first).name, library.thumbnail(first.id).shape)
    return library

def writes(library, new):
    yield lambda: library.add_criterion("x")
    yield lambda: library.store_vectors("fp", {}, ["k"], np.ones((1, 2)))
    yield lambda: open_library(new, create=True)

# Once before, so that all is imported: Python itself may be out of reach after.
for write in writes(use(sys.argv[1]), sys.argv[1] + "-new"):
    write()
os.setuid(65534)
for write in writes(use(sys.argv[2]), sys.argv[2] + "-new"):
    try:
        write()
    except LibraryError as error:
        print(error)
"""


@pytest.mark.skipif(os.name == "nt" or os.getuid() != 0, reason="needs to become another user")
def test_read_only_library_opens_and_says_that_it_cannot_be_written(
    library: Library, folder: Path
) -> None:
    library.add_references("porosity", folder / "a.png", "accept", embed=False)
    with tempfile.TemporaryDirectory() as public:
        Path(public).chmod(0o755)
        copy = Path(shutil.copytree(folder, Path(public, "lot"))) / library.path.name
        before = snapshot(copy)
        done = subprocess.run(
            [sys.executable, "-c", READER, str(library.path), str(copy)],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert snapshot(copy) == before
    assert done.returncode == 0, done.stderr
    first, second, *refused = done.stdout.splitlines()
    assert first == second == "[] a.png (32, 40, 3)"
    assert len(refused) == 3
    assert all("cannot be written (Permission denied)" in line for line in refused)


def test_opening_and_reading_write_nothing(library: Library, folder: Path) -> None:
    library.add_references("porosity", folder / "a.png", "accept", embed=False)
    before = snapshot(library.path)
    again = open_library(library.path)
    again.micrograph(again.references()[0])
    again.thumbnail(again.references()[0].id)
    assert again.verify() == []
    assert snapshot(library.path) == before


def test_another_library_in_its_place_is_noticed(library: Library, tmp_path: Path) -> None:
    library.store_vectors("fp", {}, ["k"], np.ones((1, 3)))
    assert library.vectors("fp", ["k"])
    other = open_library(tmp_path / "other", create=True)
    other.add_criterion("porosity", accept="another")
    other.store_vectors("fp", {}, ["other", "k"], np.zeros((2, 3)))
    library.path.rename(tmp_path / "gone")
    other.path.rename(library.path)
    assert library.criteria["porosity"].accept == ("another",)
    assert library.vectors("fp", ["k"])["k"].tolist() == [0, 0, 0]
