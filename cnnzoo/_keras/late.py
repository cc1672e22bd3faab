"""``keras`` and ``tensorflow``, imported on first use, so that listing the networks does not wait for them."""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

BACKENDS = ("tensorflow", "jax", "torch")  # of Keras


class Late:
    """A stand-in for a module, which is imported when one of its attributes is first used."""

    def __init__(self, name: str) -> None:
        """Create a stand-in for the module ``name``."""
        self._name = name

    def __getattr__(self, name: str) -> Any:
        """Return the attribute ``name`` of the module."""
        return getattr(importlib.import_module(self._name), name)


def has_tensorflow() -> bool:
    """Tell whether TensorFlow is installed, without loading it."""
    return importlib.util.find_spec("tensorflow") is not None


if TYPE_CHECKING:
    import keras as keras
    import tensorflow as tensorflow
else:
    keras = Late("keras")
    tensorflow = Late("tensorflow")
