"""What a decision is: verdicts, their evidence, assessments, sample verdicts.

Plain data, without any dependency, so that the report, the library, the
widgets and a script read the same objects.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari_qualify.decide.tile_map import TileMap

Decision = Literal["accept", "review", "reject"]
Call = Literal["accept", "reject"]
Reason = Literal[
    "",
    "both_possible",
    "neither",
    "too_few_references",
    "unlike_references",
    "zero_shot",
    "no_interval",
    "interval_spans_limit",
    "no_phases",
]

DECISIONS: tuple[Decision, ...] = ("accept", "review", "reject")

REASONS: dict[str, str] = {
    "": "decided at the stated risk",
    "both_possible": "an accepted and a rejected micrograph could both look like this",
    "neither": "neither the accepted nor the rejected references look like this",
    "too_few_references": "too few reference groups for the stated risk",
    "unlike_references": "unlike every reference, accepted or rejected",
    "zero_shot": "no references yet: only the statements were compared",
    "no_interval": "the measured value has no 95 % interval",
    "interval_spans_limit": "the 95 % interval of the measured value spans the limit",
    "no_phases": "the limit needs phases, and this micrograph has none",
}


@dataclass(frozen=True)
class Neighbour:
    """One of the references nearest to the judged micrograph.

    Attributes
    ----------
    reference : str
        Identifier of the reference in the library.
    image : str
        Name of the reference's micrograph.
    verdict : {'accept', 'reject'}
        What the expert said of it.
    similarity : float
        Cosine between the two visual vectors, in [-1, 1]. Not a probability.
    expert, group : str
        Who judged it, and the specimen that it shows.
    """

    reference: str
    image: str
    verdict: Call
    similarity: float
    expert: str = ""
    group: str = ""


@dataclass(frozen=True)
class HotTile:
    """The tile of a micrograph that is least like the tiles of accepted references.

    Attributes
    ----------
    y, x, height, width : float
        In pixels, from the upper left corner of the micrograph.
    strangeness : float
        In deviations of the accepted references' tiles; 0 is usual.
    limit : float
        Strangeness that one in a thousand tiles of accepted references exceeds.
    pixel_size_um : float or None
        Micrometres per pixel.
    """

    y: float
    x: float
    height: float
    width: float
    strangeness: float
    limit: float
    pixel_size_um: float | None = None

    @property
    def centre(self) -> tuple[float, float]:
        """Its middle, (y, x) in pixels."""
        return self.y + self.height / 2, self.x + self.width / 2

    @property
    def centre_um(self) -> tuple[float, float] | None:
        """The same in micrometres; None without calibration."""
        if self.pixel_size_um is None:
            return None
        y, x = self.centre
        return y * self.pixel_size_um, x * self.pixel_size_um


@dataclass(frozen=True)
class Evidence:
    """What a verdict rests on.

    Attributes
    ----------
    accepted, rejected : tuple of Neighbour
        Nearest references of either side, most similar first.
    statements : tuple of (str, str, float)
        Text, side ('accept' or 'reject') and its cosine with the micrograph;
        empty when the encoder has no text.
    weight : float or None
        Share w of the visual score in the hybrid.
    margin : float or None
        ``score - cut``, in reference deviations; the sign of a flip.
    population : str
        'library' or 'batch': over what the score was standardised.
    degenerate : bool
        True when the population did not vary, so that the score is 0.
    shares : mapping of str to float
        What each modality adds to the score: ``w z(v)`` and ``(1 - w) z(c)``.
    statement_shares : tuple of float
        What each of `statements` adds to the cross score: plus or minus its
        cosine over the number of statements of its side.
    to_accept, to_reject : float or None
        By how much the score would have to rise (fall, negative) for the
        verdict accept (reject), in reference deviations; 0 where it is the
        verdict, None where no score leads there.
    hottest : HotTile or None
        Strangest tile, where nearest tiles judge.
    """

    accepted: tuple[Neighbour, ...] = ()
    rejected: tuple[Neighbour, ...] = ()
    statements: tuple[tuple[str, str, float], ...] = ()
    weight: float | None = None
    margin: float | None = None
    population: str = "library"
    degenerate: bool = False
    shares: Mapping[str, float] = field(default_factory=dict)
    statement_shares: tuple[float, ...] = ()
    to_accept: float | None = None
    to_reject: float | None = None
    hottest: HotTile | None = None


@dataclass(frozen=True)
class Verdict:
    """Accept, review or reject of one micrograph for one criterion.

    Attributes
    ----------
    criterion : str
    verdict : {'accept', 'review', 'reject'}
    reason : str
        Why it is a review, a key of `REASONS`; empty when decided.
    call : {'accept', 'reject'} or None
        The forced answer: accept when ``score >= cut``.
    score, cut : float or None
        Standardised score, higher is more acceptable; None for a limit.
    p_accept, p_reject : float or None
        Conformal p-values of "this is an accepted one", "a rejected one".
    risk_accept, risk_reject : float
        Largest tolerated share of false accepts, of false rejects.
    modality : str
        'visual', 'cross', 'text', 'hybrid', or 'measure' for a limit.
    rule : str
        The rule with its settings, for example ``gaussian(shrinkage=0.1)``.
    scores : mapping of str to float
        Standardised score of every modality that exists.
    value, value_low, value_high : float or None
        Measured value with its 95 % interval, for a measured limit.
    limit, unit : str
        The limit as written, and the unit of the value.
    evidence : Evidence
    messages : tuple of str
        What a reader should know: missing references, missing calibration.
    tile_map : TileMap or None
        Where the micrograph is unlike the accepted references, where nearest
        tiles judge; not stored.
    """

    criterion: str
    verdict: Decision
    reason: Reason = ""
    call: Call | None = None
    score: float | None = None
    cut: float | None = None
    p_accept: float | None = None
    p_reject: float | None = None
    risk_accept: float = 0.1
    risk_reject: float = 0.1
    modality: str = "visual"
    rule: str = ""
    scores: Mapping[str, float] = field(default_factory=dict)
    value: float | None = None
    value_low: float | None = None
    value_high: float | None = None
    limit: str = ""
    unit: str = ""
    evidence: Evidence = field(default_factory=Evidence)
    messages: tuple[str, ...] = ()
    tile_map: "TileMap | None" = field(default=None, repr=False, compare=False)

    def as_dict(self) -> dict[str, Any]:
        """Plain types for JSON, without the tile map."""
        found = asdict(replace(self, tile_map=None))
        del found["tile_map"]
        return found


@dataclass(frozen=True)
class SampleVerdict:
    """The verdict of a sample over its fields, for one criterion or '*' for all."""

    sample: str
    criterion: str
    fields: int
    verdict: Decision
    score: float | None = None
    reason: str = ""


@dataclass(frozen=True, eq=False)
class Assessment:
    """All verdicts of one micrograph.

    Attributes
    ----------
    image : str
        Name: relative to the inputs' common folder, forward slashes.
    sample : str
        The specimen that it shows.
    content_hash : str
        Of shape, dtype and pixels.
    pixel_size_um : float or None
        Micrometres per pixel.
    verdicts : tuple of Verdict
        In the library's order of criteria.
    fingerprints : mapping of str to str
        Embedding fingerprint per criterion.
    library_version : str
        Changes with any reference or criterion.
    created : str
        ISO 8601, UTC.
    notes : tuple of str
        What was noticed on reading: no calibration, alpha dropped, ...
    thumbnail : ndarray of uint8, shape (Y, X, 3), or None
        For reports; not stored.
    shape : (int, int) or None
        Height and width of the micrograph in pixels.
    """

    image: str
    sample: str
    content_hash: str
    pixel_size_um: float | None
    verdicts: tuple[Verdict, ...]
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    library_version: str = ""
    created: str = ""
    notes: tuple[str, ...] = ()
    thumbnail: NDArray[np.uint8] | None = None
    shape: tuple[int, int] | None = None

    def __getitem__(self, criterion: str) -> Verdict:
        for verdict in self.verdicts:
            if verdict.criterion == criterion:
                return verdict
        raise KeyError(criterion)

    @property
    def verdict(self) -> Decision:
        """Rejected if any criterion rejects, review if any is, else accepted."""
        return overall(v.verdict for v in self.verdicts)

    def as_dict(self) -> dict[str, Any]:
        """Plain types for JSON, without the thumbnail."""
        out = {
            name: getattr(self, name)
            for name in ("image", "sample", "content_hash", "pixel_size_um")
        }
        out |= {
            "shape": None if self.shape is None else list(self.shape),
            "fingerprints": dict(self.fingerprints),
            "library_version": self.library_version,
            "created": self.created,
            "notes": list(self.notes),
            "verdicts": [v.as_dict() for v in self.verdicts],
        }
        return out


@dataclass(frozen=True, eq=False)
class Assessments(Sequence[Assessment]):
    """The assessments of a batch with what a report needs beside them.

    Attributes
    ----------
    items : tuple of Assessment
    samples : tuple of SampleVerdict
    thumbnails : mapping of str to ndarray of uint8, shape (Y, X, 3)
        Pictures of the references that the evidence names, by identifier.
    provenance : mapping
        Versions, encoder, library, criteria and settings behind the verdicts.
    """

    items: tuple[Assessment, ...]
    samples: tuple[SampleVerdict, ...] = ()
    thumbnails: Mapping[str, NDArray[np.uint8]] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.items)

    @overload
    def __getitem__(self, index: int) -> Assessment: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Assessment, ...]: ...
    def __getitem__(self, index: int | slice) -> Assessment | tuple[Assessment, ...]:
        return self.items[index]

    def __iter__(self) -> Iterator[Assessment]:
        return iter(self.items)


def overall(verdicts: Iterable[Decision]) -> Decision:
    """Join verdicts: rejected if any rejects, review if any is, else accepted.

    Parameters
    ----------
    verdicts : iterable of {'accept', 'review', 'reject'}
        At least one; none gives 'review', since nothing was judged.
    """
    found = set(verdicts)
    if "reject" in found:
        return "reject"
    if "review" in found or not found:
        return "review"
    return "accept"
