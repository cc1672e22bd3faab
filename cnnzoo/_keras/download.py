"""Downloads that the user asked for: verified files from a cache or from the network."""

import contextlib
import functools
import os
import shutil
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import filelock
import requests
import urllib3
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from cnnzoo._keras.cache import keras_home, torch_home

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "IProgress not found")  # by tqdm in a notebook, for bars that are not used here
    import pooch

ATTEMPTS = 4  # per address without progress; each resumes where the last stopped
BACK_OFF = 0.5  # seconds before the second attempt; doubled before each further one
CONNECT_TIMEOUT = 10.0  # seconds
READ_TIMEOUT = 30.0  # seconds without a byte until a download counts as stalled
CHUNK = 1 << 16  # bytes written at a time; an attempt that receives fewer makes no progress
SPARE_DISK = 32 << 20  # bytes that must stay free in addition to the file
WHOLE_HASH = 64  # hexadecimal digits of a SHA-256
PASSING_STATUS = (408, 425, 429, 500, 502, 503, 504)  # temporary HTTP errors


@dataclass(frozen=True)
class RemoteFile:
    """A published file.

    Attributes:
        name: Its name in cnnzoo's cache.
        urls: Addresses of the same bytes, the official host first.
        size: Its length in bytes.
        sha256: Its SHA-256 in hexadecimal, or the beginning of it.
        keras_name: Its name in Keras' cache; empty where Keras does not keep it.
        torch_name: Its name in PyTorch's cache; empty where PyTorch does not keep it.
        instead: What else the user can pass, for the message where it cannot be downloaded.
        tolerance: How far its length may be from ``size``, where this is not known exactly, in bytes.
    """

    name: str
    urls: tuple[str, ...]
    size: int
    sha256: str
    keras_name: str = ""
    torch_name: str = ""
    instead: str = "the path of a local copy"
    tolerance: int = 0

    def may_have(self, length: int) -> bool:
        """Tell whether the file may have so many bytes."""
        return abs(length - self.size) <= self.tolerance


def fetch(file: RemoteFile) -> Path:
    """Return the path of a verified copy of ``file``: from Keras' or PyTorch's cache, from cnnzoo's, or downloaded.

    The addresses are tried in turn. A download resumes where an earlier one stopped, if the server supports it. It is
    written under a temporary name and renamed only after size and hash are verified. If several processes request the
    same file, one downloads it and the others wait.

    Raises:
        ConnectionError: The file is in no cache and no address works; the message names the file, where to place
            it, and its hash.
        OSError: The cache cannot be written, or the disk does not have enough space.
    """
    if copy := find_copy(file):
        return copy
    cache = cache_folder()
    work = cache / f".{file.name}.partial"
    with lock_in_cache(file.name):
        if copy := find_copy(file):  # another process has downloaded it in the meantime
            return copy
        work.mkdir(exist_ok=True)
        _download(file, work)
        (work / file.name).replace(cache / file.name)
        shutil.rmtree(work)
    return cache / file.name


@contextlib.contextmanager
def lock_in_cache(name: str) -> Iterator[None]:
    """Keep other processes from writing a file of that name into cnnzoo's cache, which is made where it is not there.

    Raises:
        OSError: The cache cannot be written.
    """
    cache = cache_folder()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(cache / f".{name}.lock").acquire()
    except OSError as error:
        raise OSError(
            f"The cache '{cache}' cannot be written ({error.strerror}). Set CNNZOO_HOME to another folder."
        ) from error
    with lock:
        yield


def fetch_any(files: Sequence[RemoteFile]) -> Path:
    """Return the path of a verified copy of any of ``files``, or download the first."""
    return next((copy for file in files if (copy := find_copy(file))), None) or fetch(files[0])


def find_copy(file: RemoteFile) -> Path | None:
    """Return the path of a verified copy in one of the caches, or None."""
    return next((path for path in copies(file) if check_copy(path, file) == "verified"), None)


def copies(file: RemoteFile) -> list[Path]:
    """Return the possible paths of a copy: in the caches of others and, last, in cnnzoo's."""
    shared = [
        keras_home() / "datasets" / file.keras_name if file.keras_name else None,
        torch_home() / "hub" / "checkpoints" / file.torch_name if file.torch_name else None,
    ]
    return [*filter(None, shared), cache_folder() / file.name]


def check_copy(path: Path, file: RemoteFile) -> Literal["absent", "damaged", "verified"]:
    """Tell whether ``path`` is a copy of ``file``, by size and hash."""
    if not path.is_file():
        return "absent"
    right = file.may_have(path.stat().st_size) and hash_of(path).startswith(file.sha256)
    return "verified" if right else "damaged"


