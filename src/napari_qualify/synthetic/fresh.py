"""Rendered micrographs with known verdicts, from seeds that the sample lot does not use."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from napari_qualify.synthetic.design import borderline, shuffled_verdicts
from napari_qualify.synthetic.parameters import CRITERIA, Parameters, draw_parameters
from napari_qualify.synthetic.render import render

if TYPE_CHECKING:
    import pandas as pd

    from napari_qualify.micrograph import Micrograph
    from napari_qualify.segment.phases import Phases

FIRST_SEED = 1_000_000  # the lot's are below 3,000


def fresh_parameters(count: int, seed: int) -> list[Parameters]:
    """Parameters of micrographs of which half are accepted for each criterion.

    The verdicts of the criteria, magnification, brightness, contrast, noise and
    blur are drawn independently; a tenth of the deciding parameters lie within
    10 % of the threshold, the others at least 25 % away from it.

    Parameters
    ----------
    count : int
    seed : int
        Another set of micrographs.
    """
    rng = np.random.default_rng([FIRST_SEED, seed])
    verdicts = shuffled_verdicts(count, rng)
    near = borderline(verdicts, rng)
    return [draw_parameters(rng, v, n) for v, n in zip(verdicts, near, strict=True)]


def fresh_micrographs(
    drawn: Sequence[Parameters], seed: int
) -> Iterator[tuple["Micrograph", "Phases"]]:
    """Render one after the other, named ``0000``, ``0001``, ..., each with its phases.

    Parameters
    ----------
    drawn : sequence of Parameters
        From `fresh_parameters` with the same `seed`.
    seed : int
    """
    from napari_qualify.micrograph import Micrograph
    from napari_qualify.segment.phases import Phases

    for i, parameters in enumerate(drawn):
        made = render(parameters, FIRST_SEED + seed * 100_000 + i)
        micrograph = Micrograph(made.image, made.pixel_size_um, name=f"{i:04d}")
        yield (
            micrograph,
            Phases(
                made.phases,
                dict(made.names),
                pixel_size_um=made.pixel_size_um,
                source=micrograph.content_hash,
                image=micrograph.name,
            ),
        )


def fresh_labels(drawn: Sequence[Parameters]) -> "pd.DataFrame":
    """True verdicts of `fresh_micrographs`: columns image, criterion, verdict."""
    import pandas as pd

    rows = [
        (f"{i:04d}", name, parameters.verdicts[name])
        for i, parameters in enumerate(drawn)
        for name in CRITERIA
    ]
    return pd.DataFrame(rows, columns=["image", "criterion", "verdict"])
