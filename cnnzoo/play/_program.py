"""A network as a program for a browser: a step for every call of a layer, and the weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import keras
import numpy as np

from cnnzoo._keras.graph import graph_inputs, run
from cnnzoo._keras.kinds import channels_of, is_named, per_axis
from cnnzoo._keras.reading import (
    IDLE,
    LUMA,
    CannotWriteError,
    is_last,
    joined_shape,
    shape_after,
    sides_rounded_up,
    standardization,
    whole_kernel,
)

Step: TypeAlias = dict[str, Any]

FUNCTIONS = {  # what `engine.js` computes
    *("relu", "relu6", "sigmoid", "tanh", "softmax", "log_softmax", "softplus", "softsign", "elu", "selu"),
    *("exponential", "hard_sigmoid", "hard_silu", "silu", "leaky_relu"),
}


@dataclass(frozen=True)
class Value:
    """A tensor of the program: the image, or what a step gives.

    Attributes:
        number: 0 for the image, otherwise that of the step, from 1.
        shape: As in Keras, without the batch.
    """

    number: int
    shape: tuple[int, ...]


@dataclass
class Program:
    """The steps of a network, with what they compute.

    Attributes:
        shape: Height, width and channels of an image.
        steps: A description of each step, as ``engine.js`` takes it: its operation, the layer's name and type, the
            numbers of the values that it takes, the shape of what it gives, and options. A weight is the pair of its
            first position among all weights and its shape.
        weights: All weights, float32.
    """

    shape: tuple[int, ...]
    steps: list[Step] = field(default_factory=list)
    weights: list[np.ndarray] = field(default_factory=list)
    size: int = 0


def write_program(model: keras.Model) -> Program:
    """Return ``model`` as a program.

    Args:
        model: A functional or sequential model of images with their channels last, of a fixed size.

    Raises:
        ValueError: The model has several inputs or outputs, images of any size, or a layer that is not supported; the
            message says which. Or it is subclassed or not built.
    """
    inputs = graph_inputs(model)
    if (len(inputs), len(model.outputs)) != (1, 1):
        raise ValueError(
            f"A page takes a network with one input and one output. Received: {len(inputs)} and {len(model.outputs)}"
        )
    shape = inputs[0].shape
    if len(shape) != 3 or None in shape:
        raise ValueError(f"A page takes images of a fixed size. Received a network with the input {shape}.")
    writer = _Writer(Program(shape))
    run(model, [Value(0, shape)], writer.call)
    return writer.program


class _Writer:
    """The program so far."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._name = self._type = ""
        self._written: dict[int, tuple[Any, list[Any]]] = {}

    def add(self, operation: str, inputs: Sequence[Value], shape: Sequence[int], **options: Any) -> Value:
        """Add a step of the layer that is being written."""
        step = {
            **{"op": operation, "layer": self._name, "type": self._type},
            **{"inputs": [each.number for each in inputs], "shape": [int(side) for side in shape], **options},
        }
        self.program.steps.append(step)
        return Value(len(self.program.steps), tuple(shape))

    def weight(self, variable: Any) -> list[Any]:
        """Add a weight, once for each variable; an array is added as it is."""
        known = self._written.get(id(variable))
        if known is None:
            values = np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(variable, "float32")))
            if not np.isfinite(values).all():
                raise CannotWriteError("its weights contain NaN or infinity: the training probably diverged")
            known = variable, [self.program.size, list(values.shape)]  # held, so that no other gets its identity
            self._written[id(variable)] = known
            self.program.weights.append(values)
            self.program.size += values.size
        return known[1]

    def call(self, name: str, operation: Any, _: bool, *arguments: Any, **options: Any) -> Value:
        """Write a call of a layer: what ``run`` calls."""
        self._name, self._type = name, type(operation).__name__
        rule = next((rule for kinds, rule in RULES.items() if is_named(operation, kinds)), None)
        if rule is None:
            raise ValueError(f"A page cannot show layer '{name}' ({self._type}).")
        if channels_of(operation) == 0:
            raise ValueError(f"Layer '{name}' is channels_first, which a page cannot show.")
        try:
            value = rule(self, operation, *arguments)
            activation = getattr(operation, "activation", None)
            if activation is not None and not is_named(operation, {"Activation"}):
                return self.activated(value, activation)
        except CannotWriteError as error:
            raise ValueError(f"A page cannot show layer '{name}' ({self._type}): {error}.") from error
        return value

    def activated(self, value: Value, activation: Any) -> Value:
        """Write an activation of Keras: into the step before, if that is the same layer's."""
        if isinstance(activation, keras.layers.Layer):
            return self.call(activation.name, activation, False, value)
        kind = getattr(activation, "__name__", "")
        if kind == "linear":
            return value
        if kind not in FUNCTIONS or keras.activations.get(kind) is not activation:
            raise CannotWriteError(f"its activation is {kind or activation}")
        return self.function(value, kind)

    def function(self, value: Value, kind: str, **options: Any) -> Value:
        """Write a function of each value."""
        return self.add("function", [value], value.shape, kind=kind, **options)

    def affine(self, value: Value, factors: Any, offsets: Any) -> Value:
        """Write a factor and an offset for each channel."""
        channels = value.shape[-1]
        for given in (np.asarray(factors), np.asarray(offsets)):
            if given.size > 1 and (given.shape or (0,))[-1] != given.size:
                raise CannotWriteError("it takes a constant that differs from place to place")
        both = [np.broadcast_to(np.asarray(each, np.float32).reshape(-1), channels) for each in (factors, offsets)]
        return self.add("affine", [value], value.shape, factors=self.weight(both[0]), offsets=self.weight(both[1]))


