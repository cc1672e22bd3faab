"""The gradients of a loss with respect to a network's weights, on any backend of Keras."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import keras
import numpy as np

Loss: TypeAlias = Callable[[Any], Any]  # of what a network returns


def weight_gradients(model: keras.Model, inputs: Sequence[Any], loss: Loss) -> tuple[float, list[np.ndarray]]:
    """Return the loss in inference mode, and its gradient for each trainable weight, in their order.

    Args:
        model: A Keras model.
        inputs: A batch for each of its inputs.
        loss: A function of what ``model`` returns.

    Returns:
        The loss, and float32 arrays of the weights' shapes; zeros where a weight does not reach the loss.
    """
    value, gradients = _BACKENDS[keras.config.backend()](model, _as_given(inputs), loss)
    arrays = [
        np.zeros(variable.shape, np.float32) if gradient is None else _array(gradient)
        for variable, gradient in zip(model.trainable_variables, gradients, strict=True)
    ]
    return float(_array(value)), arrays


def _as_given(inputs: Sequence[Any]) -> Any:
    return inputs[0] if len(inputs) == 1 else list(inputs)


def _array(tensor: Any) -> np.ndarray:
    values: np.ndarray = keras.ops.convert_to_numpy(keras.ops.cast(tensor, "float32"))
    return values


def _by_tensorflow(model: keras.Model, inputs: Any, loss: Loss) -> tuple[Any, Any]:
    with importlib.import_module("tensorflow").GradientTape() as tape:
        value = loss(model(inputs, training=False))
    return value, tape.gradient(value, [variable.value for variable in model.trainable_variables])


def _by_jax(model: keras.Model, inputs: Any, loss: Loss) -> tuple[Any, Any]:
    jax = importlib.import_module("jax")
    others = [variable.value for variable in model.non_trainable_variables]

    def value_of(weights: Any) -> Any:
        outputs, _ = model.stateless_call(weights, others, inputs, training=False)
        return loss(outputs)

    compiled = jax.jit(jax.value_and_grad(value_of))  # layer by layer it takes longer
    value, gradients = compiled([variable.value for variable in model.trainable_variables])
    return value, gradients


def _by_torch(model: keras.Model, inputs: Any, loss: Loss) -> tuple[Any, Any]:
    torch = importlib.import_module("torch")
    weights = [variable.value for variable in model.trainable_variables]
    with torch.enable_grad():
        value = loss(model(inputs, training=False))
        return value.detach(), torch.autograd.grad(value, weights, allow_unused=True)


_BACKENDS = {"tensorflow": _by_tensorflow, "jax": _by_jax, "torch": _by_torch}
