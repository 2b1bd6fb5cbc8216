"""The references of one criterion, with near-duplicates counted once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from napari_qualify.decide.rules import Floats, Mask, unit
from napari_qualify.decide.tile_memory import TileMemory

SIDE = 64
"""Side in pixels of the pictures that near-duplicates are sought in."""
_SAME = 0.7  # correlation; that of unlike textures stays under 0.3, that of re-saved ones over 0.9
_NEAREST = 5  # neighbours of a reference that are looked at; copies of copies join by links
_COARSE = 4.0  # standard deviation, in pixels, of what two fields of one coating share


@dataclass(frozen=True, eq=False)
class References:
    """The references of one criterion, as the decision sees them.

    Attributes
    ----------
    vectors : ndarray of float, shape (n, d)
        Visual vectors; scaled to unit length here.
    accepted : ndarray of bool, shape (n,)
    groups : sequence of str, length n
        Specimen of each; the unit of every estimate.
    twins : sequence of (int, int)
        Pairs that show the same (`near_duplicates`): their groups are one.
    tiles : callable, optional
        Gives the unit vectors of every reference's tiles, (t_i, d) each; asked
        only by the rule of nearest tiles.
    """

    vectors: Floats
    accepted: Mask
    groups: Sequence[str]
    twins: Sequence[tuple[int, int]] = ()
    tiles: Callable[[], Sequence[NDArray[Any]]] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "vectors", unit(self.vectors))
        object.__setattr__(self, "groups", _joined(self.groups, self.twins))

    def __len__(self) -> int:
        return len(self.accepted)

    def group_count(self, accepted: bool) -> int:
        """Number of groups on a side."""
        return len(set(self.groups_of(accepted)))

    def groups_of(self, accepted: bool) -> list[str]:
        """Group of every reference of a side."""
        return [g for g, a in zip(self.groups, self.accepted, strict=True) if a == accepted]

    @cached_property
    def fewest(self) -> int:
        """Groups on the side that has fewer."""
        return min(self.group_count(True), self.group_count(False))

    def part(self, kept: Mask) -> "References":
        """Those references that a mask keeps."""
        groups = [group for group, keep in zip(self.groups, kept, strict=True) if keep]
        tiles = self.tiles
        some = None if tiles is None else lambda: _kept(tiles(), kept)
        return References(self.vectors[kept], self.accepted[kept], groups, tiles=some)

    @cached_property
    def memory(self) -> TileMemory:
        """Their tiles, as the rule of nearest tiles remembers them.

        Raises
        ------
        ValueError
            If nobody has given tiles, or fewer than two accepted groups.
        UsageError
            If one has too few tiles.
        """
        if self.tiles is None:
            raise ValueError("these references came without tiles")
        return TileMemory(self.tiles(), self.accepted, self.groups)


def _kept(tiles: Sequence[NDArray[Any]], kept: Mask) -> list[NDArray[Any]]:
    return [each for each, keep in zip(tiles, kept, strict=True) if keep]


def _joined(groups: Sequence[str], twins: Sequence[tuple[int, int]]) -> list[str]:
    """Groups in which those of twins carry one name, the first in alphabetical order."""
    names = sorted(set(groups))
    if not twins:
        return list(groups)
    number = {name: i for i, name in enumerate(names)}
    ends = np.array([[number[groups[a]], number[groups[b]]] for a, b in twins])
    links = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), (len(names), len(names)))
    _, label = connected_components(links, directed=False)
    first: dict[int, str] = {}
    for name in names:
        first.setdefault(int(label[number[name]]), name)
    return [first[int(label[number[group]])] for group in groups]


def near_duplicates(vectors: Floats, pictures: NDArray[np.uint8]) -> list[tuple[int, int]]:
    """Pairs of references that show the same field: saved again, brightened, turned or shifted.

    A pair counts when its vectors are nearer than the median pair and its
    pictures correlate at some shift and in one of the eight positions of a
    square. What is coarse, or runs along rows or columns, is taken off first:
    all fields of a coating share its layers. Our convention; a crop of another
    magnification is not found.

    Parameters
    ----------
    vectors : ndarray of float, shape (n, d)
    pictures : ndarray of uint8, shape (n, 64, 64)
        Small grey pictures of the same references.

    Returns
    -------
    list of (int, int)
        In rising order, the first index the lower.
    """
    if len(pictures) < 2:
        return []
    fine = pictures.astype(np.float64)
    fine -= gaussian_filter(fine, (0, _COARSE, _COARSE), mode="reflect")
    for axis in (1, 2):
        fine -= fine.mean(axis=axis, keepdims=True)
    spread = np.sqrt((fine**2).sum(axis=(1, 2)))
    fine /= np.where(spread > 1e-9, spread, 1.0)[:, None, None]
    fine[spread <= 1e-9] = 0
    spectra = np.fft.rfft2(fine)
    found = []
    for a, b in _near(unit(vectors)):
        turned = np.fft.rfft2(_positions(fine[b]))
        if np.fft.irfft2(spectra[a] * turned.conj(), (SIDE, SIDE)).max() >= _SAME:
            found.append((a, b))
    return found


def _near(rows: Floats) -> list[tuple[int, int]]:
    """Pairs worth a look: among the nearest few of either, and nearer than the median pair."""
    distance = 1 - rows @ rows.T
    usual = np.median(distance[np.triu_indices(len(rows), 1)])
    np.fill_diagonal(distance, np.inf)
    few = min(_NEAREST, len(rows) - 1)
    nearest = np.argpartition(distance, few - 1, axis=1)[:, :few]
    pairs = {(min(a, int(b)), max(a, int(b))) for a, row in enumerate(nearest) for b in row}
    return sorted(pair for pair in pairs if distance[pair] <= usual)


def _positions(picture: Floats) -> Floats:
    """The eight positions of a square picture, shape (8, y, x)."""
    turns = np.stack([np.rot90(picture, k) for k in range(4)])
    return np.concatenate([turns, turns[:, :, ::-1]])
