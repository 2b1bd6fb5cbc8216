"""Fibres, particles, porous bodies, powders and layers."""

import math

import numpy as np
from scipy import ndimage

from napari_qualify.synthetic.canvas import FloatImage
from napari_qualify.synthetic.corpus.patterns import (
    Rng,
    Shape,
    axes,
    cells,
    disks,
    mixed,
    noise,
    shaded,
    step,
    stretched,
    turned,
)
from napari_qualify.synthetic.corpus.scene import Scene, pick


def fibre_sections(rng: Rng, shape: Shape) -> Scene:
    """Cut ends of fibres in a matrix."""
    radius = rng.uniform(5, 22)
    fraction = rng.uniform(0.25, 0.75)
    count = int(np.clip(fraction * shape[0] * shape[1] / (math.pi * radius**2), 6, 420))
    depth, which = disks(
        rng,
        shape,
        np.clip(rng.normal(radius, 0.07 * radius, count), 2, None),
        gap=0.3,
        aspect=rng.choice([1.0, 1.0, 1.5]),
        angle=rng.uniform(0, 3),
    )
    light = rng.uniform() < 0.75
    grey = rng.uniform(-0.08, 0.08, count + 1)[which]
    surface = mixed(
        step(depth), np.asarray(0.85 + grey, np.float32), 0.3 + 0.04 * noise(rng, shape, 3)
    )
    if rng.uniform() < 0.4:
        void, _ = disks(rng, shape, rng.uniform(2, 8, rng.integers(1, 10)), aspect=1.4)
        surface = mixed(step(np.minimum(void, -depth)), 0.02, surface)
    words = (
        "circular fibre sections",
        pick(fraction, (0.45, "low fibre content"), otherwise="densely packed fibres"),
    )
    return Scene(surface if light else 1 - surface, words)


def fibre_lengths(rng: Rng, shape: Shape) -> Scene:
    """Fibres that lie in the plane, aligned."""
    width = rng.uniform(4, 18)
    y, x = axes(shape)
    angle = rng.uniform(0, math.pi)
    y = y + rng.uniform(0, 4) * noise(rng, shape, 30)
    across, along = turned(y, x, angle)
    row = np.floor(across / width).astype(int)
    row = row - row.min()
    half = width / 2 * rng.uniform(0.55, 1.0, row.max() + 1)[row]
    inside = half - np.abs(across % width - width / 2)
    round_off = np.sqrt(np.clip(1 - (1 - inside / half) ** 2, 0, 1))
    broken = (np.sin(row * 78.2 + np.floor(along / rng.uniform(60, 300)) * 3.7) * 43758.5 % 1) < 0.9
    share = step(np.asarray(np.where(broken, inside, -3), np.float32))
    grey = rng.uniform(0.45, 0.95, row.max() + 1)[row] * (0.4 + 0.6 * round_off)
    surface = mixed(share, np.asarray(grey, np.float32), 0.15 + 0.08 * noise(rng, shape, 2))
    return Scene(surface, ("fibres aligned in one direction", "long parallel fibres"))


def woven(rng: Rng, shape: Shape) -> Scene:
    """Plain weave of tows."""
    pitch = rng.uniform(24, 70)
    y, x = axes(shape)
    across, along = turned(y, x, rng.normal(0, 0.2))
    across = across + 1.5 * noise(rng, shape, 20)
    i, j = np.floor(across / pitch), np.floor(along / pitch)
    over = (i + j) % 2 == 0
    u = np.where(over, across % pitch, along % pitch) / pitch - 0.5
    v = np.where(over, along % pitch, across % pitch) / pitch - 0.5
    filament = np.sin(np.where(over, across, along) * rng.uniform(1.2, 2.4) + noise(rng, shape, 4))
    height = np.sqrt(np.clip(1 - 3.2 * u**2, 0, 1)) * np.cos(2.2 * v)
    surface = 0.15 + 0.6 * height + 0.12 * filament + 0.1 * over
    return Scene(np.asarray(surface, np.float32), ("tows crossing over and under", "plain weave"))


def particles(rng: Rng, shape: Shape) -> Scene:
    """Angular reinforcement in a matrix."""
    radius = rng.uniform(5, 20)
    count = int(rng.uniform(0.1, 0.5) * shape[0] * shape[1] / (3.1 * radius**2))
    sizes = np.sort(np.clip(rng.normal(radius, 0.4 * radius, count), 2, None))[::-1]
    bent = rng.uniform(0.05, 0.2) * radius
    depth, _ = disks(
        rng,
        shape,
        sizes,
        aspect=rng.uniform(1, 1.8),
        squareness=rng.uniform(2.5, 9),
        gap=rng.uniform(-2, 3),
    )
    share = step(depth + bent * noise(rng, shape, 0.3 * radius))
    dark = rng.uniform() < 0.5
    surface = mixed(share, 0.3, 0.85 + 0.03 * noise(rng, shape, 2))
    return Scene(
        surface if dark else 1 - surface,
        (
            "angular particles",
            pick(count * radius**2 / 2e4, (0.35, "widely spaced"), otherwise="densely dispersed"),
        ),
    )


