"""What an encoder is."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from napari_qualify.progress import Progress

Vectors = NDArray[np.float32]


@runtime_checkable
class Encoder(Protocol):
    """Turns pictures into visual vectors and, if it has text, statements into text vectors.

    Attributes
    ----------
    name : str
        As registered, for example ``lite``.
    spec : str
        As the user named it, with model and weights if there is a choice.
    dim : int
        Length of a visual vector.
    side : int
        Pictures are squares of this many pixels.
    has_text : bool
    identity : mapping
        Architecture, sha256 of the weights, preprocessing: all that changes a
        vector, as plain JSON types. The fingerprint is a hash of it.
    precision : str
        Of the arithmetic, for example ``fp32``.
    """

    name: str
    spec: str
    dim: int
    side: int
    has_text: bool
    identity: dict[str, Any]
    precision: str

    def encode_images(
        self, images: Sequence[NDArray[np.uint8]], progress: Progress | None = None
    ) -> Vectors:
        """Visual unit vectors (n, dim) of uint8 RGB pictures (side, side, 3)."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Text unit vectors (n, t); EncoderError when the encoder has no text."""
        ...

    def to_text_space(self, visual: NDArray[Any]) -> Vectors:
        """Visual vectors (n, dim) taken into the text space, (n, t)."""
        ...
