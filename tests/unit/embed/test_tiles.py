import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_qualify.embed import tiles
from napari_qualify.embed.tiles import tile_boxes, tile_image
from napari_qualify.errors import UsageError

SIDES = st.integers(16, 3000)
TILES = st.floats(4, 4000, allow_nan=False)
OVERLAPS = st.floats(0, 0.9)


def gaps(starts: np.ndarray, tile: float, length: int) -> float:
    """Largest stretch of the axis, in pixels, that no tile covers."""
    ends = np.concatenate([[0.0], starts + tile])
    return float(np.max(np.concatenate([starts, [length]]) - ends))


@given(SIDES, SIDES, st.floats(40, 4000), OVERLAPS)
@settings(max_examples=200, deadline=None)
def test_tiles_cover_stay_inside_and_keep_the_scale(
    height: int, width: int, tile: float, overlap: float
) -> None:
    boxes = tile_boxes((height, width), tile, overlap)
    assert np.all(boxes[:, 2:] == tile)
    for axis, length in ((0, height), (1, width)):
        starts = np.unique(boxes[:, axis])
        assert gaps(starts, tile, length) <= 1e-6
        if tile <= length:
            assert starts[0] == 0
            assert starts[-1] + tile == pytest.approx(length)
            steps = np.diff(starts)
            assert np.all(steps <= tile * (1 - overlap) + 1e-6)
            assert np.allclose(steps, steps[:1])
        else:
            assert starts == pytest.approx([(length - tile) / 2])
    assert len(boxes) == len(np.unique(boxes[:, 0])) * len(np.unique(boxes[:, 1]))


def test_no_tile_too_many() -> None:
    assert len(tile_boxes((400, 400), 100, 0)) == 16
    assert len(tile_boxes((400, 400), 400, 0.25)) == 1
    assert len(tile_boxes((400, 700), 400, 0.25)) == 2  # 1 + 300 / (400 * .75)
    assert len(tile_boxes((400, 701), 400, 0.25)) == 3


@given(st.integers(16, 90), st.integers(16, 90))
@settings(max_examples=30, deadline=None)
def test_without_a_size_tiles_take_the_short_side(height: int, width: int) -> None:
    rgb = np.zeros((height, width, 3), np.uint8)
    out = tile_image(rgb, None, 8)
    assert np.all(out.boxes[:, 2:] == min(height, width))
    assert out.images.shape == (len(out), 8, 8, 3)
    assert out.notes == ()
    assert (len(out) == 1) == (height == width)


def test_a_tile_at_the_encoders_scale_is_the_image_itself() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (50, 70, 3)).astype(np.uint8)
    out = tile_image(rgb, 20, 20, 0.0)
    for image, (y, x, h, w) in zip(out.images, out.boxes, strict=True):
        if y == int(y) and x == int(x):
            assert np.array_equal(image, rgb[int(y) : int(y + h), int(x) : int(x + w)])


def test_a_ramp_keeps_its_place_and_scale() -> None:
    # Positions are read back from the grey: a shift by half a pixel would show.
    ramp = np.broadcast_to(np.arange(256, dtype=np.uint8)[:, None, None], (256, 256, 3))
    out = tile_image(np.ascontiguousarray(ramp), 101.5, 29, 0.25)
    for image, (y, _, h, _) in zip(out.images, out.boxes, strict=True):
        wanted = y + (np.arange(29) + 0.5) * h / 29 - 0.5
        assert np.abs(image[3:-3, 14, 0] - wanted[3:-3]).max() < 1.0


