"""Which micrograph to label next: the one least like all that is labelled, unless it is odd.

The most uncertain micrograph teaches about the border alone, and a random one mostly what is
known. The choice here covers what there is: farthest-first traversal (Gonzalez, Theor. Comput.
Sci. 38 (1985) 293; as the core-set of active learning: Sener and Savarese, ICLR 2018), passing
over the few micrographs that resemble no other, from which little follows for the rest. It asks
for no verdict, so that several can be chosen at once. Variance reduction (Yu, Bi and Tresp, ICML
2006), information density (Settles and Craven, EMNLP 2008) and facility location were tried
and did no better at 24 labels; uncertainty alone was behind random choice there.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_qualify.batch import Opening, micrographs_under
from napari_qualify.decide.rules import Floats, Mask, unit
from napari_qualify.embed.base import visual_part
from napari_qualify.embed.library_encoder import load_encoder_for
from napari_qualify.embed.pipeline import (
    PhasesByHash,
    Source,
    each_source,
    embed_each,
    embed_references,
    opened,
    reference_keys,
)
from napari_qualify.embed.settings import EmbedSettings, fingerprint, settings_of
from napari_qualify.errors import UsageError
from napari_qualify.files import Failure
from napari_qualify.micrograph import Micrograph
from napari_qualify.progress import Progress
from napari_qualify.qualify import as_library

if TYPE_CHECKING:
    from pandas import DataFrame

    from napari_qualify.library.store import Library

ODD_SHARE = 0.02  # of the candidates, the most isolated, chosen last
_NEIGHBOURS = 5
NEXT_COLUMNS = ("image", "usefulness", "reason")


@dataclass(frozen=True, eq=False)
class Design:
    """Micrographs in the order in which to label them.

    Attributes
    ----------
    chosen : ndarray of int, shape (k,)
        Rows of the candidates.
    usefulness : ndarray of float, shape (k,)
        One minus the cosine to the nearest one that is labelled by then, those
        above it included; 1 for the first of all.
    stands_for : ndarray of int, shape (k,)
        Candidates left that it is nearest to, of all that is labelled by then.
    """

    chosen: NDArray[np.intp]
    usefulness: Floats
    stands_for: NDArray[np.intp]


def design(known: NDArray[Any], candidates: NDArray[Any], count: int) -> Design:
    """Choose the candidates that are least like all that is labelled, and not odd.

    Parameters
    ----------
    known : ndarray of float, shape (n, d)
        Vectors that have labels; n may be 0: the first is then the most central.
    candidates : ndarray of float, shape (m, d)
        Vectors without.
    count : int
        How many to choose, at most m.

    Returns
    -------
    Design
    """
    rows, m = unit(candidates), len(candidates)
    among = rows @ rows.T
    best = (unit(known) @ rows.T).max(axis=0) if len(known) else np.full(m, np.nan)
    last = _odd(among)
    free = np.ones(m, dtype=bool)
    found: list[tuple[int, float, int]] = []
    for _ in range(min(count, m)):
        first = bool(np.isnan(best).any())
        gain = among.mean(axis=0) if first else 1 - best
        allowed = free & ~last if (free & ~last).any() else free
        one = int(np.argmax(np.where(allowed, gain, -np.inf)))
        free[one] = False
        stands = free if first else free & (among[one] > best)
        found.append((one, 1.0 if first else float(gain[one]), int(stands.sum())))
        best = np.fmax(best, among[one])
    chosen, usefulness, stands_for = zip(*found, strict=True) if found else ((), (), ())
    return Design(
        np.asarray(chosen, dtype=np.intp),
        np.asarray(usefulness, dtype=float),
        np.asarray(stands_for, dtype=np.intp),
    )


def _odd(among: Floats) -> Mask:
    """The candidates that resemble their nearest others least, from cosines (m, m)."""
    m = len(among)
    few = int(ODD_SHARE * m)
    if not few:
        return np.zeros(m, dtype=bool)
    others = among - 3 * np.eye(m)  # a candidate is no neighbour of its own
    nearest = np.sort(others, axis=1)[:, -_NEIGHBOURS:].mean(axis=1)
    found = np.zeros(m, dtype=bool)
    found[np.argsort(nearest, kind="stable")[:few]] = True
    return found


def next_references(
    library: "Library | str | Path",
    criterion: str,
    micrographs: Source | Iterable[Source],
    count: int = 5,
    *,
    pixel_size_um: float | None = None,
    phases: PhasesByHash | None = None,
    progress: Progress | None = None,
) -> "DataFrame":
    """Which micrographs an expert should judge next for a criterion.

    Parameters
    ----------
    library : Library or path
        Vectors that it lacks are embedded and kept.
    criterion : str
    micrographs : path, Micrograph, napari Image layer, or several
        To choose from: files, folders and patterns, or micrographs. Those that
        are references of the criterion are passed over.
    count : int
        How many, at most.
    pixel_size_um : float, optional
        Micrometres per pixel of all files; overrides what they say.
    phases : mapping of content hash to Phases, optional
        For views other than ``raw``; those of the library are used otherwise.
    progress : callable, optional
        See `napari_qualify.progress`.

    Returns
    -------
    DataFrame
        ``image``, ``usefulness`` (one minus the cosine to the nearest one that
        is labelled, those above it included) and ``reason`` in words; in the
        order in which to label. ``attrs["failures"]`` has the files that could
        not be used, ``attrs["candidates"]`` how many there were to choose from.

    Raises
    ------
    UsageError
        When there is no such criterion, it has a measured limit, there is
        nothing to choose from, or `count` is under 1.
    MicrographError, SegmentationError
        For a micrograph in memory; a file only becomes a failure.
    EncoderError, LibraryError
    """
    import pandas as pd

    kept = as_library(library)
    if kept.criterion(criterion).limit or count < 1:
        why = f"count {count}; ask for 1 at least" if count < 1 else "it is judged by a limit"
        raise UsageError(f"criterion {criterion!r}: no references to label next ({why})")
    encoder, settings = load_encoder_for(kept), settings_of(kept, criterion)
    embed_references(kept, criterion, progress, encoder)
    keyed = reference_keys(kept, criterion, settings)
    stored = kept.vectors(fingerprint(encoder, settings), [key for _, key in keyed])
    of_references = np.array([stored[key] for _, key in keyed]).reshape(-1, encoder.dim)
    vectors = visual_part(encoder, of_references)
    choice = _Candidates(kept, settings, {reference.content_hash for reference, _ in keyed})
    sources: Sequence[Any] = list(each_source(micrographs))
    if all(isinstance(source, str | Path) for source in sources):
        found = micrographs_under(sources, pixel_size_um)
        choice.opening = Opening(kept, {settings}, pixel_size_um, failures=[*found.failures])
        sources = found.items
    embedded = embed_each(
        sources, encoder, settings, library=kept, phases=phases, progress=progress, open_=choice
    )
    each = list(embedded)
    rows = np.array([one.vector for one in each]).reshape(-1, encoder.dim)
    chosen = design(vectors, visual_part(encoder, rows), count)
    table = [
        (each[row].image, useful, _reason(useful, stands, bool(len(vectors) or place)))
        for place, (row, useful, stands) in enumerate(
            zip(chosen.chosen, chosen.usefulness, chosen.stands_for, strict=True)
        )
    ]
    frame = pd.DataFrame(table, columns=list(NEXT_COLUMNS))
    frame.attrs["failures"] = [tuple(each) for each in choice.failures]
    frame.attrs["candidates"] = len(each)
    return frame


@dataclass(eq=False)
class _Candidates:
    """Opens what there is to choose from, and passes over what is labelled."""

    library: "Library"
    settings: EmbedSettings
    labelled: set[str]
    opening: Opening | None = None

    def __call__(self, source: Any) -> Micrograph | None:
        """Micrograph of a source, None for a reference or a file that is none."""
        micrograph = opened(source) if self.opening is None else self.opening(source)
        return (
            None if micrograph is None or micrograph.content_hash in self.labelled else micrograph
        )

    @property
    def failures(self) -> Sequence[Failure]:
        """Files that could not be used."""
        return () if self.opening is None else self.opening.failures


def _reason(usefulness: float, stands_for: int, any_before: bool) -> str:
    """Why a micrograph is useful, in words."""
    if not any_before:
        return "the most typical of these; nothing is labelled yet"
    near = f"cosine {1 - usefulness:.2f} to the nearest labelled one"
    others = "1 other is" if stands_for == 1 else f"{stands_for or 'no'} others are"
    return f"{near}; {others} more like it than like any labelled one"
