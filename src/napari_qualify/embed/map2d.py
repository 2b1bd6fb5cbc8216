"""A map of vectors: two numbers for each, so that like ones lie together."""

import warnings
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_qualify.errors import EncoderError, UsageError
from napari_qualify.progress import Progress, silent

Method = Literal["pca", "umap"]

UMAP_LEAST = 5
"""Fewest vectors that have neighbours to speak of."""

UMAP_INSTALL = "pip install umap-learn"
NEIGHBOURS = 15


@dataclass(frozen=True, eq=False)
class Map2d:
    """Places of vectors in a plane.

    Attributes
    ----------
    points : ndarray of float64, shape (n, 2)
    method : {'pca', 'umap'}
    explained : (float, float) or None
        Share of the variance along either axis; None for UMAP, whose axes
        mean nothing by themselves.
    """

    points: NDArray[np.float64]
    method: Method
    explained: tuple[float, float] | None

    @property
    def axes(self) -> tuple[str, str]:
        """Names of the two axes."""
        if self.explained is None:
            return "UMAP 1", "UMAP 2"
        first, second = self.explained
        return f"PC 1 ({first:.0%} of variance)", f"PC 2 ({second:.0%})"


def has_umap() -> bool:
    """Whether umap-learn is installed; it is not imported."""
    try:
        version("umap-learn")
    except PackageNotFoundError:
        return False
    return True


def map2d(
    vectors: NDArray[Any],
    method: Method = "pca",
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> Map2d:
    """Lay vectors out in a plane.

    Parameters
    ----------
    vectors : array, shape (n, d)
    method : {'pca', 'umap'}
        PCA keeps the largest differences and is exact; UMAP (McInnes, Healy
        and Melville 2018, arXiv 1802.03426) keeps neighbourhoods by the
        cosine, from the PCA as its start. Distances in UMAP between far
        groups mean little.
    seed : int
        Of UMAP: the same vectors give the same map on one machine.
    progress : callable, optional
        See `napari_qualify.progress`. UMAP itself cannot be interrupted.

    Returns
    -------
    Map2d

    Raises
    ------
    UsageError
        An unknown method, vectors that are not finite, or too few for UMAP.
    EncoderError
        UMAP is not installed.
    """
    values = np.asarray(vectors, dtype=np.float64)
    if values.ndim != 2 or not np.isfinite(values).all():
        raise UsageError(f"a map needs finite vectors of shape (n, d), not {values.shape}")
    if method not in ("pca", "umap"):
        raise UsageError(f"map {method!r} is unknown; use 'pca' or 'umap'")
    report = progress or silent
    report("principal components", 0, 0)
    points, explained = _pca(values)
    if method == "pca":
        return Map2d(points, "pca", explained)
    if not has_umap():
        raise EncoderError(f"UMAP is not installed. Install it with: {UMAP_INSTALL}")
    if len(values) < UMAP_LEAST:
        raise UsageError(
            f"{len(values)} micrographs are too few for UMAP; embed {UMAP_LEAST} or more, or use "
            "the principal components"
        )
    report("UMAP", 0, 0)
    return Map2d(_umap(values, points, seed), "umap", None)


def _pca(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], tuple[float, float]]:
    """Scores on the first two principal components, zero where there are fewer."""
    points = np.zeros((len(values), 2))
    share = [0.0, 0.0]
    if min(values.shape, default=0) > 0 and not np.allclose(values, values[:1], atol=1e-9):
        from sklearn.decomposition import PCA

        many = len(values) > values.shape[1]
        # Exact solvers only: a randomised one would make the map depend on its seed.
        model = PCA(
            n_components=min(2, *values.shape), svd_solver="covariance_eigh" if many else "full"
        )
        found = model.fit_transform(values)
        points[:, : found.shape[1]] = found
        share[: found.shape[1]] = (float(s) for s in model.explained_variance_ratio_)
    return points, (share[0], share[1])


def _umap(
    values: NDArray[np.float64], start: NDArray[np.float64], seed: int
) -> NDArray[np.float64]:
    with warnings.catch_warnings():
        # That the part of it that needs TensorFlow is missing concerns nobody here.
        warnings.simplefilter("ignore", ImportWarning)
        import umap

    scale = float(np.abs(start).max()) or 1.0
    model = umap.UMAP(
        n_components=2,
        n_neighbors=min(NEIGHBOURS, len(values) - 1),
        metric="cosine",
        init=(10 * start / scale).astype(np.float32),
        random_state=seed,
        n_jobs=1,
    )
    return np.asarray(model.fit_transform(values.astype(np.float32)), dtype=np.float64)
