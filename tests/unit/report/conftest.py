"""Assessments made by hand: what a report must be able to show."""

from collections.abc import Callable

import numpy as np
import pytest

from napari_qualify.decide.verdict import (
    Assessment,
    Assessments,
    Evidence,
    Neighbour,
    SampleVerdict,
    Verdict,
    overall,
)

CRITERIA = ("carbide distribution", "carbide degradation", "porosity")


def grains(seed: int, side: int = 160) -> np.ndarray:
    """Grey blobs, so that pictures in the report differ."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    image = 120 + rng.normal(0, 9, (side, side))
    for _ in range(14):
        cy, cx, r = *rng.uniform(0, side, 2), rng.uniform(5, 22)
        image[(y - cy) ** 2 + (x - cx) ** 2 < r * r] += rng.choice([-70, 80])
    return np.repeat(np.clip(image, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def judged(index: int, criterion: str) -> Verdict:
    """One of the verdicts that exist, by turns: decided, every review, measured."""
    rng = np.random.default_rng(index * 31 + len(criterion))
    if criterion == "porosity":
        value = float(rng.uniform(0.002, 0.02))
        low, high = value * 0.7, value * 1.3
        verdict = "accept" if high <= 0.01 else "reject" if low > 0.01 else "review"
        return Verdict(
            criterion,
            verdict,
            "interval_spans_limit" if verdict == "review" else "",
            modality="measure",
            rule="block bootstrap",
            value=value,
            value_low=low,
            value_high=high,
            limit="pore.area_fraction <= 0.01",
            unit="",
            messages=("within-field interval: other fields of the sample may differ",),
        )
    score = float(rng.normal(0, 1.4))
    verdict = "accept" if score > 0.5 else "reject" if score < -0.7 else "review"
    near = [
        Neighbour(f"{side}-{i}", f"{side}_{i:02}.tif", side, 0.97 - 0.05 * i, "A. Expert", f"g{i}")
        for side in ("accept", "reject")
        for i in range(3)
    ]
    return Verdict(
        criterion,
        verdict,
        "both_possible" if verdict == "review" else "",
        call="accept" if score >= -0.04 else "reject",
        score=score,
        cut=-0.04,
        p_accept=1 / 11 if verdict == "reject" else 0.5454545454545454,
        p_reject=1 / 11 if verdict == "accept" else 0.4545454545454545,
        modality="hybrid" if criterion == CRITERIA[0] else "visual",
        rule="gaussian(shrinkage=0.1)",
        scores={"visual": score + 0.1, "cross": score - 0.2, "hybrid": score}
        if criterion == CRITERIA[0]
        else {"visual": score},
        evidence=Evidence(
            accepted=tuple(near[:3]),
            rejected=tuple(near[3:]),
            statements=(
                ("carbides spread evenly through the matrix", "accept", 0.213),
                ("carbides clustered, large regions without any", "reject", 0.187),
            )
            if criterion == CRITERIA[0]
            else (),
            weight=0.75,
            margin=score + 0.04,
        ),
    )


def make(count: int, *, name: str = "weld_{:03}.tif", per_sample: int = 1) -> Assessments:
    items = []
    for i in range(count):
        image = name.format(i)
        items.append(
            Assessment(
                image=image,
                sample=f"coupon {i // per_sample}" if per_sample > 1 else image,
                content_hash=f"{i:064x}",
                pixel_size_um=0.5 if i % 4 else None,
                verdicts=tuple(judged(i, c) for c in CRITERIA),
                fingerprints={c: "lite-5f2a91c0" for c in CRITERIA[:2]},
                library_version="3c9e",
                created="2026-07-30T12:00:00+00:00",
                notes=() if i % 4 else ("no calibration: tiles are in pixels",),
                thumbnail=grains(i),
            )
        )
    samples = [
        SampleVerdict(item.sample, v.criterion, per_sample, v.verdict, v.score, v.reason)
        for item in items[::per_sample]
        for v in item.verdicts
    ] + [
        SampleVerdict(item.sample, "*", per_sample, overall(v.verdict for v in item.verdicts))
        for item in items[::per_sample]
    ]
    pictures = {
        f"{s}-{i}": grains(900 + i + 7 * (s == "reject"))
        for s in ("accept", "reject")
        for i in range(3)
    }
    return Assessments(
        tuple(items),
        tuple(samples),
        pictures if count else {},
        {
            "library": "ni-wc.qualify.zarr",
            "library_version": "3c9e",
            "versions": {"napari-qualify": "0.1.0", "torch": "2.13.0"},
            "encoder": "lite",
        },
    )


@pytest.fixture
def hand_made() -> Callable[..., Assessments]:
    return make
