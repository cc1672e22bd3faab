"""Keras' own cache of downloads: where it lies, and what to say when a download fails. Imports no Keras."""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

MODELS = "models"  # the folder for weights, and for the names of ImageNet's classes

# Files that Keras keeps under another name than that of their address
CACHED_AS = {
    "NASNet-mobile.h5": "nasnet_mobile.h5",
    "NASNet-mobile-no-top.h5": "nasnet_mobile_no_top.h5",
    "NASNet-large.h5": "nasnet_large.h5",
    "NASNet-large-no-top.h5": "nasnet_large_no_top.h5",
}


def keras_home() -> Path:
    """Return the folder under which Keras keeps what it downloads: ``KERAS_HOME``, or ``~/.keras``."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")


@contextlib.contextmanager
def explain_download_failure(what: str, instead: str) -> Iterator[None]:
    """Raise ``ConnectionError`` where a download of Keras fails, with the file's address and its place in the cache.

    Args:
        what: What is downloaded, for the message: "The ImageNet weights".
        instead: What the user may give in its place.
    """
    try:
        yield
    except Exception as error:  # Keras raises a bare Exception
        failed = re.search(r"URL fetch failure on (\S+): ", str(error))
        if failed is None:
            raise
        name = failed[1].rpartition("/")[2]
        place = keras_home() / MODELS / CACHED_AS.get(name, name)
        raise ConnectionError(
            f"{what} could not be downloaded (no network?). Fetch {failed[1]} elsewhere and place it at '{place}', "
            f"or give {instead}."
        ) from error
