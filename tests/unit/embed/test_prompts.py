"""Templates: only where they were measured to help."""

from types import SimpleNamespace

from napari_qualify.embed.prompts import PLAIN, PROMPTS, filled, prompts_for
from napari_qualify.embed.registry import BUILT_IN


def test_encoders_without_a_measurement_get_the_text_as_it_stands():
    assert prompts_for(SimpleNamespace(name="clip")) == PLAIN
    assert prompts_for(SimpleNamespace(name="somebody's")) == PLAIN
    assert filled("pores", PLAIN) == ["pores"]


def test_templates_have_one_place_and_belong_to_encoders_that_exist():
    for name, prompts in PROMPTS.items():
        assert name in BUILT_IN
        assert all(prompt.count("{}") == 1 for prompt in prompts)
        assert len(set(prompts)) == len(prompts) > 1


def test_a_short_statement_is_put_into_each_and_braces_in_it_stay():
    assert filled("a {100} texture", ("{}", "an image of {}")) == [
        "a {100} texture",
        "an image of a {100} texture",
    ]


def test_a_sentence_is_not_put_into_a_sentence():
    text = "the carbides lie evenly in the matrix and their edges are clean and sharp"
    assert filled(text, PROMPTS["lite"]) == [text]
