"""Figures of the evaluation, drawn without a window and the same bytes every time.

Colours are those of Okabe and Ito, which the colour-blind tell apart; markers differ too.
"""

import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import roc_auc_score, roc_curve

from napari_qualify.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
SUFFIXES = (".png", ".svg")

_GREY = "#767676"
_NAMES = {"auroc": "AUROC", "f1": "F1", "z": "z"}
_PANEL = 3.4  # inches
_ROW = 0.26  # inches of a line in a dot plot
_SAVING = threading.Lock()  # matplotlib's settings are global


def save(figure: "Figure", path: str | Path) -> Path:
    """Write a figure as PNG or SVG; the same figure gives the same bytes.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : path
        Its suffix, ``.png`` or ``.svg``, is the format; its folder must exist.

    Returns
    -------
    Path

    Raises
    ------
    UsageError
        For another suffix.
    """
    from matplotlib import rc_context

    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"{path}: a figure is written as .png or .svg; choose one of the two")
    with _SAVING, rc_context({"svg.hashsalt": "napari-qualify", "svg.fonttype": "path"}):
        # Without metadata: neither the time nor matplotlib's version is in the file.
        metadata: dict[str, Any] = {"Date": None, "Creator": None}
        if suffix == ".png":
            metadata = {"Software": None}
        figure.savefig(path, format=suffix[1:], dpi=150, metadata=metadata, facecolor="white")
    return path


def roc_figure(table: "DataFrame") -> "Figure":
    """ROC curves, a panel per criterion and a line per setting.

    The marker on a line is the call: where the cut lies.

    Parameters
    ----------
    table : DataFrame
        Judged table with ``criterion``, ``setting``, ``truth``, ``score``, ``call``.
    """
    criteria = _values(table, "criterion")
    figure, panels = _panels(criteria)
    settings = _values(table, "setting")
    for criterion, axes in zip(criteria, panels, strict=False):
        axes.plot([0, 1], [0, 1], color=_GREY, linewidth=0.8, linestyle=":")
        for i, setting in enumerate(settings):
            rows = table[(table["criterion"] == criterion) & (table["setting"] == setting)]
            _roc(axes, rows, setting if len(settings) > 1 else "", i)
        axes.plot([], [], color=_GREY, marker="o", ls="", label="the call: where the cut lies")
        _square(axes)
        _legend(axes, "lower right")
    x, y = "false accepts, share of truly rejected", "true accepts, share of truly accepted"
    _outer_labels(figure, panels, x, y)
    return figure


def _roc(axes: "Axes", rows: "DataFrame", name: str, i: int) -> None:
    rows = rows[rows["score"].notna()]
    truth = (rows["truth"] == "accept").to_numpy()
    prefix = f"{name}: " if name else ""
    colour, marker = _style(i)
    if truth.all() or not truth.any():
        side = "none" if not len(truth) else "accepted only" if truth.all() else "rejected only"
        axes.plot([], [], color=colour, label=f"{prefix}no curve ({side})")
        return
    score = rows["score"].to_numpy(float)
    false, true, _ = roc_curve(truth, score, drop_intermediate=False)
    label = f"{prefix}AUROC {roc_auc_score(truth, score):.3f}, n = {len(rows)}"
    axes.plot(false, true, color=colour, linewidth=1.6, label=label)
    call = (rows["call"] == "accept").to_numpy()
    place = (call[~truth].mean(), call[truth].mean())
    axes.plot(*place, color=colour, marker=marker, markeredgecolor="white", markersize=8)


def calibration_figure(table: "DataFrame") -> "Figure":
    """Stated risk against the share of micrographs that a p-value turns away.

    Of the truly accepted micrographs a share of at most r should have a
    ``p_accept`` of at most r, and likewise for the rejected: the lines should
    stay on or below the dotted one. It shows p-values, since a score is no
    probability.

    Parameters
    ----------
    table : DataFrame
        Judged table with ``criterion``, ``setting``, ``truth``, ``p_accept``, ``p_reject``.
    """
    criteria = _values(table, "criterion")
    figure, panels = _panels(criteria)
    settings = _values(table, "setting")
    for criterion, axes in zip(criteria, panels, strict=False):
        axes.plot([0, 1], [0, 1], color=_GREY, linewidth=0.8, linestyle=":")
        for i, setting in enumerate(settings):
            rows = table[(table["criterion"] == criterion) & (table["setting"] == setting)]
            for side, dashes in (("accept", "-"), ("reject", "--")):
                name = f"truly {side}ed" + (f", {setting}" if len(settings) > 1 else "")
                colour = COLOURS[(2 * i + (side == "reject")) % len(COLOURS)]
                _calibration(axes, rows, side, name, colour, dashes)
        _square(axes)
    _outer_labels(figure, panels, "stated risk", "micrographs turned away, share")
    _legend_above(figure, panels, 2 if len(criteria) == 1 else 4)
    return figure


