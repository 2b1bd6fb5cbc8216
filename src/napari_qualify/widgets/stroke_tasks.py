"""Learning phases from strokes, and what is kept between two strokes; free of Qt and napari.

Runs in a worker's thread, or in a test.
"""

import hashlib
import threading
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_qualify.errors import SegmentationError
from napari_qualify.progress import Progress
from napari_qualify.segment.phases import label_values
from napari_qualify.widgets.segment_tasks import Segmented, measured
from napari_qualify.widgets.sources import LayerSource

if TYPE_CHECKING:
    from napari_qualify.micrograph import Micrograph
    from napari_qualify.segment.phases import Phases

Region = tuple[int, int, int, int]

LIVE_PIXELS = 1 << 20
"""Most pixels that are predicted while the user paints."""

WAIT = 0.05
"""Seconds between two looks for a cancel while another thread learns."""

LIVE_SIDE = 64
"""Least side of what is predicted, however near the user looks."""


@dataclass(frozen=True, eq=False)
class Painted:
    """Strokes on an image, as they were when the request was made.

    Attributes
    ----------
    image : LayerSource
    strokes : ndarray of int, shape (Y, X)
        Label values of phases; 0 is unpainted.
    """

    image: LayerSource
    strokes: NDArray[Any]


@dataclass(frozen=True, eq=False)
class Live:
    """Phases of a region, for a glance.

    Attributes
    ----------
    uid : str
        Of the image layer.
    region : tuple of (y, x, height, width)
    phases : Phases
        Of the region's shape.
    uncertainty : ndarray of float32, shape (height, width), or None
    seconds : float
        For reading, training and prediction together.
    trained : bool
        False when the strokes were those of the last time.
    whole_view : bool
        Whether all of what is in view was predicted.
    """

    uid: str
    region: Region
    phases: "Phases"
    uncertainty: NDArray[np.float32] | None
    seconds: float
    trained: bool
    whole_view: bool


@dataclass
class _Read:
    source: LayerSource
    state: tuple[Any, ...]
    micrograph: "Micrograph"


