"""The library: criteria and references, and all that `Archive` keeps."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_qualify.errors import LibraryError, UsageError
from napari_qualify.library import opening, sources
from napari_qualify.library.bridge_store import Bridged
from napari_qualify.library.manifest import Listed
from napari_qualify.library.records import Criterion, Reference, checked
from napari_qualify.library.state import drop_references, write_record
from napari_qualify.progress import Progress, silent

if TYPE_CHECKING:
    from napari_qualify.library.adding import AddedReferences
    from napari_qualify.micrograph import Micrograph


def open_library(
    path: str | Path,
    *,
    create: bool = False,
    encoder: str | None = None,
    roots: Iterable[str | Path] = (),
    lock_seconds: float = 30.0,
) -> "Library":
    """Open a library, or create an empty one.

    Parameters
    ----------
    path : str or Path
        Its folder; ``.qualify.zarr`` is added when it is missing.
    create : bool
        Create it when it is not there.
    encoder : str, optional
        Of a new library, by default 'lite'. When the library exists it must
        be its encoder.
    roots : iterable of str or Path
        Folders, besides the library's own, in which the micrographs of its
        references may be opened.
    lock_seconds : float
        How long a write waits for another process's.

    Returns
    -------
    Library
        Opening writes nothing, so that a read-only medium will do.

    Raises
    ------
    LibraryError
        When there is no library, it is damaged, or has another encoder.
    LibraryFormatError
        When it is of a newer format.
    """
    root = opening.find(path, create)
    if not root.exists():
        opening.create(root, encoder or "lite")
    library = Library(root, roots=roots, lock_seconds=lock_seconds)
    if encoder is not None and encoder != library.encoder:
        raise LibraryError(
            f"{root}: is a library for the encoder {library.encoder!r}, not {encoder!r}. Open it "
            "without naming an encoder, or create another library."
        )
    return library


class Library(Bridged):
    """A library on disk; made by `open_library`.

    Its contents are read when they are asked for and kept until another
    process changes them. It may be used from several threads.

    Attributes
    ----------
    path : Path
        Its folder.
    """

    def __init__(
        self, path: Path, *, roots: Iterable[str | Path] = (), lock_seconds: float = 30.0
    ) -> None:
        super().__init__(path, lock_seconds)
        self._roots = sources.resolved_roots(roots)
        # Files that the user named in this session may be opened as named.
        self._named: dict[str, Path] = {}

    @property
    def criteria(self) -> dict[str, Criterion]:
        """Criteria by name, in the order in which they were added."""
        return self._state.criteria()

    def criterion(self, name: str) -> Criterion:
        """One of `criteria`.

        Raises
        ------
        UsageError
            When there is none of this name; it says which there are.
        """
        self._state.check_criterion(name, self._state.fresh())
        return self.criteria[name]

    def criteria_named(self, names: Iterable[str] | None) -> list[Criterion]:
        """Those of `criteria` with these names, in their order; all of them for None.

        Raises
        ------
        UsageError
            When there is none of a name.
        """
        return [self.criterion(name) for name in (self.criteria if names is None else names)]

    def add_criterion(
        self,
        name: str,
        *,
        accept: str | Sequence[str] = (),
        reject: str | Sequence[str] = (),
        view: str = "raw",
        rule: str = "auto",
        modality: str = "auto",
        risk: float | None = None,
        risk_accept: float | None = None,
        risk_reject: float | None = None,
        tile_um: float | None = None,
        limit: str | None = None,
        weight: float | None = None,
        split: bool = False,
        replace: bool = False,
    ) -> Criterion:
        """Add a criterion.

        Parameters
        ----------
        name : str
        accept, reject : str or sequence of str
            Statements that describe acceptance and rejection.
        view : str
            'raw', 'masked:PHASE', 'overlay' or 'phases'.
        rule, modality : str
            'auto' chooses on the references.
        risk : float, optional
            Sets both risks; 0.1 a side unless set.
        risk_accept, risk_reject : float, optional
            Largest tolerated share of false accepts, of false rejects.
        tile_um : float, optional
            Side of a tile in micrometres.
        limit : str, optional
            For example ``pore.area_fraction <= 0.01``.
        weight : float, optional
            Share of the visual score in the hybrid; chosen on the references unless set.
        split : bool
            Half of the reference groups calibrate only: exact control of the risks.
        replace : bool
            Replace the criterion of this name; its references stay.

        Returns
        -------
        Criterion

        Raises
        ------
        UsageError
            When the name is taken, or a value is wrong.
        """
        both = 0.1 if risk is None else risk
        criterion = checked(
            Criterion,
            f"criterion {name!r}",
            {
                "name": name,
                "accept": (accept,) if isinstance(accept, str) else tuple(accept),
                "reject": (reject,) if isinstance(reject, str) else tuple(reject),
                "view": view,
                "rule": rule,
                "modality": modality,
                "risk_accept": both if risk_accept is None else risk_accept,
                "risk_reject": both if risk_reject is None else risk_reject,
                "tile_um": tile_um,
                "limit": limit,
                "weight": weight,
                "split": split,
            },
        )
        if limit is not None:
            from napari_qualify.measure.limit import Limit

            Limit.parse(limit)
        with self._state.write() as write:
            known = write.manifest.criteria
            if name in known and not replace:
                raise UsageError(
                    f"criterion {name!r} exists already in {self.path.name}; replace it on "
                    "purpose (replace=True) or choose another name"
                )
            node = f"{write.revision:06d}"
            write_record(write.node(f"criteria/{node}"), criterion)
            listed = Listed(node=node, sha256=criterion.contents_hash)
            write.change(criteria=known | {name: listed})
            action = "replace_criterion" if name in known else "add_criterion"
            write.record(action, criterion.model_dump(mode="json"))
        return criterion

    def remove_criterion(self, name: str, *, with_references: bool = False) -> None:
        """Remove a criterion; the log keeps it.

        Raises
        ------
        UsageError
            When there is none, or it has references and they are not to go too.
        """
        with self._state.write() as write:
            self._state.check_criterion(name, write.manifest)
            mine = [r.id for r in self.references(name)]
            if mine and not with_references:
                raise UsageError(
                    f"criterion {name!r} has {len(mine)} references; remove them first, or with "
                    "it (with_references=True)"
                )
            if mine:
                drop_references(write, mine)
            left = {k: v for k, v in write.manifest.criteria.items() if k != name}
            write.change(criteria=left)
            write.record("remove_criterion", {"name": name})

    def references(self, criterion: str | None = None) -> list[Reference]:
        """References, of one criterion or of all, in the order in which they were added."""
        found = self._state.references().values()
        return [r for r in found if criterion is None or r.criterion == criterion]

    def add_references(
        self,
        criterion: str,
        micrographs: Any,
        verdict: Literal["accept", "reject"],
        *,
        expert: str = "",
        group: str | None = None,
        description: str = "",
        note: str = "",
        embed: bool = True,
        progress: Progress | None = None,
    ) -> "AddedReferences":
        """Add micrographs as accepted or rejected references of a criterion.

        Parameters
        ----------
        criterion : str
            Of this library.
        micrographs : Micrograph, path, napari Image layer, or a sequence of them
            Pixels that no file holds are stored in the library.
        verdict : {'accept', 'reject'}
        expert : str
            Who judged them.
        group : str, optional
            The specimen; by default each reference is its own.
        description : str
            The expert's words on these micrographs.
        note : str
        embed : bool
            Embed them at once, after the records are safe on disk.
        progress : callable, optional
            See `napari_qualify.progress`.

        Returns
        -------
        list of Reference
            Those that are new; its ``messages`` name those that were
            references already.

        Raises
        ------
        UsageError
            For an unknown criterion or verdict, or a contradiction with an
            earlier verdict of the same expert; nothing is added then.
        MicrographError
            When one cannot be read; nothing is added then.
        """
        from napari_qualify.library.adding import (
            AddedReferences,
            admit,
            each,
            prepare,
            write_references,
        )

        report = progress or silent
        self._state.check_criterion(criterion, self._state.fresh())
        if verdict not in ("accept", "reject"):
            raise UsageError(f"verdict {verdict!r} is unknown; use 'accept' or 'reject'")
        given = each(micrographs)
        candidates = []
        report("read references", 0, len(given))
        for candidate in prepare(given, self.path.parent):
            candidates.append(candidate)
            report("read references", len(candidates), len(given))
        common = {
            "criterion": criterion,
            "verdict": verdict,
            "expert": expert.strip(),
            "group": (group or "").strip() or None,
            "description": description.strip(),
            "note": note.strip(),
        }
        with self._state.write() as write:
            self._state.check_criterion(criterion, write.manifest)
            admitted, messages = admit(candidates, self.references(), common)
            if admitted:
                write_references(write, admitted)
        added = AddedReferences(reference for reference, _ in admitted)
        added.messages = tuple(messages)
        self._named |= {r.id: c.file for r, c in admitted if c.file is not None}
        if embed and added:
            from napari_qualify.embed.pipeline import embed_references

            embed_references(self, criterion=criterion, progress=progress)
        return added

    def remove_references(self, ids: str | Iterable[str]) -> None:
        """Remove references; the log keeps their trace.

        Raises
        ------
        UsageError
            When one does not exist; nothing is removed then.
        """
        wanted = [ids] if isinstance(ids, str) else list(dict.fromkeys(ids))
        with self._state.write() as write:
            for wrong in (i for i in wanted if i not in write.manifest.references):
                raise UsageError(f"there is no reference {wrong!r} in {self.path.name}")
            if wanted:
                drop_references(write, wanted)

    def thumbnail(self, reference_id: str) -> NDArray[np.uint8]:
        """Picture of a reference: uint8 RGB of shape (Y, X, 3)."""
        from napari_qualify.library.micrographs import load_pixels

        _, node = self._state.reference(reference_id)
        return load_pixels(node / "thumbnail")

    def micrograph(self, reference: Reference | str) -> "Micrograph":
        """Micrograph of a reference, by its record or identifier.

        Stored pixels where the library has them; else the file, which must lie
        in the library's folder or one of its roots and be unchanged.

        Raises
        ------
        LibraryError
            When the file is missing, elsewhere or changed.
        """
        from napari_qualify.library.micrographs import load_stored, reopen

        identifier = reference if isinstance(reference, str) else reference.id
        record, node = self._state.reference(identifier)
        if record.stored:
            return load_stored(record, node / "pixels")
        return reopen(record, self.path.parent, self._roots, self._named.get(identifier))
