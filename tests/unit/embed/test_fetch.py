"""Fetching models: real downloads from a server on this computer."""

import hashlib
import json
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from typer.testing import CliRunner

from napari_qualify.cli import app
from napari_qualify.embed import download as downloading
from napari_qualify.embed import models
from napari_qualify.embed.clip import ClipEncoder
from napari_qualify.embed.fetch import carry_out, fetch, plan
from napari_qualify.embed.registry import encoder_status, load_encoder
from napari_qualify.embed.torchvision_guard import ensure_torchvision
from napari_qualify.errors import Cancelled, EncoderError, UsageError

REVISION = "b" * 40


class Hub(ThreadingHTTPServer):
    """A hub of models with what tests ask of it; `files` by repository and name."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.files, self.asked = {}, []
        self.cut, self.swap, self.elsewhere = set(), set(), None

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_HEAD(self):  # noqa: N802
        self.answer(body=False)

    def do_GET(self):  # noqa: N802
        self.answer()

    def answer(self, body=True):
        path = self.path.partition("?")[0].strip("/")
        self.server.asked.append((path, self.headers.get("Authorization")))
        if path.startswith("api/models/"):
            return self.send(self.listing(path.removeprefix("api/models/")), body)
        if "/resolve/" in path:
            repository, _, rest = path.partition("/resolve/")
            name = rest.partition("/")[2]
        else:
            repository, name = "addresses", path
        found = self.server.files.get(repository, {}).get(name)
        if found is None or repository == "gated":
            self.send_error(401 if repository == "gated" else 404)
        elif self.server.elsewhere and "/resolve/" in path and not name.endswith(".json"):
            self.send_response(302)
            self.send_header("Location", f"{self.server.elsewhere}/{name}")
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self.send(found[::-1] if name in self.server.swap else found, body, name)

    def send(self, content, body, name=""):
        if content is None:
            return self.send_error(404)
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content[: len(content) // 2] if name in self.server.cut else content)

    def listing(self, repository):
        if repository not in self.server.files:
            return None
        siblings = []
        for name, content in self.server.files[repository].items():
            row = {"rfilename": name, "size": len(content)}
            if name.endswith((".safetensors", ".bin")):
                row["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
            else:
                blob = b"blob %d\0" % len(content) + content
                row["blobId"] = hashlib.sha1(blob).hexdigest()
            siblings.append(row)
        return json.dumps({"sha": REVISION, "siblings": siblings}).encode()


@pytest.fixture
def hub(monkeypatch):
    server = Hub()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", server.address)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def tiny(tmp_path, save_clip, hub):
    """The tiny model as the hub's repository lab/tiny."""
    folder = save_clip(tmp_path / "published")
    hub.files["lab/tiny"] = {file.name: file.read_bytes() for file in folder.iterdir()}
    return folder


def on_disk(folder):
    return sorted(file.name for file in folder.rglob("*") if file.is_file())


def test_a_fetched_model_is_used_offline(tiny, hub, models_here, monkeypatch):
    with pytest.raises(EncoderError, match="fetch clip:hf-hub:lab/tiny"):
        load_encoder("clip:hf-hub:lab/tiny", "cpu")
    assert not hub.asked  # loading asks nobody
    planned = plan("clip:hf-hub:lab/tiny")
    total = sum(len(content) for content in hub.files["lab/tiny"].values())
    assert planned.size == total and not models_here.exists()
    seen = []
    carry_out(planned, lambda *step: seen.append(step))
    assert seen[0] == ("fetching", 0, total) and seen[-1] == ("fetching", total, total)
    assert len(seen) > 10 and all(a[1] <= b[1] for a, b in zip(seen, seen[1:], strict=False))
    monkeypatch.setenv("NAPARI_QUALIFY_OFFLINE", "1")
    hub.asked.clear()
    fetched = load_encoder("clip:hf-hub:lab/tiny", "cpu", "fp32")
    direct = ClipEncoder(str(tiny), device="cpu", precision="fp32")
    assert fetched.identity == direct.identity and not hub.asked
    images = [np.full((64, 64, 3), grey, np.uint8) for grey in (10, 200)]
    np.testing.assert_array_equal(fetched.encode_images(images), direct.encode_images(images))


def test_what_is_here_is_not_fetched_again(tiny, hub, models_here):
    fetch("clip:hf-hub:lab/tiny")
    assert plan("clip:hf-hub:lab/tiny").size == 0
    hub.files["lab/tiny"]["open_clip_config.json"] += b" "  # a new revision of one file
    hub.asked.clear()
    (models_here / "lab--tiny" / "open_clip_model.safetensors").unlink()
    fetch("clip:hf-hub:lab/tiny")
    asked = [path.rpartition("/")[2] for path, _ in hub.asked if "/resolve/" in path]
    assert asked.count("open_clip_model.safetensors") == 1


