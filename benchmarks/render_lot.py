"""Render the sample lot that ships with the package; the same bytes every time.

python benchmarks/render_lot.py [--out src/napari_qualify/sample_data]
"""

import argparse
from pathlib import Path

from rich.console import Console

from napari_qualify.synthetic.lot import write_lot

OUT = Path(__file__).parents[1] / "src" / "napari_qualify" / "sample_data"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=OUT, help="folder to write into")
    out = parser.parse_args().out
    write_lot(out)
    written = [p for p in out.rglob("*") if p.is_file()]
    size = sum(p.stat().st_size for p in written) / 1e6
    Console().print(f"{out}: {len(written)} files, {size:.2f} MB")


if __name__ == "__main__":
    main()
