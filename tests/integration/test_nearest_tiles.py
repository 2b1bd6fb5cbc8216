"""The rule of nearest tiles through `nq.qualify`, a real library and the lite encoder."""

import json
from dataclasses import replace

import numpy as np
import pytest

import napari_qualify as nq
from napari_qualify.cases import build_case
from napari_qualify.embed.library_encoder import load_encoder_for
from napari_qualify.errors import UsageError

TILE_UM = 40.0
GROUPS = 10


def field(seed: int, faulty: bool = False) -> nq.Micrograph:
    """Noise of one grain, 160 um wide; a faulty one has a coarse patch in one tile."""
    rng = np.random.default_rng(seed)
    image = rng.normal(128, 12, (160, 160))
    if faulty:
        y, x = rng.integers(5, 120, 2)
        image[y : y + 30, x : x + 30] += np.kron(rng.choice([-60, 60], (5, 5)), np.ones((6, 6)))
    pixels = np.clip(image, 0, 255).astype(np.uint8)
    return nq.Micrograph(pixels, 1.0, name=f"{'faulty' if faulty else 'sound'} {seed}")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> nq.Library:
    made = nq.open_library(tmp_path_factory.mktemp("tiles") / "tiles", create=True)
    for name, sides in (("patch", (True, False)), ("novel", (True,))):
        made.add_criterion(name, rule="tiles", tile_um=TILE_UM)
        for accepted in sides:
            some = [field(100 * accepted + i, not accepted) for i in range(GROUPS)]
            made.add_references(
                name, some, "accept" if accepted else "reject", expert="made", embed=False
            )
    return made


def test_a_small_local_fault_is_rejected_and_sound_fields_are_not(library: nq.Library) -> None:
    judged = [field(300 + i, i % 2 == 1) for i in range(12)]
    found = nq.qualify(judged, library, record=False)
    for i, each in enumerate(found):
        assert each["patch"].rule == each["novel"].rule == "tiles"
        assert each["patch"].call == ("reject" if i % 2 else "accept")
        assert each["novel"].verdict == ("reject" if i % 2 else "review")


def test_a_verdict_does_not_change_with_the_others_of_a_batch(library: nq.Library) -> None:
    judged = [field(400 + i, i % 2 == 1) for i in range(4)]
    together = nq.qualify(judged, library, record=False)
    for one, among in zip(judged, together, strict=True):
        (alone,) = nq.qualify(one, library, record=False)
        for a, b in zip(alone.verdicts, among.verdicts, strict=True):
            assert (a.verdict, a.reason, a.p_accept, a.p_reject) == (
                b.verdict,
                b.reason,
                b.p_accept,
                b.p_reject,
            )
            assert a.score == pytest.approx(b.score, abs=1e-4)


def test_the_hottest_tile_of_the_map_lies_on_the_fault(library: nq.Library) -> None:
    seeds = range(501, 509)
    found = nq.qualify([field(seed, True) for seed in seeds], library, record=False)
    hits = 0
    for seed, each in zip(seeds, found, strict=True):
        verdict, tile = each["patch"], each["patch"].evidence.hottest
        assert verdict.tile_map is not None and tile is not None
        assert verdict.tile_map.place.shape == (160, 160)
        assert tile.pixel_size_um == 1.0 and tile.strangeness > tile.limit
        rng = np.random.default_rng(seed)
        rng.normal(size=(160, 160))
        off = np.array(tile.centre) - (rng.integers(5, 120, 2) + 15)
        hits += bool(np.abs(off).max() <= TILE_UM)
    assert hits >= 7


def test_a_map_is_for_looking_at_and_is_not_stored(library: nq.Library) -> None:
    (found,) = nq.qualify(field(600, True), library, record=False)
    plain = found.as_dict()["verdicts"][0]
    assert "tile_map" not in plain
    assert plain["evidence"]["hottest"]["strangeness"] == pytest.approx(
        found["patch"].tile_map.scores.max()
    )
    json.dumps(plain)


def test_half_of_the_references_may_calibrate(library: nq.Library) -> None:
    case = replace(build_case(library, "patch", load_encoder_for(library)), split=True)
    assert case.references is not None and case.references.tiles is not None
    outcome = case.outcome(case.references.vectors, None, case.references.tiles())
    assert outcome is not None and outcome.tiles is not None
    assert len(outcome.tiles.strangeness) == 2 * GROUPS
    assert (outcome.score[:GROUPS] > outcome.cut).mean() > 0.8


def test_without_two_accepted_groups_it_is_review_and_says_why(tmp_path) -> None:
    made = nq.open_library(tmp_path / "few", create=True)
    made.add_criterion("patch", rule="tiles", tile_um=TILE_UM)
    made.add_references("patch", [field(1)], "accept", expert="made")
    made.add_references("patch", [field(2, True)], "reject", expert="made")
    (found,) = nq.qualify(field(3), made, record=False)
    assert (found["patch"].verdict, found["patch"].reason) == ("review", "too_few_references")
    assert any("two groups" in message for message in found["patch"].messages)


def test_too_few_tiles_are_refused(tmp_path) -> None:
    made = nq.open_library(tmp_path / "coarse", create=True)
    made.add_criterion("patch", rule="tiles")
    made.add_references("patch", [field(1), field(2)], "accept", expert="made")
    with pytest.raises(UsageError, match="smaller tile_um"):
        nq.qualify(field(3), made, record=False)
