"""Nearest tiles: local defects in small fake vectors, with the references' groups left out."""

import numpy as np
import pytest

from napari_qualify.decide import tile_model
from napari_qualify.decide.tile_memory import LEAST_TILES, TileMemory
from napari_qualify.decide.tile_space import aloneness, centred, nearest
from napari_qualify.errors import UsageError

TILES, DIM = 25, 12
DEFECT = np.eye(DIM)[3]


def field(seed: int, strength: float = 0.0, at: int = 7) -> np.ndarray:
    """Tiles of one micrograph: its own offset, noise, and a defect in one tile."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(0, 5, DIM) + rng.normal(size=(TILES, DIM))
    rows[at] += strength * DEFECT
    return rows.astype(np.float32)


def memory(accepted: int = 8, rejected: int = 0, strength: float = 8.0) -> TileMemory:
    good = [field(i) for i in range(accepted)]
    bad = [field(100 + i, strength, i) for i in range(rejected)]
    sides = np.arange(accepted + rejected) < accepted
    return TileMemory(good + bad, sides, [f"s{i}" for i in range(len(sides))])


@pytest.mark.parametrize("rejected", [0, 6])
def test_a_local_defect_scores_low_and_its_tile_is_the_hottest(rejected: int) -> None:
    known = memory(rejected=rejected)
    sound = known.judge([field(200 + i) for i in range(10)]).scores
    faulty = [field(300 + i, 14.0, 11) for i in range(10)]
    assert known.judge(faulty).scores.max() < sound.min()
    assert [int(known.judge([tiles]).strangeness[0].argmax()) for tiles in faulty] == [11] * 10


def test_rejected_references_tell_a_fainter_defect() -> None:
    sound, faulty = [field(400 + i) for i in range(40)], [field(500 + i, 4.0) for i in range(40)]

    def gap(known: TileMemory) -> float:
        a, b = known.judge(sound).scores, known.judge(faulty).scores
        return float((a.mean() - b.mean()) / np.sqrt((a.var() + b.var()) / 2))

    assert gap(memory(rejected=8)) > gap(memory()) + 0.3


def test_what_the_whole_field_shares_does_not_count() -> None:
    known, tiles = memory(), field(600)
    np.testing.assert_allclose(
        known.judge([tiles]).strangeness[0],
        known.judge([tiles + 40 * DEFECT]).strangeness[0],
        atol=1e-3,
    )


@pytest.mark.parametrize("rejected", [0, 4])
def test_a_left_out_reference_is_scored_as_if_it_had_never_been_there(rejected: int) -> None:
    known = memory(6, rejected)
    for i in (0, 5, len(known.tiles) - 1):
        kept = [j for j in range(len(known.tiles)) if j != i]
        rest = TileMemory(
            [known.tiles[j] for j in kept], known.accepted[kept], [known.groups[j] for j in kept]
        )
        alone = rest.judge([known.tiles[i]]).scores[0]
        assert known.leave_group_out()[i] == pytest.approx(alone, rel=1e-4)
        column = known.judge([known.tiles[i]]).without[0, known.folds[i]]
        assert column == pytest.approx(alone, rel=1e-4)


def test_a_group_is_left_out_whole() -> None:
    tiles = [field(i) for i in range(5)]
    twins = TileMemory([*tiles, tiles[0]], np.ones(6, dtype=bool), ["a", "b", "c", "d", "e", "a"])
    apart = TileMemory(tiles, np.ones(5, dtype=bool), list("abcde"))
    assert twins.leave_group_out()[0] == pytest.approx(apart.leave_group_out()[0], rel=1e-4)


def test_inner_scores_leave_both_folds_out() -> None:
    known = memory(6, 3)
    outer, inner = known.nested.outer, known.nested.inner
    assert outer.shape == (1, 9) and inner.shape == (1, 9, 9)
    assert np.isfinite(outer).all()
    for f in range(9):
        np.testing.assert_array_equal(np.isnan(inner[0, f]), known.folds == f)


def test_too_few_groups_give_no_score() -> None:
    known = memory(2)
    assert np.isnan(known.leave_group_out()).all()
    assert np.isnan(known.judge([field(9)]).without).all()
    assert np.isfinite(known.judge([field(9)]).scores).all()


def test_the_range_comes_from_the_accepted_references() -> None:
    known = memory()
    low, high = known.limits
    assert low < high
    strange = np.concatenate([known.judge([field(700 + i)]).strangeness[0] for i in range(40)])
    assert 0.3 < np.mean(strange > low) < 0.8 and np.mean(strange > high) < 0.05


def test_a_full_memory_keeps_every_kth_tile(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = memory().judge([field(9, 8.0)]).scores
    monkeypatch.setattr(tile_model, "MOST", 50)
    thin = memory().judge([field(9, 8.0)]).scores
    assert thin != whole and thin == memory().judge([field(9, 8.0)]).scores


def test_nearest_is_the_mean_distance_to_other_folds() -> None:
    rng = np.random.default_rng(0)
    tiles, known = (rng.normal(size=(n, 4)).astype(np.float32) for n in (7, 9))
    folds, of_memory = np.arange(7) % 3, np.arange(9) % 3
    distance = np.linalg.norm(tiles[:, None] - known[None], axis=2)
    distance[folds[:, None] == of_memory[None]] = np.inf
    wanted = np.sort(distance, axis=1)[:, :2].mean(axis=1)
    np.testing.assert_allclose(nearest(tiles, known, 2, folds, of_memory), wanted, rtol=1e-4)


def test_aloneness_is_the_distance_to_the_twentieth_part_of_the_field() -> None:
    tiles = np.random.default_rng(1).normal(size=(60, 4)).astype(np.float32)
    distance = np.sort(np.linalg.norm(tiles[:, None] - tiles[None], axis=2), axis=1)
    np.testing.assert_allclose(aloneness(tiles), distance[:, 4], rtol=1e-3, atol=1e-3)
    assert aloneness(tiles[:1]) == [0]


def test_what_recurs_over_a_field_counts_less_than_what_stands_alone() -> None:
    known, often = memory(), field(800)
    lone = often.copy()
    lone[9] += 8 * DEFECT
    often[::3] += 8 * DEFECT  # the ninth among them, as scratches of the polish recur
    of_lone, of_often = known.judge([lone, often]).strangeness
    assert of_lone[9] > of_often[9] + 0.5


def test_the_median_of_a_field_is_taken_off() -> None:
    np.testing.assert_allclose(np.median(centred(field(1)), axis=0), 0, atol=1e-5)


def test_wrong_references_are_refused() -> None:
    with pytest.raises(UsageError, match="smaller tile_um"):
        memory().judge([field(1)[: LEAST_TILES - 1]])
    with pytest.raises(ValueError, match="two groups"):
        TileMemory([field(1), field(2)], np.array([True, True]), ["a", "a"])
    with pytest.raises(ValueError, match="one of each"):
        TileMemory([field(1)], np.array([True, True]), ["a", "b"])
