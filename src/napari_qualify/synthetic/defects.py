"""Pores, cracks and polishing scratches."""

import numpy as np

from napari_qualify.synthetic.canvas import Canvas, FloatImage

PORE_UM = 5.5  # median diameter of a pore
SMALLEST_PORE_UM = 2.0
CRACK_STEP_UM = 4.0


def pores(
    fraction: float, canvas: Canvas, free: FloatImage, rng: np.random.Generator
) -> FloatImage:
    """Depth inside pores that cover `fraction` of the frame.

    Parameters
    ----------
    fraction : float
        Pore area over the area of the frame.
    free : ndarray, shape (Y, X)
        How readily a pore forms at a pixel; 0 where it never does.

    Returns
    -------
    ndarray of float32, shape (Y, X)
        Micrometres, positive inside, -10 far away.
    """
    depth = np.full(canvas.shape, -10.0, np.float32)
    wanted = fraction * depth.size
    weight = free.ravel().cumsum()
    irregular = rng.uniform(0.3, 0.7)  # share of shrinkage pores; the others are gas pores
    while (missing := wanted - np.count_nonzero(depth > 0)) > 0.5:
        left = np.sqrt(missing / np.pi) * canvas.pixel_size_um
        radius = min(PORE_UM / 2 * np.exp(0.35 * rng.standard_normal()), 9.0)
        radius = max(min(radius, left), min(SMALLEST_PORE_UM / 2, left), 0.6 * canvas.pixel_size_um)
        place = int(np.searchsorted(weight, rng.random() * weight[-1]))
        row, column = np.unravel_index(min(place, depth.size - 1), canvas.shape)
        y = (float(row) + rng.random()) * canvas.pixel_size_um
        x = (float(column) + rng.random()) * canvas.pixel_size_um
        found = canvas.window(y, x, 1.8 * radius + 4.0)
        if found is None:
            continue
        where, dy, dx = found
        surface: FloatImage | np.float32 = np.float32(radius)
        if rng.random() < irregular:
            angle = np.arctan2(dy, dx)
            waves = rng.normal(0, 1, 4) * (0.26, 0.18, 0.1, 0.06)
            phases = rng.uniform(0, 2 * np.pi, 4)
            shape = sum(
                w * np.cos(k * angle + s)
                for k, w, s in zip((2, 3, 4, 6), waves, phases, strict=True)
            )
            scale = np.sqrt(1 + float((waves**2).sum()) / 2)  # keeps the area
            surface = (radius * np.clip(1 + shape, 0.25, 1.7) / scale).astype(np.float32)
        own = surface - np.hypot(dy, dx)
        np.maximum(depth[where], own.astype(np.float32), out=depth[where])
    return depth


def cracks(count: int, canvas: Canvas, rng: np.random.Generator) -> FloatImage:
    """Depth inside thin wandering cracks; -10 far away."""
    depth = np.full(canvas.shape, -10.0, np.float32)
    height, width = canvas.size_um
    for _ in range(count):
        y, x = rng.uniform(0.1, 0.9) * height, rng.uniform(0.1, 0.9) * width
        heading = rng.uniform(0, 2 * np.pi)
        trend, turn = heading, 0.0
        length, opening = rng.uniform(80.0, 260.0), rng.uniform(0.5, 0.9)
        steps = int(length / CRACK_STEP_UM)
        for step in range(steps):
            taper = opening * (0.35 + 0.65 * np.sin(np.pi * (step + 0.5) / steps) ** 0.5)
            turn = 0.55 * turn + rng.normal(0, 0.28)
            heading = trend + turn
            dy_step, dx_step = CRACK_STEP_UM * np.sin(heading), CRACK_STEP_UM * np.cos(heading)
            found = canvas.window(y, x, 2 * CRACK_STEP_UM)
            if found is not None:
                where, dy, dx = found
                share = np.clip((dy * dy_step + dx * dx_step) / CRACK_STEP_UM**2, 0, 1)
                own = taper - np.hypot(dy - share * dy_step, dx - share * dx_step)
                np.maximum(depth[where], own.astype(np.float32), out=depth[where])
            y, x = y + dy_step, x + dx_step
    return depth


def scratches(count: int, canvas: Canvas, rng: np.random.Generator) -> FloatImage:
    """Change of grey by straight polishing scratches, mostly along one direction.

    Returns
    -------
    ndarray of float32, shape (Y, X)
        In shares of the full range of grey.
    """
    grey = np.zeros(canvas.shape, np.float32)
    y, x = canvas.axes_um()
    main = rng.uniform(0, np.pi)
    height, width = canvas.size_um
    for _ in range(count):
        angle = main + rng.normal(0, 0.08)
        y0, x0 = rng.uniform(0, height), rng.uniform(0, width)
        across = (y - y0) * np.float32(np.cos(angle)) - (x - x0) * np.float32(np.sin(angle))
        along = (y - y0) * np.float32(np.sin(angle)) + (x - x0) * np.float32(np.cos(angle))
        reach, broad = rng.uniform(60.0, 400.0), rng.uniform(0.35, 0.8)
        depth = rng.choice([-1.0, -1.0, 1.0]) * rng.uniform(0.03, 0.1)
        near = np.abs(across) < 4 * broad
        fade = np.clip((reach - np.abs(along[near])) / 30.0, 0, 1)
        grey[near] += depth * fade * np.exp(-0.5 * (across[near] / broad) ** 2)
    return grey
