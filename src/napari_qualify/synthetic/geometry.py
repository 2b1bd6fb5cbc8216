"""Random disks and ellipses whose statistics are known, drawn into label images.

The geometry is continuous and repeats at the edges of a square (a torus) whose area
is many times the field's. The number on the torus is fixed, not the one in the
field: the field then varies as a piece of an endless section of known density does,
and not because another density was drawn. Sizes and shapes are drawn first and then
placed without touching, each trying until it fits, so that placing does not favour
the small ones.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.special import ellipe

from napari_qualify.segment.phases import Phases

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Floats]
NAMES = {1: "matrix", 2: "particle"}
_TRIES = 10_000
_STEPS = (-1, 0, 1)


@dataclass(frozen=True, eq=False)
class Ellipses:
    """Ellipses on a torus, lengths in micrometres.

    Attributes
    ----------
    period : float
        Side of the torus.
    y, x : ndarray of float, shape (n,)
        Centres.
    diameter, aspect, angle : ndarray of float, shape (n,)
        Equivalent circle diameter, ratio of the axes, radians of the major axis.
    """

    period: float
    y: Floats
    x: Floats
    diameter: Floats
    aspect: Floats
    angle: Floats


@dataclass(frozen=True)
class Process:
    """A way of drawing ellipses at random.

    Attributes
    ----------
    density : float
        Number per square micrometre.
    diameter, aspect : callable
        ``f(rng, n)``: n equivalent diameters in micrometres, n ratios of the axes.
    gap : float
        Least distance between the circles around two particles.
    apart : float
        Least distance between centres, for a regular pattern.
    cluster : tuple of float or None
        Radius of a cluster and expected particles in it, as in the process of
        Matern (1960): cluster centres are Poisson, particles uniform around
        them. None for no clusters.
    """

    density: float
    diameter: Draw
    aspect: Draw
    gap: float
    apart: float = 0.0
    cluster: tuple[float, float] | None = None

    def draw(self, rng: np.random.Generator, period: float) -> Ellipses:
        """Draw on a torus of the given side."""
        centre = self._clusters(rng, period)
        n = round(self.density * period**2) if centre is None else len(centre)
        diameter, aspect = self.diameter(rng, n), self.aspect(rng, n)
        around = diameter * np.sqrt(aspect) / 2
        placed = _Placed(period, max(2 * float(around.max()) + self.gap, self.apart))
        for i in range(n):
            for _ in range(_TRIES):
                place = self._propose(rng, None if centre is None else centre[i], period)
                if placed.fits(place, float(around[i]) + self.gap, self.apart):
                    break
            else:
                raise RuntimeError(f"particle {i} of {n} found no place: the density is too high")
            placed.add(place, float(around[i]))
        y, x = np.array(placed.points).reshape(-1, 2).T
        return Ellipses(period, y, x, diameter, aspect, rng.uniform(0, math.pi, n))

    def _clusters(self, rng: np.random.Generator, period: float) -> Floats | None:
        """Centre of each particle's cluster, shape (n, 2)."""
        if self.cluster is None:
            return None
        clusters = round(self.density * period**2 / self.cluster[1])
        sizes = rng.poisson(self.cluster[1], clusters)
        return np.repeat(rng.uniform(0, period, (clusters, 2)), sizes, axis=0)

    def _propose(
        self, rng: np.random.Generator, centre: Floats | None, period: float
    ) -> tuple[float, float]:
        if centre is None:
            return rng.uniform(0, period), rng.uniform(0, period)
        radius = self.cluster[0] if self.cluster else 0.0
        angle, away = rng.uniform(0, 2 * math.pi), radius * math.sqrt(rng.uniform())
        y, x = centre[0] + away * math.sin(angle), centre[1] + away * math.cos(angle)
        return y % period, x % period

    def means(self, seed: int = 0, n: int = 1_000_000) -> dict[str, float]:
        """Expected values of what does not depend on the arrangement.

        Area fraction, number density, mean and quantiles of the diameter, mean
        aspect ratio and circularity, mean free path. The mean free path of
        convex particles: N_L is the density times the mean width, which is the
        mean perimeter over pi (Cauchy).
        """
        rng = np.random.default_rng(seed)
        diameter, aspect = self.diameter(rng, n), self.aspect(rng, n)
        area = math.pi / 4 * diameter**2
        perimeter = 2 * diameter * np.sqrt(aspect) * ellipe(1 - 1 / aspect**2)
        fraction = self.density * float(area.mean())
        d10, d50, d90 = (float(q) for q in np.quantile(diameter, (0.1, 0.5, 0.9)))
        return {
            "area_fraction": fraction,
            "number_density": self.density,
            "equivalent_diameter": float(diameter.mean()),
            "equivalent_diameter_d10": d10,
            "equivalent_diameter_d50": d50,
            "equivalent_diameter_d90": d90,
            "aspect_ratio": float(aspect.mean()),
            "circularity": float(np.mean(4 * math.pi * area / perimeter**2)),
            "mean_free_path": (1 - fraction) / (self.density * float(perimeter.mean()) / math.pi),
        }

    def nearest(self, period: float, draws: int = 100, seed: int = 0) -> float:
        """Mean distance of nearest neighbours over many draws on the torus."""
        from scipy.spatial import cKDTree

        total, number = 0.0, 0
        for k in range(draws):
            drawn = self.draw(np.random.default_rng([seed, k]), period)
            points = np.column_stack([drawn.y, drawn.x])
            tree = cKDTree(points, boxsize=period)
            total += float(tree.query(points, k=2)[0][:, 1].sum())
            number += len(points)
        return total / number


