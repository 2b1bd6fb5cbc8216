"""The bridge of `lite`: a linear way from visual vectors to the text space.

Regularised least squares (Hoerl and Kennard 1970, doi:10.1080/00401706.1970.10488634)
on standardised visual vectors. The base that is shipped was fitted on rendered
micrographs with captions; a library may refit it with the descriptions of its own
references, drawn towards the base. See docs/lite-bridge.md.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qualify.embed.base import Vectors, unit_rows
from napari_qualify.errors import EncoderError

FILE = "lite_bridge.safetensors"
"""The shipped base, beside this module."""

ARRAYS = ("mean", "scale", "weights", "offset")

Floats = NDArray[np.float64]

_FLOOR = 0.3  # of the stride's mean deviation: features that hardly vary stay small


@dataclass(frozen=True, eq=False)
class Bridge:
    """``y = ((x - mean) / scale) weights + offset``, brought to unit length.

    Attributes
    ----------
    mean, scale : ndarray of float32, shape (d,)
        Of the visual vectors that it was fitted on.
    weights : ndarray of float32, shape (d, t)
    offset : ndarray of float32, shape (t,)
    record : dict
        How it was made, plain JSON types.
    """

    mean: Vectors
    scale: Vectors
    weights: Vectors
    offset: Vectors
    record: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        d, t = np.shape(self.weights)
        shapes = [np.shape(getattr(self, name)) for name in ARRAYS]
        if shapes != [(d,), (d,), (d, t), (t,)]:
            raise EncoderError(f"a bridge has arrays of shapes {shapes} that do not fit together")
        if not all(np.isfinite(getattr(self, name)).all() for name in ARRAYS):
            raise EncoderError("a bridge has values that are not finite")

    def apply(self, visual: NDArray[Any]) -> Vectors:
        """Take visual vectors (n, d) to unit vectors (n, t) of the text space.

        Raises
        ------
        EncoderError
            For vectors of another length.
        """
        rows = np.asarray(visual, dtype=np.float32)
        if rows.ndim != 2 or rows.shape[1] != len(self.mean):
            raise EncoderError(
                f"the bridge takes visual vectors of shape (n, {len(self.mean)}), not {rows.shape}"
            )
        out = (rows - self.mean) / self.scale @ self.weights + self.offset
        return unit_rows(out)

    @cached_property
    def sha256(self) -> str:
        """Hash of the arrays."""
        found = hashlib.sha256()
        for name in ARRAYS:
            found.update(np.ascontiguousarray(getattr(self, name), dtype="<f4").tobytes())
        return found.hexdigest()

    @property
    def identity(self) -> dict[str, Any]:
        """What a vector that it made depends on, as plain JSON types."""
        return {"bridge": self.record.get("name", "unnamed"), "bridge_sha256": self.sha256}

    def save(self, path: Path) -> None:
        """Write a safetensors file with the record as its metadata."""
        from safetensors.numpy import save

        arrays = {n: np.ascontiguousarray(getattr(self, n), dtype=np.float32) for n in ARRAYS}
        path.write_bytes(save(arrays, {"record": json.dumps(self.record, sort_keys=True)}))


def load(path: Path) -> Bridge:
    """Read a bridge that `Bridge.save` wrote.

    Raises
    ------
    EncoderError
        When the file is missing or damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as stream:
            record = json.loads((stream.metadata() or {}).get("record", "{}"))
            arrays = {name: stream.get_tensor(name) for name in ARRAYS}
    except (OSError, SafetensorError, ValueError) as error:
        raise EncoderError(f"{path}: is missing or no bridge ({error}).") from error
    return Bridge(**arrays, record=record)


@cache
def base_bridge() -> Bridge:
    """The shipped base, fitted on rendered micrographs only."""
    with as_file(files("napari_qualify.embed") / FILE) as path:
        return load(path)


def standardisation(visual: Floats, blocks: Sequence[int]) -> tuple[Floats, Floats]:
    """Mean and scale by which every block of features counts alike.

    Parameters
    ----------
    visual : ndarray of float64, shape (n, d)
    blocks : sequence of int
        Lengths of the blocks, d together: the strides of `lite`. Without it the
        deepest stride, which has most of the features, would drown the others.

    Returns
    -------
    mean, scale : ndarray, shape (d,)
        Scale is each feature's deviation times the root of its block's length.
    """
    mean, deviation = visual.mean(axis=0), visual.std(axis=0)
    scale = np.empty_like(deviation)
    start = 0
    for length in blocks:
        part = deviation[start : start + length]
        typical = max(float(np.sqrt(np.mean(part**2))), 1e-9)
        scale[start : start + length] = np.hypot(part, _FLOOR * typical) * length**0.5
        start += length
    return mean, scale


def fit(
    visual: NDArray[Any],
    texts: NDArray[Any],
    blocks: Sequence[int],
    penalty: float,
    record: Mapping[str, Any] | None = None,
) -> Bridge:
    """Fit a bridge by ridge regression with a free offset.

    Parameters
    ----------
    visual : ndarray, shape (n, d)
    texts : ndarray, shape (n, t)
        Text vectors of what each shows.
    blocks : sequence of int
        See `standardisation`.
    penalty : float
        Relative to the mean variance of the standardised features.
    record : mapping, optional
        How it was made.
    """
    x, y = np.asarray(visual, np.float64), np.asarray(texts, np.float64)
    mean, scale = standardisation(x, blocks)
    z, offset = (x - mean) / scale, y.mean(axis=0)
    gram = z.T @ z / len(z)
    gram[np.diag_indices_from(gram)] += penalty * np.trace(gram) / len(gram)
    weights = np.linalg.solve(gram, z.T @ (y - offset) / len(z))
    return bridge_of(mean, scale, weights, offset, record)


def bridge_of(
    mean: Floats,
    scale: Floats,
    weights: Floats,
    offset: Floats,
    record: Mapping[str, Any] | None = None,
) -> Bridge:
    """Bridge of arrays of any float type."""
    a, b, c, d = (np.ascontiguousarray(x, np.float32) for x in (mean, scale, weights, offset))
    return Bridge(a, b, c, d, dict(record or {}))
