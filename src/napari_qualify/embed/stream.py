"""Micrographs to vectors as a stream: threads read and cut, the encoder gets full batches.

Tiles of several micrographs share a batch: a vector may differ with what else
was in it by the rounding of the arithmetic at most.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_qualify.embed.base import Encoder, Vectors
from napari_qualify.embed.settings import EmbedSettings, tile_pixels
from napari_qualify.embed.tiles import cut_for, tile_boxes
from napari_qualify.embed.views import Picture
from napari_qualify.progress import Progress

if TYPE_CHECKING:
    from napari_qualify.micrograph import Micrograph
    from napari_qualify.segment.phases import Phases

HELD = 64
"""Tiles that are cut ahead of the encoder; a micrograph with more is opened again for them."""

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
class Prepared:
    """A micrograph made ready: its tiles, or how to cut them one by one."""

    job: Job
    images: list[NDArray[np.uint8]] = field(default_factory=list)
    cuts: Callable[[], Iterator[Callable[[], NDArray[np.uint8]]]] | None = None


def job_of(micrograph: "Micrograph", key: str, settings: EmbedSettings, count: int = 0) -> Job:
    """Job of a micrograph, without its pixels."""
    whole = micrograph.path is not None and micrograph.region is None
    path = str(micrograph.path) if whole else ""
    notes = tuple(tile_pixels(micrograph, settings)[1])
    return Job(micrograph.name, key, micrograph.shape, path, notes, count)


def prepare(
    micrograph: "Micrograph",
    phases: "Phases | None",
    key: str,
    encoder: Encoder,
    settings: EmbedSettings,
    again: Callable[[], "Micrograph"],
) -> Prepared:
    """Cut the tiles of a micrograph that is to be encoded, unless they are many.

    `again` opens the micrograph once more, so that its pixels need not be kept
    until the encoder comes to it.
    """
    boxes = tile_boxes(micrograph.shape, tile_pixels(micrograph, settings)[0], settings.overlap)
    job = job_of(micrograph, key, settings, len(boxes))
    if len(boxes) > HELD:

        def cuts() -> Iterator[Callable[[], NDArray[np.uint8]]]:
            picture = Picture(again(), phases, settings.view_name, settings.phase)
            for box in boxes:
                one = cut_for(encoder, picture, box[np.newaxis])
                yield partial(next, one)

        return Prepared(job, cuts=cuts)
    picture = Picture(micrograph, phases, settings.view_name, settings.phase)
    return Prepared(job, list(cut_for(encoder, picture, boxes)))


def encode_stream(
    calls: Iterable[Callable[[], Prepared | None]],
    encoder: Encoder,
    report: Progress,
    total: int = 0,
) -> Iterator[Job]:
    """Encode in full batches; yield the jobs in order, each with its vector.

    A job whose key came before has no vector: that of the first is its own.

    Parameters
    ----------
    calls : iterable of callable
        Each makes a micrograph ready, in a thread; None is passed over.
    encoder : Encoder
    report : callable
        Called before each batch; what it raises ends the stream.
    total : int, optional
        Micrographs, for the report; 0 when unknown.
    """
    waiting: deque[Job] = deque()
    tiles: deque[tuple[Job, NDArray[np.uint8]]] = deque()
    begun: set[str] = set()
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

    with _threads() as pool:
        for one in in_parallel(pool, iter(calls), encoder.batch):
            if one is None:
                continue
            waiting.append(one.job)
            if one.job.key in begun:
                one.job.count = 0
                continue
            begun.add(one.job.key)
            for image in one.images if one.cuts is None else in_parallel(pool, one.cuts(), HELD):
                tiles.append((one.job, image))
                if len(tiles) >= encoder.batch:
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


@contextmanager
def _threads() -> Iterator[ThreadPoolExecutor]:
    """As many threads as cores, 2 to 8; what has not begun when it ends never does."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    pool = ThreadPoolExecutor(min(8, max(2, cores or 2)), thread_name_prefix="pictures")
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def in_parallel(
    pool: ThreadPoolExecutor, calls: Iterator[Callable[[], T]], depth: int
) -> Iterator[T]:
    """Results of calls in their order, `depth` at a time by the threads of a pool.

    What a call raises is raised here, in its place. Where the encoder keeps all
    cores busy, the next calls begin only when all results are taken: threads
    that work beside it would make each of its own wait for the slowest.
    """
    spare = _spare_cores()
    coming: deque[Future[T]] = deque()
    while True:
        if spare or not coming:
            some = islice(calls, depth - len(coming))
            coming.extend(pool.submit(call) for call in some)
        if not coming:
            return
        yield coming.popleft().result()


def _spare_cores() -> bool:
    """Whether the processor has cores that the encoder's arithmetic leaves free."""
    import torch

    return (os.cpu_count() or 1) > torch.get_num_threads()
