"""Whether a network's weights or layers have changed, without comparing the weights themselves."""

from __future__ import annotations

import importlib
import operator
import weakref
from collections.abc import Callable
from typing import Any

import keras

from cnnzoo._keras.parameters import flat_layers


class WeightMonitor:
    """Knows whether any weight of a model, or any of its layers, has been changed since the monitor was created.

    It holds the arrays of the weights, which costs no memory while they are the same: JAX never changes an array, and
    TensorFlow writes into a new one while somebody holds the old. PyTorch counts the changes of its tensors; only those
    through ``tensor.data`` are not counted. The model itself is not held.
    """

    def __init__(self, model: keras.Model) -> None:
        """Remember ``model`` as it is."""
        self._variables = list(model.variables)
        self._structure = _structure(model)
        self._read = _reader(self._variables)
        self._held = self._read()  # as long as TensorFlow's are held, their addresses are not used again
        self._marks = _marks(self._held)
        self.is_reliable = self._is_same()

    def has_changed(self, model: keras.Model) -> bool:
        """Tell whether ``model``, the same as at the beginning, differs from what it was then."""
        variables = model.variables
        if len(variables) != len(self._variables):
            return True
        if any(one is not other for one, other in zip(variables, self._variables, strict=True)):
            return True
        return not _is_unchanged(self._structure, _structure(model)) or not self._is_same()

    def _is_same(self) -> bool:
        equal = operator.is_ if keras.config.backend() == "jax" else operator.eq
        return all(map(equal, self._marks, _marks(self._read())))


def _reader(variables: list[Any]) -> Callable[[], list[Any]]:
    """Return what reads the arrays of ``variables``, without copies, or of PyTorch their addresses and versions."""
    if keras.config.backend() == "tensorflow":
        tensorflow: Any = importlib.import_module("tensorflow")
        values = [each.value for each in variables]
        # One call for all; concrete, as TensorFlow warns of functions that are made anew again and again
        read: Callable[[], list[Any]] = tensorflow.function(
            lambda: [each.read_value() for each in values], autograph=False
        ).get_concrete_function()
        return read
    if keras.config.backend() == "jax":
        return lambda: [each.value for each in variables]
    return lambda: [(each.value.data_ptr(), each.value._version) for each in variables]


def _marks(read: list[Any]) -> list[Any]:
    """Return what tells a weight that was read from the same weight after a change."""
    if keras.config.backend() == "tensorflow":
        return [tensor._numpy().__array_interface__["data"][0] for tensor in read]  # where its values lie
    return read


def _structure(model: keras.Model) -> list[tuple[weakref.ref[Any], Any]]:
    """Return the layers of ``model`` and their activations, which users replace."""
    return [(weakref.ref(layer), getattr(layer, "activation", None)) for layer in flat_layers(model)]


def _is_unchanged(one: list[tuple[weakref.ref[Any], Any]], other: list[tuple[weakref.ref[Any], Any]]) -> bool:
    if len(one) != len(other):
        return False
    pairs = zip(one, other, strict=True)
    return all(a() is b() and first is second for (a, first), (b, second) in pairs)
