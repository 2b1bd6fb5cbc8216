"""One write to a library: all of it, or none.

Under the lock, new folders are written to a hidden staging folder, renamed to
their places, rows are appended behind those that count, and the manifest is
replaced: only then does any of it exist for a reader. What a kill leaves is
removed by the next writer.
"""

import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qualify.errors import LibraryError
from napari_qualify.library import columns, disk, log
from napari_qualify.library.manifest import Manifest, read_manifest

LOG = "log/entries"
ASSESSMENTS = "assessments/records"

# Lock and staging lie inside an array: who lists the members of the groups
# with zarr never meets something that is neither a group nor an array.
LOCK = f"{LOG}/.lock"
_STAGING = ".staging-"


class Transaction:
    """What one write changes; filled by the caller, committed on leaving.

    Attributes
    ----------
    manifest : Manifest
        As it is on disk, fresh under the lock; replace it by `change`.
    """

    def __init__(self, root: Path, manifest: Manifest, staging: Path) -> None:
        self.manifest = manifest
        self._root = root
        self._before = manifest
        self._staging = staging
        self._nodes: list[str] = []
        self._rows: list[tuple[str, int, Sequence[str] | NDArray[np.float32]]] = []

    @property
    def revision(self) -> int:
        """Number of this write: makes names of folders unique."""
        return self._before.revision + 1

    def change(self, **fields: Any) -> None:
        """Replace fields of the manifest."""
        self.manifest = self.manifest.model_copy(update=fields)

    def node(self, name: str) -> Path:
        """Folder to write the new node ``<group>/<name>`` into."""
        if name in self._before.nodes():
            raise LibraryError(f"{self._root}: {name} exists already and cannot be written again.")
        self._nodes.append(name)
        path = self._staging / name
        path.mkdir(parents=True)
        return path

    def append(self, array: str, start: int, rows: Sequence[str] | NDArray[np.float32]) -> None:
        """Append rows to an array that exists, or lies in a new node."""
        self._rows.append((array, start, rows))

    def record(self, action: str, data: Mapping[str, Any]) -> None:
        """Append an entry to the log."""
        text, head = log.entry(
            self.manifest.log, action, data, self.manifest.log_head, self.manifest.software
        )
        self.append(LOG, self.manifest.log, [text])
        self.change(log=self.manifest.log + 1, log_head=head)

    def commit(self) -> None:
        """Make it all count, then remove what does not count any more."""
        for name in self._nodes:
            disk.flush_tree(self._staging / name)
            disk.move(self._staging / name, self._root / name)
        for array, start, rows in self._rows:
            columns.append(self._root / array, start, rows)
        self.change(revision=self.revision)
        self.manifest.write(self._root)
        with suppress(OSError):  # it is committed: what is left there does no harm
            self._drop(self._before.nodes() - self.manifest.nodes())

    def undo(self) -> None:
        """Remove the new folders, unless the commit went through."""
        if read_manifest(self._root).revision == self._before.revision:
            self._drop(set(self._nodes) - self._before.nodes())

    def _drop(self, names: set[str]) -> None:
        for name in names:
            path = self._root / name
            if path.exists():
                # Renamed first: a reader finds the folder whole or not at all.
                path.rename(self._staging / uuid.uuid4().hex)


@contextmanager
def transaction(root: Path, seconds: float, software: str) -> Iterator[Transaction]:
    """Take the lock and yield a transaction; commit it when the block ends well.

    Raises
    ------
    LibraryError
        When the lock is not free within `seconds`, or nothing can be written.
    """
    with disk.locked(root / LOCK, root, seconds):
        manifest = read_manifest(root).model_copy(update={"software": software})
        try:
            _sweep(root, manifest)
            staging = root / LOG / f"{_STAGING}{uuid.uuid4().hex}"
            staging.mkdir()
        except OSError as error:
            raise disk.unwritable(root, error) from error
        write = Transaction(root, manifest, staging)
        try:
            yield write
            if write.manifest != manifest:
                write.commit()
        except OSError as error:
            write.undo()
            raise disk.unwritable(root, error) from error
        except BaseException:
            write.undo()
            raise
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def _sweep(root: Path, manifest: Manifest) -> None:
    """Remove what killed writers left; there is something only beside a staging folder."""
    left = list((root / LOG).glob(f"{_STAGING}*"))
    if not left:
        return
    kept = manifest.nodes()
    for group in ("criteria", "references", "embeddings", "phases", "bridges"):
        # Not all groups are in a library of an earlier version.
        for path in (root / group).iterdir() if (root / group).is_dir() else ():
            if path.is_dir() and f"{group}/{path.name}" not in kept:
                shutil.rmtree(path)
    for path in root.rglob("*.partial"):
        path.unlink()
    for path in left:
        shutil.rmtree(path)
