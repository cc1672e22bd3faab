"""A network as an ONNX graph, written call by call: from any backend, in float32, and without running the network.

Maps lie with their channels first in it, as ONNX has them, whatever they do in Keras; images come and vectors leave as
in Keras. Needs the package ``onnx``.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias

import keras
import numpy as np
import onnx
from onnx import helper

from cnnzoo._keras.graph import graph_inputs, run
from cnnzoo._keras.kinds import channels_of, is_named, per_axis
from cnnzoo._keras.reading import (
    IDLE,
    LUMA,
    CannotWriteError,
    UnsupportedError,
    is_last,
    joined_shape,
    shape_after,
    sides_rounded_up,
    standardization,
    whole_kernel,
)

Layout: TypeAlias = Literal["nhwc", "nchw"]

OPSET = 18
OPSETS = range(17, 23)
IMAGES, OUTPUT = "images", "output"
IR_VERSION = 10
LARGEST_FILE = 2**31  # bytes, which protocol buffers end at
LARGEST_HALF = float(np.finfo(np.float16).max)
MISH_SINCE = 18


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


def write_onnx(model: keras.Model, form: Form | None = None) -> onnx.ModelProto:
    """Return ``model`` as ONNX: one input, one output, any number of images.

    Args:
        model: A functional or sequential model of images with their channels last.
        form: In which form; None: as in Keras, in float32.

    Raises:
        UnsupportedError: The model has several inputs or outputs, or a layer that is not supported; the message says
            which.
        ValueError: The model is subclassed or not built.
    """
    graph = _written(model, form or Form())
    for tensor in graph.tensors:
        written = graph.model.graph.initializer.add()  # in place: no copy
        written.CopyFrom(tensor.header())
        written.raw_data = tensor.values().tobytes()
    return graph.model


def save_onnx(model: keras.Model, path: Path, form: Form | None = None) -> None:
    """Write ``model`` as ONNX into a file, weight by weight: in the memory of the largest of them.

    Arguments and errors are those of ``write_onnx``.
    """
    graph = _written(model, form or Form())
    if sum(tensor.size for tensor in graph.tensors) >= LARGEST_FILE:
        raise UnsupportedError(f"An ONNX file can hold 2 GB, and the weights of {model.name} are more.")
    with path.open("wb") as file:
        file.write(graph.model.SerializeToString())
        for tensor in graph.tensors:
            tensor.append_to(file)


def add_metadata(path: Path, metadata: dict[str, str]) -> None:
    """Add metadata to an ONNX file, by appending them: messages that follow each other are read as one."""
    added = onnx.ModelProto()
    helper.set_model_props(added, metadata)
    with path.open("ab") as file:
        file.write(added.SerializeToString())


def _written(model: keras.Model, form: Form) -> _Graph:
    inputs = graph_inputs(model)
    if (len(inputs), len(model.outputs)) != (1, 1):
        raise UnsupportedError(
            "The ONNX export supports one input and one output. "
            f"Received a model with {len(inputs)} and {len(model.outputs)}."
        )
    graph = _Graph(model.name, form)
    shape = inputs[0].shape
    images = Value(IMAGES, shape)
    (end,) = run(model, [graph.from_keras(images) if form.layout == "nhwc" else images], graph.call)
    graph.layer = ""
    end = graph.to_keras(end)
    graph.add("Identity", end.name, name=OUTPUT)
    sides = [side or f"side_{axis}" for axis, side in enumerate(shape)]
    graph.declare([sides[-1], *sides[:-1]] if form.layout == "nchw" else sides, end.shape)
    return graph


@dataclass(frozen=True)
class _Tensor:
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


class _Graph:
    """The graph so far; ``layer`` is the path of the layer that is being written, by which nodes are called."""

    def __init__(self, name: str, form: Form) -> None:
        self.model = onnx.ModelProto(ir_version=IR_VERSION, opset_import=[helper.make_opsetid("", form.opset)])
        self.model.graph.name = name
        self.tensors: list[_Tensor] = []
        self.layer = ""
        self._form = form
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
        dtype = np.dtype(np.float16 if self._form.float16 and len(own) > 1 else np.float32)

        def values() -> np.ndarray:
            array = np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(variable, "float32")))
            if dtype == np.float16 and max(array.max(), -array.min()) > LARGEST_HALF:
                raise UnsupportedError(f"A weight of {variable.path} is beyond what float16 can hold.")
            return np.ascontiguousarray(arrange(array), dtype)

        name = self._tensor(variable.name, shape, dtype, values)
        return name if dtype == np.float32 else self.add("Cast", name, to=onnx.TensorProto.FLOAT)

    def _tensor(self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any], values: Callable[[], np.ndarray]) -> str:
        self.tensors.append(_Tensor(self._name(name), shape, dtype, values))
        return self.tensors[-1].name

    def call(self, name: str, operation: Any, _: bool, *arguments: Any, **options: Any) -> Value:
        """Write a call of a layer: what ``run`` calls."""
        self.layer = name
        rule = next((rule for kinds, rule in RULES.items() if is_named(operation, kinds)), None)
        if rule is None:
            raise UnsupportedError(f"The ONNX export does not support layer '{name}' ({type(operation).__name__}).")
        if channels_of(operation) == 0:
            raise UnsupportedError(f"Layer '{name}' is channels_first, which the ONNX export does not support.")
        options = {option: given for option, given in options.items() if option != "training" and given is not None}
        try:
            value = rule(self, operation, *arguments, **options)
            activation = getattr(operation, "activation", None)
            if activation is not None and not is_named(operation, {"Activation"}):
                return self.activated(value, activation)
        except CannotWriteError as error:
            raise UnsupportedError(f"The ONNX export does not support layer '{name}': {error}.") from error
        return value

    def activated(self, value: Value, activation: Any) -> Value:
        """Write an activation: a function of Keras, or a layer."""
        if isinstance(activation, keras.layers.Layer):
            return self.call(activation.name, activation, False, value)
        kind = getattr(activation, "__name__", "")
        if kind not in FUNCTIONS or keras.activations.get(kind) is not activation:
            raise CannotWriteError(f"its activation is {kind or activation}")
        if kind == "linear":
            return value
        if kind == "gelu":
            return _gelu(self, value)
        if kind == "silu":
            gate = self.add("Sigmoid", value.name)
            return Value(self.add("Mul", value.name, gate), value.shape)
        if kind == "relu6":
            return self.clipped(value, 0, 6)
        node, attributes = ACTIVATIONS[kind]
        if kind == "mish" and self._form.opset < MISH_SINCE:
            raise CannotWriteError(f"its activation is mish, which ONNX has from opset {MISH_SINCE} on")
        if kind in ("softmax", "log_softmax"):
            attributes = {"axis": 1 if value.is_map else -1}
        return Value(self.add(node, value.name, **attributes), value.shape)

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


ACTIVATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "relu": ("Relu", {}),
    "sigmoid": ("Sigmoid", {}),
    "tanh": ("Tanh", {}),
    "softmax": ("Softmax", {}),
    "log_softmax": ("LogSoftmax", {}),
    "softplus": ("Softplus", {}),
    "softsign": ("Softsign", {}),
    "elu": ("Elu", {}),
    "selu": ("Selu", {}),
    "exponential": ("Exp", {}),
    "hard_sigmoid": ("HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}),
    "hard_silu": ("HardSwish", {}),
    "mish": ("Mish", {}),
}
FUNCTIONS = {*ACTIVATIONS, "linear", "gelu", "silu", "relu6"}

CONVOLUTION, DEPTHWISE, TRANSPOSED, POINTWISE = "convolution", "depthwise", "transposed", "pointwise"


def _window(layer: Any, size: Any) -> dict[str, Any]:
    return {
        "kernel_shape": per_axis(size, 2),
        "strides": per_axis(layer.strides, 2),
        "auto_pad": "SAME_UPPER" if layer.padding == "same" else "VALID",
    }


def _convolved(
    graph: _Graph, layer: Any, value: Value, kernel: str, size: Any, groups: int, bias: Any, shape: Any
) -> Value:
    inputs = [value.name, kernel, *([graph.weight(bias)] if bias is not None else [])]
    dilations = per_axis(getattr(layer, "dilation_rate", 1), 2)
    window = _window(layer, size)
    if max(dilations) > 1 and layer.padding == "same":  # and the strides are 1, so that the size does not matter
        beyond = [step * (side - 1) for step, side in zip(dilations, window["kernel_shape"], strict=True)]
        del window["auto_pad"]
        window["pads"] = [each // 2 for each in beyond] + [each - each // 2 for each in beyond]
    return Value(graph.add("Conv", *inputs, group=groups, dilations=dilations, **window), shape)


def _convolution(graph: _Graph, layer: Any, value: Value) -> Value:
    kernel, shape = graph.weight(layer.kernel, CONVOLUTION), shape_after(layer, value.shape)
    return _convolved(graph, layer, value, kernel, layer.kernel_size, layer.groups, layer.bias, shape)


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


def _depthwise(graph: _Graph, layer: Any, value: Value) -> Value:
    kernel, shape = graph.weight(layer.kernel, DEPTHWISE), shape_after(layer, value.shape)
    return _convolved(graph, layer, value, kernel, layer.kernel_size, value.shape[-1] or 1, layer.bias, shape)


def _separable(graph: _Graph, layer: Any, value: Value) -> Value:
    kernel, shape = graph.weight(layer.depthwise_kernel, DEPTHWISE), shape_after(layer, value.shape)
    maps = _convolved(graph, layer, value, kernel, layer.kernel_size, value.shape[-1] or 1, None, shape)
    kernel = graph.weight(layer.pointwise_kernel, CONVOLUTION)
    bias = [graph.weight(layer.bias)] if layer.bias is not None else []
    return Value(graph.add("Conv", maps.name, kernel, *bias), shape)


def _by_table(graph: _Graph, layer: Any, value: Value) -> Value:
    whole = graph.constant(whole_kernel(layer).transpose(3, 2, 0, 1))
    height, width = (side and side - size + 1 for side, size in zip(value.shape[:2], layer.kernel_size, strict=True))
    shape = (height, width, len(layer.table))
    return _convolved(graph, layer, value, whole, layer.kernel_size, 1, layer.bias, shape)


def _dense(graph: _Graph, layer: Any, value: Value) -> Value:
    shape = (*value.shape[:-1], layer.units)
    bias = [graph.weight(layer.bias)] if layer.bias is not None else []
    if value.is_map:
        kernel = graph.weight(layer.kernel, POINTWISE)
        return Value(graph.add("Conv", value.name, kernel, *bias), shape)
    if len(shape) == 1:
        return Value(graph.add("Gemm", value.name, graph.weight(layer.kernel), *bias), shape)
    product = graph.add("MatMul", value.name, graph.weight(layer.kernel))
    return Value(graph.add("Add", product, *bias) if bias else product, shape)


def _distances(graph: _Graph, layer: Any, value: Value) -> Value:
    centres = graph.weight(layer.kernel, TRANSPOSED)  # (centres, values)
    vector = graph.add("Unsqueeze", value.name, graph.constant([1], np.int64))
    difference = graph.add("Sub", vector, centres)
    square = graph.add("Mul", difference, difference)
    total = graph.add("ReduceSum", square, graph.constant([2], np.int64), keepdims=0)
    return Value(graph.add("Neg", total), (len(layer.centres),))


def _scales(graph: _Graph, layer: Any, value: Value) -> tuple[str, str]:
    """Return the factors and the offsets of a normalisation, also where it has none."""
    ones = np.ones(value.shape[-1] or 1)
    gamma = graph.weight(layer.gamma) if layer.scale else graph.constant(ones)
    return gamma, graph.weight(layer.beta) if layer.center else graph.constant(0 * ones)


def _normalized(graph: _Graph, layer: Any, value: Value) -> Value:
    if not is_last(layer.axis, value.shape):
        raise CannotWriteError("it normalises another axis than the last")
    if len(value.shape) == 2:
        raise CannotWriteError("it normalises sequences")
    kept = [graph.weight(each) for each in (layer.moving_mean, layer.moving_variance)]
    node = graph.add("BatchNormalization", value.name, *_scales(graph, layer, value), *kept, epsilon=layer.epsilon)
    return Value(node, value.shape)


def _layer_normalized(graph: _Graph, layer: Any, value: Value) -> Value:
    if [is_last(axis, value.shape) for axis in np.atleast_1d(layer.axis)] != [True] or getattr(
        layer, "rms_scaling", False
    ):
        raise CannotWriteError("it normalises other axes than the last")
    last, scales = graph.to_keras(value), _scales(graph, layer, value)
    node = graph.add("LayerNormalization", last.name, *scales, axis=-1, epsilon=layer.epsilon)
    return graph.from_keras(Value(node, value.shape))


def _pooled(graph: _Graph, layer: Any, value: Value) -> Value:
    is_max = type(layer).__name__.startswith("Max")
    window = _window(layer, layer.pool_size) | ({} if is_max else {"count_include_pad": 0})
    node = graph.add("MaxPool" if is_max else "AveragePool", value.name, **window)
    return Value(node, shape_after(layer, value.shape))


def _ceil_pooled(graph: _Graph, layer: Any, value: Value) -> Value:
    given = [side for side in value.shape[:2] if side is not None]
    if len(given) < 2:
        raise CannotWriteError("its images may have any size")
    sides = sides_rounded_up(layer, given)
    beyond = [(count - 1) * layer.strides + layer.pool_size - side for count, side in zip(sides, given, strict=True)]
    node = graph.add(
        "AveragePool",
        value.name,
        kernel_shape=(layer.pool_size,) * 2,
        strides=(layer.strides,) * 2,
        pads=(0, 0, max(beyond[0], 0), max(beyond[1], 0)),
        count_include_pad=0,
    )
    return Value(node, (*sides, value.shape[2]))


def _adaptively_pooled(graph: _Graph, layer: Any, value: Value) -> Value:
    name, sides = value.name, value.shape[:2]
    for axis, length in zip((2, 3), sides, strict=True):
        if length == layer.size:
            continue
        if length is None:
            raise CannotWriteError("its images may have any size")
        weights = np.zeros((layer.size, length), np.float32)
        for window in range(layer.size):
            begin, end = window * length // layer.size, -(-(window + 1) * length // layer.size)
            weights[window, begin:end] = 1 / (end - begin)
        if axis == 2:
            name = graph.add("MatMul", graph.constant(weights), name)
        else:
            name = graph.add("MatMul", name, graph.constant(weights.T))
    return Value(name, (layer.size, layer.size, value.shape[2]))


def _pooled_globally(graph: _Graph, layer: Any, value: Value) -> Value:
    kind = "GlobalMaxPool" if "Max" in type(layer).__name__ else "GlobalAveragePool"
    node, channels = graph.add(kind, value.name), value.shape[-1]
    return Value(node, (1, 1, channels)) if layer.keepdims else Value(graph.add("Flatten", node), (channels,))


def _padded(graph: _Graph, layer: Any, value: Value) -> Value:
    (top, bottom), (left, right) = layer.padding
    pads = graph.constant([0, 0, top, left, 0, 0, bottom, right], np.int64)
    return Value(graph.add("Pad", value.name, pads), shape_after(layer, value.shape))


def _cropped(graph: _Graph, layer: Any, value: Value) -> Value:
    (top, bottom), (left, right) = layer.cropping
    ends = [-end if end else np.iinfo(np.int64).max for end in (bottom, right)]
    return Value(_sliced(graph, value.name, (top, left), ends, (2, 3)), shape_after(layer, value.shape))


def _sliced(graph: _Graph, name: str, begins: Sequence[int], ends: Sequence[int], axes: Sequence[int]) -> str:
    return graph.add("Slice", name, *(graph.constant(each, np.int64) for each in (begins, ends, axes)))


def _channel_slice(graph: _Graph, layer: Any, value: Value) -> Value:
    channels = len(range(*slice(layer.start, layer.stop).indices(value.shape[-1] or 0)))
    node = _sliced(graph, value.name, [layer.start], [layer.stop], [1 if value.is_map else len(value.shape)])
    return Value(node, (*value.shape[:-1], channels))


def _zero_channels(graph: _Graph, layer: Any, value: Value) -> Value:
    after = [0] * (len(value.shape) + 1)
    after[1 if value.is_map else -1] = layer.count
    node = graph.add("Pad", value.name, graph.constant([0] * len(after) + after, np.int64))
    return Value(node, (*value.shape[:-1], (value.shape[-1] or 0) + layer.count))


def _shuffled(graph: _Graph, layer: Any, value: Value) -> Value:
    height, width, channels = value.shape
    if height is None or width is None:
        raise CannotWriteError("its images may have any size")
    apart = graph.constant([0, layer.groups, (channels or 0) // layer.groups, height * width], np.int64)
    turned = graph.add("Transpose", graph.add("Reshape", value.name, apart), perm=(0, 2, 1, 3))
    together = graph.constant([0, channels or 0, height, width], np.int64)
    return Value(graph.add("Reshape", turned, together), value.shape)


def _normalized_responses(graph: _Graph, layer: Any, value: Value) -> Value:
    alpha = layer.alpha * layer.size  # which ONNX divides by the size
    node = graph.add("LRN", value.name, size=layer.size, alpha=alpha, beta=layer.beta, bias=float(layer.k))
    return Value(node, value.shape)


def _reshaped(graph: _Graph, layer: Any, value: Value) -> Value:
    """Write what only changes the shape, of vectors and of maps in Keras' order."""
    shape, last = shape_after(layer, value.shape), graph.to_keras(value)
    if shape.count(None) > 1:
        raise CannotWriteError("its images may have any size")
    target = graph.constant([0, *(-1 if side is None else side for side in shape)], np.int64)
    return graph.from_keras(Value(graph.add("Reshape", last.name, target), shape))


