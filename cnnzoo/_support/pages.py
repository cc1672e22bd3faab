"""Self-contained HTML pages: the hash by which a page names its own script, and writing them whole."""

import base64
import hashlib
from pathlib import Path

from cnnzoo._support.files import write_whole


def script_digest(script: str) -> str:
    """Return the SHA-256 of ``script`` as a Content-Security-Policy has it."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def write_page_text(path: Path, text: str) -> None:
    """Write a page under a temporary name first.

    Raises:
        OSError: The file cannot be written.
    """
    try:
        write_whole(path, lambda temporary: temporary.write_text(text, encoding="utf-8", errors="backslashreplace"))
    except OSError as error:
        raise OSError(f"'{path}' cannot be written ({error.strerror or error}). Choose another path.") from error
