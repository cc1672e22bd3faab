"""Reading the tensors in PyTorch's checkpoints without PyTorch: in zip files, and in the older row of pickles.

The pickles are interpreted here, not by Python's ``pickle``: the operations below build dicts, lists and tuples of
plain values and of tensors, and whatever else a pickle asks for is refused by its name. Nothing in a file is called or
imported, and nothing larger than the file is allocated.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import math
import mmap
import pickletools
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

# What pickles of older files begin with: a number that says that they are PyTorch's, and the version of the format
MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001
PICKLE = b"\x80"  # how any pickle of protocol 2 or later begins
ZIP = b"PK\x03\x04"
LOCAL_HEADER = struct.Struct("<26xHH")  # of a file in a zip archive, up to the lengths of its name and extra field
COUNT = struct.Struct("<q")  # of the elements of a storage in an older file
MOST_AXES = 16
BFLOAT16 = "bfloat16"

# NumPy's type of the elements of each storage; bfloat16, which NumPy does not have, is read as its bits
STORAGES = {
    "torch.DoubleStorage": "f8",
    "torch.FloatStorage": "f4",
    "torch.HalfStorage": "f2",
    "torch.BFloat16Storage": BFLOAT16,
    "torch.LongStorage": "i8",
    "torch.IntStorage": "i4",
    "torch.ShortStorage": "i2",
    "torch.CharStorage": "i1",
    "torch.ByteStorage": "u1",
    "torch.BoolStorage": "b1",
}


class Global(NamedTuple):
    """What a pickle names: a function, a class or a kind of storage."""

    name: str


class Storage(NamedTuple):
    """A row of elements in a file, by its key; ``start`` is the first of those meant, ``size`` their number."""

    key: str
    kind: str
    start: int
    size: int


class Layout(NamedTuple):
    """Where the elements of a tensor are in its storage."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True)
