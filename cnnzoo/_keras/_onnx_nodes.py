"""The nodes and weights of an ONNX graph, as a network is written into it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal, TypeAlias

import keras
import numpy as np
import onnx
from onnx import helper

from cnnzoo._keras.reading import IMAGES, OUTPUT, UnsupportedError

Layout: TypeAlias = Literal["nhwc", "nchw"]

OPSET = 18
OPSETS = range(17, 23)
IR_VERSION = 10
LARGEST_HALF = float(np.finfo(np.float16).max)

CONVOLUTION, DEPTHWISE, TRANSPOSED, POINTWISE = "convolution", "depthwise", "transposed", "pointwise"


def _per_map(values: np.ndarray) -> np.ndarray:
    """Lay out depthwise kernels."""
    height, width, channels, multiplier = values.shape
    kernels: np.ndarray = values.transpose(2, 3, 0, 1).reshape(channels * multiplier, 1, height, width)
    return kernels


LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    CONVOLUTION: lambda values: values.transpose(3, 2, 0, 1),
    DEPTHWISE: _per_map,
    TRANSPOSED: lambda values: values.T,
    POINTWISE: lambda values: values.T[:, :, None, None],  # of a dense layer on maps
}


@dataclass(frozen=True)
class Form:
    """In which form a network is written.

    Attributes:
        layout: The order of the axes of the images that it takes: "nhwc", as in Keras, or "nchw".
        float16: Whether kernels are stored as float16. They are computed with in float32.
        opset: The version of ONNX' operators, one of ``OPSETS``.
    """

    layout: Layout = "nhwc"
    float16: bool = False
    opset: int = OPSET


@dataclass(frozen=True)
class Value:
    """A tensor of the graph.

    Attributes:
        name: Its name there.
        shape: As in Keras, without the batch; None for an open side.
    """

    name: str
    shape: tuple[int | None, ...]

    @property
    def is_map(self) -> bool:
        """Whether it is maps, which lie with their channels first."""
        return len(self.shape) == 3


@dataclass(frozen=True)
class Tensor:
    """A constant of the graph, whose values are fetched when they are written.

    Attributes:
        name: Its name.
        shape: Its shape.
        dtype: Its dtype.
        values: What returns it, as an array in the order of C.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    values: Callable[[], np.ndarray]

    @property
    def size(self) -> int:
        """In bytes."""
        return math.prod(self.shape) * self.dtype.itemsize

    def header(self) -> onnx.TensorProto:
        """Return it without its values."""
        kind = helper.np_dtype_to_tensor_dtype(self.dtype)
        return onnx.TensorProto(name=self.name, dims=self.shape, data_type=kind)

    def append_to(self, file: BinaryIO) -> None:
        """Write it as a model of this tensor alone, without a copy of the values that protocol buffers would make."""
        header = self.header().SerializeToString() + _field(onnx.TensorProto.RAW_DATA_FIELD_NUMBER, self.size)
        tensor = _field(onnx.GraphProto.INITIALIZER_FIELD_NUMBER, len(header) + self.size) + header
        file.write(_field(onnx.ModelProto.GRAPH_FIELD_NUMBER, len(tensor) + self.size) + tensor)
        file.write(self.values().reshape(-1).view(np.uint8).data)


def _field(number: int, size: int) -> bytes:
    """Return what precedes ``size`` bytes of a field in protocol buffers."""
    return _varint(number << 3 | 2) + _varint(size)


def _varint(value: int) -> bytes:
    """Return a whole number as protocol buffers write it: seven bits a byte, the last ones first."""
    bits = [value >> shift & 0x7F for shift in range(0, max(value.bit_length(), 1), 7)]
    return bytes([*(each | 0x80 for each in bits[:-1]), bits[-1]])


