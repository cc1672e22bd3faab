"""What Grad-CAM and occlusion share: checks of images and classes, normalised heat maps."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from cnnzoo._keras.ending import check_classifier, count_classes
from cnnzoo._keras.scale import Scale, check_scale, scale_of
from cnnzoo._support.arguments import shape_fits
from cnnzoo.data.pixels import check_pixels, to_scale

Classes = int | Sequence[int] | np.ndarray | None


def check_images(model: keras.Model, images: np.ndarray, scale: Scale | None) -> np.ndarray:
    """Return ``images`` as float32 in the input range of ``model``, or ``scale`` if that is given.

    Raises:
        ValueError: ``model`` is not an image classifier, ``images`` do not fit it or are not finite, or they are uint8
            and the model's input range is unknown.
    """
    check_classifier(model)
    images = np.asarray(images)
    expected = tuple(model.inputs[0].shape)
    if not shape_fits(expected, images.shape) or not len(images):
        raise ValueError(f"`images` must be of shape (n, *{expected[1:]}), n at least 1. Received: {images.shape}")
    scale = scale_of(model) if scale is None else check_scale(scale)
    check_pixels(images, scale, "images", stacklevel=4)
    if images.dtype == np.uint8 and scale is not None:
        return to_scale(images, scale)
    return images.astype(np.float32)


def check_classes(model: keras.Model, class_index: Classes, count: int) -> np.ndarray | None:
    """Return the requested class for each of ``count`` images; None: the predicted class."""
    if class_index is None:
        return None
    classes = np.asarray(class_index)
    if classes.dtype.kind not in "iu" or classes.shape not in ((), (count,)):
        raise ValueError(
            f"`class_index` must be an integer, or one for each of the {count} images. Received: {class_index!r}"
        )
    num_classes = count_classes(model)
    if classes.min() < 0 or classes.max() >= num_classes:
        raise ValueError(f"`class_index` must lie in [0, {num_classes - 1}]. Received: {class_index!r}")
    return np.broadcast_to(classes, (count,))


def normalized(heat: np.ndarray) -> np.ndarray:
    """Return ``heat`` of shape (n, height, width) clipped at 0, each map divided by its maximum."""
    heat = np.maximum(heat, 0)
    largest = heat.max(axis=(1, 2), keepdims=True)
    quotients: np.ndarray = np.divide(heat, largest, out=np.zeros_like(heat), where=largest > 0)
    return quotients