class StoredTensor:
    """A tensor in a file.

    Attributes:
        shape: Its shape.
        read: Reads it, or of its first axis a part: those from the first number on, before the second.
    """

    shape: tuple[int, ...]
    read: Callable[[tuple[int, int] | None], np.ndarray]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Read it."""
        return np.asarray(self.read(None), dtype)


class RefusedError(ValueError):
    """A file is not a checkpoint of plain tensors; the message completes "it ..."."""


@contextlib.contextmanager
def open_torch(path: Path) -> Iterator[dict[str, Any]]:
    """Give the dict in a checkpoint of PyTorch, its tensors as ``StoredTensor``, which can be read until this ends.

    Raises:
        RefusedError: It is no such file, is damaged, or has more in it than plain tensors in dicts.
        OSError: It cannot be opened.
    """
    with path.open("rb") as stream:
        if not path.stat().st_size:
            raise RefusedError("is empty")
        with _mapped(stream) as content:
            read = _read_zip if content[: len(ZIP)] == ZIP else _read_row
            try:
                root = read(content)
            except RefusedError:
                raise
            except RecursionError:
                raise RefusedError("nests too deeply") from None
            except Exception as error:  # pickletools, zipfile and struct raise whatever the damage happens to cause
                raise RefusedError(f"is damaged or truncated ({' '.join(str(error).split())[:200]})") from error
            if not isinstance(root, dict):
                raise RefusedError(f"contains {_kind(root)}, where a state_dict was expected")
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

    def place(name: str) -> tuple[int, int]:
        info = entries.get(name)
        if info is None:
            raise RefusedError(f"has no '{name}'")
        if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size or info.flag_bits & 1:
            raise RefusedError(f"has a compressed or encrypted '{name}', which PyTorch never writes")
        lengths = LOCAL_HEADER.unpack_from(content, info.header_offset)
        start = info.header_offset + LOCAL_HEADER.size + sum(lengths)
        if info.header_offset < 0 or start + info.file_size > len(content):
            raise RefusedError(f"is truncated: '{name}' extends beyond its end")
        return start, info.file_size

    start, size = place("data.pkl")
    order = ">" if "byteorder" in entries and content[slice(*_span(place("byteorder")))] == b"big" else "<"
    root = _Interpreter(io.BytesIO(content[start : start + size])).run()

    def elements(storage: Storage) -> np.ndarray:
        return _elements(content, place(f"data/{storage.key}"), storage, order)

    return _with_tensors(root, elements, content)


def _span(place: tuple[int, int]) -> tuple[int, int]:
    start, size = place
    return start, start + size


def _read_row(content: mmap.mmap) -> Any:
    """Read an older file: five pickles, the last of which lists the storages that follow them."""
    if content[: len(PICKLE)] != PICKLE:
        raise RefusedError("is neither of PyTorch's zip files nor one of its older files, which begin with a pickle")
    magic, version, system, root, keys = (_Interpreter(content).run() for _ in range(5))
    if magic != MAGIC or version != VERSION or not isinstance(system, dict) or not isinstance(keys, list):
        raise RefusedError("is a pickle, but not a checkpoint of PyTorch")
    kinds = {layout.storage.key: layout.storage.kind for layout in _layouts(root, set())}
    places, position = {}, content.tell()
    for key in keys:
        (count,) = COUNT.unpack_from(content, position)
        if key not in kinds:
            raise RefusedError(f"has a storage '{key}' that no tensor uses")
        position += COUNT.size
        places[key] = position, count * _itemsize(kinds[key])
        position += places[key][1]
        if count < 0 or position > len(content):
            raise RefusedError(f"is truncated: storage '{key}' extends beyond its end")
    order = "<" if system.get("little_endian", True) else ">"

    def elements(storage: Storage) -> np.ndarray:
        if storage.key not in places:
            raise RefusedError(f"has no storage '{storage.key}'")
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


def _elements(content: mmap.mmap, place: tuple[int, int], storage: Storage, order: str) -> np.ndarray:
    """Return the elements of a storage; they stay in the file."""
    start, size = place
    if (storage.start + storage.size) * _itemsize(storage.kind) > size:
        raise RefusedError(f"is damaged: storage '{storage.key}' is shorter than its tensors")
    kind = np.dtype(f"{order}{'u2' if storage.kind == BFLOAT16 else storage.kind}")
    if not storage.size:
        return np.empty(0, kind)
    return np.frombuffer(content, kind, storage.size, start + storage.start * kind.itemsize)


def _itemsize(kind: str) -> int:
    return 2 if kind == BFLOAT16 else np.dtype(kind).itemsize


def _layouts(tree: Any, seen: set[int]) -> Iterator[Layout]:
    """Yield the tensors in nested dicts, each of which is looked into once, however often it is contained."""
    if isinstance(tree, Layout):
        yield tree
    elif isinstance(tree, dict) and id(tree) not in seen:
        seen.add(id(tree))
        for each in tree.values():
            yield from _layouts(each, seen)


def _with_tensors(tree: Any, elements: Callable[[Storage], np.ndarray], content: mmap.mmap) -> Any:
    """Return nested dicts whose tensors can be read; their places in the file are checked here."""
    done: dict[int, dict[Any, Any]] = {}

    def convert(value: Any) -> Any:
        if isinstance(value, Layout):
            return _stored(value, elements, content)
        if not isinstance(value, dict):
            return value
        if id(value) not in done:
            done[id(value)] = {}
            done[id(value)] |= {key: convert(each) for key, each in value.items()}
        return done[id(value)]

    return convert(tree)


def _stored(layout: Layout, elements: Callable[[Storage], np.ndarray], content: mmap.mmap) -> StoredTensor:
    storage, offset, shape, strides = layout
    last = offset + sum((side - 1) * stride for side, stride in zip(shape, strides, strict=True))
    # A tensor that is stretched would take more than the file holds; no network has one
    elements_there = math.prod(shape)
    if elements_there > storage.size or (elements_there and last >= storage.size):
        raise RefusedError(f"is damaged: a tensor of shape {shape} extends beyond its storage")
    elements(storage)

    def read(part: tuple[int, int] | None) -> np.ndarray:
        row = elements(storage)[offset:]
        steps = tuple(stride * row.itemsize for stride in strides)
        values = np.lib.stride_tricks.as_strided(row, shape, steps, writeable=False)
        wanted = np.array(values if part is None else values[slice(*part)])
        if hasattr(mmap, "MADV_DONTNEED"):  # what was read of the file need not stay in memory
            content.madvise(mmap.MADV_DONTNEED)
        return from_bfloat16(wanted) if storage.kind == BFLOAT16 else wanted

    return StoredTensor(shape, read)


def from_bfloat16(bits: np.ndarray) -> np.ndarray:
    """Return as float32 what 16 bits each say: the upper half of a float32."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def _kind(value: Any) -> str:
    """Say what a value is, for a message."""
    if isinstance(value, Layout | StoredTensor):
        return "a single tensor"
    return f"a {type(value).__name__}"


