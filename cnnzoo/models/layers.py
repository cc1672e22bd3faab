"""Layers that papers have and Keras lacks, and initializers. Files with them load once this module is imported."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from cnnzoo._support.arguments import check_integer

PACKAGE = "cnnzoo"


@keras.saving.register_keras_serializable(PACKAGE)
class LocalResponseNormalization(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Divide each value by the energy of its neighbours in other maps: b = a / (k + alpha sum a ** 2) ** beta.

    As Krizhevsky et al., 2012, section 3.3, write it; PyTorch and Caffe divide alpha by the number of neighbours.

    Args:
        size: How many maps count, the own one in the middle.
        k: What is added to the sum.
        alpha: Factor of the sum.
        beta: The exponent.
        **options: Those of every layer: ``name``, ``dtype``.

    Raises:
        ValueError: ``size`` is even.
    """

    def __init__(self, size: int = 5, k: float = 2.0, alpha: float = 1e-4, beta: float = 0.75, **options: Any) -> None:
        """Create the layer."""
        super().__init__(**options)
        if check_integer("size", size, least=1) % 2 == 0:
            raise ValueError(f"`size` must be odd, so that a map lies in the middle. Received: size={size}")
        self.size, self.k, self.alpha, self.beta = size, k, alpha, beta

    def call(self, inputs: Any) -> Any:
        """Return maps of the same shape."""
        channels, side = inputs.shape[-1], self.size // 2
        squares = keras.ops.pad(keras.ops.square(inputs), [[0, 0]] * (len(inputs.shape) - 1) + [[side, side]])
        energy = sum(squares[..., start : start + channels] for start in range(self.size))
        return inputs / (self.k + self.alpha * energy) ** self.beta

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        own = {"size": self.size, "k": self.k, "alpha": self.alpha, "beta": self.beta}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(PACKAGE)
class ChannelShuffle(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Reorder maps so that those of each group are spread over all: 1 2 3 4 5 6 of two groups become 1 4 2 5 3 6.

    Args:
        groups: How many groups there are.
        **options: Those of every layer: ``name``, ``dtype``.

    Raises:
        ValueError: ``groups`` does not divide the number of maps.
    """

    def __init__(self, groups: int = 2, **options: Any) -> None:
        """Create the layer."""
        super().__init__(**options)
        self.groups = check_integer("groups", groups, least=1)

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Check that the groups are of equal size."""
        if input_shape[-1] % self.groups:
            raise ValueError(f"{input_shape[-1]} maps do not divide into {self.groups} groups of equal size.")

    def call(self, inputs: Any) -> Any:
        """Return maps of the same shape."""
        shape, channels = keras.ops.shape(inputs), inputs.shape[-1]
        maps = keras.ops.reshape(inputs, (*shape[:-1], self.groups, channels // self.groups))
        return keras.ops.reshape(keras.ops.swapaxes(maps, -1, -2), shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "groups": self.groups}


@keras.saving.register_keras_serializable(PACKAGE)
class ZeroChannels(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Add maps of zeros after those that come: option A of He et al., 2016, for a shortcut to more maps.

    Args:
        count: How many maps to add.
        **options: Those of every layer: ``name``, ``dtype``.
    """

    def __init__(self, count: int, **options: Any) -> None:
        """Create the layer."""
        super().__init__(**options)
        self.count = count

    def call(self, inputs: Any) -> Any:
        """Return the maps and ``count`` more."""
        return keras.ops.pad(inputs, [[0, 0]] * (len(inputs.shape) - 1) + [[0, self.count]])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "count": self.count}


@keras.saving.register_keras_serializable(PACKAGE)
class ChannelSlice(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Take some of the maps: those from ``start`` up to ``stop``.

    Args:
        start: The first.
        stop: The one after the last.
        **options: Those of every layer: ``name``, ``dtype``.
    """

    def __init__(self, start: int, stop: int, **options: Any) -> None:
        """Create the layer."""
        super().__init__(**options)
        self.start, self.stop = start, stop

    def call(self, inputs: Any) -> Any:
        """Return maps of the same height and width."""
        return inputs[..., self.start : self.stop]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "start": self.start, "stop": self.stop}


@keras.saving.register_keras_serializable(PACKAGE)
class AdaptiveAveragePooling(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Average maps of any fixed size to a given one; windows overlap where the sizes are no multiples, as in PyTorch.

    Args:
        size: Height and width of the result.
        **options: Those of every layer: ``name``, ``dtype``.
    """

    def __init__(self, size: int, **options: Any) -> None:
        """Create the layer."""
        super().__init__(**options)
        self.size = size

    def call(self, inputs: Any) -> Any:
        """Return maps of shape (n, size, size, channels)."""
        for axis in (1, 2):
            length = inputs.shape[axis]
            if length == self.size:
                continue
            windows = [(i * length // self.size, -(-(i + 1) * length // self.size)) for i in range(self.size)]
            means = [
                keras.ops.mean(inputs[:, a:b] if axis == 1 else inputs[:, :, a:b], axis, keepdims=True)
                for a, b in windows
            ]
            inputs = keras.ops.concatenate(means, axis)
        return inputs

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the result."""
        return (input_shape[0], self.size, self.size, input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "size": self.size}


@keras.saving.register_keras_serializable(PACKAGE)
class CeilAveragePooling2D(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Average each window over what of it lies inside, also where it ends outside: Caffe's, PyTorch's ``ceil_mode``.

    Args:
        pool_size: Height and width of a window.
        strides: From one window to the next; at most ``pool_size``.
        **options: Those of every layer: ``name``, ``dtype``.

    Raises:
        ValueError: ``strides`` is out of range.
    """

    padding = "valid"  # nothing before the first window

    def __init__(self, pool_size: int, strides: int, **options: Any) -> None:
        """Create the layer."""
        super().__init__(**options)
        self.pool_size = check_integer("pool_size", pool_size, least=1)
        self.strides = check_integer("strides", strides, least=1, most=pool_size)

    def call(self, inputs: Any) -> Any:
        """Return maps of shape (n, rows, columns, channels)."""
        return self._averages(inputs) / self._averages(keras.ops.ones_like(inputs[..., :1]))

    def _averages(self, maps: Any) -> Any:
        """Return the averages over whole windows, of zeros where they lie outside."""
        beyond = [0, self.strides - 1]
        maps = keras.ops.pad(maps, [[0, 0], beyond, beyond, [0, 0]])
        return keras.ops.average_pool(maps, self.pool_size, self.strides, data_format="channels_last")

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "pool_size": self.pool_size, "strides": self.strides}


@keras.saving.register_keras_serializable(PACKAGE)
class TableConv2D(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Convolve, without padding, where a table says which maps feed which, as LeCun et al., 1998, table I.

    Its kernel, of shape (height, width, connections), has the connections of the table alone, row by row.

    Args:
        table: For each map of the result, the maps that feed it.
        kernel_size: Height and width of a kernel.
        kernel_initializer: Draws the kernels of each map of the result, of shape (height, width, maps that feed it, 1).
        **options: Those of every layer: ``name``, ``dtype``.
    """

    def __init__(
        self, table: Sequence[Sequence[int]], kernel_size: int, kernel_initializer: Any = "he_normal", **options: Any
    ) -> None:
        """Create the layer."""
        super().__init__(**options)
        self.table = [list(maps) for maps in table]
        self.kernel_size, self.strides, self.padding = (kernel_size, kernel_size), (1, 1), "valid"
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.activation = keras.activations.linear

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Create the kernel and a bias for each map of the result."""
        connections = sum(map(len, self.table))
        places = np.full((input_shape[-1], len(self.table)), connections)  # in the kernel; one beyond it are zeros
        for number, (to, maps) in enumerate((to, maps) for to, row in enumerate(self.table) for maps in row):
            places[maps, to] = number
        self.places = places
        shape = (*self.kernel_size, connections)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer=self._draw)
        self.bias = self.add_weight(name="bias", shape=(len(self.table),), initializer="zeros")

    def _draw(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        drawn = []
        for maps in self.table:
            own = self.kernel_initializer
            own = own.clone() if isinstance(own, keras.initializers.Initializer) else own  # else all draw the same
            drawn.append(own((*shape[:2], len(maps), 1), dtype=dtype)[..., 0])
        return keras.ops.concatenate(drawn, axis=-1)

    def call(self, inputs: Any) -> Any:
        """Return maps of shape (n, height, width, len(table))."""
        zeros = keras.ops.zeros((*self.kernel_size, 1), self.kernel.dtype)
        kernels = keras.ops.concatenate([keras.ops.convert_to_tensor(self.kernel), zeros], axis=-1)
        kernels = keras.ops.cast(keras.ops.take(kernels, self.places, axis=-1), inputs.dtype)
        return keras.ops.conv(inputs, kernels, data_format="channels_last") + keras.ops.cast(self.bias, inputs.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        own = {
            "table": self.table,
            "kernel_size": self.kernel_size[0],
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(PACKAGE)
class RadialBasisFunctions(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Return how near vectors are to fixed centres: the squared Euclidean distances, negative, then ``activation``.

    The centres are no parameters: they stay as they are where the layer is unfrozen, too.

    Args:
        centres: A vector for each value of the result.
        activation: Applied to the negative distances; None gives them.
        **options: Those of every layer: ``name``, ``dtype``.
    """

    def __init__(self, centres: Sequence[Sequence[float]], activation: Any = None, **options: Any) -> None:
        """Create the layer."""
        super().__init__(**options)
        self.centres = [list(centre) for centre in centres]
        self.activation = keras.activations.get(activation)

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Create the centres, of shape (values of a vector, centres), as a dense layer has its kernel."""
        centres = np.transpose(np.array(self.centres, "float32"))
        if input_shape[-1] != len(centres):
            raise ValueError(f"The vectors must have {len(centres)} values, as the centres. Received: {input_shape}")
        self.kernel = self.add_weight(
            name="kernel",
            shape=centres.shape,
            initializer=lambda shape, dtype=None: keras.ops.convert_to_tensor(centres, dtype),
            trainable=False,
        )

    def call(self, inputs: Any) -> Any:
        """Return a value for each centre."""
        return self.activation(-keras.ops.sum(keras.ops.square(inputs[..., None] - self.kernel), axis=-2))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        own = {"centres": self.centres, "activation": keras.activations.serialize(self.activation)}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(PACKAGE)
class UniformByFanIn(keras.initializers.Initializer):  # type: ignore[misc]  # Keras has no types
    """Draw uniformly between -scale / fan-in and scale / fan-in, as LeCun et al., 1998, appendix A.

    Args:
        scale: The numerator.
        fan_in: Inputs of a unit; None takes those that the shape of a kernel tells.
    """

    def __init__(self, scale: float = 2.4, fan_in: int | None = None) -> None:
        """Create the initializer."""
        self.scale, self.fan_in = scale, fan_in

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        """Return a kernel of that shape."""
        limit = self.scale / (self.fan_in or math.prod(shape[:-1]))
        return keras.initializers.RandomUniform(-limit, limit)(shape, dtype=dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"scale": self.scale, "fan_in": self.fan_in}


@keras.saving.register_keras_serializable(PACKAGE)
class PerChannel(keras.initializers.Initializer):  # type: ignore[misc]  # Keras has no types
    """Draw the kernels of a depthwise convolution as those of convolutions of one channel.

    Keras counts the inputs of all channels as the fan-in of each kernel, so its own draws are too small.

    Args:
        initializer: What draws, by the fan-in.
    """

    def __init__(self, initializer: Any) -> None:
        """Create the initializer."""
        self.initializer = keras.initializers.get(initializer)

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        """Return kernels of shape (height, width, channels, multiplier)."""
        *size, channels, multiplier = shape
        return keras.ops.reshape(self.initializer((*size, 1, channels * multiplier), dtype=dtype), shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"initializer": keras.initializers.serialize(self.initializer)}
