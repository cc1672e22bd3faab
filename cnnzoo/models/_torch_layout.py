"""Weights between Keras' layout and PyTorch's: transposed kernels, and rows of the dense layer after a flattening."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from cnnzoo._keras.graph import functional, producers
from cnnzoo._keras.kinds import is_kind, is_named
from cnnzoo._keras.parameters import flat_layers, weights_in_files
from cnnzoo._keras.weight_files import StoredLayer
from cnnzoo._support.checkpoints import StoredTensor
from cnnzoo.models.cards import Counterpart

NORMALIZATION = ("weight", "bias", "running_mean", "running_var")
COUNTER = "num_batches_tracked"  # PyTorch counts the batches; Keras does not

FOREIGN = "foreign"  # the kind of a layer that is not of the head, nor of the network

State = Mapping[str, Any]  # arrays, or what NumPy makes arrays of, with a shape

CONVOLUTION, DEPTHWISE, DENSE, PLAIN = (2, 3, 1, 0), (2, 3, 0, 1), (1, 0), (0,)


@dataclass(frozen=True)
class Layout:
    """How a weight of a layer lies in PyTorch.

    Attributes:
        axes: Its axes there, in Keras' order.
        maps: Height, width and channels of the maps that a dense layer takes flattened: PyTorch flattens the channels
            first. None for other layers.
    """

    axes: tuple[int, ...]
    maps: tuple[int, int, int] | None = None

    def shape_in_keras(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape in Keras of a weight of this shape in PyTorch; the same where it has other axes."""
        if self.axes == DENSE:
            shape = (shape[0], math.prod(shape[1:])) if len(shape) > 1 else shape
        return tuple(shape[axis] for axis in self.axes) if len(shape) == len(self.axes) else shape

    def to_keras(self, values: np.ndarray) -> Any:
        """Turn a weight of PyTorch; of a dense one also where a convolution takes its place, as in timm's VGGs."""
        if self.axes != DENSE:
            return values.transpose(self.axes)
        values = values.reshape(len(values), -1)
        if self.maps is None:
            return values.T
        height, width, channels = self.maps
        return values.reshape(-1, channels, height, width).transpose(2, 3, 1, 0).reshape(-1, len(values))

    def to_torch(self, values: np.ndarray) -> Any:
        """Turn a weight of Keras."""
        if self.maps is None:
            return values.transpose(np.argsort(self.axes))
        units = values.shape[1]
        return values.reshape(*self.maps, units).transpose(3, 2, 0, 1).reshape(units, -1)


@dataclass(frozen=True)
class TransposedWeight:
    """A weight of PyTorch in Keras' layout, transposed when it is read."""

    source: Any
    layout: Layout

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape in Keras."""
        return self.layout.shape_in_keras(tuple(self.source.shape))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Read it."""
        return np.asarray(self.layout.to_keras(np.asarray(self.source)), dtype)

    @property
    def has_parts(self) -> bool:
        """Whether its last axis is the first in PyTorch, as that of convolutions and of dense layers is."""
        return self.layout.axes in (CONVOLUTION, DENSE)

    def part(self, begin: int, end: int) -> np.ndarray:
        """Read some of its last axis; only if it ``has_parts``."""
        source = self.source
        rows = source.read((begin, end)) if isinstance(source, StoredTensor) else np.asarray(source)[begin:end]
        return np.asarray(self.layout.to_keras(rows))


def stored_layers(
    model: keras.Model, state: State, counterpart: Counterpart, head: str | None = None
) -> list[StoredLayer]:
    """List the layers in a ``state_dict`` by the names of those of ``model``, in Keras' layout, then those beyond them.

    Args:
        model: The network, whose images have their channels last.
        state: Convolutions are of shape (filters, channels / groups, height, width).
        counterpart: The network in torchvision.
        head: The layer that gives the classes, if known. What is stored of a head beyond the layers of ``model`` gets
            its name.
    """
    names = _renamed(state, counterpart)
    layers, root = [], counterpart.module(head).partition(".")[0] if head else None
    for layer, parts in _parts(model, counterpart.module):
        found = [TransposedWeight(names.pop(name), layout) for name, _, layout in parts if name in names]
        if found:
            layers.append(StoredLayer(layer.name.removeprefix(f"{model.name}_"), None, tuple(found)))
    extra = defaultdict(list)
    for name, values in names.items():
        extra[name.rpartition(".")[0]].append(TransposedWeight(values, _usual(len(values.shape))))
    for module, weights in extra.items():
        is_head = root == module.partition(".")[0]
        layers.append(StoredLayer(head if is_head else module, None if is_head else FOREIGN, tuple(weights)))
    return layers


