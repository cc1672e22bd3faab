"""Inception modules: those of GoogLeNet, as published and as torchvision has them, and those of Inception v3."""

from __future__ import annotations

from functools import partial
from typing import Any, TypeAlias

from cnnzoo.models._blocks import Blocks
from cnnzoo.models._late import keras, layers

# Szegedy et al., 2015, table 1, of each inception module: #1x1; #3x3 reduce, #3x3; #5x5 reduce, #5x5; pool proj
TABLE = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}

# By the names of the branches: filters and kernel of one convolution after another
Branches: TypeAlias = dict[str, list[tuple[Any, ...]]]


def inception_maps(x: keras.KerasTensor, make: Blocks, *, is_normalized: bool) -> dict[str, keras.KerasTensor]:
    """Return the maps of each module of GoogLeNet, of images ``x``."""
    convolve = make.normalized if is_normalized else partial(make.convolution, activation="relu")
    modules = {}

    def normalize(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
        """Divide by the energy, as Caffe does: it adds 1 and divides alpha by the number of neighbours."""
        norm = layers.LocalResponseNormalization
        return x if is_normalized else norm(5, k=1.0, alpha=1e-4 / 5, beta=0.75, name=make.layer(name))(x)

    x = convolve(x, 64, 7, 2, name="conv1")  # (112, 112, 64)
    x = make.max_pool(x, 3, 2, name="pool1", ceil=True)  # (56, 56, 64)
    x = convolve(normalize(x, "norm1"), 64, 1, name="conv2_reduce")
    x = normalize(convolve(x, 192, 3, name="conv2"), "norm2")  # (56, 56, 192)
    x = make.max_pool(x, 3, 2, name="pool2", ceil=True)  # (28, 28, 192)
    for name, (of_1, reduce_3, of_3, reduce_5, of_5, of_pool) in TABLE.items():
        module = f"inception_{name}"
        branch_3 = convolve(x, reduce_3, 1, name=f"{module}_3x3_reduce")
        branch_5 = convolve(x, reduce_5, 1, name=f"{module}_5x5_reduce")
        pooled = keras.layers.MaxPooling2D(3, 1, padding="same", name=make.layer(f"{module}_pool"))(x)
        branches = [
            convolve(x, of_1, 1, name=f"{module}_1x1"),
            convolve(branch_3, of_3, 3, name=f"{module}_3x3"),
            convolve(branch_5, of_5, 3 if is_normalized else 5, name=f"{module}_5x5"),
            convolve(pooled, of_pool, 1, name=f"{module}_pool_proj"),
        ]
        x = modules[name] = make.joined(branches, module)
        if name == "3b":  # (28, 28, 480)
            x = make.max_pool(x, 3, 2, name="pool3", ceil=True)  # (14, 14, 480)
        if name == "4e":  # (14, 14, 832)
            x = make.max_pool(x, 2 if is_normalized else 3, 2, name="pool4", ceil=True)  # (7, 7, 832)
    return modules


def auxiliary_vectors(x: keras.KerasTensor, make: Blocks, name: str) -> keras.KerasTensor:
    """Return what the output layer of an auxiliary classifier takes, of the maps of a module: section 5."""
    x = keras.layers.AveragePooling2D(5, 3, name=make.layer(f"{name}_pool"))(x)  # (4, 4, 512 or 528)
    x = make.convolution(x, 128, 1, name=f"{name}_conv", activation="relu")  # (4, 4, 128)
    x = keras.layers.Flatten(name=make.layer(f"{name}_flatten"))(x)  # 2,048
    x = keras.layers.Dense(1024, "relu", kernel_initializer=make.kernel(), name=make.layer(f"{name}_fc"))(x)
    return keras.layers.Dropout(0.7, name=make.layer(f"{name}_dropout"))(x)


def factorized_module(
    x: keras.KerasTensor, make: Blocks, module: str, branches: Branches, of_pool: int | None
) -> keras.KerasTensor:
    """Return the maps of a module of Inception v3.

    Args:
        x: The maps that it takes.
        make: What makes the layers.
        module: Its name.
        branches: Its branches of convolutions; two kernels in one place stand side by side.
        of_pool: Filters of the convolution after the average pooling; None: the module ends in strides of 2, and the
            pooling takes the largest.
    """
    ends = []
    for branch, convolutions in branches.items():
        maps = [x]
        for number, (filters, *kernels) in enumerate(convolutions, start=1):
            part = f"{module}_{branch}_{number}" if len(convolutions) > 1 else f"{module}_{branch}"
            strides, padding = (2, 0) if of_pool is None and number == len(convolutions) else (1, None)
            names = [part] if len(kernels) == 1 else [f"{part}a", f"{part}b"]
            maps = [
                make.normalized(maps[0], filters, kernel, strides, name=name, padding=padding)
                for kernel, name in zip(kernels, names, strict=True)
            ]
        ends += maps
    if of_pool is None:
        ends.append(make.max_pool(x, 3, 2, name=f"{module}_maxpool"))
    else:  # the zeros around the maps count, as in PyTorch
        x = keras.layers.ZeroPadding2D(1, name=make.layer(f"{module}_avgpool_pad"))(x)
        x = keras.layers.AveragePooling2D(3, 1, name=make.layer(f"{module}_avgpool"))(x)
        ends.append(make.normalized(x, of_pool, 1, name=f"{module}_pool"))
    return make.joined(ends, module)


STEM = {"conv1": "conv1", "conv2_reduce": "conv2", "conv2": "conv3"}
BRANCHES = {"1x1": "branch1", "3x3_reduce": "branch2.0", "3x3": "branch2.1"}
BRANCHES |= {"5x5_reduce": "branch3.0", "5x5": "branch3.1", "pool_proj": "branch4.1"}


def torchvision_module(layer: str) -> str:
    """Return what torchvision calls the module of a layer of GoogLeNet."""
    if layer == "predictions":
        return "fc"
    place, _, kind = layer.rpartition("_")
    if place in STEM:
        return f"{STEM[place]}.{kind}"
    _, module, branch = place.split("_", 2)
    return f"inception{module}.{BRANCHES[branch]}.{kind}"
