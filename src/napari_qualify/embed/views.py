"""Views: what of a micrograph an encoder is shown."""

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from napari_qualify.errors import SegmentationError, UsageError
from napari_qualify.intensity import to_uint8
from napari_qualify.segment.phases import Phases

if TYPE_CHECKING:
    from napari_qualify.micrograph import Micrograph

View = Literal["raw", "masked", "overlay", "phases"]
VIEWS: tuple[View, ...] = get_args(View)

TINT = 0.4
"""Share of the phase colour in an overlay."""

_BLOCK = 1 << 22  # pixels gone through at once
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


class Picture:
    """A view of a micrograph, drawn part by part.

    Parameters
    ----------
    micrograph : Micrograph
    phases : Phases or None
        Of the same shape as the micrograph; None will do for ``raw``.
    view : str
        As `render_view` takes it.
    phase : str, optional
        The phase to keep, for ``masked``.

    Attributes
    ----------
    shape : tuple of int
        Height and width in pixels.

    Raises
    ------
    UsageError, SegmentationError
        As `render_view`.
    """

    def __init__(
        self, micrograph: "Micrograph", phases: Phases | None, view: str, phase: str | None = None
    ) -> None:
        self.kind, kept = parse_view(f"{view}:{phase}" if phase else view)
        self.shape = micrograph.shape
        self._pixels, self._limits = micrograph.pixels, micrograph.display_limits()
        if self.kind == "raw":
            return
        if phases is None:
            raise SegmentationError(
                f"{micrograph.name}: the view {view!r} needs phases; segment the micrograph "
                "first, or use the view raw."
            )
        _check_belongs(micrograph, phases)
        self._labels = phases.labels
        if self.kind == "masked":
            assert kept is not None  # parse_view gives masked a phase
            self._mask = phases.mask(kept)
            self._fill = self._mean()
            return
        self._colours = _paint(phases, _UNLABELLED)
        share = np.full((len(self._colours), 1), TINT, np.float32)
        if 0 not in phases.names:
            share[0] = 0  # no phase, no tint
        # + 0.5: the cast to integers rounds
        self._tint, self._keep = self._colours.astype(np.float32) * share + 0.5, 1 - share

    def window(self, y: slice, x: slice) -> NDArray[np.uint8]:
        """Part of the view, (h, w, 3); (h, w) for a grey micrograph as it is."""
        if self.kind == "phases":
            return np.asarray(self._colours[self._labels[y, x]])
        shown = to_uint8(self._pixels[y, x], self._limits)
        if self.kind == "raw":
            return shown
        rgb = shown if shown.ndim == 3 else np.repeat(shown[..., np.newaxis], 3, axis=2)
        if self.kind == "masked":
            return np.asarray(np.where(self._mask[y, x, np.newaxis], rgb, self._fill))
        labels = self._labels[y, x]
        return np.asarray(rgb * self._keep[labels] + self._tint[labels]).astype(np.uint8)

    def _mean(self) -> NDArray[np.uint8]:
        """Mean colour of the kept phase; of all where it does not occur. Row by row."""
        everywhere = not self._mask.any()
        total = np.zeros(3)
        step = max(1, _BLOCK // self.shape[1])
        for top in range(0, self.shape[0], step):
            shown = to_uint8(self._pixels[top : top + step], self._limits)
            inside = shown[self._mask[top : top + step] | everywhere]
            total += inside.sum(axis=0, dtype=np.float64)  # a grey's sum goes to all three
        count = self._mask.size if everywhere else np.count_nonzero(self._mask)
        return np.rint(total / count).astype(np.uint8)


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
    whole = Picture(micrograph, phases, view, phase).window(slice(None), slice(None))
    return np.array(whole) if whole.ndim == 3 else np.repeat(whole[..., np.newaxis], 3, axis=2)


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
