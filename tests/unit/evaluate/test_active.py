import numpy as np
import pytest

import napari_qualify as nq
from napari_qualify.errors import UsageError
from napari_qualify.evaluate.active import ODD_SHARE, design, next_references


def clusters(sizes=(40, 15, 15), dim=12, seed=0):
    """Unit vectors in groups round axes of their own, with the group of each."""
    rng = np.random.default_rng(seed)
    which = np.repeat(np.arange(len(sizes)), sizes)
    vectors = np.eye(dim)[which] + rng.normal(scale=0.08, size=(len(which), dim))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), which


def test_covers_what_nothing_labelled_is_like():
    vectors, which = clusters()
    known = vectors[which == 0][:2]
    found = design(known, vectors, 2)
    assert sorted(which[found.chosen]) == [1, 2]
    assert (found.usefulness > 0.5).all()
    assert (found.stands_for >= 14).all()
    assert design(known, vectors, 6).usefulness[2:].max() < 0.2  # all is covered then


def test_usefulness_is_the_distance_to_what_is_labelled_by_then():
    vectors, _ = clusters()
    found = design(vectors[:1], vectors, 5)
    known = [vectors[0]]
    for row, useful in zip(found.chosen, found.usefulness, strict=True):
        assert useful == pytest.approx(1 - max(vectors[row] @ k for k in known))
        known.append(vectors[row])
    assert len(set(found.chosen)) == 5


def test_the_odd_one_is_passed_over():
    vectors, _ = clusters()
    odd = np.eye(12)[11]  # like nothing else: a scratch, a hair on the lens
    candidates = np.vstack([vectors, odd])
    assert int(ODD_SHARE * len(candidates)) == 1
    chosen = design(vectors[:1], candidates, 30).chosen
    assert len(candidates) - 1 not in chosen
    everything = design(vectors[:1], candidates, len(candidates)).chosen
    assert everything[-1] == len(candidates) - 1


def test_without_labels_the_most_typical_comes_first():
    vectors, which = clusters()
    found = design(np.zeros((0, 12)), vectors, 3)
    assert which[found.chosen[0]] == 0  # the largest group
    assert sorted(which[found.chosen]) == [0, 1, 2]
    assert found.usefulness[0] == 1


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    lot = nq.sample_lot()
    library = nq.open_library(tmp_path_factory.mktemp("active") / "lot", create=True)
    library.add_criterion("porosity")
    library.add_criterion("pores", limit="pore.area_fraction <= 0.01")
    for verdict, paths in (("accept", lot.references[:1]), ("reject", lot.references[1:2])):
        library.add_references("porosity", paths, verdict, expert="rater-sim-1")
    return library


def test_next_references_of_a_library(library):
    lot = nq.sample_lot()
    micrographs = [*lot.references[:2], *lot.judge[:4]]
    found = next_references(library, "porosity", micrographs, 3)
    assert list(found.columns) == ["image", "usefulness", "reason"]
    assert len(found) == 3 and set(found["image"]) <= {f"judge/{p.name}" for p in lot.judge[:4]}
    assert found.attrs == {"failures": [], "candidates": 4}
    assert found["usefulness"].is_monotonic_decreasing
    assert found["reason"].str.contains("labelled").all()
    vectors = nq.embed(lot.judge[:4], library=library)
    known = nq.embed(lot.references[:2], library=library)
    first = design(known, vectors, 1).chosen[0]
    assert found["image"].iloc[0] == f"judge/{lot.judge[first].name}"


def test_nothing_left_to_choose_gives_an_empty_table(library):
    found = next_references(library, "porosity", nq.sample_lot().references[:2])
    assert found.empty and list(found.columns) == ["image", "usefulness", "reason"]


@pytest.mark.parametrize(
    ("criterion", "count", "message"),
    [("none", 1, "no criterion"), ("pores", 1, "limit"), ("porosity", 0, "1 at least")],
)
def test_wrong_use_is_refused(library, criterion, count, message):
    with pytest.raises(UsageError, match=message):
        next_references(library, criterion, nq.sample_lot().judge[:1], count)


def test_a_folder_is_looked_through_and_a_bad_file_is_named(library, tmp_path):
    (tmp_path / "good.tif").write_bytes(nq.sample_lot().judge[0].read_bytes())
    (tmp_path / "bad.tif").write_bytes(b"")
    found = next_references(library, "porosity", tmp_path)
    assert list(found["image"]) == ["good.tif"]
    ((image, error),) = found.attrs["failures"]
    assert image == "bad.tif" and "empty" in error
    (tmp_path / "none").mkdir()
    with pytest.raises(UsageError, match="no micrographs here"):
        next_references(library, "porosity", tmp_path / "none")


def test_micrographs_in_memory_can_be_chosen_from(library):
    some = [nq.read(path) for path in nq.sample_lot().judge[:3]]
    assert set(next_references(library, "porosity", some, 2)["image"]) < {m.name for m in some}
