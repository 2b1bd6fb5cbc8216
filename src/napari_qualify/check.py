"""Checks of the machine and of a library: what works, and what to do about the rest."""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from napari_qualify.errors import EncoderError, LibraryError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_qualify.library.store import Library

State = Literal["ok", "note", "fault"]

DEFAULT_ENCODER = "lite"
LEAST_COSINE = 0.999
"""Of a vector in the precision of this machine to the same one in fp32."""
PACKAGES = (
    "numpy",
    "scikit-image",
    "tifffile",
    "timm",
    "transformers",
    "open_clip_torch",
    "napari",
)
CPU_TORCH = (
    "pip install --force-reinstall torch torchvision "
    "--index-url https://download.pytorch.org/whl/cpu"
)


@dataclass(frozen=True)
class Check:
    """The result of one check.

    Attributes
    ----------
    name : str
    state : {'ok', 'note', 'fault'}
        A fault blocks the default encoder, or the library.
    detail : str
        What was found.
    remedy : str
        What to do about it; empty when nothing is to be done.
    """

    name: str
    state: State
    detail: str
    remedy: str = ""


def check_machine() -> Iterator[Check]:
    """Check versions, torch, torchvision, encoders, cache folder and zarr.

    Yields
    ------
    Check
        As soon as each is known; importing torch takes seconds.
    """
    yield _versions()
    torch = _torch()
    yield torch
    if torch.state != "fault":
        yield _device()
        yield _torchvision()
    yield from _encoders()
    if torch.state != "fault":
        yield _encodes()
    yield _zarr()
    yield _cache()


def usable(checks: list[Check]) -> bool:
    """Whether no check found a fault."""
    return all(check.state != "fault" for check in checks)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _versions() -> Check:
    found = [f"{name} {_version(name)}" for name in PACKAGES if _version(name)]
    here = f"napari-qualify {_version('napari-qualify') or 'from a checkout'}"
    python = ".".join(map(str, sys.version_info[:3]))
    detail = ", ".join([here, f"Python {python}", *found])
    if not _version("napari"):
        remedy = 'for the window: pip install "napari-qualify[all]"'
        return Check("versions", "note", f"{detail}; no napari", remedy)
    return Check("versions", "ok", detail)


def _torch() -> Check:
    try:
        import torch
    except (ImportError, OSError) as error:  # OSError: a shared library does not load
        return Check("torch", "fault", f"cannot be imported: {error}", CPU_TORCH)
    return torch_build(torch.__version__, torch.version.cuda, torch.cuda.is_available())


def torch_build(number: str, cuda: str | None, gpu: bool) -> Check:
    """Judge a build of torch by its version, its CUDA version and whether it sees a GPU."""
    if cuda and not gpu:
        return Check(
            "torch",
            "note",
            f"{number}, built for CUDA {cuda}, and it sees no GPU: the processor is used",
            "with an NVIDIA GPU install its driver; without one the CPU build is smaller: "
            f"{CPU_TORCH}",
        )
    return Check("torch", "ok", f"{number}, {f'built for CUDA {cuda}' if cuda else 'CPU build'}")


def _device() -> Check:
    import torch

    from napari_qualify.embed.registry import pick_device

    name = pick_device()
    try:
        float(torch.ones(2, device=name).sum())
    except RuntimeError as error:  # a GPU that this build has no kernels for
        first = str(error).splitlines()[0]
        remedy = "install a torch that is built for this GPU (see pytorch.org), or hide the GPU: "
        return Check(
            "device", "fault", f"{name} does not compute: {first}", remedy + "CUDA_VISIBLE_DEVICES="
        )
    known = torch.cuda.get_device_name() if name == "cuda" else f"{torch.get_num_threads()} threads"
    return Check("device", "ok", f"{name} ({known})")


def _torchvision() -> Check:
    from napari_qualify.embed.torchvision_guard import ensure_torchvision

    number = _version("torchvision")
    same = "install the torchvision that belongs to the installed torch (same build: CPU or CUDA)"
    try:
        state = ensure_torchvision()
    except (EncoderError, ImportError, OSError) as error:
        return Check("torchvision", "fault", str(error), same)
    if state == "absent":
        return Check("torchvision", "fault", "not installed", "pip install torchvision")
    if state == "repaired":
        detail = f"{number}: its operators do not load; repaired for this program"
        return Check("torchvision", "note", detail, f"for other programs: {same}")
    return Check("torchvision", "ok", number)


def _encoders() -> Iterator[Check]:
    from napari_qualify.embed.registry import encoder_status

    for row in encoder_status():
        blocked: State = "fault" if row.name == DEFAULT_ENCODER else "note"
        state: State = "ok" if row.available else blocked
        yield Check(f"encoder {row.name}", state, row.detail, row.remedy)


def _encodes() -> Check:
    """Load the default encoder and encode one picture: the way all work takes."""
    import numpy as np

    from napari_qualify.embed.registry import load_encoder

    name = f"encoder {DEFAULT_ENCODER} runs"
    try:
        encoder = load_encoder(DEFAULT_ENCODER)
        pictures = _textures(encoder.side)
        encoder.encode_images(pictures)
        start = time.perf_counter()
        found = encoder.encode_images(pictures)
        seconds = (time.perf_counter() - start) / len(pictures)
        exact = load_encoder(DEFAULT_ENCODER, encoder.device, "fp32").encode_images(pictures)
    except (EncoderError, ImportError, OSError, RuntimeError) as error:
        remedy = "mend what is said above, then install anew: pip install --force-reinstall timm"
        return Check(name, "fault", f"{type(error).__name__}: {error}", remedy)
    cosine = float(np.min(np.sum(found * exact, axis=1)))
    detail = f"{1000 * seconds:.0f} ms a tile on {encoder.device} in {encoder.precision}"
    if encoder.precision != "fp32":
        detail += f", cosine to fp32 at least {cosine:.5f}"
    if cosine < LEAST_COSINE:
        return Check(name, "note", detail, "report it: this precision should not be used here")
    return Check(name, "ok", detail)