@pytest.mark.parametrize("factor", [2.0, 3.3, 7.5, 24.0])
def test_what_the_encoder_cannot_resolve_is_suppressed(factor: float) -> None:
    # 1.4 times the Nyquist frequency of the tile: picking every n-th pixel would
    # show it as a false texture of full contrast.
    side = 32
    size = int(side * factor)
    tile = float(size)
    period = 2 * tile / side / 1.4
    wave = 127 + 100 * np.sin(2 * np.pi * np.arange(size) / period)
    rgb = np.repeat(np.tile(wave, (size, 1))[..., None], 3, -1).astype(np.uint8)
    inner = tile_image(rgb, tile, side).images[0, 4:-4, 4:-4, 0]
    assert inner.std() < 0.05 * wave.std()
    assert inner.mean() == pytest.approx(wave.mean(), abs=2)


def test_what_the_encoder_can_resolve_stays() -> None:
    wave = 127 + 100 * np.sin(2 * np.pi * np.arange(320) / 80)  # period of 8 px in the tile
    rgb = np.repeat(np.tile(wave, (320, 1))[..., None], 3, -1).astype(np.uint8)
    assert tile_image(rgb, 320, 32).images[0, :, :, 0].std() > 0.9 * wave.std()


@given(st.integers(16, 60), st.integers(16, 60), st.floats(20, 200))
@settings(max_examples=30, deadline=None)
def test_a_tile_larger_than_the_image_is_its_reflection(h: int, w: int, tile: float) -> None:
    rgb = np.full((h, w, 3), 77, np.uint8)
    out = tile_image(rgb, tile, 16)
    assert np.all(out.images == 77)
    assert bool(out.notes) == (tile > min(h, w))


def test_the_image_keeps_its_scale_inside_a_larger_tile() -> None:
    rgb = np.zeros((40, 40, 3), np.uint8)
    rgb[10:30, 10:30] = 200
    out = tile_image(rgb, 80, 80)
    assert np.array_equal(out.boxes, [[-20, -20, 80, 80]])
    assert np.array_equal(out.images[0, 20:60, 20:60], rgb)
    assert np.array_equal(out.images[0, :20, 20:60], rgb[19::-1])
    assert "larger than the image of 40 x 40 px" in out.notes[0]


def test_equal_physics_gives_equal_tiles_whatever_the_camera() -> None:
    # One field at 0.2 and at 0.1 um per pixel, tiles of 40 um.
    rng = np.random.default_rng(1)
    from scipy.ndimage import gaussian_filter

    fine = gaussian_filter(rng.normal(size=(800, 800)), 12)
    fine = (255 * (fine - fine.min()) / np.ptp(fine)).astype(np.uint8)
    coarse = np.rint(fine.reshape(400, 2, 400, 2).mean((1, 3))).astype(np.uint8)
    one, two = (np.repeat(g[..., None], 3, -1) for g in (fine, coarse))
    a, b = tile_image(one, 400, 64).images, tile_image(two, 200, 64).images
    assert a.shape == b.shape
    assert np.abs(a.astype(int) - b).max() <= 3


def test_tiles_are_the_same_on_every_call() -> None:
    rgb = np.random.default_rng(2).integers(0, 256, (90, 130, 3)).astype(np.uint8)
    assert np.array_equal(tile_image(rgb, 33.3, 24).images, tile_image(rgb, 33.3, 24).images)


def test_wrong_use_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    rgb = np.zeros((40, 40, 3), np.uint8)
    for size in (0, 3.9, -5, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="too small"):
            tile_image(rgb, size, 8)
    for overlap in (-0.1, 0.95, float("nan")):
        with pytest.raises(UsageError, match="overlap"):
            tile_image(rgb, 20, 8, overlap)
    with pytest.raises(UsageError, match="far larger than the image"):
        tile_image(rgb, 1e6, 8)
    with pytest.raises(UsageError, match="uint8 RGB"):
        tile_image(rgb[..., 0], 20, 8)
    with pytest.raises(UsageError, match="must be positive"):
        tile_image(rgb, 20, 0)
    monkeypatch.setattr(tiles, "MAX_TILES", 10)
    with pytest.raises(UsageError, match="larger tile or crop"):
        tile_image(rgb, 10, 8)
