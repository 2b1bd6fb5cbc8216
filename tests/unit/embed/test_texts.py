"""Statements of any length."""

import numpy as np
import pytest

from napari_qualify.embed.prompts import prompts_for
from napari_qualify.embed.registry import load_encoder
from napari_qualify.embed.texts import encode_statements, pieces, sentences

LONG = [
    "The carbides are spread evenly over the whole field. ",
    "At 0.8 mm from the surface the matrix is free of pores; no crack was found. ",
    "Edges of the carbides are clean and sharp, without a reaction rim. ",
]


@pytest.fixture(scope="module")
def encoder():
    return load_encoder("lite", "cpu")


def test_sentences_end_where_they_end():
    assert sentences("Dense. No pores! At 0.8 mm, e.g. here; Fine") == [
        "Dense.",
        "No pores!",
        "At 0.8 mm, e.g. here;",
        "Fine",
    ]
    assert sentences("one line\n\nanother") == ["one line", "another"]
    assert sentences("  ") == []


def test_what_fits_is_encoded_as_it_stands(encoder):
    text = "Dense matrix. No pores."
    vectors, notes = encode_statements(encoder, [text])
    np.testing.assert_array_equal(vectors, encoder.encode_texts([text]))
    assert notes == [""]


def test_what_does_not_fit_is_the_mean_of_its_sentences_and_says_so(encoder):
    text = "".join(LONG * 8)
    assert encoder.count_tokens(text) > 256
    vectors, notes = encode_statements(encoder, ["short", text])
    mean = encoder.encode_texts([s.strip() for s in LONG * 8]).mean(axis=0)
    np.testing.assert_allclose(vectors[1], mean / np.linalg.norm(mean), atol=1e-5)
    assert notes[0] == "" and "split into 24 parts" in notes[1] and "256" in notes[1]


def test_no_part_is_longer_than_the_context_and_no_word_is_lost(encoder):
    text = "a very long sentence without any stop, " * 90
    parts = pieces(encoder, text)
    assert len(parts) > 1 and all(encoder.count_tokens(p) <= 256 for p in parts)
    assert " ".join(parts).split() == text.split()
    word = "x9" * 400
    parts = pieces(encoder, word)
    assert all(encoder.count_tokens(p) <= 256 for p in parts) and "".join(parts) == word


def test_prompts_are_averaged_and_a_sentence_is_left_alone(encoder):
    prompts = prompts_for(encoder)
    vectors, _ = encode_statements(encoder, ["pearlite", LONG[1]], prompts)
    mean = encoder.encode_texts([p.format("pearlite") for p in prompts]).mean(axis=0)
    np.testing.assert_allclose(vectors[0], mean / np.linalg.norm(mean), atol=1e-5)
    np.testing.assert_allclose(vectors[1], encoder.encode_texts([LONG[1]])[0], atol=1e-5)


def test_no_texts_give_no_rows(encoder):
    vectors, notes = encode_statements(encoder, [])
    assert vectors.shape == (0, 384) and notes == []
