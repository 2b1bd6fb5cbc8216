"""Agreement with the published measures of NASA's masks, for `measurement.py`.

The definitions are those of the data: fractions per class; thickness of the oxide
as the pixels of oxide or crack per image column, mean and maximum over columns;
crack area over the area of oxide and crack.
"""

from pathlib import Path

import pandas as pd
from rich.console import Console

from napari_qualify.measure.run import measure
from napari_qualify.segment.label_images import read_phases

AGREES = 0.01
NAMES = {
    "ebc": {0: "background", 1: "oxide", 2: "crack"},
    "super": {0: "matrix", 1: "secondary", 2: "tertiary"},
}


def agreement(folder: Path, console: Console) -> bool:
    """Print the largest differences; whether all are within 1 %."""
    known = pd.read_csv(folder / "ground_truth_measures.csv")
    found = pd.DataFrame([_measured(folder, row) for _, row in known.iterrows()])
    agreed = True
    for name in found.columns:
        # The table rounds: half of its last digit is no difference.
        last = 0.5 * 10.0 ** -known[name].map(_decimals).max()
        there = known[name].notna()  # oxide and cracks: of the coatings alone
        away = (found[name] - known[name])[there].abs()
        relative = (away - last).clip(0) / known[name][there].abs().clip(lower=1e-12)
        worst = float(relative.max())
        agreed &= worst <= AGREES
        console.print(
            f"{name}: {int(there.sum())} images, largest difference {away.max():.2g} "
            f"({worst:.2%} beyond rounding) {'ok' if worst <= AGREES else 'MISSED'}"
        )
    return agreed


def _measured(folder: Path, row: "pd.Series[object]") -> dict[str, float]:
    family = str(row["family"])
    names = NAMES[family]
    path = next((folder / family / "masks").rglob(str(row["file"])))
    phases = read_phases(path, names)
    table = measure(phases, ("area_fraction", "layer_thickness", "layer_thickness_max"))
    values = table[table["measure"] == "area_fraction"].set_index("phase")["value"]
    found = {f"frac_{value}": float(values[name]) for value, name in names.items()}
    if family != "ebc":
        return found
    oxide = table[table["phase"] == "oxide"].set_index("measure")["value"]
    return found | {
        "ebc_mean_oxide_thickness_px": oxide["layer_thickness"],
        "ebc_max_oxide_thickness_px": oxide["layer_thickness_max"],
        "ebc_crack_area_over_oxide": values["crack"] / (values["crack"] + values["oxide"]),
    }


def _decimals(value: float) -> int:
    return len(str(value).partition(".")[2]) if value == value else 0
