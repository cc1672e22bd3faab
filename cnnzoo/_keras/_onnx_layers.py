"""How the layers of Keras are written as nodes of an ONNX graph."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import keras
import numpy as np

from cnnzoo._keras._onnx_nodes import CONVOLUTION, DEPTHWISE, POINTWISE, TRANSPOSED, Graph, Value
from cnnzoo._keras.kinds import channels_of, is_named, per_axis
from cnnzoo._keras.reading import (
    IDLE,
    LUMA,
    ONNX_EXPORT,
    CannotWriteError,
    UnsupportedError,
    is_last,
    joined_shape,
    shape_after,
    sides_rounded_up,
    standardization,
    whole_kernel,
)

MISH_SINCE = 18  # opset


def write_call(graph: Graph, name: str, operation: Any, *arguments: Any, **options: Any) -> Value:
    """Write a call of a layer.

    Raises:
        UnsupportedError: ONNX does not have the layer; the message names it.
    """
    graph.layer = name
    rule = next((rule for kinds, rule in RULES.items() if is_named(operation, kinds)), None)
    if rule is None:
        raise UnsupportedError(f"{ONNX_EXPORT} does not support layer '{name}' ({type(operation).__name__}).")
    if channels_of(operation) == 0:
        raise UnsupportedError(f"Layer '{name}' is channels_first, which the ONNX export does not support.")
    options = {option: given for option, given in options.items() if option != "training" and given is not None}
    try:
        value = rule(graph, operation, *arguments, **options)
        activation = getattr(operation, "activation", None)
        if activation is not None and not is_named(operation, {"Activation"}):
            return _activated(graph, value, activation)
    except CannotWriteError as error:
        raise UnsupportedError(f"{ONNX_EXPORT} does not support layer '{name}': {error}.") from error
    return value


def _activated(graph: Graph, value: Value, activation: Any) -> Value:
    """Write an activation: a function of Keras, or a layer."""
    if isinstance(activation, keras.layers.Layer):
        return write_call(graph, activation.name, activation, value)
    kind = getattr(activation, "__name__", "")
    if kind not in FUNCTIONS or keras.activations.get(kind) is not activation:
        raise CannotWriteError(f"its activation is {kind or activation}")
    if kind == "linear":
        return value
    if kind == "gelu":
        return _gelu(graph, value)
    if kind == "silu":
        gate = graph.add("Sigmoid", value.name)
        return Value(graph.add("Mul", value.name, gate), value.shape)
    if kind == "relu6":
        return graph.clipped(value, 0, 6)
    node, attributes = ACTIVATIONS[kind]
    if kind == "mish" and graph.form.opset < MISH_SINCE:
        raise CannotWriteError(f"its activation is mish, which ONNX has from opset {MISH_SINCE} on")
    if kind in ("softmax", "log_softmax"):
        attributes = {"axis": 1 if value.is_map else -1}
    return Value(graph.add(node, value.name, **attributes), value.shape)


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


def _window(layer: Any, size: Any) -> dict[str, Any]:
    return {
        "kernel_shape": per_axis(size, 2),
        "strides": per_axis(layer.strides, 2),
        "auto_pad": "SAME_UPPER" if layer.padding == "same" else "VALID",
    }


def _convolved(
    graph: Graph, layer: Any, value: Value, kernel: str, size: Any, groups: int, bias: Any, shape: Any
) -> Value:
    inputs = [value.name, kernel, *([graph.weight(bias)] if bias is not None else [])]
    dilations = per_axis(getattr(layer, "dilation_rate", 1), 2)
    window = _window(layer, size)
    if max(dilations) > 1 and layer.padding == "same":  # and the strides are 1, so that the size does not matter
        beyond = [step * (side - 1) for step, side in zip(dilations, window["kernel_shape"], strict=True)]
        del window["auto_pad"]
        window["pads"] = [each // 2 for each in beyond] + [each - each // 2 for each in beyond]
    return Value(graph.add("Conv", *inputs, group=groups, dilations=dilations, **window), shape)


def _convolution(graph: Graph, layer: Any, value: Value) -> Value:
    kernel, shape = graph.weight(layer.kernel, CONVOLUTION), shape_after(layer, value.shape)
    return _convolved(graph, layer, value, kernel, layer.kernel_size, layer.groups, layer.bias, shape)


def _depthwise(graph: Graph, layer: Any, value: Value) -> Value:
    kernel, shape = graph.weight(layer.kernel, DEPTHWISE), shape_after(layer, value.shape)
    return _convolved(graph, layer, value, kernel, layer.kernel_size, value.shape[-1] or 1, layer.bias, shape)


def _separable(graph: Graph, layer: Any, value: Value) -> Value:
    kernel, shape = graph.weight(layer.depthwise_kernel, DEPTHWISE), shape_after(layer, value.shape)
    maps = _convolved(graph, layer, value, kernel, layer.kernel_size, value.shape[-1] or 1, None, shape)
    kernel = graph.weight(layer.pointwise_kernel, CONVOLUTION)
    bias = [graph.weight(layer.bias)] if layer.bias is not None else []
    return Value(graph.add("Conv", maps.name, kernel, *bias), shape)


def _by_table(graph: Graph, layer: Any, value: Value) -> Value:
    whole = graph.constant(whole_kernel(layer).transpose(3, 2, 0, 1))
    height, width = (side and side - size + 1 for side, size in zip(value.shape[:2], layer.kernel_size, strict=True))
    shape = (height, width, len(layer.table))
    return _convolved(graph, layer, value, whole, layer.kernel_size, 1, layer.bias, shape)


def _dense(graph: Graph, layer: Any, value: Value) -> Value:
    shape = (*value.shape[:-1], layer.units)
    bias = [graph.weight(layer.bias)] if layer.bias is not None else []
    if value.is_map:
        kernel = graph.weight(layer.kernel, POINTWISE)
        return Value(graph.add("Conv", value.name, kernel, *bias), shape)
    if len(shape) == 1:
        return Value(graph.add("Gemm", value.name, graph.weight(layer.kernel), *bias), shape)
    product = graph.add("MatMul", value.name, graph.weight(layer.kernel))
    return Value(graph.add("Add", product, *bias) if bias else product, shape)


def _distances(graph: Graph, layer: Any, value: Value) -> Value:
    centres = graph.weight(layer.kernel, TRANSPOSED)  # (centres, values)
    vector = graph.add("Unsqueeze", value.name, graph.constant([1], np.int64))
    difference = graph.add("Sub", vector, centres)
    square = graph.add("Mul", difference, difference)
    total = graph.add("ReduceSum", square, graph.constant([2], np.int64), keepdims=0)
    return Value(graph.add("Neg", total), (len(layer.centres),))


def _scales(graph: Graph, layer: Any, value: Value) -> tuple[str, str]:
    """Return the factors and the offsets of a normalisation, also where it has none."""
    ones = np.ones(value.shape[-1] or 1)
    gamma = graph.weight(layer.gamma) if layer.scale else graph.constant(ones)
    return gamma, graph.weight(layer.beta) if layer.center else graph.constant(0 * ones)


def _normalized(graph: Graph, layer: Any, value: Value) -> Value:
    if not is_last(layer.axis, value.shape):
        raise CannotWriteError("it normalises another axis than the last")
    if len(value.shape) == 2:
        raise CannotWriteError("it normalises sequences")
    kept = [graph.weight(each) for each in (layer.moving_mean, layer.moving_variance)]
    node = graph.add("BatchNormalization", value.name, *_scales(graph, layer, value), *kept, epsilon=layer.epsilon)
    return Value(node, value.shape)


def _layer_normalized(graph: Graph, layer: Any, value: Value) -> Value:
    if [is_last(axis, value.shape) for axis in np.atleast_1d(layer.axis)] != [True] or getattr(
        layer, "rms_scaling", False
    ):
        raise CannotWriteError("it normalises other axes than the last")
    last, scales = graph.to_keras(value), _scales(graph, layer, value)
    node = graph.add("LayerNormalization", last.name, *scales, axis=-1, epsilon=layer.epsilon)
    return graph.from_keras(Value(node, value.shape))


def _pooled(graph: Graph, layer: Any, value: Value) -> Value:
    is_max = type(layer).__name__.startswith("Max")
    window = _window(layer, layer.pool_size) | ({} if is_max else {"count_include_pad": 0})
    node = graph.add("MaxPool" if is_max else "AveragePool", value.name, **window)
    return Value(node, shape_after(layer, value.shape))


def _ceil_pooled(graph: Graph, layer: Any, value: Value) -> Value:
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


def _adaptively_pooled(graph: Graph, layer: Any, value: Value) -> Value:
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


def _pooled_globally(graph: Graph, layer: Any, value: Value) -> Value:
    kind = "GlobalMaxPool" if "Max" in type(layer).__name__ else "GlobalAveragePool"
    node, channels = graph.add(kind, value.name), value.shape[-1]
    return Value(node, (1, 1, channels)) if layer.keepdims else Value(graph.add("Flatten", node), (channels,))


def _padded(graph: Graph, layer: Any, value: Value) -> Value:
    (top, bottom), (left, right) = layer.padding
    pads = graph.constant([0, 0, top, left, 0, 0, bottom, right], np.int64)
    return Value(graph.add("Pad", value.name, pads), shape_after(layer, value.shape))


def _cropped(graph: Graph, layer: Any, value: Value) -> Value:
    (top, bottom), (left, right) = layer.cropping
    ends = [-end if end else np.iinfo(np.int64).max for end in (bottom, right)]
    return Value(_sliced(graph, value.name, (top, left), ends, (2, 3)), shape_after(layer, value.shape))


def _sliced(graph: Graph, name: str, begins: Sequence[int], ends: Sequence[int], axes: Sequence[int]) -> str:
    return graph.add("Slice", name, *(graph.constant(each, np.int64) for each in (begins, ends, axes)))


def _channel_slice(graph: Graph, layer: Any, value: Value) -> Value:
    channels = len(range(*slice(layer.start, layer.stop).indices(value.shape[-1] or 0)))
    node = _sliced(graph, value.name, [layer.start], [layer.stop], [1 if value.is_map else len(value.shape)])
    return Value(node, (*value.shape[:-1], channels))


def _zero_channels(graph: Graph, layer: Any, value: Value) -> Value:
    after = [0] * (len(value.shape) + 1)
    after[1 if value.is_map else -1] = layer.count
    node = graph.add("Pad", value.name, graph.constant([0] * len(after) + after, np.int64))
    return Value(node, (*value.shape[:-1], (value.shape[-1] or 0) + layer.count))


def _shuffled(graph: Graph, layer: Any, value: Value) -> Value:
    height, width, channels = value.shape
    if height is None or width is None:
        raise CannotWriteError("its images may have any size")
    apart = graph.constant([0, layer.groups, (channels or 0) // layer.groups, height * width], np.int64)
    turned = graph.add("Transpose", graph.add("Reshape", value.name, apart), perm=(0, 2, 1, 3))
    together = graph.constant([0, channels or 0, height, width], np.int64)
    return Value(graph.add("Reshape", turned, together), value.shape)


def _normalized_responses(graph: Graph, layer: Any, value: Value) -> Value:
    alpha = layer.alpha * layer.size  # which ONNX divides by the size
    node = graph.add("LRN", value.name, size=layer.size, alpha=alpha, beta=layer.beta, bias=float(layer.k))
    return Value(node, value.shape)


def _reshaped(graph: Graph, layer: Any, value: Value) -> Value:
    """Write what only changes the shape, of vectors and of maps in Keras' order."""
    shape, last = shape_after(layer, value.shape), graph.to_keras(value)
    if shape.count(None) > 1:
        raise CannotWriteError("its images may have any size")
    target = graph.constant([0, *(-1 if side is None else side for side in shape)], np.int64)
    return graph.from_keras(Value(graph.add("Reshape", last.name, target), shape))


