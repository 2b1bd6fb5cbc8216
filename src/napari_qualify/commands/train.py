"""The command `train`: a network from micrographs and their label images."""

import math
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_qualify.commands import console
from napari_qualify.commands.stopping import stoppable
from napari_qualify.errors import Cancelled, UsageError
from napari_qualify.progress import Progress
from napari_qualify.segment.examples import (
    Example,
    derived_names,
    parse_phases,
    read_examples,
    split_by_group,
)
from napari_qualify.segment.model_folder import check_target

if TYPE_CHECKING:
    from napari_qualify.segment.network import NetworkSegmenter
    from napari_qualify.segment.train_settings import TrainPoint
    from napari_qualify.segment.training import Training

STOPPED = 130
"""Exit code after Ctrl-C, that of shells."""


def run_train(
    images: str,
    masks: str,
    out: Path,
    settings: dict[str, Any],
    phases: str | None,
    split: Path | None,
    pixel_size: float | None,
    resume: bool,
) -> int:
    """Train, save the best network, show its scores.

    Returns
    -------
    int
        130 when it was stopped, else 0.

    Raises
    ------
    UsageError, MicrographError, SegmentationError
        For wrong settings, images that cannot be read, a model that exists.
    """
    state = state_folder(out)
    check_target(out, overwrite=resume)
    if resume and not state.is_dir():
        raise UsageError(f"{state}: there is no stopped training here to go on with")
    with console.progress_bars() as bars, stoppable(bars) as progress:
        examples = read_examples(
            images, masks, names=phases, split=split, pixel_size_um=pixel_size, progress=progress
        )
        names = parse_phases(phases) if phases else derived_names(examples)
        sides = _sides(examples, settings["seed"])
        training = _training(sides, names, settings, state if resume else None)
        _announce(sides, names)
        finished = _run(training, progress)
        best = finished or training.best
        if best is not None:
            best.save(out, overwrite=resume)
        if finished is None:
            training.save_state(state)
            _stopped(out, best is not None)
            return STOPPED
        if state.is_dir():
            shutil.rmtree(state)
        if _test(finished, sides["test"], progress):
            finished.save(out, overwrite=True)  # with the scores
    console.out().print(str(out.absolute()), markup=False)
    return 0


def state_folder(out: Path) -> Path:
    """Where a stopped training of the model `out` is kept."""
    return out.with_name(f"{out.name}.training")


def _sides(examples: list[Example], seed: int) -> dict[str, list[Example]]:
    """Examples to train on, to validate on (other specimens) and to test on."""
    sides: dict[str, list[Example]] = {"train": [], "validation": [], "test": []}
    for example in examples:
        sides[example.split].append(example)
    if not sides["train"]:
        raise UsageError("no examples to train on: the split names none as train")
    if not sides["validation"] and len({each.group for each in sides["train"]}) > 1:
        sides["train"], sides["validation"] = split_by_group(sides["train"], seed=seed)
    return sides


def _training(
    sides: dict[str, list[Example]],
    names: dict[int, str],
    settings: dict[str, Any],
    state: Path | None,
) -> "Training":
    from napari_qualify.segment.train_settings import TrainSettings
    from napari_qualify.segment.training import Training

    validation = sides["validation"] or None
    if state is not None:
        return Training.resume(state, sides["train"], validation=validation)
    return Training(sides["train"], names, TrainSettings(**settings), validation=validation)


def _announce(sides: dict[str, list[Example]], names: dict[int, str]) -> None:
    counts = ", ".join(f"{len(some)} for {side}" for side, some in sides.items() if some)
    shown = ",".join(f"{value}={name}" for value, name in names.items())
    sizes = {each.micrograph.pixel_size_um for some in sides.values() for each in some}
    known = sorted(size for size in sizes if size is not None)
    scale = "without pixel size"
    if known:
        scale = f"{known[0]:.4g}" + (f" to {known[-1]:.4g}" if len(known) > 1 else "") + " um/px"
    console.out().print(f"{counts}; {shown}; {scale}", markup=False)
    if not sides["validation"]:
        console.out().print("one specimen: no validation, the last network is kept")


def _run(training: "Training", progress: Progress) -> "NetworkSegmenter | None":
    """Train to the end; None when it was stopped."""
    try:
        return training.run(progress, _show)
    except Cancelled:
        return None


def _stopped(out: Path, saved: bool) -> None:
    kept = f"the best network so far is in {out}" if saved else "no network was judged yet"
    console.err().print(f"stopped; {kept}; --resume goes on", markup=False)


def _show(point: "TrainPoint") -> None:
    score = "" if point.mean_iou is None else f"   mean IoU {point.mean_iou:.3f}"
    console.out().print(
        f"step {point.step:5d}   {point.seconds:6.0f} s   loss {point.loss:.3f}{score}",
        markup=False,
    )


def _test(best: "NetworkSegmenter", examples: list[Example], progress: Progress) -> bool:
    """Show the intersection over union; record that of the test images, if there are any."""
    found: dict[str, dict[str, float]] = {}
    if validated := best.record.get("metrics", {}).get("iou"):
        found["validation"] = validated
    if examples:
        found["test"] = _scores(best, examples, progress)
        best.record.setdefault("metrics", {})["test_iou"] = found["test"]
    if not found:
        return False
    shown = console.table("IoU", *found, numbers=list(found))
    for name in best.names.values():
        cells = (found[side].get(name, math.nan) for side in found)
        shown.add_row(console.plain(name), *(f"{cell:.3f}" for cell in cells))
    shown.add_row("mean", *(f"{np.mean(list(each.values())):.3f}" for each in found.values()))
    console.out().print(shown)
    return bool(examples)


def _scores(
    best: "NetworkSegmenter", examples: list[Example], progress: Progress
) -> dict[str, float]:
    """Intersection over union per phase that occurs, over all pixels of the images."""
    from napari_qualify.segment.validation import confusion, intersection_over_union

    values = np.array(list(best.names))
    table = np.zeros((len(values), len(values)), np.int64)
    for done, example in enumerate(examples):
        progress("testing", done, len(examples))
        found = best.predict(example.micrograph).labels
        truth = np.searchsorted(values, example.labels).clip(max=len(values) - 1)
        truth = np.where(values[truth] == example.labels, truth, -1)
        table += confusion(truth, np.searchsorted(values, found), len(values))
    progress("testing", len(examples), len(examples))
    scores = zip(best.names.values(), intersection_over_union(table), strict=True)
    return {name: float(score) for name, score in scores if np.isfinite(score)}
