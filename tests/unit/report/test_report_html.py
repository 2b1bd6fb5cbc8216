"""The page: complete, self-contained, safe, for any number of micrographs."""

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from napari_qualify.decide.explain import explain
from napari_qualify.decide.tile_map import Place, TileMap
from napari_qualify.decide.verdict import Assessment, Assessments, Evidence, Neighbour, Verdict
from napari_qualify.embed.tiles import tile_boxes
from napari_qualify.report.html import render
from napari_qualify.report.tile_maps import paint

GREY = np.full((160, 160, 3), 120, np.uint8)
VOID = {"meta", "br", "img", "input", "hr", "link"}
EVIL = "<script>alert('x')</script>\"'&<b>.tif"


class Page(HTMLParser):
    """Elements and text of a page; complains about tags that do not match."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.text, self.open = [], [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("script", "style"):
            self.text.append(data)

    @property
    def words(self):
        return re.sub(r"\s+", " ", " ".join(self.text))

    def all(self, tag, **wanted):
        return [
            a
            for t, a in self.elements
            if t == tag and all(v in (a.get(k) or "").split() for k, v in wanted.items())
        ]


def decided(verdict="accept", **fields):
    base = dict(criterion="porosity", verdict=verdict, call=verdict, score=1.0, cut=0.25)
    base |= dict(p_accept=0.5, p_reject=0.05) if verdict == "accept" else {}
    base |= dict(p_accept=0.05, p_reject=0.5) if verdict == "reject" else {}
    return Verdict(**(base | fields))


def batch(*verdicts, **fields):
    items = (Assessment("a.tif", "a.tif", "f" * 64, 0.5, verdicts),)
    return Assessments(items, **fields)


@pytest.mark.parametrize("count", [0, 1, 2, 60])
def test_every_micrograph_has_a_card_and_a_row(count, hand_made):
    page = Page(render(hand_made(count)))
    assert len(page.all("article")) == count
    assert len(page.all("tr", **{"data-verdict": ""})) == 0
    assert sum("data-verdict" in a for t, a in page.elements if t == "tr") == count
    assert ("No micrograph was judged" in page.words) == (count == 0)


def test_500_micrographs_stay_a_page_that_can_be_mailed(hand_made):
    html = render(hand_made(500))
    assert len(Page(html).all("article")) == 500
    assert len(html) < 15e6


def test_each_picture_is_stored_once(hand_made):
    html = render(hand_made(12))
    assert html.count("data:image/jpeg;base64,") == 12 + 6
    assert len(set(re.findall(r"data:image/jpeg;base64,[\w+/=]+", html))) == 18


def test_nothing_is_fetched(hand_made):
    html = render(hand_made(3), [("x.tif", "x.tif: truncated")])
    page = Page(html)
    assert (
        "http:" not in html
        and "https:" not in html
        and "//" not in re.sub(r"data:image/jpeg;base64,[\w+/=]+", "", html)
    )
    assert "url(" not in html and "@import" not in html
    for _, attributes in page.elements:
        assert "src" not in attributes
        assert (attributes.get("href") or "#").startswith(("#", "data:image/jpeg"))
    (policy,) = (a["content"] for a in page.all("meta") if "http-equiv" in a)
    assert "default-src 'none'" in policy


def test_the_policy_lets_its_own_script_run_and_no_other(hand_made):
    html = render(hand_made(1))
    (script,) = re.findall(r"<script>(.*?)</script>", html, re.S)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in html


def test_references_inside_the_page_lead_somewhere(hand_made):
    page = Page(render(hand_made(5), [("x.tif", "bad")]))
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    targets = {a["href"][1:] for _, a in page.elements if (a.get("href") or "").startswith("#")}
    assert len(targets) > 20
    assert targets <= set(ids)


def test_names_and_messages_are_never_markup():
    verdict = decided(
        criterion=EVIL,
        rule=EVIL,
        messages=(EVIL,),
        evidence=Evidence(
            accepted=(Neighbour(EVIL, EVIL, "accept", 0.9, EVIL, EVIL),),
            statements=((EVIL, "accept", 0.1),),
        ),
    )
    item = Assessment(EVIL, EVIL + "2", EVIL, None, (verdict,), notes=(EVIL,), created=EVIL)
    html = render(
        Assessments(
            (item,), thumbnails={EVIL: np.zeros((9, 9, 3), np.uint8)}, provenance={EVIL: EVIL}
        ),
        [(EVIL, EVIL)],
    )
    page = Page(html)
    assert len(page.all("script")) == 1
    assert "alert('x')" not in html
    assert page.all("b", **{"class": ""}) == []
    assert page.words.count("<script>alert('x')</script>") > 8


def test_file_names_of_other_encodings_can_be_written():
    item = Assessment("caf\udce9.tif", "s", "0" * 64, None, (decided(),))
    assert "caf\\udce9.tif" in render(Assessments((item,))).encode("utf-8").decode()


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (decided("accept"), "rejected ones rarely score like this (p 0.050 ≤ risk 0.10)"),
        (decided("reject"), "accepted ones rarely score like this (p 0.050 ≤ risk 0.10)"),
        (
            decided("reject", p_reject=None),
            "Accepted ones rarely score like this (p 0.050 ≤ risk 0.10)",
        ),
        (
            decided("review", reason="both_possible", call="reject"),
            "could both look like this. Forced to choose, it would reject",
        ),
        (
            decided("review", reason="too_few_references", score=None, cut=None, call=None),
            "Too few reference groups for the stated risk",
        ),
        (
            Verdict(
                "p",
                "accept",
                modality="measure",
                value=0.004,
                value_low=0.002,
                value_high=0.006,
                limit="pore.area_fraction <= 1 %",
            ),
            "Measured 0.0040, 95 % interval 0.0020 to 0.0060: the whole interval meets the limit",
        ),
        (
            Verdict("p", "review", "no_phases", modality="measure", limit="pore.count <= 3"),
            "The limit needs phases, and this micrograph has none",
        ),
    ],
)
def test_a_verdict_is_explained_in_words(verdict, words):
    assert words in Page(render(batch(verdict))).words


@pytest.mark.parametrize("verdict", ["accept", "review", "reject"])
def test_a_verdict_is_a_word_and_a_shape_not_only_a_colour(verdict):
    page = Page(render(batch(decided(verdict))))
    badges = page.all("span", **{"class": "badge"})
    assert badges and all(verdict in a["class"].split() for a in badges)
    assert verdict.capitalize() in page.words
    assert {"href": f"#i-{verdict}"} in page.all("use")


@pytest.mark.parametrize(("score", "right"), [(1.0, True), (-2.0, False), (0.25, None)])
def test_the_mark_lies_on_its_side_of_the_cut(score, right):
    other = Assessment("b.tif", "b.tif", "e" * 64, 0.5, (decided("reject", score=-3.0),))
    found = batch(decided(score=score))
    page = Page(render(replace(found, items=(*found.items, other))))
    mark = float(page.all("circle", **{"class": "mark"})[0]["cx"])
    cut = float(re.search(r"M([\d.]+)", page.all("path", **{"class": "cut"})[0]["d"])[1])
    assert (None if mark == cut else mark > cut) is right


def test_a_limit_in_percent_lies_where_the_value_is_measured():
    verdict = Verdict(
        "p",
        "accept",
        modality="measure",
        value=0.004,
        value_low=0.002,
        value_high=0.006,
        limit="pore.area_fraction <= 1 %",
    )
    page = Page(render(batch(verdict)))
    mark = float(page.all("circle", **{"class": "mark"})[0]["cx"])
    cut = float(re.search(r"M([\d.]+)", page.all("path", **{"class": "cut"})[0]["d"])[1])
    assert 8 < mark < cut < 292
    (good,) = page.all("rect", **{"class": "accept", "height": "12"})
    assert float(good["x"]) < mark < float(good["x"]) + float(good["width"]) <= cut


def test_a_similarity_is_never_given_as_a_share(hand_made):
    page = Page(render(hand_made(4)))
    assert "similarity 0.97" in page.words
    assert "97 %" not in page.words and "97%" not in page.words
    assert "it is not a probability" in page.words


def test_what_stands_behind_the_verdicts_is_named(hand_made):
    page = Page(render(hand_made(4)))
    for word in ("ni-wc.qualify.zarr", "3c9e", "torch", "2.13.0", "lite-5f2a91c0", "hybrid"):
        assert word in page.words, word


def test_samples_are_listed_with_their_fields(hand_made):
    words = Page(render(hand_made(6, per_sample=3))).words
    assert "coupon 0" in words and "coupon 1" in words


def test_counts_are_those_of_the_batch(hand_made):
    found = hand_made(30)
    words = Page(render(found)).words
    for verdict, label in (("accept", "accepted"), ("review", "to review"), ("reject", "rejected")):
        assert f"{sum(a.verdict == verdict for a in found)} {label}" in words


def test_a_reference_without_a_picture_is_still_named():
    verdict = decided(evidence=Evidence(accepted=(Neighbour("r", "ref.tif", "accept", 0.9),)))
    words = Page(render(batch(verdict))).words
    assert "ref.tif" in words and "no picture" in words


def mapped(strangeness: float = 9.0, pixel_size_um: float | None = 0.5) -> Verdict:
    """A verdict by nearest tiles whose sixth tile stands out, on 160 x 160 px."""
    boxes = tile_boxes((160, 160), 40.0)
    scores = np.zeros(len(boxes))
    scores[6] = strangeness
    found = TileMap(scores, Place(boxes, (160, 160), pixel_size_um), (0.0, 4.0))
    return decided("reject", tile_map=found, evidence=Evidence(hottest=found.hottest))


def test_a_tile_map_is_shown_with_the_place_of_the_strangest_tile():
    items = (Assessment("a.tif", "a.tif", "f" * 64, 0.5, (mapped(),), thumbnail=GREY),)
    page = Page(render(Assessments(items)))
    pictures = [a["id"] for a in page.all("symbol") if a["id"] in ("p0", "t0-0")]
    assert sorted(pictures) == ["p0", "t0-0"]
    assert {"href": "#t0-0"} in page.all("use")
    # The second tile of the second row: its middle at 30 + 20 px, 0.5 um each.
    assert "25 µm from the left and 25 µm from the top" in page.words
    assert "4.00 or more" in page.words


def test_a_tile_map_colours_the_strange_place_and_leaves_the_rest_grey():
    painted = paint(GREY, mapped().tile_map, 160)
    coloured = np.ptp(painted.astype(int), axis=2) > 20
    assert coloured[45:55, 45:55].all()
    assert not coloured[90:].any() and not coloured[:, 90:].any()
    # As strange as an accepted tile can be: no colour whatever the micrograph's own range.
    assert not (np.ptp(paint(GREY, mapped(0.1).tile_map, 160).astype(int), axis=2) > 20).any()


def test_without_a_thumbnail_there_is_no_map_and_the_words_remain():
    page = Page(render(batch(mapped(pixel_size_um=None))))
    assert "25 px" not in page.words and "50 px from the left" in page.words
    assert "or more" not in page.words and not [a for a in page.all("symbol") if a["id"] == "t0-0"]


def test_every_verdict_has_its_words_and_numbers_folded_away():
    page = Page(render(batch(decided(), decided("reject", criterion=EVIL))))
    assert len(page.all("details", **{"class": "words"})) == 2
    assert str(explain(decided())) in page.words
    assert "p_accept 0.50" in page.words
