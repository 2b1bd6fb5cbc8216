"""The page that ships with the lot and says what it is."""

from napari_qualify.synthetic.parameters import CRITERIA

_MEANING = {
    "clustering": "share of the carbides that sit in clusters; the others keep apart",
    "dissolved_fraction": "area of dissolved carbide over dissolved and intact carbide",
    "pore_fraction": "area of pores over the area of the micrograph",
}

_PAGE = """# A rendered Ni-WC lot

**These 40 micrographs are rendered by a program. None is a photograph, no specimen exists, and no
expert judged them.** They imitate a nickel overlay with tungsten carbides (laser-deposited or
plasma-transferred-arc Ni-WC) in back-scattered electrons, to try napari-qualify and to test it with a
known truth. Results on them say nothing about real material.

## How they are made

`napari_qualify.synthetic.render` draws objects in micrometres: carbides of log-normal size, angular
blocks or cast spheres, spread out or clustered; a dissolution front with a ragged grey fringe and
small particles precipitated again; a cellular matrix; round and irregular pores; cracks; polishing
scratches. Light, blur, brightness, contrast and noise follow. Brightness and contrast set the frame's
mean and deviation of grey, as a detector's automatic setting does. Everything comes from a seed;
`benchmarks/render_lot.py` in the source repository writes the lot anew.

## Verdicts

A verdict is one rendering parameter against its threshold: accept up to it, reject above.

| criterion | parameter | threshold | drawn from | meaning |
|---|---|---|---|---|
{rows}

In either half of the lot (20 references, 20 to judge) each criterion accepts 10 and rejects 10, and any
two criteria are uncorrelated: two full factorial designs and one half fraction. Of the 20, 2 per
criterion lie within 10 % of its threshold. All else, magnification and carbide content included, is
drawn without regard to the verdicts.

## Files

| file | content |
|---|---|
| `references/*.tif` | 20 micrographs with verdicts, 400 x 400 px, 8 bit, the pixel size in the resolution tags |
| `judge/*.tif` | 20 micrographs to judge |
| `phases/*.tif` | their phases, by the same name: 0 matrix, 1 carbide, 2 dissolved carbide, 3 pore, 4 crack |
| `references.csv` | one row per reference and criterion |
| `labels.csv` | the verdicts of `judge`, to score a result; do not use them as references |
| `criteria.json` | per criterion the statements, the view and the tile's side in micrometres |
| `parameters.csv` | seed and rendering parameters of all 40, with a caption |

`references.csv`: `image` path relative to the table; `criterion`; `verdict` accept or reject; `expert` always
`rater-sim-1`, a simulated rater who applies the thresholds without error; `group` the specimen, one per
micrograph; `description` a sentence in an expert's manner, chosen by the parameter.
`labels.csv`: `image`, `criterion`, `verdict` as above.
`parameters.csv`: `image`; `seed`; the fields of `napari_qualify.synthetic.parameters.Parameters`, lengths in
micrometres where the name ends in `_um`; `height_px`, `width_px`; `caption`.
"""


def page() -> str:
    """Text of the lot's README, with the thresholds in force."""
    rows = "\n".join(
        f"| {name} | `{rule.parameter}` | {rule.threshold:g} | {rule.low:g} to {rule.high:g}"
        f"{', evenly over the logarithm' if rule.log else ''} | {_MEANING[rule.parameter]} |"
        for name, rule in CRITERIA.items()
    )
    return _PAGE.format(rows=rows)
