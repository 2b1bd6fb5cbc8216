"""The methods that the segmentation benchmark compares; each runs in a process of its own."""

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
from skimage.feature import multiscale_basic_features
from sklearn.ensemble import RandomForestClassifier

from common import peak_mb
from segmentation_data import Split, Tally, read_split, simulate_strokes

THREADS = 2
PIXELS = 2_000  # per phase and image that the forest learns from masks


def alone(call, *arguments):
    """Result of a call in a fresh process, with the peak memory of that process in MB."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_measured, call, arguments).result()


def _measured(call, arguments):
    found = call(*arguments)
    return found, peak_mb()


def _threads() -> None:
    import torch

    torch.set_num_threads(THREADS)


def _standardised(image: np.ndarray) -> np.ndarray:
    return ((image - image.mean()) / max(image.std(), 1.0)).astype(np.float32)


def _forest_features(image: np.ndarray, standardise: bool) -> np.ndarray:
    image = _standardised(image) if standardise else image
    return multiscale_basic_features(image, sigma_min=1, sigma_max=16).astype(np.float32)


def _forest() -> RandomForestClassifier:
    return RandomForestClassifier(
        100, class_weight="balanced", n_jobs=THREADS, random_state=0, max_samples=0.5
    )


def _judged(split: Split, predict) -> dict[str, np.ndarray]:
    found = {}
    for part, examples in split.tests.items():
        tally = Tally()
        for example in examples:
            tally.add(example.labels, predict(example.micrograph))
        found[part] = tally.iou
    return found


def forest_from_masks(data: Path, name: str, standardise: bool) -> dict:
    """Random forest on scikit-image's multi-scale features, learned from the training masks."""
    split = read_split(data, name)
    rng = np.random.default_rng(0)
    start = time.perf_counter()
    rows, truth = [], []
    for example in split.train:
        features = _forest_features(example.micrograph.pixels, standardise)
        for value in split.names:
            places = np.flatnonzero(example.labels.ravel() == value)
            places = rng.choice(places, min(PIXELS, len(places)), replace=False)
            rows.append(features.reshape(-1, features.shape[-1])[places])
            truth.append(np.full(len(places), value))
    forest = _forest().fit(np.concatenate(rows), np.concatenate(truth))
    seconds = time.perf_counter() - start

    def predict(micrograph):
        features = _forest_features(micrograph.pixels, standardise)
        return forest.predict(features.reshape(-1, features.shape[-1])).reshape(micrograph.shape)

    return {"iou": _judged(split, predict), "seconds": seconds}


def network(data: Path, name: str, start: str, steps: int, minutes: float, seed: int) -> dict:
    """U-Net with EfficientNet-Lite0, from the offline weights (`lite`) or from nothing (`none`).

    No validation images: the schedule is fixed, and the last state is judged.
    """
    _threads()
    from napari_qualify.segment.train_settings import TrainSettings
    from napari_qualify.segment.training import Training

    split = read_split(data, name)
    settings = TrainSettings(start=start, steps=steps, minutes=minutes, seed=seed, every=100_000)
    begin = time.perf_counter()
    training = Training(split.train, split.names, settings)
    segmenter = training.run()
    seconds = time.perf_counter() - begin
    averaged = replace(segmenter, test_time_augmentation=True)
    return {
        "iou": _judged(split, lambda micrograph: segmenter.predict(micrograph).labels),
        "averaged": _judged(split, lambda micrograph: averaged.predict(micrograph).labels),
        "seconds": seconds,
        "steps": training.points[-1].step,
    }


def strokes(data: Path, name: str, seed: int, share: float) -> dict:
    """Strokes on one training image: ours, and the forest on the same strokes."""
    _threads()
    from napari_qualify.segment.scribbles import FeatureStore, train_scribbles

    split = read_split(data, name)
    example = split.train[seed % len(split.train)]
    painted = simulate_strokes(example.labels, seed, share)
    there = painted > 0
    store = FeatureStore()
    names = {value + 1: phase for value, phase in split.names.items()}
    pairs = [(example.micrograph, painted)]
    train_scribbles(pairs, names, store=store)  # the features of the image are known by then
    begin = time.perf_counter()
    segmenter = train_scribbles(pairs, names, store=store)
    seconds = time.perf_counter() - begin
    found = {
        "image": example.micrograph.name,
        "painted": float(there.mean()),
        "seconds": seconds,
        "iou": _judged(split, lambda micrograph: segmenter.predict(micrograph).labels - 1),
    }
    for label, standardise in (("forest", False), ("forest_standardised", True)):
        features = _forest_features(example.micrograph.pixels, standardise)
        forest = _forest().fit(features[there], painted[there] - 1)

        def predict(micrograph, forest=forest, standardise=standardise):
            x = _forest_features(micrograph.pixels, standardise)
            return forest.predict(x.reshape(-1, x.shape[-1])).reshape(micrograph.shape)

        found[label] = _judged(split, predict)
    return found
