"""Tungsten carbides: their sizes, shapes, places and signed distances."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_qualify.synthetic.canvas import Canvas, FloatImage
from napari_qualify.synthetic.parameters import Parameters

FAR_UM = 60.0  # distances are known up to here; also the margin round the frame
GAP_UM = 0.8  # closest approach of two carbides
CLUSTER_PITCH_UM = 160.0  # distance between the centres of clusters


@dataclass(frozen=True)
class Carbide:
    """A convex particle: a disc, or the half-planes ``normals @ p <= offsets``.

    Attributes
    ----------
    y, x, radius : float
        Centre and radius of the circle of equal area, in micrometres.
    normals : ndarray, shape (k, 2)
        Outward normals (y, x); empty for a disc.
    offsets : ndarray, shape (k,)
        Distance of each face from the centre, in micrometres.
    """

    y: float
    x: float
    radius: float
    normals: NDArray[np.float32]
    offsets: NDArray[np.float32]

    @property
    def spherical(self) -> bool:
        """True for a cast particle, False for an angular block."""
        return len(self.offsets) == 0

    def distance(self, dy: FloatImage, dx: FloatImage) -> FloatImage:
        """Signed distance from the surface, negative inside."""
        if self.spherical:
            return np.asarray(np.hypot(dy, dx) - np.float32(self.radius), np.float32)
        out = np.full((dy.shape[0], dx.shape[1]), -np.inf, np.float32)
        for (ny, nx), offset in zip(self.normals, self.offsets, strict=True):
            np.maximum(out, ny * dy + nx * dx - offset, out=out)
        return out


def _block(
    radius: float, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Faces of an angular block with the area of a circle of `radius`."""
    faces = int(rng.integers(4, 8))
    angles = 2 * np.pi * (np.arange(faces) + rng.uniform(-0.3, 0.3, faces)) / faces
    angles += rng.uniform(0, 2 * np.pi)
    stretch, axis = rng.uniform(1.0, 1.7), rng.uniform(0, np.pi)
    reach = np.hypot(stretch * np.cos(angles - axis), np.sin(angles - axis) / stretch)
    normals = np.stack([np.sin(angles), np.cos(angles)], axis=1)
    offsets = reach * rng.uniform(0.75, 1.0, faces)
    grid = np.stack(np.meshgrid(*[np.linspace(-2.5, 2.5, 61)] * 2), axis=-1).reshape(-1, 2)
    area = np.all(grid @ normals.T <= offsets, axis=1).mean() * 25.0
    offsets *= radius * np.sqrt(np.pi / area)
    return normals.astype(np.float32), offsets.astype(np.float32)


def _radii(p: Parameters, area: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Log-normal radii whose discs fill the wanted share of `area`, large first."""
    mean_area = np.pi / 4 * p.carbide_um**2 * np.exp(2 * p.carbide_spread**2)
    count = int(2 * p.carbide_fraction * area / mean_area) + 10
    radii = p.carbide_um / 2 * np.exp(p.carbide_spread * rng.standard_normal(count))
    radii = np.clip(radii, 5.0, 45.0)
    filled = np.cumsum(np.pi * radii**2)
    keep = int(np.searchsorted(filled, p.carbide_fraction * area)) + 1
    return np.sort(radii[:keep])[::-1]


def _cluster_centres(size: tuple[float, float], rng: np.random.Generator) -> NDArray[np.float64]:
    """Jittered lattice of parents on a torus, so that a frame always sees clusters and gaps."""
    counts = [max(1, round(side / CLUSTER_PITCH_UM)) for side in size]
    pitch = np.array(size) / counts
    grid = np.stack(np.meshgrid(*map(np.arange, counts), indexing="ij"), axis=-1).reshape(-1, 2)
    jitter = rng.uniform(-0.18, 0.18, grid.shape) + rng.random(2)
    return np.asarray((grid + jitter) * pitch, np.float64)


def _place(
    radii: NDArray[np.float64], p: Parameters, size: tuple[float, float], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Centres (n, 2) of discs that do not overlap on a torus; NaN where none fitted.

    A clustered carbide takes the candidate closest to its cluster's centre (a
    Neyman-Scott process made dense); any other takes the candidate farthest
    from its neighbours (Mitchell's best candidate, a soft hard-core process),
    from the fewer candidates the more the carbides cluster.
    """
    high = np.array(size)
    parents = _cluster_centres(size, rng)
    # Every share-th carbide, from large to small: clusters hold all sizes.
    clustered = (np.arange(len(radii)) * p.clustering + rng.random()) % 1 < p.clustering
    turn = rng.permutation(len(parents))
    spots = max(2, round(40 * (1 - p.clustering) ** 2))
    centres = np.full((len(radii), 2), np.nan)
    for i, radius in enumerate(radii):
        parent = parents[turn[i % len(parents)]] + 0.05 * CLUSTER_PITCH_UM * rng.standard_normal(2)
        for attempt in range(60):
            if clustered[i]:
                spread = 0.2 * CLUSTER_PITCH_UM * (1 + 0.1 * attempt)
                tries = parent + spread * rng.standard_normal((48, 2))
            else:
                tries = rng.random((spots, 2)) * high
            offset = tries[:, None] - centres[None, :i]
            offset -= high * np.rint(offset / high)  # wrapped: no edge draws carbides to it
            gaps = np.hypot(offset[..., 0], offset[..., 1]) - radii[:i] - radius
            nearest = np.fmin.reduce(gaps, axis=1, initial=FAR_UM)
            fits = nearest >= GAP_UM
            if not fits.any():
                continue
            merit = -np.hypot(*(tries - parent).T) if clustered[i] else nearest
            centres[i] = tries[np.argmax(np.where(fits, merit, -np.inf))] % high
            break
    return centres


def place_carbides(p: Parameters, canvas: Canvas, rng: np.random.Generator) -> list[Carbide]:
    """Draw the carbides of a micrograph and of a margin round it.

    Returns
    -------
    list of Carbide
        In coordinates of the frame, large ones first.
    """
    size = (canvas.size_um[0] + 2 * FAR_UM, canvas.size_um[1] + 2 * FAR_UM)
    radii = _radii(p, size[0] * size[1], rng)
    centres = _place(radii, p, size, rng) - FAR_UM
    none = np.zeros((0, 2), np.float32), np.zeros(0, np.float32)
    carbides = []
    for (y, x), radius in zip(centres, radii, strict=True):
        round_one = rng.random() < p.spherical_share
        faces = none if round_one else _block(float(radius), rng)
        if np.isfinite(y):
            carbides.append(Carbide(float(y), float(x), float(radius), *faces))
    return carbides


def distances(carbides: list[Carbide], canvas: Canvas) -> tuple[FloatImage, NDArray[np.int32]]:
    """Signed distance to the nearest carbide and its index.

    Returns
    -------
    distance : ndarray of float32, shape (Y, X)
        Micrometres, negative inside, at most `FAR_UM`.
    owner : ndarray of int32, shape (Y, X)
        Index into `carbides`; -1 where all are farther than `FAR_UM`.
    """
    distance = np.full(canvas.shape, FAR_UM, np.float32)
    owner = np.full(canvas.shape, -1, np.int32)
    for index, carbide in enumerate(carbides):
        found = canvas.window(carbide.y, carbide.x, 1.6 * carbide.radius + 25.0)
        if found is None:
            continue
        where, dy, dx = found
        own = carbide.distance(dy, dx)
        closer = own < distance[where]
        distance[where][closer] = own[closer]
        owner[where][closer] = index
    return distance, owner
