"""Measures against renderings whose answer is known.

Per case: how often the 95 % interval covers the truth, the relative bias of the
mean, the median relative width of the interval, and the mean relative change of
the result, in micrometres, when the same geometry is drawn with pixels twice as
large. The truth is that of the process that draws the fields (an expected value),
since that is what a within-field interval is for.

    python benchmarks/measurement.py [--count 200] [--seed 1] [--only WORD]
        [--workers 2] [--data DIR] [--csv OUT]

`--data` names the folder of NASA's masks (environmental barrier coatings and
superalloys): area fractions, oxide thickness and crack ratio are compared with
its `ground_truth_measures.csv`. Exits with 1 when anything misses its bound:
coverage 92 to 98 %, bias 2 % (5 % for grain size and clustering), change 3 %,
agreement with the table 1 %.
"""

import argparse
import importlib
import math
import sys
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from scipy.stats import binomtest

from measurement_cases import Case
from napari_qualify.measure.phase_field import Field
from napari_qualify.measure.row import Row
from napari_qualify.measure.run import measure_phase
from napari_qualify.segment.phases import Phases

MODULES = ("measurement_particles", "measurement_structures")
COVERAGE = (0.92, 0.98)


@dataclass
class Found:
    """What the renderings of one case gave: value, low, high; value at half the resolution."""

    case: Case
    full: list[tuple[float, float, float]] = field(default_factory=list)
    half: list[float] = field(default_factory=list)

    def summary(self) -> dict[str, object]:
        """The figures of the case, one row of the result."""
        case, rows, half = self.case, np.array(self.full), np.array(self.half)
        truth = float(case.truth() if callable(case.truth) else case.truth)
        scale = case.absolute or abs(truth)
        value, low, high = rows.T
        known = ~np.isnan(low)
        covers = (low <= truth) & (truth <= high)
        coverage = covers[known].mean() if known.any() else math.nan
        between = binomtest(int(covers[known].sum()), int(known.sum())).proportion_ci(
            method="wilson"
        )
        bias = (value.mean() - truth) / scale
        change = (half.mean() - value.mean()) / scale
        passed = (
            COVERAGE[0] <= coverage <= COVERAGE[1]
            and abs(bias) <= case.bias
            and abs(change) <= case.change
        )
        return {
            "case": case.name, "measure": case.measure, "truth": truth, "mean": value.mean(),
            "coverage": coverage, "coverage_low": between.low, "coverage_high": between.high,
            "bias": bias, "bias_error": value.std(ddof=1) / math.sqrt(len(value)) / scale,
            "width": float(np.median((high - low)[known])) / scale,
            "below": float((high < truth)[known].mean()),
            "above": float((low > truth)[known].mean()),
            "change": change, "intervals": int(known.sum()), "renderings": len(rows),
            "passed": bool(passed),
        }  # fmt: skip


@cache
def cases(only: str) -> list[Case]:
    """Those of every module that exists, whose name or measure holds a word."""
    found: list[Case] = []
    for name in MODULES:
        if (Path(__file__).parent / f"{name}.py").exists():
            found += importlib.import_module(name).CASES
    return [case for case in found if only in case.name or only in case.measure]


def geometries(only: str) -> dict[str, list[Case]]:
    """Cases by the geometry that they share."""
    groups: dict[str, list[Case]] = {}
    for case in cases(only):
        groups.setdefault(case.name, []).append(case)
    return groups


def measured(phases: Phases, members: list[Case]) -> list[Row]:
    """The row of each case; a phase is measured once."""
    whole = Field(phases)
    rows = {}
    for name in {each.phase for each in members}:
        wanted = {each.measure for each in members if each.phase == name}
        rows |= {(name, row.measure): row for row in measure_phase(whole.phase(name), wanted)}
    return [rows[each.phase, each.measure] for each in members]


def one(only: str, name: str, seed: int, k: int) -> list[tuple[float, float, float, float]]:
    """Value, low, high and value at half the resolution per case, of one rendering."""
    members = geometries(only)[name]
    key = zlib.crc32(name.encode())
    full, half = (
        measured(members[0].render(np.random.default_rng([seed, key, k]), resolution), members)
        for resolution in (1.0, 0.5)
    )
    return [(a.value, a.low, a.high, b.value) for a, b in zip(full, half, strict=True)]


def run(
    only: str, count: int, seed: int, workers: int, console: Console
) -> Iterator[list[dict[str, object]]]:
    """Render every geometry once per draw and resolution; the figures of all of its cases."""
    with ProcessPoolExecutor(workers) as pool:
        for name, members in geometries(only).items():
            start = time.perf_counter()
            found = [Found(case) for case in members]
            rows = pool.map(partial(one, only, name, seed), range(count), chunksize=4)
            for k, row in enumerate(rows, 1):
                for each, (value, low, high, half) in zip(found, row, strict=True):
                    each.full.append((value, low, high))
                    each.half.append(half)
                if k % 50 == 0:
                    seconds = time.perf_counter() - start
                    console.print(f"{name}: {k} of {count} renderings, {seconds:.0f} s")
            yield [each.summary() for each in found]


def shown(rows: list[dict[str, object]], console: Console) -> None:
    """Print the table of results."""
    table = Table()
    for heading in (
        *["case", "measure", "truth", "mean", "coverage", "bias", "width", "missed", "half"],
        "",
    ):
        table.add_column(heading)
    for row in rows:
        table.add_row(
            str(row["case"]), str(row["measure"]), f"{row['truth']:.5g}", f"{row['mean']:.5g}",
            f"{row['coverage']:.1%} [{row['coverage_low']:.0%}, {row['coverage_high']:.0%}]",
            f"{row['bias']:+.2%} ± {row['bias_error']:.2%}", f"{row['width']:.1%}",
            f"{row['below']:.1%} / {row['above']:.1%}", f"{row['change']:+.2%}",
            "ok" if row["passed"] else "MISSED",
        )  # fmt: skip
    console.print(table)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="renderings per case")
    parser.add_argument("--seed", type=int, default=1, help="another set of renderings")
    parser.add_argument("--only", default="", help="cases whose name or measure holds this")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--data", type=Path, help="folder nasa_ebc_super")
    parser.add_argument("--csv", type=Path, help="write the figures here too")
    options = parser.parse_args()
    console = Console(width=190)
    rows: list[dict[str, object]] = []
    for found in run(options.only, options.count, options.seed, options.workers, console):
        rows += found
        shown(found, console)
        if options.csv:
            pd.DataFrame(rows).to_csv(options.csv, index=False)
    console.print(
        "coverage of the 95 % interval with its Wilson interval; bias with its standard error; "
        "median relative width; share of intervals wholly below / above the truth; change at "
        "half the resolution"
    )
    agreed = True
    if options.data:
        from measurement_nasa import agreement

        agreed = agreement(options.data, console)
    return 0 if agreed and all(row["passed"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
