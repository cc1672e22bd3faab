"""Whether a batch fits into memory: told before the training, since on a CPU TensorFlow dies of it without a word."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import NamedTuple

import keras
import psutil

from cnnzoo._keras.hardware import choose_precision, list_gpus
from cnnzoo._support.wording import memory
from cnnzoo.inspect.layers import layer_table
from cnnzoo.recipes.recipe import Recipe
from cnnzoo.training._distribution import current_team
from cnnzoo.training._loop import is_sized

# What a container may use, in bytes, as Linux says: control groups 2 and 1
LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))

FLOAT32_BYTES = 4
LEAST_COPIES = 1  # of the parameters beside the model's own: those that are trained
MOST_COPIES = 5  # with gradients, Adam's two moments, and what a step adds
MOST_OUTPUTS = 2  # times the outputs of all layers; seen on TensorFlow: 1.05 (VGG19), 1.7 (AlexNet), 1.9 (LeNet-5)


def check_memory(model: keras.Model, recipe: Recipe, images: int) -> str:
    """Compare what a step takes with what this process can have. GPUs are left to the backend, which says what failed.

    Args:
        model: The network before training.
        recipe: How it is to be trained.
        images: How many images there are; a batch has no more.

    Returns:
        A line of warning where the batch may not fit; empty where it should, or where that is not known.

    Raises:
        MemoryError: The whole machine has too little for the batch; the message says what to try.
    """
    if not _on_cpu() or not is_sized(model) or not all(layer.trainable for layer in model.layers):
        return ""
    team, batch_size = current_team(), min(recipe.batch_size, images)
    at_least, at_most = _bytes_of_a_step(model, recipe)
    least, most = (each.of(batch_size / team.processes) for each in (at_least, at_most))
    reachable, whole = reachable_memory(), machine_memory()
    if most <= reachable:
        return ""
    advice = smaller_batch(at_most.images_in(reachable) * team.processes)
    if least > whole:
        raise MemoryError(
            f"A batch of {batch_size:,} images takes at least {memory(least)} of memory, and this machine has "
            f"{memory(whole)}. {advice}"
        )
    return (
        f"memory may run out: a batch of {batch_size:,} images can take {memory(most)}, and {memory(reachable)} can be "
        f"had. If training ends without a word: {advice}"
    )


def _on_cpu() -> bool:
    if keras.config.backend() == "torch":  # for which Keras lists no devices
        return not list_gpus()
    return all(device.startswith("cpu") for device in keras.distribution.list_devices())


class _Bytes(NamedTuple):
    """What a step takes, in bytes: whatever the batch, and for each image of it."""

    fixed: int
    each: float

    def of(self, images: float) -> int:
        """Return what a step with ``images`` takes."""
        return int(self.fixed + self.each * images)

    def images_in(self, free: int) -> int:
        """Return how many images fit into ``free`` bytes."""
        return int(max(0, free - self.fixed) / self.each)


def _bytes_of_a_step(model: keras.Model, recipe: Recipe) -> tuple[_Bytes, _Bytes]:
    """Return what a step takes at least and at most."""
    table = layer_table(model)
    params = table.params * FLOAT32_BYTES
    share = 0.5 if choose_precision(recipe.precision)[0] == "mixed_bfloat16" else 1.0  # of float32's bytes
    kept = sum(row.activation_bytes for row in table.rows if row.params) * share  # until the gradients are there
    outputs = table.activation_bytes * share
    return _Bytes(LEAST_COPIES * params, kept), _Bytes(MOST_COPIES * params, MOST_OUTPUTS * outputs)


def reachable_memory() -> int:
    """Return how many bytes this process can have in all, those that it holds among them: a pool is used again."""
    held = int(psutil.Process().memory_info().rss)
    free = psutil.virtual_memory().available + _swap("free")
    return min([held + free, machine_memory(), *_limits()])  # pages of libraries are both held and free


def machine_memory() -> int:
    """Return how many bytes of memory the machine has, swap included."""
    return int(psutil.virtual_memory().total) + _swap("total")


def _swap(which: str) -> int:
    """Return the bytes of swap; none where the system does not say."""
    with contextlib.suppress(OSError, RuntimeError, RuntimeWarning):
        return int(getattr(psutil.swap_memory(), which))
    return 0


def _limits() -> list[int]:
    """Return the limits of this process' container, if any."""
    limits = []
    for path in LIMITS:
        with contextlib.suppress(OSError, ValueError):  # "max" is none
            limits.append(int(path.read_text(encoding="ascii")))
    return limits


def smaller_batch(most: int) -> str:
    """Return advice for a batch that does not fit: of at most ``most`` images, a power of two where the team is.

    >>> smaller_batch(100)
    'Try `batch_size=64`.'
    """
    power = 1 << (most.bit_length() - 1) if most > 0 else 0
    devices = current_team().devices
    shared = (power // devices or most // devices) * devices
    return f"Try `batch_size={shared}`." if shared else "Try smaller images, or a smaller network."


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether a backend's ``error`` is that memory ran out: each has a type or a word of its own for it."""
    told = f"{type(error).__name__} {error}"
    if any(words in told for words in ("No space left", "quota exceeded")):  # TensorFlow's type for a full disk, too
        return False
    return any(word in told for word in ("ResourceExhausted", "RESOURCE_EXHAUSTED", "OutOfMemory", "MemoryError"))
