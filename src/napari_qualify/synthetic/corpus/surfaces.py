"""Fracture, cracks, welds, crystal defects, and surfaces as they are found."""

import math

import numpy as np

from napari_qualify.synthetic.corpus.metals import grains
from napari_qualify.synthetic.corpus.patterns import (
    Rng,
    Shape,
    axes,
    bands,
    cells,
    curve,
    disks,
    mixed,
    near_curves,
    noise,
    shaded,
    step,
    stretched,
    turned,
)
from napari_qualify.synthetic.corpus.scene import Scene, pick


def dimples(rng: Rng, shape: Shape) -> Scene:
    """Bowls with bright rims."""
    pitch = rng.uniform(8, 45)
    image = np.zeros(shape, np.float32)
    for share in (1.0, 0.45):
        found = cells(rng, shape, pitch * share, bend=0.15 * pitch, stretch=rng.uniform(1, 1.6))
        rim = np.exp(-found.edge / (0.07 * pitch * share + 0.5))
        bowl = shaded(np.asarray(found.centre**2 / (pitch * share), np.float32), 1.0, 0.6)
        image += share * (0.45 * rim + 0.3 * bowl)
    image = stretched(image + 0.1 * noise(rng, shape, 2 * pitch).astype(np.float32))
    return Scene(image, ("equiaxed dimples", pick(pitch, (18, "fine"), otherwise="large")))


def cleavage(rng: Rng, shape: Shape) -> Scene:
    """Flat facets with river lines."""
    pitch = rng.uniform(28, 100)
    found = cells(rng, shape, pitch, bend=2)
    y, x = axes(shape)
    across, along = turned(y, x, found.random(rng, 0, math.pi))
    bent = across + 0.05 * along * np.sin(along / 40) + 2 * noise(rng, shape, 8)
    river = bands(np.asarray(bent, np.float32), rng.uniform(5, 14), 0.15)
    slope = found.random(rng, 0.2, 0.85)
    surface = slope + 0.35 * river * found.random(rng) + 0.08 * noise(rng, shape, 3)
    surface = mixed(step(0.8 - found.edge), 0.95, np.asarray(surface, np.float32))
    return Scene(surface, ("flat facets", "river lines"))


def intergranular(rng: Rng, shape: Shape) -> Scene:
    """Grains standing out with faces of different light."""
    pitch = rng.uniform(18, 70)
    found = cells(rng, shape, pitch, regular=0.3)
    y, x = axes(shape)
    turn = found.random(rng, 0, 2 * math.pi)
    _, along = turned(y, x, turn)
    middle = found.per_cell(found.points[:, 0] * 0)
    tilt = found.random(rng, 0.15, 0.85) + 0.004 * ((along - middle) % pitch)
    crack = step(np.asarray(rng.uniform(0.3, 1.5) - found.edge, np.float32))
    return Scene(
        mixed(crack, 0.03, np.asarray(tilt, np.float32)), ("grain facets", "rock-candy appearance")
    )


def striations(rng: Rng, shape: Shape) -> Scene:
    """Fine parallel ridges in patches."""
    patches = cells(rng, shape, rng.uniform(50, 160), bend=8)
    y, x = axes(shape)
    y = y + 3 * noise(rng, shape, 18)
    across, _ = turned(y, x, rng.uniform(0, 3) + 0.5 * patches.random(rng, -1, 1))
    ridge = np.sin(2 * math.pi * across / rng.uniform(4, 13))
    surface = 0.5 + 0.2 * ridge + 0.25 * patches.random(rng, -1, 1) + 0.08 * noise(rng, shape, 2)
    return Scene(
        np.asarray(surface, np.float32), ("parallel striations across the crack's direction",)
    )


def cracks(rng: Rng, shape: Shape) -> Scene:
    """Dark branching lines on a plain or granular ground."""
    count = int(rng.integers(1, 7))
    paths = []
    for _ in range(count):
        angle = rng.uniform(0, 2 * math.pi)
        start = tuple(rng.uniform(0, n) for n in shape)
        main = curve(rng, (start[0], start[1]), angle, rng.uniform(60, 330), rng.uniform(0.05, 0.3))
        paths.append(main)
        for _ in range(int(rng.integers(0, 4))):
            at = main[rng.integers(0, len(main))]
            paths.append(
                curve(rng, (at[0], at[1]), angle + rng.normal(0, 0.8), rng.uniform(20, 90), 0.2)
            )
    wide = rng.uniform(0.5, 3)
    depth = wide * (1 + 0.4 * noise(rng, shape, 9)) - near_curves(shape, paths)
    ground = 0.75 + 0.05 * noise(rng, shape, 2)
    if rng.uniform() < 0.5:
        ground = grains(rng, shape).surface * 0.3 + 0.55
    surface = mixed(step(np.asarray(depth, np.float32)), 0.05, np.asarray(ground, np.float32))
    return Scene(
        surface,
        (
            "one crack" if count == 1 else f"{count} cracks",
            pick(wide, (1.2, "fine"), otherwise="wide, open"),
        ),
    )