def _permuted(graph: Graph, layer: Any, value: Value) -> Value:
    node = graph.add("Transpose", graph.to_keras(value).name, perm=(0, *layer.dims))
    return graph.from_keras(Value(node, shape_after(layer, value.shape)))


def _concatenated(graph: Graph, layer: Any, values: Sequence[Value]) -> Value:
    shape = joined_shape(layer, [value.shape for value in values])
    axis = layer.axis % (len(shape) + 1)
    if axis == 0:
        raise CannotWriteError("it joins images")
    axis = {1: 2, 2: 3, 3: 1}[axis] if len(shape) == 3 else axis
    return Value(graph.add("Concat", *(value.name for value in values), axis=axis), shape)


def _merged(kind: str) -> Callable[..., Value]:
    def rule(graph: Graph, _: Any, values: Any, *others: Any) -> Value:
        first, *rest = [*values, *others] if isinstance(values, list | tuple) else [values, *others]
        total: Value = reduce(lambda one, other: _combined(graph, kind, one, other), rest, first)
        return total

    return rule


def _combined(graph: Graph, kind: str, first: Any, second: Any) -> Value:
    if not isinstance(first, Value):
        return Value(graph.add(kind, graph.per_channel(first, second), second.name), second.shape)
    if not isinstance(second, Value):
        return Value(graph.add(kind, first.name, graph.per_channel(second, first)), first.shape)
    if len(first.shape) != len(second.shape):
        raise CannotWriteError("it combines maps with vectors")
    shape = tuple(b if a == 1 else a for a, b in zip(first.shape, second.shape, strict=True))
    return Value(graph.add(kind, first.name, second.name), shape)


