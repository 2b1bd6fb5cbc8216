"""Which files a library may open, and how a stored path is spelled.

A library is data that others may have written: a path in it is opened only
where the user expects micrographs, with links resolved first, and what is read
is used only when its hash is the recorded one.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from napari_qualify.errors import LibraryError


def relative_path(file: Path, folder: Path) -> str | None:
    """Spell `file` relative to `folder`, with forward slashes.

    Returns
    -------
    str or None
        None where no relative path exists (another drive).
    """
    try:
        return Path(os.path.relpath(file.resolve(), folder.resolve())).as_posix()
    except ValueError:
        return None


def candidates(stored: str, folder: Path, roots: Sequence[Path]) -> Iterator[Path]:
    """Yield the existing files that a stored path may mean, resolved and allowed.

    Parameters
    ----------
    stored : str
        As in the library.
    folder : Path
        The folder that holds the library.
    roots : sequence of Path
        Further folders that the user named. A file is looked for in them by
        ever shorter ends of its path, since they may have been moved.

    Raises
    ------
    LibraryError
        When `stored` is absolute, or leads outside `folder` and `roots`
        and nothing of its name is inside.
    """
    path = PurePosixPath(stored)
    windows = PureWindowsPath(stored)
    if path.is_absolute() or windows.drive or windows.root or "\0" in stored or not path.parts:
        raise LibraryError(
            f"the stored path {stored!r} is not a relative one; it was not opened. "
            "Only relative paths are followed from a library."
        )
    allowed = [root.resolve() for root in (folder, *roots)]
    outside = False
    tail = [part for part in path.parts if part != ".."]
    spellings = [folder / path] + [
        root.joinpath(*tail[start:]) for root in roots for start in range(len(tail))
    ]
    seen: set[Path] = set()
    for spelling in spellings:
        found = _existing(spelling)
        if found is None or found in seen:
            continue
        seen.add(found)
        if not any(found.is_relative_to(root) for root in allowed):
            outside = True
        # Opening a FIFO or a device would wait for ever.
        elif found.is_file() or found.is_dir():
            yield found
    if outside:
        raise LibraryError(
            f"the stored path {stored!r} leads outside the library's folder; it was not opened. "
            "Name the folder that holds the micrographs: open_library(path, roots=[folder])."
        )


def resolved_roots(roots: Iterable[str | Path]) -> tuple[Path, ...]:
    """Resolve the folders that the user named.

    Raises
    ------
    LibraryError
        When one is not a folder.
    """
    if isinstance(roots, str | Path):
        roots = (roots,)
    found = tuple(Path(root).expanduser().resolve() for root in roots)
    for root in found:
        if not root.is_dir():
            raise LibraryError(f"{root}: is named as a root but is not a folder.")
    return found


def _existing(path: Path) -> Path | None:
    try:
        return path.resolve(strict=True)
    except (OSError, RuntimeError):  # a loop of links is a RuntimeError before Python 3.13
        return None
