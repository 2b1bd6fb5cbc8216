"""What a verdict says, in words that a quality engineer reads."""

from napari_qualify.decide.verdict import REASONS, Assessment, Verdict

WORDS = {"accept": "Accept", "review": "Review", "reject": "Reject"}

MODALITIES = {
    "visual": "pictures against pictures",
    "cross": "picture against statements",
    "text": "description against statements",
    "hybrid": "pictures and statements together",
    "measure": "measured value against the limit",
}


def number(value: float | None) -> str:
    """Spell a number for reading, about three significant digits; a dash for none."""
    if value is None or value != value:
        return "–"
    size = abs(value)
    if size < 1e-12:
        return "0"
    if size < 1e-3 or size >= 1e5:
        return f"{value:.2e}".replace("-", "−")
    digits = 4 if size < 0.01 else 3 if size < 0.1 else 2 if size < 10 else 1 if size < 1000 else 0
    return f"{value:.{digits}f}".replace("-", "−")


def score(value: float | None) -> str:
    """Spell a score: signed, two decimals, so that scores compare; a dash for none."""
    if value is None or value != value:
        return "–"
    out = f"{value:+.2f}"
    return "0.00" if float(out) == 0 else out.replace("-", "−")


def reason(key: str) -> str:
    """Spell out reasons joined by ``; ``; words that are no key stay as they are."""
    return "; ".join(REASONS.get(part, part) for part in key.split("; ") if part)


def why(verdict: Verdict) -> str:
    """Say in one sentence why the verdict is what it is."""
    if verdict.modality == "measure" or verdict.limit:
        return _why_measured(verdict)
    if verdict.verdict == "review":
        call = f" Forced to choose, it would {verdict.call}." if verdict.call else ""
        return _sentence(reason(verdict.reason)) + call
    this, other = ("accepted", "rejected")
    own, p, risk = verdict.p_accept, verdict.p_reject, verdict.risk_accept
    if verdict.verdict == "reject":
        this, other = other, this
        own, p, risk = verdict.p_reject, verdict.p_accept, verdict.risk_reject
    if p is None:
        return f"It scores like the {this} references."
    rarely = f"{other} ones rarely score like this (p {number(p)} ≤ risk {number(risk)})."
    if own is None:  # no references of its own side
        return _sentence(rarely[:-1])
    return f"It scores like the {this} references; {rarely}"


def _why_measured(verdict: Verdict) -> str:
    if verdict.value is None:
        return _sentence(reason(verdict.reason))
    unit = f" {verdict.unit}" if verdict.unit not in ("", "1") else ""
    value = f"Measured {number(verdict.value)}{unit}"
    if verdict.value_low is not None and verdict.value_high is not None:
        low, high = number(verdict.value_low), number(verdict.value_high)
        value += f", 95 % interval {low} to {high}"
    if verdict.verdict == "review":
        return f"{value}: {reason(verdict.reason)}."
    side = "meets" if verdict.verdict == "accept" else "breaks"
    return f"{value}: the whole interval {side} the limit."


def likeness(p: float | None, risk: float) -> str:
    """Say whether a side is ruled out at a risk."""
    if p is None:
        return "not tested"
    return "ruled out" if p <= risk else "possible"


def summary(assessment: Assessment) -> str:
    """Say which criteria decide the overall verdict of a micrograph."""
    if not assessment.verdicts:
        return "The library has no criterion to judge it by."
    by = {
        word: [v.criterion for v in assessment.verdicts if v.verdict == word]
        for word in ("reject", "review")
    }
    parts = []
    if by["reject"]:
        parts.append("rejected for " + ", ".join(by["reject"]))
    if by["review"]:
        parts.append("to review for " + ", ".join(by["review"]))
    return _sentence("; ".join(parts) or "meets every criterion")


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:] + "." if words else ""
