"""What a microscope and a camera make of a drawn surface.

Colour, light, blur, brightness, noise, compression, and the scale bar that is so
often burnt into a micrograph: it comes with any structure, so that nothing can be
learned from it.
"""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from napari_qualify.synthetic.canvas import Canvas, FloatImage
from napari_qualify.synthetic.corpus.patterns import Rng, shaded
from napari_qualify.synthetic.imaging import uneven_light

# Colour of dark and of bright in an optical microscope, as RGB shares.
TINTS: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "neutral": ((0.08, 0.08, 0.08), (0.95, 0.95, 0.95)),
    "brass": ((0.25, 0.15, 0.05), (1.0, 0.9, 0.55)),
    "copper": ((0.25, 0.1, 0.05), (1.0, 0.75, 0.55)),
    "brown": ((0.3, 0.12, 0.05), (1.0, 0.92, 0.8)),
}

METHODS: dict[str, tuple[str, ...]] = {
    "optical": ("optical micrograph", "reflected light micrograph", "light micrograph"),
    "sem": ("scanning electron micrograph", "SEM image", "secondary electron image"),
    "tem": ("transmission electron micrograph", "TEM image"),
    "transmitted": ("transmitted light micrograph", "thin section in transmitted light"),
    "polarised": ("polarised light micrograph", "image between crossed polars"),
}


def photograph(surface: FloatImage, method: str, tint: str, rng: Rng) -> NDArray[np.uint8]:
    """Take the picture of a surface.

    Parameters
    ----------
    surface : ndarray of float32, shape (Y, X) or (Y, X, 3)
    method : str
        A key of `METHODS`.
    tint : str
        A key of `TINTS`; electrons see no colour.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of uint8, shape (Y, X, 3)
    """
    grey = surface.ndim == 2
    if method == "sem" and grey and rng.uniform() < 0.5:
        relief = shaded(ndimage.gaussian_filter(surface, 1), rng.uniform(0, 6.3), 4)
        surface = np.asarray(0.6 * surface + 0.6 * (relief - 0.3), np.float32)
    blur = rng.gamma(1.5, 0.35)
    surface = ndimage.gaussian_filter(surface, (blur, blur) + (0,) * (surface.ndim - 2))
    light = uneven_light(rng.uniform(0, 0.25), Canvas((surface.shape[0], surface.shape[1]), 1), rng)
    surface = surface * (light if grey else light[..., None])
    surface = _exposed(np.asarray(surface, np.float32), rng)
    if grey:
        surface = surface[..., None]
        if method not in ("sem", "tem"):
            surface = _coloured(surface, method, tint, rng)
    spread = rng.gamma(1.5, 0.02 if method in ("sem", "tem") else 0.01)
    surface = surface + spread * rng.standard_normal(surface.shape, dtype=np.float32)
    picture = np.asarray(np.clip(np.rint(255 * surface), 0, 255), np.uint8)
    picture = np.array(np.broadcast_to(picture, (*picture.shape[:2], 3)))
    if rng.uniform() < 0.35:
        _scale_bar(picture, rng)
    return _compressed(picture, rng) if rng.uniform() < 0.6 else picture


def _exposed(surface: FloatImage, rng: Rng) -> FloatImage:
    """Brightness, contrast and gamma as an operator or an automatic sets them."""
    low, high = np.percentile(surface[::3, ::3], (1, 99))
    scaled = np.clip((surface - low) / max(float(high - low), 1e-3), 0, 1.2)
    black, white = rng.uniform(0, 0.25), rng.uniform(0.65, 1.0)
    return np.asarray(black + (white - black) * scaled ** rng.uniform(0.6, 1.6), np.float32)


def _coloured(surface: FloatImage, method: str, tint: str, rng: Rng) -> FloatImage:
    """Colour of the material, of the etchant's film and of the lamp."""
    kept = tint
    if tint == "neutral" or rng.uniform() < 0.3:  # many are taken or printed in grey
        kept = "neutral" if rng.uniform() < 0.75 else str(rng.choice(["brown", "brass"]))
    dark, bright = (np.asarray(c, np.float32) for c in TINTS[kept])
    picture = dark * (1 - surface) + bright * surface if kept != "neutral" else surface
    if method == "transmitted" or rng.uniform() < 0.3:
        picture = picture * rng.uniform(0.8, 1.1, 3).astype(np.float32)
    return np.asarray(picture, np.float32)


def _scale_bar(picture: NDArray[np.uint8], rng: Rng) -> None:
    """A bar in a lower corner with blocks where its label would be."""
    height, width = picture.shape[:2]
    ink = int(rng.choice([0, 255]))
    long, thick = int(rng.uniform(0.1, 0.35) * width), int(rng.integers(2, 6))
    y = height - int(rng.uniform(0.03, 0.1) * height) - thick
    x = int(rng.uniform(0.02, 0.08) * width)
    x = x if rng.uniform() < 0.5 else width - long - x
    if rng.uniform() < 0.5:
        picture[max(0, y - 16) : y + thick + 6, max(0, x - 6) : x + long + 6] = 255 - ink
    picture[y : y + thick, x : x + long] = ink
    for k in range(int(rng.integers(3, 6))):
        at = x + 4 + 7 * k
        glyph = rng.uniform(size=(8, 5)) < 0.55
        picture[y - 12 : y - 4, at : at + 5][glyph[:, : max(0, min(5, width - at))]] = ink


def _compressed(picture: NDArray[np.uint8], rng: Rng) -> NDArray[np.uint8]:
    """Saved and opened again as JPEG."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=int(rng.integers(45, 96)))
    return np.asarray(Image.open(stream).convert("RGB"))
