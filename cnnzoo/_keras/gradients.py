"""The gradients of a loss with respect to a network's weights, on any backend of Keras."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import keras
import numpy as np

Loss: TypeAlias = Callable[[Any], Any]  # of what a network returns


Gradients: TypeAlias = Callable[[], tuple[float, list[np.ndarray]]]


def weight_gradients(model: keras.Model, inputs: Sequence[Any], loss: Loss) -> Gradients:
    """Return a function that computes a loss in inference mode, and its gradient for each trainable weight.

    Args:
        model: A Keras model.
        inputs: A batch for each of its inputs.
        loss: A function of what ``model`` returns.

    Returns:
        A function for the weights at the time of its call. It returns the loss, and float32 arrays of the shapes of the
        trainable weights, in their order; zeros where a weight does not reach the loss.
    """
    batch = inputs[0] if len(inputs) == 1 else list(inputs)
    compute = _BACKENDS[keras.config.backend()](model, batch, loss)

    def gradients() -> tuple[float, list[np.ndarray]]:
        value, tensors = compute()
        pairs = zip(model.trainable_variables, tensors, strict=True)
        return float(_array(value)), [
            np.zeros(variable.shape, np.float32) if tensor is None else _array(tensor) for variable, tensor in pairs
        ]

    return gradients


def _array(tensor: Any) -> np.ndarray:
    values: np.ndarray = keras.ops.convert_to_numpy(keras.ops.cast(tensor, "float32"))
    return values


def _values(variables: Sequence[Any]) -> list[Any]:
    return [variable.value for variable in variables]


def _by_tensorflow(model: keras.Model, inputs: Any, loss: Loss) -> Callable[[], tuple[Any, Any]]:
    tensorflow = importlib.import_module("tensorflow")

    def compute() -> tuple[Any, Any]:
        with tensorflow.GradientTape() as tape:
            value = loss(model(inputs, training=False))
        return value, tape.gradient(value, _values(model.trainable_variables))

    return compute


def _by_jax(model: keras.Model, inputs: Any, loss: Loss) -> Callable[[], tuple[Any, Any]]:
    jax = importlib.import_module("jax")

    def value_of(weights: Any, others: Any) -> Any:
        outputs, _ = model.stateless_call(weights, others, inputs, training=False)
        return loss(outputs)

    compiled = jax.jit(jax.value_and_grad(value_of))  # layer by layer it takes longer
    return lambda: compiled(_values(model.trainable_variables), _values(model.non_trainable_variables))


def _by_torch(model: keras.Model, inputs: Any, loss: Loss) -> Callable[[], tuple[Any, Any]]:
    torch = importlib.import_module("torch")

    def compute() -> tuple[Any, Any]:
        with torch.enable_grad():
            value = loss(model(inputs, training=False))
            return value.detach(), torch.autograd.grad(value, _values(model.trainable_variables), allow_unused=True)

    return compute


_BACKENDS = {"tensorflow": _by_tensorflow, "jax": _by_jax, "torch": _by_torch}
