"""What `clip` and `flava` share: two towers that end in one space."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qualify.embed.base import Vectors
from napari_qualify.embed.torch_model import Preprocessing, encode_in_batches, refuse_long
from napari_qualify.progress import Progress


class TwoTowers:
    """Encoding by an image and a text tower; a subclass loads them and names their calls."""

    has_text = True
    text_batch: int
    spec: str
    dim: int
    text_dim: int
    batch: int
    device: str
    context_length: int | None
    preprocessing: Preprocessing
    _dtype: Any
    _text_is_there: bool = False

    def image_network(self) -> Any:
        """The image tower as a torch module: input (n, 3, crop, crop) to features (n, dim)."""
        raise NotImplementedError

    def count_tokens(self, text: str) -> int:
        """Tokens of a text before anything is cut off, the special ones included."""
        raise NotImplementedError

    def _place_text(self) -> None:
        """Bring the text tower to the device."""
        raise NotImplementedError

    def _text_features(self, texts: Sequence[str]) -> Any:
        """Features (n, text_dim) of a batch of texts."""
        raise NotImplementedError

    @cached_property
    def _network(self) -> Any:
        return self.image_network()

    def image_tensor(self, pictures: Sequence[NDArray[np.uint8]]) -> Any:
        """Input of `image_network`: a float32 tensor (n, 3, crop, crop)."""
        return self.preprocessing.tensor(pictures, self.device)

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

        Raises
        ------
        EncoderError
            For pictures of another shape or type.
        """

        def encode(pictures: Sequence[NDArray[np.uint8]]) -> Any:
            return self._network(self.image_tensor(pictures).to(self._dtype))

        return encode_in_batches(images, self.batch, self.dim, encode, self.spec, progress)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Text unit vectors, in fp32.

        Parameters
        ----------
        texts : sequence of str

        Returns
        -------
        ndarray of float32, shape (n, text_dim)

        Raises
        ------
        EncoderError
            For a text of more than `context_length` tokens; see
            `napari_qualify.embed.texts`.
        """
        assert self.context_length is not None
        refuse_long(texts, self.count_tokens, self.context_length, self.spec)
        if not self._text_is_there:
            self._place_text()
            self._text_is_there = True
        return encode_in_batches(
            texts, self.text_batch, self.text_dim, self._text_features, self.spec
        )

    def to_text_space(self, visual: NDArray[Any]) -> Vectors:
        """Visual vectors as they are: both towers share one space."""
        return np.asarray(visual, dtype=np.float32)