def crack_network(rng: Rng, shape: Shape) -> Scene:
    """Cracks along boundaries that enclose fields."""
    found = cells(rng, shape, rng.uniform(30, 100), bend=rng.uniform(1, 6), regular=0.2)
    wide = rng.uniform(0.5, 3.5)
    ground = 0.7 + 0.1 * found.random(rng) + 0.06 * noise(rng, shape, 2)
    return Scene(
        mixed(
            step(np.asarray(wide - found.edge, np.float32)), 0.05, np.asarray(ground, np.float32)
        ),
        ("a network of cracks", "mud-crack pattern"),
    )


def weld(rng: Rng, shape: Shape) -> Scene:
    """One fused bead in the base metal, or rows of overlapping ones."""
    y, x = axes(shape)
    base = 0.6 + 0.2 * cells(rng, shape, rng.uniform(8, 20), regular=0.3).random(rng)
    image = np.asarray(base + 0.1 * noise(rng, shape, 3), np.float32)
    height = rng.uniform(20, 70)
    if rng.uniform() < 0.4:
        u = (x - shape[1] / 2) / (shape[1] * rng.uniform(0.7, 1.2))
        pool = shape[0] * rng.uniform(0.4, 0.75) - 8 * height * u**2 - y
        pool = np.asarray(pool + 1.5 * noise(rng, shape, 15), np.float32)
        angle = math.pi / 2 + rng.normal(0, 0.3)
        grown = cells(rng, shape, rng.uniform(4, 9), stretch=7, angle=angle, bend=2)
        image = mixed(step(pool), 0.35 + 0.5 * grown.random(rng), image)
        image = mixed(step(1.2 - np.abs(pool)), 0.15, image)
        return Scene(image, ("fusion line and heat affected zone",))
    width = rng.uniform(50, 180)
    wavy = 1.5 * noise(rng, shape, 15) - y
    for row in range(int(shape[0] / height) + 2):
        u = ((x + rng.uniform(0, width)) % width) / width - 0.5
        pool = (row + 0.7) * height - 3.2 * height * u**2 + wavy
        image = mixed(step(np.asarray(1.2 - np.abs(pool), np.float32)), 0.15, image)
    return Scene(image, ("overlapping beads with arc-shaped boundaries",))


def dislocations(rng: Rng, shape: Shape) -> Scene:
    """Thin dark lines on a grey ground with slow changes."""
    paths = [
        curve(
            rng,
            (rng.uniform(0, shape[0]), rng.uniform(0, shape[1])),
            rng.uniform(0, 6.3),
            rng.uniform(15, 120),
            rng.uniform(0.05, 0.4),
        )
        for _ in range(int(rng.integers(6, 60)))
    ]
    away = near_curves(shape, paths)
    ground = 0.65 + 0.12 * noise(rng, shape, rng.uniform(25, 60)) + 0.03 * noise(rng, shape, 1.5)
    surface = ground - 0.5 * np.exp(-((away / rng.uniform(1, 2.2)) ** 2))
    return Scene(
        np.asarray(surface, np.float32), ("dark lines on a grey background", "bend contours")
    )


def lattice(rng: Rng, shape: Shape) -> Scene:
    """Rows of atoms, with a boundary at times."""
    y, x = axes(shape)
    crystal = cells(rng, shape, rng.uniform(110, 400))
    turn = crystal.random(rng, 0, 3)
    period = rng.uniform(6, 16)
    a, b = turned(y, x, turn)
    c, _ = turned(y, x, turn + rng.choice([math.pi / 2, math.pi / 3]))
    image = np.cos(6.283 * a / period) + rng.uniform(0.2, 1) * np.cos(6.283 * c / period)
    image = image + 0.6 * noise(rng, shape, 1.2) + 0.5 * noise(rng, shape, 30) + 0 * b
    return Scene(stretched(np.asarray(image, np.float32)), ("lattice fringes",))


def etch_pits(rng: Rng, shape: Shape) -> Scene:
    """Small dark pits of one shape and direction."""
    radius = rng.uniform(2.5, 9)
    depth, _ = disks(
        rng,
        shape,
        np.full(int(rng.integers(15, 150)), radius),
        angle=rng.uniform(0, 3),
        squareness=rng.choice([2.0, 6.0]),
        gap=0.0,
    )
    relief = shaded(np.asarray(-np.clip(depth, 0, None), np.float32), 0.8, 1.2)
    surface = mixed(step(depth), relief * 0.7, 0.75 + 0.02 * noise(rng, shape, 4))
    return Scene(surface, ("pits of one shape and orientation",))


def scratches(rng: Rng, shape: Shape) -> Scene:
    """Straight thin lines on a polished surface."""
    main = rng.uniform(0, math.pi)
    paths = []
    for _ in range(int(rng.integers(8, 60))):
        angle = main + (rng.normal(0, 0.08) if rng.uniform() < 0.8 else rng.uniform(0, 3))
        start = (rng.uniform(-60, shape[0]), rng.uniform(-60, shape[1]))
        paths.append(curve(rng, start, angle, rng.uniform(40, 400), 0.002))
    share = step(rng.uniform(0.2, 1.0) - near_curves(shape, paths), 0.9)
    return Scene(
        mixed(share, rng.choice([0.2, 0.95]), 0.65 + 0.04 * noise(rng, shape, 3)),
        ("straight parallel scratches",),
    )


