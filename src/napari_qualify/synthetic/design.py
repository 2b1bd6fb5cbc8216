"""The design of a lot: verdicts that are crossed, parameters that cover their ranges."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from napari_qualify.synthetic.parameters import (
    CRITERIA,
    NUISANCES,
    Parameters,
    Side,
    parameters_at,
)

SIDES: tuple[Side, Side] = ("accept", "reject")
TRIES = 300  # arrangements of a column, of which the least correlated is kept

Verdicts = Sequence[Mapping[str, Side]]


def crossed_verdicts(rng: np.random.Generator) -> list[dict[str, Side]]:
    """Verdicts of 20 micrographs, 10 accepted per criterion, uncorrelated.

    Two full 2^3 designs and one half fraction, each of them balanced and with
    orthogonal columns, in random order.
    """
    full = list(product((0, 1), repeat=len(CRITERIA)))
    half = [row for row in full if sum(row) % 2]
    rows = [*full, *full, *half]
    order = rng.permutation(len(rows))
    return [dict(zip(CRITERIA, (SIDES[v] for v in rows[i]), strict=True)) for i in order]


def shuffled_verdicts(count: int, rng: np.random.Generator) -> list[dict[str, Side]]:
    """Verdicts of any number of micrographs, half accepted, each criterion by itself."""
    columns = {name: rng.permutation(count) % 2 for name in CRITERIA}
    return [{name: SIDES[columns[name][i]] for name in CRITERIA} for i in range(count)]


def borderline(verdicts: Verdicts, rng: np.random.Generator) -> list[frozenset[str]]:
    """Criteria of each micrograph that are drawn close to their threshold.

    A tenth of the micrographs per criterion, half of them on either side.
    """
    near: list[set[str]] = [set() for _ in verdicts]
    for name in CRITERIA:
        for side in SIDES:
            those = [i for i, v in enumerate(verdicts) if v[name] == side]
            for i in rng.choice(those, max(1, round(len(those) / 10)), replace=False):
                near[int(i)].add(name)
    return [frozenset(names) for names in near]


def _spread(
    groups: Sequence[NDArray[np.intp]], sides: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Numbers in [0, 1), one in each n-th of it per group of n (Latin hypercube).

    Of several random arrangements the one is kept that correlates least with
    any of `sides`, shape (k, n).
    """
    best, least = np.empty(0), np.inf
    for _ in range(TRIES):
        column = np.empty(sides.shape[1])
        for rows in groups:
            column[rows] = (rng.permutation(len(rows)) + rng.random(len(rows))) / len(rows)
        worst = max(abs(float(np.corrcoef(column, side)[0, 1])) for side in sides)
        if worst < least:
            best, least = column, worst
    return best


def designed(
    verdicts: Verdicts, near: Sequence[frozenset[str]], rng: np.random.Generator
) -> Iterator[Parameters]:
    """Parameters that cover their ranges evenly, hardly correlated with the verdicts.

    Parameters
    ----------
    verdicts : sequence of mapping of criterion to {'accept', 'reject'}
    near : sequence of frozenset of str
        As `borderline` gives it.
    rng : numpy.random.Generator

    Returns
    -------
    iterator of Parameters
        One per micrograph. What decides a criterion correlates with its own
        verdict only.
    """
    signs = {name: np.array([v[name] == "accept" for v in verdicts], float) for name in CRITERIA}
    close = {name: np.array([name in n for n in near]) for name in CRITERIA}
    columns = {}
    for name, rule in CRITERIA.items():
        cells = product((signs[name] == 1, signs[name] == 0), (close[name], ~close[name]))
        groups = [np.flatnonzero(side & part) for side, part in cells]
        others = np.array([signs[other] for other in CRITERIA if other != name])
        columns[rule.parameter] = _spread(groups, others, rng)
    for name in NUISANCES:
        groups = [np.arange(len(verdicts))]
        columns[name] = _spread(groups, np.array(list(signs.values())), rng)
    for i, (sides, names) in enumerate(zip(verdicts, near, strict=True)):
        yield parameters_at({k: float(v[i]) for k, v in columns.items()}, sides, names)
