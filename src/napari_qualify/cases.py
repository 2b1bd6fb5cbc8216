"""What a library's criteria bring to a decision: references, texts, limits."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_qualify.decide.assess import Case
from napari_qualify.decide.references import SIDE, References, near_duplicates
from napari_qualify.decide.rules import Floats
from napari_qualify.decide.text import Texts
from napari_qualify.decide.tile_map import Place
from napari_qualify.decide.verdict import Neighbour, Verdict
from napari_qualify.embed.base import Encoder, Vectors, both_spaces
from napari_qualify.embed.pipeline import embed_references, reference_keys
from napari_qualify.embed.settings import EmbedSettings, fingerprint, settings_of, tile_pixels
from napari_qualify.embed.stored_tiles import StoredTiles
from napari_qualify.embed.texts import encode_statements
from napari_qualify.embed.tiles import tile_boxes
from napari_qualify.micrograph import Micrograph
from napari_qualify.progress import Progress
from napari_qualify.segment.phases import Phases

if TYPE_CHECKING:
    from pandas import DataFrame

    from napari_qualify.library.records import Criterion, Reference
    from napari_qualify.library.store import Library


def build_case(
    library: "Library",
    criterion: "str | Criterion",
    encoder: Encoder,
    population: str = "library",
    progress: Progress | None = None,
) -> Case:
    """What a criterion of a library brings to a decision, its references embedded.

    Parameters
    ----------
    library : Library
    criterion : str or Criterion
        By name, or one of the library's with other settings, as an ablation tries.
    encoder : Encoder
    population : {'library', 'batch'}
    progress : callable, optional

    Returns
    -------
    napari_qualify.decide.assess.Case
    """
    found = library.criteria[criterion] if isinstance(criterion, str) else criterion
    embed_references(library, found, progress, encoder)
    settings = settings_of(library, found)
    keyed = reference_keys(library, found, settings)
    mark, keys = fingerprint(encoder, settings), [key for _, key in keyed]
    stored = library.vectors(mark, keys)
    references: References | None = None
    labels: list[Neighbour] = []
    in_text_space: Floats | None = None
    if keyed:
        vectors, in_text_space = both_spaces(encoder, np.stack([stored[k] for _, k in keyed]))
        references = References(
            vectors,
            np.array([r.verdict == "accept" for r, _ in keyed], dtype=bool),
            [r.group for r, _ in keyed],
            near_duplicates(vectors, np.stack([_small(library, r.id) for r, _ in keyed])),
            lambda: list(StoredTiles(library, encoder, settings, keys)),
        )
        labels = [Neighbour(r.id, r.image, r.verdict, 0.0, r.expert, r.group) for r, _ in keyed]
    statements = [(t, "accept") for t in found.accept] + [(t, "reject") for t in found.reject]
    texts, notes = _texts(encoder, found, [r for r, _ in keyed], in_text_space)
    if len(precisions := {*library.precisions(mark, keys).values(), encoder.precision}) > 1:
        notes += (f"Vectors of mixed precision: {', '.join(sorted(precisions))}.",)
    return Case(
        found.name,
        found.rule,
        found.modality,
        found.risk_accept,
        found.risk_reject,
        references,
        labels,
        texts,
        statements,
        population,
        notes,
        found.weight,
        found.split,
    )


def place_of(micrograph: Micrograph, settings: EmbedSettings) -> Place:
    """Where the tiles of a micrograph lie that the library holds vectors of."""
    boxes = tile_boxes(micrograph.shape, tile_pixels(micrograph, settings)[0], settings.overlap)
    return Place(boxes, micrograph.shape, micrograph.pixel_size_um)


def _small(library: "Library", reference_id: str) -> NDArray[np.uint8]:
    """Small grey picture of a reference, in which near-duplicates are sought."""
    from PIL import Image

    picture = Image.fromarray(library.thumbnail(reference_id)).convert("L")
    return np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BOX))


def _texts(
    encoder: Encoder,
    criterion: "Criterion",
    records: Sequence["Reference"],
    in_text_space: Floats | None,
) -> tuple[Texts | None, tuple[str, ...]]:
    """Text vectors of statements and descriptions, with what was done to long ones.

    None when the encoder has no text or there is nothing to encode. No prompts: they
    help keywords, and did not help the statements of the sample lot.
    """
    described = [r.description for r in records]
    stated = list(dict.fromkeys([*criterion.accept, *criterion.reject]))
    told = list(dict.fromkeys(filter(None, described)))
    if not encoder.has_text or not (stated or told):
        return None, ()
    width = encoder.text_dim
    statements, notes = encode_statements(encoder, stated)
    words, more = encode_statements(encoder, told)

    def rows(texts: Iterable[str], among: Sequence[str], vectors: Vectors) -> Floats:
        known = dict(zip(among, vectors, strict=True))
        nothing = np.zeros(width)
        return np.array([known.get(t, nothing) for t in texts], dtype=float).reshape(-1, width)

    texts = Texts(
        rows(criterion.accept, stated, statements),
        rows(criterion.reject, stated, statements),
        rows(described, told, words),
        np.zeros((0, width)) if in_text_space is None else in_text_space,
    )
    return texts, tuple(note for note in (*notes, *more) if note)


def measured(
    micrograph: Micrograph,
    criteria: Sequence["Criterion"],
    library: "Library",
    phases: Mapping[str, Phases] | None = None,
) -> "DataFrame | None":
    """Measure what the limits of criteria ask for, from the micrograph's phases.

    Parameters
    ----------
    micrograph : Micrograph
    criteria : sequence of Criterion
        Each with a limit.
    library : Library
        Its phases of the micrograph are used when `phases` has none.
    phases : mapping of content hash to Phases, optional

    Returns
    -------
    DataFrame or None
        See `napari_qualify.measure`; None without criteria or phases.
    """
    if not criteria:
        return None
    from napari_qualify.measure.limit import Limit
    from napari_qualify.measure.run import measure

    belonging = (phases or {}).get(micrograph.content_hash)
    if belonging is None:
        belonging = library.load_phases(micrograph.content_hash)
    if belonging is None:
        return None
    return measure(belonging, {Limit.parse(each.limit or "").measure for each in criteria})


def limit_verdicts(
    table: "DataFrame | None", criteria: Sequence["Criterion"]
) -> dict[str, Verdict]:
    """Verdicts of criteria that have a measured limit, from what `measured` gave.

    Parameters
    ----------
    table : DataFrame or None
    criteria : sequence of Criterion
        Each with a limit.

    Returns
    -------
    dict of str to Verdict
        By criterion; `review` for ``no_phases`` where there are none.
    """
    if not criteria:
        return {}
    from napari_qualify.measure.limit import Limit

    found = {}
    for criterion in criteria:
        limit = Limit.parse(criterion.limit or "")
        if table is None:
            verdict = Verdict(
                criterion.name,
                "review",
                "no_phases",
                modality="measure",
                limit=str(criterion.limit),
                messages=("Segment it and store its phases in the library.",),
            )
        else:
            verdict = limit.judge(table)
        found[criterion.name] = replace(
            verdict,
            criterion=criterion.name,
            risk_accept=criterion.risk_accept,
            risk_reject=criterion.risk_reject,
        )
    return found


def sample_limit(
    sample: str, criterion: "Criterion", tables: Sequence["DataFrame | None"]
) -> Verdict | None:
    """Verdict of a sample for a criterion with a measured limit, over its fields.

    Judged by the mean over fields and the interval between them (ASTM E562).

    Parameters
    ----------
    sample : str
    criterion : Criterion
    tables : sequence of DataFrame or None
        What `measured` gave for each field.

    Returns
    -------
    Verdict or None
        None where fields do not pool: a single one, one without phases or
        without the phase, or units that differ.
    """
    from napari_qualify.measure.fields import pool_fields
    from napari_qualify.measure.limit import Limit

    limit = Limit.parse(criterion.limit or "")
    rows = [
        table[(table["phase"] == limit.phase) & (table["measure"] == limit.measure)]
        for table in tables
        if table is not None
    ]
    whole = len(rows) == len(tables) >= 2 and all(len(each) for each in rows)
    if not whole or len({unit for each in rows for unit in each["unit"]}) > 1:
        return None
    return limit.judge(pool_fields(rows, sample), criterion.name)
