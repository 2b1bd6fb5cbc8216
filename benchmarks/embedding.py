"""Speed of embedding, and how near the fast vectors are to those in fp32.

    python benchmarks/embedding.py [--count 1000] [--only PART ...] [--clip DIR] [--flava DIR]

Files: 8-bit PNG of 512 px, cut from rendered micrographs. Two threads, batches of 32. Every part
takes turns with its peer on the same files, slice by slice; medians over the slices.

clip     files to vectors by `embed_each` beside a plain open_clip loop in fp32: ViT-B/32
flava    the same for FLAVA, beside a plain loop by transformers in fp32
bare     the forward passes alone, at our precision, of the same pictures held in memory
library  files to a library beside the bare forward; then the same command again
int8     ONNX Runtime int8 beside the plain loop; agreement, also of `lite` with its real weights
lite     `lite` beside a plain fp32 loop with timm and the same weights
memory   peak of a process that embeds one image of 16384 x 16384 (limit 2,500 MB)

Weights are random unless --clip or --flava names a model (a folder, or MODEL:PRETRAINED): speed
does not depend on them; agreement does, so it is said which they were.
"""

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import embedding_peers as peers
from common import peak_mb

THREADS, BATCH, SIDE = 2, 32, 512
SLICES = 5
PARTS = ("clip", "flava", "library", "int8", "lite", "memory")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=1000, help="files")
    parser.add_argument("--only", nargs="*", choices=PARTS, default=PARTS)
    parser.add_argument("--clip", help="a model of open_clip with its weights; else random ones")
    parser.add_argument("--flava", help="a folder of FLAVA with its weights; else random ones")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = render_files(Path(folder) / "images", options.count)
        threads()
        for part in options.only:
            run = {"memory": memory}.get(part) or globals()[f"run_{part}"]
            run(Path(folder), files, options)


def threads() -> None:
    import torch

    torch.set_num_threads(THREADS)
    print(
        f"torch {torch.__version__}, {THREADS} threads, native bfloat16 "
        f"{'yes' if torch.cpu._is_avx512_bf16_supported() else 'no'}",
        flush=True,
    )


def render_files(folder: Path, count: int) -> list[Path]:
    """Squares of 512 px cut from renderings of 1024 px, and mirrored, as 8-bit PNG."""
    from napari_qualify.synthetic.parameters import CRITERIA, draw_parameters
    from napari_qualify.synthetic.render import render

    folder.mkdir()
    files: list[Path] = []
    while len(files) < count:
        seed = len(files)
        rng = np.random.default_rng([31, seed])
        verdicts = {name: ("accept", "reject")[int(rng.integers(2))] for name in CRITERIA}
        shown = render(draw_parameters(rng, verdicts, shape=(1024, 1024)), seed).image
        for turned in (shown, shown[::-1], shown.T, shown[::-1, ::-1].T):
            for y in (0, SIDE):
                for x in (0, SIDE):
                    if len(files) < count:
                        files.append(folder / f"{len(files):04d}.png")
                        Image.fromarray(turned[y : y + SIDE, x : x + SIDE]).save(files[-1])
    return files


