"""Three simulated raters whose set biases are recovered, from verdicts and through the model.

No person judged anything here: rater-sim-1, -2 and -3 are programs. Each accepts a
rendered micrograph when the parameter that decides the criterion, with a little
noise of its own, is at most its limit; the limits are set apart from the true
threshold by known shifts. The parameters are drawn evenly, without the gap around
the threshold that the sample lot has.

1. From the verdicts: `napari_qualify.evaluate.bias.turns` estimates every rater's
   shift from the mean of the three, with an interval; the table shows one set of
   verdicts, the coverage is over many.
2. Agreement: percent, Cohen, Fleiss, Krippendorff with their intervals.
3. Through the model: all raters judge the same rendered references; a library judges
   other micrographs under the references of each rater alone. At which value do its
   calls turn?

    python benchmarks/agreement.py [--count 120] [--tables 200] [--references 60] [--judged 80]

Exits with 1 when fewer than 90 % of the intervals hold the set bias, or the model under
the references of the strict, the middle and the lenient rater does not turn in this order.
"""

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

import napari_qualify as nq
from napari_qualify.evaluate.agreement import EVERYONE, agreement
from napari_qualify.evaluate.bias import turns
from napari_qualify.evaluate.experts import disagreements, expert_verdicts, parting
from napari_qualify.synthetic.design import shuffled_verdicts
from napari_qualify.synthetic.parameters import CRITERIA, Parameters, draw_parameters
from napari_qualify.synthetic.render import render

FIRST_SEED = 3_000_000  # the lot's are below 3,000, those of other benchmarks below these
SHIFTS = {"rater-sim-1": -0.3, "rater-sim-2": 0.05, "rater-sim-3": 0.4}  # of the threshold
NOISE = 0.1  # of the threshold: standard deviation of a rater's own reading
RENDERED = "carbide degradation"


def set_biases(criterion: str) -> dict[str, float]:
    """Shift of every rater's limit from the mean of all, in units of the parameter."""
    threshold = CRITERIA[criterion].threshold
    middle = np.mean(list(SHIFTS.values()))
    return {rater: (shift - middle) * threshold for rater, shift in SHIFTS.items()}


def drawn_values(criterion: str, count: int, rng: np.random.Generator) -> np.ndarray:
    """Values of the deciding parameter, evenly from none to twice the threshold."""
    return rng.uniform(0, 2 * CRITERIA[criterion].threshold, count)


def verdicts(criterion: str, values: dict[str, float], rng: np.random.Generator) -> pd.DataFrame:
    """What the three raters say of each image."""
    threshold = CRITERIA[criterion].threshold
    rows = []
    for rater, shift in SHIFTS.items():
        limit = (1 + shift) * threshold
        for image, value in values.items():
            told = value + rng.normal(0, NOISE * threshold)
            rows.append((image, criterion, "accept" if told <= limit else "reject", rater, ""))
    return pd.DataFrame(rows, columns=["image", "criterion", "verdict", "expert", "group"])


def table_of(criterion: str, count: int, seed: int) -> tuple[pd.DataFrame, dict[str, float]]:
    rng = np.random.default_rng([FIRST_SEED, seed, list(CRITERIA).index(criterion)])
    values = {f"{i:04d}": float(v) for i, v in enumerate(drawn_values(criterion, count, rng))}
    return verdicts(criterion, values, rng), values


def held(criterion: str, found: pd.DataFrame) -> np.ndarray:
    """Whether each interval holds the set bias."""
    known = found["expert"].map(set_biases(criterion))
    return np.asarray((found["low"] <= known) & (known <= found["high"]))


def bias_rows(table: Table, criterion: str, found: pd.DataFrame, last: str) -> None:
    known = set_biases(criterion)
    for row in found.itertuples():
        cells = (f"{known[row.expert]:+.4f}", f"{row.shift:+.4f}")
        table.add_row(criterion, row.expert, *cells, f"{row.low:+.4f} to {row.high:+.4f}", last)


