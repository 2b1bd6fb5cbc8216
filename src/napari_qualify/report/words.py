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


def number(value: float | None, *, signed: bool = False) -> str:
    """Spell a number for reading, three significant digits; a dash for none."""
    if value is None or value != value:
        return "–"
    size = abs(value)
    sign = "+" if signed else ""
    if size != 0 and (size < 1e-3 or size >= 1e5):
        out = f"{value:{sign}.2e}"
    elif size < 0.1 and size != 0:
        out = f"{value:{sign}.3f}"
    else:
        out = f"{value:{sign}.{2 if size < 10 else 1 if size < 1000 else 0}f}"
    return out.replace("-", "−")


def reason(key: str) -> str:
    """Spell out a reason; words that are no key stay as they are."""
    return REASONS.get(key, key) if key else ""


def why(verdict: Verdict) -> str:
    """Say in one sentence why the verdict is what it is."""
    if verdict.modality == "measure" or verdict.limit:
        return _why_measured(verdict)
    if verdict.verdict == "review":
        call = f" Forced to choose, it would {verdict.call}." if verdict.call else ""
        return _sentence(reason(verdict.reason)) + call
    this, other = ("accepted", "rejected")
    p, risk = verdict.p_reject, verdict.risk_accept
    if verdict.verdict == "reject":
        this, other = other, this
        p, risk = verdict.p_accept, verdict.risk_reject
    if p is None:
        return f"It scores like the {this} references."
    return (
        f"It scores like the {this} references; {other} ones rarely score like this "
        f"(p {number(p)} ≤ risk {number(risk)})."
    )


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


def likeness(side: str, p: float | None, risk: float) -> str:
    """Say whether a side, 'accepted' or 'rejected', is ruled out at a risk."""
    if p is None:
        return f"no p-value: no {side} references to compare with"
    if p <= risk:
        return f"“{side}” ruled out"
    return f"“{side}” still possible"


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
