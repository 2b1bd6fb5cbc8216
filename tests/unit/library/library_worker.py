"""A process that writes to a library until it is killed; see test_library_kill.py.

It imports once and forks a worker per line of its input, which is
``PATH SEED CRASH_AT``: the worker writes what the seed says and prints a line
per acknowledged write. With CRASH_AT >= 0 it does one write and kills itself
at that file operation.
"""

import os
import signal
import sys
from pathlib import Path

import numpy as np

from napari_qualify.decide.verdict import Assessment
from napari_qualify.library.store import Library, open_library
from napari_qualify.micrograph import Micrograph
from napari_qualify.segment.phases import Phases

EVENTS = ("open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.unlink")


def say(text: str) -> None:
    os.write(1, (text + "\n").encode())


def picture(rng: np.random.Generator) -> Micrograph:
    pixels = rng.integers(0, 65535, (24, 20), dtype=np.uint16)
    return Micrograph(pixels=pixels, pixel_size_um=0.5, name="layer")


def write(library: Library, rng: np.random.Generator, tag: str, kind: int) -> str:
    """Do one write of any kind and say what was acknowledged."""
    if kind == 0:
        added = library.add_references(
            "porosity", [picture(rng), picture(rng)], "accept", expert=tag, embed=False
        )
        return "reference " + " ".join(r.id for r in added)
    if kind == 1:
        keys = [f"{tag}-{i}" for i in range(40)]
        library.store_vectors("fp", {"a": 1}, keys, rng.normal(size=(40, 300)))
        return "vectors " + " ".join(keys)
    if kind == 2:
        micrograph = picture(rng)
        phases = Phases(np.ones((24, 20), np.uint8), {1: "matrix"}, 0.5)
        library.save_phases(micrograph, phases)
        return "phases " + micrograph.content_hash
    if kind == 3:
        library.add_assessments([Assessment(tag, "s", "0" * 64, None, ()) for _ in range(3)])
        return "assessments " + tag
    if kind == 4:
        library.add_criterion("changing", accept=tag, replace=True)
        return "criterion " + tag
    mine = library.references("porosity")
    if len(mine) < 2:
        return "nothing"
    library.remove_references([mine[0].id])
    return "removed " + mine[0].id


def kill_at(root: Path, number: int) -> None:
    """Kill this process before its n-th change of files of the library."""
    done = 0

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal done
        if event not in EVENTS or str(root) not in str(arguments[0]):
            return
        if event == "open" and not int(str(arguments[2])) & (os.O_WRONLY | os.O_RDWR):
            return  # reading changes nothing
        if done == number:
            os.kill(os.getpid(), signal.SIGKILL)
        done += 1

    sys.addaudithook(hook)


def work(path: str, seed: int, crash_at: int) -> None:
    rng = np.random.default_rng(seed)
    library = open_library(path)
    if crash_at >= 0:
        kill_at(library.path, crash_at)
        write(library, rng, f"{seed}", seed % 6)
        say("finished")
        return
    for number in range(1000):
        say(write(library, rng, f"{seed}.{number}", int(rng.integers(6))))


def main() -> None:
    for line in sys.stdin:
        path, seed, crash_at = line.rsplit(maxsplit=2)
        child = os.fork()
        if child == 0:
            work(path, int(seed), int(crash_at))
            os._exit(0)
        say(f"pid {child}")
        os.waitpid(child, 0)
        say("ended")


if __name__ == "__main__":
    main()
