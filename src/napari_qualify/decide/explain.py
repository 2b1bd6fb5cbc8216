"""A verdict in plain language, with the numbers under it."""

from collections.abc import Mapping
from dataclasses import dataclass

from napari_qualify.decide.verdict import REASONS, Evidence, HotTile, Neighbour, Verdict

_OF_VERDICT = (
    *("score", "cut", "p_accept", "p_reject", "risk_accept", "risk_reject"),
    *("value", "value_low", "value_high", "unit", "limit", "modality", "rule"),
)
_OF_EVIDENCE = ("margin", "weight", "to_accept", "to_reject")
_VERB = {"accept": "accepted", "reject": "rejected", "review": "sent to review"}


@dataclass(frozen=True)
class Explanation:
    """Why a verdict is what it is.

    Attributes
    ----------
    text : str
        One paragraph.
    numbers : mapping of str to float or str
        The numbers behind it, under the names of `Verdict` and `Evidence`.
    """

    text: str
    numbers: Mapping[str, float | str]

    def __str__(self) -> str:
        return self.text


def explain(verdict: Verdict) -> Explanation:
    """Explain a verdict in one paragraph of plain language.

    Parameters
    ----------
    verdict : Verdict

    Returns
    -------
    Explanation
        Its ``str`` is the paragraph.
    """
    sentences = [_what(verdict)]
    if verdict.limit:
        sentences += _limit(verdict)
    else:
        sentences += [*_risk(verdict), *_score(verdict), *_nearest(verdict.evidence)]
        sentences += [*_said(verdict), *_flip(verdict)]
        if verdict.evidence.hottest is not None:
            sentences.append(where(verdict.evidence.hottest))
    sentences += verdict.messages
    return Explanation(" ".join(sentence for sentence in sentences if sentence), _numbers(verdict))


def _what(verdict: Verdict) -> str:
    why = f": {REASONS[verdict.reason]}" if verdict.reason else ""
    return f"For \u201c{verdict.criterion}\u201d it is {_VERB[verdict.verdict]}{why}."


def _limit(verdict: Verdict) -> list[str]:
    if verdict.value is None:
        return [f"The limit is {verdict.limit}."]
    unit = f" {verdict.unit}" if verdict.unit else ""
    between = ""
    if verdict.value_low is not None and verdict.value_high is not None:
        low, high = _spelled(verdict.value_low, ".4g"), _spelled(verdict.value_high, ".4g")
        between = f" (95 % interval {low} to {high}{unit})"
    value = _spelled(verdict.value, ".4g")
    return [f"Measured: {value}{unit}{between}; the limit is {verdict.limit}."]


def _risk(verdict: Verdict) -> list[str]:
    parts = []
    if verdict.p_accept is not None:
        parts.append(f"{verdict.p_accept:.3g} that an accepted one scores as low")
    if verdict.p_reject is not None:
        parts.append(f"{verdict.p_reject:.3g} that a rejected one scores as high")
    if not parts:
        return []
    return [
        f"By the references, the p-values are {' and '.join(parts)}; the risks are "
        f"{verdict.risk_accept:g} of a false accept and {verdict.risk_reject:g} of a false reject."
    ]


def _score(verdict: Verdict) -> list[str]:
    if verdict.score is None or verdict.cut is None:
        return []
    margin = verdict.score - verdict.cut
    side = "above" if margin >= 0 else "below"
    call = f"; without the band of review the call is {verdict.call}" if verdict.call else ""
    return [
        f"Its score {_spelled(verdict.score, '.2f')} lies {abs(margin):.2f} {side} the cut, in "
        f"deviations of the references{call}."
    ]


def _nearest(evidence: Evidence) -> list[str]:
    def side(found: tuple[Neighbour, ...], word: str) -> str:
        if not found:
            return ""
        best = found[0]
        cosine = _spelled(best.similarity, ".3f")
        return f"the nearest {word} reference is {best.image} (cosine {cosine})"

    parts = [side(evidence.accepted, "accepted"), side(evidence.rejected, "rejected")]
    said = " and ".join(part for part in parts if part)
    return [f"{said[0].upper()}{said[1:]}."] if said else []


def _said(verdict: Verdict) -> list[str]:
    evidence = verdict.evidence
    found = []
    if len(evidence.shares) > 1:
        parts = [f"{name} {_spelled(value, '+.2f')}" for name, value in evidence.shares.items()]
        found.append(f"To the score add: {', '.join(parts)}.")
    if evidence.statements and evidence.shares.get("cross"):
        shares = evidence.statement_shares
        most = max(range(len(shares)), key=lambda i: abs(shares[i]))
        text, side, cosine = evidence.statements[most]
        found.append(
            f"Of the statements \u201c{text}\u201d ({side}) weighs most (cosine "
            f"{_spelled(cosine, '.3f')})."
        )
    return found


def where(tile: HotTile) -> str:
    """Say where the strangest tile lies, and how strange it is, in one sentence."""
    (y, x), unit = tile.centre, "px"
    if tile.centre_um is not None:
        (y, x), unit = tile.centre_um, "\u00b5m"
    return (
        f"Its strangest tile has its centre {x:.4g} {unit} from the left and {y:.4g} {unit} from "
        f"the top and scores {_spelled(tile.strangeness, '.1f')} deviations; one in a thousand "
        f"tiles of accepted references exceeds {_spelled(tile.limit, '.1f')}."
    )


def _flip(verdict: Verdict) -> list[str]:
    ways = []
    for goal, change in (
        ("accepted", verdict.evidence.to_accept),
        ("rejected", verdict.evidence.to_reject),
    ):
        if change:
            ways.append(
                f"{goal} if the score {'rose' if change > 0 else 'fell'} by {abs(change):.2f}"
            )
    return [f"It would be {', and '.join(ways)} deviations."] if ways else []


def _spelled(value: float, form: str) -> str:
    return format(value, form).replace("-", "\u2212")


def _numbers(verdict: Verdict) -> dict[str, float | str]:
    evidence = verdict.evidence
    found = {name: getattr(verdict, name) for name in _OF_VERDICT}
    found |= {name: getattr(evidence, name) for name in _OF_EVIDENCE}
    found |= {f"share of {name}": value for name, value in evidence.shares.items()}
    if evidence.hottest is not None:
        found["strangeness"] = evidence.hottest.strangeness
        found["strangeness_limit"] = evidence.hottest.limit
    return {name: value for name, value in found.items() if value not in (None, "")}
