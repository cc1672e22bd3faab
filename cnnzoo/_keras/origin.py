"""What a network was trained for, beyond what its graph shows: known where this package trained or loaded it."""

from __future__ import annotations

import weakref
import zlib
from typing import NamedTuple

import keras
import numpy as np


class Origin(NamedTuple):
    """What a network was trained for.

    Attributes:
        class_names: Its classes, in the order of their numbers; None for ImageNet's 1,000.
        preparation: How a picture becomes an image for it, as of a ``Classifier``.
        shorter_side: With the preparation "crop", the length to which the shorter side is brought, in pixels; None
            for the usual one of its size.
    """

    class_names: tuple[str, ...] | None
    preparation: str
    shorter_side: int | None = None


_KNOWN: weakref.WeakKeyDictionary[keras.Model, tuple[Origin, int]] = weakref.WeakKeyDictionary()


def note_origin(model: keras.Model, origin: Origin) -> None:
    """Record what ``model``, with the weights that it has now, was trained for."""
    _KNOWN[model] = origin, _mark(model)


def origin_of(model: keras.Model) -> Origin | None:
    """Return what ``model`` was trained for; None if that is unknown, or its weights have changed since."""
    origin, mark = _KNOWN.get(model, (None, 0))
    return origin if origin is not None and mark == _mark(model) else None


def _mark(model: keras.Model) -> int:
    """Return a number that changes with the first or the last weights, one of which any training changes."""
    ends = [*model.weights[:1], *model.weights[-2:]]
    arrays = (np.ascontiguousarray(keras.ops.convert_to_numpy(keras.ops.cast(each, "float32"))) for each in ends)
    return zlib.crc32(b"".join(array.tobytes() for array in arrays))
