"""The page that ships with the lot and says what it is."""

from napari_qualify.synthetic.parameters import CLEAR, CRITERIA, NEAR, NUISANCES
from napari_qualify.synthetic.render import PHASE_NAMES

_MEANING = {
    "clustering": "share of the carbides that sit in clusters; the others keep apart",
    "dissolved_fraction": "area of dissolved carbide over dissolved and intact carbide",
    "pore_fraction": "area of pores over the area of the micrograph",
    "carbide_fraction": "area of carbide before dissolution, on average",
    "carbide_um": "median diameter of the carbides",
    "carbide_spread": "deviation of the logarithm of their diameter",
    "spherical_share": "share of spherical cast carbides; the others are angular",
    "cracks": "cracks in the field",
    "scratches": "polishing scratches in the field",
    "cell_um": "spacing of the dendrite arms",
    "matrix_contrast": "grey of the interdendritic phase, of the full range, over the matrix",
    "brightness": "mean grey before noise",
    "contrast": "deviation of grey before noise",
    "uneven_light": "largest change of light over the field",
    "noise": "deviation of the noise at grey 128",
    "blur_px": "deviation of the point spread, in pixels",
    "pixel_size_um": "micrometres per pixel",
}

_PAGE = """# A rendered Ni-WC lot

**These 40 micrographs are rendered by a program. None is a photograph, no specimen exists, and no
expert judged them.** They imitate a nickel overlay with tungsten carbides (laser-deposited or
plasma-transferred-arc Ni-WC) in back-scattered electrons, to try napari-qualify and to test it with
a known truth. Results on them say nothing about real material.

## How they are made

`napari_qualify.synthetic.render` draws objects in micrometres: carbides of log-normal size, angular
blocks or cast spheres, spread out or clustered; a dissolution front with a ragged grey fringe and
small particles precipitated again; a cellular matrix; round and irregular pores; cracks; polishing
scratches. Light, blur, brightness, contrast and noise follow. Brightness and contrast set the mean
and the deviation of the frame's grey, as a detector's automatic setting does. Everything comes from
a seed; `benchmarks/render_lot.py` in the source repository writes the lot anew.

## Verdicts

A verdict is one rendering parameter against its threshold: accept up to it, reject above.

| criterion | parameter | threshold | drawn from | meaning |
|---|---|---|---|---|
{rows}

In either half of the lot (20 references, 20 to judge) each criterion accepts 10 and rejects 10, and
any two criteria are uncorrelated: two full factorial designs and one half fraction. Of the 20, two
per criterion lie within {near:.0%} of its threshold, the others at least {clear:.0%} away from it.
All else covers its range evenly and is arranged so that it hardly correlates with the verdicts,
magnification and carbide content included:

| parameter | drawn from | meaning |
|---|---|---|
{others}

## Files

| file | content |
|---|---|
| `references/*.tif` | 20 micrographs with verdicts: 400 x 400 px, 8 bit, pixel size in the tags |
| `judge/*.tif` | 20 micrographs to judge |
| `phases/*.tif` | their phases, by the same name: {phases} |
| `references.csv` | one row per reference and criterion |
| `labels.csv` | the verdicts of `judge`, to score a result; do not use them as references |
| `criteria.json` | per criterion the statements, the view and the side of a tile in micrometres |
| `parameters.csv` | seed and rendering parameters of all 40, with a caption |

Columns of `references.csv`:

- `image`: path relative to the table
- `criterion`, `verdict`: accept or reject, by the table above
- `expert`: always `rater-sim-1`, a simulated rater who applies the thresholds without error
- `group`: the specimen, one per micrograph
- `description`: a sentence in an expert's manner, chosen by the parameter

`labels.csv` has the first three of them. `parameters.csv` has `image`, `seed`, a column per
parameter of the two tables above (lengths in micrometres where the name ends in `_um`),
`height_px`, `width_px` and `caption`.
"""


def page() -> str:
    """Text of the lot's README, with the thresholds in force."""
    rows = "\n".join(
        f"| {name} | `{rule.parameter}` | {rule.threshold:g} | {rule.low:g} to {rule.high:g}"
        f" | {_MEANING[rule.parameter]} |"
        for name, rule in CRITERIA.items()
    )
    others = "\n".join(
        f"| `{name}` | {least:g} to {most:g} | {_MEANING[name]} |"
        for name, (least, most) in NUISANCES.items()
    )
    phases = ", ".join(f"{value} {name}" for value, name in PHASE_NAMES.items())
    return _PAGE.format(rows=rows, others=others, phases=phases, near=NEAR, clear=CLEAR)