class Graph:
    """The graph so far.

    Attributes:
        model: The nodes, as ONNX has them.
        tensors: The weights and constants, whose values are not fetched yet.
        layer: The path of the layer that is being written, by which nodes are called.
        form: In which form the network is written.
    """

    def __init__(self, name: str, form: Form) -> None:
        """Begin the graph of a network of that name."""
        self.model = onnx.ModelProto(ir_version=IR_VERSION, opset_import=[helper.make_opsetid("", form.opset)])
        self.model.graph.name = name
        self.tensors: list[Tensor] = []
        self.layer = ""
        self.form = form
        self._names: set[str] = {IMAGES, OUTPUT}
        self._weights: dict[tuple[int, str], tuple[Any, str]] = {}

    def declare(self, sides: Sequence[int | str], shape: Sequence[int | None]) -> None:
        """Say what the input and the output are."""
        kind = onnx.TensorProto.FLOAT
        self.model.graph.input.append(helper.make_tensor_value_info(IMAGES, kind, ["n", *sides]))
        self.model.graph.output.append(helper.make_tensor_value_info(OUTPUT, kind, ["n", *shape]))

    def add(self, kind: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """Add a node; return the name of its output."""
        name = name or self._name(kind)
        self.model.graph.node.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def constant(self, values: Any, dtype: type = np.float32) -> str:
        """Add a constant; return its name."""
        array = np.ascontiguousarray(values, dtype).reshape(np.shape(values))
        return self._tensor("constant", array.shape, array.dtype, lambda: array)

    def weight(self, variable: Any, layout: str = "") -> str:
        """Add a weight in one of ``LAYOUTS``, once for each variable and layout."""
        if (id(variable), layout) not in self._weights:
            written = self._kernel(variable, layout)
            self._weights[id(variable), layout] = variable, written  # held, so that no other gets its identity
        return self._weights[id(variable), layout][1]

    def _kernel(self, variable: Any, layout: str) -> str:
        arrange, own = LAYOUTS[layout] if layout else (lambda values: values), tuple(variable.shape)
        shape = arrange(np.broadcast_to(np.float32(0), own)).shape  # in no memory
        dtype = np.dtype(np.float16 if self.form.float16 and len(own) > 1 else np.float32)

        def values() -> np.ndarray:
            array = np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(variable, "float32")))
            if dtype == np.float16 and max(array.max(), -array.min()) > LARGEST_HALF:
                raise UnsupportedError(f"A weight of {variable.path} is beyond what float16 can hold.")
            return np.ascontiguousarray(arrange(array), dtype)

        name = self._tensor(variable.name, shape, dtype, values)
        return name if dtype == np.float32 else self.add("Cast", name, to=onnx.TensorProto.FLOAT)

    def _tensor(self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any], values: Callable[[], np.ndarray]) -> str:
        self.tensors.append(Tensor(self._name(name), shape, dtype, values))
        return self.tensors[-1].name

    def clipped(self, value: Value, low: float | None, high: float | None) -> Value:
        """Write limits to the values."""
        limits = ["" if limit is None else self.constant(limit) for limit in (low, high)]
        return Value(self.add("Clip", value.name, *limits), value.shape)

    def from_keras(self, value: Value) -> Value:
        """Put the channels of maps first."""
        return Value(self.add("Transpose", value.name, perm=(0, 3, 1, 2)), value.shape) if value.is_map else value

    def to_keras(self, value: Value) -> Value:
        """Put the channels of maps last."""
        return Value(self.add("Transpose", value.name, perm=(0, 2, 3, 1)), value.shape) if value.is_map else value

    def per_channel(self, values: Any, value: Value) -> str:
        """Add a constant of a number or of one for each channel, to be added to, or multiplied with, ``value``."""
        array = np.asarray(values, np.float32).reshape(-1)
        return self.constant(array.reshape(-1, 1, 1) if value.is_map and array.size > 1 else array)

    def _name(self, kind: str) -> str:
        """Return a name that no other has: of the layer, and of the kind of node or weight."""
        name = f"{self.layer}/{kind}" if self.layer else kind
        count = next(count for count in itertools.count(1) if _numbered(name, count) not in self._names)
        self._names.add(_numbered(name, count))
        return _numbered(name, count)


def _numbered(name: str, count: int) -> str:
    return name if count == 1 else f"{name}_{count}"
