"""Accept and reject metal microstructures from few references, against published figures.

Data: qe_microstructure (750 micrographs of fmegahed/qe_genai, MIT), Uniform is
accepted, the nine defect folders are rejected. For each seed N + N references
are drawn from the two sides, and the test set is all other accepted
micrographs with as many rejected ones. Everything goes through `nq.qualify`
with a real library; rule, pool and cut are chosen on the references only.

    python benchmarks/qe_microstructure.py [--data DIR] [--seeds 8] [--references 1 5 36]

`paper` is the paper's setting as we reconstruct it: mean pool, z over the batch,
weight 0.5, cut 0; it is also judged on a test set of 90 % accepted ones, where
the others of the batch move its cut. The last rows are the rule of the PyPI package
conformal-clip (largest cosine per side, softmax cut at 0.5) on the same vectors;
it is in the extra `bench`. Below the table: differences of accuracy to the
default, paired by seed, with their 95 % intervals.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.metrics import roc_auc_score

import napari_qualify as nq
from common import mean_interval
from napari_qualify.embed.torchvision_guard import ensure_torchvision

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "qe_microstructure"
RULES = (
    "auto",
    "paper",
    "net(pool=mean)",
    "net(pool=max)",
    "net(pool=soft, sharpness=5.0, centred=True)",
    "net(pool=soft, sharpness=5.0, centred=True, standardised=True)",
    "gaussian(shrinkage=0.1)",
    "gaussian(shrinkage=0.1, standardised=True)",
)
SKEWED = ("auto", "paper")
PEER = "conformal-clip's rule"
ACCEPT = ("an even microstructure of uniform grains", "grains of one size, evenly distributed")
REJECT = (
    "bands of fine and coarse grains",
    "a bimodal grain size, coarse grains among fine ones",
    "a large single crystal among fine grains",
)
PUBLISHED = (
    "Published on this set, 36 + 36, no calibration (accuracy / AUROC, fmegahed/conformal_clip):\n"
    "CLIP ViT-B/32 .887/.970, ViT-L/14 .873/.981, ViT-H/14 .942/.997, ViT-bigG/14 .947/.997\n"
    "(isotonic .976), ConvNeXt-XXL .971/.995, SigLIP2 B/16 .933/.989, DINOv3 L/16 .918/.971,\n"
    "ResNet18 .898/.981, EfficientNet-B0 .907/.984."
)


class Draw:
    """One seed's references and balanced test set, as indices."""

    def __init__(self, truth: np.ndarray, count: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        accepted = rng.permutation(np.flatnonzero(truth))
        rejected = rng.permutation(np.flatnonzero(~truth))
        rest = min(len(accepted), len(rejected)) - count
        self.name = f"{count}+{count}, seed {seed}"
        self.accepted, self.rejected = accepted[:count], rejected[:count]
        self.test = np.r_[accepted[count : count + rest], rejected[count : count + rest]]
        self.skewed = np.r_[accepted[count : count + rest], rejected[count : count + rest // 9]]


def figures(truth: np.ndarray, scores: np.ndarray, calls: np.ndarray) -> dict[str, float]:
    """Accuracy of the call and AUROC of one draw."""
    return {
        "accuracy": float((calls == truth).mean()),
        "AUROC": float(roc_auc_score(truth, scores)),
    }


def by_qualify(
    micrographs: list[nq.Micrograph],
    truth: np.ndarray,
    draws: list[Draw],
    library: nq.Library,
    test: str = "test",
) -> list[dict[str, float]]:
    """Judge the test set of every draw by its criterion; a batch is that set alone."""
    found = []
    for draw in draws:
        rows = getattr(draw, test)
        some = [micrographs[i] for i in rows]
        assessments = nq.qualify(some, library, criteria=[draw.name], record=False)
        verdicts = [assessment[draw.name] for assessment in assessments]
        real = truth[rows]
        row = figures(
            real,
            np.array([v.score for v in verdicts]),
            np.array([v.call == "accept" for v in verdicts]),
        )
        decided = np.array([v.verdict != "review" for v in verdicts])
        wrong = np.array([(v.verdict == "accept") for v in verdicts]) != real
        row["review"] = float(1 - decided.mean())
        row["error"] = float(wrong[decided].mean()) if decided.any() else np.nan
        found.append(row)
    return found


def by_conformal_clip(vectors: np.ndarray, truth: np.ndarray, draw: Draw) -> dict[str, float]:
    """The same draw by the classifier of conformal-clip."""
    ensure_torchvision()
    import torch
    from conformal_clip.wrappers import CLIPWrapper

    rows = torch.from_numpy(vectors)
    model = CLIPWrapper(
        None, rows[draw.accepted], rows[draw.rejected], class_labels=("accept", "reject")
    )
    scores = model.predict_proba(rows[draw.test])[:, 0]
    return figures(truth[draw.test], scores, scores >= 0.5)


def difference(
    count: int, name: str, ours: list[dict[str, float]], other: list[dict[str, float]]
) -> str:
    """Gain in accuracy of the default over another setting, paired by seed."""
    gains = np.array([a["accuracy"] - b["accuracy"] for a, b in zip(ours, other, strict=True)])
    mean, half = mean_interval(gains)
    return f"{count}+{count}: auto is {mean:+.4f} ± {half:.4f} above {name}"


def cell(rows: list[dict[str, float]], name: str) -> str:
    """Mean over the seeds with its 95 % interval."""
    values = np.array([row.get(name, np.nan) for row in rows])
    if np.isnan(values).all():
        return "-"
    mean, half = mean_interval(values[~np.isnan(values)])
    return f"{mean:.4f} ± {half:.4f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--references", type=int, nargs="+", default=[1, 5, 36])
    options = parser.parse_args()
    paths = sorted(options.data.glob("*/*.png"))
    if not paths:
        parser.error(f"no micrographs in {options.data}")
    truth = np.array([path.parent.name == "Uniform" for path in paths])
    micrographs = [nq.read(path, name=f"{path.parent.name}/{path.name}") for path in paths]
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        library = nq.open_library(Path(folder) / "qe", create=True)
        table = Table(
            "references",
            "rule",
            "accuracy of the call",
            "AUROC",
            "review rate",
            "error among decided",
            title=f"{len(paths)} micrographs, {options.seeds} seeds, mean ± its 95 % interval",
        )
        paired: list[str] = []
        for count in options.references:
            draws = [Draw(truth, count, seed) for seed in range(options.seeds)]
            rows: dict[str, list[dict[str, float]]] = {}
            fill(library, draws, micrographs)
            for rule in RULES:
                for draw in draws:
                    library.add_criterion(
                        draw.name, accept=ACCEPT, reject=REJECT, rule=rule, replace=True
                    )
                rows[rule] = by_qualify(micrographs, truth, draws, library)
                add_row(table, count, rule, rows[rule])
                if rule in SKEWED:
                    skewed = by_qualify(micrographs, truth, draws, library, "skewed")
                    add_row(table, count, f"{rule}, 90 % of the batch accepted", skewed)
            vectors = nq.embed(micrographs, library.encoder, library=library)
            peer = [by_conformal_clip(vectors, truth, draw) for draw in draws]
            add_row(table, count, PEER, peer)
            rows[PEER] = peer
            paired += [
                difference(count, name, rows["auto"], rows[name]) for name in ("paper", PEER)
            ]
            table.add_section()
    console = Console(width=150)
    console.print(table)
    console.print("\n".join(paired))
    console.print(PUBLISHED)
    console.print(f"Time: {time.perf_counter() - start:.0f} s, embedding included.")


def fill(library: nq.Library, draws: list[Draw], micrographs: list[nq.Micrograph]) -> None:
    """A criterion with its references for every draw; all are embedded at once later."""
    for draw in draws:
        library.add_criterion(draw.name, accept=ACCEPT, reject=REJECT)
        for verdict, rows in (("accept", draw.accepted), ("reject", draw.rejected)):
            chosen = [micrographs[i] for i in rows]
            library.add_references(draw.name, chosen, verdict, expert="folder name", embed=False)


def add_row(table: Table, count: int, rule: str, rows: list[dict[str, float]]) -> None:
    """One line of the table."""
    names = ("accuracy", "AUROC", "review", "error")
    table.add_row(f"{count}+{count}", rule, *(cell(rows, name) for name in names))


if __name__ == "__main__":
    main()
