"""The block that the networks for mobile devices share: expansion, depthwise convolution, projection.

Sandler et al., 2018, figure 3; with squeeze-and-excitation as in Howard et al., 2019, figure 4.
"""

from __future__ import annotations

from dataclasses import dataclass

from cnnzoo._keras.late import keras
from cnnzoo.models._blocks import Blocks

MULTIPLE = 8  # of which the mobile networks have filters


def make_divisible(filters: float) -> int:
    """Return the nearest multiple of 8; the next larger where that takes more than a tenth away."""
    nearest = max(MULTIPLE, int(filters + MULTIPLE / 2) // MULTIPLE * MULTIPLE)
    return nearest if nearest >= 0.9 * filters else nearest + MULTIPLE


@dataclass(frozen=True)
class Inverted:
    """How a block is made.

    Attributes:
        filters: Of the projection, which has no activation.
        size: Of the depthwise convolution's kernel.
        strides: Of the depthwise convolution.
        expanded: Filters of the expansion, which is left out where there are as many maps already.
        activation: After the expansion and the depthwise convolution.
        squeezed: Filters of the squeeze of squeeze-and-excitation; None leaves it out.
    """

    filters: int
    size: int
    strides: int
    expanded: int
    activation: str
    squeezed: int | None = None


def inverted_residual(x: keras.KerasTensor, make: Blocks, block: Inverted, name: str) -> keras.KerasTensor:
    """Return the maps of a block; the names of its layers begin with ``name``."""
    shortcut = x
    if block.expanded != x.shape[-1]:
        x = make.normalized(x, block.expanded, 1, name=f"{name}_expand", activation=block.activation)
    x = make.depthwise(x, block.size, block.strides, name=f"{name}_depthwise_conv")
    x = make.normalization(x, f"{name}_depthwise", block.activation)
    if block.squeezed is not None:
        x = _squeeze_and_excitation(x, make, block.squeezed, name)
    x = make.normalized(x, block.filters, 1, name=f"{name}_project", activation=None)
    if block.strides > 1 or block.filters != shortcut.shape[-1]:
        return x
    return keras.layers.Add(name=make.layer(f"{name}_add"))([shortcut, x])


def _squeeze_and_excitation(x: keras.KerasTensor, make: Blocks, squeezed: int, name: str) -> keras.KerasTensor:
    """Scale each channel by a gate in [0, 1], which two 1 x 1 convolutions compute from the means of all channels."""
    weights = keras.layers.GlobalAveragePooling2D(keepdims=True, name=make.layer(f"{name}_squeeze"))(x)
    weights = make.convolution(weights, squeezed, 1, name=f"{name}_squeeze_conv")
    weights = make.activation(weights, f"{name}_squeeze")
    weights = make.convolution(weights, x.shape[-1], 1, name=f"{name}_excite_conv")
    weights = make.activation(weights, f"{name}_excite", "hard_sigmoid")
    return keras.layers.Multiply(name=make.layer(f"{name}_excite"))([x, weights])
