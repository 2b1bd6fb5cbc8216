"""The map: exact principal components, a repeatable UMAP, small and strange inputs."""

import numpy as np
import pytest

from napari_qualify.embed import map2d as module
from napari_qualify.embed.map2d import UMAP_LEAST, has_umap, map2d
from napari_qualify.errors import EncoderError, UsageError


def clusters(count=30, dim=12, seed=0):
    """Three clouds of unit vectors."""
    rng = np.random.default_rng(seed)
    centres = 3 * rng.normal(size=(3, dim))
    vectors = np.concatenate([c + rng.normal(size=(count // 3, dim)) for c in centres])
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("shape", [(30, 12), (9, 40)])
def test_principal_components_are_those_of_the_singular_values(shape):
    vectors = clusters(*shape)
    found = map2d(vectors)
    centred = vectors.astype(float) - vectors.astype(float).mean(axis=0)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    expected = left[:, :2] * values[:2]
    signs = np.sign((expected * found.points).sum(axis=0))
    np.testing.assert_allclose(found.points, signs * expected, atol=1e-10)
    share = values**2 / (values**2).sum()
    assert found.explained == pytest.approx(tuple(share[:2]))
    assert found.axes[0] == f"PC 1 ({share[0]:.0%} of variance)"


def test_the_same_map_every_time():
    vectors = clusters()
    np.testing.assert_array_equal(map2d(vectors).points, map2d(vectors).points)


@pytest.mark.parametrize("shape", [(0, 5), (1, 5), (2, 5), (3, 1), (0, 0)])
def test_few_vectors_have_a_map(shape):
    found = map2d(np.random.default_rng(1).normal(size=shape))
    assert found.points.shape == (shape[0], 2)
    assert np.isfinite(found.points).all() and np.isfinite(found.explained).all()


def test_equal_vectors_lie_on_one_point():
    found = map2d(np.ones((6, 4)))
    np.testing.assert_array_equal(found.points, 0)
    assert found.explained == (0, 0)


@pytest.mark.parametrize("wrong", [np.ones(4), np.full((3, 2), np.nan)])
def test_what_is_no_vector_is_refused(wrong):
    with pytest.raises(UsageError, match="finite vectors"):
        map2d(wrong)


def test_an_unknown_map_is_refused():
    with pytest.raises(UsageError, match="'pca' or 'umap'"):
        map2d(clusters(), "tsne")


def test_without_umap_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setattr(module, "has_umap", lambda: False)
    with pytest.raises(EncoderError, match="pip install umap-learn"):
        map2d(clusters(), "umap")


@pytest.mark.slow
@pytest.mark.skipif(not has_umap(), reason="umap-learn is an extra")
def test_umap_keeps_neighbours_together_and_is_repeatable():
    vectors = clusters(60)
    found = map2d(vectors, "umap", seed=3)
    np.testing.assert_array_equal(found.points, map2d(vectors, "umap", seed=3).points)
    assert found.explained is None and found.axes == ("UMAP 1", "UMAP 2")
    label = np.repeat(np.arange(3), 20)
    distance = np.linalg.norm(found.points[:, None] - found.points, axis=2)
    np.fill_diagonal(distance, np.inf)
    assert (label[distance.argmin(axis=1)] == label).mean() > 0.95


@pytest.mark.skipif(not has_umap(), reason="umap-learn is an extra")
def test_umap_of_too_few_says_how_many():
    with pytest.raises(UsageError, match=f"{UMAP_LEAST} or more"):
        map2d(clusters()[: UMAP_LEAST - 1], "umap")
