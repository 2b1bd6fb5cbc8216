"""What the widgets read of a library, and the quick ways to change one."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_qualify.errors import UsageError
from napari_qualify.progress import Progress

if TYPE_CHECKING:
    from napari_qualify.library.store import Library


@dataclass(frozen=True, eq=False)
class LibraryView:
    """What the widgets show of a library.

    Attributes
    ----------
    handle : Library
    path : str
    encoder : str
    criteria : tuple of dict
        Fields of each criterion with `accepted`, `rejected` (references),
        `accepted_groups`, `rejected_groups`, `missing_accept` and
        `missing_reject` (groups that the risks still need).
    references : int
    """

    handle: "Library"
    path: str
    encoder: str
    criteria: tuple[dict[str, Any], ...] = ()
    references: int = 0


def look(library_path: str) -> LibraryView:
    """Read what the widgets show of a library; quick, without vectors."""
    from napari_qualify.library.store import open_library

    return view_of(open_library(library_path))


def view_of(library: "Library") -> LibraryView:
    """Summarise an open library."""
    lines, total = [], 0
    for criterion in library.criteria.values():
        found = library.references(criterion.name)
        sides = {
            side: [ref for ref in found if ref.verdict == side] for side in ("accept", "reject")
        }
        groups = {side: len({ref.group for ref in refs}) for side, refs in sides.items()}
        total += len(found)
        lines.append(
            criterion.model_dump()
            | {
                "accepted": len(sides["accept"]),
                "rejected": len(sides["reject"]),
                "accepted_groups": groups["accept"],
                "rejected_groups": groups["reject"],
                # A rejection rests on p_accept, which the accepted groups bound.
                "missing_accept": missing(groups["accept"], criterion.risk_reject),
                "missing_reject": missing(groups["reject"], criterion.risk_accept),
            }
        )
    return LibraryView(library, str(library.path), str(library.encoder), tuple(lines), total)


def missing(groups: int, risk: float) -> int:
    """Groups of references that a side still needs for a verdict at a risk."""
    from napari_qualify.decide.conformal import groups_needed

    return max(0, groups_needed(risk) - groups)


def build_lot(path: str, encoder: str, progress: Progress) -> LibraryView:
    """Make a library of the rendered Ni-WC lot."""
    from napari_qualify.synthetic.lot import sample_lot

    return view_of(sample_lot().build_library(Path(path), encoder=encoder, progress=progress))


def create(path: str, encoder: str) -> LibraryView:
    """Make an empty library; one that exists is not touched.

    Raises
    ------
    UsageError
        There is a library of that name.
    """
    from napari_qualify.library.store import open_library

    name = path if path.endswith(".qualify.zarr") else f"{path}.qualify.zarr"
    if Path(name).exists():
        raise UsageError(f"{name} exists already. Open it, or choose another name.")
    return view_of(open_library(name, create=True, encoder=encoder))


def write_criterion(library: "Library", fields: Mapping[str, Any], *, replace: bool) -> None:
    """Add a criterion to a library, or replace the one of that name.

    What `fields` does not name stays as it was.
    """
    known = library.criteria.get(fields["name"]) if replace else None
    keywords = ({} if known is None else known.model_dump()) | dict(fields)
    library.add_criterion(keywords.pop("name"), **keywords, replace=replace)
