"""Writing files completely or not at all. Imports no Keras."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cnnzoo._support.lookup import did_you_mean

ON_WINDOWS = os.name == "nt"


def check_target(path: str | os.PathLike[str], *, force: bool = False) -> Path:
    """Return ``path``, or raise an error if no file can be written there. Called before the work starts.

    Args:
        path: The file to write.
        force: Whether to overwrite an existing file; a folder is never overwritten.

    Raises:
        FileExistsError: ``path`` exists.
        FileNotFoundError: Its parent folder does not exist.
        OSError: Its parent folder is not writable.
    """
    path = Path(path)
    if os.path.lexists(path) and (path.is_dir() or not force):
        or_force = "" if path.is_dir() else ", or overwrite it with `force` (--force)"
        raise FileExistsError(f"'{path}' already exists and was not overwritten. Choose another name{or_force}.")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"There is no folder '{path.parent}' to write '{path.name}' to. Create it first.")
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(f"The folder '{path.parent}' is not writable. Choose another folder for '{path.name}'.")
    return path


def suggest_path(path: Path) -> str:
    """Return a question that suggests the path beside ``path`` whose name is nearest; nothing where none is near."""
    try:
        names = {other.name.lower(): f"'{other}'" for other in path.parent.iterdir() if other != path}
    except OSError:
        return ""
    return did_you_mean(path.name, names, names, cutoff=0.7)


def write_whole(path: Path, write: Callable[[Path], Any]) -> None:
    """Write the file at ``path`` with ``write``: under a temporary name first, renamed when it is complete."""
    temporary = path.with_name(f".partial-{path.name}")
    try:
        write(temporary)
        _to_disk(temporary)
        temporary.replace(path)
        _to_disk(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def put_in_place(folder: Path, last: Path) -> None:
    """Move what a folder contains to beside ``last``, one by one, and ``last`` at the end; replace what is there.

    Args:
        folder: A folder on the same disk, whose files are complete. It is left with what was replaced.
        last: The path at which all is there once it exists.
    """
    names = sorted((each.name for each in folder.iterdir()), key=lambda name: (name == last.name, name))
    for name in names:
        made, target = folder / name, last.with_name(name)
        for file in made.rglob("*") if made.is_dir() else [made]:
            if file.is_file():
                _to_disk(file)
        if target.is_dir():
            target.replace(folder / f"replaced-{name}")
        made.replace(target)
    _to_disk(last.parent)


def _to_disk(path: Path) -> None:
    """Flush a file, or the entries of a folder, to disk, so that it survives a power failure."""
    if path.is_dir() and ON_WINDOWS:  # which cannot open folders
        return
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
