"""The bridge of a library: refitted, stored, used, dropped."""

import json

import numpy as np
import pytest

from napari_qualify.embed.bridge import base_bridge
from napari_qualify.embed.library_encoder import load_encoder_for
from napari_qualify.errors import LibraryError, UsageError
from napari_qualify.library.store import Library, open_library
from napari_qualify.micrograph import Micrograph
from napari_qualify.qualify import qualify
from napari_qualify.synthetic.corpus import example

SHOWN = {
    "powder": "Loose spherical powder.",
    "lamellar eutectic": "Alternate lamellae of two phases.",
}


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Ten described specimens of two structures; two specimens without a word."""
    library = open_library(tmp_path_factory.mktemp("lot") / "structures", create=True)
    library.add_criterion("is powder", accept="loose powder", reject="a lamellar structure")
    for kind, words in SHOWN.items():
        for seed in range(6):
            micrograph = Micrograph(
                example(kind, 70_000 + seed, 128).image, None, name=f"{kind} {seed}"
            )
            library.add_references(
                "is powder",
                micrograph,
                "accept" if kind == "powder" else "reject",
                group=f"{kind} {seed}",
                description=f"{words} Specimen {seed}." if seed else "",
            )
    return library


@pytest.fixture
def refitted(described: Library) -> Library:
    if described.bridge is None:
        described.refit_bridge()
    return described


def test_a_refit_is_stored_logged_and_used(described: Library) -> None:
    before = load_encoder_for(described)
    assert described.bridge is None and before.text_identity["bridge"] == "base"
    record = described.refit_bridge()
    assert (record["groups"], record["references"]) == (10, 10)
    assert record["matching"] >= record["matching_base"] - 0.05 and record["matching"] > 0.6
    bridge = described.bridge
    assert bridge is not None and bridge.sha256 == record["sha256"] != base_bridge().sha256
    assert described.log[-1]["action"] == "refit_bridge"
    assert described.log[-1]["data"] == record
    after = load_encoder_for(described)
    assert after.text_identity["bridge_sha256"] == bridge.sha256
    assert after.identity == before.identity  # no visual vector is stale
    assert described.verify() == []


def test_another_process_sees_it(refitted: Library) -> None:
    again = open_library(refitted.path)
    assert again.bridge is not None and refitted.bridge is not None
    np.testing.assert_array_equal(again.bridge.weights, refitted.bridge.weights)


def test_a_verdict_names_the_bridge_and_uses_it(refitted: Library) -> None:
    micrograph = Micrograph(example("powder", 80_000, 128).image, None, name="judged")
    new = qualify(micrograph, refitted, record=False)
    assert refitted.bridge is not None
    assert new.provenance["text"]["bridge_sha256"] == refitted.bridge.sha256
    refitted.drop_bridge()
    old = qualify(micrograph, refitted, record=False)
    assert old.provenance["text"]["bridge"] == "base"
    similar = [a[0]["is powder"].evidence.statements[0][2] for a in (new, old)]
    assert similar[0] != similar[1]


def test_dropping_goes_back_and_is_logged(refitted: Library) -> None:
    node = refitted.path / "bridges"
    refitted.drop_bridge()
    assert refitted.bridge is None and refitted.log[-1]["action"] == "drop_bridge"
    assert [p for p in node.iterdir() if p.is_dir()] == []
    assert load_encoder_for(refitted).text_identity["bridge"] == "base"
    assert refitted.verify() == []
    with pytest.raises(UsageError, match="no bridge of its own"):
        refitted.drop_bridge()


def test_a_damaged_bridge_is_told(refitted: Library) -> None:
    manifest = json.loads((refitted.path / "zarr.json").read_text())
    node = manifest["attributes"]["napari_qualify"]["bridge"]["node"]
    chunk = next((refitted.path / "bridges" / node / "offset").glob("c/*"))
    whole = chunk.read_bytes()
    try:
        chunk.write_bytes(whole[:-4] + b"\x00\x00\x00\x01")
        assert any("is not the one that was stored" in p for p in refitted.verify())
        with pytest.raises(LibraryError, match="not the one that was stored"):
            _ = open_library(refitted.path).bridge
    finally:
        chunk.write_bytes(whole)


def test_a_library_from_before_there_were_bridges_takes_one(described: Library) -> None:
    if described.bridge is not None:
        described.drop_bridge()
    group = described.path / "bridges"
    (group / "zarr.json").unlink()
    group.rmdir()
    (described.path / "log" / "entries" / ".staging-left").mkdir()  # by a killed writer
    described.refit_bridge()
    assert described.bridge is not None and (group / "zarr.json").is_file()
    assert described.verify() == []


def test_too_few_descriptions_change_nothing(library: Library) -> None:
    before = library.log
    with pytest.raises(UsageError, match="0 specimens have a description.* at least 8"):
        library.refit_bridge()
    assert library.bridge is None and library.log == before


def test_an_encoder_without_a_bridge_is_refused(tmp_path, monkeypatch) -> None:
    from types import SimpleNamespace

    from napari_qualify.embed import registry

    library = open_library(tmp_path / "other", create=True, encoder="clip")
    monkeypatch.setattr(registry, "load_encoder", lambda spec: SimpleNamespace(spec=spec))
    with pytest.raises(UsageError, match="only 'lite' has a bridge"):
        library.refit_bridge()