class _Mark:
    """Where the elements of a tuple, list or dict begin on the stack."""


_MARK = _Mark()


class _Interpreter:
    """Runs the operations of one pickle, as far as they build plain tensors in dicts.

    Args:
        stream: Where the pickle begins; after ``run``, where it has ended.
    """

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        """Return the value that the pickle describes."""
        for operation, argument, _ in pickletools.genops(self.stream):
            if operation.name == "STOP":
                return self._pop()
            if operation.name in CONSTANTS:
                self.stack.append(CONSTANTS[operation.name]())
            elif operation.name in VALUES:
                self.stack.append(argument)
            elif operation.name in TUPLES:
                self.stack.append(tuple(reversed([self._pop() for _ in range(TUPLES[operation.name])])))
            elif operation.name not in IGNORED:
                run = OPERATIONS.get(operation.name)
                if run is None:
                    raise RefusedError(
                        f"has {operation.name} in its pickle, which no dict of tensors needs. {SAVE_TENSORS}"
                    )
                run(self, argument)
        raise RefusedError("is truncated: its pickle does not end")

    def _pop(self) -> Any:
        if not self.stack or self.stack[-1] is _MARK:
            raise RefusedError("is damaged: its pickle takes what it did not give")
        return self.stack.pop()

    def _to_mark(self) -> list[Any]:
        """Take what follows the last mark off the stack."""
        values = list(itertools.takewhile(lambda each: each is not _MARK, reversed(self.stack)))
        if len(values) == len(self.stack):
            raise RefusedError("is damaged: its pickle ends what it did not begin")
        del self.stack[len(self.stack) - len(values) - 1 :]
        return values[::-1]

    def put(self, number: int | None) -> None:
        value = self._pop()
        self.stack.append(value)
        self.memo[len(self.memo) if number is None else number] = value

    def get(self, number: int) -> None:
        if number not in self.memo:
            raise RefusedError("is damaged: its pickle refers to what it does not have")
        self.stack.append(self.memo[number])

    def tuple_to_mark(self, _: None) -> None:
        self.stack.append(tuple(self._to_mark()))

    def append(self, _: None) -> None:
        self._extend([self._pop()])

    def extend(self, _: None) -> None:
        self._extend(self._to_mark())

    def _extend(self, values: list[Any]) -> None:
        if not self.stack or not isinstance(self.stack[-1], list):
            raise RefusedError("is damaged: its pickle appends to what is no list")
        self.stack[-1].extend(values)

    def set_item(self, _: None) -> None:
        value, key = self._pop(), self._pop()
        self._set([key, value])

    def set_items(self, _: None) -> None:
        self._set(self._to_mark())

    def _set(self, values: list[Any]) -> None:
        if not self.stack or not isinstance(self.stack[-1], dict) or len(values) % 2:
            raise RefusedError("is damaged: its pickle fills what is no dict")
        self.stack[-1].update(_plain_items(zip(values[::2], values[1::2], strict=True)))

    def name(self, argument: str) -> None:
        self.stack.append(Global(argument.replace(" ", ".")))

    def name_on_stack(self, _: None) -> None:
        name, module = self._pop(), self._pop()
        self.stack.append(Global(f"{module}.{name}"))

    def call(self, _: None) -> None:
        """Build what a function that is known here would return; no function is called."""
        arguments, function = self._pop(), self._pop()
        build = BUILDERS.get(function.name) if isinstance(function, Global) else None
        if build is None:
            name = function.name if isinstance(function, Global) else type(function).__name__
            raise RefusedError(f"would call '{name}', which cnnzoo never does. {SAVE_TENSORS}")
        if not isinstance(arguments, tuple):
            raise RefusedError(f"is damaged: '{function.name}' takes a tuple")
        self.stack.append(build(arguments))

    def attributes(self, _: None) -> None:
        """Leave out the attributes of an ordered dict: PyTorch keeps versions of its layers there."""
        self._pop()
        if not self.stack or not isinstance(self.stack[-1], dict):
            raise RefusedError(f"has objects other than tensors and dicts. {SAVE_TENSORS}")

    def new_object(self, _: None) -> None:
        """Refuse an object of a class."""
        _, kind = self._pop(), self._pop()
        name = kind.name if isinstance(kind, Global) else type(kind).__name__
        raise RefusedError(f"has an object of '{name}' in it, and not only tensors. {SAVE_TENSORS}")

    def storage(self, _: None) -> None:
        """Name a storage: ("storage", kind, key, device, count), and in older files which part of it is meant."""
        reference = self._pop()
        if not isinstance(reference, tuple) or len(reference) not in (5, 6) or reference[0] != "storage":
            raise RefusedError("refers to something other than a storage")
        _, kind, key, _, count, *view = reference
        name = kind.name if isinstance(kind, Global) else str(kind)
        if name not in STORAGES:
            raise RefusedError(f"has elements of '{name}', which are not supported: {', '.join(STORAGES)}")
        start = 0
        if view and view[0] is not None:
            _, start, count = _sized(view[0], 3)
        if not isinstance(key, str) or not _are_sizes(start, count):
            raise RefusedError("refers to a storage without a name or size")
        self.stack.append(Storage(key, STORAGES[name], start, count))


