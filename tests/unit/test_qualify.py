"""The verb `qualify` on real libraries: order, notes, samples, limits, records."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from tifffile import imwrite

import napari_qualify as nq
from napari_qualify.embed.pipeline import embed_each
from napari_qualify.embed.registry import load_encoder
from napari_qualify.embed.settings import settings_of
from napari_qualify.errors import Cancelled, EncoderError, MicrographError, UsageError
from napari_qualify.micrograph import Micrograph
from napari_qualify.precision import has_bfloat16
from napari_qualify.segment.phases import Phases


def field(seed, coarse, pixel_size_um=0.5):
    """A texture: fine is accepted, coarse is rejected."""
    rng = np.random.default_rng(seed)
    smooth = gaussian_filter(rng.normal(size=(140, 140)), 5 if coarse else 1.5)
    contrast = rng.uniform(25, 45)
    pixels = np.uint8(np.clip(rng.uniform(100, 150) + contrast * smooth / smooth.std(), 0, 255))
    return Micrograph(pixels, pixel_size_um, f"{'coarse' if coarse else 'fine'}-{seed}.tif")


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    made = nq.open_library(tmp_path_factory.mktemp("lab") / "grain", create=True)
    made.add_criterion("grain", accept=["fine grains"], reject=["coarse grains"])
    for coarse in (False, True):
        side = [field(i + 100 * coarse, coarse) for i in range(10)]
        made.add_references("grain", side, "reject" if coarse else "accept", expert="rater-sim-1")
    return made


def test_fine_and_coarse_are_told_apart_with_evidence(library):
    items = [field(500 + i, coarse=i % 2 == 1) for i in range(8)]
    found = nq.qualify(items, library)
    assert [a.image for a in found] == [m.name for m in items]
    calls = [a["grain"].call for a in found]
    assert calls == ["accept", "reject"] * 4
    for a in found:
        verdict = a["grain"]
        assert verdict.modality == "visual"  # images tell them apart: words add nothing
        assert set(verdict.scores) == {"visual", "cross", "hybrid"}
        assert {n.verdict for n in verdict.evidence.accepted} == {"accept"}
        assert [s[:2] for s in verdict.evidence.statements] == [
            ("fine grains", "accept"),
            ("coarse grains", "reject"),
        ]
        for neighbour in (*verdict.evidence.accepted, *verdict.evidence.rejected):
            assert found.thumbnails[neighbour.reference].dtype == np.uint8
        assert a.thumbnail is not None and a.content_hash and a.created.endswith("+00:00")
    assert found.provenance["library_version"] == library.version == found[0].library_version
    assert found.provenance["criteria"]["grain"]["references"] == 20


def test_the_assessments_stay_in_the_library_unless_told_otherwise(library):
    before = len(library.assessments())
    nq.qualify(field(600, False), library, record=False)
    assert len(library.assessments()) == before
    nq.qualify(field(600, False), library.path)
    stored = nq.open_library(library.path).assessments()
    assert len(stored) == before + 1
    assert stored[-1]["verdicts"][0]["criterion"] == "grain"


def test_a_verdict_does_not_change_with_the_other_micrographs(library):
    items = [field(700 + i, coarse=i % 2 == 1) for i in range(5)]
    together = nq.qualify(items, library, record=False)
    for m, a in zip(items, together, strict=True):
        alone = nq.qualify(m, library, record=False)[0]["grain"]
        for name in ("verdict", "reason", "call", "p_accept", "p_reject", "rule", "messages"):
            assert getattr(alone, name) == getattr(a["grain"], name)
        assert alone.score == pytest.approx(a["grain"].score, rel=1e-9)


def test_fields_of_a_sample_are_pooled(library):
    items = [field(800 + i, coarse=i >= 3) for i in range(6)]
    samples = {m.name: "bar A" if i < 3 else "bar B" for i, m in enumerate(items)}
    found = nq.qualify(items, library, samples=samples, record=False)
    rows = {(s.sample, s.criterion): s for s in found.samples}
    assert set(rows) == {(s, c) for s in ("bar A", "bar B") for c in ("grain", "*")}
    assert rows["bar A", "grain"].fields == 3
    mean = np.mean([a["grain"].score for a in found[:3]])
    assert rows["bar A", "grain"].score == pytest.approx(mean)
    assert rows["bar A", "*"].verdict == rows["bar A", "grain"].verdict
    assert rows["bar B", "*"].verdict != "accept"


def test_a_micrograph_without_calibration_is_judged_and_says_so(tmp_path):
    made = nq.open_library(tmp_path / "grain", create=True)
    made.add_criterion("grain", tile_um=60)
    made.add_references("grain", [field(1, False), field(2, False)], "accept")
    made.add_references("grain", [field(3, True), field(4, True)], "reject")
    found = nq.qualify(field(5, False, pixel_size_um=None), made)[0]
    assert any("Not calibrated" in note for note in found.notes)
    assert found["grain"].verdict == "review"
    assert found["grain"].reason == "too_few_references"


def test_a_criterion_without_references_is_a_review_beside_the_others(library):
    library.add_criterion("empty", accept=["nothing yet"])
    try:
        found = nq.qualify(field(900, False), library, record=False)[0]
    finally:
        library.remove_criterion("empty")
    assert found["empty"].verdict == "review" and found["empty"].score is None
    assert found["grain"].score is not None


def test_a_verdict_says_that_a_long_statement_was_split(library):
    long = "Fine grains of one size. Their boundaries are thin and clean. " * 25
    library.add_criterion("wordy", accept=[long], reject=["coarse grains"])
    try:
        found = nq.qualify(field(900, False), library, criteria=["wordy"], record=False)[0]["wordy"]
    finally:
        library.remove_criterion("wordy")
    assert found.reason == "zero_shot" and found.verdict == "review"
    assert any("split into 50 parts" in message for message in found.messages)


@pytest.mark.skipif(not has_bfloat16(), reason="this processor has no bfloat16")
def test_vectors_of_mixed_precision_are_named(tmp_path):
    library = nq.open_library(tmp_path / "lab", create=True)
    library.add_criterion("grain")
    for coarse in (False, True):
        verdict = "reject" if coarse else "accept"
        side = [field(i, coarse) for i in range(2)]
        exact = load_encoder("lite", "cpu", "fp32" if coarse else "bf16")
        list(embed_each(side, exact, settings_of(library, "grain"), library=library))
        library.add_references("grain", side, verdict)
    found = nq.qualify(field(9, False), library)[0]["grain"]
    assert "Vectors of mixed precision: bf16, fp32." in found.messages


def test_a_measured_limit_is_judged_from_the_phases(tmp_path):
    made = nq.open_library(tmp_path / "limits", create=True)
    made.add_criterion("porosity", limit="pore.area_fraction <= 0.05")
    m = field(1, False)
    assert nq.qualify(m, made)[0]["porosity"].reason == "no_phases"
    labels = np.zeros(m.shape, np.uint8)
    labels[3::7, 3::7] = 1  # about 2 % pores, one pixel each
    phases = Phases(labels, {0: "matrix", 1: "pore"}, 0.5, m.content_hash, {})
    verdict = nq.qualify(m, made, phases={m.content_hash: phases})[0]["porosity"]
    assert verdict.verdict == "accept" and verdict.modality == "measure"
    assert verdict.value == pytest.approx((labels == 1).mean())
    made.save_phases(m, replace(phases, labels=np.uint8(gaussian_labels())))
    assert nq.qualify(m, made)[0]["porosity"].verdict == "reject"


def test_a_measured_limit_judges_a_sample_by_the_scatter_between_its_fields(tmp_path):
    made = nq.open_library(tmp_path / "limits", create=True)
    made.add_criterion("porosity", limit="pore.area_fraction <= 0.05")
    fields = [field(k, False) for k in range(4)]

    def judged(shares):
        phases = {}
        for k, (m, share) in enumerate(zip(fields, shares, strict=True)):
            noise = np.random.default_rng(k).random(m.shape)
            labels = (noise < share).astype(np.uint8)
            phases[m.content_hash] = Phases(labels, {0: "matrix", 1: "pore"}, 0.5, m.content_hash)
        samples = {m.name: "bar" for m in fields}
        found = nq.qualify(fields, made, samples=samples, phases=phases, record=False)
        bar = {s.criterion: s for s in found.samples}["porosity"]
        return [item["porosity"].verdict for item in found], bar

    # One field alone is above the limit, but not the sample.
    each, bar = judged([0.01, 0.012, 0.011, 0.06])
    assert each == ["accept", "accept", "accept", "reject"]
    assert (bar.verdict, bar.reason, bar.fields) == ("review", "interval_spans_limit", 4)
    _, bar = judged([0.01, 0.012, 0.011, 0.013])
    assert (bar.verdict, bar.reason) == ("accept", "")
    _, bar = judged([0.08, 0.082, 0.081, 0.083])
    assert bar.verdict == "reject"


def test_a_sample_with_a_field_without_phases_is_a_review(tmp_path):
    made = nq.open_library(tmp_path / "limits", create=True)
    made.add_criterion("porosity", limit="pore.area_fraction <= 0.05")
    fields = [field(k, False) for k in range(3)]
    labels = np.zeros(fields[0].shape, np.uint8)
    labels[3::7, 3::7] = 1
    phases = {
        m.content_hash: Phases(labels, {0: "matrix", 1: "pore"}, 0.5, m.content_hash)
        for m in fields[:2]
    }
    samples = {m.name: "bar" for m in fields}
    found = nq.qualify(fields, made, samples=samples, phases=phases, record=False)
    bar = {s.criterion: s for s in found.samples}["porosity"]
    assert (bar.verdict, bar.reason) == ("review", "no_phases")


def gaussian_labels():
    """About a quarter pores in spots of two pixels."""
    smooth = gaussian_filter(np.random.default_rng(0).normal(size=(140, 140)), 1)
    return smooth > np.quantile(smooth, 0.75)


def test_the_batch_population_is_the_papers_and_says_so(library):
    items = [field(950 + i, coarse=i % 2 == 1) for i in range(4)]
    found = nq.qualify(items, library, population="batch", record=False)
    scores = np.array([a["grain"].score for a in found])
    assert scores.mean() == pytest.approx(0, abs=1e-9) and scores.std() == pytest.approx(1)
    assert found[0]["grain"].evidence.population == "batch"


def test_paths_are_read_as_they_come_and_a_bad_one_names_itself(library, tmp_path):
    imwrite(tmp_path / "good.tif", field(1000, False).pixels)
    (tmp_path / "bad.tif").write_bytes(b"")
    assert nq.qualify(tmp_path / "good.tif", library, record=False)[0]["grain"].call == "accept"
    with pytest.raises(MicrographError, match="bad.tif"):
        nq.qualify([tmp_path / "good.tif", tmp_path / "bad.tif"], library, record=False)


def test_wrong_use_says_what_there_is(library, tmp_path):
    with pytest.raises(UsageError, match="no criterion 'grains'; it has grain"):
        nq.qualify(field(1, False), library, criteria=["grains"])
    with pytest.raises(UsageError, match="no criterion yet"):
        nq.qualify(field(1, False), nq.open_library(tmp_path / "new", create=True))
    with pytest.raises(UsageError, match="population"):
        nq.qualify(field(1, False), library, population="galaxy")


def test_a_library_of_an_encoder_that_is_not_here_is_refused(tmp_path):
    made = nq.open_library(tmp_path / "other", create=True, encoder="dino:small")
    made.add_criterion("grain")
    with pytest.raises(EncoderError, match="no encoder 'dino:small'"):
        nq.qualify(field(1, False), made)


def test_nothing_to_judge_is_an_empty_answer(library):
    found = nq.qualify([], library)
    assert len(found) == 0 and found.samples == ()


def test_stopping_leaves_no_assessment(library):
    before = len(library.assessments())

    def stop(stage, done, total):
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        nq.qualify(field(1100, False), library, progress=stop)
    assert len(library.assessments()) == before
