"""Figures as files."""

from __future__ import annotations

import os

from matplotlib.figure import Figure

from cnnzoo._support.files import check_target, write_whole


def save(figure: Figure, path: str | os.PathLike[str], *, force: bool = False) -> None:
    """Write ``figure`` as a PNG file, completely or not at all.

    Args:
        figure: The figure to write.
        path: The file.
        force: Whether to overwrite an existing file.

    Raises:
        FileExistsError: ``path`` exists and ``force`` is false.
        OSError: The file cannot be written.
    """
    path = check_target(path, force=force)
    try:
        write_whole(path, lambda temporary: figure.savefig(temporary, format="png"))
    except OSError as error:
        raise OSError(f"'{path}' cannot be written ({error.strerror}). Choose another path.") from error
