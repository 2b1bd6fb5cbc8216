"""The classifier of pixels that strokes train: linear in frozen features."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_qualify.errors import SegmentationError
from napari_qualify.progress import Progress, silent
from napari_qualify.segment.levels import POLICY, Levels
from napari_qualify.segment.phases import Phases
from napari_qualify.segment.pixel_features import (
    DESCRIPTION,
    REVISION,
    FeatureStore,
    PatchFeatures,
    patch_features,
)

if TYPE_CHECKING:
    from napari_qualify.micrograph import Micrograph


@dataclass(frozen=True, eq=False)
class ScribbleSegmenter:
    """A classifier of pixels that was trained from strokes; made by `train_scribbles`.

    Attributes
    ----------
    weights : ndarray of float32, shape (classes, features)
    bias : ndarray of float32, shape (classes,)
        The logits of a pixel are ``weights @ features + bias``.
    names : dict of int to str
        Name of each label value; classes are in the order of the values.
    pixel_size_um : float or None
        Micrometres per pixel of the painted images; others are resampled to it.
    record : dict
        How it was trained, for `model.json`.
    tile, overlap, batch : int
        Side of the patches, what neighbours share, patches at a time.
    """

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    names: dict[int, str]
    pixel_size_um: float | None = None
    record: dict[str, Any] = field(default_factory=dict)
    tile: int = 512
    overlap: int = 128
    batch: int = 2

    @property
    def fingerprint(self) -> str:
        """SHA-256 in hex over coefficients, features, phases and scale."""
        content = [REVISION, DESCRIPTION, sorted(self.names.items()), self.pixel_size_um]
        digest = hashlib.sha256(json.dumps(content).encode())
        digest.update(np.ascontiguousarray(self.weights).data.cast("B"))
        digest.update(np.ascontiguousarray(self.bias).data.cast("B"))
        return digest.hexdigest()

    def predict(
        self,
        micrograph: "Micrograph",
        progress: Progress = silent,
        *,
        region: tuple[int, int, int, int] | None = None,
        probabilities: bool = False,
        store: FeatureStore | None = None,
    ) -> Phases:
        """Find the phases of a micrograph.

        Parameters
        ----------
        micrograph : Micrograph
            Resampled to the pixel size of the painted images when both are calibrated.
        progress : Progress, optional
            Called per batch of patches; raise Cancelled in it to stop.
        region : tuple of (y, x, height, width), optional
            In pixels: only this part, exactly as in the whole.
        probabilities : bool, optional
            Keep those of every class, for `Phases.uncertainty`.
        store : FeatureStore, optional
            Spares what was computed before.

        Returns
        -------
        Phases
        """
        from napari_qualify.segment.tiled import predict_phases

        levels = Levels.of(micrograph.to_uint8())
        return predict_phases(
            micrograph,
            BoundScribbles(
                self, levels, scene_of(micrograph), FeatureStore(0) if store is None else store
            ),
            made_by=self.made_by(),
            region=region,
            probabilities=probabilities,
            progress=progress,
        )

    def made_by(self) -> dict[str, Any]:
        """What phases record of this segmenter."""
        return {
            "segmenter": type(self).__name__,
            "features": DESCRIPTION,
            "fingerprint": self.fingerprint,
            "pixel_size_um": self.pixel_size_um,
            "intensity": POLICY,
            "training": self.record.get("training", {}),
        }

    def for_image(self, histogram: NDArray[np.int64]) -> "BoundScribbles":
        """Predictor for patches of an image with this histogram of luminance, shape (256,)."""
        return BoundScribbles(self, Levels.of_histogram(histogram), "", FeatureStore(0))

    def save(self, folder: str | Path, *, overwrite: bool = False) -> Path:
        """Write the model folder; see `napari_qualify.segment.model_folder`."""
        from napari_qualify.segment.model_folder import write_model

        record = {
            **self.record,
            "kind": "scribbles",
            "architecture": {"features": DESCRIPTION, "classifier": "logistic regression"},
            "phases": {str(value): name for value, name in self.names.items()},
            "pixel_size_um": self.pixel_size_um,
            "intensity": POLICY,
            "fingerprint": self.fingerprint,
        }
        tensors = {"weights": self.weights, "bias": self.bias}
        return write_model(Path(folder), record, tensors, overwrite=overwrite)

    @classmethod
    def from_model(
        cls, record: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]
    ) -> "ScribbleSegmenter":
        """Segmenter of a model folder's record and coefficients."""
        made = cls(
            weights=np.asarray(tensors["weights"], np.float32),
            bias=np.asarray(tensors["bias"], np.float32),
            names={int(v): str(n) for v, n in sorted(record["phases"].items(), key=_by_value)},
            pixel_size_um=record["pixel_size_um"],
            record=dict(record),
        )
        if made.fingerprint != record["fingerprint"]:
            raise SegmentationError(
                "the model was trained on other features than this version computes "
                f"({record.get('architecture', {}).get('features')}); paint and train it anew."
            )
        return made


def _by_value(item: tuple[str, str]) -> int:
    return int(item[0])


@dataclass(frozen=True, eq=False)
class BoundScribbles:
    """A segmenter with the grey levels and the stored features of one image."""

    segmenter: ScribbleSegmenter
    levels: Levels
    scene: str
    store: FeatureStore

    @property
    def names(self) -> dict[int, str]:
        """Name of each label value."""
        return self.segmenter.names

    @property
    def pixel_size_um(self) -> float | None:
        """Micrometres per pixel of the painted images."""
        return self.segmenter.pixel_size_um

    @property
    def tile(self) -> int:
        """Side of the patches."""
        return self.segmenter.tile

    @property
    def overlap(self) -> int:
        """What neighbouring patches share."""
        return self.segmenter.overlap

    @property
    def batch(self) -> int:
        """Patches at a time."""
        return self.segmenter.batch

    def patch_probabilities(
        self, patches: NDArray[np.uint8], places: Sequence[tuple[int, int]]
    ) -> NDArray[np.float32]:
        """Class probabilities of patches, shape (n, classes, H, W)."""
        import torch

        weights = torch.from_numpy(self.segmenter.weights)
        bias = torch.from_numpy(self.segmenter.bias)
        out = []
        with torch.inference_mode():
            for patch, place in zip(patches, places, strict=True):
                found = self.features(patch, place)
                out.append(found.linear(weights, bias).softmax(0).numpy())
        return np.stack(out)

    def features(self, patch: NDArray[np.uint8], place: tuple[int, int]) -> PatchFeatures:
        """Features of the patch at a place, from the store when they are there."""
        key = (self.scene, self.segmenter.pixel_size_um, self.tile, self.overlap, *place)
        return self.store.get(key, lambda: patch_features(patch, self.levels))


def scene_of(micrograph: "Micrograph") -> str:
    """What the features of an image depend on."""
    return micrograph.key