def _permuted(graph: _Graph, layer: Any, value: Value) -> Value:
    node = graph.add("Transpose", graph.to_keras(value).name, perm=(0, *layer.dims))
    return graph.from_keras(Value(node, shape_after(layer, value.shape)))


def _concatenated(graph: _Graph, layer: Any, values: Sequence[Value]) -> Value:
    shape = joined_shape(layer, [value.shape for value in values])
    axis = layer.axis % (len(shape) + 1)
    if axis == 0:
        raise CannotWriteError("it joins images")
    axis = {1: 2, 2: 3, 3: 1}[axis] if len(shape) == 3 else axis
    return Value(graph.add("Concat", *(value.name for value in values), axis=axis), shape)


def _merged(kind: str) -> Callable[..., Value]:
    def rule(graph: _Graph, _: Any, values: Any, *others: Any) -> Value:
        first, *rest = [*values, *others] if isinstance(values, list | tuple) else [values, *others]
        total: Value = reduce(lambda one, other: _combined(graph, kind, one, other), rest, first)
        return total

    return rule


def _combined(graph: _Graph, kind: str, first: Any, second: Any) -> Value:
    if not isinstance(first, Value):
        return Value(graph.add(kind, graph.per_channel(first, second), second.name), second.shape)
    if not isinstance(second, Value):
        return Value(graph.add(kind, first.name, graph.per_channel(second, first)), first.shape)
    if len(first.shape) != len(second.shape):
        raise CannotWriteError("it combines maps with vectors")
    shape = tuple(b if a == 1 else a for a, b in zip(first.shape, second.shape, strict=True))
    return Value(graph.add(kind, first.name, second.name), shape)


