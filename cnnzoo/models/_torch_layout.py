"""Weights between Keras' layout and PyTorch's: transposed kernels, and rows of the dense layer after a flattening."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import numpy as np

from cnnzoo._keras.graph import functional, producers
from cnnzoo._keras.kinds import is_kind, is_named
from cnnzoo._keras.parameters import flat_layers

NORMALIZATION = ("weight", "bias", "running_mean", "running_var")
COUNTER = "num_batches_tracked"  # PyTorch counts the batches; Keras does not

State = Mapping[str, np.ndarray]


def load_torch(model: keras.Model, state: State, module: Callable[[str], str]) -> None:
    """Fill ``model`` with the weights of the same network in PyTorch.

    Args:
        model: What to fill; images have their channels last.
        state: A ``state_dict`` as NumPy arrays: convolutions of shape (filters, channels / groups, height, width).
        module: What turns the name of a layer into that of PyTorch's module.

    Raises:
        ValueError: An array is missing, left over or of another shape; the message names the first.
    """
    wanted = dict(_pairs(model, module))
    left = [name for name in state if name not in wanted and not name.endswith(COUNTER)]
    missing = [name for name in wanted if name not in state]
    if left or missing:
        names = f"has no '{missing[0]}'" if missing else f"has an unexpected '{left[0]}'"
        raise ValueError(f"These are not the weights of this {model.name}: PyTorch's state {names}.")
    for name, (variable, to_keras, _) in wanted.items():
        values = to_keras(np.asarray(state[name]))
        if values.shape != tuple(variable.shape):
            raise ValueError(
                f"'{name}' must be of the shape {tuple(variable.shape)} in Keras' layout. Received: {values.shape}"
            )
    for name, (variable, to_keras, _) in wanted.items():
        variable.assign(to_keras(np.asarray(state[name])))


def torch_state(model: keras.Model, module: Callable[[str], str]) -> dict[str, np.ndarray]:
    """Return the weights of ``model`` as PyTorch's ``state_dict`` has them; the inverse of ``load_torch``.

    The counters of batches, which Keras does not have, are 0. PyTorch uses them only where a momentum is None.
    """
    state = {}
    for name, (variable, _, to_torch) in _pairs(model, module):
        state[name] = np.ascontiguousarray(to_torch(keras.ops.convert_to_numpy(variable.value)))
        if name.endswith(".running_var"):
            state[name.replace("running_var", COUNTER)] = np.zeros((), np.int64)
    return state


def _pairs(model: keras.Model, module: Callable[[str], str]) -> Iterator[tuple[str, tuple[Any, Any, Any]]]:
    """Yield PyTorch's name of each weight, with the variable, and what changes the layout to Keras' and back."""
    for layer in flat_layers(model):
        if not layer.weights or all("seed" in weight.name for weight in layer.weights):
            continue
        name = module(layer.name.removeprefix(f"{model.name}_"))
        if is_named(layer, {"BatchNormalization"}):
            yield from (
                (f"{name}.{part}", (v, _same, _same)) for part, v in zip(NORMALIZATION, layer.weights, strict=True)
            )
            continue
        kernel, *bias = layer.weights
        yield f"{name}.weight", (kernel, *_turned(model, layer))
        if bias:
            yield f"{name}.bias", (bias[0], _same, _same)


def _turned(model: keras.Model, layer: keras.Layer) -> tuple[Any, Any]:
    """Return what turns a kernel of PyTorch's layout into that of ``layer``, and back."""
    if is_named(layer, {"DepthwiseConv2D"}):
        return _transposing(2, 3, 0, 1)
    if is_named(layer, {"Conv2D"}):
        return _transposing(2, 3, 1, 0)
    if not is_kind(layer, "dense"):
        raise ValueError(f"Weights of a {type(layer).__name__} ('{layer.name}') have no layout in PyTorch known here.")
    shape = _flattened(model, layer)
    if shape is None:
        return _transposing(1, 0)
    height, width, channels = shape

    def to_keras(values: np.ndarray) -> Any:
        units = len(values)
        return values.reshape(units, channels, height, width).transpose(2, 3, 1, 0).reshape(-1, units)

    def to_torch(values: np.ndarray) -> Any:
        units = values.shape[1]
        return values.reshape(height, width, channels, units).transpose(3, 2, 0, 1).reshape(units, -1)

    return to_keras, to_torch


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


def _same(values: np.ndarray) -> np.ndarray:
    return values


def _transposing(*axes: int) -> tuple[Any, Any]:
    return lambda values: values.transpose(axes), lambda values: values.transpose(np.argsort(axes))
