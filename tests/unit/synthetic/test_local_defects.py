"""Rendered local defects: size, place, contrast, and that all else is equal."""

import numpy as np
import pytest

from napari_qualify.synthetic.local_defects import CONTRAST, Kind, render_local

SMALL = {"shape": (384, 384), "pixel_size_um": 1.0}


@pytest.mark.parametrize("kind", ["pores", "crack"])
def test_a_defect_has_about_its_size_and_place(kind: Kind) -> None:
    made = [render_local(kind, seed, place=(0.3, 0.6), **SMALL) for seed in range(6)]
    assert np.mean([one.extent for one in made]) == pytest.approx(0.01, rel=0.35)
    for one in made:
        y, x = np.argwhere(one.mask).mean(axis=0)
        assert np.hypot(y - 0.3 * 384, x - 0.6 * 384) < 25
        assert one.contrast <= CONTRAST * one.noise
        assert one.distance(y, x) < 25 < one.distance(0.0, 0.0)


@pytest.mark.parametrize("kind", ["pores", "crack"])
def test_only_the_defect_differs_from_the_sound_micrograph(kind: Kind) -> None:
    sound, ill = render_local("none", 5, **SMALL), render_local(kind, 5, **SMALL)
    assert not sound.mask.any() and sound.extent == 0
    assert sound.distance(1.0, 1.0) == float("inf")
    change = ill.image.astype(float) - sound.image
    rows, columns = np.nonzero(ill.mask)
    top, left = max(rows.min() - 6, 0), max(columns.min() - 6, 0)
    box = np.s_[top : rows.max() + 7, left : columns.max() + 7]
    outside = change.copy()
    outside[box] = 0
    assert not outside.any()
    assert -CONTRAST * ill.noise - 1 <= change.min() and change[ill.mask].mean() < -0.3 * ill.noise


def test_a_seed_gives_the_same_micrograph_again() -> None:
    first, again, other = (render_local("crack", seed, **SMALL).image for seed in (3, 3, 4))
    assert (first == again).all() and (first != other).any()


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="'dent'"):
        render_local("dent", 1, **SMALL)  # type: ignore[arg-type]