def _averaged(graph: _Graph, layer: Any, values: Sequence[Value]) -> Value:
    total = _merged("Add")(graph, layer, values)
    return Value(graph.add("Div", total.name, graph.constant(float(len(values)))), total.shape)


def _rescaled(graph: _Graph, layer: Any, value: Value) -> Value:
    scaled = graph.add("Mul", value.name, graph.per_channel(layer.scale, value))
    if not np.any(layer.offset):
        return Value(scaled, value.shape)
    return Value(graph.add("Add", scaled, graph.per_channel(layer.offset, value)), value.shape)


def _standardized(graph: _Graph, layer: Any, value: Value) -> Value:
    mean, deviation = standardization(layer, value.shape[-1])
    centred = graph.add("Sub", value.name, graph.per_channel(mean, value))
    return Value(graph.add("Div", centred, graph.per_channel(deviation, value)), value.shape)


def _rectified(graph: _Graph, layer: Any, value: Value) -> Value:
    if layer.threshold:
        raise CannotWriteError("it has a threshold")
    if layer.negative_slope:
        if layer.max_value is not None:
            raise CannotWriteError("it has a slope and a limit")
        return Value(graph.add("LeakyRelu", value.name, alpha=float(layer.negative_slope)), value.shape)
    if layer.max_value is not None:
        return graph.clipped(value, 0, layer.max_value)
    return Value(graph.add("Relu", value.name), value.shape)


