"""The renderer: same seed, same picture; phases and verdicts follow the parameters."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_qualify.synthetic.captions import caption, describe
from napari_qualify.synthetic.parameters import CLEAR, CRITERIA, NEAR, Parameters, draw_parameters
from napari_qualify.synthetic.render import PHASE_NAMES, render

SMALL = Parameters(shape=(160, 200), pixel_size_um=1.2)
CARBIDE, DISSOLVED, PORE, CRACK = 1, 2, 3, 4


def test_same_seed_same_bytes() -> None:
    one, two = render(SMALL, 7), render(SMALL, 7)
    assert one.image.tobytes() == two.image.tobytes()
    assert one.phases.tobytes() == two.phases.tobytes()
    assert one.caption == two.caption
    assert render(SMALL, 8).image.tobytes() != one.image.tobytes()


def test_shape_type_and_names() -> None:
    made = render(SMALL, 1)
    assert made.image.shape == made.phases.shape == (160, 200)
    assert made.image.dtype == made.phases.dtype == np.uint8
    assert made.pixel_size_um == 1.2
    assert PHASE_NAMES[CARBIDE] == "carbide" and PHASE_NAMES[PORE] == "pore"
    assert set(np.unique(made.phases)) <= set(PHASE_NAMES)


@settings(max_examples=15, deadline=None)
@given(fraction=st.floats(0.0, 0.1), seed=st.integers(0, 2**32))
def test_pore_area_is_the_fraction(fraction: float, seed: int) -> None:
    made = render(replace(SMALL, pore_fraction=fraction), seed)
    found = (made.phases == PORE).mean()
    assert found == pytest.approx(fraction, abs=3e-4)


@settings(max_examples=15, deadline=None)
@given(fraction=st.floats(0.02, 0.45), seed=st.integers(0, 2**32))
def test_dissolved_share_of_the_carbides(fraction: float, seed: int) -> None:
    made = render(replace(SMALL, dissolved_fraction=fraction, pore_fraction=0.0), seed)
    carbide, dissolved = (np.count_nonzero(made.phases == k) for k in (CARBIDE, DISSOLVED))
    assert dissolved / (carbide + dissolved) == pytest.approx(fraction, abs=0.02)


def test_carbide_content_is_kept_on_average() -> None:
    shares = [
        np.isin(
            render(replace(SMALL, clustering=c, carbide_fraction=0.25), s).phases, (1, 2)
        ).mean()
        for s in range(6)
        for c in (0.1, 0.9)
    ]
    assert np.mean(shares) == pytest.approx(0.25, abs=0.03)


def _emptiness(phases: np.ndarray) -> float:
    """Largest distance to a carbide in pixels: how large the bare matrix is."""
    from scipy.ndimage import distance_transform_edt

    return float(distance_transform_edt(~np.isin(phases, (CARBIDE, DISSOLVED))).max())


def test_clustering_leaves_bare_matrix() -> None:
    field = replace(SMALL, shape=(300, 300))
    even = [_emptiness(render(replace(field, clustering=0.1), s).phases) for s in range(5)]
    grouped = [_emptiness(render(replace(field, clustering=0.9), s).phases) for s in range(5)]
    assert min(grouped) > max(even)


def test_phases_have_the_greys_of_a_back_scattered_image() -> None:
    p = replace(SMALL, dissolved_fraction=0.3, pore_fraction=0.04, cracks=2, uneven_light=0.0)
    made = render(p, 3)
    matrix, carbide, dissolved, pore, crack = (
        made.image[made.phases == k].mean() for k in range(5)
    )
    assert pore < matrix < dissolved < carbide
    assert crack < matrix


def test_brightness_and_contrast_are_the_detectors() -> None:
    made = render(replace(SMALL, brightness=120.0, contrast=35.0, noise=0.0), 2)
    assert made.image.mean() == pytest.approx(120, abs=1.5)
    assert made.image.std() == pytest.approx(35, abs=1.5)


@pytest.mark.parametrize(
    ("name", "value"),
    [("brightness", 150.0), ("contrast", 30.0), ("noise", 6.0), ("blur_px", 1.2)]
    + [("uneven_light", 0.3), ("scratches", 8), ("matrix_contrast", 0.04), ("cell_um", 8.0)],
)
def test_the_camera_does_not_change_the_objects(name: str, value: float) -> None:
    one, two = render(SMALL, 5), render(replace(SMALL, **{name: value}), 5)
    assert np.array_equal(one.phases, two.phases)
    assert not np.array_equal(one.image, two.image)
    assert one.verdicts == two.verdicts


def test_magnification_changes_the_size_in_pixels_only() -> None:
    from skimage.measure import label, regionprops

    def diameter_um(pixel_size_um: float) -> float:
        p = replace(SMALL, clustering=0.0, dissolved_fraction=0.02, pixel_size_um=pixel_size_um)
        p = replace(p, shape=(int(400 / pixel_size_um),) * 2)
        regions = regionprops(label(render(p, 11).phases == CARBIDE))
        return float(np.median([r.equivalent_diameter_area for r in regions])) * pixel_size_um

    assert diameter_um(0.8) == pytest.approx(diameter_um(1.6), rel=0.2)


@given(st.sampled_from(sorted(CRITERIA)), st.floats(0.0, 2.0))
def test_verdict_is_the_threshold(criterion: str, share: float) -> None:
    rule = CRITERIA[criterion]
    p = replace(SMALL, **{rule.parameter: share * rule.threshold})
    value = getattr(p, rule.parameter)
    assert p.verdicts[criterion] == ("accept" if value <= rule.threshold else "reject")
    others = {k: v for k, v in p.verdicts.items() if k != criterion}
    assert others == {k: v for k, v in SMALL.verdicts.items() if k != criterion}


@given(
    st.integers(0, 2**32),
    st.lists(st.sampled_from(["accept", "reject"]), min_size=3, max_size=3),
    st.sets(st.sampled_from(sorted(CRITERIA))),
)
def test_drawn_parameters_have_the_verdicts(seed: int, sides: list[str], near: set[str]) -> None:
    wanted = dict(zip(CRITERIA, sides, strict=True))
    p = draw_parameters(np.random.default_rng(seed), wanted, frozenset(near))
    assert p.verdicts == wanted
    for name, rule in CRITERIA.items():
        value = getattr(p, rule.parameter)
        assert rule.low <= value <= rule.high
        close = abs(value / rule.threshold - 1)
        assert close <= NEAR * 1.0001 if name in near else close >= CLEAR * 0.9999


def test_nuisances_do_not_know_the_verdicts() -> None:
    """The same stream gives the same nuisances whatever is to be shown."""
    wanted = [dict.fromkeys(CRITERIA, side) for side in ("accept", "reject")]
    one, two = (draw_parameters(np.random.default_rng(3), w) for w in wanted)
    deciding = {rule.parameter for rule in CRITERIA.values()}
    for name in Parameters.__dataclass_fields__:
        assert (getattr(one, name) == getattr(two, name)) == (name not in deciding)


def test_words_follow_the_parameters() -> None:
    texts = {
        name: {
            side: {
                describe(replace(SMALL, **{rule.parameter: factor * rule.threshold}), name, seed)
                for factor in factors
                for seed in range(30)
            }
            for side, factors in (("accept", (0.2, 0.9)), ("reject", (1.1, 1.9)))
        }
        for name, rule in CRITERIA.items()
    }
    for sides in texts.values():
        assert len(sides["accept"]) >= 6 and len(sides["reject"]) >= 6
        assert not sides["accept"] & sides["reject"]
    assert describe(SMALL, "porosity", 4) in caption(SMALL, 4)
    assert "crack" in caption(replace(SMALL, cracks=2), 4)
