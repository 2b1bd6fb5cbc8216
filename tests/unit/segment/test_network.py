from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_qualify.errors import Cancelled, SegmentationError
from napari_qualify.micrograph import Micrograph
from napari_qualify.segment.model_folder import load_segmenter, read_model
from napari_qualify.segment.network import NetworkSegmenter
from napari_qualify.segment.run import Segmenter, segment
from napari_qualify.segment.train_settings import TrainSettings
from napari_qualify.segment.training import Training
from napari_qualify.segment.validation import confusion, intersection_over_union

NAMES = {1: "matrix", 4: "carbide"}


@pytest.fixture(scope="module")
def trained(example):
    """A network that tells the phases apart, trained in fp32 on values 1 and 4."""
    examples = []
    for seed in range(4):
        one = example(seed, pixel=0.5)
        examples.append(replace(one, labels=np.array([1, 4], np.uint8)[one.labels]))
    settings = TrainSettings(steps=16, patch=64, batch=2, seed=1, precision="fp32")
    found = Training(examples, NAMES, settings).run()
    return replace(found, tile=64, overlap=32, batch=2, precision="fp32")


def test_it_has_learned(trained, field):
    micrograph, truth = field(9, side=160, pixel=0.5)
    phases = trained.predict(micrograph, probabilities=True)
    assert isinstance(trained, Segmenter)
    assert phases.names == NAMES and set(np.unique(phases.labels)) == {1, 4}
    assert phases.pixel_size_um == 0.5 and phases.source == micrograph.content_hash
    table = confusion(truth.astype(int), np.searchsorted([1, 4], phases.labels), 2)
    assert intersection_over_union(table).min() > 0.7
    assert phases.probabilities.shape == (2, 160, 160)
    assert np.allclose(phases.probabilities.astype(float).sum(0), 1, atol=2e-3)
    sure = phases.uncertainty()
    assert sure[phases.labels - 3 * (truth == 1) != 1].mean() > sure.mean()  # unsure where wrong
    assert phases.made_by["segmenter"] == "NetworkSegmenter"
    assert phases.made_by["fingerprint"] == trained.fingerprint
    assert phases.made_by["encoder"] == "tu-tf_efficientnet_lite0"
    assert np.array_equal(segment(micrograph, trained).labels, phases.labels)


def test_brightness_and_contrast_do_not_matter(trained, field):
    plain = trained.predict(field(8)[0]).labels
    dim = trained.predict(field(8, gain=0.5, offset=20)[0]).labels
    assert np.mean(plain == dim) > 0.98


def test_saved_and_loaded_it_is_the_same(trained, field, tmp_path):
    folder = trained.save(tmp_path / "net")
    record, tensors = read_model(folder)
    assert record["kind"] == "network" and record["phases"] == {"1": "matrix", "4": "carbide"}
    assert record["pixel_size_um"] == 0.5 and record["fingerprint"] == trained.fingerprint
    assert [image["name"] for image in record["training"]["images"]] == [
        f"f{i}.tif" for i in range(4)
    ]
    again = load_segmenter(folder)
    assert isinstance(again, NetworkSegmenter) and again.names == NAMES
    assert again.fingerprint == trained.fingerprint and again.record["training"]["seconds"] > 0
    again = replace(again, tile=64, overlap=32, batch=2, precision="fp32")
    micrograph = field(9, pixel=0.5)[0]
    one, two = (s.predict(micrograph, probabilities=True) for s in (trained, again))
    assert np.array_equal(one.labels, two.labels)
    assert np.array_equal(one.probabilities, two.probabilities)
    tensors.pop(next(key for key in tensors if key.endswith("weight")))
    with pytest.raises(SegmentationError, match="the weights do not fit the network"):
        NetworkSegmenter.from_model(record, tensors)


def test_the_fingerprint_is_that_of_the_result(trained, field, tmp_path):
    record, tensors = read_model(trained.save(tmp_path / "net"))
    made = NetworkSegmenter.from_model(record, tensors)
    assert made.fingerprint == trained.fingerprint
    seen = {made.fingerprint, replace(made, test_time_augmentation=True).fingerprint}
    seen.add(replace(made, pixel_size_um=0.4).fingerprint)
    seen.add(replace(made, names={1: "matrix", 4: "pore"}).fingerprint)
    record["phases"]["4"] = "oxide"  # by hand, in model.json
    seen.add(NetworkSegmenter.from_model(record, tensors).fingerprint)
    before = made.predict(field(9)[0]).labels
    key = next(k for k in tensors if k.endswith("segmentation_head.0.bias"))
    made.load_tensors(tensors | {key: tensors[key] + np.float32([0, 50])})
    seen.add(made.fingerprint)
    assert len(seen) == 6
    assert (made.predict(field(9)[0]).labels == 4).all() and (before == 1).any()


