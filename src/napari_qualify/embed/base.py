"""What an encoder is."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from napari_qualify.errors import EncoderError
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
    resampling : {'lanczos', 'bicubic', 'bilinear'}
        Pillow's filter by which pictures are brought to that size.
    batch : int
        Pictures at a time that suit the device.
    has_text : bool
    text_dim : int
        Length of a text vector; 0 without text.
    context_length : int or None
        Tokens that a text may have, the special ones included.
    identity : mapping
        Architecture, sha256 of the weights, preprocessing: all that changes a
        visual vector, as plain JSON types. The fingerprint is a hash of it.
    text_identity : mapping
        The same for text vectors and for the way into their space.
    device : str
        Torch device, for example ``cpu``.
    precision : {'fp32', 'bf16', 'fp16', 'int8'}
        Of the arithmetic.
    """

    name: str
    spec: str
    dim: int
    side: int
    resampling: str
    batch: int
    has_text: bool
    text_dim: int
    context_length: int | None
    identity: dict[str, Any]
    text_identity: dict[str, Any]
    device: str
    precision: str

    def encode_images(
        self, images: Sequence[NDArray[np.uint8]], progress: Progress | None = None
    ) -> Vectors:
        """Visual unit vectors (n, dim) of uint8 RGB pictures (side, side, 3)."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Text unit vectors (n, t); EncoderError when the encoder has no text."""
        ...

    def count_tokens(self, text: str) -> int:
        """Tokens of a text, the special ones included."""
        ...

    def to_text_space(self, visual: NDArray[Any]) -> Vectors:
        """Visual vectors (n, dim) taken into the text space, (n, t)."""
        ...


def unit_rows(rows: NDArray[Any]) -> NDArray[Any]:
    """Rows scaled to length 1, in their own precision; a zero row stays zero."""
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12))


def numeric_class(encoder: Encoder) -> str:
    """``int8`` or ``float``: vectors of one class compare, whatever their precision."""
    return "int8" if encoder.precision == "int8" else "float"


def visual_part(encoder: Encoder, vectors: NDArray[Any]) -> NDArray[Any]:
    """What of stored vectors pictures are compared by: all of it but for a `pair.PairEncoder`."""
    part = getattr(encoder, "visual_part", None)
    return vectors if part is None else np.asarray(part(vectors))


def both_spaces(
    encoder: Encoder, vectors: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Stored vectors (n, dim) as pictures and as statements are compared with them.

    Returns
    -------
    visual : ndarray of float64, shape (n, v)
    in_text_space : ndarray of float64, shape (n, t), or None
        None when the encoder has no text.
    """
    rows = np.asarray(vectors, dtype=np.float32)
    in_text_space = encoder.to_text_space(rows).astype(float) if encoder.has_text else None
    return visual_part(encoder, rows).astype(float), in_text_space


class ImageOnly:
    """The text side of an encoder that has none."""

    has_text = False
    text_dim = 0
    context_length: int | None = None

    @property
    def text_identity(self) -> dict[str, Any]:
        """Nothing: there is no text."""
        return {}

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Raise EncoderError."""
        raise self._no_text()

    def count_tokens(self, text: str) -> int:
        """Raise EncoderError."""
        raise self._no_text()

    def to_text_space(self, visual: NDArray[Any]) -> Vectors:
        """Raise EncoderError."""
        raise self._no_text()

    def _no_text(self) -> EncoderError:
        return EncoderError(
            f"encoder {getattr(self, 'spec', type(self).__name__)}: is image-only; statements are "
            "kept in the library and compared once an encoder with text is used"
        )
