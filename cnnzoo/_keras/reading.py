"""What those who write a network down, call by call, read from its layers: for ONNX, and for a page's program."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

LUMA = (0.2989, 0.5870, 0.1140)  # what Keras makes grey of red, green and blue

IMAGES, OUTPUT = "images", "output"  # what a written network calls its input and its output
ONNX_EXPORT = "The ONNX export"  # how a message begins that says what ONNX does not have

IDLE = frozenset(  # in inference
    {
        *("Dropout", "SpatialDropout2D", "AlphaDropout", "GaussianDropout", "GaussianNoise", "StochasticDepth"),
        *("ActivityRegularization", "Identity"),
    }
)


class CannotWriteError(Exception):
    """Why a layer cannot be written down: "it is dilated and padded"; the writer's own error names the layer."""


class UnsupportedError(ValueError):
    """A model, or a layer of it, cannot be written in a format; the message says which layer and why."""


def is_last(axis: Any, shape: Sequence[Any]) -> bool:
    """Tell whether an axis, which counts the batch, is the last of ``shape``, which does not."""
    return axis in (-1, len(shape))


def shape_after(layer: Any, shape: Sequence[int | None]) -> tuple[Any, ...]:
    """Return the shape, without the batch, of what ``layer`` gives for a tensor of ``shape``."""
    return tuple(layer.compute_output_shape((None, *shape)))[1:]


def joined_shape(layer: Any, shapes: Sequence[Sequence[int | None]]) -> tuple[Any, ...]:
    """Return the shape, without the batch, of what ``layer`` joins."""
    return tuple(layer.compute_output_shape([(None, *shape) for shape in shapes]))[1:]


def whole_kernel(layer: Any) -> np.ndarray:
    """Return the kernel of a ``TableConv2D`` with zeros where its table connects no maps."""
    kernel = np.asarray(keras.ops.convert_to_numpy(layer.kernel))
    padded = np.concatenate([kernel, np.zeros((*kernel.shape[:2], 1), kernel.dtype)], axis=-1)
    whole: np.ndarray = np.take(padded, layer.places, axis=-1)
    return whole


def sides_rounded_up(layer: Any, sides: Sequence[int]) -> list[int]:
    """Return the sides of what a ``CeilAveragePooling2D`` gives for maps of these sides."""
    return [-(-max(side - layer.pool_size, 0) // layer.strides) + 1 for side in sides]


def standardization(layer: Any, channels: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the deviation of a ``Normalization``, each one number or one for each channel.

    Raises:
        CannotWriteError: It normalises otherwise.
    """
    mean, variance = (np.asarray(keras.ops.convert_to_numpy(each)) for each in (layer.mean, layer.variance))
    if layer.invert or mean.size not in (1, channels):
        raise CannotWriteError("it normalises other axes than the last, or back")
    return mean, np.maximum(np.sqrt(variance), keras.config.epsilon())
