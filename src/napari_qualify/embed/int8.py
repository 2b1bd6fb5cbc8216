"""Encoders in int8 by ONNX Runtime: made when asked for, offered only where they agree.

The image network is exported once, quantised and compared with the network in
fp32 on rendered micrographs that took no part in quantising it. What agrees is
kept in the user's cache; what does not is refused, with the figures.
"""

import hashlib
import json
import os
import platform
import shutil
from collections.abc import Sequence
from copy import copy
from dataclasses import asdict
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from napari_qualify.embed import int8_agreement as limits
from napari_qualify.embed.base import Encoder, Vectors
from napari_qualify.embed.int8_agreement import Agreement, agreement
from napari_qualify.embed.torch_model import encode_in_batches, file_sha256
from napari_qualify.errors import EncoderError
from napari_qualify.library.disk import flush, write_json
from napari_qualify.progress import Progress

if TYPE_CHECKING:
    from napari_qualify.embed.bridge import Bridge

INSTALL = 'pip install "napari-qualify[int8]"'
PACKAGES = ("onnx", "onnxruntime", "onnxscript")

PICTURES = 64
"""Rendered micrographs to calibrate on, and as many others to compare on."""

CALIBRATION_SEED, AGREEMENT_SEED = 20_000, 30_000
REVISION = 2
"""Of the way of quantising and of the pictures; other revision, other vectors."""

MODEL, FIGURES = "model.onnx", "agreement.json"
_PATIENCE = 1800.0  # seconds to wait for another process that makes the same export
_KEPT = 2  # loaded encoders


class Int8Encoder:
    """An encoder whose image network runs in int8; its text side is as it was.

    Parameters
    ----------
    encoder : Encoder
        In fp32, on the processor.
    model : Path
        Its quantised image network.
    agreement : Agreement
    scheme : mapping
        How it was quantised, as plain JSON types; part of the identity.
    """

    precision = "int8"
    device = "cpu"

    def __init__(
        self, encoder: Encoder, model: Path, agreement: Agreement, scheme: dict[str, Any]
    ) -> None:
        self.wrapped = encoder
        self.agreement = agreement
        self.model = model
        self.name = encoder.name
        self.spec = _spec(encoder)
        self.dim = encoder.dim
        self.side = encoder.side
        self.resampling = encoder.resampling
        self.batch = encoder.batch
        self.has_text = encoder.has_text
        self.text_dim = encoder.text_dim
        self.context_length = encoder.context_length
        self.identity: dict[str, Any] = {**encoder.identity, "int8": scheme}
        self._session = _session(model)

    def encode_images(
        self, images: Sequence[NDArray[np.uint8]], progress: Progress | None = None
    ) -> Vectors:
        """Visual unit vectors of pictures.

        Parameters
        ----------
        images : sequence of ndarray of uint8, shape (side, side, 3)
        progress : callable, optional

        Returns
        -------
        ndarray of float32, shape (n, dim)
        """
        return _encode(self.wrapped, self._session, images, progress)

    @property
    def text_identity(self) -> dict[str, Any]:
        """All that text vectors, and the way into their space, depend on."""
        return self.wrapped.text_identity

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Text unit vectors (n, text_dim), those of the wrapped encoder."""
        return self.wrapped.encode_texts(texts)

    def count_tokens(self, text: str) -> int:
        """Tokens of a text, the special ones included."""
        return self.wrapped.count_tokens(text)

    def to_text_space(self, visual: NDArray[Any]) -> Vectors:
        """Visual vectors (n, dim) taken into the text space, (n, text_dim)."""
        return self.wrapped.to_text_space(visual)


class _Bridged(Int8Encoder):
    """One whose wrapped encoder comes to its text space over a bridge."""

    def with_bridge(self, bridge: "Bridge") -> "Int8Encoder":
        """The same encoder with another bridge; the networks are shared."""
        other = copy(self)
        wrapped: Any = self.wrapped
        other.wrapped = wrapped.with_bridge(bridge)
        return other


@lru_cache(maxsize=_KEPT)
def quantized(encoder: Encoder) -> Encoder:
    """The int8 form of an encoder, from the cache or made now, which takes minutes.

    Parameters
    ----------
    encoder : Encoder
        In fp32, on the processor; with ``image_network()``, a torch module that
        takes what ``image_tensor(pictures)`` gives, float32 (n, 3, h, w), to
        features (n, dim).

    Raises
    ------
    EncoderError
        If a package is missing, the network cannot be exported, the cache
        cannot be written, or int8 does not agree well enough with fp32.
    """
    _check(encoder)
    scheme = _scheme(encoder)
    folder = cache_folder() / _digest(encoder, scheme)
    try:
        # A whole one is read without a lock.
        found = _read(folder, encoder) or _made(encoder, folder, scheme)
    except OSError as error:
        raise EncoderError(
            f"encoder {_spec(encoder)}: its export cannot be kept in {folder} "
            f"({error.strerror or error}). Check the permissions and the free space."
        ) from error
    form: Any = _Bridged if hasattr(encoder, "with_bridge") else Int8Encoder
    whole: Encoder = form(encoder, folder / MODEL, found, scheme)
    return whole


def cache_folder() -> Path:
    """Folder of all exports, in the user's cache: it may be deleted at any time."""
    from platformdirs import user_cache_path

    return user_cache_path("napari-qualify", appauthor=False) / "int8"


def _spec(encoder: Encoder) -> str:
    from napari_qualify.embed.registry import INT8

    return encoder.name + INT8 + encoder.spec.removeprefix(encoder.name)


