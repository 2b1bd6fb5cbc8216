"""The command `agreement`: among experts, with the model, under each expert's references."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_qualify.commands import console
from napari_qualify.commands.evaluate import show_figures, show_notes
from napari_qualify.commands.inputs import check_folder, write_failures, write_text
from napari_qualify.errors import UsageError
from napari_qualify.files import Failure

if TYPE_CHECKING:
    import pandas as pd

NAMES = {
    "percent": "same verdict, share",
    "cohen_kappa": "Cohen's kappa",
    "fleiss_kappa": "Fleiss' kappa",
    "krippendorff_alpha": "Krippendorff's alpha",
}


def run_agreement(
    labels: Path,
    out: Path | None,
    library: str | None,
    paths: Sequence[str],
    pixel_size: float | None,
    options: dict[str, int],
) -> int:
    """Compare the experts of a table; with a library also with the model.

    Returns
    -------
    int
        1 when a file failed, else 0.
    """
    from napari_qualify.evaluate.agreement import agreement, check_experts
    from napari_qualify.evaluate.bias import leniency
    from napari_qualify.evaluate.experts import disagreements
    from napari_qualify.evaluate.table import read_labels

    if paths and library is None:
        raise UsageError("PATH is judged with a library: name it with --library LIB, or leave PATH")
    if out is not None:
        check_folder(out)
    tables: dict[str, pd.DataFrame] = {}
    failures: Sequence[Failure] = ()
    notes: list[str] = []
    if library is None:
        said = read_labels(labels)
        check_experts(said)
    else:
        said, tables, failures, notes = _with_library(labels, library, paths, pixel_size, options)
    found = agreement(said, **options)
    model = tables.pop("model", None)
    tables = {"agreement": found, "leniency": leniency(said, **options)} | tables
    tables["disagreements"] = disagreements(said)
    notes = [*found.attrs["notes"], *notes]
    _show(found)
    if model is not None:
        _show(model)
        tables["agreement"] = _stacked(found, model)
    _show_counts(tables)
    show_notes(dict.fromkeys(notes))
    if out is not None:
        _write(tables, found, failures, out)
        console.out().print(str((out / "agreement.csv").absolute()), markup=False)
    console.show_failures(failures, "" if out is None else str(out / "failures.csv"))
    return int(bool(failures))


def _with_library(
    labels: Path,
    library: str,
    paths: Sequence[str],
    pixel_size: float | None,
    options: dict[str, int],
) -> "tuple[pd.DataFrame, dict[str, pd.DataFrame], Sequence[Failure], list[str]]":
    """Labels with the names of the files, tables of the model, failures, notes."""
    from napari_qualify.batch import readable
    from napari_qualify.embed.settings import settings_of
    from napari_qualify.evaluate.agreement import check_experts
    from napari_qualify.evaluate.experts import expert_verdicts, model_agreement, parting
    from napari_qualify.evaluate.run import find_inputs
    from napari_qualify.evaluate.table import notes_of
    from napari_qualify.files import Found
    from napari_qualify.library.store import open_library

    opened = open_library(library)
    inputs = find_inputs(labels, list(paths) or None, pixel_size)
    said = inputs.labels
    check_experts(said)
    criteria = list(dict.fromkeys(said["criterion"]))
    unknown = [name for name in criteria if name not in opened.criteria]
    compared = [c for c in criteria if c not in unknown and not opened.criteria[c].limit]
    named = set(said["image"])
    assert inputs.found is not None  # files were named
    chosen = Found([item for item in inputs.found.items if item.name in named])
    failures = list(inputs.found.failures)
    with console.progress_bars() as progress:
        settings = {settings_of(opened, name) for name in compared}
        source = readable(chosen, failures, pixel_size, opened, settings, progress)
        verdicts = expert_verdicts(opened, source, compared, progress)
    model = model_agreement(said, verdicts, **options)
    tables = {"model": model, "verdicts": verdicts, "parting": parting(verdicts)}
    notes = [*inputs.notes, *notes_of(verdicts, model)]
    notes += [
        f"{name}: not in {opened.path.name}; compared among experts alone" for name in unknown
    ]
    notes += [
        f"{name}: judged by a limit, without references; compared among experts alone"
        for name in criteria
        if name not in unknown and name not in compared
    ]
    return said, tables, sorted(failures), notes


def _stacked(a: "pd.DataFrame", b: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    return pd.concat([a, b], ignore_index=True) if len(b) else a


def _show(found: "pd.DataFrame") -> None:
    """Show the figures, a block per criterion; of a pair the kappa alone."""
    from napari_qualify.evaluate.agreement import EVERYONE

    shown = found[(found["expert"] == EVERYONE) | (found["measure"] == "cohen_kappa")]
    for criterion, rows in shown.groupby("criterion", sort=False):
        lines = []
        for row in rows.to_dict("records"):
            whole = row["expert"] == EVERYONE
            pair = "all experts" if whole else f"{row['expert']}, {row['other']}"
            lines.append(((pair, NAMES[row["measure"]]), row))
        show_figures(str(criterion), ("between", "figure"), lines)


def _show_counts(tables: "dict[str, pd.DataFrame]") -> None:
    """Say on which criteria the experts part, and the verdicts under their references."""
    counts = tables["disagreements"]["criterion"].value_counts()
    listed = ", ".join(f"{name} {count}" for name, count in counts.items())
    screen = console.out()
    screen.print(f"Images on which experts part: {listed or 'none'}", markup=False)
    for row in tables["parting"].to_dict("records") if "parting" in tables else ():
        screen.print(
            f"Under the references of {row['expert']} and {row['other']}: {row['criterion']}, "
            f"{row['calls']:.0%} of {row['n']} calls part, {row['opposed']:.0%} of the verdicts "
            "are opposed",
            markup=False,
        )


def _write(
    tables: "dict[str, pd.DataFrame]", found: "pd.DataFrame", failures: Any, out: Path
) -> None:
    from napari_qualify.evaluate import plots
    from napari_qualify.evaluate.agreement import matrix
    from napari_qualify.evaluate.writing import csv_of, save_figures

    for name, table in tables.items():
        write_text(out / f"{name}.csv", csv_of(table))
    write_failures(failures, out / "failures.csv")
    save_figures({"agreement": plots.agreement_figure(matrix(found))}, out)
