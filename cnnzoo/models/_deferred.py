"""Initial weights that are drawn only where none are loaded, as drawing takes the memory of several copies."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import keras

from cnnzoo._keras.parameters import flat_layers
from cnnzoo.models.layers import PerChannel

OPTIONS = ("kernel_initializer", "depthwise_initializer")


class DeferredInitializer(keras.initializers.Initializer):  # type: ignore[misc]  # Keras has no types
    """Gives zeros in place of what ``initializer`` draws.

    Copies take as many seeds as copies of ``initializer``, so that what is drawn later has the numbers it always had.
    """

    def __init__(self, initializer: Any) -> None:
        """Keep an initializer of Keras, or its name."""
        self.initializer = initializer

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        """Return zeros."""
        return keras.ops.zeros(shape, dtype)

    def clone(self) -> DeferredInitializer:
        """Return one for another layer, with an initializer of its own."""
        own = keras.initializers.get(self.initializer)
        return DeferredInitializer(own.clone() if isinstance(own, keras.initializers.Initializer) else own)


def draw_where_not_loaded(model: keras.Model, loaded: Collection[int]) -> None:
    """Give the layers of ``model`` their own initializers, and draw the kernels that were not loaded.

    Args:
        model: A network that was built with ``DeferredInitializer``.
        loaded: Identities of the layers whose weights were loaded.
    """
    for layer in flat_layers(model):
        for option in OPTIONS:
            given = getattr(layer, option, None)
            owner, name = (given, "initializer") if isinstance(given, PerChannel) else (layer, option)
            undrawn = getattr(owner, name, None)
            if not isinstance(undrawn, DeferredInitializer):
                continue
            setattr(owner, name, undrawn.initializer)
            if id(layer) not in loaded:
                layer.kernel.assign(getattr(layer, option)(layer.kernel.shape, dtype=layer.kernel.dtype))
