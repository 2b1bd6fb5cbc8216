"""Which micrographs the user named, and the tables that speak of them."""

import csv
import glob
import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from napari_qualify.errors import MicrographError, UsageError
from napari_qualify.formats import READER, SUFFIXES
from napari_qualify.micrograph import Micrograph, read
from napari_qualify.zarr_image import is_zarr

if TYPE_CHECKING:
    import pandas as pd

IMAGE_SUFFIXES = SUFFIXES
"""Names that are taken for images inside a folder; OME-Zarr folders are too."""

LIBRARY_SUFFIX = ".qualify.zarr"


class Item(NamedTuple):
    """A file or OME-Zarr folder to read, and its name in reports."""

    path: Path
    name: str


class Failure(NamedTuple):
    """An input that cannot be judged: its name, and what to do about it."""

    image: str
    error: str


@dataclass
class Found:
    """What was found under the inputs.

    Attributes
    ----------
    items : list of Item
        In the order of the inputs, sorted inside folders; each path once.
    failures : list of Failure
        Inputs that are no readable files, known without opening them.
    skipped : int
        Files inside folders whose names are not those of images.
    """

    items: list[Item] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    skipped: int = 0

    @property
    def named(self) -> list[tuple[Path, str]]:
        """Path and name of all: a file that fails may be in a table all the same."""
        return [*self.items, *((Path(failed.image), failed.image) for failed in self.failures)]


def find_micrographs(paths: Sequence[str | Path]) -> Found:
    """Find the micrographs under files, folders and patterns.

    Folders are searched with all their subfolders; hidden files and libraries
    (``*.qualify.zarr``) are passed over, other files that are no images are
    counted. Nothing is opened.

    Parameters
    ----------
    paths : sequence of str or Path
        Files, folders, OME-Zarr folders, or glob patterns (``**`` included).

    Returns
    -------
    Found
        Names are relative to the inputs' common folder, with forward slashes.

    Raises
    ------
    UsageError
        If no path is given.
    """
    if isinstance(paths, str | Path):
        paths = [paths]
    if not paths:
        raise UsageError("no micrographs are named; give files, folders or patterns")
    walk = _Walk()
    for path in paths:
        walk.add_input(path)
    base = _common(walk.bases)
    found = Found(skipped=walk.skipped)
    for path_, problem in walk.seen.items():
        name = _relative(path_, base)
        if problem:
            found.failures.append(Failure(name, f"{name}: {problem}"))
        else:
            found.items.append(Item(Path(path_), name))
    return found


class _Walk:
    """Collects absolute paths, each once, with the problem of those that fail."""

    def __init__(self) -> None:
        self.seen: dict[str, str] = {}
        self.bases: list[str] = []
        self.skipped = 0
        self._folders: set[str] = set()

    def add_input(self, given: str | Path) -> None:
        path = os.path.abspath(os.path.expanduser(given))
        if os.path.lexists(path):
            self._add_named(path)
        elif glob.has_magic(str(given)):
            matches = sorted(glob.glob(path, recursive=True))
            for match in matches:
                if os.path.isdir(match) and not is_zarr(Path(match)):
                    continue  # "**" matches folders too; their files match by themselves
                if not _is_library(match):
                    self._add_named(match)
            if not matches:
                self._fail(path, "no file matches this pattern")
        else:
            self._fail(path, "no such file or folder; check the path")

    def _add_named(self, path: str) -> None:
        if os.path.isdir(path) and not is_zarr(Path(path)):
            self.bases.append(path)
            self._add_folder(path)
            return
        self.bases.append(os.path.dirname(path))
        if _is_library(path):
            self.seen.setdefault(path, "a library, not a micrograph; name the images beside it")
        else:
            self._add_entry(path)

    def _fail(self, path: str, problem: str) -> None:
        self.bases.append(os.path.dirname(path))
        self.seen.setdefault(path, problem)

    def _add_folder(self, folder: str) -> None:
        real = os.path.realpath(folder)
        if real in self._folders:  # named twice, or a link back to a parent
            return
        self._folders.add(real)
        try:
            names = sorted(os.listdir(folder))
        except OSError as error:
            self.seen.setdefault(folder, f"the folder cannot be listed ({error.strerror})")
            return
        for name in names:
            path = os.path.join(folder, name)
            if name.startswith(".") or _is_library(path):
                continue
            looks_like_image = name.lower().endswith(IMAGE_SUFFIXES)
            if os.path.isdir(path):
                if is_zarr(Path(path)) or looks_like_image:
                    self._add_entry(path)
                else:
                    self._add_folder(path)
            elif looks_like_image:
                self._add_entry(path)
            else:
                self.skipped += 1

    def _add_entry(self, path: str) -> None:
        self.seen.setdefault(path, _problem(path))


