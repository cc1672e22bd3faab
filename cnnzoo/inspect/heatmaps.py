"""What the ways to ask a network for its evidence have in common: images and classes in, maps of heat out."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from cnnzoo.arguments import shape_fits
from cnnzoo.pretrained.preprocessing import scale_for

Classes = int | Sequence[int] | np.ndarray | None


def check_images(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Return ``images`` as float32 in the range that ``model`` takes.

    Raises:
        ValueError: ``model`` is no classifier of images, or ``images`` do not fit it.
    """
    if len(model.inputs) != 1 or len(model.outputs) != 1 or len(model.input_shape) != 4 or len(model.output_shape) != 2:
        raise ValueError(
            "`model` must take images of shape (n, height, width, channels) and give outputs of shape (n, classes). "
            f"Received: inputs {model.input_shape}, outputs {model.output_shape}"
        )
    images = np.asarray(images)
    if not shape_fits(model.input_shape, images.shape) or not len(images):
        raise ValueError(
            f"`images` must be of shape (n, *{model.input_shape[1:]}), n at least 1. Received: {images.shape}"
        )
    scale = scale_for(model, images.dtype)
    factor = 255 if images.dtype == np.uint8 and scale == "unit" else 1
    floats: np.ndarray = images.astype(np.float32) / np.float32(factor)
    return floats


def check_classes(model: keras.Model, class_index: Classes, count: int) -> np.ndarray | None:
    """Return the class that is asked for of each of ``count`` images; None where it is the predicted one."""
    if class_index is None:
        return None
    classes = np.asarray(class_index)
    if classes.dtype.kind not in "iu" or classes.shape not in ((), (count,)):
        raise ValueError(
            f"`class_index` must be an integer, or one for each of the {count} images. Received: {class_index!r}"
        )
    num_classes = model.output_shape[-1]
    if classes.min() < 0 or classes.max() >= num_classes:
        raise ValueError(f"`class_index` must lie in [0, {num_classes - 1}]. Received: {class_index!r}")
    return np.broadcast_to(classes, (count,))


def normalized(heat: np.ndarray) -> np.ndarray:
    """Return ``heat`` of shape (n, height, width) without what is negative, each map divided by its largest value."""
    heat = np.maximum(heat, 0)
    largest = heat.max(axis=(1, 2), keepdims=True)
    quotients: np.ndarray = np.divide(heat, largest, out=np.zeros_like(heat), where=largest > 0)
    return quotients
