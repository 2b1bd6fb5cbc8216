"""The shipped lot: complete, calibrated, crossed, small, and as the renderer makes it."""

import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from napari_qualify.errors import UsageError
from napari_qualify.micrograph import read
from napari_qualify.synthetic.lot import Lot, sample_lot, write_lot
from napari_qualify.synthetic.page import page
from napari_qualify.synthetic.parameters import CRITERIA, NEAR, NUISANCES
from napari_qualify.synthetic.render import render
from napari_qualify.synthetic.writing import entries

LIMIT = 8_000_000


@pytest.fixture(scope="module")
def lot() -> Lot:
    return sample_lot()


@pytest.fixture(scope="module")
def parameters(lot: Lot) -> pd.DataFrame:
    return pd.read_csv(lot.parameters_csv).set_index("image")


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file())


def test_forty_micrographs_with_phases_under_the_limit(lot: Lot) -> None:
    assert len(lot.references) == len(lot.judge) == 20
    assert {p.stem for p in (lot.folder / "phases").iterdir()} == {
        p.stem for p in [*lot.references, *lot.judge]
    }
    assert sum(p.stat().st_size for p in _files(lot.folder)) < LIMIT


def test_calibrated_grey_tiffs(lot: Lot, parameters: pd.DataFrame) -> None:
    for path in [*lot.references, *lot.judge]:
        micrograph = read(path)
        name = path.relative_to(lot.folder).as_posix()
        assert micrograph.pixels.shape == (400, 400) and micrograph.pixels.dtype == np.uint8
        assert micrograph.pixel_size_um == pytest.approx(parameters.pixel_size_um[name], rel=1e-6)
        assert not micrograph.notes


def test_no_date_in_the_files(lot: Lot) -> None:
    with tifffile.TiffFile(lot.judge[0]) as tif:
        tags = {tag.name: tag.value for tag in tif.pages.first.tags}
    assert "DateTime" not in tags
    assert str(tags["ImageDescription"]).startswith("Rendered, not photographed.")
    for path in _files(lot.folder):
        assert not re.search(rb"20\d\d[-:]\d\d[-:]\d\d", path.read_bytes()[:4000]), path


@pytest.mark.parametrize("number", [3, 27])
def test_the_renderer_still_makes_it(lot: Lot, number: int) -> None:
    entry = list(entries())[number]
    made = render(entry.parameters, entry.seed)
    shown = read(lot.folder / entry.image).pixels.astype(int)
    # Another processor may round a pixel the other way, no more.
    assert np.abs(made.image.astype(int) - shown).max() <= 1
    assert np.mean(made.image != shown) < 1e-3
    assert np.mean(made.phases != lot.phases_of(entry.image).labels) < 1e-3


def test_writing_gives_the_same_bytes(lot: Lot, tmp_path: Path) -> None:
    write_lot(tmp_path)
    written = {p.relative_to(tmp_path): p.read_bytes() for p in _files(tmp_path)}
    assert set(written) == {p.relative_to(lot.folder) for p in _files(lot.folder)}
    for name, data in written.items():
        if name.suffix != ".tif":  # compressed bytes depend on the build of zlib
            assert data == (lot.folder / name).read_bytes(), name


@pytest.mark.parametrize("table", ["references_csv", "labels_csv"])
def test_tables_are_balanced_crossed_and_follow_the_thresholds(
    lot: Lot, parameters: pd.DataFrame, table: str
) -> None:
    rows = pd.read_csv(getattr(lot, table))
    assert len(rows) == 60 and set(rows.criterion) == set(CRITERIA)
    for row in rows.itertuples():
        rule = CRITERIA[row.criterion]
        accepted = parameters[rule.parameter][row.image] <= rule.threshold
        assert row.verdict == ("accept" if accepted else "reject")
        assert (lot.folder / row.image).is_file()
    wide = rows.pivot(index="image", columns="criterion", values="verdict") == "accept"
    assert (wide.sum() == 10).all()
    for one, two in combinations(CRITERIA, 2):
        assert np.corrcoef(wide[one], wide[two])[0, 1] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("part", ["references/", "judge/"])
