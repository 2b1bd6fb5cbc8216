"""What a score was worth, and wrong verdicts against the risk."""

import numpy as np
import pytest
from sklearn.isotonic import isotonic_regression

from napari_qualify.decide.conformal import p_value
from napari_qualify.errors import UsageError
from napari_qualify.evaluate.curves import (
    CALIBRATION_COLUMNS,
    RISK_COLUMNS,
    calibration_curve,
    risk_curve,
)


@pytest.fixture(scope="module")
def table(make_table):
    """Scores of two normal classes with their split-conformal p-values."""
    rng = np.random.default_rng(2)
    truth = np.arange(400) % 2 == 0
    score = rng.normal(size=400) + np.where(truth, 1.0, -1.0)
    known = rng.normal(size=(2, 99)) + [[1.0], [-1.0]]

    def p(side, of_accepted):
        judged = np.repeat(score[:, None], 99, axis=1)
        return p_value(known[side], judged, of_accepted=of_accepted)

    return make_table(truth, score, p_accept=p(0, True), p_reject=p(1, False))


def test_each_bin_tells_the_share_that_experts_accept(table):
    found = calibration_curve(table, bins=8)
    assert list(found.columns) == list(CALIBRATION_COLUMNS)
    assert len(found) == 8 and (found["n"] == 50).all()
    score, truth = table["score"].to_numpy(), (table["truth"] == "accept").to_numpy()
    for row in found.itertuples():
        inside = (score >= row.score_low) & (score <= row.score_high)
        assert inside.sum() == row.n
        assert row.accepted == pytest.approx(truth[inside].mean())
        assert row.score == pytest.approx(score[inside].mean())
        assert row.low <= row.accepted <= row.high


def test_the_fit_is_the_isotonic_one(table):
    found = calibration_curve(table, bins=400)
    ordered = table.sort_values("score")
    expected = isotonic_regression((ordered["truth"] == "accept").to_numpy(float))
    assert found["fitted"].to_numpy() == pytest.approx(expected)
    assert (np.diff(found["fitted"]) >= 0).all()


def test_equal_scores_stay_together(make_table):
    found = calibration_curve(make_table([True, False] * 10, [0.5] * 19 + [2.0]), bins=5)
    assert list(found["n"]) == [19, 1]


def test_without_scores_or_p_values_there_are_no_rows(make_table):
    table = make_table([True, False], [None, None], verdict=["accept", "reject"])
    assert list(calibration_curve(table).columns) == list(CALIBRATION_COLUMNS)
    assert calibration_curve(table).empty and risk_curve(table).empty
    assert list(risk_curve(table).columns) == list(RISK_COLUMNS)


def test_p_values_keep_their_promise_and_wrong_verdicts_stay_under_the_risk(table):
    found = risk_curve(table, [0.02, 0.05, 0.1, 0.2])
    assert len(found) == 8
    assert (found["p_at_most"] <= found["risk"] + 0.06).all()
    assert (found["wrong"] <= found["p_at_most"]).all()
    assert ((found["low"] <= found["wrong"]) & (found["wrong"] <= found["high"])).all()
    decided = found[found["truth"] == "accept"].set_index("risk")["decided"]
    assert decided[0.02] < decided[0.1]


def test_a_stated_risk_gives_the_verdicts_of_the_table(make_table):
    truth = [True, True, False, False, True]
    p_accept, p_reject = [0.5, 0.05, 0.5, 0.5, 0.05], [0.05, 0.5, 0.05, 0.5, 0.05]
    found = risk_curve(make_table(truth, [0] * 5, p_accept=p_accept, p_reject=p_reject), [0.1])
    by = found.set_index("truth")
    # accepted: accept, reject, neither (review); rejected: accept, both (review)
    assert by.loc["accept", ["wrong", "decided", "p_at_most"]].tolist() == pytest.approx(
        [1 / 3, 2 / 3, 2 / 3]
    )
    assert by.loc["reject", ["wrong", "decided", "p_at_most"]].tolist() == pytest.approx(
        [1 / 2, 1 / 2, 1 / 2]
    )


def test_one_sided_p_values_are_enough(make_table):
    table = make_table([True, False], [0, 0], p_accept=[0.5, 0.05])
    by = risk_curve(table, [0.1]).set_index("truth")
    assert by.loc["reject", "decided"] == 1 and by.loc["reject", "wrong"] == 0
    assert np.isnan(by.loc["reject", "p_at_most"]) and by.loc["accept", "p_at_most"] == 0


def test_wrong_settings_are_refused(table):
    with pytest.raises(UsageError, match="risk 1"):
        risk_curve(table, [1.0])
    with pytest.raises(UsageError, match="0 bins"):
        calibration_curve(table, bins=0)
