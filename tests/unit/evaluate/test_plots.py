import hashlib

import numpy as np
import pandas as pd
import pytest

from napari_qualify.errors import UsageError
from napari_qualify.evaluate import plots


@pytest.fixture(scope="module")
def judged() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = []
    for criterion in ("porosity", "carbide degradation"):
        for setting in ("default", "paper"):
            truth = rng.random(40) < 0.5
            score = rng.normal(size=40) + 1.5 * truth
            for i in range(40):
                side = "accept" if truth[i] else "reject"
                call = "accept" if score[i] >= 0.7 else "reject"
                rows.append((criterion, setting, side, score[i], call, rng.random(), rng.random()))
    columns = ["criterion", "setting", "truth", "score", "call", "p_accept", "p_reject"]
    return pd.DataFrame(rows, columns=columns)


def ablated() -> pd.DataFrame:
    rows = []
    for view in ("raw", "phases"):
        for population in ("library", "batch", "none"):
            for criterion in ("porosity", "carbide degradation"):
                for metric in ("auroc", "balanced_accuracy"):
                    first = ("lite", view, "auto", population, "auto", criterion, metric)
                    rows.append((*first, 0.9, 0.8, 0.95))
    rows.append(("clip", "raw", "auto", "library", "auto", "porosity", "", np.nan, np.nan, np.nan))
    columns = "encoder view modality population rule criterion metric value low high"
    return pd.DataFrame(rows, columns=columns.split())


def texts(axes) -> list[str]:
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_roc_states_the_area_and_marks_the_call(judged):
    from sklearn.metrics import roc_auc_score

    one = judged[(judged["criterion"] == "porosity") & (judged["setting"] == "paper")]
    axes = plots.roc_figure(one).axes[0]
    truth = one["truth"] == "accept"
    assert f"AUROC {roc_auc_score(truth, one['score']):.3f}, n = 40" in texts(axes)
    call = one["call"] == "accept"
    marker = next(line for line in axes.lines if len(line.get_xdata()) == 1)
    assert marker.get_xdata()[0] == pytest.approx(call[~truth].mean())
    assert marker.get_ydata()[0] == pytest.approx(call[truth].mean())


def test_roc_of_one_side_says_that_there_is_no_curve(judged):
    one = judged[judged["truth"] == "accept"]
    assert "default: no curve (accepted only)" in texts(plots.roc_figure(one).axes[0])


def test_calibration_shows_the_share_at_or_below_a_risk(judged):
    one = judged[(judged["criterion"] == "porosity") & (judged["setting"] == "paper")]
    line = plots.calibration_figure(one).axes[0].lines[1]
    values = one.loc[one["truth"] == "accept", "p_accept"]
    x, y = line.get_xdata(), line.get_ydata()
    at = np.searchsorted(x, 0.3, side="right") - 1
    assert y[at] == pytest.approx((values <= 0.3).mean())


def test_ablation_has_a_line_per_setting_and_a_marker_per_population():
    figure = plots.ablation_figure(ablated(), "auroc")
    assert [axes.get_title() for axes in figure.axes] == ["porosity", "carbide degradation"]
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == ["raw", "phases"]
    assert "AUROC" in figure.axes[0].get_xlabel()
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["z over the library", "z over the batch", "no z"]
    places = np.concatenate(
        [line.get_ydata() for line in figure.axes[0].lines if line.get_marker() in "os^"]
    )
    assert len(set(np.round(places, 6))) == 6  # no marker hides another


def test_differences_are_drawn_beside_a_line_at_zero():
    rows = [("view phases", "*", "auroc", -0.1, -0.2, 0.0)]
    columns = ["change", "criterion", "metric", "difference", "low", "high"]
    axes = plots.differences_figure(pd.DataFrame(rows, columns=columns)).axes[0]
    assert axes.get_title() == "mean of the criteria"
    assert any(list(line.get_xdata()) == [0.0, 0.0] for line in axes.lines)
    assert any(list(line.get_xdata()) == [-0.1] for line in axes.lines)


def test_metrics_curve_and_agreement_name_what_they_show():
    rows = [("porosity", "default", m, 0.9, 0.8, 1.0) for m in ("auroc", "precision_at_5")]
    columns = ["criterion", "setting", "metric", "value", "low", "high"]
    axes = plots.metrics_figure(pd.DataFrame(rows, columns=columns)).axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["AUROC", "precision at 5"]

    curve = pd.DataFrame(
        [(n, "review_rate", 1 / n, 0.5 / n, 1.5 / n) for n in (5, 1, 9)],
        columns=["references", "metric", "value", "low", "high"],
    )
    axes = plots.curve_figure(curve).axes[0]
    assert axes.get_title() == "review rate"
    assert list(axes.lines[0].get_xdata()) == [1, 5, 9]

    names = ["rater-sim-1", "rater-sim-2"]
    matrix = pd.DataFrame([[1.0, 0.25], [0.25, np.nan]], index=names, columns=names)
    matrix.attrs["measure"] = "Cohen's kappa"
    figure = plots.agreement_figure(matrix)
    assert [t.get_text() for t in figure.axes[0].texts] == ["1.00", "0.25", "0.25", "none"]
    assert figure.axes[1].get_ylabel() == "Cohen's kappa"


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_same_figure_same_bytes(judged, tmp_path, suffix):
    digests = set()
    for i in range(2):
        path = plots.save(plots.roc_figure(judged), tmp_path / f"{i}{suffix}")
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(digests) == 1
    content = path.read_bytes()
    assert b"dc:date" not in content and b"Matplotlib" not in content[:2000]


def test_another_suffix_is_refused(judged, tmp_path):
    with pytest.raises(UsageError, match=r"\.png or \.svg"):
        plots.save(plots.roc_figure(judged), tmp_path / "roc.bmp")


def test_no_window_toolkit_is_touched(judged):
    import sys

    plots.roc_figure(judged)
    assert (
        "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()
    )


@pytest.mark.parametrize(
    ("spec", "shown"),
    [
        ("lite", "lite"),
        ("clip:ViT-B-16:laion2b", "clip:ViT-B-16:laion2b"),
        ("clip:local-dir:/models/b32", "clip:b32"),
        ("flava:C:\\models\\flava-full", "flava:flava-full"),
    ],
)
def test_an_encoder_in_a_folder_is_named_without_its_path(spec, shown):
    assert plots.encoder_name(spec) == shown
