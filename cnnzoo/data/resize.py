"""Bilinear resizing of uint8 images into an existing array."""

import operator
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from cnnzoo.data.split import as_float

# Images resized at a time: fits the processor's cache and bounds the extra memory
CHUNK_BYTES = 4 << 20


def check_image_size(image_size: int | tuple[int, int]) -> tuple[int, int]:
    """Return ``image_size`` as (height, width), each at least 1 pixel, or raise ``ValueError``."""
    sides = tuple(image_size) if isinstance(image_size, tuple | list) else (image_size, image_size)
    try:
        height, width = (operator.index(side) for side in sides if not isinstance(side, bool))
    except (TypeError, ValueError):
        height = width = 0
    if height < 1 or width < 1:
        raise ValueError(
            f"`image_size` must be a side or (height, width), at least 1 pixel. Received: image_size={image_size!r}"
        )
    return height, width


def resize_into(resized: np.ndarray, images: np.ndarray) -> None:
    """Scale ``images`` to [0, 1] and resize them, bilinear with half-pixel centres, as ``tf.image.resize`` does.

    Args:
        resized: Result, float32 of shape (n, height, width, channels); filled in place.
        images: uint8 of shape (n, any height, any width, channels).
    """
    import tensorflow as tf  # on any Keras backend; here, so that listing data sets does not load it

    size = resized.shape[1:3]
    chunk = max(1, CHUNK_BYTES // max(1, resized[:1].nbytes))

    def fill(start: int) -> None:
        part = as_float(images[start : start + chunk])
        if part.shape[1:3] != size:
            part = tf.image.resize(part, size).numpy()
        resized[start : start + chunk] = part

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # one resizes while another copies
        list(pool.map(fill, range(0, len(images), chunk)))
