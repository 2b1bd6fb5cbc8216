"""Verdicts under each expert's own references, and where they part."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_qualify.cases import build_case
from napari_qualify.decide.assess import Case, decisions, no_verdict
from napari_qualify.decide.rules import Floats
from napari_qualify.embed.base import Encoder, both_spaces
from napari_qualify.embed.library_encoder import load_encoder_for
from napari_qualify.embed.pipeline import Source, embed_each, opened
from napari_qualify.embed.settings import EmbedSettings, settings_of
from napari_qualify.embed.stored_tiles import StoredTiles
from napari_qualify.errors import UsageError
from napari_qualify.evaluate.agreement import AGREEMENT_COLUMNS, EVERYONE, agreement
from napari_qualify.progress import Progress

if TYPE_CHECKING:
    from napari_qualify.library.store import Library

EXPERT_COLUMNS = (
    "image",
    "criterion",
    "expert",
    "score",
    "cut",
    "call",
    "verdict",
    "p_accept",
    "p_reject",
    "references",
)
PARTING_COLUMNS = ("criterion", "expert", "other", "calls", "verdicts", "opposed", "n")
MODEL = "(model)"
"""As an expert's name: the model with all references."""

MODEL_OF = "(model of {})"
"""As an expert's name: the model with the references of one expert."""

_KEY = ["image", "criterion"]
_RATED = [*_KEY, "expert", "verdict", "group"]
_CHUNK = 16  # micrographs held in memory at a time


def of_expert(case: Case, expert: str) -> Case:
    """The case as if this expert's references were all there are.

    Parameters
    ----------
    case : Case
        With `labels` that name the experts.
    expert : str

    Returns
    -------
    Case
        Its statements stay; references and descriptions of others go.
    """
    if case.references is None:
        return case
    mine = np.array([label.expert == expert for label in case.labels], dtype=bool)
    kept = [label for label, keep in zip(case.labels, mine, strict=True) if keep]
    texts = None if case.texts is None else case.texts.part(mine)
    references = case.references.part(mine) if mine.any() else None
    alone = replace(case, modality="auto", references=references, labels=kept, texts=texts)
    try:  # an expert without descriptions may leave no text to compare with
        return replace(alone, modality=case.modality)
    except UsageError:
        return alone


def experts_of(case: Case) -> list[str]:
    """Who gave references, in order; those without a name are none."""
    return list(dict.fromkeys(label.expert for label in case.labels if label.expert))


@dataclass(frozen=True, eq=False)
class Judged:
    """Micrographs as the cases of a library see them.

    Attributes
    ----------
    images, hashes : list of str
        Name and content hash of each.
    vectors : mapping of EmbedSettings to ndarray of float, shape (m, d)
    keys : mapping of EmbedSettings to list of str
        Under which each is stored.
    """

    images: list[str]
    hashes: list[str]
    vectors: Mapping[EmbedSettings, Floats]
    keys: Mapping[EmbedSettings, list[str]]


def embedded(
    micrographs: Iterable[Source],
    library: "Library",
    encoder: Encoder,
    settings: Iterable[EmbedSettings],
    progress: Progress | None = None,
) -> Judged:
    """Embed micrographs in every way that is asked for, a few in memory at a time.

    Parameters
    ----------
    micrographs : iterable of Micrograph, path or napari Image layer
    library : Library
        Where vectors are looked up and stored.
    encoder : Encoder
    settings : iterable of EmbedSettings
    progress : callable, optional
        See `napari_qualify.progress`.
    """
    wanted = list(dict.fromkeys(settings))
    images: list[str] = []
    hashes: list[str] = []
    vectors: dict[EmbedSettings, list[Any]] = {one: [] for one in wanted}
    keys: dict[EmbedSettings, list[str]] = {one: [] for one in wanted}
    source = iter(micrographs)
    while chunk := [opened(m) for m in islice(source, _CHUNK)]:
        images += [m.name for m in chunk]
        hashes += [m.content_hash for m in chunk]
        for one in wanted:
            for e in embed_each(chunk, encoder, one, library=library, progress=progress):
                vectors[one].append(e.vector)
                keys[one].append(e.key)
    width = encoder.dim
    stacked = {one: np.array(rows, dtype=float).reshape(-1, width) for one, rows in vectors.items()}
    return Judged(images, hashes, stacked, keys)


