"""Trainings of a few steps on fields of 96 pixels."""

import numpy as np
import pytest
import torch

from napari_qualify.errors import Cancelled, SegmentationError, UsageError
from napari_qualify.segment.examples import Example
from napari_qualify.segment.loss import class_weights
from napari_qualify.segment.model_folder import load_segmenter
from napari_qualify.segment.train_settings import TrainSettings
from napari_qualify.segment.training import Training

NAMES = {0: "matrix", 1: "carbide"}


def settings(**more):
    return TrainSettings(**{"steps": 4, "patch": 64, "batch": 2, "every": 1} | more)


@pytest.fixture
def examples(example):
    return [example(0), example(1)]


@pytest.fixture
def validation(example):
    return [example(2)]


def weights(segmenter):
    return segmenter.fingerprint


def stop_at(count):
    """Progress that raises Cancelled at a training step, counted from 1."""
    steps = []

    def progress(stage, done, total):
        assert 0 <= done <= total
        if stage == "training":
            steps.append(done)
            if len(steps) == count:
                raise Cancelled

    return progress


@pytest.mark.parametrize("loss", ["dice_ce", "focal"])
def test_the_loss_falls(examples, loss):
    training = Training(examples, NAMES, settings(steps=12, loss=loss))
    seen = []
    segmenter = training.run(on_point=seen.append)
    assert seen == training.points and [point.step for point in seen] == list(range(1, 13))
    losses = [point.loss for point in seen]
    assert np.mean(losses[-3:]) < 0.75 * np.mean(losses[:3])
    assert all(point.mean_iou is None and point.iou == {} for point in seen)
    assert segmenter is training.best and training.preview() is None
    assert segmenter.record["training"]["steps"] == 12  # the last, without a validation
    assert segmenter.record["training"]["ended"] == "complete"


def test_same_seed_same_network(examples):
    first, second, other = (
        Training(examples, NAMES, settings(steps=3, seed=seed)).run() for seed in (0, 0, 1)
    )
    assert weights(first) == weights(second) != weights(other)


def test_validation_picks_the_best(examples, validation):
    training = Training(examples, NAMES, settings(steps=6), validation=validation)
    assert training.best is None and training.preview() is None
    segmenter = training.run()
    scores = [point.mean_iou for point in training.points]
    metrics = segmenter.record["metrics"]
    assert metrics["mean_iou"] == max(scores)
    assert metrics["step"] == training.points[int(np.argmax(scores))].step
    assert metrics["step"] == segmenter.record["training"]["steps"]
    assert set(metrics["iou"]) == set(NAMES.values())
    assert np.mean(list(metrics["iou"].values())) == pytest.approx(metrics["mean_iou"])
    image, labels, truth = training.preview()
    assert np.array_equal(image, validation[0].micrograph.pixels)
    assert np.array_equal(truth, validation[0].labels) and labels.shape == truth.shape
    assert set(np.unique(labels)) <= set(NAMES)


def one_pixel(example):
    """Example of which one pixel has a truth: it is right or it is wrong."""
    labels = np.full_like(example.labels, 9)
    labels[48, 48] = 1
    return Example(example.micrograph, labels, example.group)


def test_it_stops_early(examples, validation):
    training = Training(
        examples, NAMES, settings(steps=40, patience=1), validation=[one_pixel(validation[0])]
    )
    segmenter = training.run()
    scores = [point.mean_iou for point in training.points]
    assert set(scores) <= {0.0, 1.0} and len(scores) <= 3
    assert scores[-1] <= max(scores[:-1])
    assert segmenter.record["training"]["ended"] == "early"


def test_validation_without_any_truth(examples, validation):
    blank = Example(validation[0].micrograph, np.full((96, 96), 9, np.uint8), "plate 2")
    training = Training(examples, NAMES, settings(steps=2), validation=[blank])
    assert training.run().record["training"]["steps"] == 2
    assert [point.mean_iou for point in training.points] == [None, None]


@pytest.fixture
def uninterrupted(examples, validation):
    training = Training(examples, NAMES, settings(), validation=validation)
    training.run()
    return training


def assert_same(one, two):
    assert weights(one.best) == weights(two.best)
    assert [(p.step, p.loss, p.mean_iou, p.iou) for p in one.points] == [
        (p.step, p.loss, p.mean_iou, p.iou) for p in two.points
    ]
    state = two._state.tensors()
    for key, value in one._state.tensors().items():
        assert np.array_equal(value, state[key]), key


