"""Examples to train on: micrographs with their label images, by specimen and split."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from napari_qualify.errors import MicrographError, SegmentationError, UsageError
from napari_qualify.progress import Progress, silent
from napari_qualify.segment.phases import Phases, label_values

if TYPE_CHECKING:
    from napari_qualify.files import Item
    from napari_qualify.micrograph import Micrograph

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

Paths = str | Path | Sequence[str | Path]


@dataclass(frozen=True, eq=False)
class Example:
    """A micrograph with its true phases.

    Attributes
    ----------
    micrograph : Micrograph
    labels : ndarray of unsigned int, shape (Y, X)
        Of the micrograph's shape.
    group : str
        Specimen: those of one group stay on one side of a split.
    split : {'train', 'validation', 'test'}

    Raises
    ------
    SegmentationError
        When the labels are no label image, or of another shape.
    """

    micrograph: "Micrograph"
    labels: NDArray[np.unsignedinteger[Any]]
    group: str
    split: Split = "train"

    def __post_init__(self) -> None:
        labels = np.asarray(self.labels)
        shape = tuple(self.micrograph.shape)
        if labels.shape != shape:
            raise SegmentationError(
                f"{self.micrograph.name}: its label image has the shape {labels.shape}, the "
                f"micrograph {shape}; they must show the same field at the same size."
            )
        object.__setattr__(self, "labels", checked_labels(labels, self.micrograph.name))


def parse_phases(text: str) -> dict[int, str]:
    """Phase names from text such as ``0=matrix,1=carbide``.

    Returns
    -------
    dict of int to str
        Name of each label value, ascending.

    Raises
    ------
    UsageError
        Naming the part that is wrong.
    """
    names: dict[int, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        value, equals, name = (piece.strip() for piece in part.partition("="))
        if not (equals and name and value.isascii() and value.isdigit()):
            raise UsageError(f"phases {text!r}: {part!r} is not VALUE=NAME, as in 1=carbide")
        if int(value) in names or name in names.values():
            raise UsageError(f"phases {text!r}: {part!r} names a value or a phase twice")
        names[int(value)] = name
    if not names:
        raise UsageError("no phase is named; write them as 0=matrix,1=carbide")
    return dict(sorted(names.items()))


def derived_names(examples: Iterable[Example]) -> dict[int, str]:
    """Names such as ``phase 1`` for every value that the label images hold."""
    values = {value for each in examples for value in label_values(each.labels)}
    return {value: f"phase {value}" for value in sorted(values)}


def read_examples(
    images: Paths,
    masks: Paths,
    *,
    names: Mapping[int, str] | str | None = None,
    split: str | Path | None = None,
    pixel_size_um: float | None = None,
    progress: Progress = silent,
) -> list[Example]:
    """Read micrographs and the label images that belong to them.

    A mask belongs to the image of the same path below its folder, or else of
    the same file name, both without the suffix.

    Parameters
    ----------
    images, masks : path or sequence of paths
        Files, folders or patterns. Images without a mask are left out.
    names : mapping of int to str, or text as `parse_phases` reads, optional
        Name of each label value; every value but 0 must then have one.
    split : path, optional
        CSV with the columns image, split (train, validation or test) and, where
        known, group (specimen). Images that it does not name are left out.
        Without it all are for training, each a group of its own.
    pixel_size_um : float, optional
        Of all; by default what the image says, else its mask.
    progress : Progress, optional

    Returns
    -------
    list of Example
        In the order of the images.

    Raises
    ------
    UsageError
        For a mask without an image, a name that fits several, a wrong table, a
        specimen on two sides.
    MicrographError
        When a file cannot be read.
    SegmentationError
        When a mask is no label image of its micrograph's shape.
    """
    known = parse_phases(names) if isinstance(names, str) else names
    pairs = _pairs(_items(images, "image"), _items(masks, "mask"))
    table = None if split is None else _read_split(Path(split), [image for image, _ in pairs])
    if table is not None:
        pairs = [pair for pair in pairs if pair[0].path in table]
    found = []
    for done, (image, mask) in enumerate(pairs):
        progress("reading", done, len(pairs))
        where: tuple[Split, str] = ("train", image.name) if table is None else table[image.path]
        found.append(_read_one(image, mask, where, known, pixel_size_um))
    progress("reading", len(pairs), len(pairs))
    return found


def split_by_group(
    examples: Sequence[Example], share: float = 0.2, seed: int = 0
) -> tuple[list[Example], list[Example]]:
    """Set some specimens aside for validation.

    Parameters
    ----------
    examples : sequence of Example
    share : float
        Of the examples, above 0 and below 1; met as nearly as whole groups allow.
    seed : int
        Of the draw.

    Returns
    -------
    training, validation : list of Example
        No group is on both sides. The validation has at least one group, and
        leaves at least one; with a single group it is empty.

    Raises
    ------
    UsageError
        For a share out of its bounds.
    """
    if not 0 < share < 1:
        raise UsageError(f"share is {share}; give a number between 0 and 1")
    sizes: dict[str, int] = {}
    for each in examples:
        sizes[each.group] = sizes.get(each.group, 0) + 1
    order = np.random.default_rng(seed).permutation(sorted(sizes))
    wanted, aside = share * len(examples), set[str]()
    for group in map(str, order[:-1]):
        held = sum(sizes[one] for one in aside)
        # Another group only where it brings the share nearer.
        if not aside or abs(held + sizes[group] - wanted) < abs(held - wanted):
            aside.add(group)
    return (
        [each for each in examples if each.group not in aside],
        [each for each in examples if each.group in aside],
    )


def _items(paths: Paths, what: str) -> "list[Item]":
    from napari_qualify.files import find_micrographs

    given = [paths] if isinstance(paths, str | Path) else list(paths)
    found = find_micrographs(given)
    if found.failures:
        raise MicrographError(f"{what}s: {found.failures[0].error}")
    if not found.items:
        raise UsageError(f"{', '.join(map(str, given))}: no {what}s here")
    return found.items


def _pairs(images: "Sequence[Item]", masks: "Sequence[Item]") -> "list[tuple[Item, Item]]":
    """Images that have a mask, with it."""
    by_path = {_key(item): item for item in images}
    by_stem: dict[str, list[Item]] = {}
    for item in images:
        by_stem.setdefault(item.path.stem, []).append(item)
    of_image: dict[Path, Item] = {}
    for mask in masks:
        alike = by_stem.get(mask.path.stem, [])
        image = by_path.get(_key(mask)) or (alike[0] if len(alike) == 1 else None)
        if image is None:
            what = f"fits {len(alike)} images" if alike else "has no image of the same name"
            raise UsageError(f"mask {mask.name} {what}; name both alike, in folders alike")
        if image.path in of_image:
            raise UsageError(
                f"image {image.name} has two masks, {of_image[image.path].name} and {mask.name}"
            )
        of_image[image.path] = mask
    return [(image, of_image[image.path]) for image in images if image.path in of_image]


def _key(item: "Item") -> str:
    return str(PurePosixPath(item.name).with_suffix(""))


def _read_split(path: Path, images: "Sequence[Item]") -> dict[Path, tuple[Split, str]]:
    """Side and specimen of each image that a table names."""
    from napari_qualify.files import match_images, read_table

    table = read_table(path, ("image", "split"))
    try:
        matched = match_images(table, path.parent, images)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error
    groups = table["group"] if "group" in table else [""] * len(table)
    found: dict[Path, tuple[Split, str]] = {}
    sides: dict[str, Split] = {}
    for row, text, group, item in zip(table.index, table["split"], groups, matched, strict=True):
        side = next((one for one in SPLITS if one == text.casefold()), None)
        if side is None:
            raise UsageError(f"{path}, row {row}: split {text!r}; use {', '.join(SPLITS)}")
        if item.path in found:
            raise UsageError(f"{path}, row {row}: {item.name} is named twice")
        if sides.setdefault(group or item.name, side) != side:
            raise UsageError(
                f"{path}, row {row}: the specimen {group!r} is for {sides[group]} above and for "
                f"{side} here; keep it on one side, or its score would flatter"
            )
        found[item.path] = side, group or item.name
    return found


def _read_one(
    image: "Item",
    mask: "Item",
    where: tuple[Split, str],
    names: Mapping[int, str] | None,
    pixel_size_um: float | None,
) -> Example:
    from napari_qualify.calibration import square
    from napari_qualify.formats import load
    from napari_qualify.micrograph import read

    micrograph = read(image.path, pixel_size_um=pixel_size_um, name=image.name)
    raw = load(mask.path, mask.name)
    labels = checked_labels(raw.array, f"mask {mask.name}", names)
    theirs = square(raw.pixel_size, mask.name) if raw.pixel_size and not pixel_size_um else None
    if theirs is not None and micrograph.pixel_size_um is None:
        micrograph = replace(micrograph, pixel_size_um=theirs)
    elif theirs is not None and abs(theirs / (micrograph.pixel_size_um or theirs) - 1) > 0.01:
        raise SegmentationError(
            f"{image.name}: its pixels are of {micrograph.pixel_size_um:.6g} um, those of its "
            f"mask {mask.name} of {theirs:.6g} um; state the pixel size."
        )
    side, group = where
    return Example(micrograph, labels, group, side)


def checked_labels(
    labels: NDArray[Any], where: str, names: Mapping[int, str] | None = None
) -> NDArray[np.unsignedinteger[Any]]:
    """Label image in its smallest unsigned type, read-only.

    Raises
    ------
    SegmentationError
        When it is none, or names are given and a value but 0 has none.
    """
    try:
        if names is None:  # any will do: only shape and type are checked
            unsigned = labels.dtype.kind == "u"
            values = label_values(labels) if unsigned else np.unique(labels)
            names = {0: "none"} | {int(v): f"phase {v}" for v in values if v > 0}
        return Phases(labels, dict(names)).labels
    except SegmentationError as error:
        raise SegmentationError(f"{where}: {str(error).removeprefix('Phases: ')}") from error
