"""What an encoder sees of a micrograph, and the fingerprint that follows from it."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from napari_qualify.decide.settings import TILES
from napari_qualify.embed.base import Encoder, numeric_class
from napari_qualify.embed.views import parse_view
from napari_qualify.micrograph import Micrograph

if TYPE_CHECKING:
    from napari_qualify.library.records import Criterion
    from napari_qualify.library.store import Library

OVERLAP = 0.25
DENSE_OVERLAP = 0.5
"""Of nearest tiles: any defect up to half a tile lies whole in one of them."""


@dataclass(frozen=True)
class EmbedSettings:
    """What of a micrograph an encoder sees.

    Attributes
    ----------
    view : str
        ``raw``, ``masked:PHASE``, ``overlay`` or ``phases``.
    tile_um : float or None
        Side of a tile in micrometres; None for squares of the short side.
    overlap : float
        Least share of a tile that its neighbour sees again.
    """

    view: str = "raw"
    tile_um: float | None = None
    overlap: float = OVERLAP

    @property
    def view_name(self) -> str:
        """View without its phase."""
        return parse_view(self.view)[0]

    @property
    def phase(self) -> str | None:
        """Phase that a masked view keeps."""
        return parse_view(self.view)[1]


def describe(encoder: Encoder, settings: EmbedSettings) -> dict[str, Any]:
    """All that a vector depends on beside the micrograph, as plain JSON types."""
    return {
        **encoder.identity,
        **asdict(settings),
        "resampling": encoder.resampling,
        "pooling": "mean of tiles",
        "intensity": "8-bit as it is, else percentiles 0.1 to 99.9, unless in the key",
        "numeric_class": numeric_class(encoder),
    }


def fingerprint(encoder: Encoder, settings: EmbedSettings) -> str:
    """Hash of `describe`: other fingerprint, other embedding; 24 hexadecimal digits."""
    text = json.dumps(describe(encoder, settings), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def tile_pixels(micrograph: Micrograph, settings: EmbedSettings) -> tuple[float | None, list[str]]:
    """Side of a tile in pixels of this micrograph (None: its short side), with notes."""
    if settings.tile_um is None:
        return None, []
    if micrograph.pixel_size_um is None:
        return None, [
            f"Not calibrated: tiles of {settings.tile_um:g} um became the whole field; give the "
            "pixel size."
        ]
    side = settings.tile_um / micrograph.pixel_size_um
    if side > min(micrograph.shape):
        return side, [f"The field is smaller than a tile of {settings.tile_um:g} um: mirrored."]
    return side, []


def settings_of(library: "Library", criterion: "str | Criterion") -> EmbedSettings:
    """How a criterion wants its micrographs embedded."""
    found = library.criteria[criterion] if isinstance(criterion, str) else criterion
    overlap = DENSE_OVERLAP if found.rule.strip() == TILES else OVERLAP
    return EmbedSettings(found.view, found.tile_um, overlap)
