"""How far particles go together, and what that does to intervals from blocks.

Blocks that are small beside a cluster of particles see little of its scatter: most
clusters straddle a border. What pairs of particles have in common says how much.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from napari_qualify.measure.correlation import FAR, SHARE, SURE
from napari_qualify.measure.interval import Blocks
from napari_qualify.measure.particles import Floats

_NEAR = 3.0  # distances of neighbours over which particles may go together in any pattern
_STEPS = 24
_PAIRS = 3_000_000  # more are not needed: a field of that many blocks sees its clusters
_AT_ONCE = 200_000  # pairs
_WIDEST = 4.0
# Part of a disk beyond a straight edge, and its square, integrated over the distance
# from the edge in radii.
_CUT = (2 / (3 * math.pi), 0.0681)


@dataclass(frozen=True, eq=False)
class Pattern:
    """Points in a rectangle, in pixels.

    Attributes
    ----------
    y, x : ndarray of float, shape (n,)
    window : tuple of float
        Height and width of the rectangle that holds them.
    reach : float
        Distance over which they go together, see `find_pattern`.
    """

    y: Floats
    x: Floats
    window: tuple[float, float]
    reach: float

    def widening(self, amounts: Floats, blocks: Blocks) -> float:
        """Ratio of the variance of a sum over points to that which blocks show.

        The variance of a sum over a rectangle is that of its points and of its
        pairs of points, less what a uniform density of the same total gives; of
        a pair at lag h, blocks of sides b hold the share (1 - |h_y| / b_y)
        (1 - |h_x| / b_x). Pairs count up to `reach`. This is the integral range
        of `Correlation.widening` for points, through the second moment measure
        (Illian, Penttinen, Stoyan and Stoyan 2008, Statistical Analysis and
        Modelling of Spatial Point Patterns, 4.3).

        Parameters
        ----------
        amounts : ndarray of float, shape (n,)
            What each point adds to the sum, less its share of the mean when the
            sum is one of deviations.
        blocks : Blocks

        Returns
        -------
        float
            0.5 to 4.
        """
        rows, columns = blocks.shape
        height, width = self.window
        block = blocks.rows[-1] / rows, blocks.columns[-1] / columns
        tree = cKDTree(np.column_stack([self.y, self.x]))
        own = float(np.sum(amounts**2))
        whole = parts = own
        pairs = tree.query_pairs(self.reach, output_type="ndarray")
        for some in np.array_split(pairs, len(pairs) // _AT_ONCE + 1):
            dy, dx = (np.abs(at[some[:, 0]] - at[some[:, 1]]) for at in (self.y, self.x))
            product = 2 * amounts[some[:, 0]] * amounts[some[:, 1]]
            inside = (1 - dy / height) * (1 - dx / width)
            held = (1 - dy / block[0]).clip(0) * (1 - dx / block[1]).clip(0)
            whole += float(product.sum())
            parts += float(product @ (held / inside))
        even = float(amounts.sum()) ** 2 / (height * width)
        whole -= even * self._lags(self.window)
        parts -= even * self._lags(block)
        lost = math.pi * self.reach**2 / (height * width)  # to the mean, which is estimated
        if whole <= 0 or parts <= 0:
            return 1.0
        return float(np.clip(whole / (1 - lost) / parts, 0.5, _WIDEST))

    def _lags(self, sides: tuple[float, float]) -> float:
        """Integral over lags up to the reach of the share of pairs that a rectangle holds."""
        lags = np.linspace(-self.reach, self.reach, 101)
        near = np.hypot(lags[:, None], lags[None]) <= self.reach
        share = [(1 - np.abs(lags) / side).clip(0) for side in sides]
        return float(np.sum(np.outer(*share)[near]) * (lags[1] - lags[0]) ** 2)


def find_pattern(y: Floats, x: Floats, window: tuple[float, float]) -> Pattern:
    """Find the distance over which points go together.

    Three times the median distance of nearest neighbours; more when the points
    are clustered: then the distance that holds 90 % of the neighbours in excess
    of a random pattern, by Ripley's K function (1976, Journal of Applied
    Probability 13, 255-266) up to a fifth of the window. Clustered means three
    standard deviations above random at some distance.

    Parameters
    ----------
    y, x : ndarray of float, shape (n,)
        At least 2 points.
    window : tuple of float
        Height and width of the rectangle that holds them.

    Returns
    -------
    Pattern
    """
    n = len(y)
    area = window[0] * window[1]
    tree = cKDTree(np.column_stack([y, x]))
    nearest = tree.query(np.column_stack([y, x]), k=2)[0][:, 1]
    far = FAR * min(window)
    reach = min(_NEAR * float(np.median(nearest)), far)
    radii = np.linspace(far / _STEPS, far, _STEPS)
    neighbours = (tree.count_neighbors(tree, radii) - n) / n
    # Expected in a random pattern, with the edge: the mean share of a disk in the window.
    edge = 1 - 4 / (3 * math.pi) * radii * (1 / window[0] + 1 / window[1])
    disk = math.pi * radii**2 / area
    edge += radii**2 / (2 * math.pi * area)
    excess = neighbours / edge - (n - 1) * disk
    # Of random points: their pairs, and how many of them chance puts near the edge.
    strip = 2 * (window[0] + window[1]) * radii / area
    cut = strip * _CUT[1] - (strip * _CUT[0]) ** 2
    noise = np.sqrt(2 * disk / edge + 4 * n * disk**2 * np.maximum(cut, 0) / edge**2)
    clearest = int(np.argmax(excess / noise))
    if excess[clearest] > SURE * noise[clearest]:
        near = excess[: 2 * clearest + 2]  # beyond, the noise grows and nothing else
        reach = max(reach, float(radii[np.argmax(near >= SHARE * near.max())]))
    most = math.sqrt(2 * _PAIRS * area / math.pi) / n
    return Pattern(y, x, window, max(min(reach, most), 1.0))
