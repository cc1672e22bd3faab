"""A network's weights as a page holds them: kernels as 16-bit whole numbers, everything else in full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LARGEST_LEVEL = 32767  # of 16 bits with a sign


@dataclass(frozen=True)
class PackedWeights:
    """Weights as a page holds them.

    Attributes:
        size: How many there are.
        kernels: Of each kernel that is stored as whole numbers: its first position among all weights, its size, and
            its number of maps.
        levels: Kernels as 16-bit whole numbers, one after the other, little-endian. Times its map's scale, each is a
            weight.
        floats: All else, float32, little-endian, in the order of the weights: in a kernel's place, the scales of its
            maps.
    """

    size: int
    kernels: list[list[int]]
    levels: bytes
    floats: bytes


def pack(weights: Sequence[np.ndarray], *, in_full: bool) -> PackedWeights:
    """Return all weights as they are, or kernels in half the space."""
    levels, floats, kernels = [np.zeros(0, np.float32)], [np.zeros(0, np.float32)], []
    first = 0
    for weight in weights:
        if weight.ndim > 1 and not in_full:
            scales, numbers = _in_levels(weight)
            kernels.append([first, weight.size, len(scales)])
            floats.append(scales)
            levels.append(numbers.ravel())
        else:
            floats.append(weight.ravel())
        first += weight.size
    whole, rest = np.concatenate(levels).astype("<i2"), np.concatenate(floats).astype("<f4")
    return PackedWeights(first, kernels, whole.tobytes(), rest.tobytes())


def _in_levels(kernel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a scale for each map, the last axis, and the weights in units of it, rounded to whole numbers.

    float16 would keep 11 bits of each weight; this keeps 16 of each map's largest, and a network's values are ten times
    as close.
    """
    scales = (np.abs(kernel).max(axis=tuple(range(kernel.ndim - 1)), initial=0) / LARGEST_LEVEL).astype(np.float32)
    scales[scales < np.finfo(np.float32).tiny] = 1  # of a map of zeros, or as good as that
    return scales, np.rint(kernel / scales)
