"""What is on disk, read when it is asked for and kept until it changes."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import ValidationError

from napari_qualify.errors import LibraryError, UsageError
from napari_qualify.library import disk, opening
from napari_qualify.library.manifest import Listed, Manifest, Stamp, read_manifest, stamp
from napari_qualify.library.records import Criterion, Record, Reference, describe
from napari_qualify.library.transaction import Transaction, transaction

AnyRecord = TypeVar("AnyRecord", Criterion, Reference)


class State:
    """Manifest and records of a library, fresh at every call.

    Attributes
    ----------
    path : Path
        Folder of the library.
    guard : threading.RLock
        Held while the memory is changed; never while a lock on disk is
        awaited, so that reading does not stop during another's write.
    """

    def __init__(self, path: Path, lock_seconds: float) -> None:
        self.path = path
        self.guard = threading.RLock()
        self._lock_seconds = lock_seconds
        self._records: dict[Path, Record] = {}
        self._stamp: Stamp | None = None
        self._manifest: Manifest | None = None
        self.fresh()

    def fresh(self) -> Manifest:
        """Manifest as it is on disk: read again when somebody wrote."""
        with self.guard:
            try:
                found = stamp(self.path)
            except OSError:
                found = None  # reading says what is wrong
            if self._manifest is None or found is None or found != self._stamp:
                manifest = read_manifest(self.path)
                if self._manifest is None or manifest.identity != self._manifest.identity:
                    self._records.clear()  # another library was created in its place
                self._manifest, self._stamp = manifest, found
            return self._manifest

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """Begin a write; see `transaction`."""
        with transaction(self.path, self._lock_seconds, opening.software()) as write:
            yield write

    def criteria(self) -> dict[str, Criterion]:
        """Criteria by name."""
        return self._load("criteria", Criterion)

    def references(self) -> dict[str, Reference]:
        """References by identifier."""
        return self._load("references", Reference)

    def reference(self, identifier: str) -> tuple[Reference, Path]:
        """Record of a reference and its folder."""
        record = self.references().get(identifier)
        if record is None:
            raise UsageError(f"there is no reference {identifier!r} in {self.path.name}")
        return record, self.path / "references" / self.fresh().references[identifier].node

    def check_criterion(self, name: str, manifest: Manifest) -> None:
        """Raise UsageError when there is no such criterion."""
        if name not in manifest.criteria:
            known = ", ".join(manifest.criteria) or "none yet: add one first"
            raise UsageError(f"{self.path.name} has no criterion {name!r}; it has {known}")

    def _load(
        self, group: Literal["criteria", "references"], model: type[AnyRecord]
    ) -> dict[str, AnyRecord]:
        with self.guard:
            while True:
                manifest = self.fresh()
                listed: dict[str, Listed] = getattr(manifest, group)
                try:
                    return {
                        name: self._record(self.path / group / item.node, model)
                        for name, item in listed.items()
                    }
                except LibraryError:
                    if self.fresh() is manifest:  # it was not removed while it was read
                        raise

    def _record(self, node: Path, model: type[AnyRecord]) -> AnyRecord:
        # A folder's name is never used again for other contents.
        known = self._records.get(node)
        if isinstance(known, model):
            return known
        record = read_record(node, model)
        self._records[node] = record
        return record


def write_record(node: Path, record: Criterion | Reference) -> None:
    """Write a record as the attributes of the group `node`."""
    name = type(record).__name__.lower()
    disk.write_group(node, {name: record.model_dump(mode="json")})


def read_record(node: Path, model: type[AnyRecord]) -> AnyRecord:
    """Read what `write_record` wrote.

    Raises
    ------
    LibraryError
        When it is missing or damaged.
    """
    try:
        fields = disk.read_attributes(node)[model.__name__.lower()]
        return model.model_validate_json(json.dumps(fields))
    except ValidationError as error:
        raise LibraryError(f"{node}: the record is damaged: {describe(error)}") from error
    except (OSError, ValueError, KeyError) as error:
        raise LibraryError(f"{node}: the record is missing or damaged ({error}).") from error


def drop_references(write: Transaction, identifiers: Sequence[str]) -> None:
    """Let references count no more; the log keeps which they were."""
    listed = write.manifest.references
    write.change(references={k: v for k, v in listed.items() if k not in set(identifiers)})
    write.record("remove_references", {"ids": list(identifiers)})
