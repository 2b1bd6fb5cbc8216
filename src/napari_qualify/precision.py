"""Numeric precision of networks: bfloat16 where the processor computes in it."""

from typing import Literal

Precision = Literal["auto", "fp32", "bf16"]


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
    """Precision to compute in: ``auto`` is bf16 where it is native, else fp32."""
    if precision == "auto":
        return "bf16" if has_bfloat16(device) else "fp32"
    return precision
