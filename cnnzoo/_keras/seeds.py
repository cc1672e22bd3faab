"""Setting the global random seeds temporarily."""

from __future__ import annotations

import contextlib
import importlib
import random
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras
import numpy as np

from cnnzoo._keras.late import has_tensorflow

# Set by `keras.utils.set_random_seed` in Keras and in TensorFlow, neither of which has a public way to read it
KERAS_STATE = ("global_random_seed", "global_seed_generator")
TENSORFLOW_STATE = ("_seed", "_rng")


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Set the global seeds of Python, NumPy, Keras and its backend, and restore their states afterwards.

    One state is not restored: the call counts of TensorFlow's random operations with their own seed.
    """
    python, of_numpy = random.getstate(), np.random.get_state()
    with _restored_keras(), _restored_tensorflow(), _restored_torch():
        keras.utils.set_random_seed(seed)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(of_numpy)


@contextlib.contextmanager
def _restored_keras() -> Iterator[None]:
    state = importlib.import_module("keras.src.backend.common.global_state")
    saved = {name: state.get_global_attribute(name) for name in KERAS_STATE}
    state.set_global_attribute("global_seed_generator", None)  # recreated from the seed; older releases would keep it
    try:
        yield
    finally:
        for name, value in saved.items():
            state.set_global_attribute(name, value)


@contextlib.contextmanager
def _restored_tensorflow() -> Iterator[None]:
    """Restore TensorFlow's seed, which Keras sets on every backend where TensorFlow is installed."""
    if not has_tensorflow():
        yield
        return
    context: Any = importlib.import_module("tensorflow.python.eager.context").context()
    saved = {name: value for name, value in vars(context).items() if name in TENSORFLOW_STATE}
    try:
        yield
    finally:
        vars(context).update(saved)
        context.clear_kernel_cache()  # it contains the call counts of the temporary seed


def _restored_torch() -> AbstractContextManager[object]:
    if keras.config.backend() != "torch":
        return nullcontext()
    torch = importlib.import_module("torch")
    forked: AbstractContextManager[object] = torch.random.fork_rng(devices=range(torch.cuda.device_count()))
    return forked
