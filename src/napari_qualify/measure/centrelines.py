"""Centre lines of thin regions as smooth paths with a length."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label
from skimage.morphology import remove_small_holes, skeletonize

_SMOOTH = 2.0  # pixels, deviation of the Gaussian along the path: removes the staircase
_STEP = 0.25  # pixels, when looking for the tip


@dataclass(frozen=True, eq=False)
class CentreLines:
    """Short straight pieces of the centre lines of a mask, in pixels.

    Attributes
    ----------
    y, x : ndarray of float, shape (n,)
        Middles of the pieces, inside the field.
    length : ndarray of float, shape (n,)
    region : ndarray of int, shape (n,)
        The 8-connected region that a piece belongs to, from 1.
    regions : int
        How many regions there are.
    """

    y: NDArray[np.float64]
    x: NDArray[np.float64]
    length: NDArray[np.float64]
    region: NDArray[np.intp]
    regions: int

    def __len__(self) -> int:
        return len(self.length)


def centre_lines(mask: NDArray[np.bool_]) -> CentreLines:
    """Find the centre lines of the regions of a mask.

    The skeleton (Zhang and Suen 1984, by scikit-image) is cut into paths at its
    junctions. Side branches that stay within the region's own width are dropped,
    and so are holes narrower than that. Chain codes are 8 % too long or, with the
    usual factors, right on average over directions only (Dorst and Smeulders 1987,
    Computer Vision, Graphics, and Image Processing 40, 311-333); the coordinates
    are smoothed along the path instead (Gaussian of 2 pixels or a quarter of the
    opening, whichever is more, ends held). Free ends are prolonged straight to the
    tip of the region. At the field's border the mask is continued outwards and the
    path cut at the border.

    Parameters
    ----------
    mask : ndarray of bool, shape (Y, X)

    Returns
    -------
    CentreLines
        Empty for a mask that is everywhere or nowhere true.
    """
    if not mask.any() or mask.all():
        none = np.zeros(0)
        return CentreLines(none, none, none, np.zeros(0, np.intp), 0)
    half = float(np.median(_to_edge(mask)[_skeleton(mask)]))
    pad = math.ceil(2 * half) + 3
    wide = np.pad(mask, pad, mode="edge")
    wide = _without_holes(wide, math.ceil(4 * half**2))
    distance = _to_edge(wide)
    paths = _pruned(_skeleton(wide), distance)
    sigma = max(_SMOOTH, half / 2)
    pieces = [_pieces(_smoothed(path, sigma, wide, distance), distance) for path in paths]
    y, x, length = (np.concatenate(each) for each in zip(*pieces, strict=True))
    rows = np.clip(np.round(y).astype(np.intp), 0, wide.shape[0] - 1)
    columns = np.clip(np.round(x).astype(np.intp), 0, wide.shape[1] - 1)
    y, x = y - pad, x - pad
    height, width = mask.shape
    inside = (y >= -0.5) & (y < height - 0.5) & (x >= -0.5) & (x < width - 0.5)
    regions, number = label(wide, connectivity=2, return_num=True)  # type: ignore[no-untyped-call]
    region = np.asarray(regions[rows, columns], np.intp)
    return CentreLines(y[inside], x[inside], length[inside], region[inside], int(number))


@dataclass(frozen=True)
class _Path:
    """Pixels (n, 2) of a skeleton between two of its nodes."""

    points: NDArray[np.intp]
    free: tuple[bool, bool]  # whether each end is the end of a line
    closed: bool = False


def _without_holes(mask: NDArray[np.bool_], size: int) -> NDArray[np.bool_]:
    """Mask with holes of up to so many pixels filled, unless nothing else would be left."""
    filled = remove_small_holes(mask, max_size=size, connectivity=1)
    return mask if filled.all() else np.asarray(filled, np.bool_)


def _skeleton(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.asarray(skeletonize(mask), np.bool_)  # type: ignore[no-untyped-call]


def _to_edge(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Distance of the pixels' centres to the edge of the mask."""
    return np.asarray(ndimage.distance_transform_edt(mask), np.float64) - 0.5


def _pruned(skeleton: NDArray[np.bool_], distance: NDArray[np.float64]) -> list[_Path]:
    """Paths of a skeleton without the side branches inside the region's own width."""
    while True:
        paths = _paths(skeleton)
        spurs = [path for path in paths if _is_spur(path, distance)]
        if not spurs:
            return paths
        skeleton = skeleton.copy()
        for path in spurs:
            points = path.points[:-1] if path.free[0] else path.points[1:]
            skeleton[points[:, 0], points[:, 1]] = False


def _is_spur(path: _Path, distance: NDArray[np.float64]) -> bool:
    if path.closed or path.free[0] == path.free[1]:
        return False
    joint = path.points[-1 if path.free[0] else 0]
    tip = path.points[0 if path.free[0] else -1]
    # The corners of a blunt end are farther from its joint than the sides by sqrt(2).
    return math.dist(joint, tip) <= math.sqrt(2) * float(distance[tuple(joint)]) + 1


