"""The data set nasa_ebc_super for the segmentation benchmarks, and strokes drawn from its masks."""

import csv
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from napari_qualify.micrograph import Micrograph
from napari_qualify.segment.examples import Example
from napari_qualify.segment.validation import confusion, intersection_over_union

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "nasa_ebc_super"
SPLITS = ("Super1", "Super2", "Super3", "Super4", "EBC3")
NAMES = {
    "ebc": {0: "background", 1: "oxide", 2: "crack"},
    "super": {0: "matrix", 1: "secondary", 2: "tertiary"},
}


@dataclass(frozen=True)
class Split:
    """Images of one published split.

    Attributes
    ----------
    name : str
    names : dict of int to str
        Phases.
    train : list of Example
    tests : dict of str to list of Example
        ``test`` and, where published, ``different_test``.
    """

    name: str
    names: dict[int, str]
    train: list[Example]
    tests: dict[str, list[Example]] = field(default_factory=dict)


def read_split(data: Path, name: str) -> Split:
    """Read a split; its validation images are not used: EBC3's show the training specimens."""
    with (data / "splits.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["benchmark"] == name]
    if not rows:
        raise SystemExit(f"no split {name!r} in {data / 'splits.csv'}")
    parts: dict[str, list[Example]] = {}
    for row in rows:
        parts.setdefault(row["split"], []).append(_example(data / row["family"], row["file"]))
    tests = {part: parts[part] for part in ("test", "different_test") if part in parts}
    train = {example.group for example in parts["train"]}
    for part, examples in tests.items():
        shared = train & {example.group for example in examples}
        if shared:
            raise SystemExit(f"{name}: {sorted(shared)} is in train and {part}")
    return Split(name, NAMES[rows[0]["family"]], parts["train"], tests)


def _example(folder: Path, file: str) -> Example:
    image = np.array(Image.open(folder / "images" / file).convert("L"))
    labels = np.array(Image.open(folder / "masks" / file))
    stem = Path(file).stem
    # EBC: the last four digits number the fields of a specimen; Super: the spot.
    group = stem[:-4] if folder.name == "ebc" else stem.split("_")[0]
    return Example(Micrograph(image, None, file), labels, group)


class Tally:
    """Confusion over images."""

    def __init__(self, classes: int = 3) -> None:
        self.table = np.zeros((classes, classes), np.int64)

    def add(self, truth: np.ndarray, found: np.ndarray) -> None:
        """Count the pixels of an image; both are class indices."""
        self.table += confusion(truth.astype(np.int16), found.astype(np.int64), len(self.table))

    @property
    def iou(self) -> np.ndarray:
        """Intersection over union per class."""
        return intersection_over_union(self.table)


def simulate_strokes(labels: np.ndarray, seed: int, share: float = 0.02, width: int = 3):
    """Thin strokes inside the phases of a label image, as a random walk would paint them.

    Parameters
    ----------
    labels : ndarray of int, shape (Y, X)
        0, 1, 2 ...
    seed : int
    share : float
        Of all pixels that are painted at most, a like number for every phase;
        of a rare phase at most half of its pixels.
    width : int
        Of a stroke, in pixels.

    Returns
    -------
    ndarray of uint8, shape (Y, X)
        Label value + 1; 0 where nothing is painted.
    """
    rng = np.random.default_rng(seed)
    strokes = np.zeros(labels.shape, np.uint8)
    values = np.unique(labels)
    for value in values:
        inside = labels == value
        most = int(min(share * labels.size / len(values), inside.sum() / 2))
        core = ndimage.binary_erosion(inside)
        core = core if core.sum() > 50 else inside
        starts = np.argwhere(core)
        painted = 0
        while painted < most:
            path = _walk(core, starts[rng.integers(len(starts))].astype(float), rng)
            for y, x in path:
                half = width // 2
                part = np.s_[max(y - half, 0) : y + half + 1, max(x - half, 0) : x + half + 1]
                fresh = inside[part] & (strokes[part] == 0)
                strokes[part][fresh] = value + 1
                painted += int(fresh.sum())
                if painted >= most:
                    break
    return strokes


def _walk(core: np.ndarray, place: np.ndarray, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Pixels of a bent line of 20 to 80 steps that stays in the core."""
    angle = rng.uniform(0, 2 * np.pi)
    path = []
    for _ in range(int(rng.integers(20, 80))):
        path.append((round(place[0]), round(place[1])))
        for _ in range(8):
            y, x = place + (np.sin(angle), np.cos(angle))
            inside = 0 <= round(y) < core.shape[0] and 0 <= round(x) < core.shape[1]
            if inside and core[round(y), round(x)]:
                break
            angle += rng.normal(0, 1)
        else:
            break
        place = np.array((y, x))
        angle += rng.normal(0, 0.2)
    return path
