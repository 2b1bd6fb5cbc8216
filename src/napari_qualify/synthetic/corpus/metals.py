"""Structures of solidified and annealed metals."""

import math

import numpy as np

from napari_qualify.synthetic.canvas import FloatImage
from napari_qualify.synthetic.corpus.patterns import (
    Cells,
    Rng,
    Shape,
    axes,
    bands,
    cells,
    disks,
    mixed,
    noise,
    step,
    stretched,
    turned,
)
from napari_qualify.synthetic.corpus.scene import Scene, pick


def lamellar(
    rng: Rng, shape: Shape, colonies: Cells, period: float, duty: float, bend: float
) -> FloatImage:
    """Stripes with a direction and a spacing per colony, 1 in the phase of share `duty`."""
    y, x = axes(shape)
    y, x = y + bend * noise(rng, shape, 14), x + bend * noise(rng, shape, 14)
    across, _ = turned(y, x, colonies.random(rng, 0, math.pi))
    apparent = period * colonies.random(rng, 0.8, 1.8)  # cut at an angle they look wider
    return bands(np.asarray(across + colonies.random(rng, 0, 50), np.float32), apparent, duty)


def dendrites(rng: Rng, shape: Shape) -> Scene:
    """Trunks with side arms, a direction per grain."""
    primary = rng.uniform(26, 90)
    arm = primary * rng.uniform(0.16, 0.3)
    grains = cells(rng, shape, rng.uniform(1.5, 5) * primary, bend=4)
    y, x = axes(shape)
    y, x = y + 0.05 * primary * noise(rng, shape, 20), x + 0.05 * primary * noise(rng, shape, 20)
    across, along = turned(y, x, grains.random(rng, 0, math.pi))
    row = np.floor(across / primary)
    aside = np.abs(across - (row + 0.5) * primary)
    shift = np.sin(row * 12.9898 + grains.label) * 43758.5453 % 1
    reach = primary * (0.36 + 0.12 * noise(rng, shape, arm))
    trunk = arm * rng.uniform(0.22, 0.35) - aside
    spaced = np.abs((along / arm + shift + 0.4 * np.sign(across % primary - primary / 2)) % 1 - 0.5)
    side = arm * 0.36 * np.clip(1 - aside / np.maximum(reach, 1), 0, 1) ** 0.5 - spaced * arm
    body = np.maximum(trunk, np.where(aside < reach, side, -2)) + 0.12 * arm * noise(rng, shape, 2)
    share = step(np.asarray(body, np.float32), rng.uniform(0.6, 0.2 * arm + 0.7))
    between = (
        mixed(lamellar(rng, shape, grains, rng.uniform(3, 6), 0.5, 1.0), 0.45, 0.1)
        if rng.uniform() < 0.4
        else 0.2 + 0.05 * noise(rng, shape, 3)
    )
    surface = mixed(share, 0.8 + 0.05 * noise(rng, shape, 6), between)
    if rng.uniform() < 0.3:
        surface = 1 - surface
    size = pick(
        primary,
        (40, "fine dendrites"),
        (65, "well-developed dendrites"),
        otherwise="coarse dendrites with clear secondary arms",
    )
    return Scene(surface, (size,))


def cored(rng: Rng, shape: Shape) -> Scene:
    """Soft cellular-dendritic contrast of coring."""
    pitch = rng.uniform(18, 55)
    found = cells(
        rng,
        shape,
        pitch,
        stretch=rng.uniform(1, 2.5),
        angle=rng.uniform(0, math.pi),
        bend=0.18 * pitch,
    )
    fine = noise(rng, shape, 0.12 * pitch)
    core = np.exp(-((found.edge / (rng.uniform(0.15, 0.35) * pitch)) ** 2))
    grains = cells(rng, shape, 4 * pitch, bend=3).random(rng, -0.12, 0.12)
    surface = 0.75 - 0.55 * core + grains + 0.06 * fine
    holes, _ = disks(rng, shape, rng.uniform(1, 4, rng.integers(0, 25)))
    surface = mixed(step(holes), 0.05, surface)
    says = [pick(pitch, (32, "fine cored cells"), otherwise="coarse cored dendrites")]
    if holes.max() > 0:
        says.append("with a little interdendritic porosity")
    return Scene(surface, tuple(says))


