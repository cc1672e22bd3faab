"""What the LeNets of 1989 and 1998 share: the squashing, the trainable subsampling, the draw of the first weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cnnzoo.models._late import building, keras, layers

AMPLITUDE, SLOPE = 1.7159, 2 / 3  # 1998, appendix A: f(a) = A tanh(S a)


class LeNetLayers:
    """Builds the layers of one network, each followed by the scaled tanh."""

    def __init__(
        self, layer: Callable[[str], str], kernel_initializer: str | keras.initializers.Initializer | None
    ) -> None:
        """Take how layers are called, and how kernels are drawn; None does it as the paper of 1998."""
        self.layer, self.given = layer, kernel_initializer

    def kernel(self, fan_in: int | None = None) -> Any:
        """Return an initializer for one layer; of units of which a kernel does not tell the inputs, with ``fan_in``."""
        given = self.given
        return layers.UniformByFanIn(fan_in=fan_in) if given is None else building.initializers(given)()

    def squash(self, x: keras.KerasTensor, name: str) -> keras.KerasTensor:
        """Return 1.7159 tanh(2/3 x)."""
        x = keras.layers.Rescaling(SLOPE, name=self.layer(f"{name}_slope"))(x)
        x = keras.layers.Activation("tanh", name=self.layer(f"{name}_tanh"))(x)
        return keras.layers.Rescaling(AMPLITUDE, name=self.layer(f"{name}_amplitude"))(x)

    def convolution(self, x: keras.KerasTensor, filters: int, name: str) -> keras.KerasTensor:
        """Convolve all maps, 5 x 5, and squash."""
        x = keras.layers.Conv2D(filters, 5, kernel_initializer=self.kernel(), name=self.layer(name))(x)
        return self.squash(x, name)

    def by_table(self, x: keras.KerasTensor, table: tuple[tuple[int, ...], ...], name: str) -> keras.KerasTensor:
        """Convolve the maps that ``table`` names for each map of the result, 5 x 5, and squash."""
        x = layers.TableConv2D(table, 5, kernel_initializer=self.kernel(), name=self.layer(name))(x)
        return self.squash(x, name)

    def subsampling(self, x: keras.KerasTensor, name: str) -> keras.KerasTensor:
        """Sum each 2 x 2 pixels; of each map, multiply by a coefficient and add a bias; squash."""
        x = keras.layers.AveragePooling2D(2, name=self.layer(f"{name}_mean"))(x)
        x = keras.layers.Rescaling(4, name=self.layer(f"{name}_sum"))(x)
        x = keras.layers.DepthwiseConv2D(1, depthwise_initializer=self.kernel(fan_in=4), name=self.layer(name))(x)
        return self.squash(x, name)

    def dense(self, x: keras.KerasTensor, units: int, name: str) -> keras.KerasTensor:
        """Multiply all values by a kernel, and squash."""
        x = keras.layers.Dense(units, kernel_initializer=self.kernel(), name=self.layer(name))(x)
        return self.squash(x, name)
