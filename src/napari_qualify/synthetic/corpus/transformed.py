"""Structures of heat-treated metals and of cast irons."""

import math

import numpy as np

from napari_qualify.synthetic.canvas import FloatImage
from napari_qualify.synthetic.corpus.metals import lamellar
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
    step,
    turned,
)
from napari_qualify.synthetic.corpus.scene import Kind, Material, Scene, pick


def laths(rng: Rng, shape: Shape) -> Scene:
    """Packets of thin parallel laths inside prior grains."""
    pitch = rng.uniform(14, 60)
    packets = cells(rng, shape, pitch, bend=0.2 * pitch)
    y, x = axes(shape)
    y = y + 1.5 * noise(rng, shape, 6)
    across, along = turned(y, x, packets.random(rng, 0, math.pi))
    period = rng.uniform(2.5, 7) * packets.random(rng, 0.7, 1.4)
    lath = np.floor(across / period)
    grey = np.sin(lath * 78.233 + packets.label * 3.1 + np.floor(along / 23)) * 43758.5453 % 1
    surface = 0.15 + 0.55 * grey + 0.2 * packets.random(rng)
    surface = surface + 0.1 * noise(rng, shape, 1)
    word = pick(
        pitch, (30, "fine lath martensite"), otherwise="packets of laths in prior austenite grains"
    )
    return Scene(np.asarray(surface, np.float32), (word, "needle-like texture"))


def plates(rng: Rng, shape: Shape) -> Scene:
    """Lens-shaped plates that cross at angles, in a light remainder."""
    count = int(rng.integers(25, 130))
    length = np.sort(rng.gamma(2.0, rng.uniform(5, 14), count))[::-1] + 3
    grain = cells(rng, shape, rng.uniform(90, 260))
    found = np.full(shape, -9, np.float32)
    for part in np.array_split(length, 4):
        depth, _ = disks(rng, shape, part * 0.35, aspect=rng.uniform(6, 14), gap=None, angle=None)
        found = np.maximum(found, depth)
    share = step(np.asarray(found, np.float32), 0.8)
    surface = mixed(share, 0.2 + 0.1 * noise(rng, shape, 2), 0.8 + 0.1 * grain.random(rng))
    surface = mixed(step(0.5 - grain.edge), 0.3, surface)
    dark = rng.uniform() < 0.8
    return Scene(
        surface if dark else 1 - surface,
        (
            "plates or needles crossing at angles",
            "retained austenite between them" if dark else "light needles in a dark matrix",
        ),
    )


def widmanstatten(rng: Rng, shape: Shape) -> Scene:
    """Long plates along few directions in large prior grains."""
    pitch = rng.uniform(70, 220)
    prior = cells(rng, shape, pitch, bend=3)
    y, x = axes(shape)
    y, x = y + 1.2 * noise(rng, shape, 9), x + 1.2 * noise(rng, shape, 9)
    colony = cells(rng, shape, rng.uniform(15, 50), stretch=1.5, bend=5)
    turn = prior.random(rng, 0, math.pi) + np.floor(3 * colony.random(rng)) * math.pi / 3
    across, _ = turned(y, x, np.asarray(turn, np.float32))
    plate = bands(across, rng.uniform(5, 15), rng.uniform(0.5, 0.8))
    surface = mixed(plate, 0.85, 0.2 + 0.1 * colony.random(rng))
    surface = mixed(step(rng.uniform(0.5, 3) - prior.edge, 0.8), 0.9, surface)
    return Scene(surface, ("side plates along few directions", "large prior grains"))


