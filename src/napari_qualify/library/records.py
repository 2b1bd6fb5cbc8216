"""The records of a library: criteria and references.

Frozen and checked on creation; what is on disk is their JSON.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from napari_qualify.decide.settings import candidates
from napari_qualify.embed.views import parse_view
from napari_qualify.errors import UsageError
from napari_qualify.library.jsontext import digest

Risk = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
Micrometres = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def now() -> str:
    """Give the time as ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Record(BaseModel):
    """Common base: frozen, and nothing unknown is let in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # Fields that may differ without changing what is judged.
    incidental: ClassVar[frozenset[str]] = frozenset()
    # Fields that libraries written earlier do not have; at their default they are as if absent.
    later: ClassVar[frozenset[str]] = frozenset()

    @property
    def contents_hash(self) -> str:
        """sha256 of what counts for verdicts; the library's version rests on it."""
        absent = {
            name
            for name in self.later
            if getattr(self, name) == type(self).model_fields[name].default
        }
        return digest(self.model_dump(mode="json", exclude=set(self.incidental) | absent))


class Criterion(Record):
    """One expert assessment that micrographs are judged by.

    Attributes
    ----------
    name : str
        Unique in the library.
    accept, reject : tuple of str
        Statements that describe acceptance and rejection.
    view : str
        What an encoder sees: 'raw', 'overlay', 'phases', or 'masked:carbide'
        with the name of the phase that is kept.
    rule : str
        Decision rule, or 'auto' to choose on the references; see
        `napari_qualify.decide.rules.candidates`.
    modality : str
        'auto', 'visual', 'cross' or 'hybrid'; the last two need an encoder
        with text.
    risk_accept, risk_reject : float
        Largest tolerated share of false accepts, of false rejects; in (0, 1).
    tile_um : float or None
        Side of a tile in micrometres; None takes tiles of the short side.
    limit : str or None
        Measured limit, for example ``pore.area_fraction <= 0.01``.
    weight : float or None
        Share of the visual score in the hybrid, in [0, 1]; None chooses it on
        the references.
    split : bool
        Half of the reference groups calibrate only: exact control of the risks.
    """

    later: ClassVar[frozenset[str]] = frozenset({"weight", "split"})

    name: str = Field(min_length=1, max_length=200)
    accept: tuple[str, ...] = ()
    reject: tuple[str, ...] = ()
    view: str = "raw"
    rule: str = Field(default="auto", min_length=1)
    modality: Literal["auto", "visual", "cross", "hybrid"] = "auto"
    risk_accept: Risk = 0.1
    risk_reject: Risk = 0.1
    tile_um: Micrometres | None = None
    limit: str | None = None
    weight: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    split: bool = False

    @field_validator("name")
    @classmethod
    def _name(cls, name: str) -> str:
        if name != name.strip() or not name:
            raise ValueError("must not be blank, or begin or end with a space")
        if name == "*":
            raise ValueError("'*' is reserved for the verdict over all criteria")
        return name

    @field_validator("accept", "reject")
    @classmethod
    def _statements(cls, statements: tuple[str, ...]) -> tuple[str, ...]:
        if any(not statement.strip() for statement in statements):
            raise ValueError("a statement is blank")
        return statements

    @field_validator("view")
    @classmethod
    def _view(cls, view: str) -> str:
        parse_view(view)
        return view

    @field_validator("rule")
    @classmethod
    def _rule(cls, rule: str) -> str:
        candidates(rule)
        return rule

    @field_validator("limit")
    @classmethod
    def _limit(cls, limit: str | None) -> str | None:
        if limit is not None:
            from napari_qualify.measure.limit import Limit  # loads pandas and scikit-image

            Limit.parse(limit)
        return limit


class Reference(Record):
    """A micrograph or region that an expert accepted or rejected for a criterion.

    Attributes
    ----------
    id : str
        Follows from criterion, verdict, expert, pixels and region, so that
        the same library built twice has the same identifiers.
    criterion : str
    verdict : {'accept', 'reject'}
    image : str
        Name of the micrograph.
    path : str or None
        Its file, relative to the folder that holds the library, with forward
        slashes; None when there is no file.
    region : (int, int, int, int) or None
        y, x, height, width in pixels of the file; None for the whole.
    content_hash : str
        sha256 of shape, dtype and pixels (of the region, when there is one).
    key : str
        As `content_hash`, with the pixel size and the display limits.
    pixel_size_um : float or None
        Micrometres per pixel.
    intensity : dict
        Fields of the intensity policy that the micrograph was read with.
    expert, group, description, note : str
        Who judged it, the specimen, the expert's words, anything else.
    stored : bool
        True when the pixels are in the library.
    thumbnail_hash : str
        sha256 of the thumbnail's pixels.
    created : str
        ISO 8601, UTC.
    """

    id: str = Field(pattern=r"^[0-9a-f]{16}$")
    criterion: str = Field(min_length=1)
    verdict: Literal["accept", "reject"]
    image: str
    path: str | None = None
    region: tuple[int, int, int, int] | None = None
    content_hash: Sha256
    key: str = Field(min_length=1)
    pixel_size_um: Micrometres | None = None
    intensity: dict[str, float | str | None] = Field(default_factory=dict)
    expert: str = ""
    group: str = Field(min_length=1)
    description: str = ""
    note: str = ""
    stored: bool = False
    thumbnail_hash: Sha256
    created: str

    incidental: ClassVar[frozenset[str]] = frozenset(
        {"path", "stored", "thumbnail_hash", "created"}
    )

    @model_validator(mode="after")
    def _has_source(self) -> Self:
        if self.path is None and not self.stored:
            raise ValueError("neither a path nor stored pixels: its micrograph would be lost")
        return self

    @property
    def subject(self) -> tuple[str, tuple[int, int, int, int] | None]:
        """What was judged: the pixels and where they lie."""
        return self.content_hash, self.region


Model = TypeVar("Model", bound=BaseModel)


def checked(model: type[Model], what: str, fields: dict[str, Any]) -> Model:
    """Make a record from what the user gave.

    Raises
    ------
    UsageError
        Naming `what` and each wrong field.
    """
    try:
        return model(**fields)
    except ValidationError as error:
        raise UsageError(f"{what}: {describe(error)}") from error


def describe(error: ValidationError) -> str:
    """Say in one line which fields are wrong and why."""
    return "; ".join(
        (".".join(map(str, issue["loc"])) + ": " if issue["loc"] else "")
        + issue["msg"].removeprefix("Value error, ")
        for issue in error.errors(include_url=False)
    )
