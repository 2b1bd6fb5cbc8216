"""Criteria and references: what is accepted, kept, refused and forgotten."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_qualify.errors import LibraryError, MicrographError, UsageError
from napari_qualify.library.jsontext import canonical, digest, plain
from napari_qualify.library.store import Library, open_library
from napari_qualify.micrograph import Intensity, Micrograph, read

reused = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
risks = st.floats(0.0001, 0.9999)


def layer(pixels: np.ndarray, name: str = "layer") -> SimpleNamespace:
    """What of a napari Image layer is read."""
    return SimpleNamespace(
        data=pixels,
        rgb=pixels.ndim == 3,
        multiscale=False,
        scale=(1.0, 1.0),
        units=("pixel", "pixel"),
        source=SimpleNamespace(path=None),
        name=name,
        metadata={},
    )


@reused
@given(
    name=st.text(min_size=1, max_size=200).filter(lambda t: t == t.strip() and t != "*"),
    accept=st.lists(st.text(min_size=1).filter(str.strip), max_size=3),
    reject=st.lists(st.text(min_size=1, max_size=2000).filter(str.strip), max_size=3),
    risk_accept=risks,
    risk_reject=risks,
    tile=st.none() | st.floats(1e-6, 1e6),
)
def test_criterion_round_trip(
    library: Library,
    name: str,
    accept: list[str],
    reject: list[str],
    risk_accept: float,
    risk_reject: float,
    tile: float | None,
) -> None:
    made = library.add_criterion(
        name,
        accept=accept,
        reject=reject,
        view="masked:carbide é",
        risk_accept=risk_accept,
        risk_reject=risk_reject,
        tile_um=tile,
        replace=True,
    )
    assert open_library(library.path).criteria[name] == made
    assert (made.accept, made.reject, made.tile_um) == (tuple(accept), tuple(reject), tile)


@pytest.mark.parametrize(
    ("name", "fields", "said"),
    [
        ("", {}, "name"),
        (" x", {}, "space"),
        ("*", {}, "reserved"),
        ("x", {"accept": " "}, "blank"),
        ("x", {"view": "masked"}, "masked:carbide"),
        ("x", {"view": "colour"}, "is not known"),
        ("x", {"view": "raw:pore"}, "is not known"),
        ("x", {"modality": "sound"}, "modality"),
        ("x", {"risk": 0}, "risk_accept"),
        ("x", {"risk_reject": float("nan")}, "risk_reject"),
        ("x", {"tile_um": float("inf")}, "tile_um"),
        ("x", {"limit": "pores are few"}, "pores are few"),
        ("porosity", {}, "exists already"),
    ],
)
def test_wrong_criterion_is_refused(
    library: Library, name: str, fields: dict[str, object], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        library.add_criterion(name, **fields)  # type: ignore[arg-type]
    assert list(library.criteria) == ["porosity"]
    assert len(library.log) == 2


def test_criteria_keep_their_order_and_risk_sets_both(library: Library) -> None:
    made = library.add_criterion("a", risk=0.05, risk_reject=0.2, limit="pore.area_fraction <= .01")
    assert (made.risk_accept, made.risk_reject) == (0.05, 0.2)
    library.add_criterion("porosity", replace=True)
    assert list(library.criteria) == ["porosity", "a"]
    assert library.criteria["porosity"].accept == ()
    library.remove_criterion("porosity")
    assert list(library.criteria) == ["a"]
    with pytest.raises(UsageError, match="no criterion 'porosity'"):
        library.remove_criterion("porosity")


@reused
@given(text=st.text(), expert=st.text(), seed=st.integers(0, 2**32))
def test_reference_round_trip(library: Library, text: str, expert: str, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 2**16, (20, 17), dtype=np.uint16)
    micrograph = Micrograph(pixels, 0.25, name=text, intensity=Intensity("fixed", 5, 1e4))
    added = library.add_references(
        "porosity", micrograph, "reject", expert=expert, description=text, note=text, embed=False
    )
    if not added:
        return  # drawn before
    again = open_library(library.path)
    assert again.references()[-1] == added[0]
    found = again.micrograph(added[0])
    assert found.key == micrograph.key
    assert found.pixels.dtype == np.uint16
    assert (found.pixels == pixels).all()
    assert (found.name, found.intensity) == (text, micrograph.intensity)
    assert added[0].description == text.strip()
    assert (again.thumbnail(added[0].id) == micrograph.thumbnail()).all()


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float32", "float64", "uint32"])
@pytest.mark.parametrize("shape", [(40, 30), (40, 30, 3), (700, 600)])
def test_pixels_of_a_layer_without_a_file_are_kept(
    library: Library, dtype: str, shape: tuple[int, ...]
) -> None:
    if len(shape) == 3 and dtype == "uint32":
        dtype = "uint8"
    pixels = (np.random.default_rng(1).random(shape) * 100).astype(dtype)
    image = layer(pixels)
    whole = read(image)
    cut = whole.crop(3, 4, 20, 18)
    added = library.add_references("porosity", [image, cut], "accept", embed=False)
    assert [r.stored for r in added] == [True, True]
    again = open_library(library.path)
    for reference, micrograph in zip(added, (whole, cut), strict=True):
        found = again.micrograph(reference.id)
        assert found.key == micrograph.key
        assert found.display_limits() == micrograph.display_limits()
        assert (found.region, found.pixel_size_um) == (micrograph.region, None)
    assert again.verify() == []


def test_region_of_a_file_is_cut_again(library: Library, folder: Path) -> None:
    cut = read(folder / "a.png", pixel_size_um=0.5).crop(2, 3, 20, 16)
    (reference,) = library.add_references("porosity", cut, "accept", embed=False)
    assert (reference.path, reference.region, reference.stored) == ("a.png", (2, 3, 20, 16), False)
    found = open_library(library.path).micrograph(reference)
    assert (found.key, found.name) == (cut.key, cut.name)


def test_layer_that_was_edited_is_not_taken_for_its_file(library: Library, folder: Path) -> None:
    whole = read(folder / "a.png")
    edited = Micrograph(255 - whole.pixels, None, name="a.png", path=folder / "a.png")
    (reference,) = library.add_references("porosity", edited, "accept", embed=False)
    assert reference.stored
    assert library.micrograph(reference).key == edited.key


def test_groups_are_own_ones_unless_given(library: Library, folder: Path) -> None:
    paths = [folder / "a.png", folder / "sub" / "a.png", folder / "b.png"]
    added = library.add_references("porosity", paths, "accept", embed=False)
    assert [r.group for r in added] == ["a.png", "a.png (2)", "b.png"]
    assert [r.path for r in added] == ["a.png", "sub/a.png", "b.png"]
    # The same pixels are the same specimen, whoever judges them.
    other = library.add_references("porosity", paths[1], "accept", expert="Eve", embed=False)
    assert other[0].group == "a.png (2)"
    given = library.add_references("porosity", folder / "c.png", "accept", group="S1", embed=False)
    assert given[0].group == "S1"


def test_twice_is_left_out_with_a_message(library: Library, folder: Path) -> None:
    path = folder / "a.png"
    added = library.add_references("porosity", [path, path], "accept", expert="Ann", embed=False)
    assert len(added) == 1
    assert "a.png" in added.messages[0]
    entries = len(library.log)
    again = library.add_references("porosity", path, "accept", expert="Ann", embed=False)
    assert list(again) == []
    assert "already" in again.messages[0]
    assert len(library.log) == entries
    cut = read(path).crop(0, 0, 16, 16)
    assert len(library.add_references("porosity", cut, "reject", expert="Ann", embed=False)) == 1


def test_contradiction_only_by_another_expert(library: Library, folder: Path) -> None:
    path = folder / "a.png"
    library.add_references("porosity", path, "accept", expert="Ann", embed=False)
    with pytest.raises(UsageError, match="Ann gave the verdict 'accept'"):
        library.add_references(
            "porosity", [folder / "b.png", path], "reject", expert="Ann", embed=False
        )
    assert len(library.references()) == 1
    library.add_references("porosity", path, "reject", expert="Bob", embed=False)
    assert [(r.expert, r.verdict) for r in library.references("porosity")] == [
        ("Ann", "accept"),
        ("Bob", "reject"),
    ]


def test_what_cannot_be_added(library: Library, folder: Path) -> None:
    with pytest.raises(UsageError, match="no criterion 'pores'; it has porosity"):
        library.add_references("pores", folder / "a.png", "accept", embed=False)
    with pytest.raises(UsageError, match="'accept' or 'reject'"):
        library.add_references("porosity", folder / "a.png", "good", embed=False)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no micrograph is given"):
        library.add_references("porosity", [], "accept", embed=False)
    (folder / "broken.png").write_bytes(b"no picture")
    with pytest.raises(MicrographError, match=r"broken\.png"):
        library.add_references(
            "porosity", [folder / "a.png", folder / "broken.png"], "accept", embed=False
        )
    assert library.references() == []


def test_removed_references_leave_a_trace_and_may_come_back(library: Library, folder: Path) -> None:
    version = library.version
    added = library.add_references("porosity", [folder / "a.png"], "accept", embed=False)
    with_one = library.version
    with pytest.raises(UsageError, match="no reference 'nothing'"):
        library.remove_references([added[0].id, "nothing"])
    assert len(library.references()) == 1
    library.remove_references(added[0].id)
    assert library.version == version
    assert [e["action"] for e in library.log[-2:]] == ["add_references", "remove_references"]
    assert library.log[-2]["data"]["references"][0]["image"] == "a.png"
    assert list((library.path / "references").glob("*-*")) == []
    with pytest.raises(UsageError, match="no reference"):
        library.thumbnail(added[0].id)
    again = library.add_references("porosity", folder / "a.png", "accept", embed=False)
    assert (again[0].id, library.version) == (added[0].id, with_one)
    assert library.verify() == []


def test_criterion_with_references_goes_only_with_them(library: Library, folder: Path) -> None:
    library.add_references("porosity", folder / "a.png", "accept", embed=False)
    with pytest.raises(UsageError, match="1 references"):
        library.remove_criterion("porosity")
    library.remove_criterion("porosity", with_references=True)
    assert library.references() == []
    assert library.verify() == []


def test_version_does_not_depend_on_order_or_place(folder: Path, tmp_path: Path) -> None:
    versions = []
    for place, order in (("one", ["a.png", "b.png"]), ("two", ["b.png", "a.png"])):
        library = open_library(tmp_path / place / "lib", create=True)
        for name in ("x", "y") if place == "one" else ("y", "x"):
            library.add_criterion(name)
        for name in order:
            library.add_references("x", folder / name, "accept", embed=False)
        versions.append(library.version)
    assert versions[0] == versions[1]
    library.add_criterion("x", accept="dense", replace=True)
    assert library.version != versions[0]
    library.add_references("x", folder / "c.png", "reject", embed=False)
    assert len({*versions, library.version}) == 2


def test_settings(library: Library) -> None:
    library.update_settings(overlap=0.25, odd=float("nan"))
    library.update_settings(more=[1, 2])
    assert open_library(library.path).settings == {"overlap": 0.25, "more": [1, 2]}


def test_library_error_names_a_reference_that_went_missing(library: Library, folder: Path) -> None:
    (reference,) = library.add_references("porosity", folder / "a.png", "accept", embed=False)
    (next((library.path / "references").glob("*-*")) / "zarr.json").unlink()
    with pytest.raises(LibraryError, match=reference.id):
        open_library(library.path).references()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_canonical_json_is_one_spelling(value: object) -> None:
    import json

    text = canonical(plain(value))
    assert canonical(json.loads(text)) == text
    assert text.isascii()
    assert digest(json.loads(text)) == digest(plain(value))
