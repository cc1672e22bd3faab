"""Reading files like ``mnist.npz``: four uint8 arrays in a zip archive, checked, then read without pickle."""

import os
import zipfile
import zlib
from lzma import LZMAError
from pathlib import Path
from typing import IO, Any

import numpy as np

from cnnzoo.data._idx import LARGEST

ARRAYS = ("x_train", "y_train", "x_test", "y_test")


def read_npz(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Read ``x_train``, ``y_train``, ``x_test`` and ``y_test`` from an npz file.

    Args:
        path: A file with the arrays of Keras' ``mnist.npz``.

    Returns:
        Images of shape (n, 28, 28) and labels of shape (n,), all uint8, by array name.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is not a zip archive, is damaged, or an array is missing or has another shape or type.

    >>> read_npz("missing.npz")
    Traceback (most recent call last):
    ...
    FileNotFoundError: No such file: 'missing.npz'. Pass the path of an mnist.npz.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"No such file: '{path}'. Pass the path of an mnist.npz.")
    try:
        with zipfile.ZipFile(path) as archive:
            return {name: _read_array(archive, name, path) for name in ARRAYS}
    # RuntimeError if it is encrypted, or compressed by a method that zipfile does not know
    except (zipfile.BadZipFile, zlib.error, LZMAError, OSError, EOFError, RuntimeError) as error:
        raise ValueError(
            f"'{path}' is not a readable npz file ({error}). Download it again or pass another file."
        ) from error


def _read_array(archive: zipfile.ZipFile, name: str, path: Path) -> np.ndarray:
    try:
        info = archive.getinfo(f"{name}.npy")
    except KeyError:
        raise ValueError(f"'{path}' has no array '{name}'. Expected {', '.join(ARRAYS)}.") from None
    with archive.open(info) as member:
        shape, fortran_order, dtype = _read_header(member, f"'{path}': array '{name}'")
        expected = "(n, 28, 28) uint8" if name.startswith("x") else "(n,) uint8"
        fits = len(shape) >= 1 and shape[0] >= 1 and shape[1:] == ((28, 28) if name.startswith("x") else ())
        if not fits or dtype != np.uint8 or fortran_order:
            raise ValueError(f"'{path}': array '{name}' must be {expected}. Received: {shape} {dtype}.")
        length = int(np.prod(shape, dtype=object))
        if length > LARGEST:
            raise ValueError(f"'{path}': array '{name}' must have at most {LARGEST:,} bytes. Received: {length:,}.")
        if info.file_size - member.tell() != length:
            raise ValueError(
                f"'{path}': array '{name}' of shape {shape} needs {length:,} bytes. "
                f"Received: {info.file_size - member.tell():,} bytes."
            )
        return np.frombuffer(member.read(), np.uint8).reshape(shape)


def _read_header(member: IO[bytes], what: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    try:
        version = np.lib.format.read_magic(member)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
        header: tuple[tuple[int, ...], bool, np.dtype[Any]] = read(member)
        return header
    except Exception as error:  # NumPy parses the header as Python; damage can raise anything
        raise ValueError(f"{what} has no NumPy header ({error}).") from error
