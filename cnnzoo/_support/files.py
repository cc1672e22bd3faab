"""Files that are whole or not there. Imports no Keras."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


def check_target(path: str | os.PathLike[str], *, force: bool = False) -> Path:
    """Return ``path``, or raise when no file can be written there: called before the work whose result it gets.

    Args:
        path: Where a file is to be written.
        force: Whether a file that is there may be overwritten; a folder never is.

    Raises:
        FileExistsError: There is something of that name.
        FileNotFoundError: The folder that it would lie in does not exist.
        OSError: That folder cannot be written.
    """
    path = Path(path)
    if os.path.lexists(path) and (path.is_dir() or not force):
        or_force = "" if path.is_dir() else ", or overwrite it with `force` (--force)"
        raise FileExistsError(f"'{path}' already exists and was not overwritten. Choose another name{or_force}.")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"There is no folder '{path.parent}' to write '{path.name}' into. Make it first.")
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(f"The folder '{path.parent}' cannot be written. Choose another place for '{path.name}'.")
    return path


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
