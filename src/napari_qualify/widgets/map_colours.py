"""Colours of the points of a map: by verdict, by group or by one criterion."""

from collections import Counter
from collections.abc import Sequence

from napari_qualify.catalogue import Entry
from napari_qualify.decide.verdict import overall
from napari_qualify.widgets.scatter_marks import SHAPES, Mark

BY_VERDICT = "verdict"
BY_GROUP = "group"
BY_CRITERION = "criterion:"
"""Begins a choice; the name of the criterion follows."""

# Okabe and Ito's colours, which people with any colour vision tell apart
# (https://jfly.uni-koeln.de/color/); the shape says the same again.
PALETTE = ("#56b4e9", "#e69f00", "#009e73", "#f0e442", "#d55e00", "#cc79a7", "#0072b2")
VERDICTS = {
    "accept": Mark("accepted", "#56b4e9", "circle"),
    "review": Mark("to review", "#f0e442", "square"),
    "reject": Mark("rejected", "#d55e00", "triangle"),
    "": Mark("no verdict", "#999999", "diamond"),
}
NO_GROUP = "no group"


def choices(entries: Sequence[Entry]) -> list[tuple[str, str]]:
    """What points can be coloured by, as (choice, words)."""
    criteria = dict.fromkeys(c for entry in entries for c, _ in entry.verdicts)
    return [
        (BY_VERDICT, "verdict, all criteria"),
        *((BY_CRITERION + name, f"verdict: {name}") for name in criteria),
        (BY_GROUP, "group (specimen)"),
    ]


def colour(entries: Sequence[Entry], choice: str) -> tuple[list[int], list[Mark]]:
    """Index of each point's mark, and the marks.

    Parameters
    ----------
    entries : sequence of Entry
    choice : str
        One of `choices`.
    """
    if choice == BY_GROUP:
        return _by_group(entries)
    if choice.startswith(BY_CRITERION):
        said = [_of(entry, choice.removeprefix(BY_CRITERION)) for entry in entries]
    else:
        said = [entry.verdict for entry in entries]
    there = [verdict for verdict in VERDICTS if verdict in said]
    return [there.index(one) for one in said], [VERDICTS[one] for one in there]


def _of(entry: Entry, criterion: str) -> str:
    """What was said of one criterion; experts who contradict each other are joined."""
    found = [verdict for name, verdict in entry.verdicts if name == criterion]
    return overall(found) if found else ""


def _by_group(entries: Sequence[Entry]) -> tuple[list[int], list[Mark]]:
    groups = [entry.group or NO_GROUP for entry in entries]
    counts = Counter(groups)
    most = len(PALETTE) * len(SHAPES)
    named = sorted((g for g in counts if g != NO_GROUP), key=lambda g: (-counts[g], g))
    marks = {
        g: Mark(g, PALETTE[i % len(PALETTE)], SHAPES[i // len(PALETTE)])
        for i, g in enumerate(named[:most])
    }
    rest = Mark("other groups", "#bbbbbb")
    if NO_GROUP in counts:
        marks[NO_GROUP] = Mark(NO_GROUP, "#999999", "diamond")
    order = list(marks)
    if len(named) > most:
        order.append(rest.label)
    kinds = [order.index(g) if g in marks else len(order) - 1 for g in groups]
    return kinds, [marks.get(name, rest) for name in order]
