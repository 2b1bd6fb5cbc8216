"""The tile map: blending, its place on the micrograph, the hottest tile."""

import numpy as np
import pytest

from napari_qualify.decide.tile_map import Place, TileMap
from napari_qualify.embed.tiles import tile_boxes

SHAPE = (300, 400)
BOXES = tile_boxes(SHAPE, 80.0)


def painted(scores: np.ndarray, pixel_size_um: float | None = None) -> TileMap:
    return TileMap(scores, Place(BOXES, SHAPE, pixel_size_um), (0.0, 4.0))


def test_one_score_everywhere_is_kept_up_to_the_border() -> None:
    found = painted(np.full(len(BOXES), 2.5))
    np.testing.assert_allclose(found.values, 2.5, rtol=1e-6)


def test_the_cells_cover_the_micrograph_exactly() -> None:
    found = painted(np.zeros(len(BOXES)))
    rows, columns = found.values.shape
    assert (rows * found.scale[0], columns * found.scale[1]) == pytest.approx(SHAPE)
    # The first cell begins at the edge of the first pixel, half a pixel before its centre.
    assert found.translate[0] - found.scale[0] / 2 == pytest.approx(-0.5)


@pytest.mark.parametrize("hot", [0, 5, len(BOXES) // 2, len(BOXES) - 1])
def test_the_map_is_highest_in_the_hottest_tile(hot: int) -> None:
    scores = np.zeros(len(BOXES))
    scores[hot] = 3.0
    found = painted(scores, pixel_size_um=0.5)
    y, x, side, _ = BOXES[hot]
    tile = found.hottest
    assert tile.centre == pytest.approx((y + side / 2, x + side / 2))
    assert tile.centre_um == pytest.approx((tile.centre[0] / 2, tile.centre[1] / 2))
    assert (tile.strangeness, tile.limit) == (3.0, 4.0)
    assert (tile.y, tile.x, tile.height, tile.width) == tuple(BOXES[hot])
    row, column = np.unravel_index(np.argmax(found.values), found.values.shape)
    at = ((row + 0.5) * found.scale[0], (column + 0.5) * found.scale[1])
    assert y <= at[0] <= y + side and x <= at[1] <= x + side
    cells = np.argwhere(found.values > 1e-6) + 0.5
    places = cells * found.scale
    assert ((places >= (y, x)) & (places <= (y + side, x + side))).all()


def test_overlaps_blend_between_the_two_scores() -> None:
    boxes = tile_boxes((80, 140), 80.0)
    found = TileMap(np.array([0.0, 1.0]), Place(boxes, (80, 140)), (0.0, 4.0))
    middle = found.values[4]
    assert middle[0] == 0 and middle[-1] == pytest.approx(1)
    assert (np.diff(middle) >= -1e-6).all() and ((middle > 0.2) & (middle < 0.8)).any()


def test_the_limits_are_those_given_whatever_the_scores() -> None:
    assert painted(np.full(len(BOXES), 99.0)).limits == (0.0, 4.0)


def test_a_tile_larger_than_the_micrograph_covers_it() -> None:
    shape = (60, 50)
    boxes = tile_boxes(shape, 100.0)
    found = TileMap(np.array([1.5]), Place(boxes, shape), (0.0, 1.0))
    np.testing.assert_allclose(found.values, 1.5, rtol=1e-6)
    tile = found.hottest
    assert tile.centre == (30.0, 25.0) and tile.centre_um is None
    assert (tile.y, tile.x, tile.height, tile.width) == (0, 0, 60, 50)  # cut to the micrograph


def test_scores_must_match_the_tiles() -> None:
    with pytest.raises(ValueError, match="3 scores"):
        TileMap(np.zeros(3), Place(BOXES, SHAPE), (0.0, 1.0))
    with pytest.raises(ValueError, match="full grid"):
        TileMap(np.zeros(len(BOXES) - 1), Place(BOXES[1:], SHAPE), (0.0, 1.0))
