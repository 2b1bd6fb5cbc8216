"""What the tab "Embed" runs in workers; free of Qt and napari.

Every function takes ``progress`` and runs in a worker's thread, or in a test.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_qualify.errors import MicrographError, UsageError
from napari_qualify.progress import Progress
from napari_qualify.widgets.sources import LayerSource
from napari_qualify.widgets.tasks import load, phases_by_hash, readable

if TYPE_CHECKING:
    from napari_qualify.embed.settings import EmbedSettings
    from napari_qualify.library.store import Library


@dataclass(frozen=True)
class Running:
    """On what an encoder runs."""

    spec: str
    device: str
    precision: str


@dataclass(frozen=True, eq=False)
class Embedded:
    """How an embedding went.

    Attributes
    ----------
    new, stored : int
        Micrographs encoded now, and those whose vector was in the library.
    running : Running
    failures : tuple of (str, str)
        Name of an image that could not be embedded, and why.
    notes : tuple of str
        What the tiles could not respect.
    dim : int or None
        Length of a vector, where it was seen.
    """

    new: int
    stored: int
    running: Running
    failures: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    dim: int | None = None


def embed_sources(
    sources: Sequence[LayerSource],
    library: "Library",
    settings: "EmbedSettings",
    labels: Sequence[LayerSource],
    progress: Progress,
) -> Embedded:
    """Embed layers into a library; what it has already is not encoded again.

    Raises
    ------
    UsageError
        There is no layer at all.
    MicrographError
        None of the layers could be read.
    """
    from napari_qualify.embed.pipeline import embed_each

    if not sources:
        raise UsageError("No image is selected. Select image layers in the layer list.")
    encoder = load(library.encoder, progress)
    failures: list[tuple[str, str]] = []
    each = list(
        embed_each(
            (micrograph for _, micrograph in readable(sources, failures, progress)),
            encoder,
            settings,
            phases=phases_by_hash(labels),
            library=library,
            progress=progress,
        )
    )
    if not each:
        raise MicrographError(failures[0][1])
    stored = sum(one.stored for one in each)
    notes = tuple(f"{one.image}: {note}" for one in each for note in one.notes)
    running, dim = running_of(encoder, library), int(each[0].vector.size)
    return Embedded(len(each) - stored, stored, running, tuple(failures), notes, dim)


def embed_folder(
    folder: str,
    library: "Library",
    settings: "EmbedSettings",
    pixel_size_um: float | None,
    progress: Progress,
) -> Embedded:
    """Embed the micrographs in a folder and its subfolders."""
    from napari_qualify.batch import embed_files

    encoder = load(library.encoder, progress)
    done = embed_files(
        [folder], library, settings=settings, pixel_size_um=pixel_size_um, progress=progress
    )
    failures = tuple((failure.image, failure.error) for failure in done.failures)
    return Embedded(done.new, done.stored, running_of(encoder, library), failures)


def running_of(encoder: Any, library: "Library") -> Running:
    """Say on what the encoder of a library runs."""
    return Running(library.encoder, str(encoder.device), encoder.precision)


def plan_fetch(spec: str, progress: Progress) -> Any:
    """Ask how large the model of an encoder is; returns what `fetch_model` takes."""
    from napari_qualify.embed.fetch import plan

    progress("asking for its size", 0, 0)
    return plan(spec)


def fetch_model(planned: Any, progress: Progress) -> list[Any]:
    """Fetch what was planned; returns the state of all encoders after it."""
    from napari_qualify.embed.fetch import carry_out
    from napari_qualify.embed.registry import encoder_status

    def in_megabytes(stage: str, done: int, total: int) -> None:
        # Bytes of a large model are more than the numbers of a progress bar can hold.
        progress(f"{stage} (MB)", round(done / 1e6), round(total / 1e6))

    carry_out(planned, in_megabytes)
    return encoder_status()
