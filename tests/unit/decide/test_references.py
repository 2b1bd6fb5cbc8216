"""References: near-duplicates are found and counted once."""

import numpy as np
from scipy.ndimage import gaussian_filter

from napari_qualify.decide.references import SIDE, References, near_duplicates


def texture(seed):
    noise = np.random.default_rng(seed).normal(size=(SIDE + 8, SIDE + 8))
    fine = gaussian_filter(noise, 1.0)
    return 120 + 40 * fine / fine.std()


def small(picture):
    return np.clip(picture, 0, 255).astype(np.uint8)


def layered(seed):
    """A field of a coating: the layers are where they are in every field, the texture is not."""
    layers = np.where(np.arange(SIDE) < 30, 60.0, 180.0)[:, None]
    return small(layers + 0.3 * (texture(seed)[:SIDE, :SIDE] - 120))


def test_saved_again_brightened_turned_and_shifted_fields_are_found():
    rng = np.random.default_rng(0)
    fields = [texture(seed) for seed in range(6)]
    first = fields[0]
    copies = [
        first[:SIDE, :SIDE] + rng.normal(0, 4, (SIDE, SIDE)),
        first[:SIDE, :SIDE] * 1.1,
        np.rot90(first[:SIDE, :SIDE]),
        first[4 : SIDE + 4, 3 : SIDE + 3],
    ]
    pictures = np.stack([small(f[:SIDE, :SIDE]) for f in fields] + [small(c) for c in copies])
    vectors = rng.normal(size=(10, 8))
    vectors[6:] = vectors[0] + 0.01 * rng.normal(size=(4, 8))
    pairs = near_duplicates(vectors, pictures)
    assert {b for a, b in pairs if a == 0} == {6, 7, 8, 9}
    assert all({a, b} <= {0, 6, 7, 8, 9} for a, b in pairs)


def test_fields_of_one_coating_are_not_duplicates():
    pictures = np.stack([layered(seed) for seed in range(8)])
    vectors = np.ones((8, 4)) + 0.01 * np.random.default_rng(1).normal(size=(8, 4))
    assert near_duplicates(vectors, pictures) == []
    assert near_duplicates(vectors[:1], pictures[:1]) == []


def test_flat_pictures_are_not_called_alike():
    assert near_duplicates(np.ones((3, 4)), np.full((3, SIDE, SIDE), 7, dtype=np.uint8)) == []


def test_duplicates_are_one_group():
    accepted = np.array([True, True, True, False, False])
    refs = References(np.eye(5), accepted, ["a", "b", "c", "d", "e"], twins=[(0, 1), (1, 2)])
    assert refs.groups == ["a", "a", "a", "d", "e"]
    assert (refs.group_count(True), refs.group_count(False), refs.fewest) == (1, 2, 1)
    assert refs.part(~accepted).groups == ["d", "e"]
