"""Segmentation by a trained network of segmentation_models_pytorch."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_qualify.errors import SegmentationError
from napari_qualify.precision import Precision, resolve
from napari_qualify.progress import Progress, silent
from napari_qualify.segment.inference import Inference
from napari_qualify.segment.levels import POLICY, Levels
from napari_qualify.segment.phases import Phases

if TYPE_CHECKING:
    from napari_qualify.micrograph import Micrograph

_REVISION = 3  # of the prediction, for the fingerprint
GAIN = 0.5
"""Of the standardised grey levels: brings them to the range of ImageNet's pictures."""


@dataclass(frozen=True, eq=False)
class NetworkSegmenter:
    """A trained network; made by `napari_qualify.segment.training.Training`.

    Attributes
    ----------
    model : torch.nn.Module
        In evaluation mode, fp32, on the CPU.
    names : dict of int to str
        Name of each label value; classes are in the order of the values.
    pixel_size_um : float or None
        Micrometres per pixel of the training images; others are resampled to it.
    architecture : dict
        ``architecture`` and ``encoder`` as segmentation_models_pytorch spells them.
    record : dict
        How it was trained, for `model.json`.
    tile, overlap, batch : int
        Side of the patches, what neighbours share, patches at a time.
    test_time_augmentation : bool
        Average over the eight turns and mirror images, eight times slower; over
        left and right only where it was trained on upright images.
    precision : {'auto', 'fp32', 'bf16'}
    device : str
        Torch device.
    """

    model: Any
    names: dict[int, str]
    pixel_size_um: float | None
    architecture: dict[str, str]
    record: dict[str, Any] = field(default_factory=dict)
    tile: int = 512
    overlap: int = 128
    batch: int = 4
    test_time_augmentation: bool = False
    precision: Precision = "auto"
    device: str = "cpu"
    levels: Levels | None = None

    def __post_init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        """Drop what was derived from the weights."""
        object.__setattr__(self, "_ready", None)
        object.__setattr__(self, "_digest", None)

    @property
    def fingerprint(self) -> str:
        """SHA-256 in hex over weights, architecture, phases, scale and averaging."""
        if not self.test_time_augmentation:
            return self._weights_digest()
        return hashlib.sha256(f"{self._weights_digest()} averaged".encode()).hexdigest()

    def _weights_digest(self) -> str:
        """Fingerprint without averaging, which is what a model folder holds; made once."""
        if self._digest is None:  # type: ignore[attr-defined]
            digest = hashlib.sha256()
            for key, value in sorted(self.tensors().items()):
                digest.update(key.encode())
                digest.update(np.ascontiguousarray(value).data.cast("B") if value.size else b"")
            content = [_REVISION, self.architecture, sorted(self.names.items())]
            digest.update(json.dumps([*content, self.pixel_size_um]).encode())
            object.__setattr__(self, "_digest", digest.hexdigest())
        return str(self._digest)  # type: ignore[attr-defined]

    def predict(
        self,
        micrograph: "Micrograph",
        progress: Progress = silent,
        *,
        probabilities: bool = False,
        region: tuple[int, int, int, int] | None = None,
    ) -> Phases:
        """Find the phases of a micrograph.

        Parameters
        ----------
        micrograph : Micrograph
            Resampled to the network's pixel size when both are calibrated.
        progress : Progress, optional
            Called per batch of tiles; raise Cancelled in it to stop.
        probabilities : bool, optional
            Keep those of every class.
        region : tuple of (y, x, height, width), optional
            In pixels: only this part, exactly as in the whole.

        Returns
        -------
        Phases
        """
        from napari_qualify.segment.tiled import predict_phases

        return predict_phases(
            micrograph,
            self,
            made_by=self.made_by(),
            region=region,
            probabilities=probabilities,
            progress=progress,
        )

    def made_by(self) -> dict[str, Any]:
        """What phases record of this segmenter."""
        return {
            "segmenter": type(self).__name__,
            **self.architecture,
            "fingerprint": self.fingerprint,
            "pixel_size_um": self.pixel_size_um,
            "intensity": POLICY,
            "precision": resolve(self.precision, self.device),
            "test_time_augmentation": self.test_time_augmentation,
        }

    def for_image(self, histogram: NDArray[np.int64]) -> "NetworkSegmenter":
        """Predictor for patches of an image with this histogram of luminance, shape (256,)."""
        bound = replace(self, levels=Levels.of_histogram(histogram))
        object.__setattr__(bound, "_ready", self._network())
        return bound

    def patch_probabilities(
        self, patches: NDArray[np.uint8], places: Sequence[tuple[int, int]] = ()
    ) -> NDArray[np.float32]:
        """Class probabilities of patches.

        Parameters
        ----------
        patches : ndarray of uint8, shape (n, H, W) or (n, H, W, 3)
            Sides in multiples of 32.
        places : sequence of tuple of int
            Not used.

        Returns
        -------
        ndarray of float32, shape (n, classes, H, W)
        """
        import torch

        levels = self.levels or Levels.of(_flat(patches))
        values = GAIN * levels.apply(patches)
        if values.ndim == 3:
            values = np.broadcast_to(values[..., None], (*values.shape, 3))
        batch = torch.from_numpy(np.ascontiguousarray(values)).to(self.device).permute(0, 3, 1, 2)
        with torch.inference_mode():
            found = self._averaged(batch) if self.test_time_augmentation else self._run(batch)
        return np.asarray(found.cpu().numpy())

    def _run(self, batch: Any) -> Any:
        return self._network()(batch)

    def _averaged(self, batch: Any) -> Any:
        """Mean over the symmetries that it was trained with."""
        import torch

        upright = self.record.get("training", {}).get("turn") == "upright"
        turns = range(1) if upright else range(4)
        total: Any = 0
        for turn in turns:
            for mirrored in (False, True):
                turned = torch.rot90(batch, turn, (2, 3))
                found = self._run(turned.flip(3)).flip(3) if mirrored else self._run(turned)
                total = total + torch.rot90(found, -turn, (2, 3))
        return total / (2 * len(turns))

    def _network(self) -> Any:
        """Network to compute with; made once."""
        if self._ready is None:  # type: ignore[attr-defined]
            precision = resolve(self.precision, self.device)
            ready = Inference(self.model, precision, self.device)
            object.__setattr__(self, "_ready", ready)
        return self._ready  # type: ignore[attr-defined]

    def save(self, folder: str | Path, *, overwrite: bool = False) -> Path:
        """Write the model folder; see `napari_qualify.segment.model_folder`."""
        from napari_qualify.segment.model_folder import write_model

        record = {
            **self.record,
            "kind": "network",
            "architecture": self.architecture,
            "phases": {str(value): name for value, name in self.names.items()},
            "pixel_size_um": self.pixel_size_um,
            "intensity": POLICY,
            "fingerprint": self._weights_digest(),
        }
        return write_model(Path(folder), record, self.tensors(), overwrite=overwrite)

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Weights by name."""
        return {key: value.cpu().numpy() for key, value in self.model.state_dict().items()}

    def load_tensors(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        """Replace the weights; the names and shapes must be the network's own.

        Raises
        ------
        SegmentationError
            When they are not.
        """
        import torch

        state = {key: torch.from_numpy(np.array(value)) for key, value in tensors.items()}
        try:
            self.model.load_state_dict(state, strict=True)
        except RuntimeError as error:
            raise SegmentationError(
                f"the weights do not fit the network {self.architecture}: {error}"
            ) from error
        self._forget()

    @classmethod
    def from_model(
        cls, record: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]
    ) -> "NetworkSegmenter":
        """Network of a model folder's record and weights."""
        from napari_qualify.segment.start import build

        names = {int(value): str(name) for value, name in record["phases"].items()}
        architecture = dict(record["architecture"])
        model = build(architecture["architecture"], architecture["encoder"], len(names))
        made = cls(
            model=model.eval(),
            names=dict(sorted(names.items())),
            pixel_size_um=record["pixel_size_um"],
            architecture=architecture,
            record=dict(record),
        )
        made.load_tensors(tensors)
        return made


def _flat(patches: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Patches under one another, as one image."""
    return patches.reshape(-1, *patches.shape[2:])
