"""How well `lite` finds real micrographs by keywords, with the shipped bridge and a refitted one.

Data: doitpoms_dev (488 micrographs of the DoITPoMS Micrograph Library, University of
Cambridge; for evaluation only). Queries are the keywords that at least 8 specimen groups
have (comma-split, stripped, lower case). For each seed the groups are halved. The
shipped bridge has never seen a real image; the refitted one is given the brief
description and the further information of the first half, not the keywords, by the
function behind `library.refit_bridge`, which chooses everything on that half. Both are
tested on the second half: the area under the ROC curve of each query that has 3
positive and 3 negative groups there, averaged over the queries.

    python benchmarks/text_alignment.py [--data DIR] [--seeds 5] [--encoder lite]
"""

import argparse
import csv
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.stats import rankdata

import napari_qualify as nq
from common import mean_interval
from napari_qualify.embed.bridge import base_bridge
from napari_qualify.embed.descriptions import description_targets, term_vectors
from napari_qualify.embed.library_encoder import takes_bridge, with_bridge
from napari_qualify.embed.lite import BLOCKS
from napari_qualify.embed.prompts import PLAIN, PROMPTS
from napari_qualify.embed.refit import refit
from napari_qualify.embed.registry import load_encoder
from napari_qualify.embed.texts import encode_statements

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "doitpoms_dev"
ONE = ("a micrograph showing {}",)
PROMPT_SETS = {"keyword alone": PLAIN, "one sentence": ONE, "ensemble": PROMPTS["lite"]}
LEAST_GROUPS, LEAST_IN_TEST = 8, 3


@dataclass(frozen=True, eq=False)
class Set:
    """The micrographs, who they belong to, and what is asked for.

    Attributes
    ----------
    paths : list of Path
    descriptions : list of str
    group : ndarray of str, shape (n,)
    queries : list of str
    shows : ndarray of bool, shape (n, queries)
    """

    paths: list[Path]
    descriptions: list[str]
    group: np.ndarray
    queries: list[str]
    shows: np.ndarray


def read(folder: Path) -> Set:
    """Read the table."""
    with (folder / "micrographs.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    group = np.array([row["group"] for row in rows])
    words = [{w.strip().lower() for w in row["keywords"].split(",")} - {""} for row in rows]
    queries = [
        word
        for word in sorted(set().union(*words))
        if len({g for g, mine in zip(group, words, strict=True) if word in mine}) >= LEAST_GROUPS
    ]
    texts = [
        ". ".join(
            t.strip() for t in (r["brief_description"], r["further_information"]) if t.strip()
        )
        for r in rows
    ]
    shows = np.array([[q in mine for q in queries] for mine in words])
    return Set([folder / row["image"] for row in rows], texts, group, queries, shows)


def halves(group: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Masks of the two halves of the groups."""
    names = np.unique(group)
    first = np.random.default_rng(seed).permutation(names)[: len(names) // 2]
    train = np.isin(group, first)
    return train, ~train


def areas(data: Set, test: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    """Area under the ROC curve of every query that can be tested."""
    found = {}
    group = data.group[test]
    for k, query in enumerate(data.queries):
        shown = data.shows[test, k]
        if min(len(set(group[shown])), len(set(group[~shown]))) >= LEAST_IN_TEST:
            n = int(shown.sum())
            above = rankdata(scores[test, k])[shown].sum() - n * (n + 1) / 2
            found[query] = above / (n * (len(shown) - n))
    return found


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--encoder", default="lite")
    parser.add_argument("--vectors", type=Path, help="visual vectors kept here between runs")
    options = parser.parse_args()
    if not (options.data / "micrographs.csv").is_file():
        parser.error(f"no micrographs.csv in {options.data}")
    start = time.perf_counter()
    data, encoder = read(options.data), load_encoder(options.encoder)
    if options.vectors and options.vectors.is_file():
        visual = np.load(options.vectors)
    else:
        visual = nq.embed(data.paths, encoder)
        if options.vectors:
            np.save(options.vectors, visual)
    splits = [halves(data.group, seed) for seed in range(options.seeds)]
    encoders = {"shipped": [encoder] * len(splits)}
    if takes_bridge(encoder):
        described = np.array([bool(text) for text in data.descriptions])
        targets, _ = description_targets(encoder, [t or "-" for t in data.descriptions])
        terms = term_vectors(encoder)
        fits = [
            refit(base_bridge(), visual[rows], targets[rows], list(data.group[rows]), BLOCKS, terms)
            for rows in (train & described for train, _ in splits)
        ]
        encoders["refitted"] = [with_bridge(encoder, fit.bridge) for fit in fits]
        for fit in fits:
            print(fit.bridge.record, f"base alone {fit.matching_base:.3f}")
    report(data, visual, splits, encoders)
    print(f"Time: {time.perf_counter() - start:.0f} s, embedding included.")


def report(data: Set, visual: np.ndarray, splits: list, encoders: dict[str, list]) -> None:
    """Tables of the mean over queries, and of each query."""
    table = Table(
        "bridge",
        "query",
        "AUROC",
        "by seed",
        title=f"{len(data.paths)} micrographs, {len(set(data.group))} groups, "
        f"{len(data.queries)} keywords, {len(splits)} seeds, mean ± its 95 % interval",
    )
    each: dict[str, dict[str, list[float]]] = {name: {} for name in encoders}
    for name, fitted in encoders.items():
        space = [encoder.to_text_space(visual) for encoder in fitted]
        for prompts, templates in PROMPT_SETS.items():
            texts, _ = encode_statements(fitted[0], data.queries, templates)
            means = []
            for (_, test), rows in zip(splits, space, strict=True):
                found = areas(data, test, rows @ texts.T)
                means.append(np.mean(list(found.values())))
                if prompts == "ensemble":
                    for query, value in found.items():
                        each[name].setdefault(query, []).append(value)
            mean, half = mean_interval(np.array(means))
            seeds = " ".join(f"{m:.3f}" for m in means)
            table.add_row(name, prompts, f"{mean:.3f} ± {half:.3f}", seeds)
        table.add_section()
    console = Console(width=110)
    console.print(table)
    single = Table("keyword", "groups", *encoders, title="By keyword, ensemble of prompts")
    for query in sorted(each["shipped"]):
        k = data.queries.index(query)
        cells = [f"{np.mean(each[name][query]):.2f}" for name in encoders]
        single.add_row(query, str(len(set(data.group[data.shows[:, k]]))), *cells)
    console.print(single)


if __name__ == "__main__":
    main()
