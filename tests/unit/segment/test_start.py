import hashlib
import pickle
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from napari_qualify.embed.lite import SHA256, network
from napari_qualify.errors import SegmentationError, UsageError
from napari_qualify.segment.start import LITE_ENCODER, build, start_network

ENCODER = "mobilenet_v2"


@pytest.fixture(scope="module")
def donor():
    """Weights of another random network of the same encoder."""
    return {
        k: v + 1 if v.is_floating_point() else v
        for k, v in build("Unet", ENCODER, 2).encoder.state_dict().items()
    }


def start(path, encoder=ENCODER):
    return start_network("Unet", encoder, 2, str(path))


def same(model, state):
    found = model.encoder.state_dict()
    return found.keys() == state.keys() and all(torch.equal(found[k], state[k]) for k in found)


def test_lite_fills_the_whole_encoder():
    model, record = start_network("Unet", LITE_ENCODER, 3, "lite")
    known = network().state_dict()
    found = model.encoder.model.state_dict()
    assert len(found) > 200 and all(torch.equal(value, known[key]) for key, value in found.items())
    assert record == {"start": "lite", "sha256": SHA256}
    assert model.eval()(torch.zeros(1, 3, 64, 64)).shape == (1, 3, 64, 64)


def test_lite_is_for_its_own_encoder():
    with pytest.raises(UsageError, match="lite is for the encoder tu-tf_efficientnet_lite0, not"):
        start_network("Unet", ENCODER, 2, "lite")


def test_none_is_random_by_the_seed():
    torch.manual_seed(4)
    one, record = start_network("Unet", ENCODER, 2, "none")
    torch.manual_seed(4)
    two, _ = start_network("Unet", ENCODER, 2, "none")
    assert record == {"start": "none"} and same(one, two.encoder.state_dict())


@pytest.mark.parametrize("names", [("Vnet", ENCODER), ("Unet", "resnet17")])
def test_unknown_networks_are_named(names):
    with pytest.raises(UsageError, match=f"no network '{names[0]}' with encoder '{names[1]}'"):
        build(*names, 2)


WRAPPINGS = {
    "bare": lambda state: state,
    "module": lambda state: {
        "epoch": 3,
        "best_acc1": torch.tensor(0.5),
        "state_dict": {f"module.{k}": v for k, v in state.items()}
        | {"module.fc.bias": torch.ones(2)},
    },
    "encoder": lambda state: {"model_state_dict": {f"encoder.{k}": v for k, v in state.items()}},
    "both": lambda state: {"model": {f"module.encoder.{k}": v for k, v in state.items()}},
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_checkpoints_in_the_usual_wrappings(donor, tmp_path, wrapping):
    path = tmp_path / "weights.pth.tar"
    torch.save(WRAPPINGS[wrapping](donor), path)
    model, record = start(path)
    assert same(model, donor)
    assert record == {"start": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def test_safetensors(donor, tmp_path):
    save_file(donor, tmp_path / "weights.safetensors")
    assert same(start(tmp_path / "weights.safetensors")[0], donor)


class Bomb:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("how", ["torch", "pickle"])
def test_a_pickle_is_not_executed(tmp_path, how):
    path, mark = tmp_path / "bomb.pth", tmp_path / "executed"
    if how == "torch":
        torch.save({"state_dict": {"conv.weight": Bomb(mark)}}, path)
    else:
        path.write_bytes(pickle.dumps(Bomb(mark)))
    with pytest.raises(SegmentationError, match=r"bomb\.pth: not a checkpoint that can be read"):
        start(path)
    assert not mark.exists()
    pickle.loads(pickle.dumps(Bomb(mark)))  # noqa: S301
    assert mark.exists()  # it would have gone off


@pytest.mark.parametrize("name", ["notes.pth", "notes.safetensors"])
def test_other_files_are_refused(tmp_path, name):
    (tmp_path / name).write_text("no weights at all")
    with pytest.raises(SegmentationError, match="not a checkpoint that can be read safely"):
        start(tmp_path / name)


def test_checkpoints_of_another_network(donor, tmp_path):
    path = tmp_path / "weights.pth"
    torch.save([1, 2], path)
    with pytest.raises(SegmentationError, match="holds no state dictionary"):
        start(path)
    key = next(iter(donor))
    torch.save({k: v for k, v in donor.items() if k != key}, path)
    with pytest.raises(SegmentationError, match=f"1 of {len(donor)} weights .* example {key}"):
        start(path)
    torch.save(donor | {key: torch.zeros(2, 2)}, path)
    with pytest.raises(SegmentationError, match="1 of .* of another shape"):
        start(path)


def test_a_start_that_is_nowhere(tmp_path):
    with pytest.raises(UsageError, match="none of lite, imagenet, none, and no file"):
        start(tmp_path / "missing.pth")
    for address in ("http://example.org/weights.pth", "ftp://example.org/weights.pth"):
        with pytest.raises(UsageError, match="only https addresses are fetched"):
            start(address)


@pytest.mark.skipif(sys.platform != "linux", reason="sets the cache folder as on Linux")
def test_fetched_checkpoints_are_kept_and_checked(donor, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    address = "https://localhost:9/weights.pth?raw=1"  # the port that discards: nobody answers
    with pytest.raises(SegmentationError, match="could not be fetched"):
        start(address)
    folder = tmp_path / "napari-qualify" / "checkpoints"
    assert list(folder.iterdir()) == []
    path = folder / f"{hashlib.sha256(address.encode()).hexdigest()[:16]}.pth"
    torch.save(donor, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_suffix(".sha256").write_text(digest)
    model, record = start(address)
    assert same(model, donor) and record == {"start": address, "sha256": digest}
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(SegmentationError, match="is not the one that was fetched"):
        start(address)
