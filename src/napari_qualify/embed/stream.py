"""Micrographs to vectors as a stream: reading and resampling ahead of the encoder.

A thread opens micrographs and cuts their tiles while the encoder works. Tiles
of several micrographs share a batch: a vector may differ with what else was in
it by the rounding of the arithmetic at most.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_qualify.embed.base import Encoder, Vectors
from napari_qualify.embed.settings import EmbedSettings, tile_pixels
from napari_qualify.embed.tiles import cut_tiles, tile_boxes
from napari_qualify.embed.views import Picture
from napari_qualify.progress import Progress

if TYPE_CHECKING:
    from napari_qualify.micrograph import Micrograph
    from napari_qualify.segment.phases import Phases

PIECE = 8  # tiles handed over together
AHEAD = 12  # pieces that wait for the encoder at most

T = TypeVar("T")


@dataclass(eq=False)
class Job:
    """One micrograph on its way to a vector.

    Attributes
    ----------
    name, key : str
    shape : tuple of int
        Height and width in pixels.
    path : str
        Of its file; empty without one.
    notes : tuple of str
    count : int
        Tiles; 0 when nothing is to be encoded.
    tiles : list of ndarray of float32, shape (d,)
        Vectors of the tiles that are done.
    vector : ndarray of float32, shape (d,), or None
        Known from the store, or once all tiles are done.
    """

    name: str
    key: str
    shape: tuple[int, int]
    path: str
    notes: tuple[str, ...]
    count: int = 0
    tiles: list[Vectors] = field(default_factory=list)
    vector: Vectors | None = None

    def add(self, vector: Vectors) -> None:
        """Take the vector of the next tile; pool them after the last."""
        self.tiles.append(vector)
        if len(self.tiles) == self.count:
            pooled = np.mean(self.tiles, axis=0)
            self.vector = np.asarray(
                pooled / max(float(np.linalg.norm(pooled)), 1e-12), dtype=np.float32
            )


@dataclass(frozen=True, eq=False)
class Piece:
    """Some tiles of a job; without tiles where the vector is known."""

    job: Job
    images: list[NDArray[np.uint8]]


def pieces(
    micrograph: "Micrograph",
    phases: "Phases | None",
    key: str,
    encoder: Encoder,
    settings: EmbedSettings,
) -> Iterator[Piece]:
    """Cut the tiles of a micrograph that is to be encoded."""
    picture = Picture(micrograph, phases, settings.view_name, settings.phase)
    side, notes = tile_pixels(micrograph, settings)
    boxes = tile_boxes(micrograph.shape, side, settings.overlap)
    job = job_of(micrograph, key, tuple(notes), len(boxes))
    cut = cut_tiles(picture, boxes, encoder.side, encoder.resampling)
    for start in range(0, len(boxes), PIECE):
        yield Piece(job, [next(cut) for _ in range(min(PIECE, len(boxes) - start))])


def job_of(micrograph: "Micrograph", key: str, notes: tuple[str, ...], count: int = 0) -> Job:
    """Job of a micrograph, without its pixels."""
    whole = micrograph.path is not None and micrograph.region is None
    path = str(micrograph.path) if whole else ""
    return Job(micrograph.name, key, micrograph.shape, path, notes, count)


def encode_stream(
    stream: Iterable[Piece], encoder: Encoder, report: Progress, total: int = 0
) -> Iterator[Job]:
    """Encode pieces in full batches; yield the jobs in order, each with its vector.

    Parameters
    ----------
    stream : iterable of Piece
    encoder : Encoder
    report : callable
        Called before each batch; what it raises ends the stream.
    total : int, optional
        Micrographs, for the report; 0 when unknown.
    """
    waiting: deque[Job] = deque()
    tiles: deque[tuple[Job, NDArray[np.uint8]]] = deque()
    done = 0

    def encode(count: int) -> None:
        report("embedding", done, max(total, done + len(waiting)))
        first = tiles[0][0]
        if first.count > count:
            report("encoding tiles", len(first.tiles), first.count)
        some = [tiles.popleft() for _ in range(count)]
        vectors = encoder.encode_images([image for _, image in some])
        for (job, _), vector in zip(some, vectors, strict=True):
            job.add(vector)

    for piece in read_ahead(iter(stream), AHEAD):
        if not waiting or waiting[-1] is not piece.job:
            waiting.append(piece.job)
        tiles.extend((piece.job, image) for image in piece.images)
        while len(tiles) >= encoder.batch:
            encode(encoder.batch)
        while waiting and (waiting[0].vector is not None or not waiting[0].count):
            done += 1
            yield waiting.popleft()
    if tiles:
        encode(len(tiles))
    while waiting:
        done += 1
        yield waiting.popleft()
    report("embedding", done, max(total, done))


def read_ahead(items: Iterator[T], depth: int) -> Iterator[T]:
    """Yield what an iterator gives, made by a thread up to `depth` items ahead.

    What the iterator raises is raised here, in its place.
    """
    end: Any = object()
    step: Callable[[], Any] = lambda: next(items, end)  # noqa: E731
    pool = ThreadPoolExecutor(1, thread_name_prefix="pictures")
    coming: deque[Future[Any]] = deque(pool.submit(step) for _ in range(depth))
    try:
        while (item := coming.popleft().result()) is not end:
            coming.append(pool.submit(step))
            yield item
    finally:
        pool.shutdown(cancel_futures=True)
