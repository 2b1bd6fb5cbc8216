"""Experts' descriptions as what a bridge should lead to.

A description wanders: what is shown stands in its first sentence, the rest explains.
So the first sentence counts as much as the whole. The text is then drawn towards the
terms of the trade that it is most like, since these are what is asked for later.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from napari_qualify.embed.base import Encoder, unit_rows
from napari_qualify.embed.texts import encode_statements, sentences

_SHARPNESS = 3.0  # of the weights of the terms: soft, all have a say
_TERMS = 2.0  # weight of the terms beside the text itself


@cache
def vocabulary() -> tuple[str, ...]:
    """Terms of materials and structures: those of the rendered corpus."""
    from napari_qualify.synthetic.corpus import KINDS

    keywords = (m.keywords for kind in KINDS.values() for m in kind.materials)
    terms = {term.strip() for line in keywords for term in line.split(",")}
    return tuple(sorted(terms | set(KINDS)))


def term_vectors(encoder: Encoder) -> NDArray[np.float64]:
    """Text vectors of the `vocabulary`, shape (terms, text_dim)."""
    found, _ = encode_statements(encoder, vocabulary(), ("{}", "a micrograph showing {}"))
    return found.astype(np.float64)


def description_targets(
    encoder: Encoder, descriptions: Sequence[str]
) -> tuple[NDArray[np.float64], list[str]]:
    """Where in the text space micrographs with these descriptions belong.

    Parameters
    ----------
    encoder : Encoder
        With text.
    descriptions : sequence of str
        None of them empty.

    Returns
    -------
    targets : ndarray of float64, shape (n, text_dim)
        Unit vectors.
    notes : list of str
        Per description, see `texts.encode_statements`.
    """
    first = [(sentences(text) or [text])[0] for text in descriptions]
    every = list(dict.fromkeys([*descriptions, *first]))
    encoded, notes = encode_statements(encoder, every)
    row = {text: i for i, text in enumerate(every)}
    vectors = encoded.astype(np.float64)
    whole, opening = (vectors[[row[t] for t in texts]] for texts in (descriptions, first))
    spoken = unit_rows(whole + opening)
    terms = term_vectors(encoder)
    likeness = np.exp(_SHARPNESS * (spoken @ terms.T))
    drawn = unit_rows(likeness @ terms)
    return unit_rows(spoken + _TERMS * drawn), [notes[row[text]] for text in descriptions]
