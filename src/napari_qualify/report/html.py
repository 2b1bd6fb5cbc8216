"""The report as one HTML page that needs nothing else: no network, no other file."""

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from napari_qualify.decide.explain import Explanation, explain, where
from napari_qualify.decide.verdict import (
    DECISIONS,
    Assessment,
    Assessments,
    Neighbour,
    SampleVerdict,
    Verdict,
)
from napari_qualify.report import words
from napari_qualify.report.axis import INSET, WIDTH, Axis, axis_of, limit_of
from napari_qualify.report.pictures import SIDE, Picture, ScaleBar, picture, scale_bar
from napari_qualify.report.plain import plain, text
from napari_qualify.report.tile_maps import paint


@dataclass(frozen=True)
class CriterionView:
    """One criterion over the whole batch."""

    name: str
    counts: Mapping[str, int]
    axis: Axis
    symbol: str
    modality: str
    rules: str
    risk_accept: float
    risk_reject: float


@dataclass(frozen=True)
class SideView:
    """What speaks for or against one side: its p-value and nearest references."""

    side: str
    p: float | None
    risk: float
    words: str
    neighbours: Sequence[tuple[Neighbour, str]]


@dataclass(frozen=True)
class VerdictView:
    """One verdict of one micrograph."""

    verdict: Verdict
    criterion: CriterionView
    why: str
    sides: Sequence[SideView]
    statements: Sequence[tuple[str, str, float]]
    limit: tuple[bool, float] | None
    words: Explanation
    map: Picture | None = None


@dataclass(frozen=True)
class CardView:
    """One micrograph."""

    id: str
    assessment: Assessment
    summary: str
    verdicts: Sequence[VerdictView]
    by_criterion: Mapping[str, Verdict]
    picture: Picture | None
    scale: ScaleBar | None

    @property
    def pictures(self) -> list[Picture]:
        """The micrograph, and its maps."""
        return [p for p in (self.picture, *(v.map for v in self.verdicts)) if p is not None]


@dataclass(frozen=True)
class SampleView:
    """One sample: its overall verdict and one per criterion."""

    name: str
    fields: int
    overall: SampleVerdict | None
    by_criterion: Mapping[str, SampleVerdict]
    reasons: str


def render(assessments: Assessments, failures: Sequence[Sequence[str]] = ()) -> str:
    """Write the page.

    Parameters
    ----------
    assessments : Assessments
        Any number of micrographs, also none.
    failures : sequence of (image, error)
        Micrographs that could not be judged.

    Returns
    -------
    str
        HTML; every name and message in it is escaped.
    """
    references = {
        name: picture(f"r{i}", rgb) for i, (name, rgb) in enumerate(assessments.thumbnails.items())
    }
    criteria = _criteria(assessments)
    cards = [_card(i, a, criteria, references) for i, a in enumerate(assessments)]
    script = _part("filter.js")
    page = (
        _environment()
        .get_template("report.html")
        .render(
            assessments=assessments,
            cards=cards,
            criteria=list(criteria.values()),
            counts=Counter(a.verdict for a in assessments),
            failures=failures,
            samples=_samples(assessments),
            pictures=[*references.values(), *(p for c in cards for p in c.pictures)],
            provenance=_flat(plain(assessments.provenance)),
            fingerprints=_fingerprints(assessments),
            created=_created(assessments),
            library=library_name(assessments.provenance),
            decisions=DECISIONS,
            grouped=any(a.sample != a.image for a in assessments),
            style=Markup(_part("style.css")),
            script=Markup(script),
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
        )
    )
    return text(page)


def library_name(provenance: Mapping[str, Any]) -> str:
    """Name of the library behind the verdicts, without folder and suffix; '' when not known."""
    value = provenance.get("library", "")
    if isinstance(value, Mapping):
        value = value.get("name") or value.get("path") or ""
    name = text(value).replace("\\", "/").rstrip("/").rpartition("/")[2]
    return name.removesuffix(".qualify.zarr")


def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_part),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": words.number, "score": words.score, "where": where}
    environment.globals |= {
        "WORDS": words.WORDS,
        "MODALITIES": words.MODALITIES,
        "AXIS_WIDTH": WIDTH,
        "AXIS_INSET": INSET,
    }
    return environment


def _part(name: str) -> str:
    return (files("napari_qualify.report") / "templates" / name).read_text("utf-8")