def eutectic(rng: Rng, shape: Shape) -> Scene:
    """Alternate lamellae of two phases in colonies."""
    period = rng.uniform(4, 22)
    duty = rng.uniform(0.35, 0.65)
    colonies = cells(rng, shape, rng.uniform(60, 260), bend=rng.uniform(2, 8))
    share = lamellar(rng, shape, colonies, period, duty, rng.uniform(0.3, 2.5))
    surface = mixed(share, 0.8, 0.2)
    if rng.uniform() < 0.5:
        surface = mixed(step(2.5 - colonies.edge, 1.5), rng.uniform(0.1, 0.9), surface)
    word = pick(period, (8, "fine lamellae"), (14, "regular lamellae"), otherwise="coarse lamellae")
    return Scene(surface, (word, "in colonies of different direction"))


def rod_eutectic(rng: Rng, shape: Shape) -> Scene:
    """Coarse irregular eutectic: plates and blobs of one phase in another."""
    scale = rng.uniform(2, 6)
    field = noise(rng, shape, scale) + 0.3 * noise(rng, shape, 3 * scale)
    y, x = axes(shape)
    needles = np.sin(0.8 / scale * (x + 9 * noise(rng, shape, 9)))
    mix = field + rng.uniform(0, 1) * needles
    share = step(np.asarray((mix - np.quantile(mix, rng.uniform(0.5, 0.75))) * scale, np.float32))
    primary, _ = disks(
        rng, shape, rng.uniform(10, 28, rng.integers(4, 22)), gap=3, aspect=rng.uniform(1, 1.8)
    )
    surface = mixed(share, 0.2, 0.8)
    low = rng.uniform(0, 1)
    surface = mixed(step(primary + 2 * noise(rng, shape, 5)), low, surface)
    return Scene(
        surface,
        (
            "rounded primary " + ("light" if low > 0.5 else "dark") + " regions",
            "fine eutectic between them",
        ),
    )


def pearlite(rng: Rng, shape: Shape) -> Scene:
    """Lamellar colonies with some light ferrite at their boundaries."""
    pitch = rng.uniform(45, 130)
    nodules = cells(rng, shape, pitch, bend=4)
    inner = cells(rng, shape, pitch * 0.6, bend=3)
    share = lamellar(rng, shape, inner, rng.uniform(3.2, 9), rng.uniform(0.3, 0.5), 2.0)
    surface = mixed(share, 0.2 + 0.1 * inner.random(rng), 0.75)
    width = rng.uniform(-1, 6)
    surface = mixed(step(width - nodules.edge + noise(rng, shape, 4), 1), 0.92, surface)
    says = ["colonies of lamellar pearlite, plates of cementite in ferrite"]
    if width > 2:
        says.append("with a network of light ferrite at the prior austenite grain boundaries")
    return Scene(surface, tuple(says))


def ferrite_pearlite(rng: Rng, shape: Shape) -> Scene:
    """Light grains and dark unresolved colonies."""
    pitch = rng.uniform(9, 36)
    grains = cells(rng, shape, pitch, stretch=rng.uniform(1, 1.6), regular=0.3, bend=0.08 * pitch)
    share = rng.uniform(0.1, 0.7)
    level = noise(rng, (1, len(grains.points)), 0.5)[0]
    dark = grains.per_cell((level < np.quantile(level, share)).astype(float))
    fine = stretched(noise(rng, shape, 0.9))
    surface = mixed(dark, 0.1 + 0.3 * fine, 0.88 - 0.06 * grains.random(rng))
    surface = mixed(step(0.8 - grains.edge, 0.6), 0.3, surface)
    amount = pick(
        share,
        (0.25, "mostly ferrite, a little pearlite"),
        (0.5, "ferrite grains and pearlite"),
        otherwise="much pearlite, some ferrite",
    )
    return Scene(surface, (amount, pick(pitch, (18, "fine grain"), otherwise="coarse grain")))


