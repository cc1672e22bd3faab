"""The download caches of Keras and PyTorch, and an explanation when a download by Keras fails. Imports no Keras."""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

MODELS = "models"  # the folder for weights and ImageNet's class names

# Files whose name in the cache differs from the name in their address
CACHED_AS = {
    "NASNet-mobile.h5": "nasnet_mobile.h5",
    "NASNet-mobile-no-top.h5": "nasnet_mobile_no_top.h5",
    "NASNet-large.h5": "nasnet_large.h5",
    "NASNet-large-no-top.h5": "nasnet_large_no_top.h5",
}


def keras_home() -> Path:
    """Return the folder of Keras' downloads: ``KERAS_HOME``, or ``~/.keras``."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")


def torch_home() -> Path:
    """Return the folder of PyTorch's downloads: ``TORCH_HOME``, or ``torch`` in the user's cache."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("TORCH_HOME") or Path(cache) / "torch").expanduser()


@contextlib.contextmanager
def explain_download_failure(what: str, instead: str) -> Iterator[None]:
    """Raise ``ConnectionError`` if a download by Keras fails, with the file's address and its place in the cache.

    Args:
        what: What is downloaded, for the message: "The ImageNet weights".
        instead: What the user can pass instead, for the message.
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
            f"{what} could not be downloaded. Check the network, or download {failed[1]} elsewhere and place it at "
            f"'{place}', or pass {instead}."
        ) from error
