"""Several processes and threads write one library: nothing of either is lost."""

import os
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from napari_qualify.errors import LibraryError, UsageError
from napari_qualify.library.store import Library, open_library
from napari_qualify.library.transaction import LOCK
from napari_qualify.micrograph import Micrograph

WRITER = """
import sys
import numpy as np
from napari_qualify.decide.verdict import Assessment
from napari_qualify.library.store import open_library
from napari_qualify.micrograph import Micrograph

path, who = sys.argv[1:]
library = open_library(path)
rng = np.random.default_rng(int(who))
print("ready", flush=True)
sys.stdin.readline()
for number in range(12):
    pixels = rng.integers(0, 255, (20, 20), dtype=np.uint8)
    library.add_references("porosity", Micrograph(pixels, None, name=f"{who}-{number}"), "accept",
                           embed=False)
    library.store_vectors("fp", {}, [f"{who}-{number}", f"both-{number}"],
                          np.full((2, 3), float(who)))
    library.add_assessments([Assessment(f"{who}-{number}", "s", "0" * 64, None, ())])
    library.add_criterion(f"criterion {who}-{number}")
"""


def test_two_processes_lose_nothing(library: Library) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(library.path), who],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for who in ("1", "2")
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    seen = 0
    while any(writer.poll() is None for writer in writers):
        # A reader meanwhile finds everything whole, and what it saw stays.
        found = library.references()
        assert len(found) >= seen
        seen = len(found)
        assert library.verify() == []
        for reference in found[-3:]:
            assert library.thumbnail(reference.id).shape == (20, 20, 3)
    for writer in writers:
        with writer:
            assert writer.wait() == 0
    names = {f"{who}-{number}" for who in "12" for number in range(12)}
    assert {r.image for r in library.references()} == names
    assert {a["image"] for a in library.assessments()} == names
    assert set(library.criteria) == {"porosity"} | {f"criterion {name}" for name in names}
    vectors = library.vectors("fp", [*names, *(f"both-{n}" for n in range(12))])
    assert len(vectors) == 36
    assert all(vectors[name][0] == float(name[0]) for name in names)
    assert library.verify() == []


def test_threads_lose_nothing(library: Library) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for step in range(5):
                key = f"{number}-{step}"
                library.store_vectors("fp", {}, [key], np.full((1, 2), number))
                assert library.vectors("fp", [key])[key][0] == number
                library.add_criterion(key)
                assert key in library.criteria
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(library.criteria) == 21
    assert library.verify() == []


def test_changes_of_another_are_seen_at_once(library: Library, folder: Path) -> None:
    other = open_library(library.path)
    version = other.version
    (reference,) = library.add_references("porosity", folder / "a.png", "accept", embed=False)
    assert other.version != version
    assert other.version == library.version
    assert other.references() == [reference]
    library.store_vectors("fp", {}, ["a"], np.ones((1, 2)))
    assert other.store_vectors("fp", {}, ["a", "b"], np.zeros((2, 2))) == 1
    assert library.vectors("fp", ["a", "b"])["b"].tolist() == [0, 0]
    other.remove_references(reference.id)
    assert library.references() == []
    with pytest.raises(UsageError, match="no reference"):
        library.micrograph(reference)
    library.add_criterion("new")
    with pytest.raises(UsageError, match="exists already"):
        other.add_criterion("new")


def test_lock_that_stays_taken_is_said(library: Library) -> None:
    impatient = open_library(library.path, lock_seconds=0.3)
    with FileLock(library.path / LOCK):
        start = time.monotonic()
        with pytest.raises(LibraryError, match=r"another process is writing.*0\.3 s"):
            impatient.add_criterion("x")
        assert time.monotonic() - start < 5
        assert list(impatient.criteria) == ["porosity"]  # reading goes on
    impatient.add_criterion("x")


def test_two_processes_create_one_library(tmp_path: Path) -> None:
    code = (
        "import sys; from napari_qualify.library.store import open_library\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "print(open_library(sys.argv[1], create=True).log[0]['time'])"
    )
    makers = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "lot")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for maker in makers:
        assert maker.stdout is not None
        maker.stdout.readline()
    for maker in makers:
        assert maker.stdin is not None
        maker.stdin.write("\n")
        maker.stdin.flush()
    for maker in makers:
        with maker:
            assert maker.wait() == 0
    assert [p.name for p in tmp_path.iterdir()] == ["lot.qualify.zarr"]
    assert open_library(tmp_path / "lot").verify() == []


@pytest.mark.skipif(os.name == "nt", reason="needs resource limits")
def test_a_full_disk_changes_nothing(library: Library) -> None:
    library.store_vectors("fp", {}, ["a"], np.ones((1, 2000)))
    version, entries = library.version, len(library.log)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    pixels = np.random.default_rng(0).integers(0, 255, (600, 600), dtype=np.uint8)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        with pytest.raises(LibraryError, match=r"cannot be written \(File too large\)"):
            library.store_vectors("fp", {}, [f"k{i}" for i in range(400)], np.ones((400, 2000)))
        with pytest.raises(LibraryError, match="cannot be written"):
            library.add_references(
                "porosity", Micrograph(pixels, None, name="x"), "accept", embed=False
            )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (library.version, len(library.log)) == (version, entries)
    assert library.verify() == []
    assert library.references() == []
    assert library.store_vectors("fp", {}, ["k0"], np.full((1, 2000), 5.0)) == 1
    assert library.vectors("fp", ["k0"])["k0"][0] == 5
