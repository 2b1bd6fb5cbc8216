import threading

import numpy as np
import pytest
import torch

from napari_qualify.segment.levels import Levels
from napari_qualify.segment.pixel_features import (
    DIMENSIONS,
    FeatureStore,
    PatchFeatures,
    patch_features,
)


@pytest.fixture(scope="module")
def features(field):
    image = field(0, side=96)[0].pixels
    return patch_features(image, Levels.of(image))


def test_maps_and_dimensions(features):
    assert sum(each.shape[1] for each in features.maps) == DIMENSIONS
    assert [each.shape[2] for each in features.maps] == [96, 48, 48, 24, 12, 6]
    assert features.nbytes == sum(2 * each.numel() for each in features.maps)


def test_linear_is_the_product_with_the_features_of_each_pixel(features):
    """Enlarging logits gives the logits of enlarged features, at the border too."""
    rng = np.random.default_rng(0)
    weights = rng.normal(0, 1, (3, DIMENSIONS)).astype(np.float32)
    bias = np.float32([1, -2, 3])
    with torch.inference_mode():
        found = features.linear(torch.from_numpy(weights), torch.from_numpy(bias)).numpy()
    rows, columns = np.indices((96, 96)).reshape(2, -1)
    expected = features.at(rows, columns) @ weights.T + bias
    assert found.shape == (3, 96, 96)
    assert np.abs(found.reshape(3, -1).T - expected).max() < 1e-3 * np.abs(expected).max()


def test_grey_in_three_channels_has_the_features_of_grey(field):
    image = field(0, side=64)[0].pixels
    levels = Levels.of(image)
    colour = patch_features(np.repeat(image[..., None], 3, axis=2), levels)
    for one, two in zip(patch_features(image, levels).maps, colour.maps, strict=True):
        assert np.allclose(one.float(), two.float(), atol=0.02)
    tinted = patch_features(np.stack([image, image, 255 - image], 2), levels)
    assert tinted.maps[0][0, 1:3].abs().max() > 0.1


def made(number, size=1000):
    """Features of 2 * size bytes."""
    return PatchFeatures([torch.full((1, 1, 1, size), float(number)).half()])


def test_the_store_keeps_what_was_used_last():
    store = FeatureStore(3 * 2000)
    computed = []

    def get(number):
        return store.get(number, lambda: computed.append(number) or made(number))

    for number in (1, 2, 3, 1, 4, 1, 3):
        assert float(get(number).maps[0][0, 0, 0, 0]) == number
    assert computed == [1, 2, 3, 4]  # 4 took the place of 2
    get(2)
    assert computed[-1] == 2 and len(store) == 3


def test_the_store_is_limited_in_bytes():
    store = FeatureStore(5000)
    for number in range(20):
        store.get(number, lambda number=number: made(number))
        assert sum(each.nbytes for each in store._held.values()) == store._bytes <= 5000
    assert len(store) == 2
    store.get("large", lambda: made(0, 10_000))
    assert len(store) == 1  # what is in use is kept in any case


def test_the_store_serves_several_threads():
    store = FeatureStore(10 * 2000)
    wrong = []

    def work(seed):
        for number in np.random.default_rng(seed).integers(0, 30, 200):
            found = store.get(int(number), lambda number=number: made(number))
            if float(found.maps[0][0, 0, 0, 0]) != number:
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and len(store) == 10
    assert sum(each.nbytes for each in store._held.values()) == store._bytes