def _criteria(assessments: Assessments) -> dict[str, CriterionView]:
    found: dict[str, list[Verdict]] = {}
    for assessment in assessments:
        for verdict in assessment.verdicts:
            found.setdefault(verdict.criterion, []).append(verdict)
    out = {}
    for i, (name, verdicts) in enumerate(found.items()):
        measured = any(v.limit for v in verdicts)
        values: list[float | None] = [v.value if measured else v.score for v in verdicts]
        marks: list[float | None] = [v.cut for v in verdicts if not measured]
        for v in verdicts if measured else ():
            limit = limit_of(v)
            marks += [v.value_low, v.value_high, limit[1] if limit else None]
        out[name] = CriterionView(
            name=name,
            counts=Counter(v.verdict for v in verdicts),
            axis=axis_of(values, marks),
            symbol=f"a{i}",
            modality=", ".join(_unique(v.modality for v in verdicts)),
            rules="; ".join(_unique(v.limit or v.rule for v in verdicts)),
            risk_accept=max(v.risk_accept for v in verdicts),
            risk_reject=max(v.risk_reject for v in verdicts),
        )
    return out


def _card(
    index: int,
    assessment: Assessment,
    criteria: Mapping[str, CriterionView],
    references: Mapping[str, Picture],
) -> CardView:
    return CardView(
        id=f"m{index}",
        assessment=assessment,
        summary=words.summary(assessment),
        verdicts=[
            replace(
                _verdict(v, criteria[v.criterion], references),
                map=_map(f"t{index}-{i}", assessment, v),
            )
            for i, v in enumerate(assessment.verdicts)
        ],
        by_criterion={v.criterion: v for v in assessment.verdicts},
        picture=None
        if assessment.thumbnail is None
        else picture(f"p{index}", assessment.thumbnail),
        scale=scale_bar(assessment.shape, assessment.pixel_size_um),
    )


def _map(name: str, assessment: Assessment, verdict: Verdict) -> Picture | None:
    if verdict.tile_map is None or assessment.thumbnail is None:
        return None
    return picture(name, paint(assessment.thumbnail, verdict.tile_map, SIDE))


def _verdict(
    verdict: Verdict, criterion: CriterionView, references: Mapping[str, Picture]
) -> VerdictView:
    evidence = verdict.evidence

    def side(name: str, p: float | None, risk: float, neighbours: Iterable[Neighbour]) -> SideView:
        shown = [
            (n, references[n.reference].id if n.reference in references else "") for n in neighbours
        ]
        return SideView(name, p, risk, words.likeness(p, risk), shown)

    return VerdictView(
        verdict=verdict,
        criterion=criterion,
        why=words.why(verdict),
        # An "accepted one" is ruled out at the risk of false rejects, and the reverse.
        sides=()
        if verdict.limit
        else (
            side("accepted", verdict.p_accept, verdict.risk_reject, evidence.accepted),
            side("rejected", verdict.p_reject, verdict.risk_accept, evidence.rejected),
        ),
        statements=sorted(evidence.statements, key=lambda s: -s[2]),
        limit=limit_of(verdict),
        words=explain(verdict),
    )


def _samples(assessments: Assessments) -> list[SampleView]:
    by: dict[str, dict[str, SampleVerdict]] = {}
    for verdict in assessments.samples:
        by.setdefault(verdict.sample, {})[verdict.criterion] = verdict
    return [_sample(name, found) for name, found in by.items()]


def _sample(name: str, found: dict[str, SampleVerdict]) -> SampleView:
    fields = max(v.fields for v in found.values())
    overall = found.pop("*", None)
    reasons = [f"{c}: {words.reason(v.reason)}" for c, v in found.items() if v.reason]
    if not reasons and overall is not None and overall.reason:
        reasons = [words.reason(overall.reason)]
    return SampleView(name, fields, overall, found, "; ".join(reasons))


def _fingerprints(assessments: Assessments) -> list[tuple[str, str, int]]:
    """Criterion, embedding fingerprint and number of micrographs, most frequent first."""
    count = Counter((c, f) for a in assessments for c, f in a.fingerprints.items())
    return [(criterion, fingerprint, n) for (criterion, fingerprint), n in count.most_common()]


def _created(assessments: Assessments) -> str:
    made = [a.created for a in assessments if a.created]
    last = max(made) if made else datetime.now(UTC).isoformat(timespec="seconds")
    return last.replace("T", " ").replace("+00:00", " UTC")


def _flat(value: Any, name: str = "") -> list[tuple[str, str]]:
    """Name and value of everything inside nested mappings, for a two-column table."""
    if isinstance(value, Mapping):
        return [
            row
            for key, item in value.items()
            for row in _flat(item, f"{name} · {key}" if name else key)
        ]
    if isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        return [row for i, item in enumerate(value) for row in _flat(item, f"{name} {i + 1}")]
    if isinstance(value, list):
        return [(name, "; ".join(map(str, value)))]
    return [(name, "–" if value is None else str(value))]


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(v for v in values if v))