@dataclass(eq=False)
class StrokeModel:
    """Learns phases from strokes; keeps what it has read and learned.

    Attributes
    ----------
    segmenter : ScribbleSegmenter or None
        Of the last strokes.
    """

    segmenter: Any = None
    _digest: bytes = b""
    _store: Any = None
    _micrographs: dict[str, _Read] = field(default_factory=dict)
    _lock: Any = field(default_factory=threading.Lock)

    def live(
        self,
        painted: Sequence[Painted],
        names: Mapping[int, str],
        uid: str,
        region: Region | None,
        uncertainty: bool,
        progress: Progress,
    ) -> Live:
        """Learn the strokes and predict a region of one of the images.

        Parameters
        ----------
        painted : sequence of Painted
        names : mapping of int to str
            Phases; other values in the strokes do not count.
        uid : str
            Which image to predict.
        region : tuple of (y, x, height, width), optional
            What the user sees; cut to `LIVE_PIXELS` around its middle.
        uncertainty : bool
            Whether to find it too.
        progress : Progress
        """
        start = time.perf_counter()
        with self._turn(progress):
            trained = self._train(painted, names, progress)
            source = next(one.image for one in painted if one.image.uid == uid)
            micrograph = self._micrograph(source)
            part = live_region(region, micrograph.shape)
            phases = self.segmenter.predict(
                micrograph, progress, region=part, probabilities=uncertainty, store=self._store
            )
            found = phases.uncertainty() if uncertainty else None
        seconds = time.perf_counter() - start
        seen = region or (0, 0, *micrograph.shape)
        whole = part[2] >= seen[2] and part[3] >= seen[3]
        return Live(uid, part, phases, found, seconds, trained, whole)

    def whole(
        self,
        painted: Sequence[Painted],
        names: Mapping[int, str],
        source: LayerSource,
        progress: Progress,
    ) -> Segmented:
        """Learn the strokes and segment a whole image, painted on or not."""
        with self._turn(progress):
            self._train(painted, names, progress)
            micrograph = self._micrograph(source)
            phases = self.segmenter.predict(micrograph, progress, store=self._store)
        return measured(phases, progress)

    def save(
        self, painted: Sequence[Painted], names: Mapping[int, str], folder: str, progress: Progress
    ) -> Path:
        """Learn the strokes and write the model folder; one that is there is replaced."""
        with self._turn(progress):
            self._train(painted, names, progress)
            target = Path(folder)
            return Path(self.segmenter.save(target, overwrite=target.exists()))

    @contextmanager
    def _turn(self, progress: Progress) -> Iterator[None]:
        """Wait for another thread that learns; a cancel ends the wait."""
        while not self._lock.acquire(timeout=WAIT):
            progress("waiting for the last one to end", 0, 0)
        try:
            yield
        finally:
            self._lock.release()

    def _train(
        self, painted: Sequence[Painted], names: Mapping[int, str], progress: Progress
    ) -> bool:
        """Learn, unless the strokes are those of the last time."""
        pairs_of, found = [], {}
        for one in painted:
            strokes = _only(one.strokes, names)
            values = [value for value in label_values(strokes) if value]
            if values:
                pairs_of.append((one.image, strokes))
                found |= {value: names[value] for value in values}
        if len(found) < 2:
            raise SegmentationError(
                "Paint strokes of at least two phases: choose a phase in the list, and draw "
                "over pixels that belong to it."
            )
        progress("reading", 0, 0)
        pairs = [(self._micrograph(image), strokes) for image, strokes in pairs_of]
        digest = _digest(pairs, found)
        if self.segmenter is not None and digest == self._digest:
            return False
        from napari_qualify.segment.scribbles import FeatureStore, train_scribbles

        if self._store is None:
            self._store = FeatureStore()
        self.segmenter = train_scribbles(
            pairs, dict(sorted(found.items())), store=self._store, progress=progress
        )
        self._digest = digest
        return True

    def _micrograph(self, source: LayerSource) -> "Micrograph":
        from napari_qualify.micrograph import read

        level = source.data[0] if source.multiscale else source.data
        known = self._micrographs.get(source.uid)
        # The array itself is held by the source, so that its id stays its own.
        state = (id(level), source.scale, source.units, checksum(level))
        if known is None or known.state != state:
            known = _Read(source, state, read(source))
            self._micrographs[source.uid] = known
        return known.micrograph

    def forget(self, open_uids: set[str]) -> None:
        """Let go of images that are no longer open."""
        for uid in set(self._micrographs) - open_uids:
            self._micrographs.pop(uid, None)


def live_region(region: Region | None, shape: tuple[int, int]) -> Region:
    """Cut what is seen to what can be predicted at once, around its middle.

    Parameters
    ----------
    region : tuple of (y, x, height, width), optional
        All of the image by default.
    shape : tuple of (height, width)
        Of the image.

    Returns
    -------
    (y, x, height, width) : tuple of int
        Inside the image.
    """
    y, x, height, width = region or (0, 0, *shape)
    shrink = min(1.0, (LIVE_PIXELS / (height * width)) ** 0.5)
    sides = [
        min(full, max(LIVE_SIDE, int(side * shrink)))
        for side, full in zip((height, width), shape, strict=True)
    ]
    starts = [
        min(max(0, start + (side - new) // 2), full - new)
        for start, side, new, full in zip((y, x), (height, width), sides, shape, strict=True)
    ]
    return starts[0], starts[1], sides[0], sides[1]


def _only(strokes: NDArray[Any], names: Mapping[int, str]) -> NDArray[np.uint8]:
    """Strokes of the named phases; a phase that was taken off the list is unpainted."""
    table = np.zeros(max(256, int(strokes.max()) + 1), np.uint8)
    table[list(names)] = list(names)
    return table[strokes]


def _digest(pairs: Sequence[tuple["Micrograph", NDArray[Any]]], names: Mapping[int, str]) -> bytes:
    digest = hashlib.sha256(repr(sorted(names.items())).encode())
    for micrograph, strokes in pairs:
        digest.update(micrograph.key.encode())
        digest.update(np.ascontiguousarray(strokes).data.cast("B"))
    return digest.digest()


def checksum(array: Any) -> int:
    """Number that changes with pixels in memory; those on disk are taken as they are."""
    if not isinstance(array, np.ndarray):
        return 0
    return zlib.crc32(np.ascontiguousarray(array).data.cast("B"))