def test_nuisances_cover_their_range_and_do_not_tell(parameters: pd.DataFrame, part: str) -> None:
    those = parameters[parameters.index.str.startswith(part)]
    accepted = {name: those[rule.parameter] <= rule.threshold for name, rule in CRITERIA.items()}
    for name, (least, most) in NUISANCES.items():
        values = those[name]
        assert values.min() >= least and values.max() <= most
        if isinstance(least, float):  # Latin hypercube: one in every twentieth
            bins = np.floor((values - least) / (most - least) * 20 + 1e-3).clip(0, 19)
            assert bins.nunique() >= 19
        for sides in accepted.values():
            assert abs(np.corrcoef(values, sides)[0, 1]) < 0.2
    for name, rule in CRITERIA.items():
        for other, sides in accepted.items():
            correlation = abs(np.corrcoef(those[rule.parameter], sides)[0, 1])
            assert correlation > 0.7 if other == name else correlation < 0.2


def test_reference_table_has_an_experts_words(lot: Lot) -> None:
    rows = pd.read_csv(lot.references_csv)
    assert list(rows) == ["image", "criterion", "verdict", "expert", "group", "description"]
    assert set(rows.expert) == {"rater-sim-1"}
    assert rows.group.nunique() == 20
    assert rows.description.nunique() >= 15
    by_text = rows.groupby(["criterion", "description"]).verdict.nunique()
    assert (by_text == 1).all()
    assert lot.reference_verdicts("porosity")["references/ref-01.tif"] in ("accept", "reject")


def test_a_tenth_is_borderline(parameters: pd.DataFrame) -> None:
    for part in ("references/", "judge/"):
        those = parameters[parameters.index.str.startswith(part)]
        for rule in CRITERIA.values():
            close = np.abs(those[rule.parameter] / rule.threshold - 1) <= NEAR
            assert close.sum() == 2


def test_grey_does_not_tell(lot: Lot) -> None:
    """Mean and deviation of grey, cut at their best for the references, hardly help."""
    judged = pd.read_csv(lot.labels_csv)
    for name in CRITERIA:
        rows = judged[judged.criterion == name]
        accept = rows.verdict.to_numpy() == "accept"
        for measure in (np.mean, np.std):
            known = [measure(read(lot.folder / i).pixels) for i in lot.reference_verdicts(name)]
            sides = np.array([v == "accept" for v in lot.reference_verdicts(name).values()])
            new = np.array([measure(read(lot.folder / i).pixels) for i in rows.image])
            calls = [(new <= cut) == way for cut in known for way in (True, False)]
            fits = [((known <= cut) == way) == sides for cut in known for way in (True, False)]
            best = calls[int(np.argmax([f.mean() for f in fits]))]
            assert (best == accept).mean() <= 0.7


def test_statements(lot: Lot) -> None:
    assert list(lot.criteria) == list(CRITERIA)
    for criterion in lot.criteria.values():
        assert 2 <= len(criterion["accept"]) <= 4 and 2 <= len(criterion["reject"]) <= 4
        assert not set(criterion["accept"]) & set(criterion["reject"])
        assert criterion["view"] == "raw" and criterion["tile_um"] > 0


def test_phases_belong_to_their_micrograph(lot: Lot, parameters: pd.DataFrame) -> None:
    for path in lot.judge[:5]:
        phases = lot.phases_of(path)
        micrograph = read(path)
        assert phases.source == micrograph.content_hash
        assert phases.pixel_size_um == micrograph.pixel_size_um
        wanted = parameters.pore_fraction[f"judge/{path.name}"]
        assert phases.mask("pore").mean() == pytest.approx(wanted, abs=3e-4)


def test_phases_of_another_file_are_refused(lot: Lot) -> None:
    with pytest.raises(UsageError, match=r"other\.tif.*ref-01"):
        lot.phases_of("other.tif")


def test_the_page_says_that_it_is_rendered(lot: Lot) -> None:
    text = (lot.folder / "README.md").read_text(encoding="utf-8")
    assert text == page()
    assert "rendered by a program" in text and "no\nexpert judged them" in text
    for name, rule in CRITERIA.items():
        assert f"| {name} | `{rule.parameter}` | {rule.threshold:g} |" in text


@pytest.mark.slow
def test_library_of_the_lot(lot: Lot, tmp_path: Path) -> None:
    stages = set()
    library = lot.build_library(tmp_path / "lot", progress=lambda s, done, total: stages.add(s))
    assert list(library.criteria) == list(CRITERIA)
    assert library.criteria["porosity"].tile_um == lot.criteria["porosity"]["tile_um"]
    for name in CRITERIA:
        references = library.references(name)
        assert len(references) == 20
        found = {r.image: r.verdict for r in references}
        wanted = lot.reference_verdicts(name)
        assert found == {k.rsplit("/")[-1]: v for k, v in wanted.items()}
    assert "add references" in stages
    assert len(library.fingerprints()) == 1
