"""What stood behind a result: versions, encoder, library and settings."""

import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from napari_qualify.embed.base import Encoder
from napari_qualify.embed.settings import fingerprint, settings_of

if TYPE_CHECKING:
    from napari_qualify.library.store import Library

PACKAGES = (
    "napari-qualify",
    "torch",
    "timm",
    "numpy",
    "scipy",
    "scikit-learn",
    "scikit-image",
    "zarr",
    "tifffile",
    "pillow",
)


def versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Installed versions, with Python's and the system's; a missing package is left out."""
    found = {"python": platform.python_version(), "system": platform.platform(terse=True)}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def provenance(
    library: "Library", encoder: Encoder, criteria: Sequence[str], population: str, created: str
) -> dict[str, Any]:
    """Plain types that let a reader trace and repeat an assessment."""
    return {
        "created": created,
        "library": library.path.name,
        "library_version": library.version,
        "encoder": dict(encoder.identity),
        "text": dict(encoder.text_identity),
        "precision": encoder.precision,
        "population": population,
        "criteria": {
            name: {
                **library.criteria[name].model_dump(mode="json"),
                "fingerprint": fingerprint(encoder, settings_of(library, name)),
                "references": len(library.references(name)),
            }
            for name in criteria
        },
        "versions": versions(),
    }
