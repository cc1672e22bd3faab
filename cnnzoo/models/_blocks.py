"""Blocks of layers that several papers have, computed as in PyTorch: padding is the same on all sides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from cnnzoo._keras.kinds import per_axis
from cnnzoo.models._late import keras, layers
from cnnzoo.models.cards import AS_IN_TORCHVISION, Normalization

Size: TypeAlias = "int | tuple[int, int]"


@dataclass(frozen=True)
class Blocks:
    """The settings of one network's layers, and what builds them.

    Attributes:
        layer: Maps the paper's name of a layer to that in the model.
        kernel: Returns an initializer for one layer.
        constants: Those of batch normalisation.
    """

    layer: Callable[[str], str]
    kernel: Callable[[], Any]
    constants: Normalization = AS_IN_TORCHVISION

    def convolution(
        self,
        x: keras.KerasTensor,
        filters: int,
        size: Size,
        strides: int = 1,
        *,
        name: str,
        padding: Size | None = None,
        groups: int = 1,
        use_bias: bool = True,
        activation: str | None = None,
    ) -> keras.KerasTensor:
        """Convolve; ``padding`` is that of each side, None half of the kernel's size."""
        sizes = per_axis(size, 2)
        sides = tuple(side // 2 for side in sizes) if padding is None else per_axis(padding, 2)
        keeps_size = strides == 1 and all(2 * side + 1 == size for side, size in zip(sides, sizes, strict=True))
        if any(sides) and not keeps_size:
            x = keras.layers.ZeroPadding2D(sides, name=self.layer(f"{name}_pad"))(x)
        return keras.layers.Conv2D(
            filters,
            size,
            strides,
            padding="same" if keeps_size else "valid",
            groups=groups,
            use_bias=use_bias,
            activation=activation,
            kernel_initializer=self.kernel(),
            name=self.layer(name),
        )(x)

    def depthwise(self, x: keras.KerasTensor, size: int, strides: int = 1, *, name: str) -> keras.KerasTensor:
        """Convolve each channel separately, without a bias."""
        if strides > 1:
            x = keras.layers.ZeroPadding2D(size // 2, name=self.layer(f"{name}_pad"))(x)
        return keras.layers.DepthwiseConv2D(
            size,
            strides,
            padding="valid" if strides > 1 else "same",
            use_bias=False,
            depthwise_initializer=layers.PerChannel(self.kernel()),
            name=self.layer(name),
        )(x)

    def normalization(self, x: keras.KerasTensor, name: str, activation: str | None = None) -> keras.KerasTensor:
        """Normalise by the batch; then ``activation``."""
        x = keras.layers.BatchNormalization(
            momentum=self.constants.momentum, epsilon=self.constants.epsilon, name=self.layer(f"{name}_bn")
        )(x)
        return x if activation is None else self.activation(x, name, activation)

    def normalized(
        self,
        x: keras.KerasTensor,
        filters: int,
        size: Size,
        strides: int = 1,
        *,
        name: str,
        padding: Size | None = None,
        groups: int = 1,
        activation: str | None = "relu",
    ) -> keras.KerasTensor:
        """Convolve without a bias, normalise by the batch, then ``activation``."""
        x = self.convolution(
            x, filters, size, strides, name=f"{name}_conv", padding=padding, groups=groups, use_bias=False
        )
        return self.normalization(x, name, activation)

    def activation(self, x: keras.KerasTensor, name: str, kind: str = "relu") -> keras.KerasTensor:
        """Apply "relu", "relu6" or another activation of Keras."""
        return keras.layers.Activation(kind, name=self.layer(f"{name}_{kind}"))(x)

    def max_pool(
        self, x: keras.KerasTensor, size: int, strides: int, *, name: str, padding: int = 0, ceil: bool = False
    ) -> keras.KerasTensor:
        """Take the largest of each window of maps that are not negative, which zeros around them do not change.

        Args:
            x: The maps, as a ReLU gives them.
            size: Of a window.
            strides: From one to the next.
            name: Name of the layer.
            padding: Zeros on all sides.
            ceil: Whether windows may extend past the right and lower edge.
        """
        if padding or ceil:
            sides = (padding, padding + (strides - 1 if ceil else 0))
            x = keras.layers.ZeroPadding2D((sides, sides), name=self.layer(f"{name}_pad"))(x)
        return keras.layers.MaxPooling2D(size, strides, name=self.layer(name))(x)

    def joined(self, branches: Sequence[keras.KerasTensor], name: str) -> keras.KerasTensor:
        """Return the maps of all branches, one after the other."""
        return keras.layers.Concatenate(name=self.layer(name))(branches)
