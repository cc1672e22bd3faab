"""Files that are whole or not there. Imports no Keras."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


def check_new(path: Path) -> None:
    """Raise ``FileExistsError`` when there is something at ``path``."""
    if os.path.lexists(path):
        raise FileExistsError(f"'{path}' exists and is left as it is. Give a new name.")


def write_whole(path: Path, write: Callable[[Path], Any]) -> None:
    """Let ``write`` write the file at ``path``: under a temporary name first, renamed when it is complete."""
    temporary = path.with_name(f".partial-{path.name}")
    try:
        write(temporary)
        _to_disk(temporary)
        temporary.replace(path)
        _to_disk(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _to_disk(path: Path) -> None:
    """See a file, or the names in a folder, onto the disk, so that a power cut takes nothing away."""
    if path.is_dir() and os.name == "nt":  # Windows opens no folders
        return
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