def _textures(side: int, count: int = 4) -> "list[NDArray[np.uint8]]":
    """Pictures (side, side, 3) of noise, ever coarser."""
    import numpy as np
    from scipy.ndimage import gaussian_filter

    found = []
    for number in range(count):
        noise = np.random.default_rng(number).normal(size=(side, side))
        smooth = gaussian_filter(noise, 1.5**number)
        grey = np.clip(128 + 40 * smooth / smooth.std(), 0, 255).astype(np.uint8)
        found.append(np.repeat(grey[..., np.newaxis], 3, axis=2))
    return found


def _zarr() -> Check:
    from napari_qualify.library.store import open_library

    try:
        with tempfile.TemporaryDirectory() as folder:
            problems = open_library(Path(folder) / "check", create=True).verify()
    except (LibraryError, OSError, ImportError) as error:
        return Check("zarr", "fault", f"a library cannot be written: {error}", _ROOM)
    if problems:
        return Check("zarr", "fault", problems[0], "pip install --force-reinstall zarr")
    return Check("zarr", "ok", f"{_version('zarr')}; a library was written and verified")


_ROOM = "free space in the folder for temporary files, or name another in TMPDIR"


def _cache() -> Check:
    from platformdirs import user_cache_path

    return writable("cache", user_cache_path("napari-qualify", appauthor=False))


def writable(name: str, folder: Path) -> Check:
    """Check that files can be made in a folder; it is made when missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"check")
    except OSError as error:
        remedy = f"make {folder} writable"
        if os.name == "posix":
            remedy += ", or name another folder in XDG_CACHE_HOME"
        return Check(name, "note", f"{folder}: {error.strerror}", remedy)
    return Check(name, "ok", str(folder))


def check_library(path: str | Path) -> Iterator[Check]:
    """Check a library: its contents, its encoder, and each criterion's references.

    Yields
    ------
    Check
    """
    from napari_qualify.embed.registry import spec_status
    from napari_qualify.library.store import open_library

    library = open_library(path)
    problems = library.verify()
    for problem in problems:
        yield Check("library", "fault", problem, "restore it from a copy")
    if not problems:
        yield Check("library", "ok", f"{library.path.name}: whole")
    row = spec_status(library.encoder)
    if not row.available:
        yield Check("encoder", "fault", row.detail, row.remedy)
    else:
        yield Check("encoder", "ok", f"{library.encoder}: {row.detail}")
    if not library.criteria:
        yield Check("criteria", "note", "none yet", "add one: napari-qualify criterion add")
    for name in library.criteria:
        yield from _criterion(library, name)


def _criterion(library: "Library", name: str) -> Iterator[Check]:
    criterion = library.criteria[name]
    where = f"criterion {name!r}"
    if criterion.limit:
        yield Check(where, "ok", f"measured limit {criterion.limit}")
        return
    references = library.references(name)
    remarks = list(_remarks(library, name))
    for detail, remedy in remarks:
        yield Check(where, "note", detail, remedy)
    if not remarks:
        sides = [sum(r.verdict == side for r in references) for side in ("accept", "reject")]
        yield Check(where, "ok", f"{sides[0]} accepted and {sides[1]} rejected references")


def _remarks(library: "Library", name: str) -> Iterator[tuple[str, str]]:
    """What limits the verdicts of a criterion, and what to do about it."""
    from napari_qualify.decide.conformal import groups_needed

    criterion, references = library.criteria[name], library.references(name)
    for side, word, risk in (
        ("accept", "accepted", criterion.risk_reject),
        ("reject", "rejected", criterion.risk_accept),
    ):
        have = len({r.group for r in references if r.verdict == side})
        needed = groups_needed(risk)
        if have < needed:
            yield (
                f"{have} groups of {word} references; a risk of {risk:g} needs {needed}",
                f"add {needed - have} more specimens with `refs add`, or set a larger risk",
            )
    alone = [r for r in references if is_own_group(r.image, r.group)]
    if alone:
        yield (
            f"{len(alone)} of {len(references)} references have no group: each counts as its own "
            "specimen",
            "if several show one specimen, name it with --group: else the risk is understated",
        )
    bare = [r for r in references if r.pixel_size_um is None]
    if criterion.tile_um and bare:
        yield (
            f"{len(bare)} references are not calibrated: tiles of {criterion.tile_um:g} um became "
            "whole fields",
            "add them anew with --pixel-size",
        )
    if criterion.view != "raw":
        lacking = [r for r in references if library.load_phases(r.content_hash) is None]
        if lacking:
            yield (
                f"{len(lacking)} references have no phases for the view {criterion.view}",
                "segment them in the window and store their phases in the library",
            )


def is_own_group(image: str, group: str) -> bool:
    """Whether a group is what a reference gets when none is named: its image's name."""
    return group == image or (
        group.startswith(f"{image} (") and group[len(image) + 2 : -1].isdigit()
    )


def run(each: Callable[[Check], None], library: str | None = None) -> int:
    """Check the machine, or a library; hand on each result; 1 when there is a fault.

    Parameters
    ----------
    each : callable
        Called with every `Check` as soon as it is known.
    library : str, optional
        Check this library instead of the machine.

    Raises
    ------
    LibraryError
        When the library cannot be opened.
    """
    found = []
    for check in check_library(library) if library is not None else check_machine():
        each(check)
        found.append(check)
    return int(not usable(found))
