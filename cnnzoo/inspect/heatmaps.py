"""What the ways to ask a network for its evidence have in common: images and classes in, maps of heat out."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from cnnzoo.evaluation import gives_logits
from cnnzoo.pretrained.preprocessing import scale_of

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
    expected = model.input_shape[1:]
    fits = images.ndim == 4 and all(side in (None, came) for side, came in zip(expected, images.shape[1:], strict=True))
    if not fits or not len(images):
        raise ValueError(f"`images` must be of shape (n, *{expected}), n at least 1. Received: {images.shape}")
    scale = scale_of(model)
    if images.dtype == np.uint8 and scale is None:
        raise ValueError("`model` is without its preprocessing, and takes no plain images: load it with it.")
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


def as_scores(model: keras.Model, outputs: np.ndarray) -> np.ndarray:
    """Return what ``model`` gives as logits, or as logarithms of probabilities."""
    scores: np.ndarray = outputs if gives_logits(model) else np.log(np.clip(outputs, 1e-30, None))
    return scores


def normalized(heat: np.ndarray) -> np.ndarray:
    """Return ``heat`` of shape (n, height, width) without what is negative, each map divided by its largest value."""
    heat = np.maximum(heat, 0)
    largest = heat.max(axis=(1, 2), keepdims=True)
    quotients: np.ndarray = np.divide(heat, largest, out=np.zeros_like(heat), where=largest > 0)
    return quotients


def resized(heat: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return ``heat`` of shape (n, height, width) enlarged to ``size``, bilinearly."""
    enlarged = keras.ops.image.resize(heat[..., None], size, data_format="channels_last")
    pixels: np.ndarray = keras.ops.convert_to_numpy(enlarged)[..., 0]
    return pixels
