"""Templates into which statements are put before they are encoded.

A short query means more to a text model in a sentence, and the mean over several
sentences is steadier than one (Radford et al. 2021, arXiv 2103.00020, section
3.1.4). Whether that holds is a matter of measurement, by encoder: see
``benchmarks/text_alignment.py``. Without one, texts stay as they are.

They are for keywords and short phrases that someone searches for. The statements of
a criterion are encoded as they stand: on the sample lot prompts did not help them.
"""

from collections.abc import Sequence

from napari_qualify.embed.base import Encoder

PLAIN = ("{}",)

PROMPTS: dict[str, tuple[str, ...]] = {
    "lite": (
        "{}",
        "a micrograph showing {}",
        "an optical micrograph of {}",
        "a scanning electron micrograph of {}",
    ),
}
"""Templates by encoder, of those where they were measured to help."""

_SHORT = 12  # words; what is longer is a sentence already


def prompts_for(encoder: Encoder) -> tuple[str, ...]:
    """Templates for short queries that help this encoder; else the text as it stands."""
    return PROMPTS.get(encoder.name, PLAIN)


def filled(text: str, prompts: Sequence[str]) -> list[str]:
    """A statement in every template; one of more than 12 words as it stands."""
    if len(text.split()) > _SHORT:
        return [text]
    return list(dict.fromkeys(prompt.replace("{}", text) for prompt in prompts))
