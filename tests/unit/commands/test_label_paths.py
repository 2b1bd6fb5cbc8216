from pathlib import Path, PurePosixPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from napari_qualify.commands.segment import label_paths
from napari_qualify.errors import UsageError
from napari_qualify.files import Item

parts = st.sampled_from(["a", "A", "b", "a.tif", "b.png", "a.tif-1", "C:", ".."])
suffixes = st.sampled_from([".tif", ".TIF", ".png", ".tif.tif"])
paths = st.builds(
    lambda folders, stem, suffix: "/".join([*folders, stem + suffix]),
    st.lists(parts, max_size=2), parts, suffixes,
)  # fmt: skip


@given(st.lists(paths, unique=True, max_size=12))
@example(["a.tif", "a.TIF", "a.tif-1.tif"])
def test_every_micrograph_has_a_file_of_its_own_below_the_folder(names):
    out = Path("/somewhere/out")
    found = label_paths([Item(Path("/in") / name, name) for name in names], out)
    assert len({str(path).casefold() for path in found}) == len(names)
    for path in found:
        assert path.is_relative_to(out) and ".." not in path.parts and path.suffix == ".tif"


def test_names_are_as_short_as_they_can_be():
    names = ["x/a.tif", "y/a.tif", "y/b.tif", "c.png", "c.tif"]
    found = label_paths([Item(Path("/in") / name, name) for name in names], Path("/out"))
    shown = [PurePosixPath(path.relative_to("/out")).as_posix() for path in found]
    assert shown == ["x/a.tif", "y/a.tif", "b.tif", "c.png.tif", "c.tif.tif"]


def test_a_target_that_is_an_input_is_refused(tmp_path):
    with pytest.raises(UsageError, match="choose another --out"):
        label_paths([Item(tmp_path / "a.tif", "a.tif")], tmp_path)
