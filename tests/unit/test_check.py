"""What `check` says of the machine and of a library."""

import numpy as np
import pytest
import tifffile

from napari_qualify import check
from napari_qualify.embed import lite
from napari_qualify.errors import LibraryError
from napari_qualify.library.store import open_library


def write(path, seed, side=32):
    rng = np.random.default_rng(seed)
    tifffile.imwrite(path, rng.integers(0, 256, (side, side), dtype=np.uint8))
    return path


@pytest.fixture
def lab(tmp_path):
    library = open_library(tmp_path / "lab", create=True)
    library.add_criterion("porosity")
    return library


def notes(library):
    return [c.detail for c in check.check_library(library.path) if c.state == "note"]


def test_this_machine_is_usable_and_everything_is_looked_at():
    found = list(check.check_machine())
    assert [c.name for c in found if c.state == "fault"] == []
    assert {c.name for c in found} >= {
        "versions", "torch", "device", "torchvision", "encoder lite", "encoder lite runs", "zarr",
        "cache",
    }  # fmt: skip
    assert all(c.remedy for c in found if c.state != "ok")
    assert not any(c.remedy for c in found if c.state == "ok")


def test_missing_weights_are_a_fault_with_a_remedy(monkeypatch):
    monkeypatch.setattr(lite, "PACKAGE", "no-such-package-here")
    said = []
    assert check.run(said.append) == 1
    (fault,) = (c for c in said if c.name == "encoder lite")
    assert fault.state == "fault"
    assert "no-such-package-here is missing" in fault.detail
    assert fault.remedy.startswith("pip install")


@pytest.mark.parametrize(
    ("cuda", "gpu", "state", "words"),
    [
        (None, False, "ok", "CPU build"),
        ("13.0", True, "ok", "built for CUDA 13.0"),
        ("13.0", False, "note", "sees no GPU"),
    ],
)
def test_a_build_for_cuda_without_a_gpu_is_noted(cuda, gpu, state, words):
    found = check.torch_build("2.13.0", cuda, gpu)
    assert (found.state, words in found.detail) == (state, True)
    assert ("driver" in found.remedy) == (state == "note")


def test_a_folder_that_cannot_be_written_is_noted(tmp_path):
    assert check.writable("cache", tmp_path / "new").state == "ok"
    (tmp_path / "file").write_text("in the way")
    found = check.writable("cache", tmp_path / "file" / "cache")
    assert found.state == "note"
    assert str(tmp_path / "file") in found.detail and "writable" in found.remedy


def test_a_library_without_criteria_is_noted(tmp_path):
    library = open_library(tmp_path / "lab", create=True)
    assert notes(library) == ["none yet"]


def test_missing_references_and_groups_are_counted(lab, tmp_path):
    accepted = [write(tmp_path / f"{i}.tif", i) for i in range(3)]
    lab.add_references("porosity", accepted[:2], "accept", group="plate 1", embed=False)
    lab.add_references("porosity", accepted[2], "accept", embed=False)
    said = notes(lab)
    assert "2 groups of accepted references; a risk of 0.1 needs 9" in said
    assert "0 groups of rejected references; a risk of 0.1 needs 9" in said
    assert any(s.startswith("1 of 3 references have no group") for s in said)


def test_enough_groups_raise_no_remark(lab, tmp_path):
    for i in range(18):
        verdict = "accept" if i < 9 else "reject"
        path = write(tmp_path / f"{i}.tif", i)
        lab.add_references("porosity", path, verdict, group=f"plate {i}", embed=False)
    said = list(check.check_library(lab.path))
    assert {c.state for c in said} == {"ok"}
    assert said[-1].detail == "9 accepted and 9 rejected references"


def test_references_that_do_not_fit_the_criterion_are_noted(tmp_path):
    library = open_library(tmp_path / "lab", create=True)
    library.add_criterion("shape", view="masked:carbide", tile_um=20)
    library.add_references("shape", write(tmp_path / "a.tif", 1), "accept", embed=False)
    said = " ".join(notes(library))
    assert "1 references are not calibrated" in said
    assert "1 references have no phases for the view masked:carbide" in said


def test_a_measured_limit_needs_no_references(tmp_path):
    library = open_library(tmp_path / "lab", create=True)
    library.add_criterion("porosity", limit="pore.area_fraction <= 0.01")
    assert notes(library) == []


def test_a_damaged_library_is_a_fault(lab, tmp_path):
    lab.add_references("porosity", write(tmp_path / "a.tif", 1), "accept", embed=False)
    inside = sorted(lab.path.glob("references/*/thumbnail/**/*"))
    pixels = next(p for p in inside if p.is_file() and p.suffix != ".json")
    pixels.write_bytes(pixels.read_bytes()[::-1])
    said = []
    assert check.run(said.append, str(lab.path)) == 1
    assert [c.name for c in said if c.state == "fault"] == ["library"]


def test_an_encoder_that_is_not_here_is_a_fault(tmp_path):
    library = open_library(tmp_path / "lab", create=True, encoder="elsewhere")
    faults = [c for c in check.check_library(library.path) if c.state == "fault"]
    assert ["no such encoder" in c.detail for c in faults] == [True]


def test_no_library_is_an_error(tmp_path):
    with pytest.raises(LibraryError, match="there is no library"):
        list(check.check_library(tmp_path / "none"))


@pytest.mark.parametrize(
    ("group", "own"),
    [("a.tif", True), ("a.tif (2)", True), ("a.tif (b)", False), ("plate 1", False), ("", False)],
)
def test_a_group_that_nobody_named_is_recognised(group, own):
    assert check.is_own_group("a.tif", group) is own
