"""Vectors on their way into a library, a good many in one write."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from napari_qualify.embed.base import Encoder, Vectors
from napari_qualify.embed.settings import EmbedSettings, describe, fingerprint
from napari_qualify.library.sources import relative_path

if TYPE_CHECKING:
    from pathlib import Path

    from napari_qualify.embed.stream import Job
    from napari_qualify.library.store import Library

MOST = 512  # vectors in one write
SECONDS = 15.0  # work that a kill may lose


class Shelf:
    """Looks vectors up in a library and stores new ones.

    Used as a context manager: leaving it, however it is left, stores what is
    done.

    Parameters
    ----------
    library : Library or None
        Without one, vectors of this call are remembered in memory.
    encoder : Encoder
    settings : EmbedSettings
    digests : mapping of path to digest, optional
        Digests of the files, to be stored with the keys; looked at when a
        micrograph is done.
    """

    def __init__(
        self,
        library: "Library | None",
        encoder: Encoder,
        settings: EmbedSettings,
        digests: Mapping[str, str] | None = None,
    ) -> None:
        self._library = library
        self._mark, self._description = fingerprint(encoder, settings), describe(encoder, settings)
        self._precision = encoder.precision
        self._digests = digests or {}
        self._jobs: list[Job] = []
        self._files: dict[str, str] = {}
        self._held: dict[str, Vectors] = {}
        self._stored_at = time.monotonic()

    def __enter__(self) -> "Shelf":
        return self

    def __exit__(self, *_: object) -> None:
        self.store()

    def get(self, key: str) -> Vectors | None:
        """Vector of a key, if it is known."""
        # Asked by the thread that reads ahead: one look, since a write empties it.
        held = self._held.get(key)
        if held is not None or self._library is None:
            return held
        return self._library.vectors(self._mark, [key]).get(key)

    def put(self, job: "Job", new: bool) -> None:
        """Take a job that is done; store when enough are there."""
        assert job.vector is not None
        digest = self._digests.get(job.path, "")
        if digest:
            self._files[digest] = job.key
        if new:
            self._held[job.key] = job.vector
        if self._library is None:
            return
        if new:
            self._jobs.append(job)
        if len(self._jobs) >= MOST or time.monotonic() - self._stored_at > SECONDS:
            self.store()

    def store(self) -> None:
        """Write what is done into the library."""
        if self._library is not None and (self._jobs or self._files):
            folder = self._library.path.parent
            self._library.store_vectors(
                self._mark,
                self._description,
                [job.key for job in self._jobs],
                np.stack([job.vector for job in self._jobs if job.vector is not None])
                if self._jobs
                else self._empty(),
                self._precision,
                images=[_named(job, folder) for job in self._jobs],
                shapes=[job.shape for job in self._jobs],
                tiles=[np.stack(job.tiles) for job in self._jobs],
                files=self._files,
            )
            self._jobs, self._files, self._held = [], {}, {}
        self._stored_at = time.monotonic()

    def _empty(self) -> Vectors:
        """No vectors, of the length that those of the files have."""
        key = next(iter(self._files.values()))
        vector = self.get(key)
        assert vector is not None  # its job was done
        return np.empty((0, len(vector)), dtype=np.float32)


def _named(job: "Job", folder: "Path") -> str:
    """Path relative to the library's folder when it is inside, else the name."""
    from pathlib import Path

    path = relative_path(Path(job.path), folder) if job.path else None
    return job.name if path is None or path.startswith("../") else path
