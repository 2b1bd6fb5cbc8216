"""Embeddings by fingerprint: vectors, their keys, what they belong to, their tiles."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_qualify.errors import LibraryError, UsageError
from napari_qualify.library import columns, disk
from napari_qualify.library.embedding_input import NewVectors
from napari_qualify.library.jsontext import canonical, plain
from napari_qualify.library.manifest import Column, Manifest
from napari_qualify.library.transaction import Transaction

if TYPE_CHECKING:
    from pandas import DataFrame

_TEXTS = {"keys": 1024, "precision": 4096, "records": 512, "files": 512}
"""Columns of texts, with the rows of a chunk."""


class Embeddings:
    """Reads the embeddings of a library, with keys and files kept in memory.

    Columns only grow, so that keys that were read once stay true.
    """

    def __init__(self, root: Path) -> None:
        self._root = root / "embeddings"
        self._rows: dict[tuple[str, str], dict[str, int]] = {}
        self._files: dict[tuple[str, str], dict[str, str]] = {}

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

    def files(self, fingerprint: str, manifest: Manifest) -> dict[str, str]:
        """Key of every file of a fingerprint, by the file's digest."""
        column = manifest.embeddings.get(fingerprint)
        known = self._files.setdefault((manifest.identity, fingerprint), {})
        if column is not None and len(known) < column.files:
            lines = columns.texts(self._root / fingerprint / "files", column.files, len(known))
            known.update(
                (digest, key) for digest, _, key in (line.partition(" ") for line in lines)
            )
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

    def tiles(
        self, fingerprint: str, keys: Iterable[str], manifest: Manifest
    ) -> dict[str, NDArray[np.float32]]:
        """Vectors of the tiles of those `keys` that are stored with more than one."""
        rows = self.rows(fingerprint, manifest)
        column = manifest.embeddings.get(fingerprint)
        if column is None:
            return {}
        group = self._root / fingerprint
        found = {}
        for key in keys:
            if key in rows:
                record = self._records(fingerprint, rows[key] + 1, rows[key])[0]
                start, count = record["tiles"]
                if count:
                    wanted = np.arange(start, start + count)
                    found[key] = columns.vectors(group / "tiles", column.tiles, wanted)
        return found

    def table(self, fingerprint: str, manifest: Manifest) -> "DataFrame":
        """Key, image, precision, and shape of all that is stored, in order."""
        import pandas as pd

        names = ["key", "image", "height", "width", "tiles", "precision"]
        column = manifest.embeddings.get(fingerprint)
        if column is None:
            return pd.DataFrame(columns=names)
        records = self._records(fingerprint, column.rows)
        return pd.DataFrame(
            {
                "key": list(self.rows(fingerprint, manifest)),
                "image": [record["image"] for record in records],
                "height": [record["shape"][0] for record in records],
                "width": [record["shape"][1] for record in records],
                "tiles": [max(1, record["tiles"][1]) for record in records],
                "precision": columns.texts(self._root / fingerprint / "precision", column.rows),
            },
            columns=names,
        )

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

    def store(self, write: Transaction, new: NewVectors) -> int:
        """Append the vectors whose keys are new; give their number."""
        rows = self.rows(new.fingerprint, write.manifest)
        known = self.files(new.fingerprint, write.manifest)
        fresh: dict[str, int] = {}
        for index, key in enumerate(new.keys):
            if key not in rows:
                fresh.setdefault(key, index)
        files = {d: k for d, k in new.files.items() if d not in known}
        column = write.manifest.embeddings.get(new.fingerprint)
        if column is not None:
            self._check_same(new.fingerprint, new.description, new.vectors.shape[1], column)
        if not fresh and not files:
            return 0
        before = column or Column(rows=0, dim=new.vectors.shape[1])
        if column is None:
            _create(write.node(f"embeddings/{new.fingerprint}"), new)
        after = _append(write, before, new, list(fresh.values()), files)
        write.change(embeddings=write.manifest.embeddings | {new.fingerprint: after})
        data = {"fingerprint": new.fingerprint, "vectors": len(fresh), "rows": after.rows}
        write.record("embed", data)
        return len(fresh)

    def _records(self, fingerprint: str, stop: int, start: int = 0) -> list[dict[str, Any]]:
        path = self._root / fingerprint / "records"
        return [json.loads(text) for text in columns.texts(path, stop, start)]

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


def _create(path: Path, new: NewVectors) -> None:
    disk.write_group(path, {"description": plain(new.description)})
    columns.create_vectors(path / "vectors", new.vectors.shape[1])
    columns.create_vectors(path / "tiles", new.vectors.shape[1])
    for name, rows in _TEXTS.items():
        columns.create_texts(path / name, rows)


def _append(
    write: Transaction, before: Column, new: NewVectors, fresh: list[int], files: dict[str, str]
) -> Column:
    """Append the rows `fresh` of what is new, and `files`; give what counts then."""
    group = f"embeddings/{new.fingerprint}"
    records, tiles, end = [], [], before.tiles
    for index in fresh:
        own = new.tiles[index]
        count = len(own) if len(own) > 1 else 0  # a single tile's is the vector itself
        if count:
            tiles.append(own)
        span = [end, count]
        end += count
        shape = list(new.shapes[index])
        records.append(canonical({"image": new.images[index], "shape": shape, "tiles": span}))
    if fresh:
        write.append(f"{group}/vectors", before.rows, new.vectors[fresh])
        write.append(f"{group}/keys", before.rows, [new.keys[i] for i in fresh])
        write.append(f"{group}/precision", before.rows, [new.precision] * len(fresh))
        write.append(f"{group}/records", before.rows, records)
    if tiles:
        write.append(f"{group}/tiles", before.tiles, np.concatenate(tiles))
    write.append(f"{group}/files", before.files, [f"{d} {key}" for d, key in files.items()])
    return Column(
        rows=before.rows + len(fresh),
        dim=before.dim,
        tiles=end,
        files=before.files + len(files),
    )
