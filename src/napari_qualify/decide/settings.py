"""Settings of the rules: what a criterion may name and what `auto` chooses among."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from napari_qualify.decide.rules import LINEAR, RULES, Dual, Floats, Mask, Products
from napari_qualify.errors import UsageError


@dataclass(frozen=True)
class Setting:
    """A rule with its settings; what `auto` chooses among.

    Attributes
    ----------
    rule : str
        Key of `RULES`.
    options : mapping
        Keyword arguments of the rule.
    standardised : bool
        Vectors are standardised feature by feature on the references, and
        scaled to unit length again, before the rule sees them.
    """

    rule: str
    options: Mapping[str, Any] = field(default_factory=dict)
    standardised: bool = False

    def __str__(self) -> str:
        parts = [f"{key}={value}" for key, value in self.options.items()]
        if self.standardised:
            parts.append("standardised=True")
        return f"{self.rule}({', '.join(parts)})" if parts else self.rule

    def score(self, p: Products, accepted: Mask) -> Floats:
        """Scores of the judged vectors, shape (m,); higher is more acceptable."""
        return RULES[self.rule](p, accepted, **self.options)

    def dual(self, p: Products, accepted: Mask) -> Dual | None:
        """Coefficients of the references, or None where the rule is not linear."""
        return LINEAR[self.rule](p, accepted, **self.options) if self.rule in LINEAR else None


# Of equal candidates `auto` keeps the first, so a tie goes to `net`.
CANDIDATES: tuple[Setting, ...] = (
    Setting("net", {"pool": "soft", "sharpness": 5.0, "centred": True}, standardised=True),
    Setting("net", {"pool": "soft", "sharpness": 5.0, "centred": True}),
    Setting("net", {"pool": "mean"}),
    Setting("net", {"pool": "max"}),
    Setting("gaussian", {"shrinkage": 0.1}, standardised=True),
    Setting("gaussian", {"shrinkage": 0.1}),
)


# Taken where the references are too few to choose on: on few references of real and of rendered
# micrographs it ranks best or as well as any (benchmarks/qe_microstructure.py).
DEFAULT = Setting("gaussian", {"shrinkage": 0.1}, standardised=True)


# Named rules that `auto` leaves aside: on references of real and of rendered micrographs neither
# ranked better than those above. Their strength is chosen by leaving groups out.
NAMED: dict[str, tuple[Setting, ...]] = {
    "cache": tuple(
        Setting("cache", {"sharpness": b}, standardised=True) for b in (5.5, 2.0, 10.0, 20.0, 50.0)
    ),
    "probe": tuple(Setting("probe", {"c": c}, standardised=True) for c in (10.0, 1.0, 100.0)),
}

PAPER = "paper"
PAPER_SETTING = Setting("net", {"pool": "mean"})
TILES = "tiles"
TILES_SETTING = Setting(TILES)  # scores come from `tile_memory`, not from products of vectors


def candidates(rule: str) -> tuple[Setting, ...]:
    """Settings that a criterion's rule allows.

    Parameters
    ----------
    rule : str
        ``auto``; a rule's name, for all its settings; ``paper`` for that of the
        paper; ``tiles`` for the nearest tiles; or one setting written out as
        `Setting` prints it, for example ``net(pool=max)``.

    Raises
    ------
    UsageError
        If there is no such rule or option.
    """
    if rule == "auto":
        return CANDIDATES
    if rule == PAPER:
        return (PAPER_SETTING,)
    if rule == TILES:
        return (TILES_SETTING,)
    if rule in NAMED:
        return NAMED[rule]
    if rule in RULES:
        return tuple(setting for setting in CANDIDATES if setting.rule == rule)
    return (parse_setting(rule),)


def parse_setting(text: str) -> Setting:
    """Read back what ``str(Setting(...))`` writes, checking names and values.

    Raises
    ------
    UsageError
        If there is no such rule or option, or a value is out of range.
    """
    name, _, inside = text.strip().partition("(")
    parts = [part.partition("=") for part in inside.rstrip(")").split(",") if part.strip()]
    try:
        options = {key.strip(): _OPTIONS[key.strip()](value.strip()) for key, _, value in parts}
        standardised = options.pop("standardised", False)
        fits = set(options) <= _ALLOWED[name]
    except (KeyError, ValueError):
        options, fits = {}, False
    positive = all(0 < options.get(key, 1) < float("inf") for key in ("sharpness", "c"))
    if not fits or not 0 < options.get("shrinkage", 0.1) <= 1 or not positive:
        raise UsageError(
            f"no rule {text!r}: use auto, net, gaussian, cache, probe, tiles, paper, or one with "
            "its settings such as 'net(pool=mean)', "
            "'net(pool=soft, sharpness=5, centred=True, standardised=True)', "
            "'gaussian(shrinkage=0.1)', 'cache(sharpness=5.5)' or 'probe(c=10)' (shrinkage above "
            "0, at most 1; sharpness and c above 0)"
        )
    return Setting(name, options, standardised)


def _word(*allowed: str) -> Callable[[str], str]:
    """A parser that lets only the allowed words pass."""

    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError(text)
        return text

    return parse


def _truth(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


_OPTIONS: dict[str, Callable[[str], Any]] = {
    "pool": _word("mean", "max", "soft"),
    "sharpness": float,
    "shrinkage": float,
    "c": float,
    "centred": _truth,
    "standardised": _truth,
}
_ALLOWED = {
    "net": {"pool", "sharpness", "centred"},
    "gaussian": {"shrinkage"},
    "cache": {"sharpness"},
    "probe": {"c"},
}
