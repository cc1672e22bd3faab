"""Whether the weights of a network have changed, without reading all of them."""

from __future__ import annotations

import importlib
from typing import Any

import keras
import numpy as np

SAMPLE = 64  # values of the first and of the last kernel


class Watch:
    """Knows whether any weight of a model has changed since it was created.

    JAX and PyTorch tell by themselves. With TensorFlow, each weight counts the assignments of Python from now on; those
    of functions that TensorFlow has compiled are seen by the steps of the model's optimizer, and by a sample of values.
    """

    def __init__(self, model: keras.Model) -> None:
        """Remember the weights of ``model`` as they are."""
        self._model = model
        self._state = self._now()

    def has_changed(self) -> bool:
        """Tell whether a weight has changed; also where a function that changes them was compiled meanwhile."""
        now = self._now()
        if keras.config.backend() == "jax":
            return any(one is not other for one, other in zip(now, self._state, strict=True))
        return now != self._state or self._is_live()

    def _now(self) -> Any:
        variables = self._model.variables
        if keras.config.backend() == "torch":
            return [(id(each.value), each.value._version) for each in variables]
        if keras.config.backend() == "jax":
            return [each.value for each in variables]  # kept, so that no other gets its identity
        optimizer = getattr(self._model, "optimizer", None)
        steps = int(keras.ops.convert_to_numpy(optimizer.iterations)) if optimizer is not None else 0
        return [_counted(each) for each in variables], steps, self._sample()

    def _sample(self) -> bytes:
        """Return some values of the first and the last weight that can be trained."""
        ends = self._model.trainable_variables[:1] + self._model.trainable_variables[-1:]
        values = (keras.ops.reshape(each, (-1,))[:SAMPLE] for each in ends)
        return b"".join(np.asarray(keras.ops.convert_to_numpy(each)).tobytes() for each in values)

    def _is_live(self) -> bool:
        """Tell whether a compiled function may change a weight at any time."""
        return any(getattr(each, "_is_live", False) for each in self._model.variables)


def _counted(variable: Any) -> int:
    """Return how often Python assigned a value to ``variable`` of TensorFlow, counted from the first call on."""
    if not hasattr(variable, "_assignments"):
        assign = variable._direct_assign

        def counting(value: Any) -> Any:
            variable._assignments += 1
            if not importlib.import_module("tensorflow").executing_eagerly():
                variable._is_live = True
            return assign(value)

        variable._assignments, variable._direct_assign = 0, counting
    count: int = variable._assignments
    return count