def _gelu(graph: _Graph, value: Value) -> Value:
    """Write x (1 + erf(x / sqrt 2)) / 2, which ONNX has as one node only from opset 20 on."""
    scaled = graph.add("Div", value.name, graph.constant(math.sqrt(2)))
    gate = graph.add("Add", graph.add("Erf", scaled), graph.constant(1.0))
    half = graph.add("Mul", value.name, graph.constant(0.5))
    return Value(graph.add("Mul", half, gate), value.shape)


def _activation(graph: _Graph, layer: Any, value: Value) -> Value:
    return graph.activated(value, layer.activation)


def _leaky(graph: _Graph, layer: Any, value: Value) -> Value:
    return Value(graph.add("LeakyRelu", value.name, alpha=float(layer.negative_slope)), value.shape)


def _softmax(graph: _Graph, layer: Any, value: Value) -> Value:
    if not is_last(layer.axis, value.shape):
        raise CannotWriteError("its softmax is along another axis than the last")
    return graph.activated(value, keras.activations.softmax)


def _scaled_by_layer(graph: _Graph, layer: Any, value: Value) -> Value:
    gamma = keras.ops.convert_to_numpy(layer.gamma)
    return Value(graph.add("Mul", value.name, graph.per_channel(gamma, value)), value.shape)


