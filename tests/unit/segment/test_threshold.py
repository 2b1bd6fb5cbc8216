import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from napari_qualify.errors import Cancelled, SegmentationError, UsageError
from napari_qualify.micrograph import Micrograph
from napari_qualify.segment.phases import Phases
from napari_qualify.segment.regions import merge_small
from napari_qualify.segment.run import Segmenter, segment
from napari_qualify.segment.threshold import ThresholdSegmenter


def three_phases(noise: float = 12.0, side: int = 256) -> tuple[np.ndarray, np.ndarray]:
    """Grey micrograph and its phases 1 to 3 with shares of 3, 67 and 30 %."""
    rng = np.random.default_rng(0)
    base = gaussian_filter(rng.normal(size=(side, side)), 5)
    truth = np.digitize(base, np.quantile(base, [0.03, 0.7])) + 1
    grey = np.array([0, 30, 120, 200])[truth] + rng.normal(0, noise, truth.shape)
    return np.clip(grey, 0, 255).astype(np.uint8), truth


def test_finds_phases_from_dark_to_bright_in_noise() -> None:
    grey, truth = three_phases()
    micrograph = Micrograph(grey, 0.5, "a.tif")
    phases = ThresholdSegmenter().predict(micrograph)
    assert np.mean(phases.labels == truth) > 0.98
    assert phases.names == {1: "pore", 2: "matrix", 3: "carbide"}
    assert (phases.source, phases.image) == (micrograph.content_hash, "a.tif")
    assert phases.pixel_size_um == 0.5
    assert phases.made_by["notes"] == []


@pytest.mark.parametrize("kind", ["uint16", "int16", "float", "rgb"])
def test_the_type_of_the_pixels_does_not_matter(kind: str) -> None:
    grey, truth = three_phases(noise=8)
    pixels = {
        "uint16": grey.astype(np.uint16) * 200,
        "int16": (grey.astype(np.int16) - 128) * 100,
        "float": grey.astype(np.float32) / 255 - 3,
        "rgb": np.stack([grey, grey, grey], -1),
    }[kind]
    phases = ThresholdSegmenter().predict(Micrograph(pixels, None, "x"))
    assert np.mean(phases.labels == truth) > 0.98


def test_colour_counts_by_luminance() -> None:
    pixels = np.zeros((60, 60, 3), np.uint8)
    pixels[:20, :, 2] = 255  # blue is dark, green is bright
    pixels[20:40, :, 0] = 255
    pixels[40:, :, 1] = 255
    segmenter = ThresholdSegmenter(("a", "b", "c"), smoothing_px=0)
    labels = segmenter.predict(Micrograph(pixels, None, "x")).labels
    assert [int(row[0]) for row in (labels[5], labels[30], labels[50])] == [1, 2, 3]


def test_sizes_are_in_micrometres_when_calibrated() -> None:
    grey, _ = three_phases()
    segmenter = ThresholdSegmenter(smoothing_um=1.0, min_area_um2=4.0)
    made = segmenter.predict(Micrograph(grey, 0.5, "x")).made_by
    assert (made["smoothing_used_px"], made["min_area_used_px"]) == (2.0, 16.0)
    made = segmenter.predict(Micrograph(grey, None, "x")).made_by
    assert (made["smoothing_used_px"], made["min_area_used_px"]) == (1.0, 9.0)


def test_what_made_it_is_recorded_as_plain_types() -> None:
    grey, _ = three_phases()
    segmenter = ThresholdSegmenter(smoothing_px=2)
    made = segmenter.predict(Micrograph(grey.astype(np.uint16), None, "x")).made_by
    assert json.loads(json.dumps(made)) == made
    assert made["parameters"]["smoothing_px"] == 2
    assert len(made["thresholds"]) == 2
    assert made["fingerprint"] == segmenter.fingerprint
    assert made["software"].startswith("napari-qualify ")
    assert made["display_limits"][0] < made["display_limits"][1]


def test_fingerprint_follows_every_parameter() -> None:
    variants = [{}, {"phases": ("a", "b")}, {"smoothing_px": 2.0}, {"smoothing_um": 1.0}]
    variants += [{"min_area_px": 1.0}, {"min_area_um2": 1.0}, {"balance": 1.0}]
    variants += [{"thresholds": (9, 99)}]
    assert len({ThresholdSegmenter(**kw).fingerprint for kw in variants}) == len(variants)
    assert ThresholdSegmenter().fingerprint == ThresholdSegmenter().fingerprint


def test_fewer_grey_levels_than_phases_is_an_error_with_a_remedy() -> None:
    two = np.zeros((32, 32), np.uint8)
    two[8:20, 8:20] = 255
    with pytest.raises(SegmentationError, match=r"two.png: 2 grey levels.*at most 2 phases"):
        ThresholdSegmenter().predict(Micrograph(two, None, "two.png"))
    labels = ThresholdSegmenter(("a", "b"), smoothing_px=0).predict(
        Micrograph(two, None, "two.png")
    )
    assert np.array_equal(labels.mask("b"), two == 255)


def test_levels_that_smoothing_removes_are_an_error_too() -> None:
    checks = np.indices((64, 64)).sum(0) % 2 * 2 + 100
    checks[0, 0] = 101
    with pytest.raises(SegmentationError, match="smooth less"):
        ThresholdSegmenter(smoothing_px=8).predict(Micrograph(checks.astype(np.uint8), None, "x"))


