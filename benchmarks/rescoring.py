"""Score many stored vectors for many criteria, beside the loop of conformal-clip.

100,000 random unit vectors, 20 criteria with 200 references each. Times are
medians of interleaved repeats, the judges fitted before; peak memory is that of
a process of its own, vectors included. The peer scores one vector after the other;
it is timed on 200 vectors for one criterion and scaled to all.

    python benchmarks/rescoring.py [--vectors 100000] [--criteria 20] [--dims 512 1280]
"""

import argparse
import multiprocessing
import time

import numpy as np

from common import peak_mb
from napari_qualify.embed.torchvision_guard import ensure_torchvision

RULES = ("net(pool=mean)", "gaussian(shrinkage=0.1)", "net(pool=max)", "net(pool=soft)")
REFERENCES, REPEATS, PEER = 200, 3, 200


def unit_rows(count: int, dim: int, seed: int) -> np.ndarray:
    """Random unit vectors, float32."""
    rows = np.random.default_rng(seed).standard_normal((count, dim), dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def fitted(rule: str, count: int, dim: int) -> list:
    """Judges of `count` criteria, fitted."""
    from napari_qualify.decide.judge import Judge
    from napari_qualify.decide.references import References

    judges = []
    for k in range(count):
        accepted = np.arange(REFERENCES) < REFERENCES // 2
        rows = unit_rows(REFERENCES, dim, 1000 + k)
        judge = Judge(References(rows, accepted, [f"g{i // 5}" for i in range(REFERENCES)]), rule)
        _ = judge.choice
        judges.append(judge)
    return judges


def measure(rule: str, vectors: int, criteria: int, dim: int, queue) -> None:
    """Times of `rescore` and the peak of this process."""
    from napari_qualify.decide.rescore import rescore

    judges = fitted(rule, criteria, dim)
    rows = unit_rows(vectors, dim, 0)
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        rescore(rows, judges)
        times.append(time.perf_counter() - start)
    queue.put((times, peak_mb()))


def peer_seconds(vectors: int, criteria: int, dim: int) -> float:
    """Seconds of conformal-clip's loop over single vectors, scaled."""
    ensure_torchvision()
    import torch
    from conformal_clip.wrappers import CLIPWrapper

    rows = torch.from_numpy(unit_rows(PEER, dim, 0))
    references = torch.from_numpy(unit_rows(REFERENCES, dim, 1000))
    half = REFERENCES // 2
    labels = ("accept", "reject")
    model = CLIPWrapper(None, references[:half], references[half:], class_labels=labels)
    start = time.perf_counter()
    for row in rows:
        model.predict_proba(row[None])
    return (time.perf_counter() - start) / PEER * vectors * criteria


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vectors", type=int, default=100_000)
    parser.add_argument("--criteria", type=int, default=20)
    parser.add_argument("--dims", type=int, nargs="+", default=[512, 1280])
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    for dim in options.dims:
        peer = peer_seconds(options.vectors, options.criteria, dim)
        print(
            f"{options.vectors} vectors of {dim}, {options.criteria} criteria, {REFERENCES} "
            f"references each; conformal-clip's loop {peer:.0f} s (timed on {PEER} vectors, scaled)"
        )
        for rule in RULES:
            queue = context.Queue()
            order = (rule, options.vectors, options.criteria, dim, queue)
            process = context.Process(target=measure, args=order)
            process.start()
            times, peak = queue.get()
            process.join()
            median = float(np.median(times))
            print(
                f"  {rule:26} {median:6.2f} s ({', '.join(f'{t:.2f}' for t in times)}), "
                f"peak {peak:.0f} MB, {peer / median:.0f} times faster",
                flush=True,
            )


if __name__ == "__main__":
    main()