def _exponential(graph: _Graph, layer: Any, value: Value) -> Value:
    return Value(graph.add("Elu", value.name, alpha=float(layer.alpha)), value.shape)


def _mixed(graph: _Graph, value: Value, matrix: np.ndarray) -> Value:
    """Write maps of which each is a sum of those before, by factors of shape (maps before, maps)."""
    if not value.is_map:
        raise CannotWriteError("it takes other values than maps")
    kernel = graph.constant(matrix.T[:, :, None, None])
    return Value(graph.add("Conv", value.name, kernel), (*value.shape[:-1], matrix.shape[1]))


def _flipped(graph: _Graph, operation: Any, value: Value) -> Value:
    if not is_last(operation.axis, value.shape):
        raise CannotWriteError("it reverses another axis than the channels")
    return _mixed(graph, value, np.eye(value.shape[-1] or 0)[::-1])


def _repeated(graph: _Graph, operation: Any, value: Value) -> Value:
    if not is_last(operation.axis, value.shape) or not isinstance(operation.repeats, int):
        raise CannotWriteError("it repeats along another axis than the channels")
    return _mixed(graph, value, np.repeat(np.eye(value.shape[-1] or 0), operation.repeats, axis=1))


def _greyed(graph: _Graph, operation: Any, value: Value) -> Value:
    if operation.data_format != "channels_last":
        raise CannotWriteError("its channels are first")
    return _mixed(graph, value, np.array(LUMA)[:, None])