def nodules(rng: Rng, shape: Shape) -> Scene:
    """Round dark spheroids, often with light rings, in a matrix."""
    radius = rng.uniform(5, 22)
    count = int(np.clip(rng.uniform(0.04, 0.2) * shape[0] * shape[1] / (3.1 * radius**2), 4, 160))
    sizes = np.sort(np.clip(rng.normal(radius, 0.25 * radius, count), 2.5, None))[::-1]
    depth, _ = disks(rng, shape, sizes, gap=rng.uniform(2, radius))
    depth = depth + 0.4 * noise(rng, shape, 3)
    ring = rng.uniform(0, 1.3) * radius
    pitch = rng.uniform(14, 40)
    matrix = cells(rng, shape, pitch, regular=0.3)
    pearlitic = rng.uniform() < 0.6
    base: FloatImage = np.asarray(0.85 + 0.08 * matrix.random(rng), np.float32)
    base = mixed(step(0.5 - matrix.edge), 0.4, base)
    if pearlitic:
        base = mixed(lamellar(rng, shape, matrix, rng.uniform(2.5, 5), 0.4, 1), 0.3, 0.65)
    halo = step(depth + ring + noise(rng, shape, 5), 1) if pearlitic else 0 * depth
    surface = mixed(np.asarray(halo, np.float32), 0.92, base)
    surface = mixed(step(depth), 0.1 + 0.04 * noise(rng, shape, 2), surface)
    says = ["round graphite nodules"]
    says.append("ferrite rings (bull's eye) in pearlite" if pearlitic else "in a ferritic matrix")
    return Scene(surface, tuple(says))


def flakes(rng: Rng, shape: Shape) -> Scene:
    """Thin bent dark flakes, ends pointed."""
    length = rng.uniform(25, 110)
    count = int(rng.uniform(0.5, 1.6) * 2600 / length * shape[0] * shape[1] / 65536)
    width = rng.uniform(0.8, 3.2)
    paths = [
        curve(
            rng,
            (rng.uniform(-9, shape[0] + 9), rng.uniform(-9, shape[1] + 9)),
            rng.uniform(0, 6.3),
            length * rng.uniform(0.4, 1.6),
            rng.uniform(0.05, 0.25),
        )
        for _ in range(count)
    ]
    away = near_curves(shape, paths)
    share = step(np.asarray(width * (1 + 0.35 * noise(rng, shape, 4)) - away, np.float32), 0.8)
    matrix = cells(rng, shape, rng.uniform(15, 40), regular=0.2)
    base = mixed(lamellar(rng, shape, matrix, rng.uniform(3, 6), 0.4, 1), 0.4, 0.8)
    if rng.uniform() < 0.5:
        base = np.asarray(0.85 + 0.06 * matrix.random(rng), np.float32)
    says = (
        "dark graphite flakes",
        pick(length, (50, "short and fine"), otherwise="long, curved and coarse"),
    )
    return Scene(mixed(share, 0.08, base), says)


def precipitates(rng: Rng, shape: Shape) -> Scene:
    """Small particles inside grains or on their boundaries."""
    radius = rng.uniform(1.2, 4.5)
    count = int(rng.integers(60, 420))
    depth, _ = disks(
        rng, shape, rng.gamma(6, radius / 6, count), gap=None, aspect=rng.choice([1.0, 1.3, 4.0])
    )
    found = cells(rng, shape, rng.uniform(40, 150), bend=2)
    dark = rng.uniform() < 0.65
    base = 0.75 - 0.25 * found.random(rng) if dark else 0.25 + 0.15 * found.random(rng)
    surface = mixed(step(0.7 - found.edge), 0.1 if dark else 0.6, np.asarray(base, np.float32))
    surface = mixed(step(depth), 0.1 if dark else 0.95, surface)
    return Scene(
        surface,
        (
            "many small particles" if count > 180 else "scattered particles",
            "dark on a light matrix" if dark else "bright on a dark matrix",
        ),
    )


