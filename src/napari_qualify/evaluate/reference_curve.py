"""How good verdicts are against the number of references, over random draws of them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t

from napari_qualify.decide.assess import Case, decisions
from napari_qualify.decide.references import References
from napari_qualify.decide.rules import Floats, Mask
from napari_qualify.errors import UsageError
from napari_qualify.evaluate.metrics import balanced_accuracy
from napari_qualify.evaluate.ranking import auroc
from napari_qualify.progress import Progress, silent

CURVE_COLUMNS = ("references", "metric", "value", "low", "high", "draws")
SIZES = (1, 2, 3, 5, 9, 14, 19)
"""References on each side; 9 and 19 are what a risk of 0.1 and 0.05 needs."""

Rows = NDArray[np.intp]


def reference_curve(
    vectors: NDArray[Any],
    accepted: Any,
    groups: Sequence[str] | None = None,
    *,
    sizes: Iterable[int] = SIZES,
    draws: int = 10,
    seed: int = 0,
    rule: str = "auto",
    risk: float = 0.1,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Quality against the number of references on each side.

    Every draw parts the groups at random: half of each side is judged, and the
    references come from the other half, those of a smaller size being part of
    those of a larger one.

    Parameters
    ----------
    vectors : ndarray of float, shape (n, d)
        Visual vectors of micrographs with known verdicts.
    accepted : array of bool, shape (n,)
    groups : sequence of str, length n, optional
        Specimen of each; by default each is its own.
    sizes : iterable of int
        Reference groups on each side; those that there are too few groups for
        are left out.
    draws, seed : int
    rule : str
        As a criterion spells it.
    risk : float
        A side, in (0, 1).
    progress : callable, optional

    Returns
    -------
    DataFrame
        Columns `CURVE_COLUMNS`: the mean over the draws of *auroc*,
        *balanced_accuracy* (of the call), *review_rate* and *error_decided*,
        with its 95 % Student interval. The draws share micrographs, so that the
        interval tells of the draw of references, not of other micrographs.

    Raises
    ------
    UsageError
        When a side has fewer than two groups, or the lengths differ.
    """
    truth, names = checked_groups(vectors, accepted, groups)
    report = progress or silent
    wanted = sorted(set(sizes))
    found: dict[int, list[Mapping[str, float]]] = {}
    for draw in range(draws):
        report("reference curve", draw, draws)
        rng = np.random.default_rng([seed, draw])
        pool, test = halves(truth, names, rng)
        order = [rng.permutation(np.unique(names[pool & side])) for side in (truth, ~truth)]
        for size in wanted:
            if not 1 <= size <= min(len(side) for side in order):
                continue
            chosen = np.concatenate([side[:size] for side in order])
            rows = np.flatnonzero(pool & np.isin(names, chosen))
            case = case_of(vectors, truth, names, rows, rule, risk)
            found.setdefault(size, []).append(quality(case, vectors[test], truth[test]))
    report("reference curve", draws, draws)
    rows_ = [
        [size, metric, *over_draws([one[metric] for one in each]), len(each)]
        for size, each in sorted(found.items())
        for metric in each[0]
    ]
    return pd.DataFrame(rows_, columns=list(CURVE_COLUMNS))


def checked_groups(
    vectors: NDArray[Any], accepted: Any, groups: Sequence[str] | None
) -> tuple[Mask, NDArray[Any]]:
    """Truth and groups as arrays of length n.

    Raises
    ------
    UsageError
        When the lengths differ, or a side has fewer than two groups.
    """
    truth = np.asarray(accepted, dtype=bool)
    names = np.asarray([str(i) for i in range(len(truth))] if groups is None else list(groups))
    if not len(vectors) == len(truth) == len(names):
        raise UsageError(
            f"{len(vectors)} vectors, {len(truth)} verdicts and {len(names)} groups; one each"
        )
    for side, word in ((truth, "accepted"), (~truth, "rejected")):
        if len(np.unique(names[side])) < 2:
            raise UsageError(f"fewer than two {word} specimens: none to judge beside a reference")
    return truth, names


def halves(truth: Mask, groups: NDArray[Any], rng: np.random.Generator) -> tuple[Mask, Mask]:
    """Rows of one half of the groups of each side, and of the other half.

    A group with both verdicts goes one way as a whole.
    """
    first: set[str] = set()
    seen: set[str] = set()
    for side in (truth, ~truth):
        own = [g for g in rng.permutation(np.unique(groups[side])) if g not in seen]
        first |= set(own[: (len(own) + 1) // 2])
        seen |= set(own)
    mask = np.isin(groups, sorted(first))
    return mask, ~mask


def case_of(
    vectors: NDArray[Any],
    truth: Mask,
    groups: NDArray[Any],
    rows: Rows,
    rule: str = "auto",
    risk: float = 0.1,
) -> Case:
    """A criterion whose references are some rows of the vectors (n, d)."""
    references = References(vectors[rows], truth[rows], [str(g) for g in groups[rows]])
    return Case("references", rule, "visual", risk, risk, references)


def quality(case: Case, vectors: NDArray[Any], truth: Mask) -> dict[str, float]:
    """AUROC, balanced accuracy of the call, review rate and error among the decided.

    Parameters
    ----------
    case : Case
        With references on both sides.
    vectors : ndarray of float, shape (m, d)
    truth : ndarray of bool, shape (m,)
    """
    outcome = case.outcome(np.asarray(vectors, dtype=float))
    assert outcome is not None  # there are references
    verdicts = np.array([d.verdict for d in decisions(case, outcome)])
    decided = verdicts != "review"
    wrong = (verdicts == "accept") != truth
    return {
        "auroc": auroc(truth, outcome.score),
        "balanced_accuracy": balanced_accuracy(truth, outcome.score >= outcome.cut),
        "review_rate": float(np.mean(~decided)),
        "error_decided": float(np.mean(wrong[decided])) if decided.any() else np.nan,
    }


def over_draws(values: Sequence[float] | Floats) -> tuple[float, float, float]:
    """Mean of shares that exist, with its 95 % Student interval, cut off at 0 and 1.

    A single value has no bounds.
    """
    known = np.asarray(values, dtype=float)
    known = known[np.isfinite(known)]
    if not len(known):
        return np.nan, np.nan, np.nan
    mean = float(known.mean())
    if len(known) < 2:
        return mean, np.nan, np.nan
    half = float(t.ppf(0.975, len(known) - 1) * known.std(ddof=1) / np.sqrt(len(known)))
    return mean, max(mean - half, 0.0), min(mean + half, 1.0)