SAVE_TENSORS = "Save the tensors alone, in PyTorch: `torch.save(model.state_dict(), path)`"


def _plain_items(pairs: Iterator[tuple[Any, Any]]) -> Iterator[tuple[Any, Any]]:
    for key, value in pairs:
        if not isinstance(key, str | int | float | bool | None):
            raise RefusedError(f"has {_kind(key)} as a key")
        yield key, value


def _sized(value: Any, size: int) -> Sequence[Any]:
    if not isinstance(value, tuple) or len(value) < size:
        raise RefusedError("is damaged: a tensor has too few properties")
    return value


def _are_sizes(*values: Any) -> bool:
    return all(type(value) is int and value >= 0 for value in values)


def _tensor(arguments: tuple[Any, ...]) -> Layout:
    """Describe a tensor: its storage, the first element, shape and strides; the rest is about gradients."""
    storage, offset, shape, strides, *_ = _sized(arguments, 4)
    if not isinstance(storage, Storage) or not isinstance(shape, tuple) or not isinstance(strides, tuple):
        raise RefusedError("is damaged: a tensor has no storage or shape")
    if not _are_sizes(offset, *shape, *strides) or len(shape) != len(strides) or len(shape) > MOST_AXES:
        raise RefusedError("is damaged: a tensor has no valid shape")
    return Layout(storage, offset, shape, strides)


def _parameter(arguments: tuple[Any, ...]) -> Layout:
    tensor = arguments[0] if arguments else None
    if not isinstance(tensor, Layout):
        raise RefusedError("is damaged: a parameter is no tensor")
    return tensor


def _ordered_dict(arguments: tuple[Any, ...]) -> dict[Any, Any]:
    """Build a dict, of pairs where Python 2 wrote it."""
    pairs = arguments[0] if arguments else []
    if not isinstance(pairs, list) or any(not isinstance(pair, list | tuple) or len(pair) != 2 for pair in pairs):
        raise RefusedError("is damaged: a dict has no pairs")
    return dict(_plain_items(iter([(key, value) for key, value in pairs])))


BUILDERS: Mapping[str, Callable[[tuple[Any, ...]], Any]] = {
    "collections.OrderedDict": _ordered_dict,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
}

CONSTANTS: Mapping[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "MARK": lambda: _MARK,
}
VALUES = frozenset(
    {
        *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
        *("BINUNICODE", "SHORT_BINUNICODE", "BINSTRING", "SHORT_BINSTRING"),
    }
)
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
IGNORED = frozenset({"PROTO", "FRAME"})
OPERATIONS: Mapping[str, Callable[[_Interpreter, Any], None]] = {
    "BINPUT": _Interpreter.put,
    "LONG_BINPUT": _Interpreter.put,
    "MEMOIZE": _Interpreter.put,
    "BINGET": _Interpreter.get,
    "LONG_BINGET": _Interpreter.get,
    "TUPLE": _Interpreter.tuple_to_mark,
    "APPEND": _Interpreter.append,
    "APPENDS": _Interpreter.extend,
    "SETITEM": _Interpreter.set_item,
    "SETITEMS": _Interpreter.set_items,
    "GLOBAL": _Interpreter.name,
    "STACK_GLOBAL": _Interpreter.name_on_stack,
    "REDUCE": _Interpreter.call,
    "BUILD": _Interpreter.attributes,
    "NEWOBJ": _Interpreter.new_object,
    "BINPERSID": _Interpreter.storage,
}
