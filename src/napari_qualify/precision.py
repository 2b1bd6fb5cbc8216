"""Numeric precision of networks: bfloat16 where the processor computes in it."""

from typing import Literal

from napari_qualify.errors import EncoderError

Precision = Literal["auto", "fp32", "bf16"]
"""As training and segmentation take it."""

InferencePrecision = Literal["auto", "fp32", "bf16", "fp16"]
"""As encoders take it."""


def has_bfloat16(device: str = "cpu") -> bool:
    """Whether a device multiplies bfloat16 natively, so that it is faster than fp32.

    Parameters
    ----------
    device : str
        Torch device.
    """
    import torch

    if device.startswith("cuda"):
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if not device.startswith("cpu"):
        return False  # Apple's: fp32 until measured
    return bool(
        torch.cpu._is_avx512_bf16_supported()  # emulated bfloat16 is slower than fp32
        or torch.cpu._is_amx_tile_supported()
    )


def resolve(precision: Precision, device: str = "cpu") -> Literal["fp32", "bf16"]:
    """Precision to train and segment in: ``auto`` is bf16 where it is native, else fp32."""
    if precision == "auto":
        return "bf16" if has_bfloat16(device) else "fp32"
    return precision


def for_inference(precision: str, device: str = "cpu") -> Literal["fp32", "bf16", "fp16"]:
    """Precision to encode in.

    Parameters
    ----------
    precision : {'auto', 'fp32', 'bf16', 'fp16'}
        ``auto`` is fp16 on a GPU; on a processor bf16 where it is native, else
        fp32.
    device : str
        Torch device.

    Raises
    ------
    EncoderError
        If it is none of these, or fp16 is asked of a processor.
    """
    gpu = not device.startswith("cpu")
    if precision == "auto":
        if gpu:
            return "fp16"
        return "bf16" if has_bfloat16(device) else "fp32"
    if precision == "fp16" and not gpu:
        raise EncoderError(
            "precision 'fp16' is for graphics cards; on a processor use 'bf16', 'fp32' or 'auto'"
        )
    known: dict[str, Literal["fp32", "bf16", "fp16"]]
    known = {"fp32": "fp32", "bf16": "bf16", "fp16": "fp16"}
    if precision not in known:
        raise EncoderError(f"precision {precision!r} is unknown; use auto, {', '.join(known)}")
    return known[precision]
