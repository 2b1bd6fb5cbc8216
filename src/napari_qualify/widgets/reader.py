"""Open a library (`*.qualify.zarr`) in napari: its references as image layers."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from napari_qualify.errors import LibraryError
from napari_qualify.widgets.samples import LayerData, space
from napari_qualify.widgets.sources import KEY

SUFFIX = ".qualify.zarr"
PathOrPaths = str | Sequence[str]


def get_reader(path: PathOrPaths) -> Callable[[PathOrPaths], list[LayerData]] | None:
    """Return the reader of a library, None for anything else.

    Parameters
    ----------
    path : str or sequence of str
        As napari gives it.
    """
    if not isinstance(path, str):
        return None
    folder = Path(path)
    if not folder.name.endswith(SUFFIX) or not (folder / "zarr.json").is_file():
        return None
    return read_library


def read_library(path: PathOrPaths) -> list[LayerData]:
    """Return one image layer per micrograph that experts judged.

    The micrograph itself with its scale where it is within reach and
    unchanged, else the thumbnail that the library keeps, which has none. The
    records of its references are in ``layer.metadata['napari-qualify']``.

    Raises
    ------
    LibraryError
        The library cannot be read, or has no reference.
    """
    from napari_qualify.library.store import open_library

    assert isinstance(path, str)
    library = open_library(path)
    judged: dict[tuple[Any, ...], list[Any]] = {}
    for reference in library.references():
        judged.setdefault(reference.subject, []).append(reference)
    if not judged:
        raise LibraryError(
            f"{path} has no reference to show. Open it in the widget 'Qualify micrographs' "
            "and add some."
        )
    found = []
    for number, records in enumerate(judged.values(), start=1):
        found.append(_layer(library, records, visible=number == len(judged)))
    return found


def _layer(library: Any, records: list[Any], *, visible: bool) -> LayerData:
    first = records[0]
    metadata: dict[str, Any] = {
        "library": str(library.path),
        "references": [record.model_dump(mode="json") for record in records],
    }
    keywords: dict[str, Any] = {"name": first.image, "visible": visible}
    try:
        micrograph = library.micrograph(first)
    except LibraryError as error:
        metadata["thumbnail"] = str(error)
        keywords |= {"name": f"{first.image} (thumbnail)", "rgb": True}
        pixels = library.thumbnail(first.id)
    else:
        keywords |= space(micrograph)
        pixels = micrograph.pixels
    return pixels, {**keywords, "metadata": {KEY: metadata}}, "image"