def cuboids(rng: Rng, shape: Shape) -> Scene:
    """Rounded squares, aligned, separated by narrow channels."""
    pitch = rng.uniform(9, 26)
    y, x = axes(shape)
    y, x = y + 0.2 * pitch * noise(rng, shape, pitch), x + 0.2 * pitch * noise(rng, shape, pitch)
    across, along = turned(y, x, rng.uniform(0, math.pi))
    row = np.floor(across / pitch)
    along = along + pitch * (np.sin(row * 12.9898) * 43758.5453 % 1) * 0.6
    half = pitch * rng.uniform(0.36, 0.45) * (1 + 0.12 * noise(rng, shape, 0.8 * pitch))
    a, b = np.abs(across % pitch - pitch / 2), np.abs(along % pitch - pitch / 2)
    depth = half - (a**4 + b**4) ** 0.25
    share = step(np.asarray(depth, np.float32))
    surface = mixed(share, 0.3 + 0.05 * noise(rng, shape, 4), 0.8)
    return Scene(
        surface if rng.uniform() < 0.5 else 1 - surface,
        ("cuboidal precipitates in rows", "narrow matrix channels between them"),
    )


def duplex(rng: Rng, shape: Shape) -> Scene:
    """Two phases as bands or islands."""
    scale = rng.uniform(3, 9)
    stretch = rng.uniform(1, 6)
    wide = noise(rng, (shape[0], int(shape[1] / stretch) + 2), scale)
    at = np.clip((np.arange(shape[1]) / stretch).astype(int), 0, wide.shape[1] - 1)
    field = wide[:, at] + 0.15 * noise(rng, shape, 1.5)
    share = step(np.asarray(3 * (field - np.quantile(field, rng.uniform(0.35, 0.65))), np.float32))
    surface = mixed(share, 0.85, 0.35 + 0.03 * noise(rng, shape, 2))
    says = (
        "elongated islands of one phase in the other" if stretch > 2.5 else "islands of two phases",
    )
    return Scene(surface, says)


def spheroidised(rng: Rng, shape: Shape) -> Scene:
    """Tempered or spheroidised: fine light globules on a grey ground."""
    radius = rng.uniform(1.3, 3.5)
    depth, _ = disks(
        rng,
        shape,
        rng.gamma(5, radius / 5, int(rng.integers(250, 600))),
        gap=None,
        aspect=rng.uniform(1, 1.7),
    )
    ground = 0.45 + 0.1 * noise(rng, shape, 1.2) + 0.1 * cells(rng, shape, 40).random(rng)
    surface = mixed(step(depth), 0.9, np.asarray(ground, np.float32))
    return Scene(surface, ("fine globular carbides",))


_MARTENSITIC = (
    Material("quenched steel", "steel, martensite, iron, carbon, quenching, alloy, metal"),
    Material(
        "a medium-carbon steel quenched in water",
        "steel, martensite, iron, carbon, quenching, alloy, metal",
    ),
    Material(
        "a tool steel, quenched and tempered",
        "steel, martensite, iron, carbon, quenching, tempering, alloy, metal",
    ),
)
_PLATES = (
    Material(
        "high-carbon steel quenched from austenite",
        "steel, martensite, austenite, iron, carbon, quenching, alloy, metal",
    ),
    Material(
        "quenched iron-nickel alloy", "martensite, austenite, iron, nickel, quenching, alloy, metal"
    ),
    Material(
        "a quenched copper-aluminium bronze",
        "martensite, bronze, copper, aluminium, quenching, alloy, metal",
        "copper",
    ),
    Material(
        "quenched beta brass", "martensite, brass, copper, zinc, quenching, alloy, metal", "brass"
    ),
)
_DUCTILE = (
    Material(
        "spheroidal graphite cast iron",
        "cast iron, iron, carbon, graphite, ferrite, pearlite, alloy, metal",
    ),
    Material(
        "ductile iron, treated with magnesium",
        "cast iron, iron, carbon, graphite, magnesium, alloy, metal",
    ),
)
_GREY = (
    Material("grey cast iron", "cast iron, iron, carbon, graphite, pearlite, alloy, metal"),
    Material("flake graphite cast iron", "cast iron, iron, carbon, graphite, alloy, metal"),
)

