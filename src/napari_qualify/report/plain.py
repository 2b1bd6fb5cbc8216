"""Values as plain JSON types, and text that every encoding can hold."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, is_dataclass
from pathlib import PurePath
from typing import Any

import numpy as np


def text(value: object) -> str:
    """Spell a value as text that UTF-8 can hold.

    File names of other encodings reach Python with lone surrogates, which no
    UTF-8 file can hold; they are written as escapes.
    """
    return str(value).encode("utf-8", "backslashreplace").decode("utf-8")


def plain(value: Any) -> Any:
    """Turn a value into what JSON has: null, bool, int, float, str, list, dict.

    NaN and the infinities become None, since JSON has neither; a float32
    becomes the float64 of the same value.

    Parameters
    ----------
    value : object
        Numpy scalars and arrays, mappings, dataclasses, sequences, paths;
        anything else is spelled as text.
    """
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str | PurePath):
        return text(value)
    if isinstance(value, Mapping):
        return {text(key): plain(item) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Iterable):
        items = sorted(value, key=str) if isinstance(value, set | frozenset) else value
        return [plain(item) for item in items]
    return text(value)


def to_json(value: Any) -> str:
    """Spell a value as JSON, free of NaN, floats in their shortest exact form."""
    return json.dumps(plain(value), ensure_ascii=False, allow_nan=False, indent=1) + "\n"
