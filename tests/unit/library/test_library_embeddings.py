"""Embeddings: exact, first kept, never mixed, read fast."""

import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_qualify.errors import LibraryError, UsageError
from napari_qualify.library.store import Library, open_library

finite = st.floats(allow_nan=False, allow_infinity=False, width=32)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    batches=st.lists(
        st.lists(st.text(min_size=1), max_size=6).flatmap(
            lambda keys: st.tuples(
                st.just(keys), arrays(np.float32, (len(keys), 5), elements=finite)
            )
        ),
        max_size=4,
    ),
    number=st.integers(0, 10**9),
)
def test_first_vector_of_a_key_is_kept_exactly(
    library: Library, batches: list[tuple[list[str], np.ndarray]], number: int
) -> None:
    fingerprint = f"fp-{number}"
    library = open_library(library.path)
    before = library.vectors(fingerprint, [k for keys, _ in batches for k in keys])
    expected = dict(before)
    for keys, vectors in batches:
        new = library.store_vectors(fingerprint, {"number": number}, keys, vectors)
        assert new == len({k for k in keys if k not in expected})
        for key, vector in zip(keys, vectors, strict=True):
            expected.setdefault(key, vector)
    for reader in (library, open_library(library.path)):
        found = reader.vectors(fingerprint, [*expected, "not there\0"])
        assert found.keys() == expected.keys()
        for key, vector in expected.items():
            assert found[key].dtype == np.float32
            assert found[key].tobytes() == vector.tobytes()


def test_key_twice_in_one_call_keeps_the_first(library: Library) -> None:
    assert library.store_vectors("fp", {}, ["a", "b", "a"], [[1, 1], [2, 2], [3, 3]]) == 2
    assert {k: v[0] for k, v in library.vectors("fp", ["a", "b"]).items()} == {"a": 1, "b": 2}


def test_thousand_keys_are_read_fast(library: Library) -> None:
    rng = np.random.default_rng(0)
    keys = [f"{i:064x}" for i in range(2000)]
    vectors = rng.normal(size=(2000, 1280)).astype(np.float32)
    for start in range(0, 2000, 500):
        library.store_vectors("lite", {}, keys[start : start + 500], vectors[start : start + 500])
    picked = rng.permutation(2000)[:1000]
    best = np.inf
    for _ in range(5):  # the machine may be busy with others
        reader = open_library(library.path)
        start_time = time.perf_counter()
        found = reader.vectors("lite", [keys[i] for i in picked])
        best = min(best, time.perf_counter() - start_time)
    assert all((found[keys[i]] == vectors[i]).all() for i in picked)
    assert best < 0.05


def test_precision_is_kept_per_vector(library: Library) -> None:
    library.store_vectors("fp", {}, ["a", "b"], np.ones((2, 3)))
    library.store_vectors("fp", {}, ["b", "c"], np.zeros((2, 3)), "bf16")
    assert library.precisions("fp", ["a", "b", "c", "d"]) == {"a": "fp32", "b": "fp32", "c": "bf16"}
    assert library.vectors("fp", "c")["c"].tolist() == [0, 0, 0]
    assert library.precisions("other", ["a"]) == {}


def test_fingerprints_are_described_and_never_mixed(library: Library) -> None:
    description = {"view": "raw", "tile": (1.5, None), "é": [True]}
    library.store_vectors("fp", description, ["a"], np.ones((1, 3)))
    stored = {"view": "raw", "tile": [1.5, None], "é": [True]}
    assert open_library(library.path).fingerprints() == {"fp": stored}
    assert library.store_vectors("fp", description, ["a"], np.zeros((1, 3))) == 0
    with pytest.raises(UsageError, match="length 4 beside those of length 3"):
        library.store_vectors("fp", description, ["b"], np.ones((1, 4)))
    with pytest.raises(UsageError, match="never mixed"):
        library.store_vectors("fp", {"view": "masked"}, ["b"], np.ones((1, 3)))
    assert library.vectors("elsewhere", ["a"]) == {}


@pytest.mark.parametrize(
    ("fingerprint", "keys", "vectors", "precision"),
    [
        ("../x", ["a"], np.ones((1, 3)), "fp32"),
        (".x", ["a"], np.ones((1, 3)), "fp32"),
        ("", ["a"], np.ones((1, 3)), "fp32"),
        ("x", ["a"], np.ones(3), "fp32"),
        ("x", ["a", "b"], np.ones((1, 3)), "fp32"),
        ("x", ["a"], np.ones((1, 0)), "fp32"),
        ("x", ["a"], np.full((1, 3), np.nan), "fp32"),
        ("x", ["a"], np.full((1, 3), 1e300), "fp32"),
        ("x", [""], np.ones((1, 3)), "fp32"),
        ("x", ["a"], np.ones((1, 3)), "fp64"),
    ],
)
def test_wrong_vectors_are_refused(
    library: Library, fingerprint: str, keys: list[str], vectors: np.ndarray, precision: str
) -> None:
    with pytest.raises(UsageError):
        library.store_vectors(fingerprint, {}, keys, vectors, precision)
    assert library.fingerprints() == {}


def test_nothing_new_writes_nothing(library: Library) -> None:
    library.store_vectors("fp", {}, ["a"], np.ones((1, 3)))
    stamp = (library.path / "zarr.json").stat().st_mtime_ns
    entries = len(library.log)
    assert library.store_vectors("fp", {}, ["a"], np.ones((1, 3))) == 0
    assert library.store_vectors("fp", {}, [], np.ones((0, 3))) == 0
    assert (library.path / "zarr.json").stat().st_mtime_ns == stamp
    assert len(library.log) == entries


def test_damaged_chunk_is_noticed(library: Library) -> None:
    library.store_vectors("fp", {}, ["a", "b"], np.random.default_rng(0).normal(size=(2, 300)))
    chunk = Path(library.path, "embeddings", "fp", "vectors", "c.0.0")
    data = bytearray(chunk.read_bytes())
    data[17] ^= 1
    chunk.write_bytes(data)
    with pytest.raises(LibraryError, match="damaged"):
        library.vectors("fp", ["a"])
    assert len(library.verify()) == 1
