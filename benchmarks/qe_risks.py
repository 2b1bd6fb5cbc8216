"""Wrong verdicts per true class against the stated risk, on real micrographs.

Data and draws as in qe_microstructure.py: 36 + 36 references and all other
micrographs, balanced, by `lite` with default settings. Per risk: the share of
truly accepted ones that are rejected and of truly rejected ones that are accepted
(mean over the seeds with its 95 % interval), and the share decided. Exits with 1
when a class has more wrong verdicts than the risk + 0.02, or under 80 % decided.

    python benchmarks/qe_risks.py [--data DIR] [--seeds 20] [--references 36] [--split]
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

import napari_qualify as nq
from common import mean_interval
from napari_qualify.decide.assess import Case, decisions
from napari_qualify.decide.references import References
from qe_microstructure import DATA, Draw

RISKS = (0.1, 0.05)


def judged(vectors: np.ndarray, truth: np.ndarray, draw: Draw, split: bool) -> dict:
    """Shares of wrong verdicts per class, and decided, for every risk."""
    rows = np.r_[draw.accepted, draw.rejected]
    references = References(vectors[rows], truth[rows], [str(i) for i in rows])
    case = Case("qe", references=references, split=split)
    outcome = case.outcome(vectors[draw.test])
    real, found = truth[draw.test], {}
    for risk in RISKS:
        stated = replace(case, risk_accept=risk, risk_reject=risk)
        verdicts = np.array([d.verdict for d in decisions(stated, outcome)])
        for side, wrong in ((True, "reject"), (False, "accept")):
            of_class = verdicts[real == side]
            found[risk, side, "wrong"] = float((of_class == wrong).mean())
            found[risk, side, "decided"] = float((of_class != "review").mean())
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--references", type=int, default=36)
    parser.add_argument("--split", action="store_true", help="half of the references calibrate")
    options = parser.parse_args()
    paths = sorted(options.data.glob("*/*.png"))
    if not paths:
        parser.error(f"no micrographs in {options.data}")
    truth = np.array([path.parent.name == "Uniform" for path in paths])
    vectors = nq.embed(paths, "lite").astype(float)
    draws = [Draw(truth, options.references, seed) for seed in range(options.seeds)]
    found = [judged(vectors, truth, draw, options.split) for draw in draws]
    failed = False
    for risk in RISKS:
        for side, name in ((True, "truly accepted"), (False, "truly rejected")):
            wrong, half = mean_interval(np.array([f[risk, side, "wrong"] for f in found]))
            decided, part = mean_interval(np.array([f[risk, side, "decided"] for f in found]))
            print(
                f"risk {risk:g}, {name}: wrong {wrong:.4f} ± {half:.4f}, "
                f"decided {decided:.4f} ± {part:.4f}"
            )
            failed |= wrong > risk + 0.02 or decided < 0.8
    sys.exit(int(failed))


if __name__ == "__main__":
    main()
