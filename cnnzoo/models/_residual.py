"""The trunk that the residual networks of ImageNet share: a stem, then four stages of blocks with shortcuts."""

from __future__ import annotations

from dataclasses import dataclass

from cnnzoo._keras.late import keras
from cnnzoo.models._blocks import Blocks

FILTERS = (64, 128, 256, 512)  # He et al., table 1: conv2_x to conv5_x
EXPANSION = 4  # Table 1: the last convolution of a bottleneck has four times the filters of the other two


@dataclass(frozen=True)
class Trunk:
    """How the stages are made.

    Attributes:
        kernels: Sizes of the kernels of a block.
        blocks: How many blocks make each stage.
        strided: Which convolution of the first block of a stage strides, from 0.
        width: Filters in each group of the first stage's inner convolutions; 64 in He et al.
        groups: Groups of the 3 x 3 convolutions of a bottleneck.
    """

    kernels: tuple[int, ...]
    blocks: tuple[int, ...]
    strided: int = 0
    width: int = 64
    groups: int = 1

    def widths(self, filters: int) -> list[int]:
        """Return the filters of the convolutions of a block, where those of He et al. have ``filters``."""
        if len(self.kernels) == 2:
            return [filters, filters]
        inner = filters * self.width // FILTERS[0] * self.groups
        return [inner, inner, filters * EXPANSION]


def residual_maps(x: keras.KerasTensor, make: Blocks, trunk: Trunk) -> keras.KerasTensor:
    """Return the last maps of ``trunk``, of images ``x``."""
    x = make.normalized(x, 64, 7, 2, name="conv1")  # (112, 112, 64)
    x = make.max_pool(x, 3, 2, name="pool1", padding=1)  # (56, 56, 64)
    for stage, (blocks, filters) in enumerate(zip(trunk.blocks, FILTERS, strict=True), start=2):
        for block in range(1, blocks + 1):
            strides = 2 if stage > 2 and block == 1 else 1
            x = _block(x, make, trunk, trunk.widths(filters), strides, f"conv{stage}_{block}")
        # (56 ... 7, 56 ... 7, 64 ... 512, of bottlenecks 256 ... 2,048)
    return x


def _block(
    x: keras.KerasTensor, make: Blocks, trunk: Trunk, widths: list[int], strides: int, name: str
) -> keras.KerasTensor:
    shortcut, last = x, len(widths) - 1
    for number, (filters, size) in enumerate(zip(widths, trunk.kernels, strict=True)):
        x = make.normalized(
            x,
            filters,
            size,
            strides if number == trunk.strided else 1,
            name=f"{name}_{number + 1}",
            groups=trunk.groups if size > 1 else 1,
            activation=None if number == last else "relu",
        )
    if shortcut.shape[-1] != widths[-1] or strides > 1:
        shortcut = make.normalized(shortcut, widths[-1], 1, strides, name=f"{name}_shortcut", activation=None)
    return make.activation(keras.layers.Add(name=make.layer(f"{name}_add"))([shortcut, x]), name)


def torchvision_module(layer: str) -> str:
    """Return what torchvision calls the module of a layer."""
    if not layer.startswith("conv") or layer.startswith("conv1_"):
        return {"conv1_conv": "conv1", "conv1_bn": "bn1", "predictions": "fc"}[layer]
    stage, block, part, kind = layer.removeprefix("conv").split("_")
    place = f"layer{int(stage) - 1}.{int(block) - 1}"
    if part == "shortcut":
        return f"{place}.downsample.{0 if kind == 'conv' else 1}"
    return f"{place}.{kind}{part}"
