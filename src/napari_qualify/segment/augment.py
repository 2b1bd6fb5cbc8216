"""Random crops of micrographs for training, changed as microscopes and specimens vary.

Where: any place, turn, mirror image and, within bounds, magnification. How:
brightness, contrast, gamma, uneven light, blur and noise. No shear and no
elastic warp: both would change the shapes that phases are told apart by.
"""

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_qualify.segment.levels import Levels

Turn = Literal["auto", "any", "upright"]
_TILT = math.radians(10)
_LAYERED = 0.25  # share of a phase's variance between rows, or columns, of layered images


@dataclass(frozen=True)
class Augmentation:
    """Bounds of the random changes; deviations are in units of the standardised grey levels.

    Attributes
    ----------
    zoom : float
        Magnification between 1 / zoom and zoom.
    turn : {'auto', 'any', 'upright'}
        ``any`` turns by any angle and mirrors. ``upright`` keeps what is above
        above: it mirrors left and right and tilts by up to 10 degrees.
        ``auto`` is upright where the phases lie in layers, else any.
    contrast, brightness, gamma, shading, noise : float
        Deviation of log contrast, of the offset, of log gamma, amplitude of
        uneven light, largest deviation of noise.
    blur : float
        Largest deviation of a Gaussian blur, in pixels.
    rare : float
        Share of crops around a pixel of a phase drawn with equal chances, so
        that rare phases are seen.
    """

    zoom: float = 1.4
    turn: Turn = "auto"
    contrast: float = 0.4
    brightness: float = 0.5
    gamma: float = 0.2
    shading: float = 0.3
    noise: float = 0.25
    blur: float = 1.0
    rare: float = 0.5


