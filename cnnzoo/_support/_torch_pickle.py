"""The pickles of PyTorch's checkpoints, interpreted: tensors in dicts, described but not read.

Python's ``pickle`` is not used. The operations below build dicts, lists and tuples of plain values and of descriptions
of tensors. Whatever else a pickle asks for is refused: nothing in it is called or imported.
"""

from __future__ import annotations

import itertools
import math
import pickletools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

BFLOAT16 = "bfloat16"
MOST_OPERATIONS = 2_000_000  # of one pickle, which bounds its time and memory; a state_dict takes some fifty per tensor
MOST_AXES = 16
LARGEST_ARRAY = 1 << 48  # elements
LARGEST_KEY = 1 << 31  # of a dict, among integers
MOST_CHARACTERS = 80  # of a name that a message quotes

SAVE_TENSORS = "Save the tensors alone, in PyTorch: `torch.save(model.state_dict(), path)`"

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


class RefusedError(ValueError):
    """A file is not a checkpoint of plain tensors; the message completes "it ..."."""


class Global(NamedTuple):
    """What a pickle names: a function, a class or a type of storage."""

    name: str


class Storage(NamedTuple):
    """The elements of tensors, under a key of the file: ``size`` of them, from ``start`` on."""

    key: str
    kind: str
    start: int
    size: int


