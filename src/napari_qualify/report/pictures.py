"""Thumbnails inside the report: each picture once, used by name many times."""

import base64
import io
import math
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


@dataclass(frozen=True)
class ScaleBar:
    """A round length, and the share of the picture's longest side that it takes.

    Attributes
    ----------
    um : float
        1, 2 or 5 times a power of ten, in micrometres.
    share : float
        In (0, 1).
    """

    um: float
    share: float

    @property
    def label(self) -> str:
        """Length with its unit, for example ``50 \u00b5m``."""
        if self.um >= 1000:
            return f"{self.um / 1000:g} mm"
        return f"{self.um:g} \u00b5m" if self.um >= 1 else f"{self.um * 1000:g} nm"


def scale_bar(
    shape: tuple[int, int] | None, pixel_size_um: float | None, at_most: float = 0.4
) -> ScaleBar | None:
    """Give the longest round length that takes at most a share of the field's width.

    Parameters
    ----------
    shape : (int, int) or None
        Height and width of the field in pixels.
    pixel_size_um : float or None
        None, without calibration, gives None.
    at_most : float
        Largest share of the width.
    """
    if shape is None or pixel_size_um is None:
        return None
    room = at_most * shape[1] * pixel_size_um
    power = 10.0 ** math.floor(math.log10(room))
    um = next(step * power for step in (5, 2, 1) if step * power <= room * (1 + 1e-9))
    return ScaleBar(um, um / (max(shape) * pixel_size_um))