def turned(image, turn, mirror):
    image = np.rot90(image, turn, axes=(-2, -1))
    return image[..., ::-1] if mirror else image


def difference(segmenter, patch, turn, mirror):
    """Largest change of a probability when the patch is turned, and the result back."""
    plain = segmenter.patch_probabilities(patch)
    other = segmenter.patch_probabilities(np.ascontiguousarray(turned(patch, turn, mirror)))
    return np.abs(turned(plain, turn, mirror) - other).max()


def test_averaging_over_turns_and_mirror_images(trained, field):
    patch = field(9, side=64)[0].pixels[None]
    any_way = replace(trained, test_time_augmentation=True)
    training = trained.record["training"]
    assert training["turn"] == "any"
    upright = replace(any_way, record={"training": training | {"turn": "upright"}})
    assert difference(trained, patch, 0, True) > 1e-3
    for turn, mirror in ((0, True), (1, False), (2, True), (3, False)):
        assert difference(any_way, patch, turn, mirror) < 1e-4
    assert difference(upright, patch, 0, True) < 1e-4
    assert difference(upright, patch, 1, False) > 1e-3
    assert difference(upright, patch, 2, False) > 1e-3
    found = any_way.predict(field(9, pixel=0.5)[0])
    assert found.made_by["test_time_augmentation"] is True


def test_bfloat16_is_nearly_the_same(trained, field):
    micrograph, truth = field(9)
    full = trained.predict(micrograph, probabilities=True)
    half = replace(trained, precision="bf16").predict(micrograph, probabilities=True)
    assert (full.made_by["precision"], half.made_by["precision"]) == ("fp32", "bf16")
    change = np.abs(full.probabilities.astype(float) - half.probabilities.astype(float))
    assert 0 < change.mean() < 0.01
    assert np.mean(full.labels == half.labels) > 0.99
    assert next(trained.model.parameters()).dtype == torch.float32


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_region_equals_the_whole(trained, field, precision):
    micrograph = field(9, side=160)[0]
    segmenter = replace(trained, precision=precision)
    whole = segmenter.predict(micrograph, probabilities=True)
    for y, x, h, w in ((0, 0, 160, 160), (37, 61, 70, 40), (150, 3, 10, 20)):
        part = segmenter.predict(micrograph, region=(y, x, h, w), probabilities=True)
        cut = np.s_[y : y + h, x : x + w]
        assert np.array_equal(part.labels, whole.labels[cut])
        assert np.array_equal(part.probabilities, whole.probabilities[:, cut[0], cut[1]])


def test_grey_in_three_channels_is_grey(trained, field):
    grey = field(9)[0]
    colour = Micrograph(np.repeat(grey.pixels[..., None], 3, axis=2), None, "rgb")
    one, two = (trained.predict(each, probabilities=True) for each in (grey, colour))
    assert np.abs(one.probabilities - two.probabilities).max() < 2e-3
    tinted = Micrograph(colour.pixels // np.uint8([1, 2, 1]), None, "tinted")
    assert not np.array_equal(
        trained.predict(tinted, probabilities=True).probabilities, one.probabilities
    )


def test_another_pixel_size_is_resampled(trained, field):
    micrograph, truth = field(9, side=96, pixel=0.5)
    fine = Micrograph(np.kron(micrograph.pixels, np.ones((2, 2), np.uint8)), 0.25, "fine")
    found = trained.predict(fine)
    assert found.labels.shape == (192, 192) and found.made_by["resampled_by"] == 0.5
    coarse = trained.predict(micrograph)
    assert np.mean(found.labels[::2, ::2] == coarse.labels) > 0.95


def test_cancelled_in_a_prediction(trained, field):
    seen = []

    def progress(stage, done, total):
        seen.append((stage, done, total))
        if done:
            raise Cancelled

    with pytest.raises(Cancelled):
        trained.predict(field(9, side=160)[0], progress)
    assert seen[0][:2] == ("segment", 0) and len(seen) == 2
