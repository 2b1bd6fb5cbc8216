"""Risk control on overlapping Gaussian problems whose truth is known.

Each problem: two classes of vectors in 512 dimensions whose means differ along
a random direction of a decaying spectrum, AUROC of the true linear score about
.85; 20 + 20 references, 200 + 200 judged. Printed per risk: wrong verdicts per
class with the interval of their mean over problems, the review rate, and the review
rate of the true linear score with the same references. Then the same with
shuffled labels (nearly all must be review), and 18 and 19 references at risk 0.05.

    python benchmarks/gaussian_problems.py [--problems 200] [--rule auto] [--workers 2]

Exits with 1 when a class has more wrong verdicts than its risk + 0.02.
"""

import argparse
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score

DIM, INNER, DISTANCE, JUDGED = 512, 24, 1.466, 200  # d' = 1.466 is an AUROC of .85
RISKS = (0.1, 0.05)


def draw(count: int, seed: int):
    """References, judged vectors, their truth, and their true linear scores."""
    rng = np.random.default_rng([5, seed])
    scale = np.r_[1.0 / np.arange(1, INNER + 1) ** 0.5, np.full(DIM - INNER, 0.02)]
    axis = np.zeros(DIM)
    axis[:INNER] = rng.normal(size=INNER)
    axis /= np.linalg.norm(axis)
    accepted = np.r_[np.arange(2 * count) < count, np.arange(2 * JUDGED) < JUDGED]
    white = rng.normal(size=(len(accepted), DIM))
    white += np.where(accepted, 0.5, -0.5)[:, None] * DISTANCE * axis
    vectors = white * scale
    vectors[:, 0] += 3.0  # as with embeddings, a large common part
    score = white @ axis
    return vectors[: 2 * count], vectors[2 * count :], accepted, score


def solve(seed: int, count: int, rule: str, shuffled: bool) -> dict:
    """Counts of one problem."""
    from napari_qualify.decide.assess import Case, decisions
    from napari_qualify.decide.conformal import decide, p_value
    from napari_qualify.decide.references import References

    refs, rows, accepted, score = draw(count, seed)
    labels, truth = accepted[: 2 * count].copy(), accepted[2 * count :]
    if shuffled:
        np.random.default_rng([6, seed]).shuffle(labels)
    groups = [f"g{i}" for i in range(len(labels))]
    case = Case("gaussian", rule, references=References(refs, labels, groups))
    outcome = case.outcome(rows)
    found = {"auroc": roc_auc_score(truth, score[2 * count :])}
    found["own auroc"] = roc_auc_score(truth, outcome.score)
    own, judged = score[: 2 * count], score[2 * count :, None]
    p_accept = p_value(own[labels], np.repeat(judged, labels.sum(), 1), of_accepted=True)
    p_reject = p_value(own[~labels], np.repeat(judged, (~labels).sum(), 1), of_accepted=False)
    for risk in RISKS:
        stated = replace(case, risk_accept=risk, risk_reject=risk)
        verdicts = np.array([d.verdict for d in decisions(stated, outcome)])
        found[risk, "review"] = float((verdicts == "review").mean())
        found[risk, True] = int((verdicts[truth] == "reject").sum())
        found[risk, False] = int((verdicts[~truth] == "accept").sum())
        known = [decide(a, r, risk, risk) for a, r in zip(p_accept, p_reject, strict=True)]
        found[risk, "true review"] = float(np.mean([k == "review" for k in known]))
    return found


def show(title: str, found: list[dict], risks=RISKS, check: bool = True) -> bool:
    """Print one setting; whether a bound is broken."""
    aurocs = [np.mean([f[name] for f in found]) for name in ("auroc", "own auroc")]
    print(f"{title}: AUROC of the true score {aurocs[0]:.3f}, of ours {aurocs[1]:.3f}")
    broken = False
    for risk in risks:
        parts = []
        for side, name in ((True, "accepted"), (False, "rejected")):
            wrong, count = sum(f[risk, side] for f in found), JUDGED * len(found)
            interval = binomtest(wrong, count).proportion_ci(method="wilson")
            per_problem = np.std([f[risk, side] / JUDGED for f in found]) / len(found) ** 0.5
            parts.append(
                f"truly {name} wrong {wrong / count:.4f} [{interval.low:.4f}, "
                f"{interval.high:.4f}] (between problems ± {1.96 * per_problem:.4f})"
            )
            broken |= check and wrong / count > risk + 0.02
        review = np.mean([f[risk, "review"] for f in found])
        known = np.mean([f[risk, "true review"] for f in found])
        print(f"  risk {risk:g}: {'; '.join(parts)}; review {review:.3f}, true score {known:.3f}")
    sys.stdout.flush()
    return broken


def main() -> None:
    """Print all settings."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", type=int, default=200)
    parser.add_argument("--rule", default="auto", help="auto chooses among all, at 20 a side")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    broken = False
    with ProcessPoolExecutor(options.workers) as pool:

        def run(count: int, rule: str, shuffled: bool = False) -> list[dict]:
            call = partial(solve, count=count, rule=rule, shuffled=shuffled)
            return list(pool.map(call, range(options.problems)))

        fixed = "gaussian(shrinkage=0.1, standardised=True)"
        broken |= show(f"20 + 20, {fixed}", run(20, fixed))
        broken |= show(f"20 + 20, rule {options.rule}", run(20, options.rule))
        broken |= show("20 + 20, labels shuffled, rule auto", run(20, "auto", True))
        for count in (18, 19):
            found = run(count, fixed)
            broken |= show(f"{count} + {count}", found, (0.05,))
            decided = any(f[0.05, "review"] < 1 for f in found)
            broken |= decided != (count == 19)
    sys.exit(int(broken))


if __name__ == "__main__":
    main()
