"""Embeddings by fingerprint: vectors, their keys and precision."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qualify.errors import LibraryError, UsageError
from napari_qualify.library import columns, disk
from napari_qualify.library.jsontext import plain
from napari_qualify.library.manifest import Column, Manifest
from napari_qualify.library.transaction import Transaction

PRECISIONS = ("fp32", "bf16", "fp16", "int8")
_NAME = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.\-]{0,127}$")


class Embeddings:
    """Reads the embeddings of a library, with the keys kept in memory.

    Columns only grow, so that keys that were read once stay true.
    """

    def __init__(self, root: Path) -> None:
        self._root = root / "embeddings"
        self._rows: dict[tuple[str, str], dict[str, int]] = {}

    def rows(self, fingerprint: str, manifest: Manifest) -> dict[str, int]:
        """Row of every key of a fingerprint; empty when there is none."""
        column = manifest.embeddings.get(fingerprint)
        here = (manifest.identity, fingerprint)
        known = self._rows.setdefault(here, {})
        if column is not None and len(known) < column.rows:
            path = self._root / fingerprint / "keys"
            start = len(known)
            keys = columns.texts(path, column.rows, start)
            known.update((key, row) for row, key in enumerate(keys, start))
            if len(known) != column.rows:
                self._rows.pop(here)
                raise LibraryError(f"{path}: a key occurs twice; the array is damaged.")
        return known

    def vectors(
        self, fingerprint: str, keys: Iterable[str], manifest: Manifest
    ) -> dict[str, NDArray[np.float32]]:
        """Vectors of those `keys` that are stored."""
        rows = self.rows(fingerprint, manifest)
        found = {key: rows[key] for key in keys if key in rows}
        if not found:
            return {}
        wanted = np.fromiter(found.values(), dtype=np.intp, count=len(found))
        path = self._root / fingerprint / "vectors"
        values = columns.vectors(path, manifest.embeddings[fingerprint].rows, wanted)
        return dict(zip(found, values, strict=True))

    def precisions(
        self, fingerprint: str, keys: Iterable[str], manifest: Manifest
    ) -> dict[str, str]:
        """Precision of the vectors of those `keys` that are stored."""
        rows = self.rows(fingerprint, manifest)
        if not rows:
            return {}
        path = self._root / fingerprint / "precision"
        values = columns.texts(path, manifest.embeddings[fingerprint].rows)
        return {key: values[rows[key]] for key in keys if key in rows}

    def description(self, fingerprint: str) -> dict[str, Any]:
        """What a fingerprint stands for."""
        try:
            attributes = disk.read_attributes(self._root / fingerprint)
        except (OSError, ValueError) as error:
            raise LibraryError(f"{self._root / fingerprint}: is damaged ({error}).") from error
        return dict(attributes.get("description", {}))

    def store(
        self,
        write: Transaction,
        fingerprint: str,
        description: Mapping[str, Any],
        keys: Sequence[str],
        vectors: NDArray[np.float32],
        precision: str,
    ) -> int:
        """Append the vectors whose keys are new; give their number."""
        rows = self.rows(fingerprint, write.manifest)
        fresh: dict[str, int] = {}
        for index, key in enumerate(keys):
            if key not in rows:
                fresh.setdefault(key, index)
        column = write.manifest.embeddings.get(fingerprint)
        dim = vectors.shape[1]
        group = f"embeddings/{fingerprint}"
        if column is not None:
            self._check_same(fingerprint, description, dim, column)
        if not fresh:
            return 0
        start = column.rows if column else 0
        if column is None:
            path = write.node(group)
            disk.write_group(path, {"description": plain(description)})
            columns.create_vectors(path / "vectors", dim)
            columns.create_texts(path / "keys", 1024)
            columns.create_texts(path / "precision", 4096)
        write.append(f"{group}/vectors", start, vectors[list(fresh.values())])
        write.append(f"{group}/keys", start, list(fresh))
        write.append(f"{group}/precision", start, [precision] * len(fresh))
        after = Column(rows=start + len(fresh), dim=dim)
        write.change(embeddings=write.manifest.embeddings | {fingerprint: after})
        write.record(
            "embed", {"fingerprint": fingerprint, "vectors": len(fresh), "rows": after.rows}
        )
        return len(fresh)

    def _check_same(
        self, fingerprint: str, description: Mapping[str, Any], dim: int, column: Column
    ) -> None:
        if dim != column.dim:
            raise UsageError(
                f"fingerprint {fingerprint}: vectors of length {dim} beside those of length "
                f"{column.dim}; another encoder needs another fingerprint"
            )
        if self.description(fingerprint) != plain(description):
            raise UsageError(
                f"fingerprint {fingerprint}: stands for other settings in this library; "
                "embeddings of different settings are never mixed"
            )


def check_input(
    fingerprint: str, keys: Sequence[str], vectors: Any, precision: str
) -> NDArray[np.float32]:
    """Check what is to be stored, and give the vectors as float32 (n, d).

    Raises
    ------
    UsageError
        For another shape, values that are not finite, a key without text, an
        unknown precision, or a fingerprint that cannot name a folder.
    """
    if not _NAME.match(fingerprint):
        raise UsageError(f"fingerprint {fingerprint!r}: use letters, digits, '_', '-' and '.'")
    if precision not in PRECISIONS:
        raise UsageError(f"precision {precision!r} is unknown; use one of {', '.join(PRECISIONS)}")
    with np.errstate(over="ignore"):  # too large for float32: refused below
        values = np.asarray(vectors, dtype=np.float32)
    if values.ndim != 2 or values.shape[1] == 0 or len(values) != len(keys):
        raise UsageError(
            f"fingerprint {fingerprint}: {len(keys)} keys need vectors of shape "
            f"({len(keys)}, d), not {values.shape}"
        )
    if not np.isfinite(values).all():
        raise UsageError(f"fingerprint {fingerprint}: a vector is not finite; nothing was stored")
    if any(not isinstance(key, str) or not key for key in keys):
        raise UsageError(f"fingerprint {fingerprint}: every key must be a text")
    return values
