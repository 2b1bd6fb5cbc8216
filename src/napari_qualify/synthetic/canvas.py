"""A micrograph's frame in micrometres, and drawing of small objects in it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

FloatImage = NDArray[np.float32]


@dataclass(frozen=True)
class Canvas:
    """Frame of `shape` (Y, X) pixels of `pixel_size_um` micrometres."""

    shape: tuple[int, int]
    pixel_size_um: float

    @property
    def size_um(self) -> tuple[float, float]:
        """Height and width in micrometres."""
        return (self.shape[0] * self.pixel_size_um, self.shape[1] * self.pixel_size_um)

    def axes_um(self) -> tuple[FloatImage, FloatImage]:
        """Pixel centres, shapes (Y, 1) and (1, X)."""
        y = (np.arange(self.shape[0], dtype=np.float32) + 0.5) * np.float32(self.pixel_size_um)
        x = (np.arange(self.shape[1], dtype=np.float32) + 0.5) * np.float32(self.pixel_size_um)
        return y[:, None], x[None, :]

    def window(
        self, y: float, x: float, reach: float
    ) -> tuple[tuple[slice, slice], FloatImage, FloatImage] | None:
        """The part of the frame within `reach` of a point.

        Returns
        -------
        (slices, dy, dx) or None
            Slices into an image of the frame and the offsets of their pixels
            from the point in micrometres, shapes (h, 1) and (1, w); None when
            the point is too far outside.
        """
        spans = []
        offsets = []
        for centre, count in ((y, self.shape[0]), (x, self.shape[1])):
            first = max(0, int(np.floor((centre - reach) / self.pixel_size_um)))
            last = min(count, int(np.ceil((centre + reach) / self.pixel_size_um)))
            if first >= last:
                return None
            spans.append(slice(first, last))
            at = (np.arange(first, last, dtype=np.float32) + 0.5) * np.float32(self.pixel_size_um)
            offsets.append(at - np.float32(centre))
        return (spans[0], spans[1]), offsets[0][:, None], offsets[1][None, :]

    def coverage(self, depth_um: FloatImage) -> FloatImage:
        """Share of each pixel that an object covers, from the depth inside it."""
        share = np.clip(0.5 + depth_um / np.float32(self.pixel_size_um), 0, 1)
        return np.asarray(share, np.float32)

    def field(self, scale_um: float, rng: np.random.Generator) -> FloatImage:
        """Smooth random field of zero mean and unit deviation.

        Parameters
        ----------
        scale_um : float
            Standard deviation of the Gaussian that correlates it.
        """
        sigma = scale_um / self.pixel_size_um
        step = max(1, int(sigma / 2))  # a coarse field carries the same waves
        rows, columns = (n // step + 3 for n in self.shape)
        white = rng.standard_normal((rows, columns), dtype=np.float32)
        coarse = ndimage.gaussian_filter(white, sigma / step, mode="wrap")
        out = coarse
        if step > 1:
            out = ndimage.zoom(coarse, step, order=1)
        out = out[: self.shape[0], : self.shape[1]]
        return np.asarray((out - out.mean()) / max(float(out.std()), 1e-6), np.float32)
