"""The bridge of a library: refitted with its descriptions, stored, dropped."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr

from napari_qualify.errors import EncoderError, LibraryError, UsageError
from napari_qualify.library import disk
from napari_qualify.library.archive import Archive
from napari_qualify.library.manifest import Listed
from napari_qualify.progress import Progress, silent

if TYPE_CHECKING:
    from napari_qualify.embed.bridge import Bridge

GROUP = "bridges"
_RECORD = "napari_qualify"


class Bridged(Archive):
    """What `Library` knows about its bridge from images to text."""

    _known_bridge: "tuple[str, Bridge] | None" = None

    @property
    def bridge(self) -> "Bridge | None":
        """The bridge that was refitted in this library, or None.

        Raises
        ------
        LibraryError
            When it is damaged.
        """
        while True:
            manifest = self._state.fresh()
            listed = manifest.bridge
            if listed is None:
                return None
            known = self._known_bridge
            if known is not None and known[0] == listed.sha256:
                return known[1]
            try:
                found = read_bridge(self.path / GROUP / listed.node, listed.sha256)
            except LibraryError:
                if self._state.fresh() is manifest:  # it was not replaced while it was read
                    raise
            else:
                self._known_bridge = listed.sha256, found
                return found

    def refit_bridge(self, progress: Progress | None = None) -> dict[str, Any]:
        """Fit the encoder's bridge to the descriptions of the references.

        The base bridge that is shipped is drawn to them; every later score
        against a text uses the result. Visual vectors stay as they are.

        Parameters
        ----------
        progress : callable, optional
            See `napari_qualify.progress`.

        Returns
        -------
        dict
            As it is logged: specimens (``groups``) and ``references`` with a
            description, what was chosen, and how good it is for specimens that
            were left out: see `embed.refit.Refit`.

        Raises
        ------
        UsageError
            When the encoder has no bridge, or fewer than 8 specimens have a
            description.
        LibraryError
            When a reference has no vector and its source is out of reach.
        EncoderError
            When the text model is not installed.
        """
        from napari_qualify.embed.bridge import base_bridge
        from napari_qualify.embed.descriptions import description_targets, term_vectors
        from napari_qualify.embed.library_encoder import takes_bridge
        from napari_qualify.embed.lite import BLOCKS
        from napari_qualify.embed.refit import check_groups, refit
        from napari_qualify.embed.registry import load_encoder

        encoder = load_encoder(self.encoder)
        if not takes_bridge(encoder):
            raise UsageError(
                f"{self.path.name} is a library for the encoder {self.encoder!r}, whose images and "
                "texts are in one space already; only 'lite' has a bridge to refit"
            )
        if not encoder.has_text:
            encoder.encode_texts([""])  # says what to install
        report = progress or silent
        before = self._state.fresh()
        vectors, spoken, groups = described(self, progress)
        check_groups(groups)
        report("refit", 0, 2)
        targets, _ = description_targets(encoder, spoken)
        report("refit", 1, 2)
        found = refit(base_bridge(), vectors, targets, groups, BLOCKS, term_vectors(encoder))
        record = {
            **found.bridge.record,
            "matching_base": round(found.matching_base, 4),
            "library_version": before.version,
            "text": encoder.text_identity.get("text_model", ""),
            "sha256": found.bridge.sha256,
        }
        self._store_bridge(found.bridge, record)
        report("refit", 2, 2)
        return record

    def drop_bridge(self) -> None:
        """Go back to the bridge that is shipped; the log keeps that there was another.

        Raises
        ------
        UsageError
            When the library has none of its own.
        """
        with self._state.write() as write:
            if write.manifest.bridge is None:
                raise UsageError(f"{self.path.name} has no bridge of its own")
            dropped = write.manifest.bridge.sha256
            write.change(bridge=None)
            write.record("drop_bridge", {"sha256": dropped})

    def _store_bridge(self, bridge: "Bridge", record: dict[str, Any]) -> None:
        with self._state.write() as write:
            if not (self.path / GROUP).exists():  # of a library from before there were bridges
                disk.write_group(self.path / GROUP)
            node = f"{write.revision:06d}"
            write_bridge(write.node(f"{GROUP}/{node}"), bridge)
            write.change(bridge=Listed(node=node, sha256=bridge.sha256))
            write.record("refit_bridge", record)


def described(library: Any, progress: Progress | None = None) -> tuple[Any, list[str], list[str]]:
    """Visual vectors (n, d), descriptions and groups of the references that have words.

    A micrograph that is a reference of several criteria comes once per view and
    text.
    """
    from napari_qualify.embed.pipeline import embed_references, reference_keys
    from napari_qualify.embed.registry import load_encoder
    from napari_qualify.embed.settings import fingerprint, settings_of

    encoder = load_encoder(library.encoder)
    rows: dict[tuple[str, str, str], tuple[Any, str]] = {}
    for name in library.criteria:
        if not any(r.description for r in library.references(name)):
            continue
        embed_references(library, name, progress)
        settings = settings_of(library, name)
        mark = fingerprint(encoder, settings)
        spoken = [(r, k) for r, k in reference_keys(library, name, settings) if r.description]
        vectors = library.vectors(mark, [key for _, key in spoken])
        for reference, key in spoken:
            rows.setdefault((mark, key, reference.description), (vectors[key], reference.group))
    stacked = np.stack([v for v, _ in rows.values()]) if rows else np.zeros((0, encoder.dim))
    return stacked, [text for _, _, text in rows], [group for _, group in rows.values()]


def write_bridge(path: Path, bridge: "Bridge") -> None:
    """Write a bridge as a group of float32 arrays."""
    from napari_qualify.embed.bridge import ARRAYS

    disk.write_group(path, {_RECORD: bridge.record})
    for name in ARRAYS:
        values = np.asarray(getattr(bridge, name), np.float32)
        array = zarr.create_array(
            path / name, shape=values.shape, dtype="float32", chunks=values.shape, compressors=None
        )
        array[...] = values


def read_bridge(path: Path, sha256: str) -> "Bridge":
    """Read what `write_bridge` wrote.

    Raises
    ------
    LibraryError
        When it is missing, damaged or another.
    """
    from napari_qualify.embed.bridge import ARRAYS, Bridge

    try:
        record = disk.read_attributes(path)[_RECORD]
        arrays = {n: np.asarray(zarr.open_array(path / n, mode="r")[...]) for n in ARRAYS}
        found = Bridge(**arrays, record=record)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, EncoderError) as error:
        raise LibraryError(f"{path}: the bridge is damaged ({error}).") from error
    if found.sha256 != sha256:
        raise LibraryError(f"{path}: the bridge is not the one that was stored.")
    return found
