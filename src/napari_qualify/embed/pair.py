"""Two encoders as one: the pictures of the first, the text of the second."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qualify.embed.base import Encoder, Vectors, numeric_class, unit_rows
from napari_qualify.embed.registry import PAIR
from napari_qualify.errors import EncoderError
from napari_qualify.progress import Progress

_HALF = np.float32(np.sqrt(0.5))


class PairEncoder:
    """Pictures are compared by one encoder, statements by another one.

    A vector holds the unit vectors of both, each over the root of two, so that
    it is a unit vector itself. `visual_part` and `to_text_space` take it apart
    again; each encoder sees the tiles at its own size.

    Parameters
    ----------
    vision : Encoder
        Compares pictures with pictures.
    text : Encoder
        Compares pictures with statements.

    Raises
    ------
    EncoderError
        When `text` has none, or both are the same.
    """

    name = PAIR
    has_text = True

    def __init__(self, vision: Encoder, text: Encoder) -> None:
        self.spec = f"{PAIR}:{vision.spec},{text.spec}"
        if not text.has_text:
            raise EncoderError(
                f"encoder {self.spec}: {text.spec} has no text; the second of a pair needs it. "
                "Name one with text, or use the first one alone."
            )
        self.identity: dict[str, Any] = {
            "architecture": PAIR,
            "parts": [_identity(vision), _identity(text)],
        }
        if self.identity["parts"][0] == self.identity["parts"][1]:
            raise EncoderError(
                f"encoder {self.spec}: both are the same; use {vision.spec} alone, which compares "
                "pictures and statements"
            )
        self.parts = (vision, text)
        self.dim = vision.dim + text.dim
        self.side, self.resampling = vision.side, vision.resampling
        self.batch = min(vision.batch, text.batch)
        self.text_dim, self.context_length = text.text_dim, text.context_length
        self.text_identity = text.text_identity
        self.device = vision.device
        # The coarser arithmetic is that of the whole.
        known = ("int8", "bf16", "fp16", "fp32")
        self.precision = min((vision.precision, text.precision), key=known.index)

    def encode_images(self, images: Sequence[Any], progress: Progress | None = None) -> Vectors:
        """Unit vectors (n, dim) of pairs of pictures, one for each encoder (`tiles.cut_for`)."""
        found = [
            part.encode_images([each[i] for each in images], progress)
            for i, part in enumerate(self.parts)
        ]
        return np.concatenate(found, axis=1) * _HALF

    def visual_part(self, vectors: NDArray[Any]) -> NDArray[Any]:
        """Unit vectors of the first encoder from vectors (n, dim)."""
        return unit_rows(np.asarray(vectors)[..., : self.parts[0].dim])

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Text unit vectors (n, t) of the second encoder."""
        return self.parts[1].encode_texts(texts)

    def count_tokens(self, text: str) -> int:
        """Tokens of a text, the special ones included."""
        return self.parts[1].count_tokens(text)

    def to_text_space(self, visual: NDArray[Any]) -> Vectors:
        """Vectors (n, dim) taken into the text space of the second encoder, (n, t)."""
        return self.parts[1].to_text_space(unit_rows(np.asarray(visual)[..., self.parts[0].dim :]))


def _identity(encoder: Encoder) -> dict[str, Any]:
    """All that changes its vectors, the class of its arithmetic included."""
    how = {"resampling": encoder.resampling, "numeric_class": numeric_class(encoder)}
    return {**encoder.identity, **how}