class Crops:
    """Draws training crops; the same seed and step give the same crops.

    Parameters
    ----------
    images : list of ndarray of uint8, shape (Y, X) or (Y, X, 3)
    labels : list of ndarray of int16, shape (Y, X)
        Class indices 0..classes - 1; -1 where there is no truth.
    classes : int
    side : int
        Of the crops, in pixels.
    augmentation : Augmentation
    seed : int
    """

    # scipy, not torch: one thread, so that it runs beside the training step of the crops
    # before without the two fighting for the cores.

    def __init__(
        self,
        images: list[NDArray[np.uint8]],
        labels: list[NDArray[np.int16]],
        classes: int,
        side: int,
        augmentation: Augmentation,
        seed: int,
    ) -> None:
        self.side = side
        if augmentation.turn == "auto":
            augmentation = replace(augmentation, turn="upright" if layered(labels) else "any")
        self.augmentation = augmentation
        self.seed = seed
        self._images = images
        self._labels = labels
        self._levels = [Levels.of(image) for image in images]
        self._places = [
            [np.flatnonzero(each.ravel() == c).astype(np.int32) for c in range(classes)]
            for each in labels
        ]

    def batch(self, size: int, step: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Draw the crops of a step.

        Returns
        -------
        images : ndarray of float32, shape (size, side, side, 3)
            Standardised grey levels.
        labels : ndarray of int64, shape (size, side, side)
            Class indices; -1 for no truth.
        """
        rng = np.random.default_rng([self.seed, step])
        images = np.empty((size, self.side, self.side, 3), np.float32)
        labels = np.empty((size, self.side, self.side), np.int64)
        for i in range(size):
            images[i], labels[i] = self._crop(rng)
        return images, labels

    def _crop(self, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.int16]]:
        number = int(rng.integers(len(self._images)))
        image, labels = self._images[number], self._labels[number]
        matrix = self._turn(rng)
        middle = np.full(2, (self.side - 1) / 2)
        offset = np.array(self._centre(rng, number)) - matrix @ middle
        where: dict[str, Any] = {
            "matrix": matrix,
            "offset": offset,
            "output_shape": (self.side, self.side),
            "mode": "mirror",
        }
        truth = ndimage.affine_transform(labels, order=0, **where)
        channels = [image] if image.ndim == 2 else np.moveaxis(image, 2, 0)
        parts = [
            ndimage.affine_transform(each, order=1, output=np.float32, **where) for each in channels
        ]
        level = self._levels[number]
        picture = (np.stack(parts, axis=-1) - np.float32(level.mean)) / np.float32(level.deviation)
        return self._light(picture, rng), truth

    def _centre(self, rng: np.random.Generator, number: int) -> tuple[float, float]:
        """Row and column of the middle of a crop, in pixels."""
        height, width = self._labels[number].shape
        if rng.random() < self.augmentation.rare:
            there = [places for places in self._places[number] if len(places)]
            if there:
                places = there[rng.integers(len(there))]
                y, x = divmod(int(places[rng.integers(len(places))]), width)
                spread = self.side / 4
                return y + rng.uniform(-spread, spread), x + rng.uniform(-spread, spread)
        margin = self.side / 2
        return _within(rng, height, margin), _within(rng, width, margin)

    def _turn(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """Matrix from the crop's pixels to the image's: turn, mirror image, magnification."""
        a = self.augmentation
        upright = a.turn == "upright"
        angle = rng.uniform(-_TILT, _TILT) if upright else rng.uniform(0, 2 * math.pi)
        scale = math.exp(rng.uniform(-1, 1) * math.log(a.zoom))
        mirror = 1 if rng.random() < 0.5 else -1
        cosine, sine = math.cos(angle) / scale, math.sin(angle) / scale
        return np.array([[cosine, mirror * sine], [-sine, mirror * cosine]])

    def _light(self, picture: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """Change contrast, brightness, gamma, uneven light, blur and noise of (h, w, c)."""
        a = self.augmentation
        if a.blur and rng.random() < 0.3:
            sigma = rng.uniform(0.2, a.blur) if a.blur > 0.2 else a.blur
            picture = ndimage.gaussian_filter(picture, (sigma, sigma, 0), output=np.float32)
        gain, shift = math.exp(rng.normal(0, a.contrast)), rng.normal(0, a.brightness)
        picture = picture * np.float32(gain) + np.float32(shift)
        if a.gamma:
            unit = 1 / (1 + np.exp(-picture))  # in 0..1 without clipping
            power = np.float32(math.exp(rng.normal(0, a.gamma)))
            picture = (picture + 4 * (unit**power - unit)).astype(np.float32)
        if a.shading and rng.random() < 0.5:
            corners = rng.normal(0, a.shading * rng.random(), (3, 3)).astype(np.float32)
            field = ndimage.zoom(corners, [side / 3 for side in picture.shape[:2]], order=3)
            picture = picture + np.asarray(field, np.float32)[..., None]
        if a.noise and rng.random() < 0.5:
            noise = rng.standard_normal(picture.shape, np.float32)
            picture = picture + noise * np.float32(a.noise * rng.random())
        return np.asarray(picture, np.float32)


def layered(labels: list[NDArray[np.int16]]) -> bool:
    """Whether the phases of label images lie in layers, so that above and below differ.

    A coating on its substrate does; a matrix with particles does not. It does
    when, in the median image, the rows or the columns alone explain a quarter
    of the variance of some phase: in structures without a direction they
    explain about the ratio of the phase's grain to the image's side.
    """
    shares = []
    for each in labels:
        found = []
        for value in np.unique(each[each >= 0]):
            mask = each == value
            total = mask.mean() * (1 - mask.mean())
            if total > 0:
                found += [mask.mean(axis).var() / total for axis in (0, 1)]
        shares.append(max(found, default=0.0))
    return bool(np.median(shares) > _LAYERED)


def _within(rng: np.random.Generator, side: int, margin: float) -> float:
    """Random place along a side, away from its ends where there is room."""
    low, high = min(margin, side / 2), max(side - margin, side / 2)
    return float(rng.uniform(low, high)) - 0.5
