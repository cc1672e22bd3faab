"""``keras``, imported on first use, so that listing the networks does not wait for it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any


class Late:
    """A stand-in for a module, which is imported when one of its attributes is first used."""

    def __init__(self, name: str) -> None:
        """Create a stand-in for the module ``name``."""
        self._name = name

    def __getattr__(self, name: str) -> Any:
        """Return the attribute ``name`` of the module."""
        return getattr(importlib.import_module(self._name), name)


if TYPE_CHECKING:
    import keras as keras
else:
    keras = Late("keras")
