"""Small local defects in rendered micrographs, found by the nearest tiles of references.

Two cases: a cluster of pores and a branched crack, each with an outline of 0.8 to
1.2 % of the field and at most twice as dark as the noise deviates. Sound and
defective micrographs alike have scattered pores of the same kind, scratches, a
cellular matrix and uneven light. Each case judges 100 defective micrographs and
100 sound ones (the same for both). There are 10 accepted references, and 10
rejected ones whose defects are half or twice as large and lie in other sixteenths
of the field; everything is also judged with the accepted references alone. All goes
through `qualify` with the encoder lite and criteria with the rule of nearest tiles:
tiles of 55 um, 169 to a field. The score of the verdicts is ranked, and the strangest
tile of their evidence is compared with the place of the defect.

    python benchmarks/local_defects.py [--count 100] [--seed 1] [--folder DIR]

A place is right when the centre of the hottest tile lies within one tile's side of
the nearest pixel of the defect; chance is the share of all tiles for which that
holds. Intervals of 95 %: Wilson for shares, bootstrap over micrographs for AUROC.
With --folder the library is kept, and another run embeds nothing again. Exits with
1 when a figure is missed.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from rich.console import Console
from rich.table import Table

import napari_qualify as nq
from napari_qualify.decide.settings import TILES
from napari_qualify.embed.settings import DENSE_OVERLAP
from napari_qualify.embed.tiles import tile_boxes
from napari_qualify.synthetic.local_defects import (
    PIXEL_SIZE_UM,
    SHAPE,
    Kind,
    LocalMicrograph,
    render_local,
)
from rendered import Counted, auroc, share

CASES: tuple[Kind, ...] = ("pores", "crack")
TILE_UM = 55.0
REFERENCES = 10
ACCEPTED_ONLY = ", accepted only"
AUROC_AT_LEAST, PLACE_AT_LEAST, CHANCE_BELOW = 0.95, 0.90, 0.20
_SEEDS = 10_000_000  # those that served to choose the method lie below


@dataclass(frozen=True, eq=False)
class Judged:
    """What is kept of a judged micrograph: its defect, and what was said of it."""

    kind: Kind
    extent: float
    covered: float
    chance: float
    """Share of tiles whose centre lies within one tile of the defect."""
    score: dict[str, float]
    placed: dict[str, bool]
    verdict: dict[str, str]


def place(rng: np.random.Generator, reference: bool) -> tuple[float, float]:
    """Middle of a defect: those of references lie in other fields of a 4 x 4 chessboard."""
    while True:
        y, x = rng.uniform(0.12, 0.88, 2)
        if ((int(4 * y) + int(4 * x)) % 2 == 0) == reference:
            return float(y), float(x)


def drawn(kind: Kind, number: int, seed: int, reference: bool) -> LocalMicrograph:
    """One micrograph of the benchmark."""
    case = ("none", *CASES).index(kind)
    rng = np.random.default_rng([_SEEDS, seed, case, number, reference])
    sizes = ((0.004, 0.006), (0.016, 0.024))[number % 2] if reference else (0.008, 0.012)
    stream = _SEEDS + seed * 100_000 + case * 10_000 + reference * 5_000 + number
    where = place(rng, reference)
    return render_local(kind, stream, extent=float(rng.uniform(*sizes)), place=where)


def as_micrograph(made: LocalMicrograph, name: str) -> nq.Micrograph:
    """What the program gets to see."""
    return nq.Micrograph(made.image, made.pixel_size_um, name=name)


def fill(library: nq.Library, seed: int) -> None:
    """Two criteria for each case, with their references."""
    for kind in CASES:
        named: tuple[tuple[Kind, Literal["accept", "reject"]], ...] = (
            ("none", "accept"),
            (kind, "reject"),
        )
        sides = [
            (
                verdict,
                [
                    as_micrograph(drawn(side, i, seed, True), f"reference {side} {i}")
                    for i in range(REFERENCES)
                ],
            )
            for side, verdict in named
        ]
        for name, used in ((kind, sides), (kind + ACCEPTED_ONLY, sides[:1])):
            if name in library.criteria:
                continue
            library.add_criterion(name, rule=TILES, tile_um=TILE_UM)
            for verdict, made in used:
                library.add_references(name, made, verdict, expert="renderer", embed=False)


def judge(library: nq.Library, count: int, seed: int, console: Console) -> list[Judged]:
    """Judge the micrographs, each rendered when its turn comes."""
    boxes = tile_boxes(SHAPE, TILE_UM / PIXEL_SIZE_UM, DENSE_OVERLAP)
    side = float(boxes[0, 2])
    made: list[LocalMicrograph] = []

    def rendered() -> Iterator[nq.Micrograph]:
        for i in range(count):
            for kind in ("none", *CASES):
                made.append(drawn(kind, i, seed, False))
                yield as_micrograph(made[-1], f"judged {kind} {i}")
            if i % 10 == 9:
                console.print(f"  {len(made)} of {3 * count} micrographs rendered", style="dim")

    found = []
    for one, assessment in zip(made, nq.qualify(rendered(), library, record=False), strict=True):
        near = [one.distance(y, x) <= side for y, x in boxes[:, :2] + side / 2]
        score, placed = {}, {}
        for verdict in assessment.verdicts:
            tile = verdict.evidence.hottest
            assert verdict.score is not None and tile is not None
            score[verdict.criterion] = verdict.score
            placed[verdict.criterion] = one.distance(*tile.centre) <= side
        found.append(
            Judged(
                one.kind,
                one.extent,
                float(one.mask.mean()),
                float(np.mean(near)),
                score,
                placed,
                {v.criterion: v.verdict for v in assessment.verdicts},
            )
        )
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100, help="defective micrographs per case")
    parser.add_argument("--seed", type=int, default=1, help="another set of micrographs")
    parser.add_argument("--folder", type=Path, help="keep the library here")
    options = parser.parse_args()
    console = Console(width=140)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as temporary:
        library = nq.open_library((options.folder or Path(temporary)) / "local", create=True)
        fill(library, options.seed)
        passed = report(judge(library, options.count, options.seed, console), console)
    console.print(
        f"{time.perf_counter() - started:.0f} s. Asked: AUROC at least {AUROC_AT_LEAST}, right "
        f"place at least {PLACE_AT_LEAST}, chance below {CHANCE_BELOW}: "
        f"{'reached' if passed else 'MISSED'}."
    )
    return 0 if passed else 1


def report(judged: list[Judged], console: Console) -> bool:
    """Print the table; whether all figures are reached."""
    tiles = len(tile_boxes(SHAPE, TILE_UM / PIXEL_SIZE_UM, DENSE_OVERLAP))
    columns = ("case", "AUROC", "right place", "chance", "outline", "pixels", "wrong", "review")
    table = Table(*columns, title=f"Rendered local defects, encoder lite, {tiles} tiles a field")
    passed = tiles >= 64
    for kind in CASES:
        mine = [one for one in judged if one.kind in ("none", kind)]
        ill = [one for one in mine if one.kind != "none"]
        for name in (kind, kind + ACCEPTED_ONLY):
            truth = np.array([one.kind == "none" for one in mine])
            ranked: Counted = auroc(truth, np.array([one.score[name] for one in mine]))
            placed = share(np.array([one.placed[name] for one in ill]))
            chance = float(np.mean([one.chance for one in ill]))
            passed &= ranked.value >= AUROC_AT_LEAST and placed.value >= PLACE_AT_LEAST
            passed &= chance < CHANCE_BELOW
            wrong = [
                one.verdict[name] == ("reject" if sound else "accept")
                for one, sound in zip(mine, truth, strict=True)
            ]
            table.add_row(
                name,
                str(ranked),
                str(placed),
                f"{chance:.3f}",
                f"{np.mean([one.extent for one in ill]):.2%}",
                f"{np.mean([one.covered for one in ill]):.2%}",
                f"{np.mean(wrong):.1%}",
                f"{np.mean([one.verdict[name] == 'review' for one in mine]):.1%}",
            )
    console.print(table)
    return passed


if __name__ == "__main__":
    sys.exit(main())
