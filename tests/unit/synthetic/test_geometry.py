import math

import numpy as np
import pytest
from skimage.measure import label

from napari_qualify.synthetic.geometry import Ellipses, Process, rasterise

PLAIN = Process(
    0.001, lambda rng, n: rng.uniform(8, 20, n), lambda rng, n: np.full(n, 1.5), gap=3.0
)


def test_particles_are_as_many_as_said_and_apart_over_the_edges() -> None:
    drawn = PLAIN.draw(np.random.default_rng(0), 500)
    assert len(drawn.y) == 250
    away = np.stack([np.subtract.outer(c, c) for c in (drawn.y, drawn.x)])
    away -= 500 * np.round(away / 500)
    around = drawn.diameter * math.sqrt(1.5) / 2
    least = np.add.outer(around, around) + 3 - np.diag(np.full(250, np.inf))
    assert (np.hypot(*away) >= least).all()


def test_a_regular_pattern_keeps_its_distance_and_clusters_do_not() -> None:
    small = (lambda rng, n: np.full(n, 2.0), lambda rng, n: np.ones(n))
    regular = Process(0.001, *small, gap=1.0, apart=20.0).nearest(500, draws=3)
    random = Process(0.001, *small, gap=1.0).nearest(500, draws=3)
    clustered = Process(0.001, *small, gap=1.0, cluster=(20.0, 6.0)).nearest(500, draws=3)
    assert regular > 20
    assert random == pytest.approx(0.5 / math.sqrt(0.001), rel=0.1)
    assert clustered < 0.7 * random


def test_the_raster_has_the_expected_area_and_number() -> None:
    drawn = PLAIN.draw(np.random.default_rng(1), 500)
    whole = rasterise(drawn, 500, 0.5)
    mask = whole.mask("particle")
    assert mask.mean() == pytest.approx(np.sum(math.pi / 4 * drawn.diameter**2) / 500**2, rel=0.002)
    assert mask.mean() == pytest.approx(PLAIN.means()["area_fraction"], rel=0.1)
    assert label(np.tile(mask, (2, 2))).max() > 3.5 * 250  # edges meet: pieces join


def test_edges_of_the_torus_join() -> None:
    one = [np.array([v]) for v in (0.0, 50.0, 20.0, 1.0, 0.0)]
    mask = rasterise(Ellipses(100, *one), 100, 1.0).mask("particle")
    assert mask[:10].any() and mask[-10:].any() and not mask[20:80].any()
    assert mask.sum() == pytest.approx(math.pi * 100, rel=0.03)


def test_half_the_resolution_shows_the_same() -> None:
    drawn = PLAIN.draw(np.random.default_rng(2), 500)
    fine, coarse = rasterise(drawn, 250, 0.5), rasterise(drawn, 250, 1.0)
    assert (fine.shape, coarse.shape) == ((500, 500), (250, 250))
    blurred = fine.mask("particle").reshape(250, 2, 250, 2).mean((1, 3))
    assert np.abs(blurred - coarse.mask("particle")).mean() < 0.03


def test_known_means_of_disks() -> None:
    disks = Process(0.001, lambda rng, n: np.full(n, 10.0), lambda rng, n: np.ones(n), gap=1.0)
    means = disks.means(n=1000)
    assert means["area_fraction"] == pytest.approx(0.001 * math.pi * 25)
    assert means["mean_free_path"] == pytest.approx((1 - 0.025 * math.pi) / 0.01)
    assert means["circularity"] == means["aspect_ratio"] == pytest.approx(1)