def cemented(rng: Rng, shape: Shape) -> Scene:
    """Contiguous angular grains with a little binder."""
    pitch = rng.uniform(9, 32)
    found = cells(rng, shape, pitch, regular=0.2)
    binder = step(np.asarray(rng.uniform(0.3, 0.14 * pitch) - found.edge, np.float32))
    surface = mixed(binder, 0.1, 0.55 + 0.4 * found.random(rng))
    return Scene(surface, ("angular grains", "a thin binder phase between them"))


def pores(rng: Rng, shape: Shape) -> Scene:
    """Round gas pores in an otherwise plain section."""
    radius = rng.uniform(2, 14)
    count = int(rng.integers(6, 130))
    depth, _ = disks(
        rng, shape, rng.gamma(2.5, radius / 2.5, count) + 1, gap=1.0, aspect=rng.uniform(1, 1.5)
    )
    irregular = rng.uniform() < 0.4
    if irregular:
        depth = depth + 0.35 * radius * noise(rng, shape, 0.4 * radius + 1)
    ground = 0.8 + 0.04 * noise(rng, shape, 2) + 0.05 * cells(rng, shape, 40).random(rng)
    surface = mixed(step(depth), 0.05, np.asarray(ground, np.float32))
    amount = pick(
        float((depth > 0).mean()),
        (0.02, "a few isolated pores"),
        (0.1, "much porosity"),
        otherwise="severe porosity",
    )
    return Scene(surface, (amount, "irregular shrinkage voids" if irregular else "round gas pores"))


def sintered(rng: Rng, shape: Shape) -> Scene:
    """Grains in relief that touch, with voids between."""
    pitch = rng.uniform(9, 40)
    found = cells(rng, shape, pitch, regular=0.35, bend=0.05 * pitch)
    dome = np.sqrt(np.clip(found.edge, 0, 0.3 * pitch)) * math.sqrt(pitch)
    relief = shaded(np.asarray(dome + 2 * noise(rng, shape, 2), np.float32), 0.8, 0.35)
    surface = 0.2 + 0.6 * relief + 0.25 * found.random(rng)
    hole = found.per_cell((rng.uniform(size=len(found.points)) < rng.uniform(0, 0.3)).astype(float))
    surface = mixed(
        np.asarray(hole, np.float32) * step(found.edge - 1), 0.05, np.asarray(surface, np.float32)
    )
    return Scene(
        surface, ("grains in relief", "partly sintered, open pores" if hole.any() else "dense")
    )


def foam(rng: Rng, shape: Shape) -> Scene:
    """Cells with walls, open or closed."""
    pitch = rng.uniform(22, 90)
    found = cells(rng, shape, pitch, regular=rng.uniform(0.1, 0.5), bend=0.06 * pitch)
    wall = rng.uniform(0.05, 0.2) * pitch
    depth = found.edge - wall / 2 + 0.02 * pitch * noise(rng, shape, 4)
    solid = 1 - step(np.asarray(depth, np.float32), 1)
    inside = 0.08 + 0.35 * np.clip(found.edge / pitch, 0, 1) * rng.uniform(0, 1) * found.random(rng)
    surface = mixed(solid, 0.75 + 0.15 * noise(rng, shape, 5), np.asarray(inside, np.float32))
    return Scene(
        surface,
        (
            "thin cell walls" if wall < 0.1 * pitch else "thick cell walls",
            pick(pitch, (40, "small cells"), otherwise="large cells"),
        ),
    )


def wood(rng: Rng, shape: Shape) -> Scene:
    """Rows of lumens with rays, as in a cross-section of wood."""
    pitch = rng.uniform(8, 26)
    y, x = axes(shape)
    y, x = y + 2 * noise(rng, shape, 20), x + 2 * noise(rng, shape, 20)
    across, along = turned(y, x, rng.choice([0.0, math.pi / 2]) + rng.normal(0, 0.1))
    ring = 0.5 + 0.5 * np.sin(along / rng.uniform(20, 90))
    row = np.floor(across / pitch)
    shift = np.sin(row * 12.9898) * 43758.5453 % 1 * pitch
    a = np.abs(across % pitch - pitch / 2)
    b = np.abs((along + shift) % (1.4 * pitch) - 0.7 * pitch) / 1.4
    half = pitch * (0.42 - 0.22 * ring)
    depth = half - (a**3 + b**3) ** (1 / 3)
    surface = mixed(step(np.asarray(depth, np.float32)), 0.92, 0.3)
    vessel, _ = disks(rng, shape, rng.uniform(1.5, 3.2, rng.integers(0, 9)) * pitch, aspect=1.2)
    surface = mixed(step(vessel), 0.95, mixed(step(vessel + 3), 0.25, surface))
    inverted = rng.uniform() < 0.4
    return Scene(
        1 - surface if inverted else surface,
        ("rows of hollow cells", "vessels" if vessel.max() > 0 else "tracheids and growth rings"),
    )


