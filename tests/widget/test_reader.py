"""A library opens in napari; nothing else does."""

import numpy as np
import pytest

from napari_qualify.errors import LibraryError
from napari_qualify.library.store import open_library
from napari_qualify.widgets.reader import get_reader
from napari_qualify.widgets.sources import KEY


@pytest.fixture
def library(tmp_path, tiff):
    made = open_library(tmp_path / "lib", create=True)
    made.add_criterion("porosity")
    made.add_criterion("spread")
    made.add_references("porosity", tiff("a.tif", seed=1), "accept", expert="Ann", embed=False)
    made.add_references("spread", tmp_path / "a.tif", "reject", expert="Ann", embed=False)
    made.add_references("porosity", tiff("b.tif", seed=2), "reject", embed=False)
    return made


def test_other_paths_are_not_ours(tmp_path, tiff):
    fake = tmp_path / "x.qualify.zarr"
    fake.mkdir()
    assert get_reader(str(fake)) is None
    assert get_reader(str(tiff())) is None
    assert get_reader(str(tmp_path)) is None
    assert get_reader([str(fake)]) is None


def test_one_layer_per_micrograph_with_its_records(library):
    path = str(library.path)
    layers = get_reader(path)(path)
    assert [keywords["name"] for _, keywords, _ in layers] == ["a.tif", "b.tif"]
    records = layers[0][1]["metadata"][KEY]["references"]
    assert [(r["criterion"], r["verdict"], r["expert"]) for r in records] == [
        ("porosity", "accept", "Ann"),
        ("spread", "reject", "Ann"),
    ]


def test_layers_are_the_micrographs(library, viewer):
    path = str(library.path)
    for pixels, keywords, kind in get_reader(path)(path):
        assert kind == "image"
        viewer.add_image(pixels, **keywords)
    np.testing.assert_array_equal(
        viewer.layers[0].data, library.micrograph(library.references()[0]).pixels
    )


def test_thumbnail_where_the_file_has_gone(library, tmp_path):
    (tmp_path / "a.tif").unlink()
    path = str(library.path)
    pixels, keywords, _ = get_reader(path)(path)[0]
    assert keywords["name"] == "a.tif (thumbnail)"
    assert pixels.shape[2] == 3
    assert "a.tif" in keywords["metadata"][KEY]["thumbnail"]


def test_empty_library_says_what_to_do(tmp_path):
    made = open_library(tmp_path / "empty", create=True)
    with pytest.raises(LibraryError, match="no reference"):
        get_reader(str(made.path))(str(made.path))
