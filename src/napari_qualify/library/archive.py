"""What a library keeps beside criteria and references.

Settings, log, embeddings, phases and assessments.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_qualify.errors import LibraryError, UsageError
from napari_qualify.library import columns
from napari_qualify.library.embedding_input import checked
from napari_qualify.library.embeddings import Embeddings
from napari_qualify.library.jsontext import canonical, digest, plain
from napari_qualify.library.state import State
from napari_qualify.library.transaction import ASSESSMENTS, LOG

if TYPE_CHECKING:
    from pandas import DataFrame

    from napari_qualify.decide.verdict import Assessment
    from napari_qualify.micrograph import Micrograph
    from napari_qualify.segment.phases import Phases


class Archive:
    """The base of `Library`.

    Attributes
    ----------
    path : Path
        Folder of the library.
    """

    def __init__(self, path: Path, lock_seconds: float) -> None:
        self.path = path
        self._state = State(path, lock_seconds)
        self._embeddings = Embeddings(path)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"

    @property
    def encoder(self) -> str:
        """Specification of the encoder, for example 'lite'."""
        return self._state.fresh().encoder

    @property
    def settings(self) -> dict[str, Any]:
        """Free settings: JSON types by name."""
        return dict(self._state.fresh().settings)

    def update_settings(self, **values: Any) -> None:
        """Set or replace settings; None removes one."""
        values = plain(values)
        with self._state.write() as write:
            merged = write.manifest.settings | values
            write.change(settings={k: v for k, v in merged.items() if v is not None})
            write.record("update_settings", values)

    @property
    def version(self) -> str:
        """Changes with any criterion or reference; does not depend on their order."""
        return self._state.fresh().version

    @property
    def log(self) -> list[dict[str, Any]]:
        """Entries of the log, oldest first."""
        texts = columns.texts(self.path / LOG, self._state.fresh().log)
        return [json.loads(text) for text in texts]

    def verify(self) -> list[str]:
        """Check everything: log, records, images, lengths.

        Returns
        -------
        list of str
            A sentence per problem; empty when all is well.
        """
        from napari_qualify.library.verify import verify

        while True:
            manifest = self._state.fresh()
            problems = verify(self.path, manifest)
            if not problems or self._state.fresh() is manifest:
                return problems  # else somebody wrote while it was read: look again

    def fingerprints(self) -> dict[str, dict[str, Any]]:
        """What each fingerprint with embeddings stands for."""
        return {name: self._embeddings.description(name) for name in self._state.fresh().embeddings}

    def vectors(self, fingerprint: str, keys: Iterable[str]) -> dict[str, NDArray[np.float32]]:
        """Stored vectors, float32 of shape (d,), of those `keys` that are stored."""
        with self._state.guard:
            return self._embeddings.vectors(fingerprint, keys, self._state.fresh())

    def precisions(self, fingerprint: str, keys: Iterable[str]) -> dict[str, str]:
        """Precision ('fp32', 'bf16', 'fp16', 'int8') of those `keys` that are stored."""
        with self._state.guard:
            return self._embeddings.precisions(fingerprint, keys, self._state.fresh())

    def tile_vectors(self, fingerprint: str, keys: Iterable[str]) -> dict[str, NDArray[np.float32]]:
        """Vectors of the tiles, float32 of shape (n, d), row by row over the micrograph.

        Of those `keys` that are stored with more than one tile.
        """
        with self._state.guard:
            return self._embeddings.tiles(fingerprint, keys, self._state.fresh())

    def embedded(self, fingerprint: str) -> "DataFrame":
        """All micrographs with a vector under a fingerprint, in the order of storage.

        Returns
        -------
        DataFrame
            key, image (path relative to the folder that holds the library, or
            a layer's name; empty when unknown), height and width in pixels (0
            when unknown), tiles, precision.
        """
        with self._state.guard:
            return self._embeddings.table(fingerprint, self._state.fresh())

    def embedded_files(self, fingerprint: str) -> dict[str, str]:
        """Keys of the files that were embedded under a fingerprint, by their digests."""
        with self._state.guard:
            return dict(self._embeddings.files(fingerprint, self._state.fresh()))

    def store_vectors(
        self,
        fingerprint: str,
        description: Mapping[str, Any],
        keys: Sequence[str],
        vectors: Any,
        precision: str = "fp32",
        *,
        images: Sequence[str] = (),
        shapes: Sequence[tuple[int, int]] = (),
        tiles: Sequence[Any] = (),
        files: Mapping[str, str] | None = None,
    ) -> int:
        """Store vectors; a key that is stored already keeps its first vector.

        Parameters
        ----------
        fingerprint : str
        description : mapping
            What it stands for; JSON types, equal at every call.
        keys : sequence of str
        vectors : array, shape (n, d)
            Finite; stored as float32.
        precision : {'fp32', 'bf16', 'fp16', 'int8'}
            What they were computed in.
        images : sequence of str, optional
            Names, or paths relative to the folder that holds the library.
        shapes : sequence of (int, int), optional
            Height and width in pixels.
        tiles : sequence of array, shape (t, d), optional
            Vectors of the tiles of each; kept where there is more than one.
        files : mapping of digest to key, optional
            Files that need not be read again to know their key.

        Returns
        -------
        int
            How many were new.
        """
        new = checked(
            fingerprint, description, keys, vectors, precision, images, shapes, tiles, files
        )
        with self._state.write() as write, self._state.guard:
            return self._embeddings.store(write, new)

    def save_phases(self, micrograph: "Micrograph", phases: "Phases") -> None:
        """Keep the phases of a micrograph, in place of earlier ones.

        Raises
        ------
        UsageError
            When they are not of its shape.
        """
        from napari_qualify.library import phase_images

        if phases.labels.shape != tuple(micrograph.shape):
            raise UsageError(
                f"{micrograph.name}: its phases have shape {phases.labels.shape}, the micrograph "
                f"has {tuple(micrograph.shape)}"
            )
        key = micrograph.content_hash
        with self._state.write() as write:
            node = f"{key[:16]}-{write.revision:06d}"
            phase_images.save(write.node(f"phases/{node}"), phases)
            write.change(phases=write.manifest.phases | {key: node})
            data = {"micrograph": key, "phases": phases.content_hash, "made_by": phases.made_by}
            write.record("save_phases", data)

    def load_phases(self, content_hash: str) -> "Phases | None":
        """Phases of the micrograph with this content hash, or None."""
        from napari_qualify.library import phase_images

        while True:
            manifest = self._state.fresh()
            node = manifest.phases.get(content_hash)
            if node is None:
                return None
            try:
                return phase_images.load(self.path / "phases" / node)
            except LibraryError:
                if self._state.fresh() is manifest:  # it was not replaced while it was read
                    raise

    def add_assessments(self, assessments: Iterable["Assessment"]) -> None:
        """Append assessments; numbers that JSON lacks become null."""
        records = [plain(assessment.as_dict()) for assessment in assessments]
        if not records:
            return
        texts = [canonical(record) for record in records]
        with self._state.write() as write:
            start = write.manifest.assessments
            write.append(ASSESSMENTS, start, texts)
            write.change(assessments=start + len(texts))
            data = {
                "first": start,
                "count": len(texts),
                "images": [record["image"] for record in records],
                "sha256": digest(texts),
            }
            write.record("add_assessments", data)

    def assessments(self) -> list[dict[str, Any]]:
        """All assessments, oldest first, as `Assessment.as_dict` gave them."""
        texts = columns.texts(self.path / ASSESSMENTS, self._state.fresh().assessments)
        return [json.loads(text) for text in texts]