def _renamed(state: State, counterpart: Counterpart) -> dict[str, Any]:
    """Return the tensors by the names that torchvision's network has, without counters and auxiliary classifiers.

    Raises:
        ValueError: Two tensors would have the same name.
    """
    names: dict[str, Any] = {}
    for name, values in state.items():
        if name.endswith(COUNTER) or name.startswith(counterpart.auxiliary_prefixes):
            continue
        wanted = counterpart.renamed(name)
        if wanted in names:
            raise ValueError(f"The checkpoint has '{wanted}' twice, under an older name as well: '{name}'.")
        names[wanted] = values
    return names


def classes_of(state: State, counterpart: Counterpart, head: str) -> int | None:
    """Return the number of classes in a ``state_dict``; None where it has no head.

    They are the outputs of ``head``, or of the last kernel of a head of other layers.
    """
    module = counterpart.module(head)
    root, last = module.partition(".")[0], f"{module}.weight"
    shapes = {counterpart.renamed(name): tuple(values.shape) for name, values in state.items()}
    kernels = {name: shape for name, shape in shapes.items() if len(shape) in (2, 4) and math.prod(shape)}
    of_head = [shape for name, shape in kernels.items() if name.startswith(f"{root}.") and name.endswith(".weight")]
    found = kernels.get(last) or (of_head[-1] if of_head else None)
    return None if found is None else found[0]


def _usual(axes: int) -> Layout:
    return Layout({4: CONVOLUTION, 2: DENSE}.get(axes, tuple(range(axes))))


def torch_state(model: keras.Model, module: Callable[[str], str]) -> dict[str, np.ndarray]:
    """Return the weights of ``model`` as PyTorch's ``state_dict`` has them.

    The counters of batches, which Keras does not have, are 0. PyTorch uses them only where a momentum is None.
    """
    state = {}
    for _, parts in _parts(model, module):
        for name, variable, layout in parts:
            state[name] = np.ascontiguousarray(layout.to_torch(keras.ops.convert_to_numpy(variable.value)))
            if name.endswith(".running_var"):
                state[name.replace("running_var", COUNTER)] = np.zeros((), np.int64)
    return state


def _parts(
    model: keras.Model, module: Callable[[str], str]
) -> Iterator[tuple[keras.Layer, list[tuple[str, Any, Layout]]]]:
    """Yield each layer with PyTorch's names of its weights, the variables, and how they lie there."""
    for layer in flat_layers(model):
        variables = weights_in_files(layer)
        if not variables:
            continue
        name = module(layer.name.removeprefix(f"{model.name}_"))
        if is_named(layer, {"BatchNormalization"}):
            names = (f"{name}.{part}" for part in NORMALIZATION)
            yield layer, [(part, variable, Layout(PLAIN)) for part, variable in zip(names, variables, strict=True)]
            continue
        kernel, *bias = variables
        yield (
            layer,
            [
                (f"{name}.weight", kernel, _layout(model, layer)),
                *((f"{name}.bias", each, Layout(PLAIN)) for each in bias),
            ],
        )


def _layout(model: keras.Model, layer: keras.Layer) -> Layout:
    """Return how the kernel of a layer lies in PyTorch."""
    if is_named(layer, {"DepthwiseConv2D"}):
        return Layout(DEPTHWISE)
    if is_named(layer, {"Conv2D"}):
        return Layout(CONVOLUTION)
    if not is_kind(layer, "dense"):
        raise ValueError(f"Weights of a {type(layer).__name__} ('{layer.name}') have no layout in PyTorch known here.")
    return Layout(DENSE, _flattened(model, layer))


def _flattened(model: keras.Model, layer: keras.Layer) -> tuple[int, int, int] | None:
    """Return the shape of the maps that a dense layer takes flattened; None where it takes a vector."""
    made_by = producers(functional(model))
    symbol = layer.input
    while (node := made_by.get(id(symbol))) is not None and is_named(node.operation, {"Dropout"}):
        symbol = node.input_tensors[0]
    if node is None or not is_kind(node.operation, "flatten"):
        return None
    height, width, channels = node.input_tensors[0].shape[1:]
    return height, width, channels
