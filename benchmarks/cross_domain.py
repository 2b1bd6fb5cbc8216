"""References of one kind of defect, micrographs of two others, on real metal.

Data: qe_microstructure (750 micrographs of fmegahed/qe_genai, MIT). Uniform is
accepted; Band, Bimodal and SingleCrystal are three kinds of defect, each in
three severities. In every draw half of each kind is held back. References are
36 + 36 of Uniform and of one kind; judged are held micrographs of the others
against held Uniform. Each kind is the reference once.

    python benchmarks/cross_domain.py [--data DIR] [--draws 8] [--references 36] [--cache FILE]
"""

import argparse
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from napari_qualify.evaluate.cross_domain import OTHERS, cross_domain
from napari_qualify.evaluate.plots import metric_name
from qe_vectors import DATA, SOUND, qe_vectors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--draws", type=int, default=8)
    parser.add_argument("--references", type=int, default=36)
    parser.add_argument("--rule", default="auto")
    parser.add_argument("--cache", type=Path, help="file for the vectors, .npz")
    options = parser.parse_args()
    found = qe_vectors(options.data, options.cache)
    kinds = np.array([kind.partition("_")[0] for kind in found.kinds])
    table = cross_domain(
        found.vectors,
        found.accepted,
        kinds,
        shared=[SOUND],
        references=options.references,
        draws=options.draws,
        rule=options.rule,
    )
    metrics = list(table["metric"].unique())
    shown = Table(
        *("references", "judged", *(metric_name(m) for m in metrics), "judged micrographs"),
        title=f"lite, rule {options.rule}, {options.draws} draws, mean [95 % interval]",
    )
    for (reference, test), rows in table.groupby(["reference", "test"], sort=False):
        cells = [f"{row.value:.3f} [{row.low:.3f}, {row.high:.3f}]" for row in rows.itertuples()]
        shown.add_row(
            *(f"{SOUND} and {reference}", test, *cells, str(rows["n"].iloc[0])),
            style="bold" if test == OTHERS else "",
        )
        if test == OTHERS:
            shown.add_section()
    Console(width=170).print(shown)


if __name__ == "__main__":
    main()
