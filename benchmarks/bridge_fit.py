"""Fit the base bridge of `lite` on rendered micrographs, and write the file that is shipped.

    python benchmarks/bridge_fit.py [--each 80] [--seed 0] [--out FILE] [--cache FILE.npz]

Every class of `napari_qualify.synthetic.corpus` is rendered `--each` times with
captions; no real image is used. The penalty is the one with which classes that took
no part in the fit are told from each other best by their captions. A run from the same
seed with the same packages gives the same arrays to the last digits of the arithmetic.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

import napari_qualify
from napari_qualify.embed import bridge
from napari_qualify.embed.lite import BLOCKS, LiteEncoder
from napari_qualify.embed.refit import matching
from napari_qualify.synthetic.corpus import KINDS, example

OUT = Path(bridge.__file__).parent / bridge.FILE
PENALTIES = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
FOLDS = 5


def corpus(encoder: LiteEncoder, each: int, seed: int) -> tuple[np.ndarray, list[list[str]]]:
    """Visual vectors (n, 992) and captions, class after class for one seed after the other."""
    vectors, captions = [], []
    for number in track(range(each), "rendering"):
        examples = [example(name, seed + number) for name in KINDS]
        vectors.append(encoder.encode_images([e.image for e in examples]))
        captions += [e.captions for e in examples]
    return np.concatenate(vectors), captions


def targets(encoder: LiteEncoder, captions: list[list[str]]) -> np.ndarray:
    """Unit vectors (n, 384): the mean over the captions of a picture."""
    every = sorted({text for row in captions for text in row})
    vectors = dict(zip(every, encoder.encode_texts(every), strict=True))
    mean = np.array([np.mean([vectors[t] for t in row], axis=0) for row in captions])
    return np.asarray(mean / np.linalg.norm(mean, axis=1, keepdims=True))


def held_out(visual: np.ndarray, texts: np.ndarray, kinds: np.ndarray, penalty: float) -> float:
    """Matching of classes with captions when their fold took no part in the fit."""
    fold = np.random.default_rng(0).permutation(len(KINDS)) % FOLDS
    found = []
    for f in range(FOLDS):
        test = fold[kinds] == f
        fitted = bridge.fit(visual[~test], texts[~test], BLOCKS, penalty)
        fitted = replace(fitted, offset=np.zeros_like(fitted.offset))
        group = np.unique(kinds[test], return_inverse=True)[1]
        found.append(matching(fitted.apply(visual[test]).astype(float), texts[test], group))
    return float(np.mean(found))


def main() -> None:
    """Fit and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--each", type=int, default=80)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--cache", type=Path, help="keep vectors and captions here")
    options = parser.parse_args()
    console = Console()
    encoder = LiteEncoder("cpu", "fp32")
    start = time.perf_counter()
    if options.cache and options.cache.exists():
        with np.load(options.cache) as kept:
            visual, texts = kept["visual"], kept["texts"]
    else:
        visual, captions = corpus(encoder, options.each, options.seed)
        texts = targets(encoder, captions)
        if options.cache:
            np.savez(options.cache, visual=visual, texts=texts, captions=json.dumps(captions))
    kinds = np.tile(np.arange(len(KINDS)), len(visual) // len(KINDS))
    scores = {p: held_out(visual, texts, kinds, p) for p in PENALTIES}
    penalty = max(scores, key=lambda p: (round(scores[p], 3), p))
    record = {
        "name": "base",
        "made_by": f"benchmarks/bridge_fit.py --each {len(visual) // len(KINDS)} "
        f"--seed {options.seed}, napari-qualify {napari_qualify.__version__}",
        "micrographs": len(visual),
        "classes": len(KINDS),
        "penalty": penalty,
        "matching_left_out": round(scores[penalty], 4),
        "image_weights_sha256": encoder.identity["weights_sha256"],
        "text_weights_sha256": encoder.text_identity["text_weights_sha256"],
        "licence": "the project's",
    }
    fitted = bridge.fit(visual, texts, BLOCKS, penalty, record)
    # What all captions share tells nothing about a picture, and would decide the sign of
    # every score against statements.
    fitted = replace(fitted, offset=np.zeros_like(fitted.offset))
    fitted.save(options.out)
    console.print({p: round(s, 4) for p, s in scores.items()})
    console.print(record)
    size = options.out.stat().st_size / 1e6
    console.print(f"{options.out.name}: {size:.2f} MB, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
