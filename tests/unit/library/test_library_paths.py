"""Stored paths: followed only where the user expects micrographs."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_qualify.errors import LibraryError
from napari_qualify.library import sources
from napari_qualify.library.store import Library, open_library

Writer = Callable[[Path, int], Path]


def store_path(library: Library, path: str) -> None:
    """Write `path` into the one reference, as somebody else might have."""
    (node,) = (library.path / "references").glob("*-*")
    document = json.loads((node / "zarr.json").read_bytes())
    document["attributes"]["reference"]["path"] = path
    (node / "zarr.json").write_text(json.dumps(document))


@pytest.fixture
def with_one(library: Library, folder: Path) -> Library:
    library.add_references("porosity", folder / "a.png", "accept", embed=False)
    return library


def test_library_and_micrographs_copied_elsewhere_still_belong_together(
    library: Library, folder: Path, tmp_path: Path
) -> None:
    paths = [folder / "a.png", folder / "sub" / "a.png"]
    added = library.add_references("porosity", paths, "accept", embed=False)
    shutil.copytree(folder, tmp_path / "copy")
    shutil.rmtree(folder)
    copy = open_library(tmp_path / "copy" / library.path.name)
    for reference in added:
        assert copy.micrograph(reference).content_hash == reference.content_hash
        assert str(copy.micrograph(reference).path).startswith(str(tmp_path / "copy"))
    assert copy.verify() == []


@pytest.mark.parametrize(
    "path",
    [
        "/etc/hostname",
        "//server/share/a.png",
        "C:/windows/a.png",
        "C:a.png",
        "\\\\server\\share\\a.png",
        "a.png\0",
        "",
        ".",
    ],
)
def test_absolute_paths_are_refused(with_one: Library, path: str) -> None:
    store_path(with_one, path)
    with pytest.raises(LibraryError, match="relative|is not there|is a folder|not one") as error:
        open_library(with_one.path).micrograph(with_one.references()[0].id)
    assert "reference" in str(error.value)


def test_paths_that_lead_outside_are_refused(with_one: Library, folder: Path) -> None:
    outside = folder.parent / "outside" / "a.png"
    outside.parent.mkdir()
    shutil.copy(folder / "a.png", outside)
    (folder / "file-link.png").symlink_to(outside)
    (folder / "folder-link").symlink_to(outside.parent)
    (folder / "loop").symlink_to(folder / "loop")
    for path in ("../outside/a.png", "sub/../../outside/a.png", "file-link.png"):
        store_path(with_one, path)
        with pytest.raises(LibraryError, match="leads outside the library's folder"):
            open_library(with_one.path).micrograph(with_one.references()[0].id)
    store_path(with_one, "folder-link/a.png")
    with pytest.raises(LibraryError, match="roots="):
        open_library(with_one.path).micrograph(with_one.references()[0].id)
    # The same file, once the user names its folder.
    allowed = open_library(with_one.path, roots=[outside.parent])
    assert allowed.micrograph(allowed.references()[0]).path == outside.resolve()
    store_path(with_one, "loop/a.png")
    with pytest.raises(LibraryError, match="is not there"):
        open_library(with_one.path).micrograph(with_one.references()[0].id)
    # A detour that stays inside is fine.
    store_path(with_one, "sub/../a.png")
    assert open_library(with_one.path).micrograph(with_one.references()[0].id).name == "a.png"


def test_a_fifo_is_never_opened(with_one: Library, folder: Path) -> None:
    os.mkfifo(folder / "pipe.png")
    store_path(with_one, "pipe.png")
    with pytest.raises(LibraryError, match="is not there"):
        open_library(with_one.path).micrograph(with_one.references()[0].id)


def test_changed_and_missing_files_are_refused(
    with_one: Library, folder: Path, write_png: Writer
) -> None:
    reference = with_one.references()[0]
    write_png(folder / "a.png", 77)
    for library in (with_one, open_library(with_one.path)):
        with pytest.raises(LibraryError, match=r"reference \w+ \(a\.png\).*has changed"):
            library.micrograph(reference)
    (folder / "a.png").unlink()
    with pytest.raises(LibraryError, match="'a.png' is not there"):
        with_one.micrograph(reference)


def test_file_outside_opens_in_the_session_that_named_it_and_by_roots(
    library: Library, tmp_path: Path, write_png: Writer
) -> None:
    source = write_png(tmp_path / "elsewhere" / "batch" / "x.png", 5)
    (reference,) = library.add_references("porosity", source, "accept", embed=False)
    assert reference.path == "../elsewhere/batch/x.png"
    assert not reference.stored
    assert library.micrograph(reference).name == "x.png"
    later = open_library(library.path)
    with pytest.raises(LibraryError, match=r"roots=\[folder\]"):
        later.micrograph(reference)
    for root in (source.parent, source.parent.parent):
        assert open_library(library.path, roots=[root]).micrograph(reference).name == "x.png"
    # Moved as a whole: found by the end of its path, since the hash must agree.
    shutil.move(tmp_path / "elsewhere", tmp_path / "archive")
    moved = open_library(library.path, roots=[tmp_path / "archive"])
    assert moved.micrograph(reference).content_hash == reference.content_hash
    with pytest.raises(LibraryError, match="not a folder"):
        open_library(library.path, roots=[tmp_path / "nothing"])


@given(
    st.text(max_size=30) | st.lists(st.sampled_from(["..", ".", "a.png", "s", ""])).map("/".join)
)
def test_no_spelling_gets_outside(
    tmp_path_factory: pytest.TempPathFactory, write_png: Writer, stored: str
) -> None:
    base = tmp_path_factory.getbasetemp() / "spelling"
    inside = base / "deep" / "inside"
    if not inside.exists():
        write_png(inside / "s" / "a.png", 1)
        write_png(inside / "a.png", 1)
        write_png(base / "a.png", 1)
        write_png(base / "deep" / "a.png", 1)
    try:
        found = list(sources.candidates(stored, inside, ()))
    except LibraryError:
        return
    assert all(path.is_relative_to(inside.resolve()) for path in found)
