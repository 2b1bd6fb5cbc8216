"""Phases by thresholds: multi-Otsu on the grey values, phases from dark to bright."""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.filters import threshold_multiotsu

from napari_qualify.errors import SegmentationError, UsageError
from napari_qualify.progress import Progress, silent
from napari_qualify.segment.phases import Phases
from napari_qualify.segment.regions import merge_small

if TYPE_CHECKING:
    from napari_qualify.micrograph import Micrograph

MAX_PHASES = 5
"""scikit-image searches all sets of thresholds: 256^5 / 5! for six classes."""

_REVISION = 1  # of the algorithm, for the fingerprint; raise it when results change


@dataclass(frozen=True)
class ThresholdSegmenter:
    """Segment by multi-Otsu thresholds (Liao, Chen and Chung 2001).

    The thresholds are those that maximise the variance between the classes of
    the micrograph's own grey-value histogram. As it stands the method halves a
    common phase rather than find a rare one, so the counts are first raised to
    the power of `balance`. Every phase that is named is found, also in a
    micrograph that lacks it. `made_by` then has a note, since
    one class is the flank of another in the histogram: name fewer phases, or
    give thresholds that were found on a micrograph with all of them.

    Attributes
    ----------
    phases : tuple of str
        2 to 5 phase names from dark to bright; they get the values 1, 2, ...
    smoothing_um : float or None
        Standard deviation of a Gaussian before the thresholds, in micrometres;
        used when the micrograph is calibrated.
    smoothing_px : float
        The same in pixels, when it is not or `smoothing_um` is None; 0 for none.
    min_area_um2 : float or None
        Connected regions under this area in square micrometres are given to
        the phases around them; used when the micrograph is calibrated.
    min_area_px : float
        The same in pixels, when it is not or `min_area_um2` is None; 0 or 1
        for none.
    balance : float
        Exponent of the histogram's counts, 0 to 1: 1 is plain Otsu, less gives
        rare phases more say. 0.25 is the best of seven on 30 rendered
        micrographs with 0.1 to 5 % of pores: it mistook the matrix for pores
        on 7, plain Otsu on 23.
    thresholds : tuple of float or None
        Fixed thresholds in 8-bit grey values, ascending, one fewer than phases;
        a grey value equal to a threshold belongs to the darker phase. None
        finds them on each micrograph.

    Raises
    ------
    UsageError
        For wrong phase names or thresholds, or a negative size.
    """

    phases: tuple[str, ...] = ("pore", "matrix", "carbide")
    smoothing_um: float | None = None
    smoothing_px: float = 1.0
    min_area_um2: float | None = None
    min_area_px: float = 9.0
    balance: float = 0.25
    thresholds: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        names = (self.phases,) if isinstance(self.phases, str) else tuple(self.phases)
        names = tuple(str(name).strip() for name in names)
        object.__setattr__(self, "phases", names)
        if not 2 <= len(names) <= MAX_PHASES or len(set(names)) < len(names) or not all(names):
            raise UsageError(
                f"Thresholds need 2 to {MAX_PHASES} different phase names from dark to "
                f"bright, for example pore, matrix, carbide; not {', '.join(names)!r}."
            )
        for key in ("smoothing_um", "smoothing_px", "min_area_um2", "min_area_px"):
            value = getattr(self, key)
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise UsageError(f"{key} is {value}; give 0 (none) or a positive number.")
        if not 0 <= self.balance <= 1:
            raise UsageError(f"balance is {self.balance}; give a number from 0 to 1.")
        if self.thresholds is not None:
            given = tuple(float(t) for t in self.thresholds)
            object.__setattr__(self, "thresholds", given)
            in_order = given == tuple(sorted(set(given))) and all(0 <= t < 255 for t in given)
            if len(given) != len(names) - 1 or not in_order:
                raise UsageError(
                    f"thresholds are {given}; give {len(names) - 1} ascending grey values "
                    f"from 0 to below 255, one between each two of {', '.join(names)}."
                )

    @property
    def names(self) -> dict[int, str]:
        """Name of each label value."""
        return dict(enumerate(self.phases, start=1))

    @property
    def pixel_size_um(self) -> float | None:
        """Pixel size that the segmenter expects: any, so None."""
        return None

    @property
    def fingerprint(self) -> str:
        """SHA-256 in hex over method, parameters and revision of the algorithm."""
        content = json.dumps([type(self).__name__, _REVISION, asdict(self)], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()

    def predict(
        self,
        micrograph: "Micrograph",
        progress: Progress = silent,
        *,
        probabilities: bool = False,
    ) -> Phases:
        """Find the phases of a micrograph.

        Grey values are those of the micrograph's intensity policy in 8 bits;
        colour counts by its luminance (ITU-R BT.601).

        Parameters
        ----------
        micrograph : Micrograph
        progress : Progress, optional
            Called between the steps; raise Cancelled in it to stop.
        probabilities : bool, optional
            Changes nothing: thresholds have none.

        Returns
        -------
        Phases
            `made_by` has the parameters, the sizes used in pixels, and the
            thresholds in 8-bit grey values.

        Raises
        ------
        SegmentationError
            When there are fewer grey levels than phases, or the smoothing is
            wider than the micrograph.
        """
        sigma, min_area = self._in_pixels(micrograph.pixel_size_um)
        if 4 * sigma > max(micrograph.shape):
            raise SegmentationError(
                f"{micrograph.name}: a smoothing of {sigma:g} px is as wide as the micrograph; "
                "choose less, or check the pixel size."
            )
        progress("segment", 0, 3)
        grey = _grey(micrograph.to_uint8())
        if self.thresholds is None:  # here too: smoothing makes levels out of two
            self._check_levels(np.bincount(grey.ravel(), minlength=256), micrograph.name)
        smooth = ndimage.gaussian_filter(grey.astype(np.float32), sigma) if sigma else grey
        progress("segment", 1, 3)
        levels = _round(smooth)
        counts = np.bincount(levels.ravel(), minlength=256)
        thresholds = self._find_thresholds(counts, micrograph.name)
        table = np.searchsorted(thresholds, np.arange(256), side="left").astype(np.uint8) + 1
        labels = table[levels]
        progress("segment", 2, 3)
        labels = merge_small(labels, min_area)
        progress("segment", 3, 3)
        return Phases(
            labels=labels,
            names=self.names,
            pixel_size_um=micrograph.pixel_size_um,
            source=micrograph.content_hash,
            made_by={
                **self._made_by(thresholds, sigma, min_area),
                "display_limits": _plain_limits(micrograph.display_limits()),
                "notes": self._notes(counts, thresholds),
            },
            image=micrograph.name,
        )

    def save(self, folder: str | Path, *, overwrite: bool = False) -> Path:
        """Write a model folder; see `napari_qualify.segment.model_folder`."""
        from napari_qualify.segment.model_folder import write_model

        record: dict[str, Any] = {
            "kind": "threshold",
            "architecture": "multi-Otsu thresholds",
            "parameters": asdict(self),
            "phases": self.names,
            "pixel_size_um": None,
            "intensity": "the micrograph's own policy, to 8 bits",
            "training": {"images": []},
            "metrics": {},
            "fingerprint": self.fingerprint,
        }
        return write_model(folder, record, {}, overwrite=overwrite)

    @classmethod
    def from_model(
        cls, record: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]
    ) -> "ThresholdSegmenter":
        """Segmenter of a model folder's record; it has no weights."""
        return cls(**record["parameters"])

    def _in_pixels(self, pixel_size_um: float | None) -> tuple[float, float]:
        sigma, min_area = self.smoothing_px, self.min_area_px
        if pixel_size_um is not None:
            if self.smoothing_um is not None:
                sigma = self.smoothing_um / pixel_size_um
            if self.min_area_um2 is not None:
                min_area = self.min_area_um2 / pixel_size_um**2
        return sigma, min_area

    def _find_thresholds(self, counts: NDArray[np.intp], name: str) -> NDArray[np.float64]:
        if self.thresholds is not None:
            return np.array(self.thresholds)
        self._check_levels(counts, name)
        weights = np.where(counts > 0, counts.astype(np.float64) ** self.balance, 0.0)
        histogram = weights, np.arange(256.0)
        found = threshold_multiotsu(classes=len(self.phases), hist=histogram)  # type: ignore[no-untyped-call]
        return np.asarray(found, np.float64)

    def _check_levels(self, counts: NDArray[Any], name: str) -> None:
        levels = int(np.count_nonzero(counts))
        if levels < len(self.phases):
            raise SegmentationError(
                f"{name}: {levels} grey levels cannot be divided into {len(self.phases)} "
                f"phases ({', '.join(self.phases)}). Name at most {levels} phases, smooth "
                "less, or give another micrograph."
            )

    def _notes(self, counts: NDArray[np.intp], thresholds: NDArray[np.float64]) -> list[str]:
        """What speaks against the thresholds: classes that are the flank of another."""
        if self.thresholds is not None:
            return []
        smooth = ndimage.gaussian_filter1d(counts.astype(np.float64), 2.0)
        cuts = [-1, *(int(t) for t in thresholds), 255]
        peaks = [smooth[a + 1 : b + 1].max() for a, b in pairwise(cuts)]
        return [
            f"{dark} and {bright} are one peak of the grey values: one of them may be absent"
            for dark, bright, cut, peak in zip(
                self.phases, self.phases[1:], cuts[1:], map(min, pairwise(peaks)), strict=False
            )
            if smooth[cut] > peak
        ]

    def _made_by(
        self, thresholds: Iterable[float], sigma: float, min_area: float
    ) -> dict[str, Any]:
        return {
            "segmenter": type(self).__name__,
            "parameters": json.loads(json.dumps(asdict(self))),  # lists for tuples
            "smoothing_used_px": float(sigma),
            "min_area_used_px": float(min_area),
            "thresholds": [float(t) for t in thresholds],
            "thresholds_in": "8-bit grey values",
            "fingerprint": self.fingerprint,
            "software": f"napari-qualify {_software_version()}",
        }


def _grey(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if image.ndim == 2:
        return image
    return _round(image @ np.array([0.299, 0.587, 0.114], np.float32))


def _round(grey: NDArray[Any]) -> NDArray[np.uint8]:
    return grey if grey.dtype == np.uint8 else np.asarray(np.rint(grey)).astype(np.uint8)


def _plain_limits(limits: tuple[float, float] | None) -> list[float] | None:
    return None if limits is None else [float(limits[0]), float(limits[1])]


def _software_version() -> str:
    try:
        return version("napari-qualify")
    except PackageNotFoundError:  # run from a source tree without an installation
        return "unknown"
