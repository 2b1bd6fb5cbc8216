import numpy as np
import pytest
from scipy import ndimage

from napari_qualify.segment.augment import Augmentation, Crops, layered

PLAIN = {
    "contrast": 0.0,
    "brightness": 0.0,
    "gamma": 0.0,
    "shading": 0.0,
    "noise": 0.0,
    "blur": 0.0,
}
SIDE = 120


def ramp(axis, **more):
    """Crops of an image whose grey level is twice the row (column), labelled by it."""
    place = np.indices((SIDE, SIDE))[axis]
    crops = Crops(
        [(2 * place).astype(np.uint8)],
        [place.astype(np.int16)],
        SIDE,
        64,
        Augmentation(**PLAIN | {"turn": "any"} | more),
        0,
    )
    level = crops._levels[0]
    return crops, lambda values: (values[..., 0] * level.deviation + level.mean) / 2


def random_field(seed=0, side=150):
    rng = np.random.default_rng(seed)
    labels = (ndimage.gaussian_filter(rng.normal(size=(side, side)), 4) > 0).astype(np.int16)
    return (80 + 90 * labels + rng.normal(0, 5, labels.shape)).astype(np.uint8), labels


def crops_of(seed=0, augmentation=None):
    image, labels = random_field()
    return Crops([image], [labels], 2, 64, augmentation or Augmentation(), seed)


def test_same_seed_and_step_give_the_same_crops():
    first = crops_of().batch(3, 5)
    again = crops_of()
    again.batch(2, 0)  # what was drawn before does not matter
    for one, two in zip(first, again.batch(3, 5), strict=True):
        assert np.array_equal(one, two)
    assert first[0].shape == (3, 64, 64, 3) and first[0].dtype == np.float32
    assert first[1].shape == (3, 64, 64) and first[1].dtype == np.int64
    assert not np.array_equal(first[0], crops_of().batch(3, 6)[0])
    assert not np.array_equal(first[0], crops_of(seed=1).batch(3, 5)[0])


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("turn", ["any", "upright"])
def test_labels_follow_the_pixels(axis, turn):
    crops, place = ramp(axis, turn=turn)
    values, labels = crops.batch(12, 0)
    found = place(values)
    assert np.ptp(labels, axis=(1, 2)).min() > 10  # the crops show something
    assert np.abs(found - labels).max() <= 0.5 + 1e-3  # to the nearest pixel


def test_where_there_is_no_truth_there_is_none_in_the_crop():
    rows = np.indices((SIDE, SIDE))[0]
    labels = np.where(rows < 50, -1, 1).astype(np.int16)
    labels[100:] = 0
    crops = Crops([(2 * rows).astype(np.uint8)], [labels], 2, 64, Augmentation(**PLAIN), 3)
    level = crops._levels[0]
    values, truth = crops.batch(12, 1)
    row = (values[..., 0] * level.deviation + level.mean) / 2
    assert set(np.unique(truth)) == {-1, 0, 1}
    assert (truth[row < 49] == -1).all() and (truth[row > 50] >= 0).all()


def slopes(crops, place, count=30):
    """Change of the shown row per pixel down and per pixel right, in each crop's middle."""
    values, _ = crops.batch(count, 0)
    shown = place(values)[:, 31:33, 31:33]
    return shown[:, 1, 0] - shown[:, 0, 0], shown[:, 0, 1] - shown[:, 0, 0]


def test_upright_keeps_up_and_any_does_not():
    down, right = slopes(*ramp(0, turn="upright", rare=0.0))
    assert (down > 0).all()
    tilt = np.degrees(np.arctan2(right, down))
    assert np.abs(tilt).max() <= 10.1 and np.abs(tilt).max() > 5
    size = np.hypot(down, right)
    assert 1 / 1.41 < size.min() < 0.85 and 1.2 < size.max() < 1.41  # the zoom, both ways
    down, _ = slopes(*ramp(0, turn="any", rare=0.0))
    assert 5 < (down < 0).sum() < 25


def test_half_of_the_crops_are_mirrored():
    right = slopes(*ramp(1, turn="upright", rare=0.0))[1]
    assert 5 < (right < 0).sum() < 25


def test_layers_are_kept_upright_and_particles_turned():
    labels = np.zeros((160, 160), np.int16)
    labels[60:90] = 1
    labels[90:] = 2
    _, particles = random_field()
    rng = np.random.default_rng(0)
    rough = labels.copy()  # a wavy, incomplete coating is still one
    rough[rng.random(rough.shape) < 0.2] = -1
    assert layered([labels]) and layered([labels.T]) and layered([rough])
    assert not layered([particles]) and not layered([np.zeros((50, 50), np.int16)])
    assert layered([labels, labels, particles]) and not layered([labels, particles, particles])
    image = np.zeros(labels.shape, np.uint8)
    assert Crops([image], [labels], 3, 64, Augmentation(), 0).augmentation.turn == "upright"
    assert crops_of().augmentation.turn == "any"
    assert crops_of(augmentation=Augmentation(turn="upright")).augmentation.turn == "upright"


def test_rare_phases_are_drawn():
    labels = np.zeros((400, 400), np.int16)
    labels[200:206, 300:306] = 1
    image = np.zeros(labels.shape, np.uint8)

    def seen(rare):
        crops = Crops([image], [labels], 2, 64, Augmentation(**PLAIN, rare=rare), 0)
        return (crops.batch(60, 0)[1] == 1).any((1, 2)).mean()

    assert seen(0.0) < 0.15 and seen(1.0) > 0.4


def test_light_changes_within_bounds():
    image, labels = random_field()
    values, truth = Crops([image], [labels], 2, 64, Augmentation(), 0).batch(40, 0)
    assert np.isfinite(values).all()
    means = [values[truth == c].mean() for c in (0, 1)]
    assert means[0] < -0.3 and means[1] > 0.3  # the phases still differ
    assert values.mean((1, 2, 3)).std() > 0.2 and values.std((1, 2, 3)).std() > 0.1


def test_colour_and_images_smaller_than_the_crop():
    colour = np.random.default_rng(0).integers(0, 255, (40, 30, 3)).astype(np.uint8)
    labels = np.zeros((40, 30), np.int16)
    labels[:20] = 1
    values, truth = Crops([colour], [labels], 2, 64, Augmentation(), 0).batch(4, 0)
    assert values.shape == (4, 64, 64, 3) and set(np.unique(truth)) == {0, 1}
    assert np.ptp(values, axis=3).max() > 0.5
