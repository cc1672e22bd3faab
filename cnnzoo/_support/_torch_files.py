"""Reading the tensors in PyTorch's checkpoints without PyTorch: in zip files, and in the legacy format before them.

Nothing larger than the file is allocated, apart from what Python takes for the names in it.
"""

from __future__ import annotations

import contextlib
import io
import mmap
import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cnnzoo._support._torch_pickle import BFLOAT16, MOST_CHARACTERS, Interpreter, RefusedError, Storage, TensorLayout
from cnnzoo._support.archives import LOCAL_HEADER, SIGNATURE, start_of

# What the pickles of a legacy file begin with: a number that says that they are PyTorch's, and the version
MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001
PICKLE = b"\x80"  # how any pickle of protocol 2 or later begins
COUNT = struct.Struct("<q")  # of the elements of a storage in a legacy file

Elements = Callable[[Storage], np.ndarray]


@dataclass(frozen=True)
class StoredTensor:
    """A tensor in a file.

    Attributes:
        shape: Its shape.
        read: Reads it, or only rows of its first axis: from the first number to before the second.
    """

    shape: tuple[int, ...]
    read: Callable[[tuple[int, int] | None], np.ndarray]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Read it."""
        return np.asarray(self.read(None), dtype)


@contextlib.contextmanager
def open_torch(path: Path) -> Iterator[dict[Any, Any]]:
    """Give the dict in a checkpoint of PyTorch, its tensors as ``StoredTensor``, which can be read until this ends.

    Raises:
        RefusedError: It is no such file, is damaged, or has more in it than plain tensors in dicts.
        OSError: It cannot be opened.
    """
    with path.open("rb") as stream:
        if not path.stat().st_size:
            raise RefusedError("is empty")
        with _mapped(stream) as content:
            read = _read_zip if content[: len(SIGNATURE)] == SIGNATURE else _read_legacy
            try:
                root = read(content)
            except RefusedError:
                raise
            except RecursionError:
                raise RefusedError("nests too deeply") from None
            except Exception as error:  # pickletools, zipfile and struct raise whatever the damage happens to cause
                reason = " ".join(str(error).split())[:MOST_CHARACTERS]
                raise RefusedError(f"is damaged or truncated ({reason})") from error
            if not isinstance(root, dict):
                kind = "single tensor" if isinstance(root, StoredTensor) else type(root).__name__
                raise RefusedError(f"contains a {kind}, where a state_dict was expected")
            yield root


@contextlib.contextmanager
def _mapped(stream: io.BufferedReader) -> Iterator[mmap.mmap]:
    """Map a file; arrays that are still in use keep it mapped."""
    content = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    try:
        yield content
    finally:
        with contextlib.suppress(BufferError):
            content.close()


def _read_zip(content: mmap.mmap) -> Any:
    """Read a zip file: a pickle, and a file of its own for each storage; none of them compressed."""
    archive = zipfile.ZipFile(_Seekable(content))
    entries = {info.filename.partition("/")[2]: info for info in archive.infolist()}
    if "data.pkl" not in entries:
        raise RefusedError("is a zip file without PyTorch's data.pkl")

    def find(name: str) -> slice:
        """Return where a file of the archive is."""
        info = entries.get(name)
        if info is None:
            raise RefusedError(f"has no '{name[:MOST_CHARACTERS]}'")
        if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size or info.flag_bits & 1:
            raise RefusedError("has compressed or encrypted files in it, which PyTorch never writes")
        start = start_of(info, content[info.header_offset : info.header_offset + LOCAL_HEADER.size])
        if info.header_offset < 0 or start + info.file_size > len(content):
            raise RefusedError("is truncated: a file in it extends beyond its end")
        return slice(start, start + info.file_size)

    order = ">" if "byteorder" in entries and content[find("byteorder")] == b"big" else "<"
    root = Interpreter(io.BytesIO(content[find("data.pkl")])).run()

    def elements(storage: Storage) -> np.ndarray:
        return _elements(content, find(f"data/{storage.key}"), storage, order)

    return _with_tensors(root, elements, content)


def _read_legacy(content: mmap.mmap) -> Any:
    """Read a legacy file: five pickles, the last of which lists the storages that follow them."""
    if content[: len(PICKLE)] != PICKLE:
        raise RefusedError("is neither of PyTorch's zip files nor one of its legacy files, which begin with a pickle")
    magic, version, system = (Interpreter(content).run() for _ in range(3))
    if magic != MAGIC or version != VERSION or not isinstance(system, dict):
        raise RefusedError("is a pickle, but not a checkpoint of PyTorch")
    interpreter = Interpreter(content)
    root, keys = interpreter.run(), Interpreter(content).run()
    if not isinstance(keys, list) or not all(isinstance(key, str) and key in interpreter.kinds for key in keys):
        raise RefusedError("is damaged: its list of storages does not belong to its tensors")
    places, position = {}, content.tell()
    for key in keys:
        (count,) = COUNT.unpack_from(content, position)
        start = position + COUNT.size
        position = start + count * _itemsize(interpreter.kinds[key])
        if count < 0 or position > len(content):
            raise RefusedError("is truncated: a storage extends beyond its end")
        places[key] = slice(start, position)
    order = "<" if system.get("little_endian", True) else ">"

    def elements(storage: Storage) -> np.ndarray:
        if storage.key not in places:
            raise RefusedError(f"has no storage '{storage.key[:MOST_CHARACTERS]}'")
        return _elements(content, places[storage.key], storage, order)

    return _with_tensors(root, elements, content)


class _Seekable(io.RawIOBase):
    """A mapped file for ``zipfile``, which reads no further than the file reaches."""

    def __init__(self, content: mmap.mmap) -> None:
        self.content = content

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        before = {io.SEEK_SET: 0, io.SEEK_CUR: self.content.tell(), io.SEEK_END: len(self.content)}[whence]
        self.content.seek(before + offset)
        return self.content.tell()

    def tell(self) -> int:
        return self.content.tell()

    def read(self, size: int = -1) -> bytes:
        return self.content.read(None if size < 0 else size)


def _elements(content: mmap.mmap, place: slice, storage: Storage, order: str) -> np.ndarray:
    """Return the elements of a storage; they stay in the file."""
    if (storage.start + storage.size) * _itemsize(storage.kind) > place.stop - place.start:
        raise RefusedError("is damaged: a storage is shorter than its tensors")
    kind = np.dtype(f"{order}{'u2' if storage.kind == BFLOAT16 else storage.kind}")
    if not storage.size:
        return np.empty(0, kind)
    return np.frombuffer(content, kind, storage.size, place.start + storage.start * kind.itemsize)


def _itemsize(kind: str) -> int:
    return 2 if kind == BFLOAT16 else np.dtype(kind).itemsize


def _with_tensors(tree: Any, elements: Elements, content: mmap.mmap) -> Any:
    """Return nested dicts whose tensors can be read; each dict is converted once, however often it is contained."""
    done: dict[int, dict[Any, Any]] = {}

    def convert(value: Any) -> Any:
        if isinstance(value, TensorLayout):
            elements(value.storage)  # raises where it is not there
            return StoredTensor(value.shape, lambda rows: _read(value, elements, content, rows))
        if not isinstance(value, dict):
            return value
        if id(value) not in done:
            done[id(value)] = {}
            done[id(value)] |= {key: convert(each) for key, each in value.items()}
        return done[id(value)]

    return convert(tree)


def _read(layout: TensorLayout, elements: Elements, content: mmap.mmap, rows: tuple[int, int] | None) -> np.ndarray:
    """Copy a tensor, or rows of its first axis, out of its file."""
    stored = elements(layout.storage)[layout.offset :]
    strides = tuple(stride * stored.itemsize for stride in layout.strides)
    values = np.lib.stride_tricks.as_strided(stored, layout.shape, strides, writeable=False)
    wanted = np.array(values if rows is None else values[slice(*rows)])
    if hasattr(mmap, "MADV_DONTNEED"):  # what was read of the file need not stay in memory
        content.madvise(mmap.MADV_DONTNEED)
    return from_bfloat16(wanted) if layout.storage.kind == BFLOAT16 else wanted


def from_bfloat16(bits: np.ndarray) -> np.ndarray:
    """Return as float32 what 16 bits each say: the upper half of a float32."""
    return (bits.astype(np.uint32) << 16).view(np.float32)
