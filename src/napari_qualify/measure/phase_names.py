"""What a phase is, by the words of its name."""

import re
from collections.abc import Sequence

CRACKS = ("crack",)
PORES = ("pore", "porosity", "void")
LAYERS = ("oxide", "layer", "coating")
GRAINS = ("boundary", "grain")


def is_named(phase: str, words: Sequence[str]) -> bool:
    """Whether a phase's name holds one of some words, in the singular or the plural.

    Parameters
    ----------
    phase : str
    words : sequence of str
        Singular, in small letters.

    Returns
    -------
    bool
    """
    wanted = {form for word in words for form in (word, f"{word}s", f"{word[:-1]}ies")}
    return any(word in wanted for word in re.findall(r"[^\W\d_]+", phase.casefold()))
