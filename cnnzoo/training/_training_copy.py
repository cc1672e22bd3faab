"""A network as it is trained: in the recipe's precision, on normalised pixels, beside the one that the user holds."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np

from cnnzoo._keras.copying import copy_layer
from cnnzoo._keras.ending import ending_by_graph, has_kernel
from cnnzoo._keras.graph import functional, graph_inputs, walk
from cnnzoo._keras.parameters import flat_layers
from cnnzoo._keras.scale import LARGEST, Scale
from cnnzoo.data.split import Split, as_float
from cnnzoo.training._fused import FusedBatchNormalization, is_fusible
from cnnzoo.training._normalization import layers_to_normalize

Statistics = tuple[np.ndarray, np.ndarray]  # mean and standard deviation, each of shape (channels,)

STATISTICS_CHUNK = 32 << 20  # bytes of pixels that are in memory as float64 at a time
STANDARD_POLICIES = ("float32", "mixed_bfloat16")  # a layer of another has its reasons


class NormalizedConv2D(keras.layers.Conv2D):  # type: ignore[misc]  # Keras ships no types
    """A convolution that acts as on normalised pixels and takes plain ones.

    A convolution of (x - mean) / deviation is one of x with a scaled kernel and another bias; where it pads, it pads
    the plain pixels.
    """

    statistics: Statistics

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """Convolve plain pixels with the kernel for normalised ones."""
        scaled, bias = (keras.ops.cast(part, kernel.dtype) for part in fold(kernel, self.statistics))
        outputs = super().convolution_op(inputs, scaled)
        return outputs + (bias if self.data_format == "channels_last" else bias[:, None, None])


class CoveringConv2D(keras.layers.Conv2D):  # type: ignore[misc]
    """A convolution whose kernel covers its whole input, computed as the matrix product that it is.

    LeNet-5's C5 is one: the gradients of a convolution take two of the seven milliseconds of a step, see
    ``benchmarks/README.md``.
    """

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """Multiply the rows of values by the kernel as a matrix."""
        rows = keras.ops.reshape(inputs, (-1, math.prod(kernel.shape[:-1])))
        outputs = keras.ops.matmul(rows, keras.ops.reshape(kernel, (-1, kernel.shape[-1])))
        return keras.ops.reshape(outputs, (-1, 1, 1, kernel.shape[-1]))


class Unchanged(keras.layers.Layer):  # type: ignore[misc]
    """Stands in the place of a softmax or a sigmoid that is left out."""

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Return ``inputs``."""
        return inputs


def fold(kernel: Any, statistics: Statistics) -> tuple[Any, Any]:
    """Return the kernel and the bias that do to plain pixels what ``kernel`` does to normalised ones."""
    mean, deviation = (values[:, None] for values in statistics)
    scaled = keras.ops.cast(kernel, "float32") / deviation
    return scaled, -keras.ops.sum(scaled * mean, axis=(0, 1, 2))


