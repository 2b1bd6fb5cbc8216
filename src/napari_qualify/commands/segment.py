"""The command `segment`: label images of micrographs by a saved model."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from napari_qualify.commands import console
from napari_qualify.commands.inputs import check_folder, find, write_failures
from napari_qualify.errors import MicrographError, SegmentationError, UsageError
from napari_qualify.files import Failure, Item
from napari_qualify.library.store import Library, open_library
from napari_qualify.micrograph import read
from napari_qualify.progress import Progress
from napari_qualify.segment.label_files import write_labels
from napari_qualify.segment.model_folder import load_segmenter
from napari_qualify.segment.run import segment

FAILURES = "failures.csv"


def run_segment(
    model: Path,
    paths: Sequence[str],
    out: Path,
    library: str | None,
    augment: bool,
    pixel_size: float | None,
) -> int:
    """Segment, write the label images and failures.csv; 1 when a file failed, else 0.

    Raises
    ------
    SegmentationError
        When the folder holds no model.
    UsageError
        When no micrograph is found, a label image would replace an input, or
        the model cannot average over turns and mirror images.
    """
    check_folder(out)
    segmenter: Any = load_segmenter(model)
    if augment:
        if not hasattr(segmenter, "test_time_augmentation"):
            raise UsageError(f"{model}: only a network can use --augment; leave it out")
        segmenter = replace(segmenter, test_time_augmentation=True)
    kept = None if library is None else open_library(library)
    found = find(paths, pixel_size)
    targets = label_paths(found.items, out)
    failures = list(found.failures)
    with console.progress_bars() as progress:
        for done, (item, target) in enumerate(zip(found.items, targets, strict=True)):
            progress("images", done, len(targets))
            try:
                _one(segmenter, item, target, kept, pixel_size, progress)
            except (MicrographError, SegmentationError) as error:
                text = str(error)
                named = text if item.name in text else f"{item.name}: {text}"
                failures.append(Failure(item.name, named))
        progress("images", len(targets), len(targets))
    write_failures(failures, out / FAILURES)
    count = len(found.items) + len(found.failures) - len(failures)
    images = "1 label image" if count == 1 else f"{count} label images"
    names = ",".join(f"{value}={name}" for value, name in segmenter.names.items())
    console.out().print(f"{images} of {names} in {out.absolute()}", markup=False)
    console.show_failures(failures, str(out / FAILURES))
    return int(bool(failures))


def label_paths(items: Sequence[Item], out: Path) -> list[Path]:
    """Where the label image of each micrograph goes, each another file.

    ``out/<stem>.tif``; micrographs of the same stem keep their folders, those
    of one folder their suffix.

    Parameters
    ----------
    items : sequence of Item
    out : Path

    Returns
    -------
    list of Path

    Raises
    ------
    UsageError
        When one of them is a micrograph that is to be read.
    """
    names = [PurePosixPath(item.name) for item in items]
    # Drives and parents of inputs without a common folder are no place below `out`.
    folders = [
        PurePosixPath(*(part.replace(":", "") for part in name.parent.parts if part.strip("/.\\")))
        for name in names
    ]
    chosen = _chosen(folders, names)
    targets = [out / f"{path}.tif" for path in chosen]
    inputs = {os.path.realpath(item.path) for item in items}
    for target in targets:
        if os.path.realpath(target) in inputs:
            raise UsageError(
                f"{target}: is a micrograph to segment, its labels would replace it; choose "
                "another --out"
            )
    return targets


def _chosen(folders: list[PurePosixPath], names: list[PurePosixPath]) -> list[PurePosixPath]:
    """Shortest path for each name that no other one has."""
    levels: list[Callable[[int], PurePosixPath]] = [
        lambda i: PurePosixPath(names[i].stem),
        lambda i: folders[i] / names[i].stem,
        lambda i: folders[i] / names[i].name,
    ]
    chosen: dict[int, PurePosixPath] = {}
    taken: set[str] = set()
    for level in levels:
        open_ = [i for i in range(len(names)) if i not in chosen]
        # File names that differ by case alone are one on some systems.
        wanted = [str(level(i)).casefold() for i in open_]
        for i, key in zip(open_, wanted, strict=True):
            if wanted.count(key) == 1 and key not in taken:
                chosen[i] = level(i)
        taken = {str(path).casefold() for path in chosen.values()}
    for i in range(len(names)):
        if i not in chosen:
            numbered = [folders[i] / f"{names[i].name}-{k + 1}" for k in range(i, i + len(names))]
            chosen[i] = next(path for path in numbered if str(path).casefold() not in taken)
            taken.add(str(chosen[i]).casefold())
    return [chosen[i] for i in range(len(names))]


def _one(
    segmenter: Any,
    item: Item,
    target: Path,
    library: Library | None,
    pixel_size: float | None,
    progress: Progress,
) -> None:
    micrograph = read(item.path, pixel_size_um=pixel_size, name=item.name)
    phases = segment(micrograph, segmenter, progress=progress)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_labels(target, phases)
    if library is not None:
        library.save_phases(micrograph, phases)
