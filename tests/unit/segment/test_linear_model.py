import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from napari_qualify.errors import Cancelled
from napari_qualify.progress import silent
from napari_qualify.segment import linear_model


def clusters(counts=(600, 150, 50), dimensions=6, seed=0):
    rng = np.random.default_rng(seed)
    middles = rng.normal(0, 1.0, (len(counts), dimensions))
    classes = np.repeat(np.arange(len(counts)), counts)
    features = middles[classes] + rng.normal(0, 1, (len(classes), dimensions))
    scale = 10.0 ** rng.uniform(-2, 2, dimensions)
    return (features * scale + rng.normal(0, 5, dimensions)).astype(np.float32), classes


def softmax(logits):
    found = np.exp(logits - logits.max(1, keepdims=True))
    return found / found.sum(1, keepdims=True)


@pytest.mark.parametrize("penalty", [0.01, linear_model.PENALTY, 1.0])
def test_agrees_with_scikit_learn(penalty):
    features, classes = clusters()
    weights, bias = linear_model.fit(features, classes, 3, silent, penalty)
    deviation = features.std(0)
    peer = LogisticRegression(
        C=1 / (penalty * len(classes)), class_weight="balanced", max_iter=2000, tol=1e-8
    ).fit((features - features.mean(0)) / deviation, classes)
    assert np.abs(weights * deviation - peer.coef_).max() < 5e-3
    ours = softmax(features @ weights.T + bias)
    assert np.abs(ours - peer.predict_proba((features - features.mean(0)) / deviation)).max() < 5e-3


def test_how_much_was_painted_of_a_phase_does_not_matter():
    features, classes = clusters((400, 400))
    more = np.concatenate([features, *[features[classes == 0]] * 5])
    numbers = np.concatenate([classes, *[classes[classes == 0]] * 5])
    one, two = (
        linear_model.fit(x, y, 2, silent)
        for x, y in (
            (features / features.std(0), classes),
            (more / features.std(0), numbers),
        )
    )
    # Only the standardisation sees the copies.
    agree = [(x := features / features.std(0)) @ w.T + b for w, b in (one, two)]
    assert np.mean(agree[0].argmax(1) == agree[1].argmax(1)) > 0.97
    assert np.mean(x @ one[0].T + one[1] > 0, axis=0) == pytest.approx([0.5, 0.5], abs=0.05)


def test_a_feature_that_never_changes_does_no_harm():
    features, classes = clusters()
    features[:, 2] = 7
    weights, bias = linear_model.fit(features, classes, 3, silent)
    assert np.isfinite(weights).all() and np.isfinite(bias).all()
    assert np.mean((features @ weights.T + bias).argmax(1) == classes) > 0.7


def test_cancelled_passes():
    def stop(*_):
        raise Cancelled

    with pytest.raises(Cancelled):
        linear_model.fit(*clusters(), 3, stop)


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.9])
def test_shares_are_recovered(share):
    rng = np.random.default_rng(1)
    second = rng.random(40_000) < share
    x = rng.normal(np.where(second, 1.25, -1.25), 1)
    balanced = 1 / (1 + np.exp(-2.5 * x))  # of two normal classes as common as each other
    found = linear_model.shares(np.column_stack([1 - balanced, balanced]))
    assert found.sum() == pytest.approx(1)
    assert found[1] == pytest.approx(second.mean(), abs=0.01)


def test_no_share_vanishes():
    found = linear_model.shares(np.tile([1.0, 0.0, 0.0], (100, 1)))
    assert found == pytest.approx([0.996, 0.002, 0.002], abs=1e-4)
