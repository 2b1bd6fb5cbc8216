from dataclasses import replace

import numpy as np
import pytest

from napari_qualify.errors import SegmentationError, UsageError
from napari_qualify.segment.examples import Example
from napari_qualify.segment.prepared import nearest, prepare
from napari_qualify.segment.train_settings import TrainSettings

NAMES = {0: "matrix", 1: "carbide"}


def prepared(examples, validation=(), names=NAMES, **settings):
    return prepare(examples, validation, names, TrainSettings(**settings))


def test_images_are_taken_as_they_are(example):
    one, two = example(0, side=96), example(1, side=64)
    found = prepared([one], [two])
    image, labels = found.training[0]
    assert np.array_equal(image, one.micrograph.pixels) and image.dtype == np.uint8
    assert np.array_equal(labels, one.labels) and labels.dtype == np.int16
    assert found.validation[0][0].shape == (64, 64) and found.pixel_size_um is None
    assert found.shares == pytest.approx([1 - one.labels.mean(), one.labels.mean()])
    assert found.images[0]["name"] == "f0.tif" and found.images[0]["group"] == "plate 0"
    assert found.images[0]["sha256"] == one.micrograph.content_hash
    assert found.validation_images[0]["sha256"] == two.micrograph.content_hash


def test_all_come_to_the_median_pixel_size(example):
    sizes = [0.2, 0.2, 0.4]
    examples = [example(i, side=80, pixel=size) for i, size in enumerate(sizes)]
    found = prepared(examples)
    assert found.pixel_size_um == 0.2
    assert [labels.shape for _, labels in found.training] == [(80, 80), (80, 80), (160, 160)]
    assert [image.shape for image, _ in found.training] == [(80, 80), (80, 80), (160, 160)]
    image, labels = found.training[2]
    assert np.array_equal(labels[::2, ::2], examples[2].labels)
    assert image[labels == 1].mean() - image[labels == 0].mean() > 60  # both on one grid
    assert prepared(examples, pixel_size_um=0.4).training[0][1].shape == (40, 40)
    near = prepared([example(0, pixel=0.2), example(1, pixel=0.203)])
    assert near.training[1][0].shape == (96, 96)  # less than 2 % is the same


def test_nearest_takes_the_pixel_below_the_middle():
    labels = np.arange(12).reshape(3, 4)
    assert np.array_equal(nearest(labels, 0.5), np.repeat(np.repeat(labels, 2, 0), 2, 1))
    assert np.array_equal(nearest(labels, 1.0), labels)
    assert np.array_equal(nearest(np.arange(9)[None], 3.0), [[1, 4, 7]])


def test_values_without_a_name_have_no_truth(example):
    one = example(0, third=True)
    image, labels = prepared([one]).training[0]
    assert image.shape == labels.shape
    assert np.array_equal(labels == -1, one.labels == 2) and (labels == -1).any()
    names = {1: "carbide", 2: "pore"}  # classes are counted, values are not
    found = prepared([one], names=names)
    assert np.array_equal(found.training[0][1], one.labels.astype(int) - 1)
    pore = np.mean(one.labels[one.labels > 0] == 2)
    assert found.shares == pytest.approx([1 - pore, pore])


def test_calibrated_and_uncalibrated_do_not_mix(example):
    with pytest.raises(SegmentationError, match=r"f1\.tif has no pixel size, other images have"):
        prepared([example(0, pixel=0.2), example(1)])
    with pytest.raises(SegmentationError, match=r"f2\.tif has no pixel size"):
        prepared([example(0, pixel=0.2)], [example(2)])
    with pytest.raises(SegmentationError, match="0.5 um is asked for, but no image is calibrated"):
        prepared([example(0)], pixel_size_um=0.5)


def test_a_phase_must_be_shown(example):
    one = example(0)
    with pytest.raises(SegmentationError, match="no training image shows pore, crack"):
        prepared([one], names=NAMES | {2: "pore", 9: "crack"})
    prepared([one, example(1, third=True)], names=NAMES | {2: "pore"})


def test_a_specimen_stays_on_one_side(example):
    with pytest.raises(SegmentationError, match="the specimen plate 7 is among the training"):
        prepared([example(0), example(7)], [example(1, group="plate 7")])


def test_nothing_to_learn_from(example):
    with pytest.raises(UsageError, match="no examples to train on"):
        prepared([])
    with pytest.raises(UsageError, match="at least two named phases"):
        prepared([example(0)], names={0: "matrix"})


def test_the_hashes_tell_labels_apart(example):
    one = example(0)
    changed = one.labels.copy()
    changed[0, 0] = 1 - changed[0, 0]
    other = Example(one.micrograph, changed, one.group)
    found = prepared([one, other, replace(one, group="another")]).images
    assert found[0]["sha256"] == found[1]["sha256"] == found[2]["sha256"]
    assert found[0]["labels_sha256"] == found[2]["labels_sha256"] != found[1]["labels_sha256"]