def in_turns(
    files: list[Path], calls: dict[str, Callable[[list[Path]], Any]]
) -> tuple[dict[str, list[float]], dict[str, list[Any]]]:
    """Files per second of each call on each slice, in turns, and what they gave."""
    for call in calls.values():
        call(files[:BATCH])  # warm
    rates: dict[str, list[float]] = {name: [] for name in calls}
    found: dict[str, list[Any]] = {name: [] for name in calls}
    for number in range(SLICES):
        some = files[number * len(files) // SLICES : (number + 1) * len(files) // SLICES]
        names = list(calls) if number % 2 == 0 else list(calls)[::-1]
        for name in names:
            begin = time.perf_counter()
            found[name].append(calls[name](some))
            rates[name].append(len(some) / (time.perf_counter() - begin))
    return rates, found


def show(title: str, rates: dict[str, list[float]], base: str) -> None:
    """Print a table of medians and their ratios to the base."""
    print(f"\n{title}")
    for name, each in rates.items():
        ratio = np.median(each) / np.median(rates[base])
        spread = ", ".join(f"{r:.1f}" for r in each)
        print(f"  {name:34}{np.median(each):7.1f} images/s  x {ratio:.2f}   ({spread})", flush=True)


def agreement(title: str, wanted: list[np.ndarray], found: list[np.ndarray]) -> None:
    """Print the smallest cosine, and how pairwise similarities rank."""
    from scipy.stats import spearmanr

    one, two = np.concatenate(wanted), np.concatenate(found)
    cosine = np.sum(one * two, axis=1)
    some = np.random.default_rng(0).permutation(len(one))[:300]
    upper = np.triu_indices(len(some), 1)
    rho = spearmanr((one[some] @ one[some].T)[upper], (two[some] @ two[some].T)[upper]).statistic
    print(
        f"  {title}: cosine at least {cosine.min():.5f} (median {np.median(cosine):.5f}), "
        f"Spearman's rho of pairwise similarities {rho:.4f}",
        flush=True,
    )


def ours(encoder: Any) -> Callable[[list[Path]], np.ndarray]:
    """Files to vectors by the package."""
    import napari_qualify as nq

    return lambda some: nq.embed(some, encoder)


def bare(encoder: Any) -> Callable[[list[Path]], np.ndarray]:
    """The forward pass alone: the pictures were made before the clock runs."""
    pictures: dict[tuple[Path, ...], list[np.ndarray]] = {}

    def call(some: list[Path]) -> np.ndarray:
        return encoder.encode_images(pictures[tuple(some)])

    def prepare(some: list[Path]) -> None:
        size = (encoder.side, encoder.side)
        pictures[tuple(some)] = [
            np.asarray(Image.open(f).convert("RGB").resize(size, Image.Resampling.BICUBIC))
            for f in some
        ]

    call.prepare = prepare  # type: ignore[attr-defined]
    return call


def prepare(call: Any, files: list[Path]) -> None:
    """Make the pictures of all slices of a bare call."""
    call.prepare(files[:BATCH])
    for number in range(SLICES):
        call.prepare(files[number * len(files) // SLICES : (number + 1) * len(files) // SLICES])


def run_clip(folder: Path, files: list[Path], options: argparse.Namespace) -> None:
    """CLIP: plain loop, ours, ours in fp32, forward alone."""
    from napari_qualify.embed.registry import load_encoder

    spec, kind = peers.clip_spec(folder, options.clip)
    fast, full = load_encoder(spec, "cpu"), load_encoder(spec, "cpu", "fp32")
    forward = bare(fast)
    prepare(forward, files)
    name = f"ours ({fast.precision})"
    rates, found = in_turns(
        files,
        {
            "plain open_clip loop, fp32": peers.plain_clip(spec, BATCH),
            name: ours(fast),
            "ours (fp32)": ours(full),
            f"forward alone ({fast.precision})": forward,
        },
    )
    show(f"CLIP ViT-B/32, {kind} weights, files to vectors", rates, "plain open_clip loop, fp32")
    plain = found["plain open_clip loop, fp32"]
    agreement("ours (fp32) to the plain loop", plain, found["ours (fp32)"])
    agreement(f"{name} to the plain loop", plain, found[name])


def run_flava(folder: Path, files: list[Path], options: argparse.Namespace) -> None:
    """FLAVA: plain loop by transformers, ours."""
    from napari_qualify.embed.registry import load_encoder

    spec, kind = peers.flava_spec(folder, options.flava)
    fast = load_encoder(spec, "cpu")
    some = files[: max(SLICES * BATCH, len(files) // 4)]
    name = f"ours ({fast.precision})"
    base = "plain transformers loop, fp32"
    rates, found = in_turns(some, {base: peers.plain_flava(spec, BATCH), name: ours(fast)})
    show(f"FLAVA, {kind} weights, files to vectors, {len(some)} files", rates, base)
    agreement(f"{name} to the plain loop", found[base], found[name])


def run_library(folder: Path, files: list[Path], options: argparse.Namespace) -> None:
    """Files to a library beside the forward alone, then the same folder again."""
    import napari_qualify as nq
    from napari_qualify.batch import embed_files
    from napari_qualify.embed.registry import load_encoder

    spec, kind = peers.clip_spec(folder, options.clip)
    encoder = load_encoder(spec, "cpu")
    forward = bare(encoder)
    prepare(forward, files)
    libraries = iter(range(1000))

    def to_library(some: list[Path]) -> int:
        library = nq.open_library(folder / f"lab{next(libraries)}", create=True, encoder=spec)
        return embed_files(some, library).new

    rates, _ = in_turns(files, {"forward alone": forward, "files to library": to_library})
    show(
        f"CLIP ViT-B/32 ({encoder.precision}), {kind} weights, to a library", rates, "forward alone"
    )
    library = nq.open_library(folder / "whole", create=True, encoder=spec)
    seconds = []
    for _ in range(2):
        begin = time.perf_counter()
        done = embed_files([folder / "images"], library)
        seconds.append(time.perf_counter() - begin)
        print(f"  {len(files)} files: {done.new} new, {done.stored} stored, {seconds[-1]:.2f} s")
    print(f"  the second run takes {seconds[1] / seconds[0]:.2%} of the first (limit 2 %)")


def run_int8(folder: Path, files: list[Path], options: argparse.Namespace) -> None:
    """Int8: speed of CLIP beside the plain loop; agreement of CLIP and of `lite`."""
    from napari_qualify.embed.registry import load_encoder
    from napari_qualify.errors import EncoderError

    spec, kind = peers.clip_spec(folder, options.clip)
    base = "plain open_clip loop, fp32"
    for name, plain in ((spec, peers.plain_clip(spec, BATCH)), ("lite", peers.plain_lite(BATCH))):
        head, colon, rest = name.partition(":")
        try:
            fast = load_encoder(f"{head}+int8{colon}{rest}")
        except EncoderError as error:
            print(f"\nint8 of {head}: {error}", flush=True)
            continue
        base = f"plain {head} loop, fp32"
        rates, found = in_turns(files, {base: plain, "ours (int8)": ours(fast)})
        weights = kind if head == "clip" else "real"
        show(f"int8 of {head}, {weights} weights, files to vectors", rates, base)
        agreement("ours (int8) to the plain loop", found[base], found["ours (int8)"])


def run_lite(folder: Path, files: list[Path], options: argparse.Namespace) -> None:
    """Lite: plain loop with timm, ours."""
    from napari_qualify.embed.registry import load_encoder

    fast, full = load_encoder("lite", "cpu"), load_encoder("lite", "cpu", "fp32")
    base, name = "plain loop with timm, fp32", f"ours ({fast.precision})"
    rates, found = in_turns(
        files, {base: peers.plain_lite(BATCH), name: ours(fast), "ours (fp32)": ours(full)}
    )
    show("lite, real weights, files to vectors", rates, base)
    agreement("ours (fp32) to the plain loop", found[base], found["ours (fp32)"])
    agreement(f"{name} to the plain loop", found[base], found[name])


def memory(folder: Path, files: list[Path], options: argparse.Namespace) -> None:
    """Peak memory of embedding one large image, whole and in tiles, each in a new process."""
    print(f"\none image of {peers.HUGE} x {peers.HUGE}, lite, a process each")
    path = peers.write_huge(folder, files)
    for tile_px in (None, 2048):
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            seconds, peak = pool.submit(_embed_huge, path, tile_px).result()
        what = "one tile" if tile_px is None else f"tiles of {tile_px} px"
        print(f"  {what:20}{seconds:6.1f} s, peak {peak:.0f} MB (limit 2500)", flush=True)


def _embed_huge(path: Path, tile_px: int | None) -> tuple[float, float]:
    import napari_qualify as nq

    threads()
    begin = time.perf_counter()
    # At 1 um a pixel micrometres are pixels.
    micrograph = nq.read(path, pixel_size_um=1.0)
    nq.embed(micrograph, "lite", tile_um=tile_px)
    seconds = time.perf_counter() - begin
    return seconds, peak_mb()


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", str(THREADS))
    sys.exit(main())
