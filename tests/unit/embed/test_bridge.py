"""The bridge: least squares, on disk and back; the refit and its left-out quality."""

import numpy as np
import pytest

from napari_qualify.embed import bridge, refit
from napari_qualify.embed.bridge import Bridge, base_bridge
from napari_qualify.errors import EncoderError, UsageError

BLOCKS = (4, 8)
D, T = 12, 6


@pytest.fixture
def world():
    """Visual vectors whose texts follow from them by a hidden linear map, in 30 groups."""
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(D, T))
    centre = np.repeat(rng.normal(size=(30, D)), 3, axis=0)
    visual = centre + 0.1 * rng.normal(size=centre.shape)
    texts = unit(centre @ hidden + 2.0)
    return visual, texts, np.repeat([f"g{i}" for i in range(30)], 3)


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def nothing():
    """A base that knows nothing."""
    return bridge.bridge_of(np.zeros(D), np.ones(D), np.zeros((D, T)), np.ones(T))


def test_fit_is_ridge_regression_of_scikit_learn(world):
    from sklearn.linear_model import Ridge

    visual, texts, _ = world
    found = bridge.fit(visual, texts, BLOCKS, penalty=0.5)
    z = (visual - found.mean) / found.scale
    alpha = 0.5 * float((z**2).sum()) / D
    peer = Ridge(alpha=alpha).fit(z, texts)
    np.testing.assert_allclose(found.apply(visual), unit(peer.predict(z)), atol=1e-5)


def test_every_block_counts_alike(world):
    visual = world[0] * np.linspace(0.1, 10, D)
    mean, scale = bridge.standardisation(visual, BLOCKS)
    variance = ((visual - mean) / scale).var(axis=0)
    assert variance[:4].sum() == pytest.approx(variance[4:].sum(), rel=0.35)


def test_a_constant_feature_stays_finite():
    visual = np.random.default_rng(0).normal(size=(20, D))
    visual[:, :4] = 1.0
    found = bridge.fit(visual, unit(np.random.default_rng(1).normal(size=(20, T))), BLOCKS, 1.0)
    assert np.isfinite(found.apply(visual)).all()


def test_a_bridge_comes_back_from_disk_as_it_was(tmp_path, world):
    found = bridge.fit(*world[:2], BLOCKS, 1.0, {"name": "test", "n": 3})
    found.save(tmp_path / "b.safetensors")
    again = bridge.load(tmp_path / "b.safetensors")
    assert again.record == {"name": "test", "n": 3} and again.identity == found.identity
    other = bridge.fit(*world[:2], BLOCKS, 2.0)
    assert other.sha256 != found.sha256


def test_what_is_no_bridge_is_refused(tmp_path, world):
    with pytest.raises(EncoderError, match="missing or no bridge"):
        bridge.load(tmp_path / "none.safetensors")
    (tmp_path / "torn").write_bytes(b"\x00" * 100)
    with pytest.raises(EncoderError, match="missing or no bridge"):
        bridge.load(tmp_path / "torn")
    with pytest.raises(EncoderError, match="do not fit"):
        Bridge(np.zeros(3), np.ones(3), np.zeros((4, 2)), np.zeros(2))
    with pytest.raises(EncoderError, match="not finite"):
        Bridge(np.zeros(3), np.ones(3), np.full((3, 2), np.nan), np.zeros(2))
    with pytest.raises(EncoderError, match=r"shape \(n, 12\)"):
        nothing().apply(np.zeros((1, 5)))


def test_the_shipped_base_is_small_and_says_how_it_was_made():
    from napari_qualify.embed.lite import BLOCKS as STRIDES

    base = base_bridge()
    assert base.weights.shape == (sum(STRIDES), 384) == (992, 384)
    path = bridge.Path(bridge.__file__).parent / bridge.FILE
    assert path.stat().st_size < 4_000_000
    assert base.record["made_by"].startswith("benchmarks/bridge_fit.py")
    assert base.record["classes"] > 40


