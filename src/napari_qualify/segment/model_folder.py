"""Segmenters on disk: a folder with `model.json` and `model.safetensors`, no pickle.

`model.json` says what the model is: kind, architecture, phases, pixel size,
intensity policy, training images by hash, metrics, fingerprint, versions.
"""

import hashlib
import json
import shutil
import uuid
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_qualify.errors import SegmentationError
from napari_qualify.library.jsontext import plain
from napari_qualify.provenance import versions

if TYPE_CHECKING:
    from napari_qualify.segment.run import Segmenter

FORMAT = "napari-qualify-model"
FORMAT_VERSION = 1
RECORD = "model.json"
TENSORS = "model.safetensors"

_KINDS = {
    "threshold": ("napari_qualify.segment.threshold", "ThresholdSegmenter"),
    "scribbles": ("napari_qualify.segment.scribbles", "ScribbleSegmenter"),
    "network": ("napari_qualify.segment.network", "NetworkSegmenter"),
}
_PACKAGES = (
    "napari-qualify",
    "torch",
    "timm",
    "segmentation-models-pytorch",
    "numpy",
    "scikit-learn",
    "scikit-image",
    "safetensors",
)


def write_model(
    folder: str | Path,
    record: Mapping[str, Any],
    tensors: Mapping[str, NDArray[Any]],
    *,
    overwrite: bool = False,
) -> Path:
    """Write a model folder, whole or not at all.

    Parameters
    ----------
    folder : str or Path
        Its parents are made. An empty folder is filled.
    record : mapping
        At least `kind` and `phases` ({"0": "matrix", ...}); numbers that JSON
        lacks (NaN) become null.
    tensors : mapping of str to ndarray
        Weights by name; may be empty.
    overwrite : bool
        Replace a model folder. A folder of anything else is never replaced.

    Returns
    -------
    Path
        `folder`.

    Raises
    ------
    SegmentationError
        When the folder exists and may not be replaced.
    OSError
        When it cannot be written.
    """
    folder = Path(folder)
    check_target(folder, overwrite=overwrite)
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Beside the target, so that it can be renamed in one step.
    building = folder.parent / f".{folder.name}.{uuid.uuid4().hex}.partial"
    try:
        building.mkdir()
        _fill(building, record, tensors)
        _move(building, folder)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    return folder


def check_target(folder: str | Path, *, overwrite: bool = False) -> None:
    """Find out before a training whether a model can be written to `folder`.

    Raises
    ------
    SegmentationError
        When something is there that may not be replaced.
    """
    folder = Path(folder)
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not (folder / RECORD).is_file():
        raise SegmentationError(
            f"{folder}: exists and is no model folder; choose another name for the model."
        )
    if not overwrite:
        raise SegmentationError(
            f"{folder}: a model is here already; choose another name, or replace it on purpose."
        )


def read_model(folder: str | Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Record and weights of a model folder, checked.

    Parameters
    ----------
    folder : str or Path

    Returns
    -------
    record : dict
        The contents of `model.json`.
    tensors : dict of str to ndarray

    Raises
    ------
    SegmentationError
        When it is no model folder, of a newer format, or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    folder = Path(folder)
    record = _read_record(folder)
    try:
        data = (folder / TENSORS).read_bytes()
    except OSError as error:
        raise SegmentationError(
            f"{folder}: {TENSORS} cannot be read ({error.strerror}); copy the whole folder again."
        ) from error
    if hashlib.sha256(data).hexdigest() != record.get("sha256"):
        raise SegmentationError(
            f"{folder}: {TENSORS} is not the one that {RECORD} was written with (its sha256 "
            "differs); copy the whole folder again."
        )
    try:
        return record, load(data)
    except (SafetensorError, KeyError, ValueError) as error:
        raise SegmentationError(f"{folder}: {TENSORS} cannot be read ({error}).") from error


def load_segmenter(folder: str | Path) -> "Segmenter":
    """Load the segmenter that was saved in a folder.

    Parameters
    ----------
    folder : str or Path

    Returns
    -------
    Segmenter

    Raises
    ------
    SegmentationError
        When it is no model folder, damaged, or of a kind or format that this
        version does not know.
    """
    record, tensors = read_model(folder)
    kind = record.get("kind")
    if kind not in _KINDS:
        raise SegmentationError(
            f"{folder}: a model of the kind {kind!r}; this version knows {', '.join(_KINDS)}. "
            "Install a newer napari-qualify."
        )
    module, name = _KINDS[kind]
    try:
        segmenter: Segmenter = getattr(import_module(module), name).from_model(record, tensors)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        text = f"lacks {error}" if isinstance(error, KeyError) else str(error)
        raise SegmentationError(
            f"{folder}: not a whole model of the kind {kind} ({text}); save it again."
        ) from error
    return segmenter


def _fill(folder: Path, record: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> None:
    from safetensors.numpy import save_file

    arrays = {name: np.array(array, order="C") for name, array in tensors.items()}
    save_file(arrays, folder / TENSORS)
    with (folder / TENSORS).open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    document = {
        **plain(record),
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "versions": versions(_PACKAGES),
        "sha256": sha256,
    }
    text = json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False)
    (folder / RECORD).write_text(text + "\n", encoding="utf-8")


def _move(building: Path, folder: Path) -> None:
    """Rename the finished folder; what it replaces steps aside until that is done."""
    from napari_qualify.library.disk import flush, flush_tree

    flush_tree(building)
    if not folder.exists():
        building.rename(folder)
    else:
        aside = folder.parent / f".{folder.name}.{uuid.uuid4().hex}.replaced"
        folder.rename(aside)
        try:
            building.rename(folder)
        except BaseException:
            aside.rename(folder)
            raise
        shutil.rmtree(aside)
    flush(folder.parent)


def _read_record(folder: Path) -> dict[str, Any]:
    path = folder / RECORD
    try:
        record = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise SegmentationError(f"{folder}: not a model folder; it has no {RECORD}.") from error
    except OSError as error:
        raise SegmentationError(f"{path}: cannot be read ({error.strerror}).") from error
    except ValueError as error:  # JSON and UTF-8 alike
        raise SegmentationError(f"{path}: damaged ({error}); copy the folder again.") from error
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise SegmentationError(f"{path}: not the record of a napari-qualify model.")
    version = record.get("format_version")
    if version != FORMAT_VERSION:
        raise SegmentationError(
            f"{folder}: a model folder of format {version}; this version reads format "
            f"{FORMAT_VERSION}. Install a newer napari-qualify."
        )
    return record
