import os
from pathlib import Path

import numpy as np
import pytest
import zarr
from PIL import Image

from napari_qualify.errors import UsageError
from napari_qualify.files import (
    Failure,
    Found,
    Item,
    find_micrographs,
    match_images,
    read_all,
    read_table,
)
from napari_qualify.micrograph import Micrograph

GREY = np.random.default_rng(0).integers(0, 256, (40, 50), dtype="u1")


def image(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(GREY).save(path)
    return path


def names(found):
    return [item.name for item in found.items]


class TestFind:
    def test_folder_is_searched_through_and_sorted(self, tmp_path):
        for name in ("b/x.tif", "a/x.tif", "c.PNG", "a/deep/er/y.jpeg", "B.tiff"):
            image(tmp_path / name)
        found = find_micrographs([tmp_path])
        assert names(found) == ["B.tiff", "a/deep/er/y.jpeg", "a/x.tif", "b/x.tif", "c.PNG"]
        assert [item.path for item in found.items] == [tmp_path / n for n in names(found)]
        assert found.failures == []

    def test_what_is_no_image_is_passed_over(self, tmp_path):
        image(tmp_path / "a.tif")
        for name in ("notes.txt", "b.csv", "Thumbs.db"):
            (tmp_path / name).write_text("x")
        for hidden in ("._a.tif", ".cache/c.tif", "lot.qualify.zarr/refs/d.tif"):
            image(tmp_path / hidden)
        found = find_micrographs([tmp_path])
        assert names(found) == ["a.tif"]
        assert found.skipped == 3

    def test_ome_zarr_is_one_micrograph(self, tmp_path):
        image(tmp_path / "a.tif")
        for name in ("b.ome.zarr", "no suffix"):
            group = zarr.open_group(str(tmp_path / name), mode="w")
            group.create_array("0", data=GREY)
        assert names(find_micrographs([tmp_path])) == ["a.tif", "b.ome.zarr", "no suffix"]
        assert names(find_micrographs([tmp_path / "b.ome.zarr"])) == ["b.ome.zarr"]

    def test_names_are_relative_to_the_common_folder(self, tmp_path):
        a, b = image(tmp_path / "lot/one/x.tif"), image(tmp_path / "lot/two/x.tif")
        assert names(find_micrographs([a, b])) == ["one/x.tif", "two/x.tif"]
        assert names(find_micrographs([b.parent, a])) == ["two/x.tif", "one/x.tif"]
        assert names(find_micrographs([a])) == ["x.tif"]
        assert names(find_micrographs([tmp_path])) == ["lot/one/x.tif", "lot/two/x.tif"]

    def test_patterns(self, tmp_path):
        for name in ("a1.tif", "a2.tif", "b1.tif", "deep/a3.tif"):
            image(tmp_path / name)
        assert names(find_micrographs([tmp_path / "a*.tif"])) == ["a1.tif", "a2.tif"]
        assert names(find_micrographs([tmp_path / "**/a*.tif"])) == [
            "a1.tif",
            "a2.tif",
            "deep/a3.tif",
        ]
        assert names(find_micrographs([str(tmp_path / "[ab]1.tif")])) == ["a1.tif", "b1.tif"]

    def test_existing_name_is_no_pattern(self, tmp_path):
        image(tmp_path / "a[1].tif")
        image(tmp_path / "a1.tif")
        assert names(find_micrographs([tmp_path / "a[1].tif"])) == ["a[1].tif"]

    def test_relative_paths_and_home(self, tmp_path, monkeypatch):
        image(tmp_path / "lot/a.tif")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("HOME", str(tmp_path))
        assert find_micrographs(["lot"]).items == [Item(tmp_path / "lot/a.tif", "a.tif")]
        assert find_micrographs("lot/../lot/*.tif").items == find_micrographs(["lot"]).items
        assert find_micrographs(["~/lot"]).items == find_micrographs(["lot"]).items

    def test_each_path_once(self, tmp_path):
        a, b = image(tmp_path / "a.tif"), image(tmp_path / "b.tif")
        found = find_micrographs([b, tmp_path, a, tmp_path / "*.tif", tmp_path])
        assert names(found) == ["b.tif", "a.tif"]

    def test_links_are_followed_but_not_in_circles(self, tmp_path):
        image(tmp_path / "elsewhere/a.tif")
        (tmp_path / "lot").mkdir()
        (tmp_path / "lot/linked").symlink_to(tmp_path / "elsewhere")
        (tmp_path / "lot/circle").symlink_to(tmp_path / "lot")
        (tmp_path / "lot/b.tif").symlink_to(tmp_path / "elsewhere/a.tif")
        assert names(find_micrographs([tmp_path / "lot"])) == ["b.tif", "linked/a.tif"]

    def test_what_cannot_be_opened_fails_without_being_opened(self, tmp_path):
        image(tmp_path / "a.tif")
        (tmp_path / "x.tif").mkdir()
        (tmp_path / "y.tif").symlink_to("gone.tif")
        os.mkfifo(tmp_path / "z.tif")
        found = find_micrographs([tmp_path])
        assert names(found) == ["a.tif"]
        assert [f.image for f in found.failures] == ["x.tif", "y.tif", "z.tif"]
        for failure, part in zip(found.failures, ("folder", "nowhere", "regular"), strict=True):
            assert failure.error.startswith(f"{failure.image}: ")
            assert part in failure.error

    def test_non_images_fail_when_named(self, tmp_path):
        image(tmp_path / "lot.qualify.zarr/a.tif")
        (tmp_path / "notes.txt").write_text("x")
        os.mkfifo(tmp_path / "fifo")
        found = find_micrographs(
            [tmp_path / n for n in ("lot.qualify.zarr", "fifo", "gone.tif", "no*.tif", "notes.txt")]
        )
        failures = dict(found.failures)
        assert "a library" in failures["lot.qualify.zarr"]
        assert "not a regular file" in failures["fifo"]
        assert "no such file" in failures["gone.tif"]
        assert "no file matches" in failures["no*.tif"]
        (failure,) = read_all(found)  # looked into, since it was named
        assert failure == Failure(
            "notes.txt", "notes.txt: not a TIFF, PNG, JPEG or OME-Zarr image (it begins with b'x')"
        )

    def test_image_of_any_name_is_read_when_named(self, tmp_path):
        image(tmp_path / "a.png").rename(tmp_path / "scan 0001")
        (micrograph,) = read_all(find_micrographs([tmp_path / "scan 0001"]))
        assert np.array_equal(micrograph.pixels, GREY)

    def test_nothing_named_is_wrong_use(self):
        with pytest.raises(UsageError, match="no micrographs are named"):
            find_micrographs([])

    def test_empty_folder_holds_nothing(self, tmp_path):
        assert find_micrographs([tmp_path]) == Found()


def test_read_all_goes_on_and_keeps_names(tmp_path):
    image(tmp_path / "one/x.tif")
    image(tmp_path / "two/x.tif")
    (tmp_path / "one/y.tif").write_bytes(b"")
    outcomes = read_all(find_micrographs([tmp_path]), pixel_size_um=0.5)
    first = next(outcomes)
    assert isinstance(first, Micrograph)
    assert (first.name, first.pixel_size_um) == ("one/x.tif", 0.5)
    assert first.path == tmp_path / "one/x.tif"
    assert next(outcomes).image == "one/y.tif"
    assert next(outcomes).name == "two/x.tif"


def test_read_all_reads_one_at_a_time(tmp_path):
    image(tmp_path / "a.tif")
    image(tmp_path / "b.tif")
    outcomes = read_all(find_micrographs([tmp_path]))
    next(outcomes)
    (tmp_path / "b.tif").unlink()
    assert "no such file" in next(outcomes).error


class TestTable:
    def write(self, folder, text, encoding="utf-8"):
        (folder / "t.csv").write_bytes(text.encode(encoding))
        return folder / "t.csv"

    def test_text_as_it_is(self, tmp_path):
        path = self.write(tmp_path, 'image,verdict,note\na.tif, accept ,"x, y"\n\n007,NA,\n')
        table = read_table(path, ["image", "verdict"])
        assert table.columns.tolist() == ["image", "verdict", "note"]
        assert table.to_numpy().tolist() == [["a.tif", "accept", "x, y"], ["007", "NA", ""]]
        assert table.index.tolist() == [2, 4]

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
    def test_spreadsheets(self, tmp_path, encoding):
        path = self.write(tmp_path, "image;verdict\r\nKörnung.tif;reject\r\n", encoding)
        assert read_table(path, ["image"]).iloc[0].tolist() == ["Körnung.tif", "reject"]

    def test_header_alone_is_an_empty_table(self, tmp_path):
        table = read_table(self.write(tmp_path, "image,verdict\n"), ["image"])
        assert (len(table), table.columns.tolist()) == (0, ["image", "verdict"])

    @pytest.mark.parametrize(
        "text, message",
        [
            ("", r"t\.csv: empty"),
            ("\n\n", r"t\.csv: empty"),
            ("picture,verdict\na,b\n", "no column 'image'; row 1 has picture, verdict"),
            ("image,image\na,b\n", "names the column 'image' twice"),
            ("image,verdict\na,b\n,accept\n", "row 3: the column 'image' is empty"),
            ("image,verdict\na,b,c\n", "row 2: 3 fields under 2 columns"),
            ("image,verdict\na\n", "row 2: 1 fields under 2 columns"),
            ('image,verdict\n"a,b\n', "row 2: "),
        ],
    )
    def test_error_says_where(self, tmp_path, text, message):
        with pytest.raises(UsageError, match=message) as caught:
            read_table(self.write(tmp_path, text), ["image", "verdict"])
        assert "t.csv" in str(caught.value)

    def test_unreadable_tables(self, tmp_path):
        with pytest.raises(UsageError, match=r"none\.csv: cannot be read"):
            read_table(tmp_path / "none.csv")
        with pytest.raises(UsageError, match="not UTF-8"):
            read_table(self.write(tmp_path, "image\nKörnung\n", "latin-1"))
        with pytest.raises(UsageError, match="cannot be read"):
            read_table(tmp_path)


class TestMatch:
    @pytest.fixture
    def lot(self, tmp_path):
        for name in ("one/x.tif", "two/x.tif", "two/y.tif"):
            image(tmp_path / "lot" / name)
        return tmp_path / "lot"

    def matched(self, folder, images, candidates):
        (folder / "t.csv").write_text("image\n" + "\n".join(images) + "\n")
        return match_images(read_table(folder / "t.csv", ["image"]), folder, candidates)

    def test_relative_to_the_table(self, lot):
        items = find_micrographs([lot]).items
        found = self.matched(lot, ["two/x.tif", "one\\x.tif", "./two/../one/x.tif"], items)
        assert [item.name for item in found] == ["two/x.tif", "one/x.tif", "one/x.tif"]
        found = self.matched(lot / "one", ["x.tif", "../two/x.tif"], items)
        assert [item.name for item in found] == ["one/x.tif", "two/x.tif"]

    def test_unique_file_name(self, lot, tmp_path):
        items = find_micrographs([lot]).items
        assert self.matched(tmp_path, ["y.tif", "else/where/y.tif"], items) == [items[2]] * 2

    @pytest.mark.parametrize(
        "text, message", [("x.tif", "the name of several"), ("z.tif", "none of the images")]
    )
    def test_no_match_is_an_error_with_its_row(self, lot, tmp_path, text, message):
        items = find_micrographs([lot]).items
        with pytest.raises(UsageError, match=f"row 3, column 'image': '{text}' is {message}"):
            self.matched(tmp_path, ["y.tif", text], items)

    def test_without_candidates_the_files_must_exist(self, lot):
        assert self.matched(lot, ["one/x.tif"], None) == [Item(lot / "one/x.tif", "one/x.tif")]
        with pytest.raises(UsageError, match=r"row 2, column 'image': 'y\.tif' is no file in"):
            self.matched(lot, ["y.tif"], None)

    def test_absolute_paths_are_taken(self, lot, tmp_path):
        items = find_micrographs([lot]).items
        assert self.matched(tmp_path, [str(Path(items[0].path))], items) == [items[0]]
