"""Build wheel and sdist, and use the wheel as a stranger would.

Checks that the sdist has no link that leads nowhere, that both archives hold
every file of the package (manifest and sample data included), and that the
wheel, in an environment with nothing else in it, lists its contributions to
napari and runs ``napari-qualify demo`` outside the checkout.

    python tools/check_wheel.py [--constraints FILE] [--torch-index URL]

The environment is kept in build/wheel-check and made anew when the wheel's
requirements, the constraints or the Python change; the wheel itself is
reinstalled each time.
"""

import argparse
import hashlib
import json
import os
import posixpath
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from collections.abc import Iterable, Sequence
from email.parser import HeaderParser
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "build" / "wheel-check"
PACKAGE = "napari_qualify"
MUST_HOLD = ("napari.yaml", "py.typed", "sample_data/README.md", "sample_data/criteria.json")
CONTRIBUTIONS = ("commands", "menus", "readers", "sample_data", "widgets")
NOT_SHIPPED = ("__pycache__", "ruff.toml")


class CheckFailed(Exception):
    """One of the checks found a fault; the message names it."""


def run(*command: str | Path, cwd: Path = ROOT, **extra: str) -> str:
    """Run a command without this environment's Python settings; return its output."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")} | extra
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode:
        line = " ".join(str(part) for part in command)
        raise CheckFailed(f"exit code {done.returncode} from: {line}\n{done.stdout}")
    return done.stdout


def say(message: str) -> None:
    """Tell what was checked."""
    sys.stdout.write(f"package check: {message}\n")
    sys.stdout.flush()


def build(folder: Path) -> tuple[Path, Path]:
    """Build the sdist, and the wheel from that sdist."""
    run(sys.executable, "-m", "build", "--outdir", folder, ROOT)
    (sdist,) = folder.glob("*.tar.gz")
    (wheel,) = folder.glob("*.whl")
    return sdist, wheel


def hidden(part: str) -> bool:
    """Say whether a file or folder of this name is left out of the wheel."""
    return part in NOT_SHIPPED or part.startswith(".")


def package_files() -> set[str]:
    """Files of the package in the checkout, relative to its folder."""
    source = ROOT / "src" / PACKAGE
    return {
        path.relative_to(source).as_posix()
        for path in source.rglob("*")
        if path.is_file() and not any(hidden(part) for part in path.relative_to(source).parts)
    }


def require(held: set[str], wanted: Iterable[str], archive: Path) -> None:
    """Every wanted file is in the archive."""
    missing = sorted(set(wanted) - held)
    if missing:
        raise CheckFailed(f"{archive.name} lacks {len(missing)} files, first {missing[:5]}")


def check_sdist(sdist: Path) -> None:
    """Links of the sdist lead to members of it; the package is whole."""
    with tarfile.open(sdist) as archive:
        members = archive.getmembers()
    names = {member.name for member in members}
    folders = {posixpath.dirname(name) for name in names}
    for member in members:
        if member.issym() or member.islnk():
            base = posixpath.dirname(member.name) if member.issym() else ""
            target = posixpath.normpath(posixpath.join(base, member.linkname))
            if target not in names | folders:
                raise CheckFailed(f"{sdist.name}: {member.name} is a link to nothing")
    prefix = f"{sdist.name.removesuffix('.tar.gz')}/src/{PACKAGE}/"
    held = {name.removeprefix(prefix) for name in names if name.startswith(prefix)}
    require(held, package_files().union(MUST_HOLD), sdist)
    size = sdist.stat().st_size / 1e6
    say(f"{sdist.name}: {len(names)} members, no dangling link, {size:.1f} MB")


def check_wheel(wheel: Path) -> None:
    """The wheel holds the whole package and nothing beside it."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    held = {n.removeprefix(f"{PACKAGE}/") for n in names if n.startswith(f"{PACKAGE}/")}
    require(held, package_files().union(MUST_HOLD), wheel)
    beside = {n for n in names if n.partition("/")[0].partition("-")[0] != PACKAGE}
    if beside:
        raise CheckFailed(f"{wheel.name} would install {sorted(beside)} beside the package")
    pictures = sum(n.startswith("sample_data/") for n in held)
    say(f"{wheel.name}: {len(held)} files, {pictures} of the sample data")


def environment_for(wheel: Path, constraints: Path | None, options: Sequence[str]) -> Path:
    """Python of an environment that holds the wheel, its requirements, and no more."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        metadata = HeaderParser().parsestr(archive.read(name).decode())
    key = json.dumps(
        [
            sorted(metadata.get_all("Requires-Dist") or ()),
            constraints.read_text() if constraints else "",
            list(options),
            sys.version,
        ]
    )
    stamp = KEPT / "stamp"
    digest = hashlib.sha256(key.encode()).hexdigest()
    python = KEPT / "env" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    if not stamp.is_file() or stamp.read_text() != digest:
        shutil.rmtree(KEPT, ignore_errors=True)
        venv.create(KEPT / "env", with_pip=False)
        held = ["--constraint", str(constraints)] if constraints else []
        run(*pip, *options, *held, wheel)
        # npe2 lists the contributions; it stays apart, so that what the
        # package forgot to require is not there by way of npe2.
        tool = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(KEPT / "npe2")]
        run(*tool, "npe2")
        stamp.write_text(digest)
    else:
        run(*pip, "--force-reinstall", "--no-deps", wheel)
    run(sys.executable, "-m", "pip", "--python", str(python), "check")
    return python


def check_install(python: Path, folder: Path) -> None:
    """The installed package runs its demo, and napari finds what it contributes."""
    where = run(python, "-c", f"import {PACKAGE}; print({PACKAGE}.__file__)", cwd=folder).strip()
    if not Path(where).resolve().is_relative_to((KEPT / "env").resolve()):
        raise CheckFailed(f"the package was imported from {where}, not from the wheel")

    command = python.with_name("napari-qualify.exe" if os.name == "nt" else "napari-qualify")
    shown = run(command, "demo", cwd=folder)
    reports = list(folder.rglob("report.html"))
    if not reports:
        raise CheckFailed(f"napari-qualify demo wrote no report.html:\n{shown}")
    say(f"napari-qualify demo wrote {reports[0].relative_to(folder)}")

    listed = json.loads(
        run(
            *(python, "-m", "npe2", "list", "--format", "json", "--fields", "name,contributions"),
            cwd=folder,
            PYTHONPATH=str(KEPT / "npe2"),
        )
    )
    ours = [row["contributions"] for row in listed if row["name"] == "napari-qualify"]
    if len(ours) != 1:
        raise CheckFailed(f"npe2 lists napari-qualify {len(ours)} times")
    counts: dict[str, int] = ours[0]
    missing = [kind for kind in CONTRIBUTIONS if not counts.get(kind)]
    if missing:
        raise CheckFailed(f"npe2 lists no {missing} among the contributions {counts}")
    say("contributions: " + ", ".join(f"{n} {kind}" for kind, n in counts.items() if n))


def main() -> int:
    """Run all checks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--constraints", type=Path)
    parser.add_argument("--torch-index", help="one more package index, for PyTorch's builds")
    given = parser.parse_args()
    options = ["--extra-index-url", given.torch_index] if given.torch_index else []
    constraints = given.constraints.resolve() if given.constraints else None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            sdist, wheel = build(folder / "dist")
            check_sdist(sdist)
            check_wheel(wheel)
            outside = folder / "outside"
            outside.mkdir()
            check_install(environment_for(wheel, constraints, options), outside)
        except CheckFailed as fault:
            sys.stderr.write(f"package check failed: {fault}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
