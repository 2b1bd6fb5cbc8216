"""What becomes a reference, and which additions are refused."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qualify.errors import MicrographError, UsageError
from napari_qualify.library import sources
from napari_qualify.library.jsontext import digest
from napari_qualify.library.manifest import Listed
from napari_qualify.library.micrographs import (
    intensity_fields,
    pixels_hash,
    read_again,
    save_pixels,
)
from napari_qualify.library.records import Reference, checked, now
from napari_qualify.library.state import write_record
from napari_qualify.library.transaction import Transaction
from napari_qualify.micrograph import Micrograph, read


class AddedReferences(list[Reference]):
    """The references that were added.

    Attributes
    ----------
    messages : tuple of str
        What was left out, and why.
    """

    messages: tuple[str, ...] = ()


@dataclass(frozen=True)
class Candidate:
    """A micrograph made ready to become a reference, without needless pixels."""

    fields: dict[str, Any]
    thumbnail: NDArray[np.uint8]
    pixels: NDArray[Any] | None
    file: Path | None

    @property
    def subject(self) -> tuple[str, Any]:
        """What is judged: the pixels and where they lie."""
        return self.fields["content_hash"], self.fields["region"]


def each(micrographs: Any) -> list[Any]:
    """Take one micrograph, path or layer as a list of one.

    Raises
    ------
    UsageError
        When there is none.
    """
    single = isinstance(micrographs, str | Path | Micrograph) or hasattr(micrographs, "data")
    found = [micrographs] if single else list(micrographs)
    if not found:
        raise UsageError("no micrograph is given; nothing was added")
    return found


def prepare(sources_: Iterable[Any], folder: Path) -> Iterator[Candidate]:
    """Read each source and gather what its reference holds.

    Parameters
    ----------
    sources_ : iterable of Micrograph, path or layer
    folder : Path
        The folder that holds the library.

    Yields
    ------
    Candidate
        With the pixels when no file can give them again.
    """
    for source in sources_:
        from_file = isinstance(source, str | Path)
        micrograph = source if isinstance(source, Micrograph) else read(source)
        file = micrograph.path
        if file is not None and not from_file and not _gives_again(file, micrograph):
            file = None
        path = None if file is None else sources.relative_path(file, folder)
        thumbnail = np.ascontiguousarray(micrograph.thumbnail())
        fields = {
            "image": micrograph.name,
            "path": path,
            "region": micrograph.region,
            "content_hash": micrograph.content_hash,
            "key": micrograph.key,
            "pixel_size_um": micrograph.pixel_size_um,
            "intensity": intensity_fields(micrograph),
            "stored": path is None,
            "thumbnail_hash": pixels_hash(thumbnail),
        }
        yield Candidate(fields, thumbnail, micrograph.pixels if path is None else None, file)


def _gives_again(file: Path, micrograph: Micrograph) -> bool:
    """Whether the file still holds the pixels: a layer may have been edited."""
    try:
        again = read_again(
            file,
            name=micrograph.name,
            pixel_size_um=micrograph.pixel_size_um,
            intensity=micrograph.intensity,
            region=micrograph.region,
            content_hash=micrograph.content_hash,
        )
    except (MicrographError, OSError):
        return False
    return again is not None


def admit(
    candidates: Iterable[Candidate], existing: Iterable[Reference], common: dict[str, Any]
) -> tuple[list[tuple[Reference, Candidate]], list[str]]:
    """Decide which candidates become references.

    Parameters
    ----------
    candidates : iterable of Candidate
    existing : iterable of Reference
        All of the library.
    common : dict
        criterion, verdict, expert, group (None: one of its own each),
        description, note.

    Returns
    -------
    admitted : list of (Reference, Candidate)
    messages : list of str
        About those that are references already.

    Raises
    ------
    UsageError
        When an expert contradicts himself or herself.
    """
    known = list(existing)
    admitted: list[tuple[Reference, Candidate]] = []
    messages = []
    for candidate in candidates:
        image = candidate.fields["image"]
        mine = [
            r
            for r in known
            if r.subject == candidate.subject
            and r.criterion == common["criterion"]
            and r.expert == common["expert"]
        ]
        who = common["expert"] or "an expert without a name"
        if any(r.verdict != common["verdict"] for r in mine):
            raise UsageError(
                f"{image}: {who} gave the verdict {mine[0].verdict!r} for "
                f"{common['criterion']!r} before. Remove reference {mine[0].id} first, or name "
                "another expert; nothing was added."
            )
        if mine:
            messages.append(
                f"{image}: is a reference of {who} for {common['criterion']!r} with this verdict "
                f"already ({mine[0].id}); left as it is."
            )
            continue
        reference = _reference(candidate, known, common)
        known.append(reference)
        admitted.append((reference, candidate))
    return admitted, messages


def _reference(candidate: Candidate, known: list[Reference], common: dict[str, Any]) -> Reference:
    identity = [common[name] for name in ("criterion", "verdict", "expert")]
    fields = candidate.fields | common
    fields["id"] = digest([*identity, *candidate.subject])[:16]
    fields["created"] = now()
    if common["group"] is None:
        fields["group"] = _own_group(candidate, known)
    return checked(Reference, f"{candidate.fields['image']}", fields)


def _own_group(candidate: Candidate, known: list[Reference]) -> str:
    """Name a group of its own; the same pixels are the same specimen."""
    for reference in known:
        if reference.subject == candidate.subject:
            return reference.group
    taken = {reference.group for reference in known}
    name = candidate.fields["image"] or "micrograph"
    return next(g for g in _numbered(name) if g not in taken)


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name} ({number})"
        number += 1


def write_references(write: Transaction, admitted: Sequence[tuple[Reference, Candidate]]) -> None:
    """Write records, thumbnails and, where no file has them, pixels."""
    listed = {}
    for reference, candidate in admitted:
        name = f"{reference.id}-{write.revision:06d}"
        node = write.node(f"references/{name}")
        write_record(node, reference)
        save_pixels(node / "thumbnail", candidate.thumbnail)
        if candidate.pixels is not None:
            save_pixels(node / "pixels", candidate.pixels)
        listed[reference.id] = Listed(node=name, sha256=reference.contents_hash)
    write.change(references=write.manifest.references | listed)
    records = [reference.model_dump(mode="json") for reference, _ in admitted]
    write.record("add_references", {"references": records})