def from_verdicts(count: int, tables: int, console: Console) -> bool:
    """Set and estimated biases of one table, coverage over many."""
    shown = Table(
        *("criterion", "rater (simulated)", "set bias", "estimated", "95 % interval", "coverage"),
        title=f"Biases from the verdicts on {count} micrographs; coverage over {tables} tables",
    )
    all_held = []
    for criterion in CRITERIA:
        labels, values = table_of(criterion, count, 0)
        first = turns(labels, values)
        covered = [
            held(criterion, turns(*table_of(criterion, count, seed), draws=200))
            for seed in range(1, tables + 1)
        ]
        all_held.append(covered)
        bias_rows(shown, criterion, first, f"{np.mean(covered):.1%}")
    console.print(shown)
    coverage = float(np.mean(all_held))
    console.print(f"Coverage over all: {coverage:.1%} (asked: at least 90 %)")
    return coverage >= 0.9


def show_agreement(count: int, console: Console) -> None:
    shown = Table("criterion", "between", "figure", "value", "95 % interval")
    shown.title = "Agreement of the three simulated raters"
    for criterion in CRITERIA:
        for row in agreement(table_of(criterion, count, 0)[0]).itertuples():
            pair = "all" if row.expert == EVERYONE else f"{row.expert}, {row.other}"
            if row.measure == "percent" and row.expert != EVERYONE:
                continue
            interval = f"{row.low:.3f} to {row.high:.3f}"
            shown.add_row(criterion, pair, row.measure, f"{row.value:.3f}", interval)
    console.print(shown)


def rendered(values: dict[str, float], seed: int) -> list[nq.Micrograph]:
    """Micrographs with these values of the deciding parameter; all else is drawn."""
    rng = np.random.default_rng([FIRST_SEED, seed])
    sides = shuffled_verdicts(len(values), rng)
    found = []
    for i, ((name, value), side) in enumerate(zip(values.items(), sides, strict=True)):
        parameters: Parameters = replace(
            draw_parameters(rng, side), **{CRITERIA[RENDERED].parameter: value}
        )
        made = render(parameters, FIRST_SEED + seed * 10_000 + i)
        found.append(nq.Micrograph(made.image, made.pixel_size_um, name=name))
    return found


def through_the_model(references: int, judged: int, encoder: str, console: Console) -> bool:
    """Where the calls turn under the references of each rater."""
    rng = np.random.default_rng([FIRST_SEED, 77])
    known, new = (
        {f"{kind}-{i:03d}": float(v) for i, v in enumerate(drawn_values(RENDERED, n, rng))}
        for kind, n in (("ref", references), ("new", judged))
    )
    pictures = {m.name: m for m in rendered(known, 1)}
    labels = verdicts(RENDERED, known, rng)
    with tempfile.TemporaryDirectory() as folder:
        library = nq.open_library(Path(folder) / "lab", create=True, encoder=encoder)
        library.add_criterion(RENDERED)
        for (rater, side), rows in labels.groupby(["expert", "verdict"]):
            images = [pictures[name] for name in rows["image"]]
            library.add_references(RENDERED, images, side, expert=rater, embed=False)
        found = expert_verdicts(library, rendered(new, 2))
    calls = found[found["expert"] != EVERYONE].assign(group="")
    turned = turns(calls.assign(verdict=calls["call"]), new)
    shown = Table(
        *("criterion", "references of", "set bias", "estimated", "95 % interval", "references"),
        title=f"The model ({encoder}) under each rater's references, on {judged} micrographs",
    )
    bias_rows(shown, RENDERED, turned, str(references))
    console.print(shown)
    for row in parting(found).itertuples():
        console.print(
            f"{row.expert} and {row.other}: {row.calls:.0%} of the calls part, "
            f"{row.opposed:.0%} of the verdicts are opposed"
        )
    console.print(f"Opposed verdicts on {len(disagreements(found))} of {judged} micrographs")
    order = list(turned.sort_values("shift")["expert"])
    return order == sorted(SHIFTS, key=lambda rater: SHIFTS[rater])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=120, help="micrographs that raters judge")
    parser.add_argument("--tables", type=int, default=200, help="tables behind the coverage")
    parser.add_argument("--references", type=int, default=60, help="0 leaves the model out")
    parser.add_argument("--judged", type=int, default=80)
    parser.add_argument("--encoder", default="lite")
    options = parser.parse_args()
    console = Console(width=120)
    passed = from_verdicts(options.count, options.tables, console)
    show_agreement(options.count, console)
    if options.references:
        passed &= through_the_model(options.references, options.judged, options.encoder, console)
    console.print("reached" if passed else "MISSED")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