class _Placed:
    """Circles on a torus, found by cell."""

    def __init__(self, period: float, reach: float) -> None:
        self.period = period
        self.points: list[tuple[float, float]] = []
        self.around: list[float] = []
        self.number = max(1, int(period // reach))  # cells per side, no smaller than the reach
        self.cells: dict[tuple[int, int], list[int]] = {}

    def _cell(self, place: tuple[float, float]) -> tuple[int, int]:
        y, x = (min(int(c / self.period * self.number), self.number - 1) for c in place)
        return y, x

    def fits(self, place: tuple[float, float], around: float, apart: float) -> bool:
        """Whether a circle of radius `around` overlaps none and its centre is `apart`."""
        row, column = self._cell(place)
        rows, columns = ({(at + i) % self.number for i in _STEPS} for at in (row, column))
        for cell in product(rows, columns):
            for k in self.cells.get(cell, ()):
                dy, dx = (abs(a - b) for a, b in zip(place, self.points[k], strict=True))
                away = math.hypot(min(dy, self.period - dy), min(dx, self.period - dx))
                if away < max(self.around[k] + around, apart):
                    return False
        return True

    def add(self, place: tuple[float, float], around: float) -> None:
        """Keep a circle."""
        self.cells.setdefault(self._cell(place), []).append(len(self.points))
        self.points.append(place)
        self.around.append(around)


def rasterise(drawn: Ellipses, field: float, pixel_size_um: float) -> Phases:
    """The part of a torus from its origin to `field` as phases, by pixel centres.

    Parameters
    ----------
    drawn : Ellipses
        Particles over the edges of the torus are drawn on both sides.
    field : float
        Side in micrometres, at most the torus'.
    pixel_size_um : float

    Returns
    -------
    Phases
        1 matrix, 2 particle.
    """
    side = round(field / pixel_size_um)
    labels = np.ones((side, side), np.uint8)
    reach = drawn.diameter * np.sqrt(drawn.aspect) / 2
    for i, far in enumerate(reach):
        for y in _images(drawn.y[i], far, drawn.period, field):
            for x in _images(drawn.x[i], far, drawn.period, field):
                _paint(labels, drawn, i, (y, x), float(far), pixel_size_um)
    return Phases(labels, NAMES, pixel_size_um)


def _images(centre: float, far: float, period: float, field: float) -> list[float]:
    """Positions of a centre, shifted by the period, from which it reaches the field."""
    shifted = (centre - period, centre, centre + period)
    return [c for c in shifted if -far < c < field + far]


def _paint(
    labels: NDArray[np.uint8],
    drawn: Ellipses,
    i: int,
    centre: tuple[float, float],
    far: float,
    pixel: float,
) -> None:
    ranges = [
        np.arange(max(0, math.floor((c - far) / pixel)), min(n, math.ceil((c + far) / pixel) + 1))
        for c, n in zip(centre, labels.shape, strict=True)
    ]
    if not all(map(len, ranges)):
        return
    y = ((ranges[0] + 0.5) * pixel - centre[0])[:, None]
    x = ((ranges[1] + 0.5) * pixel - centre[1])[None]
    sine, cosine = math.sin(drawn.angle[i]), math.cos(drawn.angle[i])
    along, across = x * cosine + y * sine, y * cosine - x * sine
    root = math.sqrt(drawn.aspect[i])
    inside = (along / root) ** 2 + (across * root) ** 2 <= drawn.diameter[i] ** 2 / 4
    part = labels[ranges[0][0] : ranges[0][-1] + 1, ranges[1][0] : ranges[1][-1] + 1]
    part[inside] = 2
