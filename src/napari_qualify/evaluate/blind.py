"""Export of a blind study: shuffled micrographs without anything that tells what they are."""

import math
import os
import random
import secrets
import shutil
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_qualify.calibration import MAX_PRINT_UM
from napari_qualify.errors import MicrographError, UsageError
from napari_qualify.evaluate.blind_form import STUDY, Question, blank_form, study_json
from napari_qualify.evaluate.blind_key import Entry, Key, file_sha256, write_key
from napari_qualify.evaluate.blind_words import instructions
from napari_qualify.files import Failure, Item, column_by_image, find_micrographs
from napari_qualify.library.disk import flush_tree
from napari_qualify.library.records import now
from napari_qualify.library.sources import relative_path
from napari_qualify.micrograph import Micrograph, read
from napari_qualify.progress import Progress, silent

if TYPE_CHECKING:
    from napari_qualify.library.store import Library

README = "README.txt"

TIME = 946_684_800
"""Modification time of all that is exported: 2000-01-01, 00:00 UTC."""


@dataclass(frozen=True)
class Exported:
    """What an export wrote.

    Attributes
    ----------
    folder, key : Path
    images : int
        Files, repeats included.
    repeats : int
    forms : tuple of str
        Names of the forms in `folder`.
    failures : tuple of Failure
        Micrographs that could not be read; they are not part of the study.
    notes : tuple of str
        What may give something away, or was left out.
    """

    folder: Path
    key: Path
    images: int
    repeats: int
    forms: tuple[str, ...]
    failures: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass
class _Written:
    entries: list[Entry] = field(default_factory=list)
    failures: dict[str, Failure] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    kinds: set[tuple[Any, ...]] = field(default_factory=set)


def export(
    paths: Sequence[str | Path],
    out: str | Path,
    key: str | Path,
    *,
    criteria: Sequence[str] = (),
    library: "Library | None" = None,
    experts: int = 1,
    repeat: float = 0.0,
    seed: int | None = None,
    groups_csv: str | Path | None = None,
    pixel_size_um: float | None = None,
    progress: Progress | None = None,
) -> Exported:
    """Export micrographs for experts who must not know which ones they see.

    Every file is an uncompressed TIFF with the pixels as they are and the
    pixel size, nothing else; names, order and times follow a shuffle. The
    folder appears under its name only when it is complete.

    Parameters
    ----------
    paths : sequence of path
        Files, folders or patterns.
    out : path
        Folder that is missing or empty.
    key : path
        JSON file outside of `out`; one that exists is not replaced.
    criteria : sequence of str
        What the experts judge; with a library all of its criteria by default.
    library : Library, optional
        Gives the criteria and their statements.
    experts : int
        Forms to write, each in an order of its own.
    repeat : float
        Share of the micrographs, in [0, 1], that are shown a second time,
        mirrored left to right so that the bytes differ.
    seed : int, optional
        Of the shuffle; from the system's source of random numbers unless given.
    groups_csv : path, optional
        Table with the columns image and group, kept in the key.
    pixel_size_um : float, optional
        Micrometres per pixel; overrides what the files say.
    progress : callable, optional
        See `napari_qualify.progress`.

    Raises
    ------
    UsageError
        For wrong arguments or places; nothing is written.
    MicrographError
        None of the files can be read.
    """
    out, key = Path(out), Path(key)
    questions = _questions(criteria, library)
    if not (0 <= repeat <= 1 and experts >= 1):
        raise UsageError(f"repeat {repeat} and {experts} experts; use a share and 1 or more")
    if pixel_size_um is not None and not (math.isfinite(pixel_size_um) and pixel_size_um > 0):
        raise UsageError(f"pixel size {pixel_size_um} um; it must be above 0")
    if seed is not None and seed < 0:
        raise UsageError(f"seed {seed}; use 0 or more, or leave it out")
    _check_places(out, key)
    found = find_micrographs(paths)
    if not found.items:
        raise UsageError(
            found.failures[0].error if found.failures else f"{', '.join(map(str, paths))}: "
            "no micrographs here; name files or another folder"
        )  # fmt: skip
    groups = {} if groups_csv is None else column_by_image(groups_csv, "group", found.items)
    seed = secrets.randbits(62) if seed is None else seed
    dice = random.Random(seed)
    showings = _shuffled(found.items, repeat, dice)
    study = secrets.token_hex(3)  # never from the seed, which people use twice
    partial = out.absolute().parent / f".{out.name}.{uuid.uuid4().hex}.partial"
    partial.mkdir(parents=True)
    try:
        done = _write_images(
            partial, study, showings, key, groups, pixel_size_um, progress or silent
        )
        _write_words(partial, study, [e.name for e in done.entries], questions, experts, dice)
        _same_times(partial)
        flush_tree(partial)
        record = Key(
            study=study, seed=seed, created=now(), criteria=tuple(q.name for q in questions),
            images=tuple(done.entries),
        )  # fmt: skip
        write_key(key, record)
        _put(partial, out, key)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return Exported(
        out, key, len(done.entries), sum(e.mirrored for e in done.entries), _form_names(experts),
        (*found.failures, *done.failures.values()), _notes(done),
    )  # fmt: skip


