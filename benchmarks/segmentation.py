"""Segmentation of real micrographs: strokes and networks beside a random forest.

    python benchmarks/segmentation.py [--data DIR] [--only PART] [--splits NAMES]

Data: nasa_ebc_super (https://github.com/nasa/pretrained-microscopy-models, MIT), its published
splits Super1 to Super4 and EBC3. Intersection over union per phase and its mean, over all pixels
of the published test images. ``different`` are the images of another etching or material.

strokes    a linear classifier on frozen features, from strokes on one training image
network    U-Net with EfficientNet-Lite0 from the offline weights, at most 10 minutes on the CPU
scratch    the same network and steps from random weights
forest     scikit-image's multi-scale features with a random forest, on the images as they are;
           ``forest std`` gets them standardised, as strokes and networks do
speed      time from stroke to prediction, throughput, memory: see segmentation_speed.py

Every method runs in a process of its own, whose peak memory is printed.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

import segmentation_methods as methods
from segmentation_data import DATA, NAMES, SPLITS

PARTS = ("strokes", "network", "speed")
SAME_TRAINING = {"Super2": "Super4", "Super4": "Super2"}
"""Splits with the same training images: one network is judged on the tests of both."""


def show(split: str, test: str, method: str, iou: np.ndarray, rest: str = "") -> None:
    """Print one row."""
    phases = "  ".join(f"{value:.3f}" for value in iou)
    part = {"test": "test", "different_test": "different"}[test]
    print(f"{split:7}{part:11}{method:16}{np.mean(iou):.3f}   {phases}   {rest}", flush=True)


def heading(title: str, splits: list[str]) -> None:
    """Print the title of a table."""
    print(f"\n{title}")
    families = ("super", "ebc") if any(s != "EBC3" for s in splits) else ("ebc",)
    order = "; ".join(f"{f}: {', '.join(NAMES[f].values())}" for f in families)
    print(f"split  images     method          mean    by phase ({order})")


def run_strokes(data: Path, splits: list[str], seeds: int, share: float) -> None:
    """Strokes and the forest on the same strokes."""
    heading(
        f"strokes on one training image, at most {share:.0%} of its pixels, {seeds} seeds", splits
    )
    keys = {"iou": "strokes", "forest": "forest", "forest_standardised": "forest std"}
    gains: dict[str, list[float]] = {"forest": [], "forest_standardised": []}
    for split in splits:
        runs = [methods.alone(methods.strokes, data, split, s, share) for s in range(seeds)]
        memory = max(peak for _, peak in runs)
        found = [each for each, _ in runs]
        for test in found[0]["iou"]:
            for key, method in keys.items():
                each = np.array([one[key][test] for one in found])
                spread = f"by seed {', '.join(f'{v:.3f}' for v in each.mean(1))}"
                if key == "iou":
                    fit = np.median([one["seconds"] for one in found])
                    spread += f"; {fit:.2f} s to train, peak {memory:.0f} MB with the forests"
                show(split, test, method, each.mean(0), spread)
            if test == "test":
                for key in gains:
                    gains[key].append(
                        np.mean([one["iou"][test].mean() - one[key][test].mean() for one in found])
                    )
    for key, values in gains.items():
        by_split = ", ".join(f"{s} {100 * v:+.1f}" for s, v in zip(splits, values, strict=True))
        print(
            f"strokes above {keys[key]}: {100 * np.mean(values):+.1f} points on test ({by_split})"
        )


def run_networks(data: Path, splits: list[str], steps: int, minutes: float, seed: int) -> None:
    """The network from the offline weights, from nothing, and the forest from masks."""
    heading(f"learned from all training images ({steps} steps, at most {minutes:g} min)", splits)
    done: dict[tuple[str, str], tuple[dict, float]] = {}
    for split in splits:
        for standardise in (False, True):
            found, memory = methods.alone(methods.forest_from_masks, data, split, standardise)
            for test, iou in found["iou"].items():
                method = "forest std" if standardise else "forest"
                show(split, test, method, iou, f"{found['seconds']:.0f} s, {memory:.0f} MB")
        for start, method in (("none", "scratch"), ("lite", "network")):
            same = (SAME_TRAINING.get(split, ""), start)
            if same in done and split == "Super4":
                # Its test images are the other's different_test.
                found, memory = done[same]
                tests = {"test": "different_test"}
            else:
                found, memory = methods.alone(
                    methods.network, data, split, start, steps, minutes, seed
                )
                done[(split, start)] = found, memory
                tests = {test: test for test in found["iou"]}
            rest = f"{found['seconds']:.0f} s, {found['steps']} steps, {memory:.0f} MB"
            for test, key in tests.items():
                show(split, test, method, found["iou"][key], rest)
                show(split, test, f"{method} averaged", found["averaged"][key])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--only", choices=PARTS, nargs="*", default=PARTS)
    parser.add_argument("--splits", nargs="*", default=list(SPLITS), choices=SPLITS)
    parser.add_argument("--seeds", type=int, default=4, help="strokings of each split")
    parser.add_argument("--share", type=float, default=0.02, help="of the pixels, painted at most")
    parser.add_argument("--steps", type=int, default=300, help="of each network")
    parser.add_argument("--minutes", type=float, default=10, help="at most, of each network")
    parser.add_argument("--seed", type=int, default=0, help="of the networks")
    options = parser.parse_args()
    if not (options.data / "splits.csv").is_file():
        sys.exit(f"{options.data}: the data set nasa_ebc_super is not here; name it by --data")
    print(json.dumps({k: str(v) for k, v in vars(options).items() if k != "data"}))
    if "strokes" in options.only:
        run_strokes(options.data, options.splits, options.seeds, options.share)
    if "network" in options.only:
        run_networks(options.data, options.splits, options.steps, options.minutes, options.seed)
    if "speed" in options.only:
        import segmentation_speed

        segmentation_speed.run(options.data)


if __name__ == "__main__":
    main()
