"""Blends the probabilities of overlapping patches into those of the image."""

import numpy as np
from numpy.typing import NDArray

from napari_qualify.segment import resample
from napari_qualify.segment.tile_grid import Axis

Probabilities = NDArray[np.float32]


class Blend:
    """Takes patches row by row and gives pieces of the image that are finished.

    Kept between the patches: what the last one adds to the next one of its
    row, and what a row of patches adds to the next row, both as wide as the
    transition.

    Parameters
    ----------
    rows, columns : Axis
    parts : tuple of (range, range)
        Rows and columns of patches that will come.
    classes : int

    Attributes
    ----------
    rows_done : int
        Source rows before this one are finished, once a row of patches is.
    """

    def __init__(self, rows: Axis, columns: Axis, parts: tuple[range, range], classes: int) -> None:
        self._rows = rows
        self._columns = columns
        self._last = parts[0][-1], parts[1][-1]
        self._left = columns.start(parts[1][0])
        self._width = columns.stop(parts[1][-1]) - self._left
        self._classes = classes
        self._above: Probabilities | None = None
        self._below: Probabilities | None = None
        self._beside: Probabilities | None = None
        self.rows_done = 0

    def add(self, place: tuple[int, int], patch: Probabilities) -> tuple[int, int, Probabilities]:
        """Take a patch.

        Parameters
        ----------
        place : tuple of int
            Its row and column among the patches.
        patch : ndarray of float32, shape (classes, H, W)
            Not changed.

        Returns
        -------
        y, x : int
            First source pixel of the piece that it finishes.
        probabilities : ndarray of float32, shape (classes, h, w)
        """
        row, column = place
        y, x = self._rows.start(row), self._columns.start(column)
        piece = self._blend_across(column, self._at_source(place, patch))
        piece = self._blend_down(row, x, piece)
        if column == self._last[1]:
            self._above, self._below, self._beside = self._below, None, None
            self.rows_done = y + piece.shape[1]
        return y, x, piece

    def _at_source(self, place: tuple[int, int], patch: Probabilities) -> Probabilities:
        """The part of a patch that has weight, at the image's pixel size; a copy."""
        spans = []
        for axis, k in zip((self._rows, self._columns), place, strict=True):
            spans.append((axis.start(k), axis.stop(k), axis.origins[k]))
        if self._rows.ratio == 1:
            cut = tuple(slice(first - origin, stop - origin) for first, stop, origin in spans)
            return np.array(patch[:, cut[0], cut[1]], np.float32)
        for number, (first, stop, origin) in enumerate(spans):
            axis = (self._rows, self._columns)[number]
            ends = origin, min(axis.model_length, origin + axis.side)
            along = resample.taps(first, stop, 1 / axis.ratio, ends, smooth=False)
            patch = resample.combine(patch, along, origin, number + 1)
        return patch

    def _blend_across(self, column: int, piece: Probabilities) -> Probabilities:
        if self._beside is not None:
            weights = self._columns.fade_in(column)
            shared = piece[:, :, : len(weights)]
            shared *= weights
            shared += self._beside
        if column == self._last[1]:
            return piece
        weights = self._columns.fade_in(column + 1)
        keep = piece.shape[2] - len(weights)
        self._beside = piece[:, :, keep:] * (1 - weights)
        return piece[:, :, :keep]

    def _blend_down(self, row: int, x: int, piece: Probabilities) -> Probabilities:
        here = slice(x - self._left, x - self._left + piece.shape[2])
        if self._above is not None:
            weights = self._rows.fade_in(row)[:, np.newaxis]
            shared = piece[:, : len(weights)]
            shared *= weights
            shared += self._above[:, :, here]
        if row == self._last[0]:
            return piece
        weights = self._rows.fade_in(row + 1)[:, np.newaxis]
        keep = piece.shape[1] - len(weights)
        if self._below is None:
            self._below = np.zeros((self._classes, len(weights), self._width), np.float32)
        np.multiply(piece[:, keep:], 1 - weights, out=self._below[:, :, here])
        return piece[:, :keep]