def _averaged(graph: Graph, layer: Any, values: Sequence[Value]) -> Value:
    total = _merged("Add")(graph, layer, values)
    return Value(graph.add("Div", total.name, graph.constant(float(len(values)))), total.shape)


def _rescaled(graph: Graph, layer: Any, value: Value) -> Value:
    scaled = graph.add("Mul", value.name, graph.per_channel(layer.scale, value))
    if not np.any(layer.offset):
        return Value(scaled, value.shape)
    return Value(graph.add("Add", scaled, graph.per_channel(layer.offset, value)), value.shape)


def _standardized(graph: Graph, layer: Any, value: Value) -> Value:
    mean, deviation = standardization(layer, value.shape[-1])
    centred = graph.add("Sub", value.name, graph.per_channel(mean, value))
    return Value(graph.add("Div", centred, graph.per_channel(deviation, value)), value.shape)


def _rectified(graph: Graph, layer: Any, value: Value) -> Value:
    if layer.threshold:
        raise CannotWriteError("it has a threshold")
    if layer.negative_slope:
        if layer.max_value is not None:
            raise CannotWriteError("it has a slope and a limit")
        return Value(graph.add("LeakyRelu", value.name, alpha=float(layer.negative_slope)), value.shape)
    if layer.max_value is not None:
        return graph.clipped(value, 0, layer.max_value)
    return Value(graph.add("Relu", value.name), value.shape)