def _calibration(
    axes: "Axes", rows: "DataFrame", side: str, name: str, colour: str, dashes: str
) -> None:
    steps = np.sort(rows.loc[rows["truth"] == side, f"p_{side}"].dropna().to_numpy(float))
    x, y = np.zeros(0), np.zeros(0)
    if len(steps):
        x = np.concatenate([[0.0], steps, [1.0]])
        y = np.concatenate([[0.0], np.arange(1, len(steps) + 1) / len(steps), [1.0]])
    axes.step(x, y, where="post", color=colour, linestyle=dashes, label=name)


def metrics_figure(metrics: "DataFrame") -> "Figure":
    """Metrics with their intervals: a panel per criterion, a line per metric.

    Parameters
    ----------
    metrics : DataFrame
        With ``criterion``, ``setting``, ``metric``, ``value``, ``low``, ``high``.
    """
    settings = _values(metrics, "setting")
    labels = [metric_name(m) for m in _values(metrics, "metric")]
    shown = metrics.assign(line=metrics["metric"].map(metric_name))
    return _dot_plot(shown, "line", labels, "setting", settings, "value (95 % interval)")


def ablation_figure(table: "DataFrame", metric: str = "") -> "Figure":
    """One metric of every setting: a panel per criterion, a line per setting.

    Settings that differ in the population alone share a line.

    Parameters
    ----------
    table : DataFrame
        With ``encoder``, ``view``, ``modality``, ``population``, ``rule``,
        ``criterion``, ``metric``, ``value``, ``low``, ``high``; rows without a
        value are left out.
    metric : str
        The first of the table by default.
    """
    known = table[table["value"].notna()]
    metric = metric or (str(known["metric"].iloc[0]) if len(known) else "")
    known = known[known["metric"] == metric]
    known = known.assign(encoder=known["encoder"].map(encoder_name))
    axes = [a for a in ("encoder", "view", "modality", "rule") if known[a].nunique() > 1]
    axes = axes or ["rule"]
    words = [known[a].replace("auto", f"auto {a}") for a in axes]
    shown = known.assign(line=[", ".join(each) for each in zip(*words, strict=True)])
    populations = [POPULATION_NAMES.get(p, p) for p in _values(known, "population")]
    shown = shown.assign(over=known["population"].map(lambda p: POPULATION_NAMES.get(p, p)))
    label = f"{metric_name(metric)} (95 % interval)"
    return _dot_plot(shown, "line", _values(shown, "line"), "over", populations, label)


POPULATION_NAMES = {"library": "z over the library", "batch": "z over the batch", "none": "no z"}


def differences_figure(table: "DataFrame") -> "Figure":
    """Differences to the default setting: a panel per criterion, a line per change.

    Parameters
    ----------
    table : DataFrame
        With ``change``, ``criterion`` (``*`` for the mean over all), ``metric``,
        ``difference``, ``low``, ``high``.
    """
    shown = table.rename(columns={"difference": "value"})
    shown = shown.assign(
        metric=table["metric"].map(metric_name),
        criterion=table["criterion"].replace("*", "mean of the criteria"),
    )
    metrics = _values(shown, "metric")
    label = "difference to the default"
    figure = _dot_plot(shown, "change", _values(shown, "change"), "metric", metrics, label)
    for axes in figure.axes:
        axes.axvline(0.0, color=_GREY, linewidth=1.0, zorder=0)
    return figure


def curve_figure(curve: "DataFrame") -> "Figure":
    """Quality against the number of references: a panel per metric, a line per way of choosing.

    Parameters
    ----------
    curve : DataFrame
        With ``references`` (per side), ``metric``, ``value``, ``low``, ``high``
        and, where references were chosen in several ways, ``choice``.
    """
    from matplotlib.ticker import MaxNLocator

    metrics = _values(curve, "metric")
    figure, panels = _panels([metric_name(m) for m in metrics])
    curve = curve if "choice" in curve else curve.assign(choice="")
    for metric, axes in zip(metrics, panels, strict=False):
        for i, choice in enumerate(_values(curve, "choice")):
            rows = curve[(curve["metric"] == metric) & (curve["choice"] == choice)]
            rows = rows.sort_values("references")
            colour, marker = _style(i)
            x = rows["references"].to_numpy(float)
            low, high = rows["low"].to_numpy(float), rows["high"].to_numpy(float)
            axes.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)
            axes.plot(x, rows["value"], color=colour, marker=marker, markersize=4, label=choice)
        axes.set_xlabel(curve.attrs.get("unit", "references on each side"))
        axes.grid(color="#e3e3e3", linewidth=0.6)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if any(_values(curve, "choice")):
            _legend(axes, "best")
    _outer_labels(figure, panels, "", "mean and 95 % interval")
    return figure


