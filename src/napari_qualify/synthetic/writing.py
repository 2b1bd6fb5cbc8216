"""Writing a lot of rendered micrographs: images, phases, tables and their page."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tifffile
from numpy.typing import NDArray

from napari_qualify.synthetic.captions import STATEMENTS, describe
from napari_qualify.synthetic.design import borderline, crossed_verdicts, designed
from napari_qualify.synthetic.page import page
from napari_qualify.synthetic.parameters import CRITERIA, Parameters
from napari_qualify.synthetic.render import Rendered, render

EXPERT = "rater-sim-1"
SEED = 20250828  # of the design and the parameters
FIRST_SEED = {"references": 1000, "judge": 2000}  # of the micrographs
STEM = {"references": "ref", "judge": "field"}
VIEW, TILE_UM = "raw", 300.0


@dataclass(frozen=True)
class Entry:
    """One micrograph of a lot: where it goes and what makes it."""

    image: str
    seed: int
    parameters: Parameters

    @property
    def stem(self) -> str:
        """File name without folder and suffix."""
        return Path(self.image).stem


def entries(seed: int = SEED) -> Iterator[Entry]:
    """The 40 micrographs of the lot, references first."""
    rng = np.random.default_rng(seed)
    for part, first in FIRST_SEED.items():
        verdicts = crossed_verdicts(rng)
        drawn = designed(verdicts, borderline(verdicts, rng), rng)
        for i, parameters in enumerate(drawn):
            yield Entry(f"{part}/{STEM[part]}-{i + 1:02d}.tif", first + i, parameters)


def write_tiff(path: Path, pixels: NDArray[np.uint8], pixel_size_um: float, text: str) -> None:
    """Write a grey TIFF whose resolution tags carry the pixel size; no date."""
    per_cm = 1e4 / pixel_size_um
    tifffile.imwrite(
        path,
        pixels,
        photometric="minisblack",
        compression="deflate",
        compressionargs={"level": 9},
        resolution=(per_cm, per_cm),
        resolutionunit="CENTIMETER",
        description=text,
        software="napari-qualify synthetic",
        metadata=None,
    )


def _rows(entry: Entry) -> Iterator[dict[str, str]]:
    for name, verdict in entry.parameters.verdicts.items():
        yield {
            "image": entry.image,
            "criterion": name,
            "verdict": verdict,
            "expert": EXPERT,
            "group": f"specimen-{entry.stem}",
            "description": describe(entry.parameters, name, entry.seed),
        }


def _parameters_row(entry: Entry, rendered: Rendered) -> dict[str, Any]:
    values = asdict(entry.parameters)
    height, width = values.pop("shape")
    return {
        "image": entry.image,
        "seed": entry.seed,
        **{k: round(v, 6) if isinstance(v, float) else v for k, v in values.items()},
        "height_px": height,
        "width_px": width,
        "caption": rendered.caption,
    }


def _write_csv(
    path: Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None
) -> None:
    pd.DataFrame(rows, columns=columns).to_csv(path, index=False, lineterminator="\n")


def write_lot(folder: Path | str) -> None:
    """Render the sample lot into a folder.

    Parameters
    ----------
    folder : path
        Made when missing; files of the same names are replaced. The bytes
        depend on nothing but the versions of NumPy, SciPy and zlib.
    """
    folder = Path(folder)
    for name in ("references", "judge", "phases"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    tables: dict[str, list[dict[str, str]]] = {"references": [], "judge": []}
    drawn = []
    for entry in entries():
        made = render(entry.parameters, entry.seed)
        text = "Rendered, not photographed. "
        write_tiff(folder / entry.image, made.image, made.pixel_size_um, text + made.caption)
        names = ", ".join(f"{value} {name}" for value, name in made.names.items())
        write_tiff(
            folder / "phases" / f"{entry.stem}.tif",
            made.phases,
            made.pixel_size_um,
            f"{text}Phases: {names}.",
        )
        tables[entry.image.split("/")[0]].extend(_rows(entry))
        drawn.append(_parameters_row(entry, made))
    _write_csv(folder / "references.csv", tables["references"])
    _write_csv(folder / "labels.csv", tables["judge"], ("image", "criterion", "verdict"))
    _write_csv(folder / "parameters.csv", drawn)
    criteria = {name: {**STATEMENTS[name], "view": VIEW, "tile_um": TILE_UM} for name in CRITERIA}
    (folder / "criteria.json").write_text(
        json.dumps(criteria, indent=2, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n"
    )
    (folder / "README.md").write_text(page(), encoding="utf-8", newline="\n")