def hash_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal; once computed, again only where its size or its time has changed."""
    stat = path.stat()
    return _computed_hash(path, stat.st_size, stat.st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _computed_hash(path: Path, size: int, modified: int) -> str:
    digest: str = pooch.file_hash(str(path))
    return digest


def cache_folder() -> Path:
    """Return cnnzoo's download folder: ``CNNZOO_HOME``, or a folder in the system's cache folder."""
    return Path(os.environ.get("CNNZOO_HOME") or pooch.os_cache("cnnzoo")).expanduser()


def _download(file: RemoteFile, work: Path) -> None:
    """Download ``file`` into the folder ``work`` from the first address that works, and verify it."""
    part = work / "part"
    check_disk(file.name, file.size - _length(part))
    reasons = []
    for url in file.urls:
        downloader = _ResumingDownloader(file, part)
        reason = _try_address(url, work, downloader)
        if reason and downloader.resumed and not part.exists():  # the resumed part may have been damaged
            reason = _try_address(url, work, downloader)
        if reason is None:
            return
        reasons.append(f"{url}: {reason}")
    own = copies(file)[-1]
    found = f"; the file there now has SHA-256 {hash_of(own)}" if own.is_file() else ""
    about = "about " if file.tolerance else ""
    digest = file.sha256 if len(file.sha256) == WHOLE_HASH else f"beginning with {file.sha256}"
    raise ConnectionError(
        f"{file.name} could not be downloaded ({'; '.join(reasons)}). Place it at '{own}' "
        f"({about}{file.size:,} bytes, SHA-256 {digest}{found}), or pass {file.instead}."
    )


def check_disk(name: str, size: int) -> None:
    """Check that cnnzoo's cache has room for ``size`` bytes more.

    Raises:
        OSError: It has not.
    """
    needed = size + SPARE_DISK
    free = shutil.disk_usage(cache_folder()).free
    if free < needed:
        raise OSError(
            f"{name} needs {needed / 1e6:,.0f} MB of disk space in '{cache_folder()}'; only {free / 1e6:,.0f} MB "
            "are free. Free some space, or set CNNZOO_HOME to another folder."
        )


def _try_address(url: str, work: Path, downloader: "_ResumingDownloader") -> str | None:
    """Download the file from ``url`` into ``work``; return None, or the reason for a failure."""
    file = downloader.file
    pooch.get_logger().setLevel("WARNING")  # pooch would log every attempt
    try:
        pooch.retrieve(
            url,
            known_hash=None,  # checked below, as only its beginning may be known
            fname=file.name,
            path=work,
            downloader=downloader,
        )
    except _WrongFileError as error:
        return str(error)
    except requests.RequestException as error:
        return _reason(error)
    if check_copy(work / file.name, file) != "verified":
        (work / file.name).unlink()
        return "wrong file (hash mismatch)"
    return None


class _WrongFileError(Exception):
    """An address returns another file; a further attempt is useless."""


class _BrokenOffError(requests.ConnectionError):
    """The download ended early; another attempt can resume it."""


class _ResumingDownloader:
    """A downloader for pooch that writes to a part file, so that a later attempt can resume it."""

    def __init__(self, file: RemoteFile, part: Path) -> None:
        self.file = file
        self.part = part
        self.resumed = False  # whether any attempt resumed an earlier part
        self.length = file.size - file.tolerance  # at least; what the server says, once it has

    def __call__(self, url: str, output_file: str | Path, _pooch: Any) -> None:
        furthest, failures = _length(self.part), 0
        while True:
            try:
                self._resume(url)
                break
            except requests.RequestException as error:
                if _length(self.part) >= furthest + CHUNK:
                    furthest, failures = _length(self.part), 0
                failures += 1
                if failures == ATTEMPTS or not _may_pass(error):
                    raise
                time.sleep(BACK_OFF * 2 ** (failures - 1))
        self.part.replace(output_file)

    def _resume(self, url: str) -> None:
        have = _length(self.part)
        self.resumed |= have > 0
        if have == self.file.size and not self.file.tolerance:
            return
        headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={have}-"} if have else {})}
        with requests.get(url, headers=headers, stream=True, timeout=(CONNECT_TIMEOUT, READ_TIMEOUT)) as response:
            if response.status_code == requests.codes.requested_range_not_satisfiable:
                self.part.unlink(missing_ok=True)
                raise _BrokenOffError("the server could not resume the download")
            response.raise_for_status()
            if not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
                have = 0
            self._check_length(response, have)
            self._receive(response, have)
        if _length(self.part) < self.length:
            raise _BrokenOffError("the connection was lost")

    def _check_length(self, response: requests.Response, have: int) -> None:
        length = response.headers.get("Content-Length", "")
        if not length.isdigit():
            return
        self.length = int(length) + have
        if not self.file.may_have(self.length):
            raise _WrongFileError(f"wrong file: {self.length:,} bytes, expected {self.file.size:,}")

    def _receive(self, response: requests.Response, have: int) -> None:
        most = self.file.size + self.file.tolerance
        with self.part.open("ab" if have else "wb") as stream, _progress_bar() as bar:
            task = bar.add_task(self.file.name, total=self.file.size, completed=have)
            for chunk in _body(response):
                stream.write(chunk)
                bar.advance(task, len(chunk))
                if stream.tell() > most:
                    break
        if _length(self.part) > most:
            self.part.unlink()
            raise _WrongFileError(f"wrong file: more than {most:,} bytes")


def _body(response: requests.Response) -> Iterator[bytes]:
    """Yield the bytes as sent: some servers declare an archive's own compression as transfer compression."""
    try:
        yield from response.raw.stream(CHUNK, decode_content=False)
    except urllib3.exceptions.ReadTimeoutError as error:
        raise requests.ReadTimeout(error) from error
    except urllib3.exceptions.ProtocolError as error:
        raise _BrokenOffError("the connection was lost") from error


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _may_pass(error: requests.RequestException) -> bool:
    """Tell whether another attempt at the same address may succeed; not for an unreachable host."""
    if error.response is not None:
        return error.response.status_code in PASSING_STATUS
    cause = getattr(error.args[0], "reason", None) if error.args else None
    unreachable = isinstance(cause, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ProxyError)
    return not unreachable and not isinstance(error, requests.ConnectTimeout)


def _reason(error: requests.RequestException) -> str:
    if error.response is not None:
        return f"HTTP status {error.response.status_code}"
    if isinstance(error, _BrokenOffError):
        return str(error)
    return "timeout" if isinstance(error, requests.Timeout) else "host unreachable"


def _progress_bar() -> Progress:
    """Return a progress bar on standard error, shown in terminals only and removed at the end."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    return Progress(*columns, TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal)
