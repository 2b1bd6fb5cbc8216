"""A writer that is killed leaves a library that opens and holds what it said it wrote."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from napari_qualify.library.store import Library, open_library
from napari_qualify.micrograph import Micrograph

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL"),
]

WORKER = Path(__file__).with_name("library_worker.py")


class Workers:
    """Talks to library_worker.py."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(WORKER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def start(self, path: Path, seed: int, crash_at: int = -1) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{path} {seed} {crash_at}\n")
        self.process.stdin.flush()

    def line(self) -> str:
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, "the workers' process ended"
        return line.strip()

    def rest(self) -> list[str]:
        lines = []
        while (line := self.line()) != "ended":
            lines.append(line)
        return lines


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    found = Workers()
    with found.process:
        yield found
        assert found.process.stdin
        found.process.stdin.close()


@pytest.fixture
def library(tmp_path: Path) -> Library:
    library = open_library(tmp_path / "killed", create=True)
    library.add_criterion("porosity")
    return library


def check_holds(path: Path, acknowledged: list[str]) -> None:
    library = open_library(path)
    assert library.verify() == []
    present = {r.id for r in library.references()}
    removed = {i for line in acknowledged if line.startswith("removed") for i in line.split()[1:]}
    images = [a["image"] for a in library.assessments()]
    for line in acknowledged:
        kind, *names = line.split()
        if kind == "reference":
            # The write that was under way may have been a removal of one.
            assert len(set(names) - present - removed) <= 1
        elif kind == "vectors":
            assert set(library.vectors("fp", names)) == set(names)
        elif kind == "phases":
            assert library.load_phases(names[0]) is not None
        elif kind == "assessments":
            assert images.count(names[0]) == 3
    assert not removed & present


def test_killed_at_random_moments_all_that_was_acknowledged_is_there(
    library: Library, workers: Workers
) -> None:
    chance = random.Random(7)
    acknowledged: list[str] = []
    for seed in range(30):
        workers.start(library.path, seed)
        # Its number and some writes, in whatever order, then anywhere in the next write.
        lines = [workers.line() for _ in range(chance.randint(2, 6))]
        while not any(line.startswith("pid") for line in lines):
            lines.append(workers.line())
        time.sleep(chance.uniform(0, 0.06))
        number = next(int(line.split()[1]) for line in lines if line.startswith("pid"))
        os.kill(number, signal.SIGKILL)
        lines += workers.rest()
        new = [line for line in lines if not line.startswith("pid")]
        acknowledged += new
        check_holds(library.path, new)
    gone = sum(line.startswith("removed") for line in acknowledged)
    added = sum(len(line.split()) - 1 for line in acknowledged if line.startswith("reference"))
    assert added > 10
    # Of each killed worker at most one write was not acknowledged: 2 references.
    assert abs(len(library.references()) - (added - gone)) <= 2 * 30
    library.add_criterion("afterwards")
    assert not list(library.path.rglob("*.partial"))
    assert not list(library.path.rglob(".staging-*"))
    assert library.verify() == []


@pytest.mark.parametrize("kind", range(6))
def test_killed_at_every_change_of_files_of_a_write(
    library: Library, workers: Workers, kind: int
) -> None:
    if kind == 5:
        rng = np.random.default_rng(99)
        some = [
            Micrograph(rng.integers(0, 255, (16, 16), dtype=np.uint8), None, name="x")
            for _ in range(16)
        ]
        library.add_references("porosity", some, "reject", embed=False)
    kills = 0
    for operation in range(400):
        before = library.version, len(library.log)
        seed = 6 * operation + kind
        workers.start(library.path, seed, operation)
        lines = workers.rest()
        again = open_library(library.path)
        assert again.verify() == [], f"killed at file operation {operation}"
        if "finished" in lines:
            break
        kills += 1
        assert len(again.log) - before[1] in (0, 1)
        if len(again.log) == before[1]:
            assert again.version == before[0]
    assert kills > 10
    assert operation < 399
