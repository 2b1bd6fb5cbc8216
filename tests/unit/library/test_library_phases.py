"""Phases and assessments on disk."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zarr
from ome_zarr_models.v05.image_label import ImageLabel

from napari_qualify.decide.verdict import Assessment, Evidence, Neighbour, Verdict
from napari_qualify.errors import UsageError
from napari_qualify.library.store import Library, open_library
from napari_qualify.micrograph import Micrograph
from napari_qualify.segment.phases import Phases, phase_colour


def micrograph_of(shape: tuple[int, int], pixel_size_um: float | None) -> Micrograph:
    pixels = np.random.default_rng(3).integers(0, 255, shape, dtype=np.uint8)
    return Micrograph(pixels, pixel_size_um, name="é.tif")


@pytest.mark.parametrize("shape", [(40, 30), (512, 512), (600, 5000)])
@pytest.mark.parametrize("pixel_size_um", [None, 0.125])
@pytest.mark.parametrize("highest", [2, 300, 70_000])
def test_phases_round_trip(
    library: Library, shape: tuple[int, int], pixel_size_um: float | None, highest: int
) -> None:
    micrograph = micrograph_of(shape, pixel_size_um)
    labels = np.random.default_rng(0).choice([0, 1, highest], shape)
    names = {1: "matrix", highest: "карбид"}
    phases = Phases(labels, names, pixel_size_um, micrograph.content_hash, {"by": "hand", "n": 1})
    assert library.load_phases(micrograph.content_hash) is None
    library.save_phases(micrograph, phases)
    found = open_library(library.path).load_phases(micrograph.content_hash)
    assert found is not None
    assert found.content_hash == phases.content_hash
    assert found.record() == phases.record()
    assert found.labels.dtype == phases.labels.dtype
    assert (found.labels == phases.labels).all()
    assert library.verify() == []


@pytest.mark.parametrize("pixel_size_um", [None, 0.125])
def test_phases_are_ome_zarr_image_labels(library: Library, pixel_size_um: float | None) -> None:
    micrograph = micrograph_of((600, 700), pixel_size_um)
    labels = np.ones((600, 700), np.uint8)
    phases = Phases(labels, {1: "carbide", 2: "pore"}, pixel_size_um)
    library.save_phases(micrograph, phases)
    (path,) = (p for p in (library.path / "phases").iterdir() if p.is_dir())
    group = zarr.open_group(path, mode="r")
    ome = ImageLabel.from_zarr(group).attributes.ome
    multiscale = ome.multiscales[0]
    assert [axis.name for axis in multiscale.axes] == ["y", "x"]
    unit = None if pixel_size_um is None else "micrometer"
    assert {axis.unit for axis in multiscale.axes} == {unit}
    scale = multiscale.datasets[0].coordinateTransformations[0].scale
    assert list(scale) == [pixel_size_um or 1.0] * 2
    document = json.loads((path / "zarr.json").read_bytes())["attributes"]["ome"]["image-label"]
    assert document["properties"] == [
        {"label-value": 1, "name": "carbide"},
        {"label-value": 2, "name": "pore"},
    ]
    assert document["colors"][1] == {"label-value": 2, "rgba": [*phase_colour("pore"), 255]}
    array = group["0"]
    assert isinstance(array, zarr.Array)
    assert (array.chunks, array.shards) == ((512, 512), (1024, 1024))


def test_new_phases_take_the_place_of_old_ones(library: Library) -> None:
    micrograph = micrograph_of((40, 30), 1.0)
    for value in (1, 2):
        phases = Phases(np.full((40, 30), value), {value: "matrix"}, 1.0)
        library.save_phases(micrograph, phases)
    found = library.load_phases(micrograph.content_hash)
    assert found is not None
    assert found.names == {2: "matrix"}
    assert len([p for p in (library.path / "phases").iterdir() if p.is_dir()]) == 1
    with pytest.raises(UsageError, match=r"é\.tif.*shape"):
        library.save_phases(micrograph_of((40, 31), 1.0), found)


def test_assessments_round_trip(library: Library) -> None:
    evidence = Evidence(accepted=(Neighbour("id", "x", "accept", 0.5),), margin=float("inf"))
    verdict = Verdict(
        "porosity",
        "review",
        "too_few_references",
        score=float("nan"),
        cut=np.float32(0.5),  # type: ignore[arg-type]
        scores={"visual": np.float64(1.5)},
        evidence=evidence,
    )
    one = Assessment("a/é.tif", "s", "0" * 64, None, (verdict,), {"porosity": "fp"})
    library.add_assessments([one])
    library.add_assessments([])
    library.add_assessments(replace(one, image=str(i)) for i in range(100))
    found = open_library(library.path).assessments()
    assert [a["image"] for a in found] == ["a/é.tif", *map(str, range(100))]
    assert found[0]["verdicts"][0]["score"] is None
    assert found[0]["verdicts"][0]["cut"] == 0.5
    assert found[0]["verdicts"][0]["scores"] == {"visual": 1.5}
    assert found[0]["verdicts"][0]["evidence"]["margin"] is None
    assert found[0]["verdicts"][0]["evidence"]["accepted"][0]["similarity"] == 0.5
    assert [e["data"]["count"] for e in library.log if e["action"] == "add_assessments"] == [1, 100]
    assert library.verify() == []
    assert Path(library.path, "assessments", "records", "zarr.json").exists()
