"""Reading IDX, the file format of MNIST: a magic number, the dimensions, the bytes."""

import gzip
import math
import os
import struct
import zlib
from pathlib import Path
from typing import IO, cast

import numpy as np

UNSIGNED_BYTES = 0x08
CHUNK = 1 << 20
LARGEST = 1 << 30  # bytes of pixels; MNIST has 47 million


def read_idx(path: str | os.PathLike[str], *, dimensions: int) -> np.ndarray:
    """Read an IDX file of unsigned bytes, gzipped or not.

    Args:
        path: The file; gzip is detected from its first bytes, not from its name.
        dimensions: The required number of dimensions: 3 for images, 1 for labels.

    Returns:
        A uint8 array.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The magic number, the dimensions or the length is wrong.

    >>> read_idx("missing-idx1-ubyte", dimensions=1)
    Traceback (most recent call last):
    ...
    FileNotFoundError: No such file: 'missing-idx1-ubyte'. Pass the path of an IDX file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"No such file: '{path}'. Pass the path of an IDX file.")
    try:
        with path.open("rb") as raw:
            gzipped = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            stream = cast(IO[bytes], gzip.GzipFile(fileobj=raw)) if gzipped else raw
            return _read_stream(stream, dimensions, path)
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise ValueError(
            f"'{path}' is a damaged gzip file ({error}). Download it again or pass another file."
        ) from error


def _read_stream(stream: IO[bytes], dimensions: int, path: Path) -> np.ndarray:
    magic = _read_at_most(stream, 4)
    expected = bytes((0, 0, UNSIGNED_BYTES, dimensions))
    if magic != expected:
        raise ValueError(
            f"'{path}' is not an IDX file of unsigned bytes in {dimensions} dimensions: expected the magic number "
            f"0x{expected.hex()}, found 0x{magic.hex()}."
        )
    header = _read_at_most(stream, 4 * dimensions)
    if len(header) < 4 * dimensions:
        raise ValueError(f"'{path}' ends within its header. Download it again or pass another file.")
    shape = struct.unpack(f">{dimensions}I", header)
    length = math.prod(shape)
    if length > LARGEST:
        raise ValueError(
            f"'{path}' must hold at most {LARGEST:,} bytes. Received: {length:,} bytes in its header, for {shape}."
        )
    payload = _read_at_most(stream, length + 1)
    if len(payload) != length:
        came = "more" if len(payload) > length else f"{len(payload):,}"
        raise ValueError(f"'{path}' must hold {length:,} bytes for its shape {shape}. Received: {came}.")
    return np.frombuffer(payload, np.uint8).reshape(shape)


def _read_at_most(stream: IO[bytes], length: int) -> bytes:
    """Read up to ``length`` bytes in chunks, so that a wrong length in a header does not allocate memory."""
    payload = bytearray()
    while len(payload) < length and (chunk := stream.read(min(CHUNK, length - len(payload)))):
        payload += chunk
    return bytes(payload)
