"""The command `quantize`: the int8 form of an encoder, with what it costs and gains."""

import time
from collections.abc import Sequence
from statistics import median
from typing import Any

from rich.filesize import decimal

from napari_qualify.commands import console
from napari_qualify.embed.base import Encoder
from napari_qualify.embed.registry import INT8, load_encoder, split_spec

ROUNDS = 3


def run_quantize(encoder: str) -> None:
    """Make the int8 form of an encoder, and show its size, agreement and speed.

    Raises
    ------
    EncoderError
        If the encoder cannot be loaded or has no int8 form, or if that does not
        agree well enough; see `napari_qualify.embed.int8.quantized`.
    """
    name, _, argument = split_spec(encoder)
    end = f":{argument}" if argument else ""
    console.err().print(f"{name}{INT8}{end}: exported unless it was; this can take minutes")
    fast: Any = load_encoder(f"{name}{INT8}{end}")
    to, agreed = console.out(), fast.agreement
    to.print(f"{fast.spec}: {decimal(agreed.onnx_bytes)} in {fast.model.parent}", markup=False)
    to.print(
        f"agreement with fp32 on {agreed.pictures} rendered micrographs: smallest cosine "
        f"{agreed.smallest_cosine:.5f}, Spearman's rho of pairwise similarities "
        f"{agreed.spearman:.5f}"
    )
    own = load_encoder(f"{name}{end}", "cpu")
    # The one in fp32 is loaded already: int8 was made from it.
    exact = [] if own.precision == "fp32" else [fast.wrapped]
    _show_speed([*exact, own, fast])


def _show_speed(encoders: Sequence[Encoder]) -> None:
    import torch

    from napari_qualify.embed.int8 import AGREEMENT_SEED
    from napari_qualify.embed.int8_export import micrographs

    pictures = micrographs(encoders[0], 2 * encoders[0].batch, AGREEMENT_SEED)
    for one in encoders:
        one.encode_images(pictures[:1])  # the first call prepares things
    seconds: list[list[float]] = [[] for _ in encoders]
    for _ in range(ROUNDS):
        for one, spent in zip(encoders, seconds, strict=True):
            begin = time.perf_counter()
            one.encode_images(pictures)
            spent.append(time.perf_counter() - begin)
    shown = console.table("precision", "images/s", "times", numbers=("images/s", "times"))
    slowest = median(seconds[0])
    for one, spent in zip(encoders, seconds, strict=True):
        rate, gain = len(pictures) / median(spent), slowest / median(spent)
        shown.add_row(one.precision, f"{rate:.1f}", f"{gain:.2f}")
    console.out().print(f"speed on this processor, {torch.get_num_threads()} threads:")
    console.out().print(shown)