KINDS = (
    Kind(
        "lath martensite",
        laths,
        ("martensite", "lath martensite", "tempered martensite", "bainite and martensite"),
        _MARTENSITIC,
        ("optical", "sem"),
        ("Quenched, the austenite transformed without diffusion.", "Hard and brittle as quenched."),
    ),
    Kind(
        "plate martensite",
        plates,
        (
            "plate martensite",
            "martensite needles",
            "lenticular martensite plates in retained austenite",
        ),
        _PLATES,
        ("optical",),
        (
            "Rapid quenching suppressed diffusion.",
            "Martensite plates formed within the austenite grains.",
        ),
    ),
    Kind(
        "Widmanstatten",
        widmanstatten,
        (
            "a Widmanstatten structure",
            "Widmanstatten ferrite",
            "basket-weave alpha plates in prior beta grains",
        ),
        (
            Material(
                "an overheated low-carbon steel",
                "steel, iron, carbon, ferrite, pearlite, alloy, metal",
            ),
            Material("a titanium alloy, alpha and beta", "titanium, alloy, metal"),
            Material("alpha-beta brass", "brass, copper, zinc, alloy, metal", "brass"),
            Material("weld metal of steel", "steel, weld, iron, ferrite, alloy, metal"),
        ),
        ("optical",),
        ("Cooled fast from a high temperature.",),
    ),
    Kind(
        "nodular graphite",
        nodules,
        ("graphite nodules", "spheroidal graphite", "round graphite spheroids"),
        _DUCTILE,
        ("optical", "optical", "sem"),
        ("Graphite as spheres makes the iron ductile.", "Ferrite surrounds the graphite."),
    ),
    Kind(
        "flake graphite",
        flakes,
        ("graphite flakes", "flake graphite", "dark curved graphite flakes"),
        _GREY,
        ("optical",),
        ("The flakes act as starting points of cracks.",),
    ),
    Kind(
        "precipitates",
        precipitates,
        (
            "fine precipitates",
            "second-phase particles",
            "inclusions and precipitates",
            "carbide particles",
        ),
        (
            Material("an aged aluminium alloy", "aluminium, alloy, metal, precipitate"),
            Material("a nickel alloy", "nickel, alloy, metal, precipitate"),
            Material("a tool steel with carbides", "steel, iron, carbon, carbide, alloy, metal"),
            Material(
                "sensitised stainless steel",
                "stainless steel, austenite, chromium, carbide, alloy, metal",
            ),
            Material("a copper alloy", "copper, alloy, metal, precipitate", "copper"),
        ),
        ("optical", "sem", "tem"),
        ("Age hardening gives such a dispersion.",),
    ),
    Kind(
        "gamma prime",
        cuboids,
        ("cuboidal gamma prime precipitates", "aligned cuboids of gamma prime in gamma"),
        (
            Material(
                "a nickel-base superalloy",
                "nickel, superalloy, aluminium, alloy, metal, precipitate",
            ),
            Material("a single-crystal turbine blade", "nickel, superalloy, alloy, metal"),
        ),
        ("sem", "tem"),
        ("Ordered precipitates strengthen the alloy at high temperature.",),
    ),
    Kind(
        "duplex",
        duplex,
        ("a duplex structure", "islands of two phases", "ferrite and austenite bands"),
        (
            Material(
                "duplex stainless steel",
                "stainless steel, ferrite, austenite, chromium, nickel, alloy, metal",
            ),
            Material("alpha-beta brass", "brass, copper, zinc, alloy, metal", "brass"),
            Material("a titanium alloy", "titanium, alloy, metal"),
            Material("dual-phase steel", "steel, ferrite, martensite, iron, alloy, metal"),
        ),
        ("optical", "sem"),
        (),
    ),
    Kind(
        "spheroidised carbides",
        spheroidised,
        (
            "spheroidised cementite",
            "globular carbides in ferrite",
            "a tempered structure of fine carbides",
        ),
        (
            Material(
                "spheroidised steel",
                "steel, iron, carbon, cementite, ferrite, annealing, alloy, metal",
            ),
            Material(
                "a tempered bearing steel",
                "steel, iron, carbon, martensite, tempering, alloy, metal",
            ),
            Material("tool steel", "steel, iron, carbon, carbide, alloy, metal"),
        ),
        ("optical", "sem"),
        ("Long annealing rounded the carbides.",),
    ),
)