class TensorLayout(NamedTuple):
    """Where the elements of a tensor are in its storage."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Mark:
    """Where the elements of a tuple, list or dict begin on the stack."""


_MARK = _Mark()
MALFORMED = "is damaged: its pickle is malformed"


class Interpreter:
    """Runs the operations of one pickle, as far as they build plain tensors in dicts.

    Args:
        stream: Where the pickle begins; after ``run``, where it has ended.

    Attributes:
        kinds: The type of the elements of each storage that the pickle names, by key.
    """

    def __init__(self, stream: Any) -> None:
        """Start at the position of ``stream``."""
        self.kinds: dict[str, str] = {}
        self._stream = stream
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._operations = 0

    def run(self) -> Any:
        """Return the value that the pickle describes.

        Raises:
            RefusedError: It asks for more than tensors in dicts, or is damaged.
        """
        for operation, argument, _ in pickletools.genops(self._stream):
            self._count(1)
            if operation.name == "STOP":
                return self._pop()
            if operation.name in CONSTANTS:
                self._stack.append(CONSTANTS[operation.name]())
            elif operation.name in VALUES:
                self._stack.append(argument)
            elif operation.name in TUPLES:
                self._stack.append(tuple(reversed([self._pop() for _ in range(TUPLES[operation.name])])))
            elif operation.name not in IGNORED:
                run = OPERATIONS.get(operation.name)
                if run is None:
                    raise RefusedError(f"has the operation {operation.name} in its pickle. {SAVE_TENSORS}")
                run(self, argument)
        raise RefusedError("is truncated: its pickle does not end")

    def _count(self, operations: int) -> None:
        self._operations += operations
        if self._operations > MOST_OPERATIONS:
            raise RefusedError(f"has a pickle of more than {MOST_OPERATIONS:,} operations")

    def _pop(self) -> Any:
        if not self._stack or self._stack[-1] is _MARK:
            raise RefusedError(f"{MALFORMED} (stack underflow)")
        return self._stack.pop()

    def _top(self, kind: type) -> Any:
        """Return what is on top of the stack, which must be of a kind."""
        if not self._stack or not isinstance(self._stack[-1], kind):
            raise RefusedError(f"{MALFORMED} (expected a {kind.__name__})")
        return self._stack[-1]

    def _pop_to_mark(self) -> list[Any]:
        values = list(itertools.takewhile(lambda each: each is not _MARK, reversed(self._stack)))
        if len(values) == len(self._stack):
            raise RefusedError(f"{MALFORMED} (no mark)")
        del self._stack[len(self._stack) - len(values) - 1 :]
        return values[::-1]

    def put(self, number: int | None) -> None:
        """Remember the top of the stack; None: under the next number."""
        value = self._pop()
        self._stack.append(value)
        self._memo[len(self._memo) if number is None else number] = value

    def get(self, number: int) -> None:
        """Push what was remembered."""
        if number not in self._memo:
            raise RefusedError(f"{MALFORMED} (unknown memo)")
        self._stack.append(self._memo[number])

    def tuple_to_mark(self, _: None) -> None:
        """Make a tuple of what follows the last mark."""
        self._stack.append(tuple(self._pop_to_mark()))

    def append(self, _: None) -> None:
        """Append one value to a list."""
        value = self._pop()
        self._top(list).append(value)

    def extend(self, _: None) -> None:
        """Append what follows the last mark to a list."""
        values = self._pop_to_mark()
        self._top(list).extend(values)

    def set_item(self, _: None) -> None:
        """Put one value into a dict."""
        value, key = self._pop(), self._pop()
        self._top(dict).update(_checked([(key, value)]))

    def set_items(self, _: None) -> None:
        """Put what follows the last mark into a dict: keys and values in turn."""
        values = self._pop_to_mark()
        if len(values) % 2:
            raise RefusedError(f"{MALFORMED} (a key without a value)")
        self._top(dict).update(_checked(zip(values[::2], values[1::2], strict=True)))

    def name(self, argument: str) -> None:
        """Name a function or a class by module and name."""
        self._stack.append(Global(argument.replace(" ", ".")))

    def name_on_stack(self, _: None) -> None:
        """Name a function or a class by module and name, which are on the stack."""
        name, module = self._pop(), self._pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise RefusedError(f"{MALFORMED} (a name that is no string)")
        self._stack.append(Global(f"{module}.{name}"))

    def call(self, _: None) -> None:
        """Build what a function that is known here would return; no function is called."""
        arguments, function = self._pop(), self._pop()
        build = BUILDERS.get(function.name) if isinstance(function, Global) else None
        if build is None:
            raise RefusedError(f"would call '{_name_of(function)}', which cnnzoo never does. {SAVE_TENSORS}")
        if not isinstance(arguments, tuple):
            raise RefusedError(f"{MALFORMED} (a call without arguments)")
        self._count(sum(len(each) for each in arguments if isinstance(each, list)))  # what a dict is made of
        self._stack.append(build(arguments))

    def attributes(self, _: None) -> None:
        """Leave out the attributes of an ordered dict: PyTorch keeps versions of its layers there."""
        self._pop()
        if not self._stack or not isinstance(self._stack[-1], dict):
            raise RefusedError(f"has objects other than tensors and dicts. {SAVE_TENSORS}")

    def new_object(self, _: None) -> None:
        """Refuse an object of a class."""
        _, kind = self._pop(), self._pop()
        raise RefusedError(f"has an object of '{_name_of(kind)}' in it, and not only tensors. {SAVE_TENSORS}")

    def storage(self, _: None) -> None:
        """Describe a storage: ("storage", type, key, device, size), and in older files which part of it is meant."""
        reference = self._pop()
        if not isinstance(reference, tuple) or len(reference) not in (5, 6) or reference[0] != "storage":
            raise RefusedError("refers to something other than a storage")
        _, kind, key, _, size, *view = reference
        if not isinstance(kind, Global) or kind.name not in STORAGES:
            raise RefusedError(f"has elements of '{_name_of(kind)}', which are not supported: {', '.join(STORAGES)}")
        start = 0
        if view and view[0] is not None:
            _, start, size = _at_least(view[0], 3)[:3]
        if not isinstance(key, str) or not _are_sizes(start, size):
            raise RefusedError(f"{MALFORMED} (a storage without a key or size)")
        self.kinds[key] = STORAGES[kind.name]
        self._stack.append(Storage(key, STORAGES[kind.name], start, size))


def _name_of(value: Any) -> str:
    return (value.name if isinstance(value, Global) else type(value).__name__)[:MOST_CHARACTERS]


def _checked(pairs: Iterable[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Return pairs whose keys are plain and hash quickly, or raise ``RefusedError``."""
    pairs = list(pairs)
    for key, _ in pairs:
        if not isinstance(key, str | bool | None) and not (type(key) is int and abs(key) < LARGEST_KEY):
            raise RefusedError(f"has keys other than names and small integers. {SAVE_TENSORS}")
    return pairs


