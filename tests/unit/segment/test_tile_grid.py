import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from napari_qualify.errors import SegmentationError
from napari_qualify.segment.tile_grid import ALIGN, lay

grids = st.builds(
    lay,
    st.integers(1, 4000),
    st.one_of(st.just(1.0), st.floats(1 / 16, 16)),
    st.sampled_from([64, 96, 128, 256, 512]),
    st.sampled_from([4, 16, 31, 32]),
)


def weights(axis):
    """Weight of every patch in every source pixel."""
    found = np.zeros((len(axis.origins), axis.length), np.float32)
    for k in range(len(axis.origins)):
        found[k, axis.start(k) : axis.stop(k)] = 1
    for k in range(1, len(axis.origins)):
        fade = axis.fade_in(k)
        found[k, axis.start(k) : axis.stop(k - 1)] = fade
        found[k - 1, axis.start(k) : axis.stop(k - 1)] = 1 - fade
    return found


@given(grids)
def test_every_pixel_is_covered_and_weights_sum_to_one(axis):
    found = weights(axis)
    assert np.abs(found.sum(0) - 1).max() < 1e-6
    assert found.min() >= 0 and (found > 0).sum(0).max() <= 2


def test_one_patch_fades_into_the_next():
    axis = lay(1000, 1.0, 128, 32)
    fade = axis.fade_in(1)
    assert len(fade) == 16 and np.all(np.diff(fade) > 0)
    assert fade[0] < 0.02 and fade[-1] > 0.98 and fade[7] < 0.5 < fade[8]
    assert axis.start(1) >= axis.origins[1] + 8  # without context, without weight
    assert axis.stop(0) <= axis.origins[0] + 128 - 8


@given(grids)
def test_a_patch_weighs_only_where_it_has_pixels(axis):
    assert axis.side % ALIGN == 0
    for k, origin in enumerate(axis.origins):
        assert origin % ALIGN == 0
        first, stop = (axis.start(k) + 0.5) / axis.ratio, (axis.stop(k) - 0.5) / axis.ratio
        assert origin <= first and stop <= origin + axis.side
    past = axis.origins[-1] + axis.side - axis.model_length
    assert 0 <= past < ALIGN


@given(grids, st.data())
def test_a_part_is_touched_by_the_patches_with_weight_in_it(axis, data):
    first = data.draw(st.integers(0, axis.length - 1))
    stop = data.draw(st.integers(first + 1, axis.length))
    has = [axis.start(k) < stop and axis.stop(k) > first for k in range(len(axis.origins))]
    assert list(axis.touching(first, stop)) == list(np.flatnonzero(has))


@given(st.integers(513, 20000), st.sampled_from([64, 128, 160]))
def test_neighbours_share_at_least_the_overlap(length, overlap):
    axis = lay(length, 1.0, 512, overlap)
    assume(len(axis.origins) > 1)
    assert np.diff(axis.origins).max() <= 512 - overlap
    fewest = 1 + -(-(length - 512) // ((512 - overlap) // 32 * 32))
    assert len(axis.origins) <= fewest + 1


@pytest.mark.parametrize(("tile", "overlap"), [(500, 128), (0, 0), (128, 80), (512, 0)])
def test_patches_that_do_not_work_are_an_error(tile, overlap):
    with pytest.raises(SegmentationError, match=f"patches of {tile} px"):
        lay(100, 1.0, tile, overlap)
