"""The sample lot that ships with the package: reading it and judging with it."""

import json
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from napari_qualify.errors import UsageError
from napari_qualify.progress import Progress
from napari_qualify.synthetic.render import PHASE_NAMES
from napari_qualify.synthetic.writing import write_lot

if TYPE_CHECKING:
    from napari_qualify.library.store import Library
    from napari_qualify.segment.phases import Phases

__all__ = ["Lot", "sample_lot", "write_lot"]


@dataclass(frozen=True)
class Lot:
    """A folder of rendered micrographs with phases, statements and verdicts.

    Attributes
    ----------
    folder : Path
        As `write_lot` leaves it.
    """

    folder: Path

    @property
    def references(self) -> list[Path]:
        """The 20 micrographs with an expert's verdicts, sorted."""
        return sorted((self.folder / "references").glob("*.tif"))

    @property
    def judge(self) -> list[Path]:
        """The 20 micrographs to judge, sorted."""
        return sorted((self.folder / "judge").glob("*.tif"))

    @property
    def references_csv(self) -> Path:
        """Table of references: image, criterion, verdict, expert, group, description."""
        return self.folder / "references.csv"

    @property
    def labels_csv(self) -> Path:
        """Table of the true verdicts of `judge`: image, criterion, verdict."""
        return self.folder / "labels.csv"

    @property
    def parameters_csv(self) -> Path:
        """Table of the rendering parameters of all micrographs."""
        return self.folder / "parameters.csv"

    @cached_property
    def criteria(self) -> dict[str, dict[str, Any]]:
        """Per criterion: ``accept`` and ``reject`` statements, ``view``, ``tile_um``."""
        text = (self.folder / "criteria.json").read_text(encoding="utf-8")
        criteria: dict[str, dict[str, Any]] = json.loads(text)
        return criteria

    def reference_verdicts(self, criterion: str) -> dict[str, str]:
        """The expert's verdicts on one criterion, by image relative to `folder`."""
        table = pd.read_csv(self.references_csv, dtype=str)
        rows = table[table["criterion"] == criterion]
        return dict(zip(rows["image"], rows["verdict"], strict=True))

    def phases_of(self, path: Path | str) -> "Phases":
        """The phases that a micrograph of the lot was rendered with.

        Parameters
        ----------
        path : path
            One of `references` or `judge`; its stem is enough.

        Raises
        ------
        UsageError
            If the lot has no micrograph of that stem.
        """
        from napari_qualify.micrograph import read
        from napari_qualify.segment.label_images import read_phases

        stem = Path(path).stem
        known = {p.stem: p for p in [*self.references, *self.judge]}
        if stem not in known:
            raise UsageError(
                f"{path}: no micrograph of the lot in {self.folder}; its names are "
                f"{', '.join(sorted(known))}"
            )
        micrograph = read(known[stem])
        return read_phases(
            self.folder / "phases" / f"{stem}.tif",
            PHASE_NAMES,
            pixel_size_um=micrograph.pixel_size_um,
            source=micrograph.content_hash,
            image=micrograph.name,
        )

    def build_library(
        self, path: Path | str, encoder: str = "lite", progress: Progress | None = None
    ) -> "Library":
        """Make a library of the lot's criteria and references, embedded.

        Parameters
        ----------
        path : path
            Of a library that does not exist; the suffix is added when missing.
        encoder : str
            As `napari_qualify.embed.registry.load_encoder` takes it.
        progress : callable, optional
            See `napari_qualify.progress`.

        Returns
        -------
        Library

        Raises
        ------
        LibraryError
            If there is a library already.
        EncoderError
            If the encoder cannot be loaded.
        """
        from napari_qualify.embed.pipeline import embed_references
        from napari_qualify.library.store import open_library
        from napari_qualify.micrograph import read

        library = open_library(path, create=True, encoder=encoder)
        for name, criterion in self.criteria.items():
            library.add_criterion(name, **criterion)
        table = pd.read_csv(self.references_csv, dtype=str, keep_default_na=False)
        micrographs = {name: read(self.folder / name) for name in table["image"].unique()}
        for done, row in enumerate(table.itertuples(index=False)):
            if progress is not None:
                progress("add references", done, len(table))
            library.add_references(
                row.criterion,
                micrographs[row.image],
                row.verdict,
                expert=row.expert,
                group=row.group,
                description=row.description,
                embed=False,
            )
        embed_references(library, progress=progress)
        return library


def sample_lot() -> Lot:
    """The lot in the package's ``sample_data``.

    Returns
    -------
    Lot
        20 references and 20 micrographs to judge, rendered.
    """
    return Lot(Path(str(files("napari_qualify").joinpath("sample_data"))))
