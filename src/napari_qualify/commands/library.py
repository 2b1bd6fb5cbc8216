"""The commands that make a library: `init`, `criterion add`, `refs add`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from napari_qualify.commands import console
from napari_qualify.errors import LibraryError, MicrographError, UsageError
from napari_qualify.files import Failure, find_micrographs, match_images, read_table
from napari_qualify.library.store import Library, open_library

if TYPE_CHECKING:
    import pandas as pd

VERDICTS: tuple[Literal["accept", "reject"], ...] = ("accept", "reject")
OPTIONAL = ("expert", "group", "description")


@dataclass(frozen=True)
class Addition:
    """Micrographs that become references in one step, and what is said of them."""

    criterion: str
    verdict: Literal["accept", "reject"]
    paths: tuple[Path, ...]
    words: dict[str, str]


def run_init(library: str, encoder: str) -> None:
    """Create an empty library.

    Raises
    ------
    UsageError
        When there is no such encoder.
    LibraryError
        When there is a library of this name.
    """
    from napari_qualify.embed.registry import split_spec
    from napari_qualify.errors import EncoderError

    try:
        split_spec(encoder)
    except EncoderError as error:
        raise UsageError(str(error)) from error
    try:
        there: Library | None = open_library(library)
    except LibraryError:
        there = None
    if there is not None:
        raise UsageError(f"{there.path}: exists already; choose another name")
    made = open_library(library, create=True, encoder=encoder)
    console.out().print(str(made.path), markup=False)


def run_criterion_add(library: str, name: str, settings: dict[str, Any]) -> None:
    """Add a criterion; `settings` as `Library.add_criterion` takes them."""
    opened = open_library(library)
    opened.add_criterion(name, **settings)
    console.out().print(f"criterion {name!r} added to {opened.path.name}", markup=False)


def run_refs_add(
    library: str,
    criterion: str | None,
    sides: dict[Literal["accept", "reject"], Sequence[str]],
    table: Path | None,
    words: dict[str, str],
    pixel_size: float | None,
) -> None:
    """Add references, all or none of each side; what cannot be read stops it before.

    Raises
    ------
    UsageError
        For options that do not go together, a wrong table, an unknown criterion.
    MicrographError
        When a file cannot be read; nothing is added then.
    """
    opened = open_library(library)
    if table is not None:
        if criterion or any(sides.values()) or any(words.values()):
            raise UsageError(
                "--table says everything about its references: leave --criterion, --accept, "
                "--reject, --expert, --group, --description and --note out"
            )
        additions = list(_from_table(table))
    else:
        if not criterion or not any(sides.values()):
            raise UsageError("name --criterion and --accept or --reject PATH, or --table CSV")
        additions = _from_options(criterion, sides, words)
    for name in sorted({a.criterion for a in additions}):
        opened.criterion(name)
    _add(opened, additions, pixel_size)


def _from_options(
    criterion: str, sides: dict[Literal["accept", "reject"], Sequence[str]], words: dict[str, str]
) -> list[Addition]:
    additions = []
    for verdict in VERDICTS:
        if not sides[verdict]:
            continue
        found = find_micrographs(sides[verdict])
        _refuse(found.failures)
        if not found.items:
            raise UsageError(f"--{verdict} {', '.join(sides[verdict])}: no micrographs here")
        paths = tuple(item.path for item in found.items)
        additions.append(Addition(criterion, verdict, paths, words))
    if len(additions) == 2 and (both := set(additions[0].paths) & set(additions[1].paths)):
        raise UsageError(f"{min(both)}: is named as accepted and as rejected")
    return additions


def _from_table(path: Path) -> Iterator[Addition]:
    """Rows of a table, those beside each other that say the same taken together."""
    table = read_table(path, ("image", "criterion", "verdict"))
    for row, verdict in table["verdict"].items():
        if verdict not in VERDICTS:
            raise UsageError(f"{path}, row {row}: verdict {verdict!r}; use accept or reject")
    if table.empty:
        raise UsageError(f"{path}: has no row below its header")
    paths = [item.path for item in _matched(table, path)]
    columns = ("criterion", "verdict", *(name for name in OPTIONAL if name in table))
    said = list(table[list(columns)].itertuples(index=False, name=None))
    for same, rows in groupby(range(len(said)), key=said.__getitem__):
        words = dict(zip(columns, same, strict=True))
        yield Addition(
            words.pop("criterion"), words.pop("verdict"), tuple(paths[i] for i in rows), words
        )


def _matched(table: "pd.DataFrame", path: Path) -> list[Any]:
    """Find the rows' files by their paths, else by unique names under the table's folder."""
    direct = all((path.parent / name.replace("\\", "/")).exists() for name in table["image"])
    try:
        if direct:
            return list(match_images(table, path.parent))
        return list(match_images(table, path.parent, find_micrographs([path.parent]).items))
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def _add(library: Library, additions: Sequence[Addition], pixel_size: float | None) -> None:
    from napari_qualify.embed.pipeline import embed_references

    added = dict.fromkeys(VERDICTS, 0)
    with console.progress_bars() as progress:
        _read_all_once({p: None for a in additions for p in a.paths}, pixel_size, progress)
        for done, addition in enumerate(additions):
            progress("adding", done, len(additions))
            new, messages = _add_one(library, addition, pixel_size)
            added[addition.verdict] += new
            for message in messages:
                console.err().print(message, markup=False)
        progress("adding", len(additions), len(additions))
        for criterion in dict.fromkeys(a.criterion for a in additions):
            embed_references(library, criterion, progress)
    console.out().print(
        f"{added['accept']} accepted and {added['reject']} rejected references added to "
        f"{library.path.name}",
        markup=False,
    )


def _add_one(
    library: Library, addition: Addition, pixel_size: float | None
) -> tuple[int, Sequence[str]]:
    from napari_qualify.micrograph import read

    sources: list[Any] = list(addition.paths)
    if pixel_size is not None:
        sources = [read(path, pixel_size_um=pixel_size) for path in sources]
    words: dict[str, Any] = addition.words | {"group": addition.words.get("group") or None}
    found = library.add_references(
        addition.criterion, sources, addition.verdict, embed=False, **words
    )
    return len(found), found.messages


def _read_all_once(paths: dict[Path, None], pixel_size: float | None, progress: Any) -> None:
    """Read every file before anything is added, to name all that cannot be."""
    from napari_qualify.micrograph import read

    failures = []
    for done, path in enumerate(paths):
        progress("reading", done, len(paths))
        try:
            read(path, pixel_size_um=pixel_size)
        except MicrographError as error:
            failures.append(Failure(str(path), str(error)))
    progress("reading", len(paths), len(paths))
    _refuse(failures)


def _refuse(failures: Sequence[Failure]) -> None:
    if failures:
        reasons = "\n  ".join(failure.error for failure in failures)
        raise MicrographError(f"nothing was added:\n  {reasons}")
