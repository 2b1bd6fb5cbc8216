"""References that deserve a second look."""

from collections.abc import Sequence
from dataclasses import dataclass

from napari_qualify.decide.judge import Judge
from napari_qualify.decide.verdict import Call, Neighbour


@dataclass(frozen=True)
class Suspect:
    """A reference whose score, while its group was left out, contradicts its label.

    Attributes
    ----------
    reference, image : str
        Its identifier and the name of its micrograph.
    verdict : {'accept', 'reject'}
        What the expert said.
    margin : float
        Score minus cut under the judge without it, in reference deviations.
    expert, group : str
    """

    reference: str
    image: str
    verdict: Call
    margin: float
    expert: str = ""
    group: str = ""


def suspects(judge: Judge, labels: Sequence[Neighbour]) -> tuple[Suspect, ...]:
    """Suspects among the references, the most contradictory first.

    Either the label is wrong, or the reference is unlike the others of its side.

    Parameters
    ----------
    judge : Judge
    labels : sequence of Neighbour, length n
        Who the references are.
    """
    found = [
        Suspect(
            label.reference, label.image, label.verdict, float(margin), label.expert, label.group
        )
        for label, margin, accepted in zip(
            labels, judge.left_out, judge.references.accepted, strict=False
        )
        if (margin < 0) == bool(accepted) and margin != 0
    ]
    return tuple(sorted(found, key=lambda each: -abs(each.margin)))
