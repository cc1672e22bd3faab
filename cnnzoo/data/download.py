"""Files that the user asked for: from a cache where they lie verified, or downloaded and then verified."""

import os
from dataclasses import dataclass
from pathlib import Path

import pooch


@dataclass(frozen=True)
class RemoteFile:
    """A published file: its name, where it is fetched from, and what it must hash to."""

    name: str
    url: str
    sha256: str


def fetch(file: RemoteFile) -> Path:
    """Return the path of a verified copy of ``file``: from Keras' cache, from our own, or downloaded.

    A download is written under a temporary name and moved into the cache only after its hash is verified.

    Raises:
        ConnectionError: The file is in neither cache and cannot be downloaded.
        ValueError: What was downloaded does not have the expected hash.
    """
    in_keras_cache = keras_home() / "datasets" / file.name
    if in_keras_cache.is_file() and pooch.file_hash(str(in_keras_cache)) == file.sha256:
        return in_keras_cache
    cache = cache_folder()
    pooch.get_logger().setLevel("WARNING")  # the errors below say all that a user needs
    try:
        return Path(pooch.retrieve(file.url, known_hash=f"sha256:{file.sha256}", fname=file.name, path=cache))
    except ValueError as error:
        raise ValueError(
            f"What came from {file.url} is not {file.name}: expected SHA-256 {file.sha256}; nothing was kept. "
            f"Place the right file at '{cache / file.name}' or give its `path`."
        ) from error
    except OSError as error:
        raise ConnectionError(
            f"{file.name} could not be downloaded from {file.url} (no network?). Place it at '{cache / file.name}', "
            f"SHA-256 {file.sha256}, or give its `path`."
        ) from error


def cache_folder() -> Path:
    """Return the folder of our own downloads: ``CNNZOO_HOME``, or the system's cache folder."""
    return Path(os.environ.get("CNNZOO_HOME") or pooch.os_cache("cnnzoo"))


def keras_home() -> Path:
    """Return the folder under which Keras keeps what it downloads: ``KERAS_HOME``, or ``~/.keras``."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
