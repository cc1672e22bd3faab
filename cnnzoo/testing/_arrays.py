"""What networks are given, and how far what they give is from what it should be."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

FLOAT32 = 1e-4  # of the largest value, between two ways to compute the same in float32
HALF = 0.2  # the same where layers compute in 16 bits


def outputs_of(model: keras.Model, inputs: Sequence[np.ndarray], *, training: bool = False) -> list[np.ndarray]:
    """Return what ``model`` gives, in float32, for a batch for each of its inputs."""
    given = model(inputs[0] if len(inputs) == 1 else list(inputs), training=training)
    return as_arrays(given)


def as_arrays(outputs: Any) -> list[np.ndarray]:
    """Return what a network gave, a tensor or several in any structure, as float32 arrays."""
    return [
        np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(each, "float32"))) for each in keras.tree.flatten(outputs)
    ]


@contextlib.contextmanager
def dtype_policy(name: str) -> Iterator[None]:
    """Build layers with another dtype policy."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