def concrete(rng: Rng, shape: Shape) -> Scene:
    """Stones of many sizes in a paste."""
    sizes = np.sort(rng.gamma(1.3, rng.uniform(5, 11), int(rng.integers(40, 160))) + 2)[::-1]
    depth, which = disks(rng, shape, sizes, aspect=1.4, squareness=rng.uniform(2.2, 4), gap=1)
    depth = depth + 0.8 * noise(rng, shape, 3)
    grey = rng.uniform(0.25, 1.0, len(sizes) + 1)[which]
    stone = np.asarray(grey + 0.07 * noise(rng, shape, 2), np.float32)
    surface = mixed(step(depth), stone, 0.45 + 0.09 * noise(rng, shape, 1))
    return Scene(surface, ("grains of many sizes and greys in a fine matrix",))


def powder(rng: Rng, shape: Shape) -> Scene:
    """Overlapping lit spheres on a dark ground."""
    radius = rng.uniform(7, 32)
    count = int(rng.uniform(0.4, 1.6) * shape[0] * shape[1] / (3.1 * radius**2))
    image: FloatImage = np.full(shape, 0.08, np.float32)
    aspect = rng.choice([1.0, 1.0, 1.6])
    for part in np.array_split(np.sort(rng.gamma(4, radius / 4, count) + 2), 4):
        depth, which = disks(rng, shape, part, gap=None, aspect=aspect)
        size = np.append(part, 1.0)[which]
        rim = np.clip(1 - depth / np.maximum(size, 1), 0, 1)
        lit = 0.45 + 0.45 * rim**3 + 0.1 * rng.uniform(-1, 1, len(part) + 1)[which]
        edge = step(depth)
        image = mixed(edge, np.asarray(lit, np.float32), image * (1 - 0.5 * step(depth + 3, 3)))
    says = (
        "spherical particles" if aspect == 1 else "irregular particles",
        "with satellites" if radius > 18 else "loose powder",
    )
    return Scene(np.asarray(image + 0.03 * noise(rng, shape, 1.5), np.float32), says)


def layers(rng: Rng, shape: Shape) -> Scene:
    """Substrate, one to four coatings, mount."""
    count = int(rng.integers(1, 5))
    y, x = axes(shape)
    angle = rng.normal(0, 0.08) + rng.choice([0, 0, math.pi / 2])
    across, _ = turned(y, x, angle)
    across = across - across.min()
    bounds = np.sort(rng.uniform(0.12, 0.88, count + 1)) * float(across.max())
    greys = rng.permutation(np.linspace(0.2, 0.95, count + 2))
    surface = np.full(shape, greys[0], np.float32)
    surface += 0.05 * noise(rng, shape, 1) * rng.choice([0, 1])
    for bound, grey in zip(bounds, greys[1:], strict=True):
        line = bound + rng.uniform(0.3, 5) * noise(rng, shape, rng.uniform(5, 30))
        texture = rng.uniform(0, 0.1) * noise(rng, shape, rng.uniform(1, 4))
        surface = mixed(step(np.asarray(across - line, np.float32)), grey + texture, surface)
    if rng.uniform() < 0.5:
        hole, _ = disks(rng, shape, rng.uniform(1, 4, 30), aspect=2, angle=-angle)
        inside = (across > bounds[0]) & (across < bounds[-1])
        surface = mixed(step(hole) * inside, 0.05, surface)
    return Scene(
        np.asarray(surface, np.float32),
        (
            "one layer on the substrate" if count == 1 else f"{count} layers",
            "seen in cross-section",
        ),
    )


def splats(rng: Rng, shape: Shape) -> Scene:
    """Flattened splats of a thermal spray, with pores and oxide between."""
    found = cells(
        rng, shape, rng.uniform(6, 16), stretch=rng.uniform(3, 7), angle=rng.normal(0, 0.1), bend=5
    )
    surface = 0.8 - 0.3 * found.random(rng)
    surface = mixed(
        step(0.5 - found.edge + 0.5 * noise(rng, shape, 5)), 0.2, np.asarray(surface, np.float32)
    )
    hole, _ = disks(rng, shape, rng.uniform(1, 6, 25), aspect=1.8)
    surface = mixed(step(hole + noise(rng, shape, 2)), 0.03, surface)
    return Scene(surface, ("flattened splats", "oxide and pores between them"))


def scale(rng: Rng, shape: Shape) -> Scene:
    """A rough lit surface of flaky or knobbly grains."""
    size = rng.uniform(1.5, 8)
    height = noise(rng, shape, size) * size + noise(rng, shape, 3 * size) * 2 * size
    height = height + 0.5 * ndimage.gaussian_filter(noise(rng, shape, 1), 1)
    surface = stretched(shaded(np.asarray(height, np.float32), rng.uniform(0, 6.3), 0.7))
    return Scene(
        0.15 + 0.7 * surface + 0.1 * stretched(np.asarray(height, np.float32)),
        ("a rough, uneven surface",),
    )
