"""What is to be stored of an embedding, checked before anything is written."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qualify.errors import UsageError

PRECISIONS = ("fp32", "bf16", "fp16", "int8")
_NAME = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.\-]{0,127}$")
_DIGEST = re.compile(r"^[^\s]{16,200}$")


@dataclass(frozen=True, eq=False)
class NewVectors:
    """Vectors of one fingerprint, with what they belong to; made by `checked`."""

    fingerprint: str
    description: Mapping[str, Any]
    keys: list[str]
    vectors: NDArray[np.float32]
    precision: str
    images: list[str]
    shapes: list[tuple[int, int]]
    tiles: list[NDArray[np.float32]]
    files: dict[str, str]


def checked(
    fingerprint: str,
    description: Mapping[str, Any],
    keys: Sequence[str],
    vectors: Any,
    precision: str,
    images: Sequence[str] = (),
    shapes: Sequence[tuple[int, int]] = (),
    tiles: Sequence[Any] = (),
    files: Mapping[str, str] | None = None,
) -> NewVectors:
    """Check what is to be stored; see `Library.store_vectors`.

    Raises
    ------
    UsageError
        For another shape, values that are not finite, a key without text, an
        unknown precision, or a fingerprint that cannot name a folder.
    """
    keys = list(keys)
    if not _NAME.match(fingerprint):
        raise UsageError(f"fingerprint {fingerprint!r}: use letters, digits, '_', '-' and '.'")
    if precision not in PRECISIONS:
        raise UsageError(f"precision {precision!r} is unknown; use one of {', '.join(PRECISIONS)}")
    values = _finite(fingerprint, vectors)
    if values.ndim != 2 or values.shape[1] == 0 or len(values) != len(keys):
        raise UsageError(
            f"fingerprint {fingerprint}: {len(keys)} keys need vectors of shape "
            f"({len(keys)}, d), not {values.shape}"
        )
    if any(not isinstance(key, str) or not key for key in keys):
        raise UsageError(f"fingerprint {fingerprint}: every key must be a text")
    dim = values.shape[1]
    parts = [_finite(fingerprint, each) for each in tiles] or [np.empty((0, dim), np.float32)] * (
        len(keys)
    )
    if any(each.ndim != 2 or each.shape[1] != dim for each in parts):
        raise UsageError(f"fingerprint {fingerprint}: vectors of tiles must be (n, {dim})")
    for given, what in ((images, "images"), (shapes, "shapes"), (tiles, "tiles")):
        if given and len(given) != len(keys):
            raise UsageError(f"fingerprint {fingerprint}: {len(given)} {what}, {len(keys)} keys")
    known = dict(files or {})
    if any(not _DIGEST.match(digest) for digest in known):
        raise UsageError(f"fingerprint {fingerprint}: a file's digest has no blanks")
    return NewVectors(
        fingerprint,
        description,
        keys,
        values,
        precision,
        list(images) or [""] * len(keys),
        [(int(h), int(w)) for h, w in shapes] or [(0, 0)] * len(keys),
        parts,
        known,
    )


def _finite(fingerprint: str, vectors: Any) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):  # too large for float32: refused below
        values = np.asarray(vectors, dtype=np.float32)
    if not np.isfinite(values).all():
        raise UsageError(f"fingerprint {fingerprint}: a vector is not finite; nothing was stored")
    return values
