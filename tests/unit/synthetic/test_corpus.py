"""The rendered corpus: every class draws, varies, repeats, and is described."""

import time

import numpy as np
import pytest

from napari_qualify.synthetic.corpus import KINDS, example
from napari_qualify.synthetic.corpus.appearance import METHODS, TINTS, photograph
from napari_qualify.synthetic.corpus.patterns import bands, cells, disks, near_curves


@pytest.mark.parametrize("name", KINDS)
def test_a_class_draws_varied_pictures_with_captions(name):
    first, second = example(name, 1, 96), example(name, 2, 96)
    for each in (first, second):
        assert each.image.shape == (96, 96, 3) and each.image.dtype == np.uint8
        assert each.image.std() > 5  # something is to be seen
        assert len(each.captions) == 3 and all(c.strip() and "{" not in c for c in each.captions)
    assert (first.image != second.image).mean() > 0.5


def test_the_seed_decides_everything():
    for name in ("dendrites", "carbide overlay", "spherulites"):
        one, same = example(name, 7, 64), example(name, 7, 64)
        np.testing.assert_array_equal(one.image, same.image)
        assert one.captions == same.captions


def test_rows_are_whole():
    for kind in KINDS.values():
        assert kind.structures and kind.materials and kind.methods
        assert set(kind.methods) <= set(METHODS)
        assert {m.tint for m in kind.materials} <= set(TINTS)
        assert all(m.keywords == m.keywords.strip(", ") for m in kind.materials)


def test_what_the_issue_names_is_there():
    said = " ".join(" ".join(k.structures) + " " + k.name for k in KINDS.values()).lower()
    wanted = (
        "dendrite", "lamella", "grain", "twin", "fibre", "poros", "crack", "precipitate",
        "spheroid", "layer", "powder", "weld bead",
    )  # fmt: skip
    assert [word for word in wanted if word not in said] == []


def test_captions_vary():
    texts = {example("pearlite", seed, 32).captions[0] for seed in range(30)}
    assert len(texts) > 15


def test_a_picture_takes_little_time():
    example("equiaxed grains", 0)
    start = time.process_time()
    for name in list(KINDS)[::4]:
        example(name, 0)
    assert (time.process_time() - start) / len(list(KINDS)[::4]) < 0.3  # 0.03 s on a quiet machine


def test_cells_have_the_pitch_that_was_asked_for():
    found = cells(np.random.default_rng(0), (256, 256), 16.0)
    count = len(np.unique(found.label))
    assert 256**2 / 16**2 * 0.85 < count < 256**2 / 16**2 * 1.35
    assert found.edge.min() >= 0 and (found.edge < 1).mean() < 0.4


def test_bands_have_their_period_and_share():
    position = np.broadcast_to(np.arange(400, dtype=np.float32), (4, 400))
    found = bands(position, 20.0, 0.3)
    assert found.mean() == pytest.approx(0.3, abs=0.02)
    np.testing.assert_allclose(found[:, :-20], found[:, 20:], atol=1e-4)


def test_disks_keep_apart_and_have_their_radius():
    depth, which = disks(np.random.default_rng(0), (200, 200), np.full(20, 8.0), gap=2.0)
    inside = [float((which == i).sum()) for i in np.unique(which[which >= 0])]
    assert max(inside) == pytest.approx(np.pi * 64, rel=0.05)
    assert depth.max() == pytest.approx(8, abs=0.8)


def test_distance_to_a_curve():
    line = np.stack([np.full(50, 10.0), np.arange(50.0)], axis=1)
    away = near_curves((30, 50), [line])
    assert away[10, 20] == 0 and away[25, 20] == 15
    assert near_curves((5, 5), []).min() > 100


def test_electrons_see_no_colour():
    surface = np.random.default_rng(0).random((64, 64)).astype(np.float32)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        picture = photograph(surface, "sem", "brass", rng).astype(int)
        assert np.abs(picture[..., 0] - picture[..., 2]).max() <= 1
    colours = [
        np.ptp(photograph(surface, "optical", "brass", np.random.default_rng(s)).mean((0, 1)))
        for s in range(5)
    ]
    assert max(colours) > 20