def _check(encoder: Encoder) -> None:
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise EncoderError(
            f"encoder {_spec(encoder)}: int8 needs {', '.join(missing)}. Install with: {INSTALL}"
        )
    if not (hasattr(encoder, "image_network") and hasattr(encoder, "image_tensor")):
        raise EncoderError(
            f"encoder {_spec(encoder)}: {encoder.name} has no int8 form, since it does not show "
            f"its image network. Use {encoder.spec}."
        )
    if encoder.device != "cpu" or encoder.precision != "fp32":
        raise EncoderError(
            f"encoder {_spec(encoder)}: must be made from fp32 on the processor, not from "
            f"{encoder.precision} on {encoder.device}"
        )


def _scheme(encoder: Any) -> dict[str, Any]:
    """How an encoder is quantised: all that changes a vector beside its own identity."""
    from importlib.metadata import version

    from napari_qualify.embed.int8_export import scheme_of

    return {
        **scheme_of(encoder.image_network()),
        "rendered": {"pictures": PICTURES, "seed": CALIBRATION_SEED},
        "revision": REVISION,
        "onnxruntime": version("onnxruntime").split(".")[0],
    }


def _digest(encoder: Encoder, scheme: dict[str, Any]) -> str:
    """Name of an export; the processor is in it, since the agreement was measured on it."""
    from importlib.metadata import version

    import torch

    machine = [platform.machine(), torch.backends.cpu.get_cpu_capability()]
    compared = [PICTURES, AGREEMENT_SEED]
    known = [encoder.identity, scheme, version("onnxruntime"), machine, compared]
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:24]


def _read(folder: Path, encoder: Encoder) -> Agreement | None:
    """The agreement of a whole export; None when it has to be made.

    Raises
    ------
    EncoderError
        If it was made before, and refused.
    """
    try:
        found = Agreement(**json.loads((folder / FIGURES).read_text(encoding="ascii")))
    except (FileNotFoundError, ValueError, TypeError):
        return None  # not there, or damaged: made anew
    if not found.enough:
        raise _refusal(encoder, found)
    model = folder / MODEL
    if not model.is_file() or file_sha256(model) != found.onnx_sha256:
        return None
    return found


def _made(encoder: Encoder, folder: Path, scheme: dict[str, Any]) -> Agreement:
    """Make an export, unless another process has made it while this one waited."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / "lock", timeout=_PATIENCE):
            return _read(folder, encoder) or _make(encoder, folder, scheme)
    except Timeout as error:
        raise EncoderError(
            f"encoder {_spec(encoder)}: another process has been exporting it for "
            f"{_PATIENCE / 60:.0f} minutes. End that one, then try again."
        ) from error


def _make(encoder: Any, folder: Path, scheme: dict[str, Any]) -> Agreement:
    """Export, quantise, compare and keep, in that order; the figures are written last."""
    from napari_qualify.embed.int8_export import export, micrographs

    for leftover in folder.glob("making-*"):  # of a process that was killed
        shutil.rmtree(leftover)
    with TemporaryDirectory(dir=folder, prefix="making-") as scratch:
        seen = micrographs(encoder, PICTURES, CALIBRATION_SEED)
        made = export(encoder, Path(scratch), scheme, seen)
        shown = micrographs(encoder, PICTURES, AGREEMENT_SEED)
        exact = encoder.encode_images(shown)
        cosine, rho = agreement(exact, _encode(encoder, _session(made), shown))
        found = Agreement(cosine, rho, len(shown), file_sha256(made), made.stat().st_size)
        if not found.enough:
            # Remembered, so that the next attempt is refused at once.
            write_json(folder / FIGURES, _figures(found, kept=False))
            raise _refusal(encoder, found)
        flush(made)
        os.replace(made, folder / MODEL)
    write_json(folder / FIGURES, _figures(found))
    return found


def _figures(found: Agreement, kept: bool = True) -> dict[str, Any]:
    figures = asdict(found)
    if not kept:
        figures["onnx_sha256"] = ""
    if not np.isfinite(found.spearman):  # JSON has no NaN
        figures["spearman"] = -1.0
    return figures


def _refusal(encoder: Encoder, found: Agreement) -> EncoderError:
    return EncoderError(
        f"encoder {_spec(encoder)}: is not offered. On {found.pictures} rendered micrographs the "
        f"smallest cosine of its vectors with those of {encoder.spec} in fp32 is "
        f"{found.smallest_cosine:.4f} (at least {limits.LEAST_COSINE} wanted), and Spearman's rho "
        f"of the pairwise similarities {found.spearman:.4f} (at least {limits.LEAST_RHO}). "
        f"Use {encoder.spec}."
    )


def _session(model: Path) -> Any:
    """A quantised network, ready to run on as many threads as torch uses."""
    import onnxruntime
    import torch

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3  # errors
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def _encode(
    encoder: Any,
    session: Any,
    images: Sequence[NDArray[np.uint8]],
    progress: Progress | None = None,
) -> Vectors:
    import torch

    (name,) = (one.name for one in session.get_inputs())

    def encode(pictures: Sequence[NDArray[np.uint8]]) -> Any:
        (features,) = session.run(None, {name: encoder.image_tensor(pictures).numpy()})
        return torch.from_numpy(features)

    where = f"encoder {_spec(encoder)}"
    return encode_in_batches(images, encoder.batch, encoder.dim, encode, where, progress)
