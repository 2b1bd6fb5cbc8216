"""One spelling of JSON, so that equal contents have equal hashes."""

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """Reduce `value` to JSON types.

    Numpy scalars and arrays become numbers and lists, tuples and sets lists,
    paths text with forward slashes; numbers that JSON lacks (NaN, infinities)
    become None.

    Raises
    ------
    TypeError
        For any other type.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, np.generic | np.ndarray):
        return plain(value.tolist())
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted(plain(item) for item in value)
    if isinstance(value, PurePath):
        return value.as_posix()
    raise TypeError(f"{type(value).__name__} cannot be stored as JSON")


def canonical(value: Any) -> str:
    """Spell JSON types in the one way that is hashed: sorted, ASCII, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: Any) -> str:
    """Give the sha256 (hex) of the canonical spelling of `value`."""
    return hashlib.sha256(canonical(value).encode("ascii")).hexdigest()
