"""``keras``, imported when it is first used: what only lists networks does not wait for it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any


class Late:
    """Stands for a module, and imports it when an attribute of it is first asked for."""

    def __init__(self, name: str) -> None:
        """Stand for the module called ``name``."""
        self._name = name

    def __getattr__(self, name: str) -> Any:
        """Return what the module has under ``name``."""
        return getattr(importlib.import_module(self._name), name)


if TYPE_CHECKING:
    import keras as keras
else:
    keras = Late("keras")
