"""Thumbnails inside the report: each picture once, used by name many times."""

import base64
import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 200
"""Longest side of a picture in the report, in pixels."""

QUALITY = 82
"""JPEG quality: about 6 kB a picture, so that 500 micrographs stay near 5 MB."""


@dataclass(frozen=True)
class Picture:
    """A picture of the report.

    Attributes
    ----------
    id : str
        Name of the SVG symbol that holds it.
    width, height : int
        In pixels.
    uri : str
        ``data:image/jpeg;base64,...``.
    """

    id: str
    width: int
    height: int
    uri: str


def picture(name: str, rgb: NDArray[np.uint8], side: int = SIDE) -> Picture:
    """Encode a picture, made smaller when it is larger than `side`.

    Parameters
    ----------
    name : str
        Name of the symbol, a valid identifier.
    rgb : ndarray of uint8, shape (Y, X) or (Y, X, 3)
    side : int
        Longest side in pixels.
    """
    image = Image.fromarray(np.ascontiguousarray(rgb, dtype=np.uint8)).convert("RGB")
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=QUALITY, optimize=True)
    code = base64.b64encode(out.getvalue()).decode("ascii")
    return Picture(name, image.width, image.height, f"data:image/jpeg;base64,{code}")