def grains(rng: Rng, shape: Shape) -> Scene:
    """Equiaxed grains: etched boundaries, or contrast by orientation."""
    pitch = rng.uniform(12, 80)
    found = cells(
        rng, shape, pitch, regular=rng.uniform(0.1, 0.6), bend=rng.uniform(0, 0.06) * pitch
    )
    contrast = rng.choice([0.05, 0.5, 0.8])
    surface = 0.85 - contrast * found.random(rng)
    line = rng.uniform(0, 1.6) if contrast > 0.1 else rng.uniform(0.7, 2)
    surface = mixed(step(line - found.edge, 0.7), 0.12, surface)
    size = pick(
        pitch,
        (25, "fine equiaxed grains"),
        (45, "equiaxed grains"),
        otherwise="coarse equiaxed grains",
    )
    how = (
        "grains differ in grey by orientation" if contrast > 0.1 else "dark etched grain boundaries"
    )
    return Scene(surface, (size, how))


def twins(rng: Rng, shape: Shape) -> Scene:
    """Annealed grains crossed by straight parallel-sided bands."""
    pitch = rng.uniform(28, 90)
    found = cells(rng, shape, pitch, regular=0.25)
    y, x = axes(shape)
    turn = rng.uniform(0, math.pi, len(found.points))
    across, _ = turned(y - found.per_cell(found.points[:, 0] * 0), x, found.per_cell(turn))
    period = pitch * found.random(rng, 0.35, 1.2)
    twin = bands(across, period, 0.35) * (found.random(rng) < 0.75)
    base, other = found.random(rng, 0.25, 0.95), found.random(rng, 0.15, 0.9)
    surface = mixed(np.asarray(twin, np.float32), other, base)
    surface = mixed(step(rng.uniform(0.4, 1.2) - found.edge, 0.6), 0.15, surface)
    return Scene(
        surface,
        (
            "straight annealing twins inside the grains",
            pick(pitch, (45, "fine grain size"), otherwise="coarse grain size"),
        ),
    )


def deformed(rng: Rng, shape: Shape) -> Scene:
    """Grains drawn out by rolling, with slip lines."""
    pitch = rng.uniform(6, 20)
    angle = rng.normal(0, 0.15)
    found = cells(rng, shape, pitch, stretch=rng.uniform(3, 9), angle=angle, bend=0.2 * pitch)
    surface = 0.85 - rng.uniform(0.1, 0.5) * found.random(rng)
    y, x = axes(shape)
    across, _ = turned(y, x, found.random(rng, 0, math.pi))
    surface -= 0.2 * bands(across, rng.uniform(3, 6), 0.3) * (found.random(rng) < 0.4)
    surface = mixed(step(0.7 - found.edge, 0.6), 0.15, np.asarray(surface, np.float32))
    return Scene(surface, ("grains elongated along the rolling direction", "banded, cold worked"))


def columnar(rng: Rng, shape: Shape) -> Scene:
    """Long grains grown side by side."""
    pitch = rng.uniform(9, 30)
    found = cells(
        rng,
        shape,
        pitch,
        stretch=rng.uniform(6, 16),
        angle=rng.uniform(0, math.pi),
        bend=0.15 * pitch,
    )
    surface = 0.9 - 0.75 * found.random(rng) + 0.04 * noise(rng, shape, 2)
    surface = mixed(step(rng.uniform(-0.5, 0.8) - found.edge), 0.1, surface)
    return Scene(surface, ("columnar grains grown in the direction of heat flow",))


def primary_crystals(rng: Rng, shape: Shape) -> Scene:
    """Faceted blocks in a fine mixture."""
    depth, _ = disks(
        rng,
        shape,
        np.sort(rng.uniform(7, 30, rng.integers(6, 26)))[::-1],
        gap=2,
        aspect=rng.uniform(1, 2.2),
        squareness=rng.uniform(3, 8),
    )
    fine = lamellar(rng, shape, cells(rng, shape, 40, bend=3), rng.uniform(4, 8), 0.35, 2.0)
    light = rng.uniform() < 0.4
    surface = mixed(fine, 0.35, 0.85)
    surface = mixed(step(depth), 0.98 if light else 0.25, surface)
    return Scene(surface, ("faceted primary crystals", "in a fine eutectic matrix"))