def _problem(path: str) -> str:
    """What is wrong with a path, without opening it; '' when it can be tried."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return "a link that points nowhere; mend or remove it"
    except OSError as error:
        return f"cannot be reached ({error.strerror})"
    if stat.S_ISDIR(mode):
        return "" if is_zarr(Path(path)) else "a folder with the name of an image; rename it"
    return "" if stat.S_ISREG(mode) else "not a regular file; only files can be read"


def _is_library(path: str) -> bool:
    return path.rstrip(os.sep).lower().endswith(LIBRARY_SUFFIX)


def _common(folders: Sequence[str]) -> str | None:
    try:
        return os.path.commonpath(folders)
    except ValueError:  # several drives
        return None


def _relative(path: str, base: str | None) -> str:
    return Path(path).relative_to(base).as_posix() if base else Path(path).as_posix()


def read_all(found: Found, *, pixel_size_um: float | None = None) -> Iterator[Micrograph | Failure]:
    """Read what was found, one at a time; a failure does not stop the others.

    Parameters
    ----------
    found : Found
        Its own `failures` are not repeated.
    pixel_size_um : float, optional
        Micrometres per pixel; overrides what the files say.

    Yields
    ------
    Micrograph or Failure
        In the order of ``found.items``, named as there.
    """
    for path, name in found.items:
        try:
            yield read(path, pixel_size_um=pixel_size_um, name=name)
        except MicrographError as error:
            yield Failure(name, str(error))


def file_digest(path: str | Path, pixel_size_um: float | None = None) -> str:
    """Digest of all that decides what `read` gives of a file.

    Parameters
    ----------
    path : str or Path
    pixel_size_um : float, optional
        As `read` takes it.

    Returns
    -------
    str
        SHA-256 of the bytes, with the pixel size and the revision of the
        reader; empty for a folder, and for what cannot be read.
    """
    try:
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""  # whoever reads the micrograph says why
    size = "" if pixel_size_um is None else f"{pixel_size_um:.9g}"
    return f"{found}|{READER}|{size}"


def read_table(path: str | Path, required: Sequence[str] = ()) -> "pd.DataFrame":
    """Read a CSV of text, checked.

    Parameters
    ----------
    path : str or Path
        UTF-8 with a header; comma, or semicolon when the header has no comma.
    required : sequence of str
        Columns that must exist and be filled in every row.

    Returns
    -------
    DataFrame of str
        Stripped; empty cells are ''. Its index is the row in the file, the
        header being row 1.

    Raises
    ------
    UsageError
        Naming file, row and column.
    """
    import pandas as pd

    path = Path(path)
    rows = _rows(path)
    if not rows:
        raise UsageError(
            f"{path}: empty; a header with the columns {', '.join(required)} is needed"
        )
    (_, header), *body = rows
    for name in header:
        if header.count(name) > 1:
            raise UsageError(f"{path}: row 1 names the column {name!r} twice")
    if missing := [name for name in required if name not in header]:
        raise UsageError(
            f"{path}: no column {', '.join(map(repr, missing))}; row 1 has {', '.join(header)}"
        )
    for number, row in body:
        if len(row) != len(header):
            raise UsageError(
                f"{path}, row {number}: {len(row)} fields under {len(header)} columns; "
                "put quotes around text that holds a separator"
            )
        for name, value in zip(header, row, strict=True):
            if name in required and not value:
                raise UsageError(f"{path}, row {number}: the column {name!r} is empty")
    index = pd.Index([number for number, _ in body], name="row")
    return pd.DataFrame([row for _, row in body], columns=header, index=index, dtype=str)


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """Numbered rows that hold anything; the number is that of the row's last line."""
    try:
        # utf-8-sig: spreadsheets put a byte order mark first.
        with path.open(newline="", encoding="utf-8-sig") as file:
            first = file.readline()
            file.seek(0)
            delimiter = ";" if ";" in first and "," not in first else ","
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            cells = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 text; save it as CSV UTF-8") from error
    except csv.Error as error:
        raise UsageError(f"{path}, row {reader.line_num}: {error}") from error
    return [(number, row) for number, row in cells if any(row)]


def match_images(
    table: "pd.DataFrame", folder: str | Path, candidates: Sequence[tuple[Path, str]] | None = None
) -> list[Item]:
    """Find the image that each row of a table speaks of.

    Parameters
    ----------
    table : DataFrame
        With a column ``image``: a path relative to `folder`, or a file name.
    folder : str or Path
        Where the table lies.
    candidates : sequence of (path, name), optional
        The images at hand, such as ``found.items``. Without them every row
        must be the path of an existing file.

    Returns
    -------
    list of Item
        One for each row: the candidate, or the file itself without candidates.

    Raises
    ------
    UsageError
        If a row matches no image, or its file name several.
    """
    folder = Path(folder)
    by_path: dict[str, Item] = {}
    by_name: dict[str, list[Item]] = {}
    for path, name in candidates or ():
        item = Item(Path(path), name)
        by_path[os.path.realpath(path)] = item
        by_name.setdefault(Path(name).name, []).append(item)
    matched = []
    for row, text in table["image"].items():
        path = folder / text.replace("\\", "/")
        if candidates is None:
            if not path.exists():
                raise UsageError(f"row {row}, column 'image': {text!r} is no file in {folder}")
            matched.append(Item(path, text))
            continue
        item_ = by_path.get(os.path.realpath(path))
        same_name = by_name.get(path.name, [])
        if item_ is None and len(same_name) != 1:
            what = "is none of the images" if not same_name else "is the name of several images"
            raise UsageError(
                f"row {row}, column 'image': {text!r} {what}; write its path relative to {folder}"
            )
        matched.append(item_ or same_name[0])
    return matched


def column_by_image(
    table_csv: str | Path, column: str, candidates: Sequence[tuple[Path, str]]
) -> dict[Item, str]:
    """What a table says of each image in one column, such as its sample or group.

    Parameters
    ----------
    table_csv : path
        Columns ``image``, matched as `match_images` does, and `column`.
    column : str
    candidates : sequence of (path, name)

    Raises
    ------
    UsageError
        If a row matches no image, or two rows differ on one.
    """
    table_csv = Path(table_csv)
    table = read_table(table_csv, ("image", column))
    try:
        matched = match_images(table, table_csv.parent, candidates)
    except UsageError as error:
        raise UsageError(f"{table_csv}: {error}") from error
    found: dict[Item, str] = {}
    for (row, value), item in zip(table[column].items(), matched, strict=True):
        if found.setdefault(item, value) != value:
            raise UsageError(
                f"{table_csv}, row {row}: {item.name} is of {column} {value!r} here and of "
                f"{found[item]!r} above"
            )
    return found
