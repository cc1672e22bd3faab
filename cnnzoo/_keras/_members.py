"""Files in a zip archive that are stored as they are, read from any place."""

from __future__ import annotations

import contextlib
import io
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

LOCAL_HEADER = struct.Struct("<26xHH")  # ends in the lengths of the name and of the extra field, which follow it


@contextlib.contextmanager
def open_member(path: Path, name: str) -> Iterator[IO[bytes] | io.RawIOBase]:
    """Open a file of an archive. One that is not compressed is read in place: ``zipfile`` goes back by reading it anew.

    Raises:
        KeyError: The archive has no file of that name.
        OSError, zipfile.BadZipFile, struct.error: It is no archive, or damaged.
    """
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        info = archive.getinfo(name)
        if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
            with archive.open(info) as member:
                yield member
            return
        file.seek(info.header_offset)
        lengths = LOCAL_HEADER.unpack(file.read(LOCAL_HEADER.size))
        yield _Part(file, info.header_offset + LOCAL_HEADER.size + sum(lengths), info.file_size)


class _Part(io.RawIOBase):
    """A part of a file, as a file."""

    def __init__(self, file: IO[bytes], start: int, size: int) -> None:
        self._file, self._start, self._size = file, start, size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        self._file.seek(self._start + self._at)
        content = self._file.read(max(min(len(buffer), self._size - self._at), 0))
        buffer[: len(content)] = content
        self._at += len(content)
        return len(content)