def test_a_stopped_fetch_leaves_nothing_that_passes_for_whole(tiny, hub, models_here):
    total = plan("clip:hf-hub:lab/tiny").size

    def stop(stage, done, whole):
        if done > total // 2:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        fetch("clip:hf-hub:lab/tiny", stop)
    # The small file was whole and is kept; the weights were not.
    assert on_disk(models_here) == ["napari-qualify.json", "open_clip_config.json"]
    with pytest.raises(EncoderError, match="not on this computer"):
        load_encoder("clip:hf-hub:lab/tiny", "cpu")
    fetch("clip:hf-hub:lab/tiny")
    assert load_encoder("clip:hf-hub:lab/tiny", "cpu").dim == 24


@pytest.mark.parametrize(
    ("how", "match"),
    [("cut", r"127.0.0.1 sent \d+ of \d+ bytes"), ("swap", "another checksum")],
)
@pytest.mark.parametrize("name", ["open_clip_model.safetensors", "open_clip_config.json"])
def test_a_damaged_answer_is_refused(tiny, hub, models_here, how, match, name):
    planned = plan("clip:hf-hub:lab/tiny")
    getattr(hub, how).add(name)
    with pytest.raises(EncoderError, match=match):
        carry_out(planned)
    assert name not in on_disk(models_here) and f"{name}.part" not in on_disk(models_here)
    with pytest.raises(EncoderError, match="not on this computer"):
        load_encoder("clip:hf-hub:lab/tiny", "cpu")


def test_half_a_file_of_another_program_is_not_taken_for_whole(tiny, hub, models_here):
    """Only what the manifest lists is used."""
    fetch("clip:hf-hub:lab/tiny")
    folder = models_here / "lab--tiny"
    manifest = models.read_manifest(folder)
    del manifest["files"]["open_clip_model.safetensors"]
    models.write_manifest(folder, manifest)
    with pytest.raises(EncoderError, match="not on this computer"):
        load_encoder("clip:hf-hub:lab/tiny", "cpu")
    (folder / models.MANIFEST).write_text("{")
    with pytest.raises(EncoderError, match="is damaged; delete the folder"):
        load_encoder("clip:hf-hub:lab/tiny", "cpu")


def test_the_access_token_goes_to_the_hub_alone(tiny, hub, models_here, monkeypatch):
    other = Hub()
    thread = threading.Thread(target=other.serve_forever, args=(0.01,))
    thread.start()
    try:
        other.files["addresses"] = hub.files["lab/tiny"]
        hub.elsewhere = f"http://localhost:{other.server_port}"
        monkeypatch.setenv("HF_TOKEN", "hf_secret")
        fetch("clip:hf-hub:lab/tiny")
        assert {token for _, token in hub.asked} == {"Bearer hf_secret"}
        assert other.asked == [("open_clip_model.safetensors", None)]
    finally:
        other.shutdown()
        thread.join()
        other.server_close()


@pytest.fixture
def by_address(tiny, hub, tmp_path, monkeypatch):
    """The tiny model as a tag whose weights have an address only, with the sum in their name."""
    ensure_torchvision()
    import open_clip
    from open_clip.pretrained import _PRETRAINED

    config = json.loads((tiny / "open_clip_config.json").read_text())["model_cfg"]
    (tmp_path / "tiny-by-address.json").write_text(json.dumps(config))
    open_clip.add_model_config(tmp_path / "tiny-by-address.json")
    weights = (tiny / "open_clip_model.safetensors").read_bytes()
    name = f"mlfoundations/tiny-{hashlib.sha256(weights).hexdigest()[:8]}.safetensors"
    hub.files["addresses"] = {name: weights}
    tag = {"url": f"{hub.address}/{name}", "hf_hub": "", "quick_gelu": True}
    monkeypatch.setitem(_PRETRAINED, "tiny-by-address", {"lab": tag})
    return name


def test_weights_with_an_address_are_checked_by_the_sum_in_their_name(by_address, hub, models_here):
    spec = "clip:tiny-by-address:lab"
    weights = hub.files["addresses"][by_address]
    assert plan(spec).size == len(weights)
    for how, match in (("cut", "of .* bytes"), ("swap", "another checksum")):
        getattr(hub, how).add(by_address)
        with pytest.raises(EncoderError, match=match):
            fetch(spec)
        getattr(hub, how).clear()
        assert on_disk(models_here) == []
    fetch(spec)
    assert load_encoder(spec, "cpu").identity["weights_sha256"] == (
        hashlib.sha256(weights).hexdigest()
    )
    assert plan(spec).size == 0


