"""References of one material or process, micrographs of another."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_qualify.decide.rules import Mask
from napari_qualify.errors import UsageError
from napari_qualify.evaluate.reference_curve import (
    case_of,
    checked_groups,
    halves,
    over_draws,
    quality,
)
from napari_qualify.progress import Progress, silent

CROSS_COLUMNS = ("reference", "test", "metric", "value", "low", "high", "n", "draws")
OTHERS = "all others"


def cross_domain(
    vectors: NDArray[Any],
    accepted: Any,
    domains: Sequence[str],
    *,
    shared: Sequence[str] = (),
    groups: Sequence[str] | None = None,
    references: int = 36,
    draws: int = 8,
    seed: int = 0,
    rule: str = "auto",
    risk: float = 0.1,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Judge the micrographs of each domain by the references of each.

    Every draw parts the groups of each domain in two: references come from one
    half, the other is judged, also within a domain.

    Parameters
    ----------
    vectors : ndarray of float, shape (n, d)
        Visual vectors of micrographs with known verdicts.
    accepted : array of bool, shape (n,)
    domains : sequence of str, length n
        Material, process or kind of defect of each.
    shared : sequence of str
        Domains that belong to all others, such as that of the sound ones.
    groups : sequence of str, length n, optional
        Specimen of each; by default each is its own.
    references : int
        Most reference groups on a side.
    draws, seed : int
    rule : str
        As a criterion spells it.
    risk : float
        A side, in (0, 1).
    progress : callable, optional

    Returns
    -------
    DataFrame
        Columns `CROSS_COLUMNS`, a row per ordered pair of domains and metric;
        with three or more also ``all others`` together. The mean over the draws
        with its 95 % Student interval; `n` micrographs were judged in a draw,
        on average.

    Raises
    ------
    UsageError
        When there are not two domains with both verdicts, or lengths differ.
    """
    truth, names = checked_groups(vectors, accepted, groups)
    kinds = np.asarray([str(d) for d in domains])
    if len(kinds) != len(truth):
        raise UsageError(f"{len(truth)} verdicts and {len(kinds)} domains; one each")
    common = np.isin(kinds, list(shared))
    own = sorted(set(kinds) - set(shared))
    members = {name: common | (kinds == name) for name in own}
    whole = [n for n in own if truth[members[n]].any() and not truth[members[n]].all()]
    if len(whole) < 2:
        raise UsageError(
            f"cross-domain needs two domains with accepted and rejected micrographs; "
            f"there are {', '.join(whole) or 'none'}"
        )
    report = progress or silent
    found: dict[tuple[str, str], list[tuple[int, dict[str, float]]]] = {}
    for draw in range(draws):
        report("cross-domain", draw, draws)
        rng = np.random.default_rng([seed, draw])
        pool, test = _parted(truth, names, kinds, rng)
        for name in whole:
            rows = _chosen(pool & members[name], truth, names, references, rng)
            case = case_of(vectors, truth, names, rows, rule, risk)
            for other, judged in _tests(name, whole, members, common).items():
                part = judged & test
                each = quality(case, vectors[part], truth[part])
                found.setdefault((name, other), []).append((int(part.sum()), each))
    report("cross-domain", draws, draws)
    table = [
        [
            *(reference, test_, metric, *over_draws([one[metric] for _, one in each])),
            *(round(float(np.mean([n for n, _ in each]))), len(each)),
        ]
        for (reference, test_), each in found.items()
        for metric in each[0][1]
    ]
    return pd.DataFrame(table, columns=list(CROSS_COLUMNS))


def _parted(
    truth: Mask, groups: NDArray[Any], kinds: NDArray[Any], rng: np.random.Generator
) -> tuple[Mask, Mask]:
    """Halves of the groups within each domain."""
    first = np.zeros(len(truth), dtype=bool)
    for kind in np.unique(kinds):
        rows = np.flatnonzero(kinds == kind)
        first[rows] = halves(truth[rows], groups[rows], rng)[0]
    # A specimen that shows in several domains is on one side only.
    torn = np.isin(groups, np.intersect1d(groups[first], groups[~first]))
    return first & ~torn, ~first & ~torn


def _chosen(
    pool: Mask, truth: Mask, groups: NDArray[Any], count: int, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Rows of at most `count` groups on a side, as many on either."""
    sides = [rng.permutation(np.unique(groups[pool & side])) for side in (truth, ~truth)]
    count = min(count, *(len(side) for side in sides))
    if not count:
        raise UsageError("a domain has too few specimens to hold half of them back")
    picked = np.concatenate([side[:count] for side in sides])
    return np.flatnonzero(pool & np.isin(groups, picked))


def _tests(
    name: str, whole: Sequence[str], members: dict[str, Mask], common: Mask
) -> dict[str, Mask]:
    """What is judged by the references of a domain."""
    tests = {other: members[other] for other in whole}
    if len(whole) > 2:
        others = [members[other] & ~common for other in whole if other != name]
        tests[OTHERS] = common | np.any(others, axis=0)
    return tests