def expert_verdicts(
    library: "Library",
    micrographs: Iterable[Source],
    criteria: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Judge micrographs by each expert's own references, and by all of them.

    Parameters
    ----------
    library : Library
    micrographs : iterable of Micrograph, path or napari Image layer
    criteria : sequence of str, optional
        By default all but those with a measured limit, which has no references.
    progress : callable, optional
        See `napari_qualify.progress`.

    Returns
    -------
    DataFrame
        Columns `EXPERT_COLUMNS`, a row per image, criterion and expert, ``*``
        being all; `references` counts those behind it. Images whose pixels are
        a reference of the criterion are left out, ``attrs["notes"]`` says which,
        and which criteria have fewer than two experts.

    Raises
    ------
    UsageError
        For an unknown criterion.
    MicrographError, LibraryError, EncoderError
    """
    encoder = load_encoder_for(library)
    wanted = [each.name for each in library.criteria_named(criteria) if not each.limit]
    cases = {name: build_case(library, name, encoder, progress=progress) for name in wanted}
    settings = {name: settings_of(library, name) for name in wanted}
    judged = embedded(micrographs, library, encoder, settings.values(), progress)
    for i, image in enumerate(judged.images):
        if image in judged.images[:i]:
            raise UsageError(f"two micrographs are named {image!r}; give each its own name")
    rows: list[list[Any]] = []
    notes: list[str] = []
    for name, case in cases.items():
        experts = experts_of(case)
        if len(experts) < 2:
            few = "1 named expert" if experts else "no named expert"
            notes.append(f"{name}: all references are of {few}; nothing to compare under them.")
        known = {r.content_hash for r in library.references(name)}
        kept = [i for i, hash_ in enumerate(judged.hashes) if hash_ not in known]
        if len(kept) < len(judged.hashes):
            count = len(judged.hashes) - len(kept)
            notes.append(f"{name}: {count} images left out, since they are references of it.")
        vectors = judged.vectors[settings[name]][kept]
        keys = [judged.keys[settings[name]][i] for i in kept]
        tiles = StoredTiles(library, encoder, settings[name], keys)
        images = [judged.images[i] for i in kept]
        for expert in (EVERYONE, *experts):
            alone = case if expert == EVERYONE else of_expert(case, expert)
            for image, row in zip(
                images, verdict_rows(alone, vectors, encoder, tiles), strict=True
            ):
                rows.append([image, name, expert, *row])
    table = pd.DataFrame(rows, columns=list(EXPERT_COLUMNS))
    table = table.astype(dict.fromkeys(("score", "cut", "p_accept", "p_reject"), float))
    table.attrs["notes"] = notes
    return table


def verdict_rows(
    case: Case, vectors: Floats, encoder: Encoder, tiles: StoredTiles | None = None
) -> list[list[Any]]:
    """Score, cut, call, verdict, p-values and number of references of each vector (m, d)."""
    count = 0 if case.references is None else len(case.references)
    if not len(vectors):
        return []
    visual, in_text_space = both_spaces(encoder, vectors)
    outcome = case.outcome(visual, in_text_space, tiles)
    if outcome is None:
        blank = no_verdict(case)
        return [[None, None, "", blank.verdict, None, None, count]] * len(vectors)
    rows: list[list[Any]] = []
    for score, decided in zip(outcome.score, decisions(case, outcome), strict=True):
        call = "accept" if score >= outcome.cut else "reject"
        ps = (decided.p_accept, decided.p_reject)
        rows.append([float(score), outcome.cut, call, decided.verdict, *ps, count])
    return rows


def parting(table: pd.DataFrame) -> pd.DataFrame:
    """How often the verdicts under two experts' references part, worst first.

    Parameters
    ----------
    table : DataFrame
        As `expert_verdicts` gives it.

    Returns
    -------
    DataFrame
        Columns `PARTING_COLUMNS`, a row per criterion and pair of experts: the
        share of the images whose calls differ, whose verdicts differ, and of
        which one accepts and the other rejects (`opposed`).
    """
    rows: list[list[Any]] = []
    for criterion, part in table[table["expert"] != EVERYONE].groupby("criterion", sort=False):
        wide = part.pivot(index="image", columns="expert", values=["call", "verdict"])
        experts = list(dict.fromkeys(part["expert"]))
        for i, a in enumerate(experts):
            for b in experts[i + 1 :]:
                calls = float((wide["call"][a] != wide["call"][b]).mean())
                first, second = wide["verdict"][a], wide["verdict"][b]
                apart = first != second
                opposed = apart & (first != "review") & (second != "review")
                shares = (calls, float(apart.mean()), float(opposed.mean()))
                rows.append([criterion, a, b, *shares, len(wide)])
    found = pd.DataFrame(rows, columns=list(PARTING_COLUMNS))
    order = found.sort_values(["opposed", "calls"], ascending=False, kind="stable")
    return order.reset_index(drop=True)


def disagreements(labels: pd.DataFrame) -> pd.DataFrame:
    """Images and criteria on which experts part.

    Parameters
    ----------
    labels : DataFrame
        Columns image, criterion, expert and verdict (or call, where there is no
        verdict): a table of labels, or what `expert_verdicts` gives.

    Returns
    -------
    DataFrame
        Columns image, criterion and one for each expert with what they say; ''
        where they said nothing. Rows where at least one accepts and one rejects.
    """
    part = labels[labels["expert"] != EVERYONE]
    sides = part[part["verdict"].isin(["accept", "reject"])]
    parted = sides.groupby(["image", "criterion"])["verdict"].transform("nunique") > 1
    keys = set(zip(sides.loc[parted, "image"], sides.loc[parted, "criterion"], strict=True))
    pairs = pd.Series(list(zip(part["image"], part["criterion"], strict=True)), index=part.index)
    part = part[pairs.isin(keys)]
    wide = part.pivot(index=["image", "criterion"], columns="expert", values="verdict")
    wide = wide[[e for e in dict.fromkeys(part["expert"])]].fillna("").reset_index()
    wide.columns.name = None
    criteria = list(dict.fromkeys(labels["criterion"]))
    order = wide["criterion"].map(criteria.index).sort_values(kind="stable").index
    return wide.loc[order].reset_index(drop=True)


def model_agreement(
    labels: pd.DataFrame, table: pd.DataFrame, draws: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """Agreement of each expert with the model's calls.

    Parameters
    ----------
    labels : DataFrame
        The experts' verdicts on images of `table`.
    table : DataFrame
        As `expert_verdicts` gives it.
    draws, seed : int
        Of the resampling.

    Returns
    -------
    DataFrame
        Columns as `napari_qualify.evaluate.agreement.agreement` gives them, with
        `other` `MODEL` (the call under all references), or `MODEL_OF` the expert
        (the call under that expert's own references).
    """
    found = []
    notes: list[str] = []
    count = table[table["expert"] != EVERYONE].groupby("criterion")["expert"].nunique()
    alone = set(count.index[count < 2])  # there, one expert's references are all of them
    for expert, mine in labels.groupby("expert", sort=False):
        for whose, name in ((EVERYONE, MODEL), (expert, MODEL_OF.format(expert))):
            calls = table[(table["expert"] == whose) & (table["call"] != "")]
            if whose != EVERYONE:
                calls = calls[~calls["criterion"].isin(alone)]
            calls = calls.assign(verdict=calls["call"], expert=name)
            calls = calls.merge(mine[[*_KEY, "group"]], on=_KEY)[_RATED]
            both = mine.merge(calls[_KEY], on=_KEY)[_RATED]
            if both.empty:
                continue
            pair = agreement(pd.concat([both, calls]), draws, seed)
            notes += [f"{expert} and {name}: {note}" for note in pair.attrs["notes"]]
            found.append(pair[pair["expert"] != EVERYONE])
    joined = pd.concat(found) if found else pd.DataFrame(columns=list(AGREEMENT_COLUMNS))
    joined.attrs["notes"] = notes
    return joined.reset_index(drop=True)
