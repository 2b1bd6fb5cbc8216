import numpy as np
import pytest

from napari_qualify.embed.views import VIEWS, needs_phases, parse_view, render_view
from napari_qualify.errors import SegmentationError, UsageError
from napari_qualify.micrograph import Micrograph
from napari_qualify.segment.phases import PHASE_COLOURS, Phases

GREY = np.random.default_rng(0).integers(0, 256, (20, 24)).astype(np.uint8)
LABELS = np.repeat([[0], [1], [2], [3]], 5, axis=0).repeat(24, axis=1)
NAMES = {1: "pore", 2: "matrix", 3: "carbide", 4: "oxide"}
MICROGRAPH = Micrograph(GREY, 0.5, "m.tif")
PHASES = Phases(LABELS, NAMES, 0.5, MICROGRAPH.content_hash)


def test_raw_is_the_micrograph_itself_and_free_to_change() -> None:
    view = render_view(MICROGRAPH, None, "raw")
    assert np.array_equal(view, np.stack([GREY] * 3, -1))
    view[:] = 0
    assert MICROGRAPH.to_rgb().any()


def test_raw_of_a_colour_micrograph_is_free_to_change() -> None:
    colour = Micrograph(np.stack([GREY, GREY.T.reshape(20, 24), GREY], -1), None, "c")
    view = render_view(colour, None, "raw")
    assert np.array_equal(view, colour.pixels)
    view[:] = 0
    assert colour.pixels.any()


def test_masked_keeps_one_phase_on_its_own_mean_grey() -> None:
    view = render_view(MICROGRAPH, PHASES, "masked", "matrix")
    kept = LABELS == 2
    assert np.array_equal(view[kept], np.stack([GREY] * 3, -1)[kept])
    assert np.all(view[~kept] == round(float(GREY[kept].mean())))
    assert np.array_equal(view, render_view(MICROGRAPH, PHASES, "masked:matrix"))


def test_masked_on_a_phase_that_does_not_occur_is_flat() -> None:
    view = render_view(MICROGRAPH, PHASES, "masked:oxide")
    assert np.all(view == round(float(GREY.mean())))


def test_masked_fills_a_colour_micrograph_with_the_mean_colour() -> None:
    pixels = np.stack([GREY, GREY // 2, 255 - GREY], -1)
    micrograph = Micrograph(pixels, None, "c")
    view = render_view(micrograph, Phases(LABELS, NAMES), "masked:pore")
    kept = LABELS == 1
    assert np.array_equal(view[kept], pixels[kept])
    assert np.array_equal(view[0, 0], np.rint(pixels[kept].mean(0)))


def test_overlay_tints_by_forty_percent() -> None:
    view = render_view(MICROGRAPH, PHASES, "overlay").astype(float)
    for value in (1, 2, 3):
        where = value == LABELS
        wanted = 0.6 * GREY[where][:, None] + 0.4 * np.array(PHASE_COLOURS[NAMES[value]])
        assert np.abs(view[where] - wanted).max() <= 0.51
    assert np.array_equal(view[LABELS == 0], np.stack([GREY] * 3, -1)[LABELS == 0])


def test_phases_paints_by_name_not_by_value() -> None:
    view = render_view(MICROGRAPH, PHASES, "phases")
    for value in (1, 2, 3):
        assert np.all(view[value == LABELS] == PHASE_COLOURS[NAMES[value]])
    shuffled = Phases(np.array([0, 7, 1, 2])[LABELS], {7: "pore", 1: "matrix", 2: "carbide"})
    assert np.array_equal(view, render_view(MICROGRAPH, shuffled, "phases"))


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_is_uint8_colour(view: str) -> None:
    phase = "pore" if view == "masked" else None
    for pixels in (GREY, GREY.astype(np.uint16) * 99, GREY / 7.0, np.stack([GREY] * 3, -1)):
        out = render_view(Micrograph(pixels, None, "x"), Phases(LABELS, NAMES), view, phase)
        assert out.dtype == np.uint8
        assert out.shape == (20, 24, 3)


def test_phases_of_something_else_are_refused() -> None:
    with pytest.raises(SegmentationError, match=r"m.tif: .*\(24, 20\).*\(20, 24\)"):
        render_view(MICROGRAPH, Phases(LABELS.T, NAMES), "overlay")
    with pytest.raises(SegmentationError, match="other pixels"):
        render_view(MICROGRAPH, Phases(LABELS, NAMES, source="0" * 64), "overlay")
    with pytest.raises(SegmentationError, match="needs phases"):
        render_view(MICROGRAPH, None, "phases")
    with pytest.raises(SegmentationError, match="No phase named 'crack'"):
        render_view(MICROGRAPH, PHASES, "masked:crack")


@pytest.mark.parametrize(
    "spec", ["", "Raw", "masked", "masked:", "overlay:pore", "raw:", "phases:x", ":pore"]
)
def test_views_that_do_not_exist_are_refused(spec: str) -> None:
    with pytest.raises(UsageError, match="masked:PHASE"):
        parse_view(spec)


def test_views_are_spelled_as_criteria_do() -> None:
    assert parse_view("masked: dissolved carbide ") == ("masked", "dissolved carbide")
    assert parse_view("raw") == ("raw", None)
    assert [needs_phases(v) for v in ("raw", "phases", "masked:pore")] == [False, True, True]
