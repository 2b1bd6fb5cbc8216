"""Check a library from end to end, and say what is wrong in sentences."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from napari_qualify.errors import LibraryError
from napari_qualify.library import columns, log, phase_images
from napari_qualify.library.bridge_store import GROUP, read_bridge
from napari_qualify.library.jsontext import digest
from napari_qualify.library.manifest import Manifest
from napari_qualify.library.micrographs import load_pixels, load_stored, pixels_hash
from napari_qualify.library.records import Criterion, Reference
from napari_qualify.library.state import read_record
from napari_qualify.library.transaction import ASSESSMENTS, LOG


def verify(root: Path, manifest: Manifest) -> list[str]:
    """Check everything that `manifest` says counts.

    Returns
    -------
    list of str
        A sentence per problem; empty when all is well.
    """
    problems: list[str] = []
    entries: list[dict[str, Any]] = []

    def tried(check: Callable[[], list[str]]) -> None:
        try:
            problems.extend(check())
        except LibraryError as error:
            problems.append(str(error))

    def chain() -> list[str]:
        texts = columns.texts(root / LOG, manifest.log)
        found = log.check_chain(texts, manifest.log_head)
        entries.extend(json.loads(text) for text in texts if not found)
        return found

    tried(chain)
    for name in manifest.criteria:
        tried(lambda name=name: _criterion(root, manifest, name))  # type: ignore[misc]
    for name in manifest.references:
        tried(lambda name=name: _reference(root, manifest, name))  # type: ignore[misc]
    for name in manifest.embeddings:
        tried(lambda name=name: _embeddings(root, manifest, name))  # type: ignore[misc]
    for name in manifest.phases:
        tried(lambda name=name: _phases(root, manifest, name))  # type: ignore[misc]
    tried(lambda: _bridge(root, manifest))
    tried(lambda: _assessments(root, manifest, entries))
    if entries:
        problems += _history(root, manifest, entries)
    return problems


def _criterion(root: Path, manifest: Manifest, name: str) -> list[str]:
    listed = manifest.criteria[name]
    record = read_record(root / "criteria" / listed.node, Criterion)
    if record.name != name or record.contents_hash != listed.sha256:
        return [f"Criterion {name!r} is not what was written."]
    return []


def _reference(root: Path, manifest: Manifest, identifier: str) -> list[str]:
    listed = manifest.references[identifier]
    node = root / "references" / listed.node
    record = read_record(node, Reference)
    what = f"Reference {identifier} ({record.image})"
    problems = []
    if record.id != identifier or record.contents_hash != listed.sha256:
        problems.append(f"{what} is not what was written.")
    if record.criterion not in manifest.criteria:
        problems.append(f"{what} belongs to the criterion {record.criterion!r}, which is missing.")
    if pixels_hash(load_pixels(node / "thumbnail")) != record.thumbnail_hash:
        problems.append(f"The thumbnail of reference {identifier} is not what was written.")
    if record.stored:
        load_stored(record, node / "pixels")
    return problems


def _embeddings(root: Path, manifest: Manifest, fingerprint: str) -> list[str]:
    column = manifest.embeddings[fingerprint]
    group = root / "embeddings" / fingerprint
    keys = columns.texts(group / "keys", column.rows)
    columns.texts(group / "precision", column.rows)
    records = [json.loads(text) for text in columns.texts(group / "records", column.rows)]
    tiles = columns.vectors(group / "tiles", column.tiles, np.arange(column.tiles))
    files = columns.texts(group / "files", column.files)
    vectors = columns.vectors(group / "vectors", column.rows, np.arange(column.rows))
    problems = []
    if len(set(keys)) < len(keys):
        problems.append(f"Embeddings {fingerprint}: a key occurs twice.")
    if vectors.shape[1] != column.dim:
        problems.append(
            f"Embeddings {fingerprint}: vectors of length {vectors.shape[1]}, not {column.dim}."
        )
    if not np.isfinite(vectors).all():
        problems.append(f"Embeddings {fingerprint}: a vector is not finite.")
    spans = [record["tiles"] for record in records]
    if sum(count for _, count in spans) != len(tiles) or not np.isfinite(tiles).all():
        problems.append(f"Embeddings {fingerprint}: the vectors of tiles are not those recorded.")
    if not {line.partition(" ")[2] for line in files} <= set(keys):
        problems.append(f"Embeddings {fingerprint}: a file stands for a key that is missing.")
    return problems


def _phases(root: Path, manifest: Manifest, micrograph: str) -> list[str]:
    phase_images.load(root / "phases" / manifest.phases[micrograph])
    return []


def _bridge(root: Path, manifest: Manifest) -> list[str]:
    if manifest.bridge is not None:
        read_bridge(root / GROUP / manifest.bridge.node, manifest.bridge.sha256)
    return []


def _assessments(root: Path, manifest: Manifest, entries: list[dict[str, Any]]) -> list[str]:
    texts = columns.texts(root / ASSESSMENTS, manifest.assessments)
    problems = []
    expected = 0
    for entry in entries:
        if entry["action"] != "add_assessments":
            continue
        first, count = entry["data"]["first"], entry["data"]["count"]
        if first != expected or digest(texts[first : first + count]) != entry["data"]["sha256"]:
            problems.append(f"Assessments {first} to {first + count - 1} are not what was written.")
        expected = first + count
    if entries and expected != len(texts):
        problems.append(f"The log knows {expected} assessments, the library has {len(texts)}.")
    return problems


def _history(root: Path, manifest: Manifest, entries: list[dict[str, Any]]) -> list[str]:
    """Replay the log: what counts must be what it leaves."""
    references: dict[str, Any] = {}
    criteria: dict[str, Any] = {}
    bridge = None
    for entry in entries:
        data = entry["data"]
        match entry["action"]:
            case "add_references":
                references |= {record["id"]: record for record in data["references"]}
            case "remove_references":
                for identifier in data["ids"]:
                    references.pop(identifier, None)
            case "add_criterion" | "replace_criterion":
                criteria[data["name"]] = data
            case "remove_criterion":
                criteria.pop(data["name"], None)
            case "refit_bridge":
                bridge = data["sha256"]
            case "drop_bridge":
                bridge = None
    listed = manifest.bridge and manifest.bridge.sha256
    return [
        *_compare(root, "references", Reference, manifest.references, references),
        *_compare(root, "criteria", Criterion, manifest.criteria, criteria),
        *(["The bridge is not the one that the log names."] if listed != bridge else []),
    ]


def _compare(
    root: Path, group: str, model: type[Any], listed: Any, logged: dict[str, Any]
) -> list[str]:
    what = model.__name__
    problems = [f"{what} {name!r} is not in the log." for name in listed if name not in logged]
    problems += [
        f"{what} {name!r} is missing: by the log it was added and never removed."
        for name in logged
        if name not in listed
    ]
    for name in set(listed) & set(logged):
        try:
            record = read_record(root / group / listed[name].node, model)
        except LibraryError:
            continue  # said before
        if record.model_dump(mode="json") != logged[name]:
            problems.append(f"{what} {name!r} differs from what the log says was added.")
    return problems