def _paths(skeleton: NDArray[np.bool_]) -> list[_Path]:
    """Divide a skeleton at its ends and junctions."""
    points = np.argwhere(skeleton)
    start, other = _neighbours(skeleton, points)
    degree = np.diff(start)
    starts, others = start.tolist(), other.tolist()
    seen: set[tuple[int, int]] = set()
    found = []

    def walk(first: int, second: int) -> list[int]:
        line = [first, second]
        while degree[line[-1]] == 2 and line[-1] != first:
            here = line[-1]
            a, b = others[starts[here] : starts[here + 1]]
            line.append(a if b == line[-2] else b)
        seen.update(zip(line[1:], line[:-1], strict=True))
        seen.update(zip(line[:-1], line[1:], strict=True))
        return line

    # First the lines between nodes, then the rings that have no node.
    for wanted in (np.flatnonzero(degree != 2), np.flatnonzero(degree == 2)):
        for node in wanted.tolist():
            if degree[node] == 0:
                found.append(_Path(points[[node]], (True, True)))
            for near in others[starts[node] : starts[node + 1]]:
                if (node, near) not in seen:
                    line = walk(node, near)
                    ends = bool(degree[line[0]] == 1), bool(degree[line[-1]] == 1)
                    found.append(_Path(points[line], ends, line[0] == line[-1]))
    return found


def _neighbours(
    skeleton: NDArray[np.bool_], points: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Neighbours of each pixel as compressed rows; no diagonal beside a corner."""
    number = np.full(np.add(skeleton.shape, 1), -1)  # the last row and column stay empty
    number[points[:, 0], points[:, 1]] = np.arange(len(points))
    y, x = points.T
    pairs = []
    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
        near = number[y + dy, x + dx]
        linked = near >= 0
        if dy and dx:
            linked &= (number[y + dy, x] < 0) & (number[y, x + dx] < 0)
        pairs.append(np.stack([np.flatnonzero(linked), near[linked]]))
    one = np.concatenate(pairs, axis=1)
    both = np.concatenate([one, one[::-1]], axis=1)
    order = np.argsort(both[0], kind="stable")
    start = np.concatenate([[0], np.cumsum(np.bincount(both[0], minlength=len(points)))])
    return start, both[1, order]


def _smoothed(
    path: _Path, sigma: float, mask: NDArray[np.bool_], distance: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Coordinates (m, 2) of a path without its staircase, prolonged to its tips."""
    line = path.points.astype(np.float64)
    if len(line) < 2:
        return line
    if path.closed:
        ring = _low_pass(line[:-1], sigma, "wrap")
        return np.concatenate([ring, ring[:1]])
    # The skeleton turns towards a corner of a blunt end: what lies there goes.
    cut = [int(distance[tuple(path.points[i])]) if path.free[i] else 0 for i in (0, -1)]
    if len(line) > 2 * sum(cut) + 2:
        line = line[cut[0] : len(line) - cut[1]]
    n = min(len(line) - 1, math.ceil(8 * sigma))
    before, after = 2 * line[0] - line[n:0:-1], 2 * line[-1] - line[-2 : -n - 2 : -1]
    line = _low_pass(np.concatenate([before, line, after]), sigma, "nearest")
    line = line[n : len(line) - n]
    back = min(len(line) - 1, math.ceil(2 * sigma))
    tips = [
        _tip(line[i], line[i] - line[j], mask) if free else None
        for i, j, free in ((0, back, path.free[0]), (-1, -1 - back, path.free[1]))
    ]
    ends = [[] if tip is None else [tip[None]] for tip in tips]
    return np.concatenate([*ends[0], line, *ends[1]])


def _low_pass(line: NDArray[np.float64], sigma: float, mode: str) -> NDArray[np.float64]:
    """Gaussian, and again of what it took away: bends keep their height (twicing, Tukey)."""
    once = ndimage.gaussian_filter1d(line, sigma, axis=0, mode=mode)
    return np.asarray(once + ndimage.gaussian_filter1d(line - once, sigma, axis=0, mode=mode))


def _tip(
    start: NDArray[np.float64], along: NDArray[np.float64], mask: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Where a straight line from a point inside the mask leaves it."""
    step = along / max(math.hypot(*along), 1e-9) * _STEP
    reach = np.arange(1, 4 * max(mask.shape))
    walk = start + reach[:, None] * step
    inside = np.round(walk).astype(np.intp)
    held = np.asarray(((inside >= 0) & (inside < mask.shape)).all(axis=1))
    held[held] = mask[inside[held, 0], inside[held, 1]]
    steps = int(np.argmin(held)) if not held.all() else len(held)
    return np.asarray(start + steps * step)


def _pieces(
    line: NDArray[np.float64], distance: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Middles and lengths of the pieces of a path."""
    if len(line) == 1:  # a speck is as long as it is wide
        y, x = line[0]
        return line[:, 0], line[:, 1], np.array([2 * distance[int(y), int(x)]])
    middle = (line[1:] + line[:-1]) / 2
    return middle[:, 0], middle[:, 1], np.hypot(*np.diff(line, axis=0).T)