def test_the_shipped_base_tells_rendered_structures_from_each_other():
    """Seeds that it was not fitted on; a bridge that knows nothing is at 0.5."""
    from sklearn.metrics import roc_auc_score

    from napari_qualify.embed.registry import load_encoder
    from napari_qualify.synthetic.corpus import example

    encoder = load_encoder("lite", "cpu")
    kinds = ("spherulites", "powder", "lamellar eutectic", "fibre sections", "nodular graphite")
    images = [example(kind, 90_000 + k).image for kind in kinds for k in range(3)]
    found = encoder.to_text_space(encoder.encode_images(images))
    asked = encoder.encode_texts([f"a micrograph showing {kind}" for kind in kinds])
    areas = [
        roc_auc_score(np.repeat(np.arange(5), 3) == k, scores)
        for k, scores in enumerate((found @ asked.T).T)
    ]
    assert min(areas) > 0.7 and np.mean(areas) > 0.85


def test_a_refit_learns_what_the_descriptions_say(world):
    visual, texts, groups = world
    found = refit.refit(nothing(), visual, texts, list(groups), BLOCKS, np.eye(T))
    assert found.matching > 0.9 > 0.6 > found.matching_base
    assert (found.groups, found.references) == (30, 90)
    assert found.bridge.record["base_sha256"] == nothing().sha256


def test_the_left_out_quality_is_that_of_refitting_without_each_group(world, monkeypatch):
    """The closed form against doing it, with the standardisation of all."""
    visual, texts, groups = world
    monkeypatch.setattr(refit, "PENALTIES", (0.7,))
    monkeypatch.setattr(refit, "SHARES", (0.5,))
    base = bridge.fit(visual, np.roll(texts, 5, axis=0), BLOCKS, 1.0)
    found = refit.refit(base, visual, texts, list(groups), BLOCKS, np.eye(T))
    mean, scale = bridge.standardisation(visual, BLOCKS)
    z = (visual - mean) / scale
    prior = 0.5 * base.weights * (scale / base.scale)[:, None]
    size = float((z**2).sum()) / len(z)
    predicted = np.empty_like(texts)
    for name in set(groups):
        out = groups == name
        # An offset that is all but free: a column of tens beside the features.
        rows = np.hstack([z, np.full((len(z), 1), 10 * size**0.5)])
        kept = rows[~out]
        gram = kept.T @ kept + 0.7 * size * np.eye(rows.shape[1])
        solved = np.linalg.solve(gram, kept.T @ (texts - z @ prior)[~out])
        predicted[out] = z[out] @ prior + rows[out] @ solved
    index = np.unique(groups, return_inverse=True)[1]
    assert found.matching == pytest.approx(refit.matching(predicted, texts, index), abs=1e-9)
    even = np.full(len(texts), 1 / 3)
    agreed = refit.agreement(predicted, texts, np.eye(T), even)
    assert found.agreement == pytest.approx(agreed, abs=1e-6) and agreed > 0.5


def test_agreement_is_the_mean_correlation_over_terms(world):
    visual, texts, _ = world
    predicted, terms = unit(visual[:, :T]), np.eye(T)[:3]
    expected = np.mean([np.corrcoef(predicted[:, k], texts[:, k])[0, 1] for k in range(3)])
    assert refit.agreement(predicted, texts, terms, np.ones(90)) == pytest.approx(expected)


def test_random_descriptions_match_at_chance(world):
    visual, texts, groups = world
    shuffled = np.repeat(np.random.default_rng(1).permutation(texts[::3]), 3, axis=0)
    found = refit.refit(nothing(), visual, shuffled, list(groups), BLOCKS, np.eye(T))
    assert 0.3 < found.matching < 0.7


def test_a_specimen_with_many_fields_does_not_outweigh_the_others(world):
    """One group repeated 20 times moves the bridge no more than one field of it."""
    visual, texts, groups = world
    visual, texts, groups = visual[::3], texts[::3], groups[::3]
    wrong = texts.copy()
    wrong[0] = -texts[0]
    often = [0] * 20 + list(range(1, 30))
    once = refit.refit(nothing(), visual, wrong, list(groups), BLOCKS, np.eye(T))
    many = refit.refit(
        nothing(), visual[often], wrong[often], list(groups[often]), BLOCKS, np.eye(T)
    )
    scores = [
        float((fitted.bridge.apply(visual[1:]) * texts[1:]).sum(axis=1).mean())
        for fitted in (once, many)
    ]
    assert scores[1] > scores[0] - 0.05


def test_too_few_specimens_are_refused(world):
    visual, texts, groups = world
    with pytest.raises(UsageError, match="7 specimens .* at least 8"):
        refit.refit(nothing(), visual[:21], texts[:21], list(groups[:21]), BLOCKS, np.eye(T))
