"""Files in a zip archive that are stored as they are, read in place."""

from __future__ import annotations

import contextlib
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

SIGNATURE = b"PK\x03\x04"  # of a file's own header, with which an archive begins, too
LOCAL_HEADER = struct.Struct("<26xHH")  # ends in the lengths of the name and of the extra field, which follow it
CHUNK = 2**20  # bytes


def start_of(info: zipfile.ZipInfo, header: bytes) -> int:
    """Return where the content of a file in an archive begins.

    Args:
        info: Its entry in the archive's directory.
        header: What lies in the archive at ``info.header_offset``, of which the first 30 bytes are read.

    Raises:
        zipfile.BadZipFile, struct.error: No header of a file lies there.
    """
    if not header.startswith(SIGNATURE):
        raise zipfile.BadZipFile("a file's header is not where the directory says")
    lengths: tuple[int, int] = LOCAL_HEADER.unpack_from(header)
    return info.header_offset + LOCAL_HEADER.size + sum(lengths)


@contextlib.contextmanager
def open_member(path: Path, name: str) -> Iterator[IO[bytes] | io.RawIOBase]:
    """Open a file in an archive, after comparing its checksum.

    One that is not compressed is read in place. ``zipfile`` goes back in a file by reading it anew.

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
        part = _Part(file, start_of(info, file.read(LOCAL_HEADER.size)), info.file_size)
        checksum = 0
        while content := part.read(CHUNK):
            checksum = zlib.crc32(content, checksum)
        if checksum != info.CRC:
            raise zipfile.BadZipFile(f"the checksum of '{name}' differs")
        part.seek(0)
        yield part


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
