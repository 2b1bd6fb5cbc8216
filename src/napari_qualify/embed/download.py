"""Files from a hub or an address, whole or not at all."""

import hashlib
import http.client
import json
import os
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from napari_qualify.embed.models import offline
from napari_qualify.errors import EncoderError

CHUNK = 2**18
TIMEOUT = 30.0  # seconds without an answer
HUB = "https://huggingface.co"


@dataclass(frozen=True)
class RemoteFile:
    """A file that can be fetched.

    Attributes
    ----------
    name : str
        In its repository.
    url : str
    size : int or None
        Bytes.
    sha256 : str
        Of the file, or the start of it; empty when unknown.
    git_sha1 : str
        As git names the file's content; for small files of a hub.
    """

    name: str
    url: str
    size: int | None = None
    sha256: str = ""
    git_sha1: str = ""


def hub() -> str:
    """Address of the hub: ``HF_ENDPOINT``, else Hugging Face's."""
    return os.environ.get("HF_ENDPOINT", HUB).rstrip("/")


def hub_files(repository: str) -> tuple[str, dict[str, RemoteFile]]:
    """Revision and files of a hub's repository, by name.

    Raises
    ------
    EncoderError
        If the hub is out of reach, or has no such repository.
    """
    listing = json.loads(read(f"{hub()}/api/models/{repository}?blobs=true"))
    revision = str(listing["sha"])
    files = {}
    for one in listing["siblings"]:
        name = str(one["rfilename"])
        large = one.get("lfs") or {}
        files[name] = RemoteFile(
            name,
            f"{hub()}/{repository}/resolve/{revision}/{quote(name)}",
            one.get("size"),
            large.get("sha256") or "",
            "" if large else one.get("blobId") or "",
        )
    return revision, files


def read(url: str) -> bytes:
    """Content of a small file.

    Raises
    ------
    EncoderError
        If it cannot be had.
    """
    with _connected(url) as source:
        return bytes(_read(source, -1, url))


def with_size(file: RemoteFile) -> RemoteFile:
    """The same file with the size that its server says.

    Raises
    ------
    EncoderError
        If it cannot be had.
    """
    with _connected(file.url, "HEAD") as source:
        length = source.headers.get("Content-Length")
    size = int(length) if length else None
    return RemoteFile(file.name, file.url, size, file.sha256, file.git_sha1)


def download(file: RemoteFile, target: Path, report: Callable[[int], None]) -> str:
    """Fetch a file; `target` appears only when all of it is there and is the right one.

    Parameters
    ----------
    file : RemoteFile
    target : Path
    report : callable
        Called with the number of bytes of each piece. What it raises stops the
        download and passes on.

    Returns
    -------
    str
        Sha256 of the file.

    Raises
    ------
    EncoderError
        If it cannot be had, ends early, or is not the expected one.
    """
    part = target.with_name(f"{target.name}.part")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with _connected(file.url) as source, part.open("wb") as out:
            length = source.headers.get("Content-Length")
            size = file.size if file.size is not None else int(length) if length else None
            sha256, got = hashlib.sha256(), 0
            sha1 = hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)
            while chunk := _read(source, CHUNK, file.url):
                out.write(chunk)
                sha256.update(chunk)
                sha1.update(chunk)
                got += len(chunk)
                report(len(chunk))
        _check(file, got, size, sha256.hexdigest(), sha1.hexdigest())
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
    return sha256.hexdigest()


def _check(file: RemoteFile, got: int, size: int | None, sha256: str, git_sha1: str) -> None:
    host = urlsplit(file.url).hostname
    if size is not None and got != size:
        raise EncoderError(
            f"{file.name}: {host} sent {got} of {size} bytes. Nothing was kept; try again"
        )
    if not sha256.startswith(file.sha256) or file.git_sha1 not in ("", git_sha1):
        raise EncoderError(
            f"{file.name}: what {host} sent has another checksum than it should: damaged on the "
            "way, or not the published file. Nothing was kept; try again"
        )


class _SameHost(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but takes the access token to no other host."""

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, url: str
    ) -> Any:
        made = super().redirect_request(req, fp, code, msg, headers, url)
        if made is not None and urlsplit(url).hostname != urlsplit(req.full_url).hostname:
            made.remove_header("Authorization")
        return made


def _connected(url: str, method: str = "GET") -> Any:
    """The answer to a request."""
    if blocked := offline():
        raise EncoderError(
            f"{url}: not fetched, since {blocked} forbids connections. Unset it, or use a folder"
        )
    if urlsplit(url).scheme not in ("http", "https"):
        raise EncoderError(f"{url}: is not an address of the web")
    request = urllib.request.Request(url, method=method, headers={"User-Agent": "napari-qualify"})
    if url.startswith(f"{hub()}/"):
        from huggingface_hub import get_token

        if token := get_token():
            request.add_header("Authorization", f"Bearer {token}")
    opener = urllib.request.build_opener(
        urllib.request.HTTPSHandler(context=_certificates()), _SameHost
    )
    try:
        return opener.open(request, timeout=TIMEOUT)
    except (OSError, http.client.HTTPException) as error:
        raise _failed(url, error) from error


def _certificates() -> ssl.SSLContext:
    """The system's certificates, a laboratory's own included, and the usual ones."""
    context = ssl.create_default_context()
    try:
        import certifi
    except ModuleNotFoundError:
        return context
    context.load_verify_locations(certifi.where())  # some Pythons on macOS find none
    return context


def _read(source: Any, size: int, url: str) -> bytes:
    try:
        return bytes(source.read(size) if size > 0 else source.read())
    except (OSError, http.client.HTTPException) as error:
        raise _failed(url, error) from error


def _failed(url: str, error: Exception) -> EncoderError:
    """What went wrong with a request, where, and what to do."""
    host = urlsplit(url).hostname
    if isinstance(error, urllib.error.HTTPError):
        if error.code in (401, 403):
            return EncoderError(
                f"{url}: {host} does not give it ({error.code}): there is no such model, or it "
                "asks for an account. Check the name; accept its terms on its page and set HF_TOKEN"
            )
        if error.code == 404:
            return EncoderError(f"{url}: {host} has no such model or file. Check the name")
        return EncoderError(f"{url}: {host} answers {error.code} {error.reason}. Try again later")
    reason = getattr(error, "reason", None) or error
    return EncoderError(
        f"{host} is out of reach ({reason}). Check the network or its proxy (HTTPS_PROXY); or "
        "fetch the model on another computer, copy its folder here and use the folder"
    )