def test_cancelled_keeps_the_best_and_goes_on(examples, validation, uninterrupted):
    training = Training(examples, NAMES, settings(), validation=validation)
    with pytest.raises(Cancelled):
        training.run(stop_at(1))
    assert training.best is None
    with pytest.raises(Cancelled):
        training.run(stop_at(3))
    assert training.best is not None and len(training.points) == 2
    assert training.best.record["training"]["ended"] == "running"
    before = training._state.seconds
    assert training._state.seconds == before  # the clock stands still
    training.run()
    assert_same(training, uninterrupted)


def test_resume_goes_on_as_if_never_stopped(examples, validation, uninterrupted, tmp_path):
    training = Training(examples, NAMES, settings(), validation=validation)
    with pytest.raises(UsageError, match="the training has not begun"):
        training.save_state(tmp_path / "state")
    with pytest.raises(Cancelled):
        training.run(stop_at(3))
    folder = training.save_state(tmp_path / "state")
    assert training.save_state(folder) == folder  # in place of the earlier one
    resumed = Training.resume(folder, examples, validation=validation)
    assert resumed.settings == training.settings and resumed.points == training.points
    assert weights(resumed.best) == weights(training.best)
    assert resumed.best.record["metrics"] == training.best.record["metrics"]
    resumed.run()
    assert_same(resumed, uninterrupted)
    assert resumed.best.record["training"]["start"]["start"] == "lite"


def test_resume_needs_the_same_images_and_labels(examples, validation, example, tmp_path):
    training = Training(examples, NAMES, settings(start="none"), validation=validation)
    with pytest.raises(Cancelled):
        training.run(stop_at(2))
    folder = training.save_state(tmp_path / "state")
    painted = examples[1].labels.copy()
    painted[:9] = 1
    relabelled = Example(examples[1].micrograph, painted, examples[1].group)
    for others, judges in (
        ([example(5), examples[1]], validation),
        (examples[::-1], validation),
        (examples[:1], validation),
        ([examples[0], relabelled], validation),
        (examples, [example(6)]),
        (examples, None),
    ):
        with pytest.raises(SegmentationError, match="trained on other images or labels"):
            Training.resume(folder, others, validation=judges)
    more = Training.resume(folder, examples, validation=validation, minutes=3.5)
    assert more.settings.minutes == 3.5
    training.best.save(tmp_path / "network")
    with pytest.raises(SegmentationError, match="holds a network, not a training"):
        Training.resume(tmp_path / "network", examples)
    with pytest.raises(SegmentationError, match="a model of the kind 'training'"):
        load_segmenter(folder)


def test_resume_does_not_need_the_checkpoint_that_it_started_from(examples, tmp_path):
    import torch

    from napari_qualify.segment.start import build

    torch.save(build("Unet", "mobilenet_v2", 2).encoder.state_dict(), tmp_path / "start.pth")
    start = str(tmp_path / "start.pth")
    training = Training(examples, NAMES, settings(start=start, encoder="mobilenet_v2"))
    with pytest.raises(Cancelled):
        training.run(stop_at(2))
    folder = training.save_state(tmp_path / "state")
    (tmp_path / "start.pth").unlink()
    best = Training.resume(folder, examples).run()
    assert best.record["training"]["start"]["sha256"] == training._state.start["sha256"]
    assert best.record["training"]["settings"]["start"] == start


def test_it_ends_by_the_clock(examples):
    training = Training(examples, NAMES, settings(steps=None, minutes=1e-3, start="none"))
    training.run()
    assert 1 <= training.points[-1].step < 30
    assert training.points[-1].seconds >= 0.06


def test_values_without_a_name_have_no_truth(example):
    known = example(0, third=True)
    other = known.labels.copy()
    other[other == 2] = 7
    one, two = (
        Training([Example(known.micrograph, labels, "plate 0")], NAMES, settings(steps=2)).run()
        for labels in (known.labels, other)
    )
    assert one.names == NAMES and weights(one) == weights(two)
    named = Training([known], NAMES | {2: "pore"}, settings(steps=2)).run()
    assert weights(named) != weights(one)


@pytest.mark.parametrize("loss", ["dice_ce", "focal"])
def test_what_the_weights_of_the_loss_put_in_is_taken_out_again(examples, loss):
    training = Training(examples, NAMES, settings(steps=2, loss=loss))
    predicts, learns = training.run().model, training._state.averaged.eval()
    picture = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        moved = (predicts(picture) - learns(picture)).mean((0, 2, 3))
    counts = np.bincount(np.concatenate([e.labels.ravel() for e in examples]))
    wanted = -np.log(class_weights(counts / counts.sum())) if loss == "dice_ce" else [0, 0]
    assert moved.numpy() == pytest.approx(np.array(wanted), abs=1e-5)