def _put(partial: Path, out: Path, key: Path) -> None:
    try:
        if out.exists():
            out.rmdir()  # empty, or it fails
        partial.rename(out)
    except OSError:
        key.unlink()  # of a study that nobody has
        raise


def _questions(criteria: Sequence[str], library: "Library | None") -> list[Question]:
    names = [" ".join(name.split()) for name in criteria]
    if library is not None:
        names = [library.criterion(name).name for name in names] or list(library.criteria)
    if not names or not all(names) or len(set(names)) < len(names):
        raise UsageError("name what the experts judge, each once: --criterion NAME, or a --library")
    if library is None:
        return [Question(name) for name in names]
    return [Question(n, library.criteria[n].accept, library.criteria[n].reject) for n in names]


def _check_places(out: Path, key: Path) -> None:
    real = Path(os.path.realpath(out))
    if Path(os.path.realpath(key)).is_relative_to(real):
        raise UsageError(f"{key}: the key must lie outside of {out}, which the experts get")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out}: is there and not an empty folder; choose another one")
    if key.exists():
        raise UsageError(f"{key}: exists; it may be the only key of a study. Choose another name")


def _shuffled(items: Sequence[Item], repeat: float, dice: random.Random) -> list[tuple[Item, bool]]:
    """Micrographs with those to mirror, in the order in which they are read and written."""
    count = math.ceil(repeat * len(items)) if repeat else 0
    showings = [(item, False) for item in items]
    showings += [(item, True) for item in dice.sample(list(items), count)]
    dice.shuffle(showings)
    return showings


def _write_images(
    folder: Path,
    study: str,
    showings: Sequence[tuple[Item, bool]],
    key: Path,
    groups: Mapping[Item, str],
    pixel_size_um: float | None,
    progress: Progress,
) -> _Written:
    done = _Written()
    width = max(4, len(str(len(showings))))
    for count, (item, mirrored) in enumerate(showings):
        progress("exporting", count, len(showings))
        try:
            micrograph = read(item.path, pixel_size_um=pixel_size_um, name=item.name)
        except MicrographError as error:
            done.failures[item.name] = Failure(item.name, str(error))
            continue
        name = f"m-{study}-{len(done.entries) + 1:0{width}}.tif"
        _write_tiff(folder / name, micrograph, mirrored, done)
        done.entries.append(
            Entry(
                name=name,
                sha256=file_sha256(folder / name),
                source=relative_path(item.path, key.absolute().parent) or item.path.as_posix(),
                content_hash=micrograph.content_hash,
                mirrored=mirrored,
                group=groups.get(item, ""),
            )
        )
    progress("exporting", len(showings), len(showings))
    if not done.entries:
        raise MicrographError("\n".join(failure.error for failure in done.failures.values()))
    return done


def _write_tiff(path: Path, micrograph: Micrograph, mirrored: bool, done: _Written) -> None:
    """Write pixels and pixel size, uncompressed: the size then tells nothing of the contents."""
    import tifffile

    pixels = np.asarray(micrograph.pixels)
    size = micrograph.pixel_size_um
    if size is not None and size > MAX_PRINT_UM:
        done.notes.append(
            f"{micrograph.name}: its {size:g} um per pixel are left out: in a TIFF they would be "
            "taken for those of a print"
        )
        size = None
    scale: dict[str, Any] = {}
    if size is not None:
        scale = {"resolution": (1e4 / size, 1e4 / size), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(
        path,
        np.ascontiguousarray(pixels[:, ::-1]) if mirrored else pixels,
        byteorder="<",
        photometric="rgb" if micrograph.is_rgb else "minisblack",
        metadata=None,
        software=False,
        **scale,
    )
    done.kinds.add((pixels.shape, pixels.dtype.name, None if size is None else f"{size:.6g}"))


def _form_names(experts: int) -> tuple[str, ...]:
    if experts == 1:
        return ("form.csv",)
    return tuple(f"form-{number}.csv" for number in range(1, experts + 1))


def _write_words(
    folder: Path,
    study: str,
    images: Sequence[str],
    questions: Sequence[Question],
    experts: int,
    dice: random.Random,
) -> None:
    criteria = [question.name for question in questions]
    for number, name in enumerate(_form_names(experts)):
        order = list(images)
        if number:  # each expert another order: nobody tires at the same micrograph
            dice.shuffle(order)
        (folder / name).write_text(blank_form(order, criteria), encoding="utf-8", newline="")
    (folder / STUDY).write_text(study_json(study, questions), encoding="utf-8", newline="")
    (folder / README).write_text(instructions(questions, experts), encoding="utf-8", newline="")


def _same_times(folder: Path) -> None:
    for path in (*folder.iterdir(), folder):
        os.utime(path, (TIME, TIME))


def _notes(done: _Written) -> tuple[str, ...]:
    notes = list(dict.fromkeys(done.notes))
    seen: dict[str, str] = {}
    for entry in done.entries:
        first = seen.setdefault(entry.content_hash, entry.source)
        if first != entry.source:
            notes.append(f"{first} and {entry.source} have the same pixels: experts may notice")
    if len(done.kinds) > 1:
        notes.append(
            "not all micrographs have the same width, height, data type and pixel size: where "
            "that goes with the truth, experts can guess it"
        )
    return tuple(notes)