def test_flava_is_fetched_with_its_tokenizer_and_safetensors_first(hub, models_here):
    names = ("config.json", "preprocessor_config.json", "vocab.txt", "tokenizer_config.json")
    names += ("model.safetensors", "pytorch_model.bin", "README.md")
    hub.files["facebook/flava-full"] = {name: name.encode() for name in names}
    assert not next(row for row in encoder_status() if row.name == "flava").available
    fetched = {file.name for part in fetch("flava").parts for file in part.files}
    assert fetched == set(names) - {"pytorch_model.bin", "README.md"}
    assert next(row for row in encoder_status() if row.name == "flava").available
    del hub.files["facebook/flava-full"]["preprocessor_config.json"]
    with pytest.raises(EncoderError, match="has none of preprocessor_config.json"):
        plan("flava")


def test_the_default_clip_comes_with_its_configuration(hub, models_here):
    """So that the folder can be carried to a computer without a network."""
    repository = "timm/vit_base_patch32_clip_224.openai"
    names = ("open_clip_model.safetensors", "open_clip_config.json", "open_clip_pytorch_model.bin")
    hub.files[repository] = {name: name.encode() for name in names}
    assert not next(row for row in encoder_status() if row.name == "clip").available
    (part,) = fetch("clip").parts
    assert {file.name for file in part.files} == set(names[:2])
    assert next(row for row in encoder_status() if row.name == "clip").available


def test_tokenizer_and_text_tower_come_along_each_file_once(hub, models_here):
    text = {"hf_tokenizer_name": "lab/bert", "hf_model_name": "lab/bert"}
    config = json.dumps({"model_cfg": {"text_cfg": text}}).encode()
    hub.files["lab/biomed"] = {"open_clip_config.json": config, "open_clip_pytorch_model.bin": b"w"}
    hub.files["lab/bert"] = {"config.json": b"{}", "vocab.txt": b"[PAD]", "model.safetensors": b"x"}
    planned = fetch("clip:hf-hub:lab/biomed")
    assert planned.size == len(config) + 1 + 2 + 5
    assert [part.source for part in planned.parts] == ["lab/biomed", "lab/bert"]
    bert = ["config.json", "napari-qualify.json", "vocab.txt"]
    assert on_disk(models_here / "lab--bert") == bert


@pytest.mark.parametrize("name", ["NAPARI_QUALIFY_OFFLINE", "HF_HUB_OFFLINE"])
def test_the_offline_preference_is_honoured(hub, models_here, monkeypatch, name):
    monkeypatch.setenv(name, "1")
    with pytest.raises(EncoderError, match=f"{name} forbids connections"):
        fetch("flava")
    with pytest.raises(EncoderError, match=f"{name} forbids connections"):
        downloading.read(f"{hub.address}/x")
    assert not hub.asked


def test_a_hub_out_of_reach_is_named_with_a_remedy(models_here, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")
    for endpoint, host in (
        ("http://127.0.0.1:9", "127.0.0.1"),  # nobody listens
        ("https://hub.invalid", "hub.invalid"),  # a name that never exists
    ):
        monkeypatch.setenv("HF_ENDPOINT", endpoint)
        with pytest.raises(EncoderError, match=f"{host} is out of reach.*use the folder"):
            fetch("flava")
    assert not models_here.exists()


def test_refusals_of_the_hub_say_what_to_do(hub, models_here):
    with pytest.raises(EncoderError, match="has no such model or file"):
        fetch("flava:nobody/nothing")
    hub.files["gated"] = {"open_clip_config.json": b"{}", "open_clip_model.safetensors": b"x"}
    with pytest.raises(EncoderError, match="set HF_TOKEN"):
        fetch("clip:hf-hub:gated")


def test_there_must_be_something_to_fetch(tiny, hub, models_here):
    for spec in ("lite", f"clip:{tiny}", f"flava:{tiny}"):
        with pytest.raises(UsageError, match="nothing to fetch"):
            fetch(spec)
    with pytest.raises(EncoderError, match="no encoder"):
        fetch("dino")


def test_a_full_disk_is_known_before(tiny, hub, models_here, monkeypatch):
    free = shutil.disk_usage(".")._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: free)
    with pytest.raises(EncoderError, match=r"needs \d+ MB, .* has 0 MB free"):
        fetch("clip:hf-hub:lab/tiny")
    assert on_disk(models_here) == []


def test_the_command_says_the_size_and_the_place(tiny, hub, models_here):
    done = CliRunner().invoke(app, ["fetch", "clip:hf-hub:lab/tiny"])
    assert done.exit_code == 0, done.output
    assert "MB from 127.0.0.1" in done.output and str(models_here / "lab--tiny") in done.output
    again = CliRunner().invoke(app, ["fetch", "clip:hf-hub:lab/tiny"])
    assert "is here already" in again.output
    wrong = CliRunner().invoke(app, ["fetch", "lite"])
    assert wrong.exit_code == 2 and "nothing to fetch" in wrong.output