def _cast(_: _Graph, operation: Any, value: Value) -> Value:
    if "float" not in str(operation.dtype):
        raise CannotWriteError(f"it casts to {operation.dtype}")
    return value


def _identity(_: _Graph, __: Any, value: Value, *___: Any) -> Value:
    return value


# How a call of each kind of layer is written, by the names of their classes
RULES: dict[frozenset[str], Callable[..., Value]] = {
    frozenset({"Conv2D"}): _convolution,
    frozenset({"DepthwiseConv2D"}): _depthwise,
    frozenset({"SeparableConv2D"}): _separable,
    frozenset({"TableConv2D"}): _by_table,
    frozenset({"Dense"}): _dense,
    frozenset({"RadialBasisFunctions"}): _distances,
    frozenset({"BatchNormalization"}): _normalized,
    frozenset({"LayerNormalization"}): _layer_normalized,
    frozenset({"MaxPooling2D", "AveragePooling2D"}): _pooled,
    frozenset({"CeilAveragePooling2D"}): _ceil_pooled,
    frozenset({"AdaptiveAveragePooling"}): _adaptively_pooled,
    frozenset({"GlobalAveragePooling2D", "GlobalMaxPooling2D"}): _pooled_globally,
    frozenset({"ZeroPadding2D"}): _padded,
    frozenset({"Cropping2D"}): _cropped,
    frozenset({"ChannelSlice"}): _channel_slice,
    frozenset({"ZeroChannels"}): _zero_channels,
    frozenset({"ChannelShuffle"}): _shuffled,
    frozenset({"LocalResponseNormalization"}): _normalized_responses,
    frozenset({"Flatten", "Reshape"}): _reshaped,
    frozenset({"Permute"}): _permuted,
    frozenset({"Concatenate"}): _concatenated,
    frozenset({"Add"}): _merged("Add"),
    frozenset({"Subtract"}): _merged("Sub"),
    frozenset({"Multiply"}): _merged("Mul"),
    frozenset({"Divide", "TrueDivide"}): _merged("Div"),
    frozenset({"Maximum"}): _merged("Max"),
    frozenset({"Minimum"}): _merged("Min"),
    frozenset({"Average"}): _averaged,
    frozenset({"Rescaling"}): _rescaled,
    frozenset({"Normalization"}): _standardized,
    frozenset({"ReLU"}): _rectified,
    frozenset({"LeakyReLU"}): _leaky,
    frozenset({"Softmax"}): _softmax,
    frozenset({"Activation"}): _activation,
    frozenset({"LayerScale"}): _scaled_by_layer,
    frozenset({"ELU"}): _exponential,
    frozenset({"Flip"}): _flipped,
    frozenset({"Repeat"}): _repeated,
    frozenset({"RGBToGrayscale"}): _greyed,
    frozenset({"Cast"}): _cast,
    IDLE: _identity,
}
