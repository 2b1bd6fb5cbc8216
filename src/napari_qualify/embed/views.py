"""Views: what of a micrograph an encoder is shown."""

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from napari_qualify.errors import SegmentationError, UsageError
from napari_qualify.segment.phases import Phases

if TYPE_CHECKING:
    from napari_qualify.micrograph import Micrograph

View = Literal["raw", "masked", "overlay", "phases"]
VIEWS: tuple[View, ...] = get_args(View)

TINT = 0.4
"""Share of the phase colour in an overlay."""

_UNLABELLED = (128, 128, 128)  # colour of pixels of no phase in the view 'phases'


def parse_view(spec: str) -> tuple[View, str | None]:
    """Split a view as a criterion spells it, ``masked:carbide``, into its parts.

    Parameters
    ----------
    spec : str
        One of `VIEWS`; ``masked`` with the phase to keep after a colon.

    Returns
    -------
    view : str
    phase : str or None
        Only for ``masked``.

    Raises
    ------
    UsageError
        For an unknown view, or a phase that is missing or does not belong there.
    """
    name, colon, phase = (part.strip() for part in spec.partition(":"))
    for view in VIEWS:
        if view == name and bool(phase) == (view == "masked") and bool(colon) == bool(phase):
            return view, phase or None
    raise UsageError(
        f"View {spec!r} is not known. Use raw, overlay, phases, or masked:PHASE with the "
        "phase to keep, for example masked:carbide."
    )


def needs_phases(view: str) -> bool:
    """Whether a view, as a criterion spells it, cannot be drawn without phases."""
    return parse_view(view)[0] != "raw"


def render_view(
    micrograph: "Micrograph", phases: Phases | None, view: str, phase: str | None = None
) -> NDArray[np.uint8]:
    """Draw a view of a micrograph.

    Parameters
    ----------
    micrograph : Micrograph
    phases : Phases or None
        Of the same shape as the micrograph; None will do for ``raw``.
    view : {'raw', 'masked', 'overlay', 'phases'}
        ``raw`` shows the micrograph in its intensity policy. ``masked`` keeps
        one phase and fills the rest with that phase's mean grey (mean colour
        of an RGB micrograph), so that the outline adds little contrast; where
        the phase does not occur all is filled with the micrograph's mean.
        ``overlay`` tints every phase with 40 % of its colour. ``phases``
        paints the fixed colour of each phase name. ``masked:carbide`` spells
        view and phase in one.
    phase : str, optional
        The phase to keep, for ``masked``.

    Returns
    -------
    ndarray of uint8, shape (Y, X, 3)
        A new array.

    Raises
    ------
    UsageError
        For an unknown view.
    SegmentationError
        When phases are missing, of another shape or another micrograph, or
        have no phase of that name.
    """
    kind, kept = parse_view(f"{view}:{phase}" if phase else view)
    if kind == "raw":
        return np.array(micrograph.to_rgb())
    if phases is None:
        raise SegmentationError(
            f"{micrograph.name}: the view {view!r} needs phases; segment the micrograph "
            "first, or use the view raw."
        )
    _check_belongs(micrograph, phases)
    if kind == "phases":
        return np.asarray(_paint(phases, _UNLABELLED)[phases.labels], np.uint8)
    rgb = micrograph.to_rgb()
    if kind == "overlay":
        return _overlay(rgb, phases)
    assert kept is not None  # parse_view gives masked a phase
    return _masked(rgb, phases.mask(kept))


def _check_belongs(micrograph: "Micrograph", phases: Phases) -> None:
    if phases.shape != tuple(micrograph.shape):
        raise SegmentationError(
            f"{micrograph.name}: the phases have shape {phases.shape} and the micrograph "
            f"{tuple(micrograph.shape)}; segment this micrograph itself."
        )
    if phases.source and phases.source != micrograph.content_hash:
        raise SegmentationError(
            f"{micrograph.name}: the phases were found on other pixels "
            f"({phases.image or phases.source[:12]}); segment this micrograph itself."
        )


def _paint(phases: Phases, unlabelled: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Table of RGB per label value, shape (largest value + 1, 3)."""
    table = np.empty((int(phases.labels.max()) + 1, 3), np.uint8)
    table[:] = unlabelled
    for value, colour in phases.colours().items():
        if value < len(table):
            table[value] = colour
    return table


def _overlay(rgb: NDArray[np.uint8], phases: Phases) -> NDArray[np.uint8]:
    colours = _paint(phases, _UNLABELLED).astype(np.float32)
    share = np.full((len(colours), 1), TINT, np.float32)
    if 0 not in phases.names:
        share[0] = 0  # no phase, no tint
    tint, keep = colours * share + 0.5, 1 - share  # + 0.5: the cast below rounds
    return np.asarray(rgb * keep[phases.labels] + tint[phases.labels]).astype(np.uint8)


def _masked(rgb: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    shown = rgb[mask] if mask.any() else rgb.reshape(-1, 3)
    fill = np.rint(shown.mean(axis=0, dtype=np.float64)).astype(np.uint8)
    return np.where(mask[..., None], rgb, fill)
