"""Copies of layers, including layers that Keras cannot serialize."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import keras

STATELESS = (keras.regularizers.Regularizer, keras.constraints.Constraint)  # may be shared with a copy
INITIALIZER = keras.initializers.Initializer  # draws random numbers: shared only if it cannot be copied


def copy_layer(layer: Any, changes: dict[str, Any], kind: Any = None) -> Any:
    """Return a new layer with the configuration of ``layer``, without its weights.

    Functions (an activation, or that of a ``Lambda``) are reused, so they need not be registered with Keras.

    Args:
        layer: A Keras layer.
        changes: Changes to the configuration.
        kind: The class of the new layer; None: that of ``layer``.

    Raises:
        ValueError: ``layer`` cannot be copied; the message names it and the reason.
    """
    kind = kind or type(layer)
    try:
        if isinstance(layer, keras.layers.Lambda):
            return _copy_lambda(layer, changes)
        config = layer_config(layer)
        own = {name: value for name in config if (value := getattr(layer, name, None)) is not None}
        shared = {
            name: value for name, value in own.items() if inspect.isroutine(value) or isinstance(value, STATELESS)
        }
        try:
            return kind.from_config({**config, **shared, **changes})
        except Exception:  # an initializer unknown to Keras, or a layer as activation in Keras 3.8
            known = {name: value for name, value in own.items() if _is_without_weights(name, value)}
            if not known:
                raise
            return kind.from_config({**config, **shared, **known, **changes})
    except Exception as error:  # a user's layer can raise anything
        reason = " ".join(str(error).split())
        raise ValueError(
            f"Layer '{layer.name}' ({type(layer).__name__}) cannot be copied, but training works on a copy. Add a "
            f"`get_config` that returns all arguments of its `__init__`. {type(error).__name__}: {reason}"
        ) from error


def _is_without_weights(option: str, value: Any) -> bool:
    """Tell whether a copy may share ``value``: an initializer (the copy's weights are set later) or an activation."""
    return isinstance(value, INITIALIZER) or (option == "activation" and not getattr(value, "weights", ()))


def layer_config(layer: keras.Layer) -> dict[str, Any]:
    """Return the configuration of ``layer``, without Keras' warning that a lambda is unsafe to load."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The object being serialized includes a `lambda`")
        config: dict[str, Any] = layer.get_config()
    return config


def _copy_lambda(layer: keras.layers.Lambda, changes: dict[str, Any]) -> keras.layers.Lambda:
    config = {"name": layer.name, "dtype": layer.dtype_policy, "trainable": layer.trainable, **changes}
    shape, mask = layer._output_shape, layer.mask
    return keras.layers.Lambda(layer.function, output_shape=shape, mask=mask, arguments=layer.arguments, **config)


def layers_of_code(model: keras.Model) -> list[str]:
    """Return the names of the layers of ``model`` with functions, which cannot be loaded from a file."""
    return [layer.name for layer in model._flatten_layers() if _holds_function(layer)]


def _holds_function(layer: Any) -> bool:
    activation = getattr(layer, "activation", None)
    is_own = inspect.isfunction(activation) and not activation.__module__.startswith("keras.")
    return is_own or isinstance(layer, keras.layers.Lambda)