def build_training_copy(model: keras.Model, policy: str, statistics: Statistics | None = None) -> keras.Model:
    """Return a copy of ``model``, with its weights, that trains in the precision ``policy``.

    It gives logits where ``model`` ends in a softmax or a sigmoid: their loss keeps its gradient however sure and wrong
    the network is, where that of probabilities is cut off at 1e-7.

    Args:
        model: A functional or sequential model.
        policy: A Keras dtype policy; the last layer keeps its own.
        statistics: The weights that the pixels meet first are taken to act on pixels normalised by these; None leaves
            the pixels. See ``layers_to_normalize``.

    Raises:
        ValueError: The model is of another kind, a layer cannot be copied, or the first one cannot normalise.
    """
    graph_inputs(model)  # raises where there is no graph to copy
    normalizing = layers_to_normalize(model)[0] if statistics else []
    ending = ending_by_graph(model)
    last = [ending.operation, *ending.layers] if ending else model.layers[-1:]
    stripped = ending.operation if ending and _is_called_once(model, ending.operation) else None

    def copy(layer: Any) -> Any:
        if stripped is not None and layer is stripped and not has_kernel(layer):
            return Unchanged(name=stripped.name)
        if not isinstance(layer, keras.Layer):  # an operation, as keras.ops gives them, has no state
            return layer
        changes: dict[str, Any] = {}
        if not any(layer is each for each in last) and layer.dtype_policy.name in STANDARD_POLICIES:
            changes["dtype"] = policy
        if layer is stripped:
            changes["activation"] = "linear"
        if is_fusible(layer):
            return copy_layer(layer, changes, FusedBatchNormalization)
        if not any(layer is each for each in normalizing):
            return copy_layer(layer, changes, CoveringConv2D if _covers_its_input(layer) else None)
        normalized = copy_layer(layer, changes, NormalizedConv2D)
        normalized.statistics = statistics
        return normalized

    # A sequential one by its graph: Keras would compile the copy as the user did
    training_copy = keras.models.clone_model(functional(model), clone_function=copy, recursive=True)
    training_copy.set_weights(model.get_weights())
    for own, copied in zip(model.weights, training_copy.weights, strict=True):  # a weight may be frozen by itself
        copied.trainable = own.trainable
    for layer in flat_layers(training_copy):
        if isinstance(layer, keras.layers.Normalization):  # works with what it makes of its weights as they are loaded
            layer.finalize_state()
    return training_copy


def _covers_its_input(layer: Any) -> bool:
    """Tell whether a layer is Keras' own convolution that gives a single place, of all that it takes."""
    if type(layer) is not keras.layers.Conv2D or layer.data_format != "channels_last" or layer.padding != "valid":
        return False
    sizes = {tuple(node.input_tensors[0].shape[1:]) for node in layer._inbound_nodes}
    return layer.dilation_rate == (1, 1) and sizes == {tuple(layer.kernel.shape[:-1])}


def _is_called_once(model: keras.Model, operation: Any) -> bool:
    return sum(call.operation is operation for call in walk(model, graph_inputs(model))) == 1


def plain_weights(training_copy: keras.Model) -> list[np.ndarray]:
    """Return the weights of a training copy in their order, those of the first layer as they act on plain pixels."""
    values = {id(weight): keras.ops.convert_to_numpy(weight) for weight in training_copy.weights}
    for layer in flat_layers(training_copy):
        if isinstance(layer, NormalizedConv2D):
            own_kernel, own_bias = (id(weight) for weight in layer.weights)
            # Of arrays, so that one process of several can compute it alone
            kernel, bias = map(keras.ops.convert_to_numpy, fold(values[own_kernel], layer.statistics))
            values |= {own_kernel: kernel, own_bias: values[own_bias] + bias}
    return list(values.values())


def move_weights(training_copy: keras.Model, model: keras.Model) -> None:
    """Give ``model`` the weights of its training copy; those of the first layer as they act on plain pixels."""
    model.set_weights(plain_weights(training_copy))


def pixel_statistics(split: Split, scale: Scale) -> Statistics:
    """Return mean and standard deviation of every channel of the images, as the network takes them, as float32."""
    channels = split.images.shape[-1]
    count, total, squares = 0, np.zeros(channels), np.zeros(channels)
    chunk = max(STATISTICS_CHUNK // (8 * math.prod(split.images.shape[1:])), 1)
    for start in range(0, len(split.images), chunk):
        pixels = as_float(split.images[start : start + chunk]).astype(np.float64)
        count += pixels[..., 0].size
        total += pixels.sum(axis=(0, 1, 2))
        squares += np.square(pixels).sum(axis=(0, 1, 2))
    mean = total / count
    deviation = np.sqrt(np.maximum(squares / count - np.square(mean), 0))
    factor = LARGEST["byte"] if scale == "byte" and split.images.dtype == np.uint8 else 1.0
    deviation = np.where(deviation > 0, deviation, 1)
    return (factor * mean).astype(np.float32), (factor * deviation).astype(np.float32)