def corrosion(rng: Rng, shape: Shape) -> Scene:
    """Irregular attack from an edge or in pits."""
    y, x = axes(shape)
    across, _ = turned(y, x, rng.uniform(0, 6.3))
    across = across - np.median(across)
    front = (
        across
        + rng.uniform(4, 25) * noise(rng, shape, rng.uniform(6, 25))
        + 6 * noise(rng, shape, 3)
    )
    pit, _ = disks(rng, shape, rng.uniform(2, 14, rng.integers(3, 30)))
    eaten = step(np.asarray(np.maximum(front, pit + 2 * noise(rng, shape, 3)), np.float32))
    product = 0.35 + 0.18 * noise(rng, shape, 2)
    base = 0.85 + 0.03 * noise(rng, shape, 2)
    return Scene(
        mixed(eaten, np.asarray(product, np.float32), np.asarray(base, np.float32)),
        ("irregular attack", "corrosion products on the metal"),
    )


def spherulites(rng: Rng, shape: Shape) -> Scene:
    """Spheres of radial fibrils between crossed polars, in interference colours."""
    pitch = rng.uniform(35, 150)
    found = cells(rng, shape, pitch)
    y, x = axes(shape)
    turn = rng.uniform(0, 0.2)
    dy, dx = _from_points(found, y, x, shape)
    angle = np.arctan2(dy, dx) + 0.12 * noise(rng, shape, 3)
    cross = np.sin(2 * (angle + turn)) ** 2
    ring = 0.5 + 0.5 * np.cos(found.centre / rng.uniform(1.5, 6))
    grey = cross * (0.6 + 0.4 * ring * rng.choice([0, 1]))
    colour = rng.uniform() < 0.6
    surface = _interference(rng, np.asarray(grey, np.float32), angle) if colour else grey
    return Scene(np.asarray(surface, np.float32), ("Maltese crosses", "spherulites that impinge"))


def _from_points(
    found: object, y: np.ndarray, x: np.ndarray, shape: Shape
) -> tuple[np.ndarray, ...]:
    """Offsets of pixels from the middle of their cell."""
    label = found.label.ravel()  # type: ignore[attr-defined]
    present, index = np.unique(label, return_inverse=True)
    n = np.bincount(index)
    means = [np.bincount(index, weights=c.ravel()) / n for c in (y, x)]
    return tuple((c.ravel() - m[index]).reshape(shape) for c, m in zip((y, x), means, strict=True))


def _interference(rng: Rng, grey: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Colours of a retarding plate: hue by direction, brightness by `grey`."""
    phase = rng.uniform(0, 6.3) + 2 * angle
    shifts = rng.permutation([0.0, 2.1, 4.2]) * rng.uniform(0.4, 1)
    rgb = [0.5 + 0.5 * np.sin(phase + s) for s in shifts]
    dark = rng.uniform(0.2, 0.6)
    return np.stack([(dark + (1 - dark) * grey) * c for c in rgb], axis=-1)


def schlieren(rng: Rng, shape: Shape) -> Scene:
    """Brushes of a nematic, or bands of an oriented polymer, in colour."""
    y, x = axes(shape)
    angle = 1.5 * noise(rng, shape, rng.uniform(8, 40))
    for _ in range(int(rng.integers(0, 9))):
        cy, cx = rng.uniform(0, shape[0]), rng.uniform(0, shape[1])
        angle = angle + rng.choice([-0.5, 0.5, 1]) * np.arctan2(y - cy, x - cx)
    banded = rng.uniform() < 0.35
    if banded:
        across, _ = turned(y, x, rng.uniform(0, 3))
        angle = 0.5 * np.sin(across / rng.uniform(2, 6) + 0.6 * noise(rng, shape, 10)) + 0.2 * angle
    grey = np.sin(2 * angle) ** 2
    colour = rng.uniform() < 0.7
    surface = _interference(rng, np.asarray(grey, np.float32), angle) if colour else grey
    return Scene(
        np.asarray(surface, np.float32),
        ("bands across the oriented polymer",) if banded else ("dark brushes", "schlieren texture"),
    )


def blend(rng: Rng, shape: Shape) -> Scene:
    """Two interpenetrating or droplet phases with smooth outlines."""
    size = rng.uniform(2.5, 14)
    wide, narrow = noise(rng, shape, 1.6 * size), noise(rng, shape, size)
    field = narrow - 0.8 * wide
    cut = np.quantile(field, rng.uniform(0.35, 0.75))
    share = step(np.asarray((field - cut) * size, np.float32), rng.uniform(0.7, 3))
    return Scene(mixed(share, 0.8, 0.25), ("smooth rounded domains", "phase separated"))
