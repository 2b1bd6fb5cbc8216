"""Statements of any length to text vectors."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_qualify.embed.base import Encoder, Vectors
from napari_qualify.embed.prompts import PLAIN, filled

# After a full stop, question or exclamation mark or semicolon, or at a line's end. A
# number such as 0.8 and an abbreviation before a small letter stay whole.
_BREAK = re.compile(r"(?<=[.!?;])\s+(?=[^a-z])|\s*\n\s*")


def sentences(text: str) -> list[str]:
    """Sentences of a text, without those that are empty."""
    return [part.strip() for part in _BREAK.split(text) if part and part.strip()]


def pieces(encoder: Encoder, text: str) -> list[str]:
    """A text as parts that each fit the encoder's context: itself, or its sentences.

    A sentence that does not fit is cut between words, and a word that does not
    fit (no word of a language does that) between letters.
    """
    limit = encoder.context_length
    if limit is None or encoder.count_tokens(text) <= limit:
        return [text]
    found: list[str] = []
    for sentence in sentences(text):
        found += _fitting(encoder, sentence, limit)
    return found or [text]


def _fitting(encoder: Encoder, text: str, limit: int) -> list[str]:
    """Halves of a text, at a space where there is one, until each fits."""
    if len(text) < 2 or encoder.count_tokens(text) <= limit:
        return [text]
    words = text.split()
    if len(words) > 1:
        half = len(words) // 2
        first, second = " ".join(words[:half]), " ".join(words[half:])
    else:
        first, second = text[: len(text) // 2], text[len(text) // 2 :]
    return _fitting(encoder, first, limit) + _fitting(encoder, second, limit)


def encode_statements(
    encoder: Encoder, texts: Sequence[str], prompts: Sequence[str] | None = None
) -> tuple[Vectors, list[str]]:
    """Text vectors of statements of any length.

    Parameters
    ----------
    encoder : Encoder
        With text.
    texts : sequence of str
    prompts : sequence of str, optional
        Templates with ``{}``; the unit vectors of a statement in all of them are
        averaged. By default the statement as it stands. A statement that must
        be split is not put into templates.

    Returns
    -------
    vectors : ndarray of float32, shape (n, text_dim)
        Of unit length.
    notes : list of str
        Per text: that it was split, or '' when there is nothing to say.

    Raises
    ------
    EncoderError
        When the encoder has no text.
    """
    forms: list[str] = []
    spans: list[slice] = []
    notes: list[str] = []
    for text in texts:
        parts = pieces(encoder, text)
        notes.append(_note(encoder, text, parts) if len(parts) > 1 else "")
        if len(parts) == 1:
            wanted = filled(text, prompts or PLAIN)
            limit = encoder.context_length
            # A template may push a text over the limit: that form is left out.
            parts = [t for t in wanted if limit is None or encoder.count_tokens(t) <= limit] or [
                text
            ]
        spans.append(slice(len(forms), len(forms) + len(parts)))
        forms += parts
    if not forms:
        return np.zeros((0, encoder.text_dim), np.float32), []
    order = {text: i for i, text in enumerate(dict.fromkeys(forms))}
    vectors = encoder.encode_texts(list(order))
    rows = [vectors[[order[t] for t in forms[span]]] for span in spans]
    return np.stack([_averaged(each) for each in rows]), notes


def _averaged(vectors: NDArray[np.float32]) -> Vectors:
    if len(vectors) == 1:
        return np.asarray(vectors[0], np.float32)
    mean = vectors.mean(axis=0, dtype=np.float64)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), np.float32)


def _note(encoder: Encoder, text: str, parts: Sequence[str]) -> str:
    start = text if len(text) <= 40 else f"{text[:40].rstrip()}..."
    return (
        f"The text {start!r} has {encoder.count_tokens(text)} tokens and the encoder reads "
        f"{encoder.context_length}: it was split into {len(parts)} parts, whose vectors were "
        "averaged."
    )
