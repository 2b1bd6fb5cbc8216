"""One way to import torchvision where its compiled operators do not load.

A torchvision built for CUDA beside a CPU build of torch fails on import with
``operator torchvision::nms does not exist``, and takes timm, open_clip,
transformers and segmentation_models_pytorch with it. The compiled operators
(`nms`, `roi_align`, ...) are not used by any encoder here: torchvision only
needs two schemas to exist while it registers its Python fallbacks. They are
declared when, and only when, the plain import fails in that way.
"""

import sys
from functools import cache
from typing import Any, Literal

from napari_qualify.errors import EncoderError

State = Literal["ok", "repaired", "absent"]

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_KEEP: list[Any] = []  # a Library's registrations end when it is collected


def _forget() -> None:
    """Drop what a failed import left behind, so that the next one starts anew."""
    for name in [n for n in sys.modules if n == "torchvision" or n.startswith("torchvision.")]:
        del sys.modules[name]


@cache
def ensure_torchvision() -> State:
    """Import torchvision, repairing a build whose operators do not load.

    Returns
    -------
    {'ok', 'repaired', 'absent'}
        As it is; with the two schemas declared; not installed at all.

    Raises
    ------
    EncoderError
        When torchvision fails for another reason.
    """
    try:
        import torchvision  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name == "torchvision":
            return "absent"
        raise
    except RuntimeError as error:
        if "operator torchvision::" not in str(error):
            raise EncoderError(
                f"torchvision cannot be imported: {error}. Install a torchvision that belongs to "
                "the installed torch (same build, CPU or CUDA)."
            ) from error
    else:
        return "ok"
    import torch

    _forget()
    library = torch.library.Library("torchvision", "DEF")
    for schema in _SCHEMAS:
        library.define(schema)
    _KEEP.append(library)
    import torchvision  # noqa: F401

    return "repaired"
