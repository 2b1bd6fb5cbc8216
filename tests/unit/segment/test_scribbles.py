from dataclasses import replace

import numpy as np
import pytest

from napari_qualify.errors import Cancelled, SegmentationError, UsageError
from napari_qualify.micrograph import Micrograph
from napari_qualify.segment.model_folder import load_segmenter, read_model
from napari_qualify.segment.run import Segmenter
from napari_qualify.segment.scribble_model import ScribbleSegmenter
from napari_qualify.segment.scribbles import FeatureStore, train_scribbles

TWO = {1: "matrix", 2: "carbide"}
THREE = {**TWO, 3: "pore"}


def agreement(segmenter, micrograph, truth, **more):
    return np.mean(segmenter.predict(micrograph, **more).labels == truth + 1)


@pytest.fixture(scope="module")
def learned(field, stroke):
    """Trained on a field of 160 pixels with small patches, so that there are several."""
    micrograph, truth = field(0, side=160, grain=8)
    segmenter = train_scribbles([(micrograph, stroke(truth))], TWO)
    return replace(segmenter, tile=64, overlap=32)


def test_two_phases_from_a_few_strokes(field, stroke):
    micrograph, truth = field(0, side=160, grain=8)
    strokes = stroke(truth)
    assert 0 < np.mean(strokes > 0) < 0.02
    segmenter = train_scribbles([(micrograph, strokes)], TWO)
    assert isinstance(segmenter, Segmenter)
    assert agreement(segmenter, micrograph, truth) > 0.95
    other, its_truth = field(7, side=160, grain=8, gain=0.6, offset=40)
    assert agreement(segmenter, other, its_truth) > 0.93
    phases = segmenter.predict(micrograph, probabilities=True)
    assert phases.names == TWO and phases.source == micrograph.content_hash
    assert phases.uncertainty()[phases.labels != truth + 1].mean() > phases.uncertainty().mean()
    images = segmenter.record["training"]["images"]
    assert images == [
        {
            "name": "f0.tif",
            "sha256": micrograph.content_hash,
            "painted_px": int((strokes > 0).sum()),
        }
    ]


def test_three_phases_and_their_shares(field, stroke):
    micrograph, truth = field(1, side=160, grain=8, third=True)
    segmenter = train_scribbles([(micrograph, stroke(truth, number=25))], THREE)
    assert agreement(segmenter, micrograph, truth) > 0.95
    shares = segmenter.record["training"]["estimated_shares"]
    for value, name in THREE.items():
        assert shares[name] == pytest.approx(np.mean(truth == value - 1), abs=0.05)
    assert sum(shares.values()) == pytest.approx(1)


def test_many_strokes_of_one_phase_do_not_drown_the_other(field, stroke):
    micrograph, truth = field(1, side=160, grain=8)
    strokes = stroke(truth)
    strokes[:80][truth[:80] == 0] = 1  # half of the matrix
    segmenter = train_scribbles([(micrograph, strokes)], TWO)
    counts = segmenter.record["training"]["pixels"]
    assert counts["matrix"] > 50 * counts["carbide"]
    found = segmenter.predict(micrograph).labels
    assert np.mean(found[truth == 1] == 2) > 0.9


def test_several_images_each_with_its_light(field, stroke):
    first, one = field(0, side=160, grain=8)
    second, two = field(1, side=160, grain=8, gain=0.4, offset=100)
    only_matrix, only_carbide = stroke(one), stroke(two)
    only_matrix[only_matrix == 2] = 0
    only_carbide[only_carbide == 1] = 0
    segmenter = train_scribbles([(first, only_matrix), (second, only_carbide)], TWO)
    assert agreement(segmenter, first, one) > 0.93
    assert agreement(segmenter, second, two) > 0.93


def test_what_is_missing_is_said(field, stroke):
    micrograph, truth = field(0, grain=8)
    strokes = stroke(truth)
    pair = (micrograph, strokes)
    with pytest.raises(UsageError, match="two or more named phases with values from 1 up"):
        train_scribbles([pair], {0: "matrix", 1: "carbide"})
    with pytest.raises(UsageError, match="two or more named phases"):
        train_scribbles([pair], {1: "matrix"})
    with pytest.raises(SegmentationError, match="no stroke of pore, crack; paint some"):
        train_scribbles([pair], {**THREE, 4: "crack"})
    with pytest.raises(SegmentationError, match="no stroke of matrix, carbide"):
        train_scribbles([], TWO)
    with pytest.raises(SegmentationError, match=r"strokes of shape \(96, 95\) on an image of"):
        train_scribbles([(micrograph, strokes[:, :95])], TWO)


def test_a_value_without_a_name_is_not_learned(field, stroke):
    micrograph, truth = field(0, grain=8)
    strokes = stroke(truth)
    more = strokes.copy()
    more[:20, :20] = 9
    more[strokes > 0] = strokes[strokes > 0]
    one, two = (train_scribbles([(micrograph, each)], TWO) for each in (strokes, more))
    assert np.array_equal(one.weights, two.weights)


