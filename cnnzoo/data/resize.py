"""Bilinear resizing of uint8 images into an array that is already there."""

import operator

import keras
import numpy as np

CHUNK = 128  # images resized at a time: bounds the memory beyond the result


def check_image_size(image_size: int | tuple[int, int]) -> tuple[int, int]:
    """Return ``image_size`` as (height, width), each at least 1 pixel, or raise ``ValueError``."""
    sides = tuple(image_size) if isinstance(image_size, tuple | list) else (image_size, image_size)
    try:
        height, width = (operator.index(side) for side in sides if not isinstance(side, bool))
    except (TypeError, ValueError):
        height = width = 0
    if height < 1 or width < 1:
        raise ValueError(
            f"`image_size` must be a side, or (height, width), of at least 1 pixel. Received: image_size={image_size!r}"
        )
    return height, width


def resize_into(resized: np.ndarray, images: np.ndarray) -> None:
    """Scale ``images`` to [0, 1] and resize them, bilinear with half-pixel centres, as ``tf.image.resize`` does.

    Args:
        resized: Result, float32 of shape (n, height, width, channels); filled in place.
        images: uint8 of shape (n, any height, any width, channels).
    """
    size = resized.shape[1:3]
    for start in range(0, len(images), CHUNK):
        scaled = images[start : start + CHUNK].astype(np.float32) / 255
        if scaled.shape[1:3] != size:
            scaled = keras.ops.convert_to_numpy(keras.ops.image.resize(scaled, size, interpolation="bilinear"))
        resized[start : start + CHUNK] = scaled