def _array(variable: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(variable), np.float32)


def _window(layer: Any, size: Any, value: Value, dilation: Any = 1) -> dict[str, Any]:
    """Return size, strides and the padding before the first row and column of a window."""
    (height, width), strides, dilations = per_axis(size, 2), per_axis(layer.strides, 2), per_axis(dilation, 2)
    before = [0, 0]
    if layer.padding == "same":
        for axis, (side, length) in enumerate(zip(value.shape[:2], (height, width), strict=True)):
            reach = (length - 1) * dilations[axis] + 1
            before[axis] = max((-(-side // strides[axis]) - 1) * strides[axis] + reach - side, 0) // 2
    return {"size": [height, width], "strides": list(strides), "before": before, "dilations": list(dilations)}


def _convolved(writer: _Writer, layer: Any, value: Value, kernel: Any, groups: int, bias: Any) -> Value:
    size = tuple(kernel.shape)[:2]
    shape = (*shape_after(layer, value.shape)[:2], int(kernel.shape[3]))
    window = _window(layer, size, value, getattr(layer, "dilation_rate", 1))
    return _conv(writer, value, kernel, groups, bias, shape, window)


def _conv(writer: _Writer, value: Value, kernel: Any, groups: int, bias: Any, shape: Any, window: Any) -> Value:
    weights = {"kernel": writer.weight(kernel)} | ({} if bias is None else {"bias": writer.weight(bias)})
    return writer.add("convolution", [value], shape, groups=groups, **weights, **window)


ONE_BY_ONE = {"size": [1, 1], "strides": [1, 1], "before": [0, 0], "dilations": [1, 1]}


def _convolution(writer: _Writer, layer: Any, value: Value) -> Value:
    return _convolved(writer, layer, value, layer.kernel, layer.groups, layer.bias)


def _by_channel(kernel: Any) -> np.ndarray:
    """Return depthwise kernels, of shape (height, width, channels, multiplier), as those of groups of one channel."""
    height, width, channels, multiplier = kernel.shape
    return _array(kernel).reshape(height, width, 1, channels * multiplier)


def _depthwise(writer: _Writer, layer: Any, value: Value) -> Value:
    return _convolved(writer, layer, value, _by_channel(layer.kernel), value.shape[-1], layer.bias)


def _separable(writer: _Writer, layer: Any, value: Value) -> Value:
    maps = _convolved(writer, layer, value, _by_channel(layer.depthwise_kernel), value.shape[-1], None)
    shape = (*maps.shape[:2], layer.filters)
    return _conv(writer, maps, layer.pointwise_kernel, 1, layer.bias, shape, ONE_BY_ONE)


def _by_table(writer: _Writer, layer: Any, value: Value) -> Value:
    sides = (side - size + 1 for side, size in zip(value.shape[:2], layer.kernel_size, strict=True))
    window = {**ONE_BY_ONE, "size": list(layer.kernel_size), "table": layer.table}
    return _conv(writer, value, whole_kernel(layer), 1, layer.bias, (*sides, len(layer.table)), window)


def _dense(writer: _Writer, layer: Any, value: Value) -> Value:
    kernel = layer.kernel
    if len(value.shape) == 1:
        bias = {} if layer.bias is None else {"bias": writer.weight(layer.bias)}
        return writer.add("dense", [value], (layer.units,), kernel=writer.weight(kernel), **bias)
    if len(value.shape) != 3:
        raise CannotWriteError(f"it takes values of shape {value.shape}")
    return _conv(writer, value, _array(kernel)[None, None], 1, layer.bias, (*value.shape[:2], layer.units), ONE_BY_ONE)


def _distances(writer: _Writer, layer: Any, value: Value) -> Value:
    return writer.add("distances", [value], (len(layer.centres),), kernel=writer.weight(layer.kernel))


def _normalized(writer: _Writer, layer: Any, value: Value) -> Value:
    if not is_last(layer.axis, value.shape):
        raise CannotWriteError("it normalises another axis than the last")
    mean, variance = _array(layer.moving_mean), _array(layer.moving_variance)
    factors = (_array(layer.gamma) if layer.scale else 1) / np.sqrt(variance + layer.epsilon)
    offsets = (_array(layer.beta) if layer.center else 0) - mean * factors
    return writer.affine(value, factors, offsets)


def _pooled(writer: _Writer, layer: Any, value: Value) -> Value:
    kind = "largest" if type(layer).__name__.startswith("Max") else "mean"
    window = _window(layer, layer.pool_size, value)
    return writer.add("pool", [value], shape_after(layer, value.shape), kind=kind, **window)


def _ceil_pooled(writer: _Writer, layer: Any, value: Value) -> Value:
    sides = sides_rounded_up(layer, value.shape[:2])
    window = {**ONE_BY_ONE, "size": [layer.pool_size] * 2, "strides": [layer.strides] * 2}
    return writer.add("pool", [value], (*sides, value.shape[2]), kind="mean", **window)


def _adaptively_pooled(writer: _Writer, layer: Any, value: Value) -> Value:
    return writer.add("adaptive", [value], (layer.size, layer.size, value.shape[2]))


def _pooled_globally(writer: _Writer, layer: Any, value: Value) -> Value:
    kind = "largest" if "Max" in type(layer).__name__ else "mean"
    window = {**ONE_BY_ONE, "size": list(value.shape[:2])}
    maps = writer.add("pool", [value], (1, 1, value.shape[-1]), kind=kind, **window)
    return maps if layer.keepdims else writer.add("reshape", [maps], (value.shape[-1],))


def _padded(writer: _Writer, layer: Any, value: Value) -> Value:
    (top, _), (left, _) = layer.padding
    return writer.add("place", [value], shape_after(layer, value.shape), at=[top, left, 0])


def _cropped(writer: _Writer, layer: Any, value: Value) -> Value:
    (top, _), (left, _) = layer.cropping
    return writer.add("place", [value], shape_after(layer, value.shape), at=[-top, -left, 0])


def _channel_slice(writer: _Writer, layer: Any, value: Value) -> Value:
    start, stop, _ = slice(layer.start, layer.stop).indices(value.shape[-1])
    return _as_maps(
        writer, value, lambda maps: writer.add("place", [maps], (*maps.shape[:2], stop - start), at=[0, 0, -start])
    )


def _zero_channels(writer: _Writer, layer: Any, value: Value) -> Value:
    shape = (*value.shape[:2], value.shape[-1] + layer.count)
    return _as_maps(writer, value, lambda maps: writer.add("place", [maps], shape, at=[0, 0, 0]))


def _as_maps(writer: _Writer, value: Value, write: Callable[[Value], Value]) -> Value:
    if len(value.shape) != 3:
        raise CannotWriteError(f"it takes values of shape {value.shape}")
    return write(value)


def _shuffled(writer: _Writer, layer: Any, value: Value) -> Value:
    return writer.add("shuffle", [value], value.shape, groups=layer.groups)


def _normalized_responses(writer: _Writer, layer: Any, value: Value) -> Value:
    numbers = {name: float(getattr(layer, name)) for name in ("k", "alpha", "beta")}
    return writer.add("responses", [value], value.shape, neighbours=layer.size, **numbers)


def _check_layer(operation: Any) -> None:
    if not isinstance(operation, keras.Layer):
        raise CannotWriteError("it is an operation, not a layer")


def _reshaped(writer: _Writer, layer: Any, value: Value) -> Value:
    _check_layer(layer)
    return writer.add("reshape", [value], shape_after(layer, value.shape))


def _concatenated(writer: _Writer, layer: Any, values: Sequence[Value]) -> Value:
    _check_layer(layer)
    shape = joined_shape(layer, [value.shape for value in values])
    if not is_last(layer.axis, values[0].shape):
        raise CannotWriteError("it joins along another axis than the channels")
    return writer.add("concatenate", list(values), shape)


def _merged(kind: str) -> Callable[..., Value]:
    def rule(writer: _Writer, _: Any, values: Any, *others: Any) -> Value:
        parts = [*values, *others] if isinstance(values, list | tuple) else [values, *others]
        total: Value = parts[0]
        for part in parts[1:]:
            total = _combined(writer, kind, total, part)
        return total

    return rule


def _combined(writer: _Writer, kind: str, first: Any, second: Any) -> Value:
    if isinstance(first, Value) and isinstance(second, Value):
        sides = [len(each.shape) for each in (first, second)]
        if sides[0] != sides[1]:
            raise CannotWriteError("it combines maps with vectors")
        shape = tuple(b if a == 1 else a for a, b in zip(first.shape, second.shape, strict=True))
        return writer.add("combine", [first, second], shape, kind=kind)
    value, constant = (first, second) if isinstance(first, Value) else (second, first)
    number = _array(constant)
    if kind == "add":
        return writer.affine(value, 1, number)
    if kind == "multiply":
        return writer.affine(value, number, 0)
    if kind == "subtract":
        return writer.affine(value, 1, -number) if isinstance(first, Value) else writer.affine(value, -1, number)
    if kind == "divide" and isinstance(first, Value):
        return writer.affine(value, 1 / number, 0)
    raise CannotWriteError(f"it takes a constant to {kind}")


def _averaged(writer: _Writer, layer: Any, values: Sequence[Value]) -> Value:
    _check_layer(layer)
    return writer.affine(_merged("add")(writer, layer, values), 1 / len(values), 0)


def _rescaled(writer: _Writer, layer: Any, value: Value) -> Value:
    return writer.affine(value, layer.scale, layer.offset)


def _standardized(writer: _Writer, layer: Any, value: Value) -> Value:
    mean, deviation = standardization(layer, value.shape[-1])
    return writer.affine(value, 1 / deviation, -mean / deviation)


def _rectified(writer: _Writer, layer: Any, value: Value) -> Value:
    if layer.threshold or (layer.negative_slope and layer.max_value is not None):
        raise CannotWriteError("it has a threshold, or a slope and a limit")
    if layer.negative_slope:
        return writer.function(value, "leaky_relu", slope=float(layer.negative_slope))
    if layer.max_value is not None:
        return writer.function(value, "clip", least=0.0, largest=float(layer.max_value))
    return writer.function(value, "relu")


def _leaky(writer: _Writer, layer: Any, value: Value) -> Value:
    return writer.function(value, "leaky_relu", slope=float(layer.negative_slope))


def _softmax(writer: _Writer, layer: Any, value: Value) -> Value:
    if not is_last(layer.axis, value.shape):
        raise CannotWriteError("its softmax is not along the last axis")
    return writer.function(value, "softmax")


def _activation(writer: _Writer, layer: Any, value: Value) -> Value:
    return writer.activated(value, layer.activation)


def _scaled_by_layer(writer: _Writer, layer: Any, value: Value) -> Value:
    return writer.affine(value, _array(layer.gamma), 0)


def _mixed(writer: _Writer, value: Value, matrix: np.ndarray) -> Value:
    """Write maps of which each is a sum of those before, by factors of shape (maps before, maps)."""
    kernel = matrix.astype(np.float32)[None, None]
    shape = (*value.shape[:2], matrix.shape[1])
    return _as_maps(writer, value, lambda maps: _conv(writer, maps, kernel, 1, None, shape, ONE_BY_ONE))


def _flipped(writer: _Writer, operation: Any, value: Value) -> Value:
    if not is_last(operation.axis, value.shape):
        raise CannotWriteError("it reverses another axis than the channels")
    return _mixed(writer, value, np.eye(value.shape[-1])[::-1])


def _repeated(writer: _Writer, operation: Any, value: Value) -> Value:
    if not is_last(operation.axis, value.shape) or not isinstance(operation.repeats, int):
        raise CannotWriteError("it repeats along another axis than the channels")
    return _mixed(writer, value, np.repeat(np.eye(value.shape[-1]), operation.repeats, axis=1))


def _greyed(writer: _Writer, operation: Any, value: Value) -> Value:
    return _mixed(writer, value, np.array(LUMA)[:, None])


def _same(_: _Writer, __: Any, value: Value, *___: Any) -> Value:
    return value


RULES: dict[frozenset[str], Callable[..., Value]] = {
    frozenset({"Conv2D"}): _convolution,
    frozenset({"DepthwiseConv2D"}): _depthwise,
    frozenset({"SeparableConv2D"}): _separable,
    frozenset({"TableConv2D"}): _by_table,
    frozenset({"Dense"}): _dense,
    frozenset({"RadialBasisFunctions"}): _distances,
    frozenset({"BatchNormalization"}): _normalized,
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
    frozenset({"Concatenate"}): _concatenated,
    frozenset({"Add"}): _merged("add"),
    frozenset({"Subtract"}): _merged("subtract"),
    frozenset({"Multiply"}): _merged("multiply"),
    frozenset({"Divide", "TrueDivide"}): _merged("divide"),
    frozenset({"Maximum"}): _merged("maximum"),
    frozenset({"Minimum"}): _merged("minimum"),
    frozenset({"Average"}): _averaged,
    frozenset({"Rescaling"}): _rescaled,
    frozenset({"Normalization"}): _standardized,
    frozenset({"ReLU"}): _rectified,
    frozenset({"LeakyReLU"}): _leaky,
    frozenset({"Softmax"}): _softmax,
    frozenset({"Activation"}): _activation,
    frozenset({"LayerScale"}): _scaled_by_layer,
    frozenset({"Flip"}): _flipped,
    frozenset({"Repeat"}): _repeated,
    frozenset({"RGBToGrayscale"}): _greyed,
    IDLE | {"Cast"}: _same,
}
