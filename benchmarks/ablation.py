"""The ablation on rendered micrographs, as `napari-qualify ablate --rendered` runs it.

The sample lot's 20 references judge micrographs from seeds that the lot does not
use, over view, modality, z on and off, batch and library, and rule, the paper's
included; paired differences to the defaults with their intervals. Encoders other
than lite join when their weights are at hand.

    python benchmarks/ablation.py [--count 120] [--encoder clip:FOLDER] [--out DIR]

What it says, with plots: docs/paper-experiment.md.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from napari_qualify.commands.ablate import run_ablate_rendered


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=120, help="micrographs to render")
    parser.add_argument("--encoder", action="append", default=[], help="repeat for more")
    parser.add_argument("--draws", type=int, default=1000, help="resamples of the intervals")
    parser.add_argument("--out", type=Path, help="keep tables, plots and vectors here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = options.out or Path(folder)
        return run_ablate_rendered(out, options.encoder, {}, options.count, options.draws)


if __name__ == "__main__":
    sys.exit(main())
