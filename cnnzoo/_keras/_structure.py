"""Whether a model still consists of the same layers, with the same activations."""

from __future__ import annotations

import weakref
from typing import Any

import keras

from cnnzoo._keras.parameters import flat_layers


class Structure:
    """The layers of a model and their activations, which users replace; nothing of the model is held."""

    def __init__(self, model: keras.Model) -> None:
        """Remember ``model`` as it is."""
        self._parts = _parts(model)

    def is_of(self, model: keras.Model) -> bool:
        """Tell whether ``model``, the same as at the beginning, still has these layers and activations."""
        parts = _parts(model)
        return len(parts) == len(self._parts) and all(
            held() is layer() and before is activation
            for (held, before), (layer, activation) in zip(self._parts, parts, strict=True)
        )


def _parts(model: keras.Model) -> list[tuple[weakref.ref[Any], Any]]:
    return [(weakref.ref(layer), getattr(layer, "activation", None)) for layer in flat_layers(model)]