def _at_least(values: Any, count: int) -> tuple[Any, ...]:
    if not isinstance(values, tuple) or len(values) < count:
        raise RefusedError(f"{MALFORMED} (a tensor with too few properties)")
    return values


def _are_sizes(*values: Any) -> bool:
    return all(type(value) is int and value >= 0 for value in values)


def _tensor(arguments: tuple[Any, ...]) -> TensorLayout:
    """Describe a tensor: its storage, first element, shape and strides; the rest is about gradients."""
    storage, offset, shape, strides = _at_least(arguments, 4)[:4]
    if not isinstance(storage, Storage) or not isinstance(shape, tuple) or not isinstance(strides, tuple):
        raise RefusedError(f"{MALFORMED} (a tensor without a storage or shape)")
    if not _are_sizes(offset, *shape, *strides) or len(shape) != len(strides) or len(shape) > MOST_AXES:
        raise RefusedError(f"{MALFORMED} (a tensor without a valid shape)")
    strides = tuple(stride if side > 1 else 0 for side, stride in zip(shape, strides, strict=True))
    last = offset + sum((side - 1) * stride for side, stride in zip(shape, strides, strict=True))
    # A tensor that repeats its elements would take more than the file holds; no network has one
    if math.prod(shape) > storage.size or not is_shape(shape):
        raise RefusedError("is damaged: a tensor has more elements than its storage")
    if offset > storage.size or (math.prod(shape) and last >= storage.size):
        raise RefusedError("is damaged: a tensor extends beyond its storage")
    return TensorLayout(storage, offset, shape, strides)


def is_shape(shape: tuple[int, ...]) -> bool:
    """Tell whether NumPy can have arrays of a shape, also where a side of 0 makes them empty."""
    return len(shape) <= MOST_AXES and math.prod(max(side, 1) for side in shape) < LARGEST_ARRAY


def _parameter(arguments: tuple[Any, ...]) -> TensorLayout:
    (tensor, *_) = _at_least(arguments, 1)
    if not isinstance(tensor, TensorLayout):
        raise RefusedError(f"{MALFORMED} (a parameter that is no tensor)")
    return tensor


def _ordered_dict(arguments: tuple[Any, ...]) -> dict[Any, Any]:
    """Build a dict, of pairs where Python 2 wrote it."""
    pairs = arguments[0] if arguments else []
    if not isinstance(pairs, list) or any(not isinstance(pair, list | tuple) or len(pair) != 2 for pair in pairs):
        raise RefusedError(f"{MALFORMED} (a dict without pairs)")
    return dict(_checked((key, value) for key, value in pairs))


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
OPERATIONS: Mapping[str, Callable[[Interpreter, Any], None]] = {
    "BINPUT": Interpreter.put,
    "LONG_BINPUT": Interpreter.put,
    "MEMOIZE": Interpreter.put,
    "BINGET": Interpreter.get,
    "LONG_BINGET": Interpreter.get,
    "TUPLE": Interpreter.tuple_to_mark,
    "APPEND": Interpreter.append,
    "APPENDS": Interpreter.extend,
    "SETITEM": Interpreter.set_item,
    "SETITEMS": Interpreter.set_items,
    "GLOBAL": Interpreter.name,
    "STACK_GLOBAL": Interpreter.name_on_stack,
    "REDUCE": Interpreter.call,
    "BUILD": Interpreter.attributes,
    "NEWOBJ": Interpreter.new_object,
    "BINPERSID": Interpreter.storage,
}