def _gelu(graph: Graph, value: Value) -> Value:
    """Write x (1 + erf(x / sqrt 2)) / 2, which ONNX has as one node only from opset 20 on."""
    scaled = graph.add("Div", value.name, graph.constant(math.sqrt(2)))
    gate = graph.add("Add", graph.add("Erf", scaled), graph.constant(1.0))
    half = graph.add("Mul", value.name, graph.constant(0.5))
    return Value(graph.add("Mul", half, gate), value.shape)


def _activation(graph: Graph, layer: Any, value: Value) -> Value:
    return _activated(graph, value, layer.activation)


def _leaky(graph: Graph, layer: Any, value: Value) -> Value:
    return Value(graph.add("LeakyRelu", value.name, alpha=float(layer.negative_slope)), value.shape)


def _softmax(graph: Graph, layer: Any, value: Value) -> Value:
    if not is_last(layer.axis, value.shape):
        raise CannotWriteError("its softmax is along another axis than the last")
    return _activated(graph, value, keras.activations.softmax)


def _scaled_by_layer(graph: Graph, layer: Any, value: Value) -> Value:
    gamma = keras.ops.convert_to_numpy(layer.gamma)
    return Value(graph.add("Mul", value.name, graph.per_channel(gamma, value)), value.shape)


def _exponential(graph: Graph, layer: Any, value: Value) -> Value:
    return Value(graph.add("Elu", value.name, alpha=float(layer.alpha)), value.shape)


def _mixed(graph: Graph, value: Value, matrix: np.ndarray) -> Value:
    """Write maps of which each is a sum of those before, by factors of shape (maps before, maps)."""
    if not value.is_map:
        raise CannotWriteError("it takes other values than maps")
    kernel = graph.constant(matrix.T[:, :, None, None])
    return Value(graph.add("Conv", value.name, kernel), (*value.shape[:-1], matrix.shape[1]))


def _flipped(graph: Graph, operation: Any, value: Value) -> Value:
    if not is_last(operation.axis, value.shape):
        raise CannotWriteError("it reverses another axis than the channels")
    return _mixed(graph, value, np.eye(value.shape[-1] or 0)[::-1])


def _repeated(graph: Graph, operation: Any, value: Value) -> Value:
    if not is_last(operation.axis, value.shape) or not isinstance(operation.repeats, int):
        raise CannotWriteError("it repeats along another axis than the channels")
    return _mixed(graph, value, np.repeat(np.eye(value.shape[-1] or 0), operation.repeats, axis=1))


def _greyed(graph: Graph, operation: Any, value: Value) -> Value:
    if operation.data_format != "channels_last":
        raise CannotWriteError("its channels are first")
    return _mixed(graph, value, np.array(LUMA)[:, None])


def _cast(_: Graph, operation: Any, value: Value) -> Value:
    if "float" not in str(operation.dtype):
        raise CannotWriteError(f"it casts to {operation.dtype}")
    return value


def _identity(_: Graph, __: Any, value: Value, *___: Any) -> Value:
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