def test_a_region_equals_the_whole(learned, field):
    micrograph = field(3, side=160, grain=8)[0]
    whole = learned.predict(micrograph, probabilities=True)
    for y, x, h, w in ((0, 0, 160, 160), (37, 61, 70, 40), (150, 3, 10, 20)):
        part = learned.predict(micrograph, region=(y, x, h, w), probabilities=True)
        cut = np.s_[y : y + h, x : x + w]
        assert np.array_equal(part.labels, whole.labels[cut])
        assert np.array_equal(part.probabilities, whole.probabilities[:, cut[0], cut[1]])


@pytest.mark.parametrize("limit", [1 << 30, 3_000_000, 0])
def test_the_store_makes_no_difference(learned, field, stroke, limit):
    micrograph, truth = field(3, side=160, grain=8)
    strokes = stroke(truth)
    store = FeatureStore(limit)
    plain = learned.predict(micrograph, probabilities=True)
    for _ in range(2):
        found = learned.predict(micrograph, probabilities=True, store=store)
        assert np.array_equal(found.probabilities, plain.probabilities)
        assert store._bytes <= limit or len(store) == 1
        again = train_scribbles([(micrograph, strokes)], TWO, store=store)
    assert np.array_equal(again.weights, train_scribbles([(micrograph, strokes)], TWO).weights)


def test_training_leaves_the_features_for_the_prediction(field, stroke):
    micrograph, truth = field(3)
    store = FeatureStore()
    segmenter = train_scribbles([(micrograph, stroke(truth))], TWO, store=store)
    assert len(store) == 1
    segmenter.predict(micrograph, store=store)
    assert len(store) == 1
    segmenter.predict(field(4)[0], store=store)  # of another image: others
    assert len(store) == 2


def test_saved_and_loaded_it_is_the_same(learned, field, tmp_path):
    folder = learned.save(tmp_path / "model")
    again = load_segmenter(folder)
    assert isinstance(again, ScribbleSegmenter)
    assert again.fingerprint == learned.fingerprint and again.names == TWO
    micrograph = field(5)[0]
    again = replace(again, tile=64, overlap=32)
    assert np.array_equal(again.predict(micrograph).labels, learned.predict(micrograph).labels)
    record, tensors = read_model(folder)
    tensors["weights"] = tensors["weights"] * 2
    with pytest.raises(SegmentationError, match="trained on other features"):
        ScribbleSegmenter.from_model(record, tensors)
    assert replace(learned, bias=learned.bias + 1).fingerprint != learned.fingerprint


def test_images_of_another_pixel_size(field, stroke):
    micrograph, truth = field(0, side=96, grain=8, pixel=0.5)
    fine = Micrograph(np.kron(micrograph.pixels, np.ones((2, 2), np.uint8)), 0.25, "fine")
    segmenter = train_scribbles([(micrograph, stroke(truth))], TWO)
    assert segmenter.pixel_size_um == 0.5
    phases = segmenter.predict(fine)
    assert phases.labels.shape == (192, 192) and phases.pixel_size_um == 0.25
    assert np.mean(phases.labels[::2, ::2] == truth + 1) > 0.93
    # Strokes on the fine image, learned at the coarse one's pixel size.
    pair = (fine, np.kron(stroke(truth), np.ones((2, 2), np.uint8)))
    both = train_scribbles([pair], TWO, pixel_size_um=0.5)
    assert agreement(both, micrograph, truth) > 0.93
    counts = both.record["training"]["pixels"]
    assert counts == segmenter.record["training"]["pixels"]
    with pytest.raises(SegmentationError, match="has no pixel size, other images have one"):
        train_scribbles([(micrograph, stroke(truth)), (field(1)[0], stroke(truth))], TWO)


def test_cancelled_midway_leaves_the_store_usable(field, stroke):
    micrograph, truth = field(0, side=160, grain=8)
    pair = (micrograph, stroke(truth))
    store = FeatureStore()

    def stop_in(wanted):
        def progress(stage, done, total):
            if stage == wanted:
                raise Cancelled

        return progress

    for stage in ("features", "training"):
        with pytest.raises(Cancelled):
            train_scribbles([pair], TWO, store=store, progress=stop_in(stage))
    segmenter = train_scribbles([pair], TWO, store=store)
    with pytest.raises(Cancelled):
        segmenter.predict(micrograph, stop_in("segment"), store=store)
    assert agreement(segmenter, micrograph, truth, store=store) > 0.95


def test_sixteen_bits(field, stroke):
    micrograph, truth = field(0, side=160, grain=8)
    deep = Micrograph(micrograph.pixels.astype(np.uint16) * 40 + 1000, None, "deep")
    segmenter = train_scribbles([(deep, stroke(truth))], TWO)
    assert agreement(segmenter, deep, truth) > 0.95
    assert agreement(segmenter, micrograph, truth) > 0.95  # as bright as it is shown


def test_colour(field, stroke):
    micrograph, truth = field(0, side=160, grain=8)
    # Only blue against red tells these phases apart.
    noise = np.random.default_rng(0).integers(0, 20, truth.shape)
    blue, red = np.where(truth == 1, 160, 60), np.where(truth == 1, 60 + 27, 124)
    pixels = np.stack([red, np.full_like(red, 90), blue], 2) + noise[..., None]
    colour = Micrograph(pixels.astype(np.uint8), None, "colour")
    segmenter = train_scribbles([(colour, stroke(truth))], TWO)
    assert agreement(segmenter, colour, truth) > 0.95