def test_a_smoothing_as_wide_as_the_micrograph_is_an_error() -> None:
    grey, _ = three_phases()
    with pytest.raises(SegmentationError, match="as wide as the micrograph"):
        ThresholdSegmenter(smoothing_um=1e6).predict(Micrograph(grey, 1.0, "x"))


def test_an_absent_phase_is_noted() -> None:
    rng = np.random.default_rng(1)
    grey = rng.normal(120, 12, (256, 256))
    grey[100:200, 50:220] += 80
    notes = (
        ThresholdSegmenter(smoothing_px=0)
        .predict(Micrograph(np.clip(grey, 0, 255).astype(np.uint8), None, "x"))
        .made_by["notes"]
    )
    assert notes == ["pore and matrix are one peak of the grey values: one of them may be absent"]


def test_a_rare_phase_is_found_beside_an_uneven_common_one() -> None:
    rng = np.random.default_rng(2)
    light = np.linspace(-25, 25, 300)[:, None]
    grey = 120 + light + rng.normal(0, 8, (300, 300))
    grey[:, 220:] += 80
    pore = np.zeros((300, 300), bool)
    for y, x in rng.integers(10, 200, (8, 2)):
        pore[y : y + 8, x : x + 8] = True
    grey[pore] = 20
    micrograph = Micrograph(np.clip(grey, 0, 255).astype(np.uint8), None, "x")
    found = ThresholdSegmenter().predict(micrograph).mask("pore")
    assert (found & pore).sum() / (found | pore).sum() > 0.8
    # Plain Otsu halves the matrix instead.
    assert ThresholdSegmenter(balance=1).predict(micrograph).mask("pore").mean() > 0.2


def test_given_thresholds_are_used_as_they_are() -> None:
    grey = np.tile(np.arange(256, dtype=np.uint8), (16, 1))
    segmenter = ThresholdSegmenter(thresholds=(10, 99.5), smoothing_px=0, min_area_px=0)
    labels = segmenter.predict(Micrograph(grey, None, "x")).labels[0]
    assert np.bincount(labels).tolist() == [0, 11, 89, 156]
    assert np.all(np.diff(labels.astype(int)) >= 0)


@pytest.mark.parametrize(
    "kwargs",
    [
        {"phases": ("a",)},
        {"phases": "pore"},
        {"phases": ("a", "a")},
        {"phases": ("a", " ")},
        {"phases": tuple("abcdef")},
        {"smoothing_px": -1},
        {"min_area_px": float("nan")},
        {"smoothing_um": float("inf")},
        {"balance": 1.1},
        {"balance": float("nan")},
        {"thresholds": (5,)},
        {"thresholds": (9, 5)},
        {"thresholds": (9, 300)},
        {"thresholds": (9, float("nan"))},
    ],
)
def test_wrong_parameters_are_refused(kwargs: dict) -> None:
    with pytest.raises(UsageError):
        ThresholdSegmenter(**kwargs)


def test_small_regions_go_to_the_phase_around_them() -> None:
    labels = np.full((30, 30), 2, np.uint8)
    labels[:, 20:] = 3
    labels[5, 5] = 1
    labels[10:12, 24:26] = 1
    labels[15:20, 5:10] = 1
    out = merge_small(labels, 9)
    assert out[5, 5] == 2
    assert np.all(out[10:12, 24:26] == 3)
    assert np.array_equal(out == 1, np.pad(np.ones((5, 5), bool), ((15, 10), (5, 20))))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 60))
def test_no_region_under_the_least_area_remains(seed: int, least: int) -> None:
    from skimage.measure import label

    rng = np.random.default_rng(seed)
    labels = rng.integers(1, 4, (24, 20)).astype(np.uint8)
    labels[4:16, 4:16] = 2
    out = merge_small(labels, least)
    areas = np.bincount(label(out, connectivity=1).ravel())[1:]
    assert areas.min() >= least or len(areas) == 1
    assert set(np.unique(out)) <= {1, 2, 3}


def test_the_verb_reads_what_is_no_micrograph_yet(tmp_path) -> None:
    import tifffile

    import napari_qualify as nq

    grey, _ = three_phases(side=64)
    tifffile.imwrite(tmp_path / "a.tif", grey)
    from_file = nq.segment(tmp_path / "a.tif")
    assert from_file.content_hash == segment(Micrograph(grey, None, "a")).content_hash
    assert isinstance(ThresholdSegmenter(), Segmenter)


def test_a_segmenter_must_keep_the_shape() -> None:
    class Halves(ThresholdSegmenter):
        def predict(self, micrograph, progress=None, *, probabilities=False):
            return Phases(np.ones((8, 8), int), self.names)

    with pytest.raises(SegmentationError, match="keep the shape"):
        segment(Micrograph(three_phases()[0], None, "a"), Halves())


def test_it_stops_when_asked() -> None:
    def stop(stage: str, done: int, total: int) -> None:
        if done:
            raise Cancelled

    with pytest.raises(Cancelled):
        segment(Micrograph(three_phases()[0], None, "a"), progress=stop)
