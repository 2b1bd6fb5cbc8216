"""The log: each entry carries the hash of the one before."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from napari_qualify.library.jsontext import canonical, digest, plain
from napari_qualify.library.records import now

NO_ENTRY = "0" * 64
"""What the first entry names as the hash of the one before."""


def entry(
    index: int, action: str, data: Mapping[str, Any], previous: str, software: str
) -> tuple[str, str]:
    """Spell an entry.

    Parameters
    ----------
    index : int
        Its row.
    action : str
        What was done, for example ``add_references``.
    data : mapping
        With what; JSON types.
    previous : str
        Hash of the entry before.
    software : str
        Name and version of the writer.

    Returns
    -------
    text, head : str
        The entry as canonical JSON, and its sha256.
    """
    value = {
        "index": index,
        "time": now(),
        "action": action,
        "software": software,
        "data": plain(data),
        "previous": previous,
    }
    return canonical(value), digest(value)


def check_chain(entries: Sequence[str], head: str) -> list[str]:
    """Say, in sentences, where the chain of `entries` breaks.

    Parameters
    ----------
    entries : sequence of str
        As stored.
    head : str
        Hash of the last one, as the manifest has it.
    """
    problems = []
    previous = NO_ENTRY
    for index, text in enumerate(entries):
        try:
            value = json.loads(text)
            if not isinstance(value, dict):
                raise ValueError("not an object")
        except ValueError as error:
            problems.append(f"Log entry {index} is not readable ({error}).")
            return problems
        if value.get("index") != index:
            problems.append(f"Log entry {index} says that it is entry {value.get('index')}.")
        if value.get("previous") != previous:
            problems.append(f"Log entry {index} does not follow from the entry before it.")
        if text != canonical(value):
            problems.append(f"Log entry {index} was not written by this software.")
        previous = digest(value)
    if previous != head:
        problems.append("The last log entry is not the one that was written last.")
    return problems