def agreement_figure(matrix: "DataFrame") -> "Figure":
    """Agreement of every pair of experts as a matrix with the numbers in it.

    Parameters
    ----------
    matrix : DataFrame
        Square, experts as index and columns; missing where a pair judged
        nothing in common. ``attrs['measure']`` names the figure, by default
        'agreement'.
    """
    from matplotlib.figure import Figure

    values = matrix.to_numpy(float)
    size = 1.6 + 0.75 * len(values)
    figure = Figure(figsize=(size + 1.1, size), layout="constrained")
    axes = figure.add_subplot()
    low = min(0.0, float(np.nanmin(values)) if np.isfinite(values).any() else 0.0)
    shown = axes.imshow(values, cmap="cividis", vmin=low, vmax=1.0)
    experts = [str(name) for name in matrix.columns]
    axes.set_xticks(range(len(experts)), experts, rotation=30, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(values)), [str(name) for name in matrix.index])
    for (y, x), value in np.ndenumerate(values):
        dark = np.isfinite(value) and (value - low) / (1.0 - low) < 0.55
        text = f"{value:.2f}" if np.isfinite(value) else "none"
        axes.text(x, y, text, ha="center", va="center", color="white" if dark else "black")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    figure.colorbar(shown, ax=axes, label=matrix.attrs.get("measure", "agreement"), shrink=0.85)
    return figure


def metric_name(metric: str) -> str:
    """A metric as a reader sees it: ``balanced_accuracy`` is 'balanced accuracy'."""
    return " ".join(_NAMES.get(word, word) for word in metric.split("_"))


def encoder_name(spec: str) -> str:
    """An encoder as a reader sees it: of a folder its last part, ``clip:/models/b32`` is clip:b32.

    Parameters
    ----------
    spec : str
        As `napari_qualify.embed.registry.load_encoder` takes it.
    """
    name, _, argument = spec.partition(":")
    last = Path(argument.replace("\\", "/")).name
    return f"{name}:{last}" if "/" in argument.replace("\\", "/") and last else spec


def _dot_plot(
    table: "DataFrame", line: str, lines: Sequence[str], series: str, names: Sequence[str], x: str
) -> "Figure":
    """Panel per criterion, line per value of `line`, marker per value of `series`."""
    criteria = _values(table, "criterion") or [""]
    height = max(2.2, 1.3 + _ROW * len(lines) * max(1.0, 0.55 * len(names)))
    figure, panels = _panels(criteria, height=height, across=len(criteria), share=True)
    places = {name: i for i, name in enumerate(lines)}
    step = 0.7 / max(len(names), 1)
    for criterion, axes in zip(criteria, panels, strict=True):
        for i, name in enumerate(names):
            rows = table[(table["criterion"] == criterion) & (table[series] == name)]
            colour, marker = _style(i)
            y = np.array([places[text] for text in rows[line]]) + (i - (len(names) - 1) / 2) * step
            value = rows["value"].to_numpy(float)
            low, high = rows["low"].to_numpy(float), rows["high"].to_numpy(float)
            axes.hlines(y, low, high, color=colour, linewidth=1.4)
            axes.plot(value, y, color=colour, marker=marker, markersize=5, ls="", label=name)
        for between in range(len(lines) - 1):
            axes.axhline(between + 0.5, color="#e3e3e3", linewidth=0.6)
        axes.set_yticks(range(len(lines)), lines)
        axes.set_ylim(len(lines) - 0.5, -0.5)
        axes.grid(axis="x", color="#e3e3e3", linewidth=0.6)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(x)
    if len(names) > 1:
        _legend_above(figure, panels, min(3, len(names)))
    return figure


def _panels(
    titles: Sequence[str], *, height: float = _PANEL, across: int = 3, share: bool = False
) -> tuple["Figure", list["Axes"]]:
    """A figure of panels with titles, at most `across` in a row."""
    from matplotlib.figure import Figure

    count = max(len(titles), 1)
    columns = min(count, max(across, 1))
    rows = -(-count // columns)
    extra = 1.2 if share else 0.3
    figure = Figure(figsize=(columns * _PANEL + extra, rows * height), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharex=share, sharey=share)
    panels = list(grid.flat)
    for unused in panels[count:]:
        unused.set_axis_off()
    for title, axes in zip(titles, panels, strict=False):
        axes.set_title(title, fontsize=11)
        axes.spines[["top", "right"]].set_visible(False)
    return figure, panels[:count]


def _outer_labels(figure: "Figure", panels: Iterable["Axes"], x: str, y: str) -> None:
    """Axis labels where they are not repeated: x below each panel, y at the left ones."""
    for axes in panels:
        spec = axes.get_subplotspec()
        if x:
            axes.set_xlabel(x)
        if y and spec is not None and spec.is_first_col():
            axes.set_ylabel(y)


def _square(axes: "Axes") -> None:
    axes.set_aspect("equal")
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5", "0.75", "1"])
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5", "0.75", "1"])


def _legend(axes: "Axes", place: Any) -> None:
    axes.legend(loc=place, fontsize=8, frameon=True, framealpha=0.85, edgecolor="none")


def _legend_above(figure: "Figure", panels: Sequence["Axes"], columns: int) -> None:
    """One legend for all panels, above them."""
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=columns, frameon=False)


def _style(i: int) -> tuple[str, str]:
    return COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)]


def _values(table: "DataFrame", column: str) -> list[str]:
    """Values of a column in the order in which they come."""
    return [str(value) for value in table[column].unique()]
